# SPDX-License-Identifier: MIT
# How every target of ours is compiled.

# Files for one instruction set get its flags; on other machines they are dropped. Kernels may fuse multiply and add:
# vector extensions have no other way to an FMA. Nothing else may, or bits would depend on the compiler.
function(bezdist_isa_sources list)
  set(sources ${${list}})
  set(x86 FALSE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(x86 TRUE)
  endif()
  if(NOT x86)
    list(FILTER sources EXCLUDE REGEX "_(avx2|avx512)\\.c$")
  endif()
  foreach(source ${sources})
    set(flags "")
    # What passes over every number; the rest is made small (-Os): it runs once a call.
    if(source MATCHES "lib/(num|net)/|/(rng|planes|deflate|crc|data|loss|combine|consistency|control|dopri5|fixed|velocity|flow_store)[a-z0-9_]*\\.c$" AND
       NOT source MATCHES "lib/(num/(lsq|dense|eigen|stats_frechet)|net/net)\\.c$")
      list(APPEND flags -O2)
    endif()
    if(source MATCHES "/kernel_(base|avx2|avx512)\\.c$")
      list(APPEND flags -ffp-contract=fast)
      if(NOT (x86 AND source MATCHES "_base\\.c$")) # elsewhere the base is what runs
        list(APPEND flags -O3)
      endif()
      if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        # A tile's loop stands once, and begins with a line of memory: where another thread shares the core, that
        # decides (docs/performance.md).
        list(APPEND flags -fno-version-loops-for-strides -falign-functions=64 -falign-loops=64)
      endif()
    endif()
    if(source MATCHES "_avx2\\.c$")
      list(APPEND flags -mavx2 -mfma)
    elseif(source MATCHES "_avx512\\.c$")
      list(APPEND flags -mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma)
      if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        list(APPEND flags -mprefer-vector-width=512)
      endif()
    endif()
    if(flags)
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${flags}")
    endif()
  endforeach()
  set(${list} ${sources} PARENT_SCOPE)
endfunction()

function(bezdist_compile target)
  target_compile_features(${target} PUBLIC c_std_99 PRIVATE c_std_11)
  set_target_properties(${target} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
  # POSIX has to be asked for before any libc header, which blis.h would otherwise pull in first.
  target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L)
  target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:MinSizeRel>>:-Os> -ffp-contract=off -fno-math-errno -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                           $<$<BOOL:${BEZDIST_WERROR}>:-Werror>)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64" AND
     CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 12 AND CMAKE_C_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12.2 for aarch64 loses stores to the second of two arrays of a struct that one index walks through (found by
    # unit.test_deflate: files that could not be read).
    target_compile_options(${target} PRIVATE -fno-ivopts)
  endif()
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/lib" "${PROJECT_SOURCE_DIR}/include")
endfunction()
