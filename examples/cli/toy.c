/* SPDX-License-Identifier: MIT */
/* Two-dimensional toy sets, about unit size. Row i is a function of the name, the seed and i alone. */
#include "cli.h"

#include <math.h>
#include <string.h>

const char *const toy_names = "gaussian, 8gaussians, moons, checkerboard, spiral, pinwheel, rings";

static const double pi = 3.14159265358979323846;

/* z: two normals, u: two uniforms of the row. */
typedef void (*maker)(const float *z, const float *u, float *out);

static void gaussian(const float *z, const float *u, float *out) {
  (void)u;
  out[0] = z[0];
  out[1] = z[1];
}

static void eight_gaussians(const float *z, const float *u, float *out) {
  double angle = 2 * pi * floor(8 * (double)u[0]) / 8;
  out[0] = (float)(2 * cos(angle) + 0.2 * z[0]);
  out[1] = (float)(2 * sin(angle) + 0.2 * z[1]);
}

static void moons(const float *z, const float *u, float *out) {
  double angle = pi * (double)u[0], side = u[1] < 0.5f ? 1 : -1;
  out[0] = (float)(1.5 * side * (cos(angle) - 0.5) + 0.1 * z[0]);
  out[1] = (float)(1.5 * side * (sin(angle) - 0.25) + 0.1 * z[1]);
}

static void checkerboard(const float *z, const float *u, float *out) {
  (void)z;
  double x = 4 * (double)u[0], y = 2 * (double)u[1]; /* eight squares of [-2, 2]^2: column, and which of its two */
  double column = floor(x), half = floor(y);
  out[0] = (float)(x - 2);
  out[1] = (float)(2 * half + fmod(column, 2) + (y - half) - 2);
}

static void spiral(const float *z, const float *u, float *out) {
  double angle = 3 * pi * sqrt((double)u[0]), arm = u[1] < 0.5f ? 0 : pi;
  out[0] = (float)(angle / (1.5 * pi) * cos(angle + arm) + 0.06 * z[0]);
  out[1] = (float)(angle / (1.5 * pi) * sin(angle + arm) + 0.06 * z[1]);
}

static void pinwheel(const float *z, const float *u, float *out) {
  double radius = 1.3 + 0.35 * z[0], across = 0.15 * z[1], angle = 2 * pi * floor(5 * (double)u[0]) / 5 + 0.8 * radius;
  out[0] = (float)(radius * cos(angle) - across * sin(angle));
  out[1] = (float)(radius * sin(angle) + across * cos(angle));
}

static void rings(const float *z, const float *u, float *out) {
  double radius = 0.5 * (1 + floor(4 * (double)u[0])), angle = 2 * pi * (double)u[1];
  out[0] = (float)(radius * cos(angle) + 0.05 * z[0]);
  out[1] = (float)(radius * sin(angle) + 0.05 * z[1]);
}

static const struct {
  const char *name;
  maker make;
} makers[] = {{"gaussian", gaussian}, {"8gaussians", eight_gaussians}, {"moons", moons}, {"checkerboard", checkerboard},
              {"spiral", spiral},     {"pinwheel", pinwheel},          {"rings", rings}};

bool toy_make(const char *name, int64_t n, uint64_t seed, float *rows) {
  for (size_t k = 0; k < sizeof makers / sizeof makers[0]; k++)
    if (!strcmp(name, makers[k].name)) {
      for (int64_t i = 0; i < n; i++) {
        float z[2], u[2];
        must(bzd_noise(seed, BZD_STREAM_USER + 2, i, 1, 2, z), NULL);
        must(bzd_uniform(seed, BZD_STREAM_USER + 3, i, 1, 2, u), NULL);
        makers[k].make(z, u, rows + 2 * i);
      }
      return true;
    }
  return false;
}

/* Point i of a Hammersley set in four dimensions (i + 1/2 over n, and multiples of powers of the root of x^4 = x + 1)
 * put through the same maps as the random numbers. */
void toy_even(const char *name, int64_t n, float *rows) {
  static const double root = 1.2207440846057596;
  for (size_t k = 0; k < sizeof makers / sizeof makers[0]; k++) {
    if (strcmp(name, makers[k].name) != 0) continue;
    for (int64_t i = 0; i < n; i++) {
      double part[3], whole, step = 1;
      for (int d = 0; d < 3; d++) {
        step /= root;
        part[d] = modf(0.5 + (double)i * step, &whole);
      }
      double radius = sqrt(-2 * log(1 - part[0])), angle = 2 * pi * part[1];
      float z[2] = {(float)(radius * cos(angle)), (float)(radius * sin(angle))};
      float u[2] = {(float)(((double)i + 0.5) / (double)n), (float)part[2]};
      makers[k].make(z, u, rows + 2 * i);
    }
    return;
  }
  die("no toy set '%s'; there are %s", name, toy_names);
}
