/* SPDX-License-Identifier: MIT */
/* What makes a program of the README's function. */
int main(void) {
  float rows[200], samples[32];
  if (bzd_noise(1, BZD_STREAM_USER, 0, 100, 2, rows)) return 1;
  return learn(rows, 100, 2, samples) ? 1 : 0;
}
