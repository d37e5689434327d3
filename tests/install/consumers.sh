# SPDX-License-Identifier: MIT
# Sourced by the tests of this folder, which get ROOT and the folder of a BUILD.
here=$PWD
CC=${CC:-cc} CXX=${CXX:-c++}

need_shared() { # BUILD
  [ -e "$1/libbezdist.so" ] || { echo "skipped: $1 has no shared library"; exit 77; }
}

need_tool() { # NAME...
  for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
  done
}

# Builds the clients with what pkg-config says, options given, and runs them: the same library, the same numbers.
# run_clients ROOT TREE [--static]
run_clients() {
  pc=$(dirname "$(find "$2" -name bezdist.pc)")
  flags=$(PKG_CONFIG_LIBDIR="$pc:$(pkg-config --variable pc_path pkg-config)" pkg-config ${3:-} --cflags --libs bezdist)
  # shellcheck disable=SC2086
  $CC -std=c99 -Wall -Wextra -Wpedantic -Werror "$1/tests/install/client.c" -o client $flags
  LD_LIBRARY_PATH="$pc/.." ./client >client.out
  cat client.out
  command -v "$CXX" >/dev/null 2>&1 || return 0
  # shellcheck disable=SC2086
  $CXX -std=c++17 -Wall -Wextra -Wpedantic -Werror "$1/tests/install/client.cpp" -o client_cpp $flags
  LD_LIBRARY_PATH="$pc/.." ./client_cpp >client_cpp.out
  diff client.out client_cpp.out
}

# Configures a project in FOLDER that finds the package with the words given, in the languages given, and builds its
# client when there is one: find_client FOLDER LANGUAGES PREFIX "WORDS" [-D...]
find_client() {
  folder=$1 languages=$2 prefix=$3 words=$4
  shift 4
  rm -rf "$folder"
  mkdir -p "$folder"
  cat >"$folder/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.13)
project(client $languages)
find_package(bezdist $words REQUIRED)
if(CMAKE_MODULE_PATH)
  message(FATAL_ERROR "find_package left CMAKE_MODULE_PATH as \${CMAKE_MODULE_PATH}")
endif()
get_target_property(type bezdist::bezdist TYPE)
message(STATUS "bezdist \${bezdist_VERSION}: \${type}")
if(CLIENT)
  add_executable(client \${CLIENT})
  target_link_libraries(client bezdist::bezdist)
endif()
END
  if [ "$languages" = NONE ]; then # CMake then does not know by itself where Debian has the libraries of an architecture
    set -- -DCMAKE_LIBRARY_ARCHITECTURE="$($CC -print-multiarch 2>/dev/null)" "$@"
  fi
  cmake -S "$folder" -B "$folder/build" -DCMAKE_PREFIX_PATH="$here/$prefix" "$@" >"$folder/log" 2>&1 || return 1
  [ "$languages" = NONE ] || cmake --build "$folder/build" >>"$folder/log" 2>&1 || return 1
}

build_client() { # FOLDER LANGUAGES PREFIX "WORDS" [-D...]: as find_client, and must work
  find_client "$@" || { cat "$1/log"; echo "find_package($4) in $1 failed"; exit 1; }
}

refused() { # TEXT PREFIX "WORDS" [-D...]: find_package refuses, and says TEXT
  text=$1
  shift
  if find_client scratch/refused NONE "$@"; then echo "find_package($2) was not refused"; exit 1; fi
  tr -s ' \n' '  ' <scratch/refused/log | grep -qF "$text" || { cat scratch/refused/log; echo "no '$text' for $2"; exit 1; }
}

chooses() { # TYPE PREFIX "WORDS" [-D...]: find_package chooses the library of that type
  type=$1
  shift
  build_client scratch/found C "$@"
  grep -q "bezdist [0-9.]*: $type\$" scratch/found/log || { cat scratch/found/log; echo "find_package($2): no $type"; exit 1; }
}
