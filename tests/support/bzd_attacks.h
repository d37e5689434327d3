/* SPDX-License-Identifier: MIT */
/* Hostile files whose checksums are right: every integer field set to hostile numbers, key-values and tensors changed,
 * sections dropped, doubled, swapped, cut and spliced. Each goes to a sink. Include it after bzd_file.h. */
#ifndef TESTS_SUPPORT_BZD_ATTACKS_H
#define TESTS_SUPPORT_BZD_ATTACKS_H

#include <math.h>
#include <stdio.h>

enum { ATTACK_FIELDS, ATTACK_PAIRS, ATTACK_VALUES, ATTACK_TENSORS, ATTACK_SECTIONS, ATTACK_SPLICES, ATTACKS };
static const char *const attack_names[ATTACKS] = {"fields",  "pairs of fields", "key-values",
                                                  "tensors", "sections",        "splices"};

/* what names the attack, for messages. */
typedef void (*attack_sink)(void *user, int group, const char *what, const bytes *file);

typedef struct attacker {
  attack_sink sink;
  void *user;
} attacker;

/* ---- Fields -------------------------------------------------------------------------------------------------- */

typedef struct attack_field {
  size_t at;
  int width;
} attack_field;

typedef struct attack_fields {
  attack_field field[8192];
  int count;
} attack_fields;

static inline void attack_add(attack_fields *fields, size_t at, const char *widths) {
  for (; *widths; widths++) {
    assert_true(fields->count < 8192);
    fields->field[fields->count++] = (attack_field){at, *widths - '0'};
    at += (size_t)(*widths - '0');
  }
}

/* Every integer of the format, reserved ones included. */
static inline void attack_find(const bytes *file, attack_fields *fields) {
  file_map map = file_look(file);
  fields->count = 0;
  attack_add(fields, 8, "22444444444444");
  attack_add(fields, file->size - FILE_TAIL, "88884484444");
  for (int s = 0; s < map.sections; s++) {
    size_t at = map.section[s].at, size = map.section[s].size;
    attack_add(fields, at - 16, "448");
    if (s == FILE_TENS)
      for (size_t i = 0; i < size; i += 128) attack_add(fields, at + i, "44222288888888888844444");
    if (s == FILE_BLKS)
      for (size_t i = 0; i < size; i += 32) attack_add(fields, at + i, "44444444");
    if (s == FILE_META || s == FILE_STAT)
      for (size_t i = 0; i < size;) {
        const unsigned char *head = file->data + at + i;
        attack_add(fields, at + i, "2114");
        i += 8 + file_get(head, 2) + file_get(head + 4, 4);
      }
  }
}

enum { ATTACK_NUMBERS = 30 };

/* At least 20 numbers other than v (of one byte too). */
static inline int attack_numbers(uint64_t v, int width, uint64_t out[ATTACK_NUMBERS]) {
  const uint64_t all[ATTACK_NUMBERS] = {0,
                                        1,
                                        v - 1,
                                        v + 1,
                                        2 * v,
                                        v / 2,
                                        UINT64_MAX,
                                        UINT64_C(1) << 63,
                                        (UINT64_C(1) << 63) - 1,
                                        UINT64_C(1) << 32,
                                        UINT32_MAX,
                                        UINT64_C(1) << 31,
                                        INT32_MAX,
                                        ~v,
                                        2,
                                        64,
                                        128,
                                        UINT64_MAX / 128 + 1,
                                        UINT64_MAX / 32 + 1,
                                        UINT64_C(1) << 62,
                                        0xFFFF,
                                        0x8000,
                                        0x7FFF,
                                        0xFF,
                                        0x80,
                                        0x7F,
                                        8,
                                        9,
                                        UINT64_MAX - 63,
                                        262145};
  const uint64_t mask = width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
  int count = 0;
  for (uint64_t more = 0; more < ATTACK_NUMBERS || count < 20; more++) {
    uint64_t number = (more < ATTACK_NUMBERS ? all[more] : more) & mask;
    int known = number == v;
    for (int i = 0; i < count; i++) known |= out[i] == number;
    if (!known) out[count++] = number;
  }
  return count;
}

static inline void attack_each_field(const attacker *a, bytes *file) {
  static attack_fields fields;
  const file_map map = file_look(file);
  const size_t size = file->size;
  bytes copy = {malloc(size), size, size};
  attack_find(file, &fields);
  for (int f = 0; f < fields.count; f++) {
    const attack_field *field = &fields.field[f];
    uint64_t v = file_get(file->data + field->at, field->width), numbers[ATTACK_NUMBERS];
    int count = attack_numbers(v, field->width, numbers);
    for (int i = 0; i < count; i++) {
      char what[96];
      memcpy(copy.data, file->data, size);
      file_put(copy.data + field->at, field->width, numbers[i]);
      file_repair(&copy, &map);
      snprintf(what, sizeof what, "field of %d bytes at %zu = %llu", field->width, field->at,
               (unsigned long long)numbers[i]);
      a->sink(a->user, ATTACK_FIELDS, what, &copy);
    }
  }
  free(copy.data);
}

/* Products and sums that wrap: two dimensions, or a dimension and the sizes that follow from it, changed together. */
static inline void attack_pairs(const attacker *a, const bytes *file) {
  static const uint64_t pair[][2] = {{UINT64_C(1) << 32, UINT64_C(1) << 32},
                                     {UINT64_C(1) << 63, 2},
                                     {UINT64_C(1) << 62, 4},
                                     {UINT64_MAX, UINT64_MAX},
                                     {UINT64_C(1) << 61, 8},
                                     {UINT64_C(1) << 31, UINT64_C(1) << 31},
                                     {1, UINT64_C(1) << 60},
                                     {UINT64_C(0x5555555555555556), 3},
                                     {0, 0},
                                     {1 << 20, 1 << 20}};
  const file_map map = file_look(file);
  bytes copy = {malloc(file->size), file->size, file->size};
  for (size_t i = 0; i < map.section[FILE_TENS].size; i += 128)
    for (size_t p = 0; p < sizeof pair / sizeof *pair; p++)
      for (int raw = 0; raw < 8; raw++) {
        const size_t record = map.section[FILE_TENS].at + i;
        const uint64_t product = 4 * pair[p][0] * pair[p][1], old = file_get(file->data + record + 96, 8);
        unsigned char *tail = copy.data + file->size - FILE_TAIL;
        char what[96];
        memcpy(copy.data, file->data, file->size);
        file_put(copy.data + record + 14, 2, 2);
        file_put(copy.data + record + 16, 8, pair[p][0]);
        file_put(copy.data + record + 24, 8, pair[p][1]);
        for (int d = 2; d < 8; d++) file_put(copy.data + record + 16 + 8 * d, 8, 0);
        if (raw & 1) file_put(copy.data + record + 96, 8, product);
        if (raw & 2) file_put(copy.data + record + 88, 8, product / FILE_BLOCK + (product % FILE_BLOCK != 0));
        if (raw & 4) file_put(tail + 40, 8, file_get(tail + 40, 8) - old + product);
        file_repair(&copy, &map);
        snprintf(what, sizeof what, "record %zu, pair %zu, %d", i / 128, p, raw);
        a->sink(a->user, ATTACK_PAIRS, what, &copy);
      }
  free(copy.data);
}

/* ---- Key-values ---------------------------------------------------------------------------------------------- */

static inline void attack_made(const attacker *a, int group, const char *what, const file_parts *parts, bytes *out) {
  file_make(parts, 0, out);
  a->sink(a->user, group, what, out);
}

static inline void attack_value(const attacker *a, const file_parts *base, file_parts *copy, int i, bytes *out) {
  static const double reals[] = {0,   -0.0, 1,    -1,   0.5, 2,    1e-300, 5e-324,   1e300,     -1e300,
                                 1e6, 1e7,  1e-6, 1e-7, 3,   1000, 1001,   0.999999, 1.0000001, 1e-30};
  static const char *const texts[] = {"", "x", "mlp", "mlp ", "\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"};
  static const unsigned char room[4096 + 4] = {1, 2, 0, 3};
  static const size_t sizes[] = {0, 1, 7, 8, 9, 31, 32, 33, 255, 256, 257, 4096};
  const file_value *v = &base->value[i];
  unsigned char number[8];
  uint64_t numbers[ATTACK_NUMBERS], old = v->size == 8 ? file_get(v->value, 8) : 1;
  int count = attack_numbers(old, 8, numbers);
  file_value *to = &copy->value[i];
  char what[160];
#define ATTACK_VALUE(kind, index)                                                                                      \
  do {                                                                                                                 \
    snprintf(what, sizeof what, "%s, %s %d", v->key, kind, (int)(index));                                              \
    attack_made(a, ATTACK_VALUES, what, copy, out);                                                                    \
    *to = *v;                                                                                                          \
  } while (0)
  for (uint32_t type = 1; type <= 2; type++)
    for (int k = 0; k <= count; k++) { /* the last: the old number in the other type */
      file_put(number, 8, k < count ? numbers[k] : old);
      to->type = type, to->size = 8, to->value = number;
      ATTACK_VALUE(type == 1 ? "i64" : "u64", k);
    }
  double was = 1;
  if (v->type == 3) memcpy(&was, &old, 8);
  const double more[] = {
      NAN, INFINITY, -INFINITY, -was, 2 * was, was / 2, was + 1, nextafter(was, INFINITY), nextafter(was, -INFINITY)};
  for (size_t k = 0; k < sizeof reals / sizeof *reals + sizeof more / sizeof *more; k++) {
    double real = k < sizeof reals / sizeof *reals ? reals[k] : more[k - sizeof reals / sizeof *reals];
    memcpy(number, &real, 8);
    to->type = 3, to->size = 8, to->value = number;
    ATTACK_VALUE("f64", k);
  }
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
    to->type = 4, to->size = strlen(texts[k]), to->value = (const unsigned char *)texts[k];
    ATTACK_VALUE("text", k);
  }
  for (uint32_t type = 4; type <= 5; type++)
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
      to->type = type, to->size = sizes[k], to->value = room + (k % 2 ? 4 : 0);
      ATTACK_VALUE(type == 4 ? "zeros" : "bytes", k);
    }
  to->flags ^= 1;
  ATTACK_VALUE("flag", 1);
  to->section ^= FILE_META ^ FILE_STAT;
  ATTACK_VALUE("other section", 0);
  to->key[0]++;
  ATTACK_VALUE("renamed", 0);
  strcpy(to->key, "trainer.xxxxxxxxxxxxxxxx");
  ATTACK_VALUE("renamed", 1);
#undef ATTACK_VALUE
  memmove(to, to + 1, (size_t)(base->values - i - 1) * sizeof *to);
  copy->values--;
  attack_made(a, ATTACK_VALUES, "dropped", copy, out);
  *copy = *base;
  memmove(to + 1, to, (size_t)(base->values - i) * sizeof *to);
  copy->values++;
  attack_made(a, ATTACK_VALUES, "doubled", copy, out);
  *copy = *base;
}

/* ---- Tensors ------------------------------------------------------------------------------------------------- */

/* Sizes of the raw bytes as the shape says; data shared, at most the old size is kept. */
static inline void attack_shape(const attacker *a, const file_parts *base, file_parts *copy, int i, bytes *out) {
  const file_tensor *t = &base->tensor[i];
  file_tensor *to = &copy->tensor[i];
  const uint64_t n = t->size / file_element(t->dtype);
  const struct {
    uint32_t ndim;
    uint64_t dims[8];
  } shape[] = {{0, {0}},
               {1, {n}},
               {2, {1, n}},
               {2, {n, 1}},
               {1, {n > 1 ? n - 1 : 1}},
               {2, {t->dims[1] ? t->dims[1] : 1, t->dims[0] ? t->dims[0] : 1}},
               {3, {t->dims[0] ? t->dims[0] : 1, t->dims[1] ? t->dims[1] : 1, t->dims[2] ? t->dims[2] : 1}},
               {8, {n, 1, 1, 1, 1, 1, 1, 1}}};
  for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
    uint64_t count = 1;
    to->ndim = shape[s].ndim;
    memcpy(to->dims, shape[s].dims, sizeof to->dims);
    for (uint32_t d = 0; d < to->ndim; d++) count *= to->dims[d];
    to->size = count * file_element(t->dtype);
    if (to->size <= t->size) attack_made(a, ATTACK_TENSORS, "shape", copy, out);
    *to = *t;
  }
}

static inline void attack_tensor(const attacker *a, const file_parts *base, file_parts *copy, int i, bytes *out) {
  static const uint32_t words[] = {0x7FC00000, 0x7F800000, 0xFF800000, 0x7F7FFFFF,
                                   0xFF7FFFFF, 1,          0x80000000, 0xFFFFFFFF};
  const file_tensor *t = &base->tensor[i];
  file_tensor *to = &copy->tensor[i];
  char what[160];
  snprintf(what, sizeof what, "tensor %s of role %u", t->name, t->role);
  attack_shape(a, base, copy, i, out);
  unsigned char *data = malloc(t->size);
  to->data = data;
  for (size_t w = 0; w < sizeof words / sizeof *words; w++)
    for (int where = 0; where < 3; where++) { /* the first, the last, all */
      memcpy(data, t->data, t->size);
      for (size_t at = 0; at + 4 <= t->size; at += 4)
        if (where == 2 || (where == 0 ? at == 0 : at + 8 > t->size)) file_put(data + at, 4, words[w]);
      attack_made(a, ATTACK_TENSORS, what, copy, out);
    }
  free(data);
  *to = *t;
  for (uint32_t dtype = 1; dtype <= 6; dtype++) {
    if (dtype == t->dtype || t->size % file_element(dtype) != 0) continue;
    to->dtype = dtype;
    to->ndim = 1;
    memset(to->dims, 0, sizeof to->dims);
    to->dims[0] = t->size / file_element(dtype);
    attack_made(a, ATTACK_TENSORS, what, copy, out);
    if (file_element(dtype) == file_element(t->dtype)) {
      *to = *t;
      to->dtype = dtype;
      attack_made(a, ATTACK_TENSORS, what, copy, out);
    }
    *to = *t;
  }
  for (uint32_t role = 1; role <= 6; role++) {
    to->role = role;
    if (role != t->role) attack_made(a, ATTACK_TENSORS, what, copy, out);
  }
  *to = *t;
  to->name[strlen(to->name) - 1]++;
  attack_made(a, ATTACK_TENSORS, what, copy, out);
  *to = *t;
  memmove(to, to + 1, (size_t)(base->tensors - i - 1) * sizeof *to);
  copy->tensors--;
  attack_made(a, ATTACK_TENSORS, what, copy, out);
  *copy = *base;
  memmove(to + 1, to, (size_t)(base->tensors - i) * sizeof *to);
  copy->tensors++;
  attack_made(a, ATTACK_TENSORS, what, copy, out);
  *copy = *base;
  for (int j = i + 1; j < base->tensors; j++) { /* their data, then themselves */
    if (base->tensor[j].size == t->size) {
      to->data = base->tensor[j].data;
      copy->tensor[j].data = t->data;
      attack_made(a, ATTACK_TENSORS, what, copy, out);
    }
    *to = base->tensor[j];
    copy->tensor[j] = *t;
    attack_made(a, ATTACK_TENSORS, what, copy, out);
    *to = *t;
    copy->tensor[j] = base->tensor[j];
  }
}

/* ---- Sections ------------------------------------------------------------------------------------------------ */

/* The sections of list in this order over the blocks of `from`; the numbers of the trailer are from's. */
static inline void attack_index(const attacker *a, int group, const char *what, const bytes *from, int count,
                                const bytes *list, bytes *out) {
  const unsigned char *tail = from->data + from->size - FILE_TAIL;
  out->size = 0;
  bytes_add(out, from->data, file_look(from).index_at);
  for (int i = 0; i < count; i++) bytes_add(out, list[i].data, list[i].size);
  file_tail(out, file_look(from).index_at, file_get(tail + 36, 4), file_get(tail + 40, 8));
  a->sink(a->user, group, what, out);
}

static inline int attack_sections_of(const bytes *file, bytes list[16]) {
  file_map map = file_look(file);
  for (int s = 0; s < map.sections; s++)
    list[s] = (bytes){file->data + map.section[s].at - 16, map.section[s].size + 16, 0};
  return map.sections;
}

static inline void attack_sections(const attacker *a, const bytes *file, bytes *out) {
  static const char *const names[] = {"ABCD", "aBCD", "zzzz", "strs", "STRS", "STRT", "ST\x80S", "1234", "    "};
  bytes list[16], other[16];
  int count = attack_sections_of(file, list);
  char what[64];
  for (int i = 0; i < count; i++) {
    snprintf(what, sizeof what, "section %d", i);
    memcpy(other, list, sizeof list);
    memmove(other + i, other + i + 1, (size_t)(count - i - 1) * sizeof *other);
    attack_index(a, ATTACK_SECTIONS, what, file, count - 1, other, out); /* dropped */
    for (int at = 0; at <= count; at++) {
      memcpy(other, list, sizeof list);
      memmove(other + at + 1, other + at, (size_t)(count - at) * sizeof *other);
      other[at] = list[i];
      attack_index(a, ATTACK_SECTIONS, what, file, count + 1, other, out); /* doubled */
    }
    for (int j = i + 1; j < count; j++) {
      memcpy(other, list, sizeof list);
      other[i] = list[j], other[j] = list[i];
      attack_index(a, ATTACK_SECTIONS, what, file, count, other, out); /* swapped */
    }
    bytes changed = {0};
    memcpy(other, list, sizeof list);
    for (int by = -40; by <= 40; by++) { /* shorter, longer by zeros */
      static const unsigned char zeros[64];
      size_t size = by < 0 && (size_t)-by > list[i].size - 16 ? 16 : list[i].size + (size_t)by;
      changed.size = 0;
      bytes_add(&changed, list[i].data, size < list[i].size ? size : list[i].size);
      if (by > 0) bytes_add(&changed, zeros, (size_t)by);
      file_put(changed.data + 8, 8, changed.size - 16);
      other[i] = changed;
      attack_index(a, ATTACK_SECTIONS, what, file, count, other, out);
    }
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
      changed.size = 0;
      bytes_add(&changed, list[i].data, list[i].size);
      memcpy(changed.data, names[n], 4);
      other[i] = changed;
      attack_index(a, ATTACK_SECTIONS, what, file, count, other, out); /* renamed */
    }
    changed.size = 16;
    file_put(changed.data + 8, 8, 0);
    other[i] = changed;
    attack_index(a, ATTACK_SECTIONS, what, file, count, other, out); /* emptied */
    free(changed.data);
  }
}

/* Any sections of one over the blocks of the other. */
static inline void attack_splice(const attacker *a, const bytes *file, const bytes *with, bytes *out) {
  bytes list[16], other[16], mixed[16];
  int count = attack_sections_of(file, list);
  attack_sections_of(with, other);
  char what[64];
  for (unsigned set = 1; set < 1u << FILE_SECTIONS; set++) {
    memcpy(mixed, list, sizeof list);
    for (int s = 0; s < FILE_SECTIONS; s++)
      if (set >> s & 1) mixed[s] = other[s];
    snprintf(what, sizeof what, "sections %x", set);
    attack_index(a, ATTACK_SPLICES, what, file, count, mixed, out);
    attack_index(a, ATTACK_SPLICES, what, with, FILE_SECTIONS, mixed, out);
  }
}

/* ---- All of it ----------------------------------------------------------------------------------------------- */

static inline void attack_all(const attacker *a, int files, bytes *file) {
  bytes out = {0};
  for (int f = 0; f < files; f++) {
    file_parts *base = file_take(&file[f]), *copy = malloc(sizeof *copy);
    *copy = *base;
    assert_true(base->tensors < FILE_TENSORS && base->values < FILE_VALUES);
    attack_each_field(a, &file[f]);
    attack_pairs(a, &file[f]);
    for (int i = 0; i < base->values; i++) attack_value(a, base, copy, i, &out);
    for (int i = 0; i < base->tensors; i++) attack_tensor(a, base, copy, i, &out);
    attack_sections(a, &file[f], &out);
    for (int g = 0; g < files; g++)
      if (g != f) attack_splice(a, &file[f], &file[g], &out);
    file_parts_free(base);
    free(copy);
  }
  free(out.data);
}

#endif
