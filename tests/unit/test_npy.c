/* SPDX-License-Identifier: MIT */
/* NPY: bytes as NumPy writes them, both byte orders, both orders of dimensions, and headers that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tensor_bytes.h"

/* Version major.0, the header as it is, size bytes of data. */
static bytes make(int major, const char *header, const void *data, size_t size) {
  bytes b = {NULL, 0, 0};
  bytes_text(&b, "\x93NUMPY");
  bytes_number(&b, (uint64_t)major, 2);
  bytes_number(&b, strlen(header), major == 1 ? 2 : 4);
  bytes_text(&b, header);
  bytes_add(&b, data, size);
  return b;
}

#define D(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static const unsigned char zeros[64];

static void refuses(bzd_status status, const char *words, const char *header, size_t size) {
  bytes b = make(1, header, zeros, size);
  REFUSED(status, words, b, BZDI_FORMAT_NPY);
  bytes_free(&b);
}

static void accepts(int major, const char *header, size_t size) {
  bytes b = make(major, header, zeros, size);
  OK(bytes_judge(NULL, &b, BZDI_FORMAT_NPY));
  bytes_free(&b);
}

static void test_written(void **state) {
  /* numpy.save(numpy.zeros((2, 3), "<f4")), NumPy 1.24. */
  static const char expected[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  static const int64_t shape[2] = {2, 3};
  bzdi_tensors *tensors, *again;
  (void)state;
  OK(bzdi_tensors_new(NULL, &tensors));
  bytes other = {NULL, 0, 0};
  bzdi_writer writer = {bytes_write, &other};
  FAILS(BZD_E_UNSUPPORTED, "not 0", bzdi_tensors_write(tensors, BZDI_FORMAT_NPY, &writer));
  OK(bzdi_tensors_add(tensors, "x", BZDI_EL_F32, 2, shape, zeros));
  bytes b = bytes_of(tensors, BZDI_FORMAT_NPY);
  assert_int_equal(b.size, 128 + 24);
  assert_memory_equal(b.data, "\x93NUMPY\1\0\x76\0", 10);
  assert_memory_equal(b.data + 10, expected, sizeof expected - 1);
  for (size_t i = 10 + sizeof expected - 1; i < 127; i++) assert_int_equal(b.data[i], ' ');
  assert_int_equal(b.data[127], '\n');
  OK(bytes_open(NULL, &b, BZDI_FORMAT_AUTO, NULL, &again));
  assert_string_equal(again->names.name[0], "arr_0");
  bytes once_more = bytes_of(again, BZDI_FORMAT_NPY);
  assert_int_equal(once_more.size, b.size);
  assert_memory_equal(once_more.data, b.data, b.size);
  bytes_free(&once_more);
  bzdi_tensors_free(again);
  OK(bzdi_tensors_set_text(tensors, "k", "v"));
  FAILS(BZD_E_UNSUPPORTED, "texts", bzdi_tensors_write(tensors, BZDI_FORMAT_NPY, &writer));
  OK(bzdi_tensors_set_text(tensors, "k", NULL));
  OK(bzdi_tensors_add(tensors, "y", BZDI_EL_BF16, 0, NULL, zeros));
  FAILS(BZD_E_UNSUPPORTED, "not 2", bzdi_tensors_write(tensors, BZDI_FORMAT_NPY, &writer));
  FAILS(BZD_E_UNSUPPORTED, "bf16", bzdi_tensors_write(tensors, BZDI_FORMAT_NPZ, &writer));
  bzdi_tensors_free(tensors);
  bytes_free(&b);
  bytes_free(&other);
}

static void test_accepted(void **state) {
  (void)state;
  for (int major = 1; major <= 3; major++) accepts(major, D("'<f4'", "False", "(2, 3)"), 24);
  accepts(1, D("'<f4'", "False", "()"), 4);
  accepts(1, D("'<f4'", "True", "(3,)"), 12);
  accepts(1, D("'>f8'", "True", "(3, 2,)"), 48);
  accepts(1, D("'|b1'", "False", "(0, 7)"), 0);
  accepts(1, D("'<u1'", "False", "(1,1,1,1,1,1,1,2)"), 2);
  accepts(1, "{\"shape\":(2,),\"descr\":\"<i2\",\"fortran_order\":False}   \n", 4);
  accepts(1, "{ 'shape' : ( 2 , ) ,\n'descr'\t: '<f2' , 'fortran_order' : True , }\n", 4);
}

static void test_refused(void **state) {
  (void)state;
  refuses(BZD_E_UNSUPPORTED, "pickle", D("'|O'", "False", "(2,)"), 16);
  refuses(BZD_E_UNSUPPORTED, "strings", D("'<U5'", "False", "(2,)"), 40);
  refuses(BZD_E_UNSUPPORTED, "strings", D("'|S5'", "False", "(2,)"), 10);
  refuses(BZD_E_UNSUPPORTED, "records", D("'|V5'", "False", "(2,)"), 10);
  refuses(BZD_E_UNSUPPORTED, "structured", D("[('a', '<f4')]", "False", "(2,)"), 8);
  refuses(BZD_E_UNSUPPORTED, "complex", D("'<c8'", "False", "(2,)"), 16);
  refuses(BZD_E_UNSUPPORTED, "'f4'", D("'f4'", "False", "(2,)"), 8);
  refuses(BZD_E_UNSUPPORTED, "'=f4'", D("'=f4'", "False", "(2,)"), 8);
  refuses(BZD_E_UNSUPPORTED, "'|f4'", D("'|f4'", "False", "(2,)"), 8);
  refuses(BZD_E_UNSUPPORTED, "''", D("''", "False", "(2,)"), 8);
  refuses(BZD_E_UNSUPPORTED, "'<f16'", D("'<f16'", "False", "(2,)"), 32);
  refuses(BZD_E_UNSUPPORTED, "8 dimensions", D("'<u1'", "False", "(1,1,1,1,1,1,1,1,1)"), 1);
  refuses(BZD_E_CORRUPT, "True or False", D("'<f4'", "0", "(2,)"), 8);
  refuses(BZD_E_CORRUPT, "True or False", D("'<f4'", "false", "(2,)"), 8);
  refuses(BZD_E_CORRUPT, "a shape", D("'<f4'", "False", "(2)"), 8);
  refuses(BZD_E_CORRUPT, "'('", D("'<f4'", "False", "[2]"), 8);
  refuses(BZD_E_CORRUPT, "','", D("'<f4'", "False", "(2L,)"), 8);
  refuses(BZD_E_CORRUPT, "number", D("'<f4'", "False", "(-2,)"), 8);
  refuses(BZD_E_CORRUPT, "number", D("'<f4'", "False", "(02,)"), 8);
  refuses(BZD_E_CORRUPT, "number", D("'<f4'", "False", "(,)"), 8);
  refuses(BZD_E_CORRUPT, "number", D("'<f4'", "False", "(2,,2)"), 16);
  refuses(BZD_E_CORRUPT, "','", D("'<f4'", "False", "(1 2)"), 8);
  refuses(BZD_E_CORRUPT, "2^63", D("'<f4'", "False", "(9223372036854775808,)"), 8);
  refuses(BZD_E_CORRUPT, "2^62", D("'<f4'", "False", "(4294967296,4294967296)"), 8);
  refuses(BZD_E_CORRUPT, "2^62", D("'<f4'", "False", "(4294967296,4294967296,0)"), 0);
  refuses(BZD_E_CORRUPT, "4 bytes, its shape says 8", D("'<f4'", "False", "(2,)"), 4);
  refuses(BZD_E_CORRUPT, "9 bytes, its shape says 8", D("'<f4'", "False", "(2,)"), 9);
  refuses(BZD_E_CORRUPT, "lacks shape", "{'descr': '<f4', 'fortran_order': False}\n", 4);
  refuses(BZD_E_CORRUPT, "none of", "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}\n", 4);
  refuses(BZD_E_CORRUPT, "twice", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 4);
  refuses(BZD_E_CORRUPT, "'{'", " {'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", 4);
  refuses(BZD_E_CORRUPT, "quote", "{'descr: <f4, fortran_order: False, shape: ()}\n", 4);
  refuses(BZD_E_CORRUPT, "quote", "{'descr': '<\\x664', 'fortran_order': False, 'shape': ()}\n", 4);
  refuses(BZD_E_CORRUPT, "newline", "{'descr': '<f4', 'fortran_order': False, 'shape': ()} ", 4);
  refuses(BZD_E_CORRUPT, "newline", "{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n\n", 4);
  refuses(BZD_E_CORRUPT, "','", "{'descr': '<f4' 'fortran_order': False, 'shape': ()}\n", 4);
  refuses(BZD_E_CORRUPT, "quoted", "{'descr': '<f4', , 'fortran_order': False, 'shape': ()}\n", 4);
  refuses(BZD_E_CORRUPT, "quoted", "{'descr': <f4, 'fortran_order': False, 'shape': ()}\n", 4);
  refuses(BZD_E_CORRUPT, "ends", "{'descr': '<f4'", 4);
  refuses(BZD_E_CORRUPT, "ends", "", 4);
  bytes b = make(1, D("'<f4'", "False", "()"), zeros, 4);
  b.data[6] = 4;
  REFUSED(BZD_E_VERSION, "4.0", b, BZDI_FORMAT_NPY);
  b.data[6] = 1, b.data[7] = 1;
  REFUSED(BZD_E_VERSION, "1.1", b, BZDI_FORMAT_NPY);
  b.data[7] = 0, b.data[9] = 255;
  REFUSED(BZD_E_CORRUPT, "are left", b, BZDI_FORMAT_NPY);
  b.data[0] = 0;
  REFUSED(BZD_E_FORMAT, "6 bytes", b, BZDI_FORMAT_NPY);
  REFUSED(BZD_E_FORMAT, "begin like", b, BZDI_FORMAT_AUTO);
  bytes_free(&b);
}

/* Columns first and big-endian: what comes out is rows first and ours. */
static void test_orders(void **state) {
  enum { A = 3, B = 4, C = 5 };
  unsigned char file[4 * A * B * C];
  uint32_t out[A * B * C];
  bzdi_tensors *tensors;
  (void)state;
  for (int a = 0; a < A; a++)
    for (int b = 0; b < B; b++)
      for (int c = 0; c < C; c++) {
        unsigned char *at = file + 4 * (a + A * (b + B * c));
        at[0] = at[1] = 1, at[2] = (unsigned char)a, at[3] = (unsigned char)(10 * b + c);
      }
  bytes b = make(2, D("'>u4'", "True", "(3, 4, 5)"), file, sizeof file);
  OK(bytes_open(NULL, &b, BZDI_FORMAT_AUTO, NULL, &tensors));
  OK(bzdi_tensors_read(tensors, 0, out));
  for (int i = 0; i < A * B * C; i++)
    assert_int_equal(out[i], 0x01010000 + 256 * (i / (B * C)) + 10 * (i / C % B) + i % C);
  bzdi_tensors_free(tensors);
  bytes_free(&b);
}

/* Longer than the piece by which a transposed tensor is read. */
static void test_large_transposed(void **state) {
  enum { ROWS = 700, COLUMNS = 301 };
  double *file = malloc(sizeof *file * ROWS * COLUMNS), *out = malloc(sizeof *out * ROWS * COLUMNS);
  bzdi_tensors *tensors;
  (void)state;
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < COLUMNS; c++) file[r + ROWS * c] = r * COLUMNS + c;
  bytes b = make(1, D("'<f8'", "True", "(700, 301)"), file, sizeof *file * ROWS * COLUMNS);
  OK(bytes_open(NULL, &b, BZDI_FORMAT_NPY, NULL, &tensors));
  OK(bzdi_tensors_read(tensors, 0, out));
  for (int i = 0; i < ROWS * COLUMNS; i++)
    if (out[i] != i) fail_msg("number %d is %g", i, out[i]);
  bzdi_tensors_free(tensors);
  bytes_free(&b);
  free(file), free(out);
}

static void test_limits(void **state) {
  static const bzdi_limits limits[] = {{.max_file = 20}, {.max_raw = 7}, {.max_index = 50}};
  bzdi_tensors *tensors;
  (void)state;
  bytes b = make(1, D("'<f4'", "False", "(2,)"), zeros, 8);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    FAILS(BZD_E_LIMIT, "limit is", bytes_open(NULL, &b, BZDI_FORMAT_AUTO, &limits[i], &tensors));
  bytes_free(&b);
}

static void test_damage(void **state) {
  (void)state;
  bytes b = make(1, D("'<f4'", "False", "(2,)"), zeros, 8);
  int loads = bytes_damage(&b, BZDI_FORMAT_NPY);
  bytes_longer(&b, BZDI_FORMAT_NPY);
  print_message("NPY: %d of %d flipped bits load\n", loads, 8 * (int)b.size);
  assert_in_range(loads, 64, 80); /* those of the data; < and > of the byte order; spaces */
  bytes_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_written), cmocka_unit_test(test_accepted),         cmocka_unit_test(test_refused),
      cmocka_unit_test(test_orders),  cmocka_unit_test(test_large_transposed), cmocka_unit_test(test_limits),
      cmocka_unit_test(test_damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
