/* SPDX-License-Identifier: MIT */
/* convert --out M.h: the file as an array, for programs without a file system. */
#include "embed.h"

#include "cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 118 }; /* columns */

/* Words that are no names in C or in C++, and names that <stddef.h> or a compiler has taken. */
static const char *const reserved =
    " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t"
    " class co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue"
    " decltype default delete do double dynamic_cast else enum explicit export extern false float for friend"
    " goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private"
    " protected public register reinterpret_cast requires restrict return short signed sizeof static"
    " static_assert static_cast struct switch template this thread_local throw true try typedef typeid"
    " typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t while xor xor_eq NULL"
    " linux main max_align_t nullptr_t offsetof ptrdiff_t size_t std unix ";

/* The last part of path without its ending, as an identifier: letters, digits and single underscores between them. */
static char *identifier(const char *path) {
  const char *slash = strrchr(path, '/'), *at = slash ? slash + 1 : path, *dot = strrchr(at, '.');
  char *name = must_alloc(strlen(at) + 16, 1), *end = name;
  for (; at < dot; at++) {
    bool plain = isalnum((unsigned char)*at) && (unsigned char)*at < 128;
    if (plain && end == name && isdigit((unsigned char)*at)) end = name + sprintf(name, "model_");
    if (plain)
      *end++ = *at;
    else if (end > name && end[-1] != '_')
      *end++ = '_';
  }
  while (end > name && end[-1] == '_') *--end = 0;
  if (end == name) strcpy(name, "model");
  char *word = must_alloc(strlen(name) + 3, 1);
  sprintf(word, " %s ", name);
  if (strstr(reserved, word)) strcat(name, "_model");
  free(word);
  return name;
}

/* One line on what the array holds. */
static void describe(bzd_checkpoint *checkpoint, const char *file, char *text, size_t cap) {
  bzd_checkpoint_info info = {.struct_size = sizeof info};
  must(bzd_checkpoint_get_info(checkpoint, &info), NULL);
  if (info.kind == BZD_CHECKPOINT_FLOW) {
    static const char *const kinds[] = {"?", "velocity", "control-point", "endpoint", "?"};
    bzd_flow *flow;
    bzd_flow_info f = {.struct_size = sizeof f};
    must(bzd_checkpoint_get_flow(checkpoint, BZD_WEIGHTS_AUTO, &flow), file);
    must(bzd_flow_get_info(flow, &f), NULL);
    snprintf(text, cap, "%s flow of degree %d: dim %lld, cond_dim %lld, %lld parameters", kinds[f.kind], (int)f.degree,
             (long long)f.dim, (long long)f.cond_dim, (long long)f.parameters);
    bzd_flow_destroy(flow);
  } else if (info.kind == BZD_CHECKPOINT_ENSEMBLE) {
    bzd_ensemble *ensemble;
    bzd_ensemble_info e = {.struct_size = sizeof e};
    must(bzd_checkpoint_get_ensemble(checkpoint, &ensemble), file);
    must(bzd_ensemble_get_info(ensemble, &e), NULL);
    snprintf(text, cap, "ensemble of %lld flows: dim %lld, cond_dim %lld", (long long)e.count, (long long)e.dim,
             (long long)e.cond_dim);
    bzd_ensemble_destroy(ensemble);
  } else {
    die("%s: a C array is made of a flow or an ensemble, this holds paths", file);
  }
}

/* Bytes as decimal numbers with commas. */
static char *put_bytes(char *at, const unsigned char *bytes, size_t size) {
  char number[256][5];
  int length[256], column = 0;
  for (int i = 0; i < 256; i++) length[i] = sprintf(number[i], "%d,", i);
  for (size_t i = 0; i < size; i++) {
    const int n = length[bytes[i]];
    if (column + n > LINE) *at++ = '\n', column = 0;
    memcpy(at, number[bytes[i]], 4); /* what is beyond n is written over */
    at += n;
    column += n;
  }
  return at;
}

void write_header(bzd_checkpoint *checkpoint, const char *file, const char *path) {
  char what[200], id[65], *name = identifier(path);
  size_t size;
  describe(checkpoint, file, what, sizeof what);
  must(bzd_checkpoint_content_id(checkpoint, id), file);
  must(bzd_checkpoint_write_buffer(checkpoint, NULL, 0, &size), file);
  unsigned char *bytes = must_alloc(size, 1);
  must(bzd_checkpoint_write_buffer(checkpoint, bytes, size, &size), file);
  char *text = must_alloc(4 * size + size / 16 + 8 * strlen(name) + 2000, 1), *at = text;
  at += sprintf(at, "/* %s.\n * %zu bytes, content id %s.\n", what, size, id);
  at += sprintf(at, " * Made by bezdist convert; bzd_checkpoint_open_buffer opens it where it is. */\n");
  at += sprintf(at, "#ifndef BEZDIST_ARRAY_%s\n#define BEZDIST_ARRAY_%s\n#include <stddef.h>\n", name, name);
  at += sprintf(at, "#if defined(__cplusplus)\nalignas(16)\n#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= "
                    "201112L\n_Alignas(16)\n#elif defined(__GNUC__)\n__attribute__((aligned(16)))\n#endif\n");
  at += sprintf(at, "static const unsigned char %s[%zu] = {\n", name, size);
  at = put_bytes(at, bytes, size);
  at += sprintf(at, "\n};\nstatic const size_t %s_size = sizeof %s;\n#endif\n", name, name);
  write_atomic(path, text, (size_t)(at - text));
  free(text);
  free(bytes);
  free(name);
}
