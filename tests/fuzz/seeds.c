/* SPDX-License-Identifier: MIT */
/* seeds FOLDER: first inputs for every target into FOLDER/TARGET: files as the library writes them, hand-made ones that
 * it does not write, and for .bzd files each number of the index replaced by hostile ones, of which one is kept for
 * each text of refusal. run.sh --minimise keeps of all this what adds coverage. */
#include "look.h"
#include "repair.h"
#include "store/container.h"

#include <sys/stat.h>
#include <zlib.h>

enum { ROOM = 1 << 18, LONG = 33000 /* more than the limit of an index */ };
static const char *folder;
static int written;
static const char *kind = "seed"; /* "made" ones stay in the corpora, whatever they cover */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) { /* named by the repairing mutator, never called */
  (void)data, (void)most;
  return size;
}

static void put(const char *target, const void *data, size_t size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, target);
  mkdir(path, 0777);
  snprintf(path, sizeof path, "%s/%s/%s-%08x", folder, target, kind, bzdi_crc32(0, data, size));
  written++;
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

/* With the bytes before it that say what the target shall do. */
static void put_after(const char *target, const void *head, size_t head_size, const void *data, size_t size) {
  static unsigned char both[ROOM + 16];
  memcpy(both, head, head_size);
  memcpy(both + head_size, data, size);
  put(target, both, head_size + size);
}

/* The file itself, and with every allocation refused in turn. */
static void put_refused(int how, const void *data, size_t size) {
  static int files;
  if (how < 2 && files++ % 5) return; /* one in five: each is many inputs */
  for (int first = 0; first < 400; first++) {
    unsigned char head[4] = {(unsigned char)how, (unsigned char)first, (unsigned char)(first >> 8), 0};
    static unsigned char both[ROOM + 4];
    memcpy(both, head, 4);
    memcpy(both + 4, data, size);
    put("memory", both, 4 + size);
    if (first > 30) first += 6;
  }
}

/* ---- .bzd ---------------------------------------------------------------------------------------------------- */

static unsigned char file[ROOM];
static size_t size;

static bzd_status append(void *user, const void *data, size_t n) {
  (void)user;
  CHECK(n <= ROOM - size);
  memcpy(file + size, data, n);
  size += n;
  return BZD_OK;
}

static void put_bzd(void) {
  put("load", file, size);
  put("load_repaired", file, size);
  put("index", file, size);
  if (size < 4096) put_refused(0, file, size);
}

/* Texts without their numbers, each once. */
static int is_new(bzd_status status) {
  enum { MOST = 4096 };
  static uint64_t seen[MOST];
  static int count;
  char text[512];
  bzd_last_error(text, sizeof text);
  uint64_t hash = (uint64_t)(int64_t)status;
  for (const char *c = text; status != BZD_OK && *c; c++)
    if (*c < '0' || *c > '9') hash = (hash ^ (uint64_t)*c) * UINT64_C(0x100000001b3);
  for (int i = 0; i < count; i++)
    if (seen[i] == hash) return 0;
  if (count < MOST) seen[count++] = hash;
  return 1;
}

static bzd_status judge(const unsigned char *data, size_t n) {
  bzd_checkpoint *checkpoint;
  bzd_flow *flow = NULL;
  bzd_ensemble *ensemble = NULL;
  bzd_source *source = NULL;
  bzd_trainer *trainer = NULL;
  static bzd_source *base;
  if (!base) base = fuzz_source(NULL);
  bzd_status status = bzd_checkpoint_open_buffer(fuzz_context(), data, n, fuzz_limits(), &checkpoint);
  if (status != BZD_OK) return status;
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  OK(bzd_checkpoint_get_info(checkpoint, &info));
  switch (info.kind) {
  case BZD_CHECKPOINT_FLOW: status = bzd_checkpoint_get_flow(checkpoint, 0, &flow); break;
  case BZD_CHECKPOINT_ENSEMBLE: status = bzd_checkpoint_get_ensemble(checkpoint, &ensemble); break;
  case BZD_CHECKPOINT_TRAINER: status = bzd_checkpoint_get_trainer(checkpoint, base, &trainer); break;
  default: status = bzd_checkpoint_get_source(checkpoint, &source);
  }
  if (status == BZD_OK) status = bzd_checkpoint_verify(checkpoint);
  bzd_flow_destroy(flow);
  bzd_ensemble_destroy(ensemble);
  bzd_source_destroy(source);
  bzd_trainer_destroy(trainer);
  bzd_checkpoint_destroy(checkpoint);
  return status;
}

/* Checksums alone made true, or everything. */
static void attack(void) {
  static const uint64_t values[] = {0, 3, 255, 0x80000000, INT64_MAX, UINT64_MAX};
  static unsigned char bad[ROOM];
  const unsigned checksums =
      SKIP_ENDS | SKIP_SECTIONS | SKIP_NAMES | SKIP_SHAPES | SKIP_BLOCKS | SKIP_DATA | SKIP_ENTRIES | SKIP_TRAILER;
  size_t index = repair_find(file, 64, size, "STRS");
  for (size_t at = 0; at + 8 <= size; at += at == 56 ? index - 56 : 1)
    for (size_t v = 0; v < sizeof values / sizeof *values; v++)
      for (size_t width = 1; width <= 8; width *= 8)
        for (int full = 0; full <= (v == 1); full++) {
          memcpy(bad, file, size);
          for (size_t i = 0; i < width; i++) bad[at + i] = (uint8_t)(values[v] >> 8 * i);
          size_t n = repair(bad, size, sizeof bad, full ? 0 : checksums);
          if (!is_new(judge(bad, n))) continue;
          put("load", bad, n);
          put("index", bad, n);
        }
}

static void save(bzd_checkpoint *checkpoint) {
  OK(bzd_checkpoint_write_buffer(checkpoint, file, sizeof file, &size));
  put_bzd();
  if (size < 6000) attack();
  bzd_checkpoint_destroy(checkpoint);
}

static void checkpoints(void) {
  bzd_checkpoint *checkpoint;
  for (int32_t k = BZD_FLOW_VELOCITY; k <= BZD_FLOW_ENDPOINT; k++) {
    bzd_flow *flow = fuzz_flow(NULL, k, 2, k - 1);
    if (k > 1) OK(bzd_flow_set_metadata(flow, "key", "value"));
    OK(bzd_checkpoint_from_flow(flow, &checkpoint));
    save(checkpoint);
    bzd_flow_destroy(flow);
  }
  for (int32_t rule = BZD_RULE_UNIFORM; rule <= BZD_RULE_VARIANCE; rule++) {
    bzd_ensemble *ensemble =
        fuzz_ensemble(NULL, rule == BZD_RULE_FIXED ? BZD_COMBINE_MIXTURE : BZD_COMBINE_VELOCITY, rule);
    OK(bzd_checkpoint_from_ensemble(ensemble, &checkpoint));
    save(checkpoint);
    bzd_ensemble_destroy(ensemble);
  }
  bzd_source *source = fuzz_source(NULL), *paths, *pool;
  for (int aware = 0; aware < 2; aware++) {
    bzd_trainer *trainer = fuzz_trainer(NULL, source, aware ? BZD_FLOW_CONTROL : BZD_FLOW_VELOCITY, aware);
    OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
    save(checkpoint);
    bzd_trainer_destroy(trainer);
  }
  for (int64_t window = 0; window < 3; window++) {
    OK(bzd_checkpoint_from_paths(source, 3, 5, window, 1, NULL, NULL, &checkpoint));
    save(checkpoint);
  }
  OK(bzd_source_create_callback(NULL, 2, FUZZ_DIM, 2, fuzz_paths, NULL, &paths));
  OK(bzd_source_create_pool(paths, 0, 5, 3, NULL, NULL, &pool));
  OK(bzd_checkpoint_from_source(pool, &checkpoint));
  save(checkpoint);
  bzd_source_destroy(pool);
  bzd_source_destroy(paths);
  bzd_source_destroy(source);
}

/* What no object writes: every type and role, no dimensions and eight, several blocks, every type of value. */
static void stores(void) {
  static const int64_t eight[8] = {1, 2, 1, 2, 1, 1, 2, 1}, large[2] = {70000, 2};
  static const unsigned char zeros[560000];
  bzdi_store *store;
  bzdi_writer writer = {append, NULL};
  unsigned char numbers[64];
  for (int i = 0; i < 64; i++) numbers[i] = (unsigned char)(37 * i);
  for (int which = 0; which < 3; which++) {
    OK(bzdi_store_new(NULL, &store));
    OK(bzdi_store_set_i64(store, BZDI_META, "kind", 1, BZDI_MODEL));
    for (int32_t dtype = 1; which == 0 && dtype <= BZDI_DTYPE_U8; dtype++) {
      OK(bzdi_store_add(store, "all", dtype, dtype, dtype == 1 ? 0 : 8, eight, numbers));
      OK(bzdi_store_add(store, "zero", dtype, dtype, 8, eight, zeros));
    }
    if (which == 1) OK(bzdi_store_add(store, "large", 1, BZDI_DTYPE_F32, 2, large, zeros));
    OK(bzdi_store_set_u64(store, BZDI_META, "u", UINT64_MAX, 0));
    OK(bzdi_store_set_f64(store, BZDI_META, "f", -0.5, BZDI_MODEL));
    OK(bzdi_store_set_str(store, BZDI_STAT, "s", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80", 0));
    OK(bzdi_store_set_bytes(store, BZDI_STAT, "b", numbers, 40, BZDI_MODEL));
    size = 0;
    OK(bzdi_store_write(store, &writer));
    put_bzd();
    if (size < 6000) attack();
    bzdi_store_free(store);
  }
  /* Ancillary sections: one, two, two that do not ascend, 65, a critical one, one without a name. */
  static const char *const names[] = {"abcd", "abcd efgh", "efgh abcd", "Abcd", "ab!d", ""};
  unsigned char tail[64];
  memcpy(tail, file + size - 64, 64);
  size_t plain = size - 64;
  for (size_t which = 0; which < sizeof names / sizeof *names; which++) {
    char many[65 * 5 + 1] = "";
    for (int i = 0; i < 65; i++) snprintf(many + 5 * i, 6, "aa%c%c ", 'a' + i / 26, 'a' + i % 26);
    const char *list = names[which][0] ? names[which] : many;
    size = plain;
    for (size_t i = 0; i + 4 <= strlen(list); i += 5) {
      unsigned char head[18] = {0};
      memcpy(head, list + i, 4);
      bzdi_put64(head + 8, i % 3);
      append(NULL, head, 16 + i % 3);
    }
    append(NULL, tail, 64);
    size = repair(file, size, sizeof file, 0);
    put_bzd();
  }
  for (size_t cut = 0; cut < 200; cut += 9) put("load", file, cut);
}

/* ---- Tensor files -------------------------------------------------------------------------------------------- */

static void put_tensors(const char *target, const void *data, size_t n) {
  put(target, data, n);
  if (n < 3000 && *kind == 's') put_refused(1, data, n);
}

static void tensor_files(void) {
  static const char *const targets[] = {"", "safetensors", "npy", "npz", "", "npz"};
  static const char *const dtypes[] = {"bool", "u8",  "i8",  "u16", "i16", "f16", "bf16",
                                       "u32",  "i32", "f32", "u64", "i64", "f64"};
  static const int64_t shape[3] = {2, 1, 3};
  static const unsigned char numbers[64] = {1, 0, 0x3C, 0xFF, 0x7F, 0x80};
  bzd_tensors *tensors;
  for (int which = 0; which < 16; which++) {
    OK(bzd_tensors_create(NULL, &tensors));
    if (which < 13) OK(bzd_tensors_add(tensors, "arr_0", dtypes[which], which % 4, shape, numbers));
    for (int i = 0; which == 13 && i < 13; i++)
      if (i != 6) OK(bzd_tensors_add(tensors, dtypes[i], dtypes[i], 3, shape, numbers));
    if (which == 14) {
      bzd_tensors_destroy(tensors);
      bzd_flow *flow = fuzz_flow(NULL, BZD_FLOW_CONTROL, 2, 1);
      OK(bzd_flow_set_metadata(flow, "key", "\"\\\n\x01\xC3\xA4"));
      OK(bzd_tensors_from_flow(flow, &tensors));
      bzd_flow_destroy(flow);
    }
    if (which == 12) OK(bzd_tensors_set_text(tensors, "k\xC3\xA4y", "v"));
    for (int32_t format = 1; format <= 5; format++) {
      if (format == BZD_FORMAT_IDX) continue;
      if (bzd_tensors_write_buffer(tensors, file, sizeof file, &size, format) == BZD_OK)
        put_tensors(targets[format], file, size);
    }
    bzd_tensors_destroy(tensors);
  }
}

static void npy(const char *version, const char *header, size_t data) {
  static unsigned char bytes[LONG + 100] = "\x93NUMPY";
  size_t length = strlen(header), at = version[0] == 1 ? 10 : 12;
  bytes[6] = (unsigned char)version[0], bytes[7] = 0;
  bzdi_put32(bytes + 8, (uint32_t)length);
  memcpy(bytes + at, header, length);
  memset(bytes + at + length, 7, data);
  put_tensors("npy", bytes, at + length + data);
}

static void json(const char *header, size_t data) {
  static unsigned char bytes[LONG + 100];
  size_t length = strlen(header);
  memset(bytes, 0, sizeof bytes);
  bzdi_put64(bytes, length);
  memcpy(bytes + 8, header, length);
  put_tensors("safetensors", bytes, 8 + length + data);
}

/* told: its raw length, in the last four bytes. */
static void gzipped(const void *head, size_t head_size, const unsigned char *raw, size_t n, size_t told) {
  unsigned char bytes[600];
  z_stream z = {0};
  memcpy(bytes, head, head_size);
  CHECK(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  z.next_in = (unsigned char *)(uintptr_t)raw, z.avail_in = (uInt)n;
  z.next_out = bytes + head_size, z.avail_out = 500;
  CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
  size_t end = head_size + 500 - z.avail_out;
  deflateEnd(&z);
  bzdi_put32(bytes + end, bzdi_crc32(0, raw, n));
  bzdi_put32(bytes + end + 4, (uint32_t)told);
  put_tensors("idx", bytes, end + 8);
}

static void hand_made(void) {
  npy("\1", "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }     \n", 24);
  npy("\2", "{\"descr\": '<i8', 'fortran_order': False, 'shape': (), }\n", 8);
  npy("\3", "{'shape': (2,), 'descr': '|b1', 'fortran_order': False}  \n", 2);
  npy("\1", "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", 2);
  npy("\1", "{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }\n", 16);
  npy("\1", "{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }\n", 24);
  npy("\1", "{'descr': '|V3', 'fortran_order': False, 'shape': (2,), }\n", 6);
  npy("\1", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }\n", 8);
  npy("\1", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n", 4);
  npy("\1", "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 0, 99999999999999999999), }\n", 0);
  npy("\1", "{'descr': '>f8', 'fortran_order': True, 'shape': (4611686018427387904, 4), }\n", 0);
  npy("\1", "{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3, 2), 'descr': 1}\n", 24);
  npy("\1", "{'descr': '>u2', 'fortran_order': True, 'shape': (2), }\n", 4);
  npy("\1", "{'descr': '>u2', 'fortran_order': True, }\n", 4);
  npy("\4", "{}\n", 0);
  json("{}", 0);
  json("{\"__metadata__\":{\"a\\u00e4\\ud83d\\ude00\\n\\\"\":\"b\"},\"t\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_"
       "offsets\":[0,8]}}   ",
       8);
  json("{ \"t\" : { \"shape\":[ ] , \"dtype\":\"I64\", \"data_offsets\":[0,8]} , "
       "\"u\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]}}",
       8);
  json("{\"t\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
  json("{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_"
       "offsets\":[1,2]}}",
       2);
  json("{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"dtype\":\"U8\"}}", 1);
  json("{\"t\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1);
  json("{\"t\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1);
  json("{\"t\":{\"dtype\":\"U8\",\"shape\":[01],\"data_offsets\":[0,1.5]}}", 1);
  json("{\"__metadata__\":{\"a\":\"\\ud800\"},\"__metadata__\":{}}", 0);
  json("{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0);
  json("{\"bezdist\":{}}", 0);
  json("{\"__metadata__\":{\"bezdist\":\"{}\"}}", 0);
  static const unsigned char types[] = {8, 9, 0x0B, 0x0C, 0x0D, 0x0E, 0x0A}, sizes[] = {1, 1, 2, 4, 4, 8, 1};
  for (size_t i = 0; i < sizeof types; i++)
    for (unsigned char ndim = 0; ndim < 10; ndim = (unsigned char)(ndim + i % 3 + 1)) {
      static const unsigned char full[] = {0x1F, 0x8B, 8, 30, 0, 0, 0, 0, 0, 3, 2, 0, 'x', 'y', 'n', 0, 'c', 0};
      unsigned char raw[256] = {0, 0, types[i], ndim}, head[20];
      for (int k = 0; k < ndim; k++) raw[4 + 4 * k + 3] = k == 0 ? 3 : 1;
      size_t n = 4u + 4u * ndim + (ndim ? 3u : 1u) * sizes[i];
      put_tensors("idx", raw, n);
      gzipped("\x1F\x8B\x08\0\0\0\0\0\0\3", 10, raw, n, n);
      memcpy(head, full, sizeof full);
      bzdi_put16(head + sizeof full, bzdi_crc32(0, full, sizeof full) & 0xFFFF);
      gzipped(head, 20, raw, n, n);
      head[19] ^= 1;
      gzipped(head, 20, raw, n, n);
      gzipped("\x1F\x8B\x07\0\0\0\0\0\0\3", 10, raw, n, n);
      gzipped("\x1F\x8B\x08\x80\0\0\0\0\0\3", 10, raw, n, n);
    }
  /* More than deflate can make of so few bytes. */
  static const unsigned char large[] = {0, 0, 8, 1, 0, 1, 0x86, 0xA0};
  gzipped("\x1F\x8B\x08\0\0\0\0\0\0\3", 10, large, sizeof large, 8 + 100000);
  /* A zip64 member, wide in both headers; then with a data descriptor's flag. */
  for (unsigned char flags = 0; flags < 12; flags += 8) {
    static const char name[] = "a.npy",
                      array[] = "\x93NUMPY\1\0\x3c\0{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }   \n\7";
    unsigned char zip[400] = {0}, *at = zip;
    const uint32_t raw = sizeof array - 1, crc = bzdi_crc32(0, array, raw);
    bzdi_put32(at, BZDI_HEAD_BYTES ? 0x04034b50u : 0), bzdi_put16(at + 4, 45), bzdi_put16(at + 6, flags);
    bzdi_put32(at + 14, flags ? 0 : crc), bzdi_put32(at + 18, UINT32_MAX), bzdi_put32(at + 22, UINT32_MAX);
    bzdi_put16(at + 26, 5), bzdi_put16(at + 28, 20), memcpy(at + 30, name, 5), at += 35;
    bzdi_put16(at, 1), bzdi_put16(at + 2, 16), bzdi_put64(at + 4, flags ? 0 : raw),
        bzdi_put64(at + 12, flags ? 0 : raw);
    memcpy(at + 20, array, raw), at += 20 + raw;
    unsigned char *directory = at;
    bzdi_put32(at, 0x02014b50u), bzdi_put16(at + 4, 45), bzdi_put16(at + 6, 45), bzdi_put16(at + 8, flags);
    bzdi_put32(at + 16, crc), bzdi_put32(at + 20, UINT32_MAX), bzdi_put32(at + 24, UINT32_MAX);
    bzdi_put16(at + 28, 5), bzdi_put16(at + 30, 32), bzdi_put16(at + 34, UINT16_MAX), bzdi_put32(at + 42, UINT32_MAX);
    memcpy(at + 46, name, 5), at += 51;
    bzdi_put16(at, 1), bzdi_put16(at + 2, 28), bzdi_put64(at + 4, raw), bzdi_put64(at + 12, raw), at += 32;
    unsigned char *end = at;
    bzdi_put32(at, 0x06064b50u), bzdi_put64(at + 4, 44), bzdi_put64(at + 24, 1), bzdi_put64(at + 32, 1);
    bzdi_put64(at + 40, (uint64_t)(end - directory)), bzdi_put64(at + 48, (uint64_t)(directory - zip)), at += 56;
    bzdi_put32(at, 0x07064b50u), bzdi_put64(at + 8, (uint64_t)(end - zip)), bzdi_put32(at + 16, 1), at += 20;
    bzdi_put32(at, 0x06054b50u), bzdi_put16(at + 8, UINT16_MAX), bzdi_put16(at + 10, UINT16_MAX);
    bzdi_put32(at + 12, UINT32_MAX), bzdi_put32(at + 16, UINT32_MAX), at += 22;
    bzdi_put16(end + 56 + 20 + 8, 1); /* entries on this disk are not widened */
    bzdi_put16(end + 56 + 20 + 10, 1);
    put_tensors("npz", zip, (size_t)(at - zip));
  }
}

/* ---- Programs ------------------------------------------------------------------------------------------------ */

static void programs(void) {
  static const char *const targets[] = {"round_trip", "io", "config", "calls", "block"};
  unsigned char bytes[512];
  uint32_t state = 1;
  for (int i = 0; i < 2000; i++) {
    size_t n = 16 + repair_next(&state) % (sizeof bytes - 16);
    for (size_t k = 0; k < n; k++) bytes[k] = (unsigned char)(repair_next(&state) >> 9 & (i % 2 ? 255 : 63));
    put(targets[i % 5], bytes, n);
  }
  for (int how = 0; how < 64; how++)
    if (how % 4 > 1) put_refused(how, "", 0);
  /* Blocks whose planes are deflated. */
  static const int planes[] = {1, 2, 4};
  for (int p = 0; p < 3; p++)
    for (size_t n = 64; n <= 4096; n *= 4) {
      static unsigned char raw[4096], room[4096], stored[BZDI_STORED];
      uint32_t plane[4];
      for (size_t i = 0; i < n; i++)
        raw[i] = (unsigned char)(i % 4 == 3 ? i / 32 : repair_next(&state) % (i % 2 ? 256 : 2));
      size_t total = bzdi_block_encode(room, planes[p], raw, n, stored, plane);
      unsigned char head[11] = {(unsigned char)(2 * p)};
      bzdi_put16(head + 1, (uint32_t)n - 1);
      for (int k = 0; k < 4; k++)
        bzdi_put16(head + 3 + 2 * k, plane[k] & BZDI_DEFLATED ? (plane[k] & 0x7FFF) | 0x8000 : 0);
      put_after("block", head, sizeof head, stored, total);
    }
}

/* ---- What fuzzing does not find ------------------------------------------------------------------------------ */

/* A name or text that many bytes long, or so many of them. */
static void made_json(void) {
  static char text[LONG + 1];
  static const char *const headers[] = {
      "{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,1]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[18446744073709551616],\"data_offsets\":[0,1]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[9223372036854775808],\"data_offsets\":[0,1]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[4611686018427387904,8],\"data_offsets\":[0,1]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,0]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1e1]}}",
      "{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1E1]}}",
      "{\"\\u1\"}",
      "{\"\\ud800\":",
      "{\"\\ud800\\x0000\":{}}",
      "{\"\\ud800a\\u0000\":{}}",
      "{\"\\udc00\\udc00\":{}}",
      "{\"\\ud800\\u0041\":{}}",
      "{\"\\ud800\\ue000\":{}}",
      "{\"\\uD83D\\uDE00\\uAbCd\":{}}",
      "{\"\\u00g0\":{}}",
      "{\"\xE0\xA0\x80\xED\x80\x80\xEE\x80\x80\xF0\x90\x80\x80\xF4\x80\x80\x80\xF1\x80\x80\x80\":{}}",
      "{\"\xE0\x80\x80\":{}}",
      "{\"\xED\xA0\x80\":{}}",
      "{\"\xF0\x80\x80\x80\":{}}",
      "{\"\xF4\x90\x80\x80\":{}}",
      "{\"\xC1\x80\":{}}",
      "{\"\xF5\x80\x80\x80\":{}}",
      "{\"\xE1\x80",
  };
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) json(headers[i], 1);
  for (int many = 20; many <= 70; many += 50) { /* 20 make lists grow, 70 pass the limit */
    size_t at = (size_t)snprintf(text, sizeof text, "{\"__metadata__\":{");
    for (int i = 0; i < many; i++)
      at += (size_t)snprintf(text + at, sizeof text - at, "%s\"%d\":\"\"", i ? "," : "", i);
    snprintf(text + at, sizeof text - at, "}}");
    json(text, 0);
    at = (size_t)snprintf(text, sizeof text, "{");
    for (int i = 0; i < many; i++)
      at += (size_t)snprintf(text + at, sizeof text - at,
                             "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "", i);
    snprintf(text + at, sizeof text - at, "}");
    json(text, 0);
  }
  memset(text, ' ', LONG);
  memcpy(text, "{}", 2);
  text[LONG] = 0;
  json(text, 0);
}

static void made_npy(void) {
  static char header[LONG + 1];
  npy("\1", "{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }\n", 6);
  npy("\1", "{'descr': '|a3', 'fortran_order': False, 'shape': (2,), }\n", 6);
  npy("\1", "{'descr': '', 'fortran_order': False, 'shape': (2,), }\n", 6);
  npy("\1", "{'descr': 'O', 'fortran_order': False, 'shape': (2,), }\n", 6);
  npy("\1", "{'descr': '=f4', 'fortran_order': False, 'shape': (2,), }\n", 8);
  npy("\1", "{'descr': '|f4', 'fortran_order': False, 'shape': (2,), }\n", 8);
  npy("\1", "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,), }\n", 0);
  npy("\1", "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }\n", 0);
  npy("\1", "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }\n", 0);
  npy("\1", "{'descr': '<f4', 'fortran_order': True, 'shape': (01,), }\n", 4);
  memset(header, ' ', sizeof header - 1);
  npy("\1", header, 0);
}

/* A flow's tensors in another type of numbers. */
static void made_flow(void) {
  static const char *const dtypes[] = {"f16", "bf16", "f64", "i32"};
  static const unsigned char zeros[4096];
  bzd_flow *flow = fuzz_flow(NULL, BZD_FLOW_VELOCITY, 1, 0);
  bzd_tensors *from, *to;
  const char *text;
  OK(bzd_tensors_from_flow(flow, &from));
  OK(bzd_tensors_get_text(from, "bezdist", &text));
  for (int d = 0; d < 4; d++) {
    bzd_tensors_info info = {.struct_size = sizeof info};
    OK(bzd_tensors_create(NULL, &to));
    OK(bzd_tensors_set_text(to, "bezdist", text));
    OK(bzd_tensors_get_info(from, &info));
    for (int64_t i = 0; i < info.count; i++) {
      bzd_tensor_info tensor = {.struct_size = sizeof tensor};
      OK(bzd_tensors_get(from, i, &tensor));
      OK(bzd_tensors_add(to, tensor.name, dtypes[d], tensor.ndim, tensor.shape, zeros));
    }
    OK(bzd_tensors_write_buffer(to, file, sizeof file, &size, BZD_FORMAT_SAFETENSORS));
    put_tensors("safetensors", file, size);
    bzd_tensors_destroy(to);
  }
  bzd_tensors_destroy(from);
  bzd_flow_destroy(flow);
}

static void made_npz(void) {
  static const unsigned char zeros[700000];
  const int64_t large = 175000, one = 1;
  char name[100];
  bzd_tensors *tensors;
  for (int which = 0; which < 5; which++) {
    OK(bzd_tensors_create(NULL, &tensors));
    if (which == 0) OK(bzd_tensors_add(tensors, "large", "f32", 1, &large, zeros));
    for (int i = 0; (which == 1 && i < 20) || (which == 2 && i < 30); i++) {
      snprintf(name, sizeof name, "%d", i);
      OK(bzd_tensors_add(tensors, name, "u8", 1, &one, zeros));
    }
    if (which == 3) OK(bzd_tensors_add(tensors, "__metadata__", "u8", 1, &one, zeros));
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    if (which == 4) OK(bzd_tensors_add(tensors, name, "u8", 1, &one, zeros));
    OK(bzd_tensors_write_buffer(tensors, file, sizeof file, &size, BZD_FORMAT_NPZ_DEFLATED));
    put_tensors("npz", file, size);
    bzd_tensors_destroy(tensors);
  }
  /* One plain member, then numbers of it changed one by one: signs, flags, lengths, offsets in all three records. */
  OK(bzd_tensors_create(NULL, &tensors));
  OK(bzd_tensors_add(tensors, "a", "u8", 1, &one, zeros));
  OK(bzd_tensors_write_buffer(tensors, file, sizeof file, &size, BZD_FORMAT_NPZ));
  bzd_tensors_destroy(tensors);
  static const uint64_t values[] = {0, 1, 8, 0xFF, 0xFFFFFFFF};
  for (size_t at = 0; at + 4 <= size; at += at == 34 ? size - 34 - 22 - 51 : 1)
    for (size_t v = 0; v < 5; v++)
      for (size_t width = 1; width <= 4; width *= 2) {
        static unsigned char bad[ROOM];
        memcpy(bad, file, size);
        for (size_t i = 0; i < width; i++) bad[at + i] = (uint8_t)(values[v] >> 8 * i);
        bzd_status status = bzd_tensors_open_buffer(NULL, bad, size, BZD_FORMAT_NPZ, fuzz_limits(), &tensors);
        if (is_new(status)) put("npz", bad, size);
        bzd_tensors_destroy(tensors);
      }
  memcpy(file + 30, "b.txt", 5); /* in both places */
  memcpy(file + size - 22 - 5, "b.txt", 5);
  put("npz", file, size);
}

/* Parameters kept as bfloat16: of a flow, in part or in a role that may not, of a trainer; with an ancillary section,
 * for which memory is refused. */
static void made_narrow(void) {
  static unsigned char bad[ROOM];
  bzd_checkpoint *checkpoint;
  bzd_source *source = fuzz_source(NULL);
  bzd_flow *flow = fuzz_flow(NULL, BZD_FLOW_CONTROL, 2, 1);
  bzd_trainer *trainer = fuzz_trainer(NULL, source, BZD_FLOW_VELOCITY, 0);
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  OK(bzd_checkpoint_set_storage(checkpoint, BZD_STORAGE_BF16));
  OK(bzd_checkpoint_set_section(checkpoint, "abcd", "bytes", 5));
  OK(bzd_checkpoint_write_buffer(checkpoint, file, sizeof file, &size));
  bzd_checkpoint_destroy(checkpoint);
  put("load", file, size);
  put("load_repaired", file, size);
  put("index", file, size);
  size_t record = repair_find(file, 64, size, "TENS") + 16;
  for (int role = 0; role < 4; role++) {
    memcpy(bad, file, size);
    while (bad[record + 10] == bad[record + 8]) record += BZDI_TENSOR_BYTES;
    bad[record + 12] = (unsigned char)role;
    put("index", bad, repair(bad, size, sizeof bad, 0));
  }
  for (unsigned char first = 0; first < 100; first++) { /* which one asks for the section depends on the rest */
    fuzz_refuse(first, 1);
    bzd_status status = bzd_checkpoint_open_buffer(fuzz_context(), file, size, fuzz_limits(), &checkpoint);
    fuzz_refuse(0, 0);
    bzd_checkpoint_destroy(checkpoint);
    if (status == BZD_E_MEMORY && is_new(status))
      put_after("memory", (unsigned char[4]){0, first, 0, 0}, 4, file, size);
  }
  OK(bzd_checkpoint_from_trainer(trainer, &checkpoint));
  OK(bzd_checkpoint_write_buffer(checkpoint, file, sizeof file, &size));
  bzd_checkpoint_destroy(checkpoint);
  record = repair_find(file, 64, size, "TENS") + 16;
  while (file[record + 12] != BZDI_ROLE_PARAMETER) record += BZDI_TENSOR_BYTES;
  file[record + 10] = BZDI_DTYPE_BF16;
  put("index", file, repair(file, size, sizeof file, 0));
  bzd_trainer_destroy(trainer);
  bzd_flow_destroy(flow);
  bzd_source_destroy(source);
}

/* Offsets that overflow; names that do not follow, in each way; more bytes than the limit. */
static void made_bzd(void) {
  static unsigned char bad[ROOM];
  bzd_checkpoint *checkpoint;
  bzd_flow *flow = fuzz_flow(NULL, BZD_FLOW_VELOCITY, 1, 0);
  OK(bzd_checkpoint_from_flow(flow, &checkpoint));
  OK(bzd_checkpoint_write_buffer(checkpoint, file, sizeof file, &size));
  bzd_checkpoint_destroy(checkpoint);
  bzd_flow_destroy(flow);
  const unsigned checksums =
      SKIP_SECTIONS | SKIP_NAMES | SKIP_SHAPES | SKIP_BLOCKS | SKIP_DATA | SKIP_ENTRIES | SKIP_TRAILER;
  size_t tail = size - 64, record = repair_find(file, 64, size, "TENS") + 16,
         block = repair_find(file, 64, size, "BLKS") + 16;
  const struct {
    size_t at;
    int width;
    uint64_t value;
  } numbers[] = {{tail + 16, 8, UINT64_MAX},
                 {tail + 24, 8, UINT64_MAX - 100},
                 {tail + 24, 8, 1},
                 {tail + 16, 8, 0},
                 {tail + 24, 8, LONG},
                 {tail + 36, 4, 25},
                 {tail + 40, 8, 600001},
                 {tail + 40, 8, 599999},
                 {record, 4, 1},
                 {record + 4, 4, UINT32_MAX},
                 {record + 4, 4, 0},
                 {record + 4, 4, 100000},
                 {record + 16, 8, UINT64_MAX},
                 {record + 16, 8, UINT64_C(1) << 62},
                 {record + 24, 8, 7},
                 {record + 88, 8, 2},
                 {record + 80, 8, 1},
                 {record + 96, 8, 5},
                 {record + 108, 1, 1},
                 {record + 10, 2, 2},
                 {record + 12, 2, 0},
                 {record + 12, 2, 7},
                 {record + 14, 2, 9},
                 {record + 8, 2, 3},
                 {block, 4, 5},
                 {block + 8, 4, 0x80000001},
                 {block + 8, 4, 0x80000000},
                 {block + 8, 4, 0x8000FFFF},
                 {block + 24, 1, 1},
                 {record + 8, 2, 6},
                 {record + 8, 2, 2}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    memcpy(bad, file, size);
    for (int k = 0; k < numbers[i].width; k++) bad[numbers[i].at + (size_t)k] = (uint8_t)(numbers[i].value >> 8 * k);
    put("index", bad, repair(bad, size, sizeof bad, checksums));
  }
  memcpy(bad, file, size);
  bad[record + 104] ^= 1; /* checksum of a tensor */
  put("load", bad, repair(bad, size, sizeof bad, checksums | SKIP_TENSOR_CRC));
  memcpy(bad, file, size);
  bad[64] ^= 1; /* of a block */
  bzdi_put32(bad + tail + 60, bzdi_crc32(0, bad + tail, 60));
  put("load", bad, size);
  /* Five empty sections that promise more than deflate can make of so few bytes. */
  uint8_t *at = bad + 64;
  memcpy(bad, file, size);
  for (int i = 0; i < PARTS; i++, at += 16) memcpy(at, repair_names[i], 4), memset(at + 4, 0, 12);
  memcpy(at, file + tail, 64);
  size_t few = repair(bad, (size_t)(at - bad) + 64, sizeof bad, 0);
  bzdi_put64(at + 40, 600000);
  bzdi_put32(at + 60, bzdi_crc32(0, at, 60));
  put("index", bad, few);
  static const unsigned char refuse[2][4] = {{4, 0, 0, 0}, {4, 1, 0, 0}};
  for (int i = 0; i < 2; i++) put_after("memory", refuse[i], 4, file, size);
  static const unsigned char refuse_tensors[2][4] = {{5, 0, 0, 0}, {5, 1, 0, 0}};
  for (int i = 0; i < 2; i++) put_after("memory", refuse_tensors[i], 4, "\x93NUMPY", 6);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  folder = argv[1];
  mkdir(folder, 0777);
  checkpoints();
  stores();
  tensor_files();
  hand_made();
  programs();
  kind = "made";
  made_json();
  made_npy();
  made_npz();
  made_flow();
  made_bzd();
  made_narrow();
  printf("%d seeds\n", written);
  return 0;
}
