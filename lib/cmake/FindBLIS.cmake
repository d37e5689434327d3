# SPDX-License-Identifier: MIT
# BLIS has neither a pkg-config file nor a CMake package on Debian. Makes BLIS::BLIS.
find_path(BLIS_INCLUDE_DIR blis.h PATH_SUFFIXES blis)
find_library(BLIS_LIBRARY blis)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BLIS REQUIRED_VARS BLIS_LIBRARY BLIS_INCLUDE_DIR
                                  REASON_FAILURE_MESSAGE "On Debian and Ubuntu: apt-get install libblis-dev")
mark_as_advanced(BLIS_INCLUDE_DIR BLIS_LIBRARY)
if(BLIS_FOUND AND NOT TARGET BLIS::BLIS)
  add_library(BLIS::BLIS UNKNOWN IMPORTED)
  set_target_properties(BLIS::BLIS PROPERTIES IMPORTED_LOCATION "${BLIS_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                                 "${BLIS_INCLUDE_DIR}")
  # 1.0 renamed the questions about a micro-kernel.
  file(STRINGS "${BLIS_INCLUDE_DIR}/blis.h" blis_0 REGEX "bool bli_cntx_l3_nat_ukr_prefers_cols_dt" LIMIT_COUNT 1)
  if(blis_0)
    set_target_properties(BLIS::BLIS PROPERTIES INTERFACE_COMPILE_DEFINITIONS BEZDIST_BLIS_0)
  endif()
endif()
