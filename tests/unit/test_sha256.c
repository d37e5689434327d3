/* SPDX-License-Identifier: MIT */
/* Published vectors of SHA-256 (FIPS 180-4 examples and the million letters a), in one piece and in many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/sha256.h"

#include <stdio.h>
#include <string.h>

static void check(const char *message, size_t size, const char *expected) {
  for (size_t piece = 1; piece <= 130; piece += 43) {
    bzdi_sha256 hash;
    uint8_t digest[32];
    char text[65];
    bzdi_sha256_start(&hash);
    for (size_t done = 0; done < size; done += piece)
      bzdi_sha256_add(&hash, message + done, size - done < piece ? size - done : piece);
    bzdi_sha256_end(&hash, digest);
    for (int i = 0; i < 32; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
  }
}

static void test_vectors(void **state) {
  (void)state;
  static char million[1000000];
  memset(million, 'a', sizeof million);
  const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  check(two, strlen(two), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  check(million, sizeof million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
