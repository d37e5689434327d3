# SPDX-License-Identifier: MIT
# Debian packages libbezdist0, libbezdist-dev and bezdist:
#   cmake --preset deb && cmake --build build/deb && cpack --preset deb
# The prefix has to be /usr, so that the library goes where Debian looks for those of the machine's architecture. To have
# the static library in libbezdist-dev too, build it with that prefix in a folder of its own, and name that folder here:
set(BEZDIST_STATIC_BUILD "" CACHE PATH "Build folder of a static library that libbezdist-dev shall have too")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bezdist)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/BezdistStage.cmake")
if(NOT CPACK_PACKAGE_CONTACT)
  set(CPACK_PACKAGE_CONTACT "The libbezdist authors <authors@bezdist.invalid>") # whoever hands packages on gives their own
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};bezdist;ALL;/")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libbezdist0)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "few-step generative flow models, shared library
Trains, distils and runs rectified flows inside any program, with no Python
at run time.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# Those who link get their dependency from symbols, as new as what they call; shlibs is for tools that read that alone.
configure_file(lib/debian/libbezdist0.symbols ${PROJECT_BINARY_DIR}/debian/symbols COPYONLY)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/debian/symbols)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libbezdist-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION "few-step generative flow models, development files
Headers for C and C++, the link for the linker, and the files for pkg-config
and CMake.")
# The headers ask for C's alone, and the shared library knows what it needs. A static one leaves that to its user.
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libbezdist0 (= ${PROJECT_VERSION})")
if(BEZDIST_STATIC_BUILD)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${BEZDIST_STATIC_BUILD};bezdist;ALL;/")
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", libblis-dev, zlib1g-dev")
endif()

set(bezdist_packages runtime=libbezdist0 dev=libbezdist-dev)
if(TARGET bezdist_program)
  list(APPEND CPACK_COMPONENTS_ALL program)
  list(APPEND bezdist_packages program=bezdist)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME bezdist)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
  set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "few-step generative flow models, program
Trains, distils, samples and compares rectified flows from the command line.")
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "libbezdist0 (>= ${PROJECT_VERSION})")
endif()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}") # our library, which no package has yet

foreach(pair IN LISTS bezdist_packages)
  string(REGEX MATCH "(.*)=(.*)" pair ${pair})
  install(FILES lib/debian/copyright DESTINATION share/doc/${CMAKE_MATCH_2} COMPONENT ${CMAKE_MATCH_1} EXCLUDE_FROM_ALL)
endforeach()
include(CPack)
