/* SPDX-License-Identifier: MIT */
/* main for compilers without a fuzzer: runs the target on files and on all files of folders, once each, from memory of
 * their own sizes. Fails when there are none. */
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

static long files;
static const char *current = "";

static void name_it(int number) {
  fprintf(stderr, "signal %d at %s\n", number, current); /* we end here anyway */
  signal(number, SIG_DFL);
  raise(number);
}

static void run(const char *path) {
  struct stat facts;
  FILE *file = fopen(path, "rb");
  if (!file || fstat(fileno(file), &facts) != 0) {
    perror(path);
    exit(2);
  }
  size_t size = (size_t)facts.st_size;
  uint8_t *data = malloc(size ? size : 1);
  if (!data || fread(data, 1, size, file) != size) {
    perror(path);
    exit(2);
  }
  fclose(file);
  current = path;
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  files++;
}

static void visit(const char *path) {
  struct stat facts;
  if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
    run(path);
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
  printf("%ld inputs\n", files);
  return files > 0 ? 0 : 1;
}
