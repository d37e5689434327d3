#!/bin/sh
# SPDX-License-Identifier: MIT
# The sources as a part of another project, by add_subdirectory and by FetchContent from a local folder: the library alone
# is built, and nothing leaks into the parent: test_subproject.sh ROOT BUILD
set -eu
root=$1
. "$root/tests/install/consumers.sh"
rm -rf parent none
mkdir parent
cat >parent/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(client VERSION 9.9 LANGUAGES C) # CMake gives one without a version that of its subproject
include(FetchContent)
set(places ${ROOT} ${CMAKE_BINARY_DIR}/bezdist) # the same for both, so that it is built once
list(GET places 1 binary)
FetchContent_Declare(bezdist SOURCE_DIR ${ROOT} BINARY_DIR ${binary})

function(remember prefix)
  get_cmake_property(names VARIABLES)
  foreach(name IN LISTS names)
    set_property(GLOBAL PROPERTY ${prefix}_${name} "${${name}}")
  endforeach()
  set_property(GLOBAL PROPERTY ${prefix}_names "${names}")
endfunction()
remember(before)
if(HOW STREQUAL add_subdirectory)
  add_subdirectory(${places})
else()
  FetchContent_MakeAvailable(bezdist)
endif()
remember(after)

# What find_package keeps in the cache is there for the whole project, as CMake has it; all else bears our name.
get_property(names GLOBAL PROPERTY after_names)
get_property(old GLOBAL PROPERTY before_names)
foreach(name IN LISTS names)
  get_property(value GLOBAL PROPERTY after_${name})
  get_property(was GLOBAL PROPERTY before_${name})
  if(NOT name IN_LIST old)
    if(NOT name MATCHES "^(bezdist|BEZDIST|BLIS|ZLIB|FIND_PACKAGE_MESSAGE_DETAILS|CMAKE_HAVE_LIBC)_|^(FETCHCONTENT|__)")
      message(SEND_ERROR "a new variable of the parent: ${name} = ${value}")
    endif()
  elseif(NOT value STREQUAL was AND NOT name MATCHES "^ARG[CNV]|^CMAKE_(CURRENT_)?FUNCTION|^prefix$")
    message(SEND_ERROR "changed: ${name} from '${was}' to '${value}'")
  endif()
endforeach()
get_property(targets DIRECTORY ${ROOT} PROPERTY BUILDSYSTEM_TARGETS)
get_property(tests DIRECTORY ${ROOT} PROPERTY TESTS)
get_property(folders DIRECTORY ${ROOT} PROPERTY SUBDIRECTORIES)
if(NOT targets STREQUAL "bezdist" OR tests OR folders OR BUILD_TESTING)
  message(SEND_ERROR "more than the library: targets ${targets}, tests ${tests}, folders ${folders}, BUILD_TESTING ${BUILD_TESTING}")
endif()
get_target_property(type bezdist::bezdist ALIASED_TARGET)
get_target_property(type ${type} TYPE)
if(NOT type STREQUAL WANTED)
  message(SEND_ERROR "${type}, wanted ${WANTED}")
endif()
add_library(neighbour client.c)
get_target_property(type neighbour TYPE)
if(NOT type STREQUAL WANTED)
  message(SEND_ERROR "the parent's own library became ${type}")
endif()
set_target_properties(neighbour PROPERTIES EXCLUDE_FROM_ALL ON)

add_executable(client client.c)
target_link_libraries(client bezdist::bezdist)
END
cp "$root/tests/install/client.c" parent
configure() { # HOW WANTED [-D...]
  how=$1 wanted=$2
  shift 2
  cmake -S parent -B "parent/$wanted" -DROOT="$root" -DHOW="$how" -DWANTED="$wanted" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_C_FLAGS_MINSIZEREL=-O0 "$@" >"parent/log" 2>&1 || { cat parent/log; exit 1; }
}
build_and_run() {
  cmake --build parent/STATIC_LIBRARY -j2 >>parent/log 2>&1 || { cat parent/log; exit 1; }
  parent/STATIC_LIBRARY/client
}

configure add_subdirectory STATIC_LIBRARY
grep '"command".* -c [^ ]*/parent/client.c"' parent/STATIC_LIBRARY/compile_commands.json >command.txt
if grep -E -e '-W|-O2|-f(fp-contract|no-math-errno)|-D|/lib( |$)' command.txt; then
  echo "flags of the library reach its user"
  exit 1
fi
build_and_run
[ "$(cd parent/STATIC_LIBRARY && ctest -N | sed -n 's/^Total Tests: //p')" = 0 ]
cmake --install parent/STATIC_LIBRARY --prefix "$here/none" >>parent/log
[ ! -e none ]

configure fetch STATIC_LIBRARY
touch parent/client.c
build_and_run
grep -q 'Building C object CMakeFiles/client.dir' parent/log
if grep -q 'Building C object bezdist/' parent/log; then echo "FetchContent built it otherwise than add_subdirectory"; exit 1; fi

configure add_subdirectory SHARED_LIBRARY -DBUILD_SHARED_LIBS=ON
configure fetch SHARED_LIBRARY -DBUILD_SHARED_LIBS=ON
rm -rf parent
