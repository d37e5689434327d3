# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
install(TARGETS bezdist EXPORT bezdist LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${bezdist_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bezdist)
set(bezdist_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bezdist)
install(EXPORT bezdist NAMESPACE bezdist:: FILE bezdist-targets.cmake DESTINATION ${bezdist_package_dir})
configure_package_config_file(lib/cmake/bezdist-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/bezdist-config.cmake
                              INSTALL_DESTINATION ${bezdist_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/bezdist-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bezdist-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/bezdist-config-version.cmake
              lib/cmake/FindBLIS.cmake DESTINATION ${bezdist_package_dir})
# Relative to the .pc file itself, so that an installed tree can be moved.
file(RELATIVE_PATH bezdist_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" bezdist_pc_prefix "${bezdist_pc_prefix}")
configure_file(bezdist.pc.in ${CMAKE_CURRENT_BINARY_DIR}/bezdist.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bezdist.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
