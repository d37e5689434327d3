/* SPDX-License-Identifier: MIT */
#include "store/deflate.h"

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight bytes are written as one word");

enum { CHUNK = 8, LONGEST = 258 }; /* of a match; the longest has a symbol of its own */
enum { END = 256, CODES = 286, DISTANCES = 2, LENGTHS = 19 };
enum { LONG_CODE = 15, LONG_LENGTH = 7 }; /* bits at most of a code, and of a code for lengths */

typedef struct huffman {
  uint32_t count[CODES];
  uint8_t bits[CODES];
  uint16_t code[CODES]; /* as it is written: first bit lowest */
} huffman;

/* ---- Codes ---------------------------------------------------------------------------------------------------- */

/* Depths of the leaves of a Huffman tree over n >= 2 counts above 0, ascending. In place, Moffat and Katajainen, "In-
 * place calculation of minimum-redundancy codes" (1995): counts become sums and parents, parents depths. */
static void depths(uint32_t *a, int n) {
  int leaf = 0, root = 0, next;
  for (next = 0; next < n - 1; next++) {
    uint32_t sum = 0;
    for (int k = 0; k < 2; k++) {
      if (leaf >= n || (root < next && a[root] < a[leaf])) {
        sum += a[root];
        a[root++] = (uint32_t)next;
      } else {
        sum += a[leaf++];
      }
    }
    a[next] = sum;
  }
  a[n - 2] = 0;
  for (next = n - 3; next >= 0; next--) a[next] = a[a[next]] + 1;
  int free = 1, used = 0, depth = 0;
  root = n - 2;
  next = n - 1;
  while (free > 0) {
    while (root >= 0 && a[root] == (uint32_t)depth) used++, root--;
    while (free > used) a[next--] = (uint32_t)depth, free--;
    free = 2 * used;
    depth++;
    used = 0;
  }
}

/* Bits of each symbol that is used, at most `most`: counts are halved until that holds. Fewer than two symbols get one
 * bit each. */
static void set_bits(huffman *h, int symbols, uint32_t most) {
  uint16_t order[CODES];
  uint32_t work[CODES];
  int n = 0;
  for (int s = 0; s < symbols; s++) {
    h->bits[s] = 0;
    if (h->count[s] == 0) continue;
    int at = n++; /* by count, then symbol */
    for (; at > 0 && h->count[order[at - 1]] > h->count[s]; at--) order[at] = order[at - 1];
    order[at] = (uint16_t)s;
  }
  for (int shift = 0;; shift++) {
    for (int i = 0; i < n; i++) work[i] = (h->count[order[i]] >> shift) + (shift > 0);
    if (n >= 2) depths(work, n);
    if (n < 2 || work[0] <= most) break;
  }
  for (int i = 0; i < n; i++) h->bits[order[i]] = n < 2 ? 1 : (uint8_t)work[i];
}

static void set_codes(huffman *h, int symbols) {
  uint32_t used[LONG_CODE + 1] = {0}, next[LONG_CODE + 2] = {0};
  for (int s = 0; s < symbols; s++) used[h->bits[s]]++;
  used[0] = 0;
  for (int b = 1; b <= LONG_CODE; b++) next[b + 1] = (next[b] + used[b]) << 1;
  for (int s = 0; s < symbols; s++) {
    uint32_t code = h->bits[s] ? next[h->bits[s]]++ : 0, turned = 0;
    for (int b = 0; b < h->bits[s]; b++) turned |= (code >> b & 1) << (h->bits[s] - 1 - b);
    h->code[s] = (uint16_t)turned;
  }
}

/* ---- Bits out ------------------------------------------------------------------------------------------------- */

typedef struct bits {
  uint64_t word; /* not yet at `at`, lowest first */
  int count;
  unsigned char *at;
} bits;

static void put(bits *b, uint32_t value, int count) {
  b->word |= (uint64_t)value << b->count;
  b->count += count;
}

/* Whole bytes go out; eight are touched. */
static void drain(bits *b) {
  memcpy(b->at, &b->word, sizeof b->word);
  b->at += b->count >> 3;
  b->word >>= b->count & ~7;
  b->count &= 7;
}

/* ---- Matches -------------------------------------------------------------------------------------------------- */

/* Symbol and number of further bits of a length (RFC 1951, 3.2.5). */
static int length_symbol(uint32_t length, int *more) {
  uint32_t l = length - 3;
  if (length == LONGEST) return *more = 0, 285;
  *more = l < 8 ? 0 : 29 - __builtin_clz(l);
  return 257 + 4 * *more + (int)(l >> *more);
}

/* Bytes from `at` that repeat the one before: chunks, or the longest match. */
static uint32_t run_length(const unsigned char *bytes, size_t n, size_t at) {
  if (at == 0 || n - at < CHUNK) return 0;
  const uint64_t all = UINT64_C(0x0101010101010101) * bytes[at - 1];
  uint32_t length = 0;
  for (uint64_t word; length < LONGEST && n - at - length >= CHUNK; length += CHUNK) {
    memcpy(&word, bytes + at + length, CHUNK);
    if (word != all) break;
  }
  return length < LONGEST ? length : LONGEST;
}

static void count_symbols(const unsigned char *bytes, size_t n, huffman *h) {
  uint32_t count[4][256] = {{0}}; /* four, so that equal bytes in a row need not wait for each other */
  int more;
  memset(h->count, 0, sizeof h->count);
  for (size_t i = 0; i < n;) {
    uint32_t run = run_length(bytes, n, i);
    if (run > 0) {
      h->count[length_symbol(run, &more)]++;
      i += run;
    } else {
      size_t some = n - i < CHUNK ? n - i : CHUNK;
      if (some == CHUNK) /* unrolled */
        for (int k = 0; k < CHUNK; k++) count[k & 3][bytes[i + (size_t)k]]++;
      else
        for (size_t k = 0; k < some; k++) count[0][bytes[i + k]]++;
      i += some;
    }
  }
  for (int s = 0; s < 256; s++) h->count[s] = count[0][s] + count[1][s] + count[2][s] + count[3][s];
  h->count[END] = 1;
}

static void put_symbols(const unsigned char *bytes, size_t n, const huffman *h, bits *out) {
  uint32_t packed[256]; /* code and bits in one load */
  for (int s = 0; s < 256; s++) packed[s] = (uint32_t)h->code[s] | (uint32_t)h->bits[s] << 16;
  for (size_t i = 0; i < n;) {
    uint32_t run = run_length(bytes, n, i);
    if (run > 0) {
      int more, symbol = length_symbol(run, &more);
      put(out, h->code[symbol], h->bits[symbol]);
      put(out, (run - 3) & ((1u << more) - 1), more);
      put(out, 0, 1); /* the distance: 1 */
      drain(out);
      i += run;
      continue;
    }
    size_t some = n - i < CHUNK ? n - i : CHUNK;
    for (size_t k = 0; k < some; k++) {
      uint32_t p = packed[bytes[i + k]];
      put(out, p & 0xFFFF, (int)(p >> 16));
      if (k % 3 == 2) drain(out); /* 7 + 3 x 15 bits fit */
    }
    drain(out);
    i += some;
  }
  put(out, h->code[END], h->bits[END]);
  drain(out);
}

/* ---- The stream ------------------------------------------------------------------------------------------------ */

/* Lengths of all codes, runs of zeros in short: symbols 0..15, 17 and 18 with their further bits. */
typedef struct table {
  int count, symbols; /* symbols: of the literals and lengths that are listed */
  uint8_t symbol[CODES + DISTANCES], more[CODES + DISTANCES];
  huffman code;
} table;

static void make_table(const huffman *h, table *t) {
  uint8_t bits_of[CODES + DISTANCES];
  t->symbols = CODES;
  while (h->bits[t->symbols - 1] == 0) t->symbols--; /* END is there */
  memcpy(bits_of, h->bits, (size_t)t->symbols);
  memset(bits_of + t->symbols, 1, DISTANCES); /* two of one bit each: a complete code, of which the first is used */
  t->count = 0;
  memset(t->code.count, 0, sizeof t->code.count);
  for (int i = 0, all = t->symbols + DISTANCES; i < all;) {
    int zeros = 0;
    while (i + zeros < all && zeros < 138 && bits_of[i + zeros] == 0) zeros++;
    int symbol = zeros >= 11 ? 18 : zeros >= 3 ? 17 : bits_of[i];
    t->symbol[t->count] = (uint8_t)symbol;
    t->more[t->count++] = (uint8_t)(symbol == 18 ? zeros - 11 : symbol == 17 ? zeros - 3 : 0);
    t->code.count[symbol]++;
    i += symbol >= 17 ? zeros : 1;
  }
  set_bits(&t->code, LENGTHS, LONG_LENGTH);
  set_codes(&t->code, LENGTHS);
}

static const uint8_t length_order[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static int listed(const table *t) {
  int n = LENGTHS;
  while (n > 4 && t->code.bits[length_order[n - 1]] == 0) n--;
  return n;
}

static int more_bits(int symbol) { return symbol == 18 ? 7 : symbol == 17 ? 3 : 0; }

static uint64_t size_in_bits(const huffman *h, const table *t) {
  uint64_t size = 3 + 5 + 5 + 4 + 3 * (uint64_t)listed(t);
  for (int i = 0; i < t->count; i++) size += (uint64_t)(t->code.bits[t->symbol[i]] + more_bits(t->symbol[i]));
  for (int s = 0; s < CODES; s++) {
    int more = s < 265 || s == 285 ? 0 : (s - 261) / 4; /* of a length, and one for the distance */
    size += (uint64_t)h->count[s] * (uint64_t)(h->bits[s] + more + (s > END));
  }
  return size;
}

size_t bzdi_deflate_plane(const unsigned char *bytes, size_t n, unsigned char *out, size_t most) {
  huffman h;
  table t;
  count_symbols(bytes, n, &h);
  set_bits(&h, CODES, LONG_CODE);
  make_table(&h, &t);
  uint64_t size = (size_in_bits(&h, &t) + 7) / 8;
  if (size > most) return 0;
  set_codes(&h, CODES);
  bits b = {.at = out};
  put(&b, 1 | 2 << 1, 3); /* the last block, with codes of its own */
  put(&b, (uint32_t)(t.symbols - 257), 5);
  put(&b, DISTANCES - 1, 5);
  put(&b, (uint32_t)(listed(&t) - 4), 4);
  drain(&b);
  for (int i = 0; i < listed(&t); i++, drain(&b)) put(&b, t.code.bits[length_order[i]], 3);
  for (int i = 0; i < t.count; i++, drain(&b)) {
    put(&b, t.code.code[t.symbol[i]], t.code.bits[t.symbol[i]]);
    put(&b, t.more[i], more_bits(t.symbol[i]));
  }
  put_symbols(bytes, n, &h, &b);
  return (size_t)(b.at - out) + (b.count > 0);
}
