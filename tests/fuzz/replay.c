/* SPDX-License-Identifier: MIT */
/* main for compilers without a fuzzer: runs the target on files, on all files of folders and on all members of ar
 * archives, once each, from memory of their own sizes. Fails when there are none. */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/* Of libFuzzer; named by targets with a mutator of their own, which is never called here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) {
  (void)data, (void)most;
  return size;
}

static long inputs;
static const char *current = "";

static void name_it(int number) {
  fprintf(stderr, "signal %d at %s, input %ld\n", number, current, inputs); /* we end here anyway */
  signal(number, SIG_DFL);
  raise(number);
}

static void *allocate(size_t size) {
  void *block = malloc(size ? size : 1);
  if (!block) exit(2);
  return block;
}

static void run(const uint8_t *from, size_t size) {
  uint8_t *data = allocate(size);
  memcpy(data, from, size);
  inputs++;
  LLVMFuzzerTestOneInput(data, size);
  free(data);
}

/* Members have a head of 60 bytes, with their size as decimal digits at 48, and begin at even offsets. */
static void run_members(const uint8_t *data, size_t size) {
  for (size_t at = 8; size - at >= 60;) {
    char digits[11] = "";
    memcpy(digits, data + at + 48, 10);
    size_t member = strtoul(digits, NULL, 10);
    at += 60;
    if (member > size - at) {
      fprintf(stderr, "%s: cut off\n", current);
      exit(2);
    }
    run(data + at, member);
    at += member + member % 2;
    if (at > size) break;
  }
}

static void run_file(const char *path) {
  struct stat facts;
  FILE *file = fopen(path, "rb");
  if (!file || fstat(fileno(file), &facts) != 0) {
    perror(path);
    exit(2);
  }
  size_t size = (size_t)facts.st_size;
  uint8_t *data = allocate(size);
  if (fread(data, 1, size, file) != size) {
    perror(path);
    exit(2);
  }
  fclose(file);
  current = path;
  if (size >= 8 && memcmp(data, "!<arch>\n", 8) == 0)
    run_members(data, size);
  else
    run(data, size);
  free(data);
}

static void visit(const char *path) {
  struct stat facts;
  if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
    run_file(path);
    return;
  }
  DIR *folder = opendir(path);
  if (!folder) {
    perror(path);
    exit(2);
  }
  for (struct dirent *entry; (entry = readdir(folder));) {
    char child[4096];
    if (entry->d_name[0] == '.') continue;
    snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
    visit(child);
  }
  closedir(folder);
}

int main(int argc, char **argv) {
  signal(SIGABRT, name_it);
  for (int i = 1; i < argc; i++) visit(argv[i]);
  printf("%ld inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
