# SPDX-License-Identifier: MIT
# What is installed, in three components: runtime, dev, program. The shared and the static library may be installed in
# one prefix, from a build folder each: every other file is the same.
include(CMakePackageConfigHelpers)
if(BUILD_SHARED_LIBS)
  set(bezdist_kind shared)
else()
  set(bezdist_kind static)
endif()
install(TARGETS bezdist EXPORT bezdist
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${bezdist_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bezdist COMPONENT dev)
set(bezdist_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bezdist)
install(EXPORT bezdist NAMESPACE bezdist:: FILE bezdist-${bezdist_kind}-targets.cmake DESTINATION ${bezdist_package_dir}
        COMPONENT dev)
configure_package_config_file(lib/cmake/bezdist-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/bezdist-config.cmake
                              INSTALL_DESTINATION ${bezdist_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/bezdist-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bezdist-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/bezdist-config-version.cmake
              lib/cmake/FindBLIS.cmake DESTINATION ${bezdist_package_dir} COMPONENT dev)
# Relative to the .pc file itself, so that an installed tree can be moved.
file(RELATIVE_PATH bezdist_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" bezdist_pc_prefix "${bezdist_pc_prefix}")
configure_file(bezdist.pc.in ${CMAKE_CURRENT_BINARY_DIR}/bezdist.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bezdist.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
install(FILES docs/man/bezdist.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7 COMPONENT dev)
if(TARGET bezdist_program)
  install(FILES docs/man/bezdist.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
endif()
