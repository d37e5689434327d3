/* SPDX-License-Identifier: MIT */
/* Whether a process of several threads may fork here. The sanitizers' allocators are not ready for it: a child finds
 * their locks taken. qemu-user 7.2 (EMULATED, tests/CMakeLists.txt) ends in an assertion of its own, and does not start
 * itself anew by /proc/self/exe. Tests that need it are skipped by name there. */
#ifndef BEZDIST_TESTS_FORKS_H
#define BEZDIST_TESTS_FORKS_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#ifndef EMULATED
#define EMULATED 0
#endif

#define THREADS_MAY_FORK (!SANITIZED && !EMULATED)

#endif
