// SPDX-License-Identifier: MIT
//! The structs are as large here as in the library that is linked, and its version is the one these were written for.
use bezdist_sys::*;
use std::mem::size_of;

macro_rules! sizes {
    ($($name:ident $function:ident)*) => {
        $(
            // SAFETY: the function takes nothing and returns a number.
            assert_eq!(size_of::<$name>(), unsafe { $function() }, stringify!($name));
        )*
    };
}

#[test]
fn sizes_are_the_library_s() {
    sizes! {
        bzd_context_config bzd_context_config_size
        bzd_progress bzd_progress_size
        bzd_data_config bzd_data_config_size
        bzd_data_info bzd_data_info_size
        bzd_flow_config bzd_flow_config_size
        bzd_flow_info bzd_flow_info_size
        bzd_sample_config bzd_sample_config_size
        bzd_sample_result bzd_sample_result_size
        bzd_grid_config bzd_grid_config_size
        bzd_ensemble_config bzd_ensemble_config_size
        bzd_ensemble_info bzd_ensemble_info_size
        bzd_fitter_config bzd_fitter_config_size
        bzd_fitter_info bzd_fitter_info_size
        bzd_ensemble_source_config bzd_ensemble_source_config_size
        bzd_source_info bzd_source_info_size
        bzd_trainer_config bzd_trainer_config_size
        bzd_trainer_info bzd_trainer_info_size
        bzd_limits bzd_limits_size
        bzd_checkpoint_info bzd_checkpoint_info_size
        bzd_tensor_info bzd_tensor_info_size
        bzd_tensors_info bzd_tensors_info_size
        bzd_metrics_config bzd_metrics_config_size
        bzd_metrics_result bzd_metrics_result_size
        bzd_flow_metrics_config bzd_flow_metrics_config_size
        bzd_flow_metrics bzd_flow_metrics_size
    }
}

#[test]
fn version_is_the_library_s() {
    let expected = BZD_VERSION_MAJOR << 16 | BZD_VERSION_MINOR << 8 | BZD_VERSION_PATCH;
    // SAFETY: the function takes nothing and returns a number.
    assert_eq!(unsafe { bzd_version() }, expected);
}
