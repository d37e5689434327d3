# SPDX-License-Identifier: MIT
"""The C interface: functions, structs, and the library itself. Names without bzd_."""
from __future__ import annotations

import ctypes
import ctypes.util
import operator
import os
from ctypes import c_char_p, c_void_p, sizeof
from typing import Any

from ._constants import VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH

# Letters of the types; e is a status that is returned.
_TYPES = {"i": ctypes.c_int32, "I": ctypes.c_uint32, "q": ctypes.c_int64, "Q": ctypes.c_uint64, "z": ctypes.c_size_t,
          "d": ctypes.c_double, "s": c_char_p, "p": c_void_p, "v": None, "e": ctypes.c_int32}

_FUNCTIONS = """
version:I version_string:s build_info:z:pz status_name:s:i last_error:z:pz progress_size:z on_release:e:ppp
context_config_init:e:pz context_config_size:z context_create:e:pp context_destroy:v:p context_threads:i:p
noise:e:QIqqqp uniform:e:QIqqqp
limits_init:e:pz limits_size:z checkpoint_from_flow:e:pp checkpoint_from_ensemble:e:pp checkpoint_from_trainer:e:pp
checkpoint_from_source:e:pp checkpoint_from_paths:e:pqqqQppp checkpoint_destroy:v:p checkpoint_write_file:e:ps
checkpoint_write_callback:e:ppp checkpoint_write_buffer:e:ppzp checkpoint_open_file:e:pspp
checkpoint_open_buffer:e:ppzpp checkpoint_open_callback:e:pppQpp checkpoint_get_flow:e:pip
checkpoint_get_ensemble:e:pp checkpoint_get_trainer:e:ppp checkpoint_get_source:e:pp checkpoint_stream_source:e:pp
checkpoint_info_size:z checkpoint_get_info:e:pp tensor_info_size:z checkpoint_get_tensor:e:pqp
checkpoint_read_tensor:e:pqpz checkpoint_read_rows:e:pqqqpz checkpoint_get_metadata:e:pqppz checkpoint_verify:e:p
checkpoint_content_id:e:pp checkpoint_set_metadata:e:pss checkpoint_find_metadata:e:psp checkpoint_set_section:e:pspz
checkpoint_get_section:e:pspp checkpoint_section_at:e:pqpp checkpoint_set_storage:e:pi flow_save:e:ps flow_load:e:psp
data_config_init:e:pz data_config_size:z data_create:e:ppp data_destroy:v:p data_info_size:z data_get_info:e:pp
data_get_affine:e:ppp data_get_rows:e:pqqpp
ensemble_config_init:e:pz ensemble_config_size:z ensemble_create:e:ppqpp ensemble_destroy:v:p ensemble_info_size:z
ensemble_get_info:e:pp ensemble_get_weights:e:pdp ensemble_effective:e:pqpppp ensemble_get_member:e:pqp
ensemble_velocity:e:pqqppppp ensemble_sample:e:ppqpppp ensemble_trajectory:e:ppqppqppp
fitter_config_init:e:pz fitter_config_size:z fitter_create:e:ppp fitter_destroy:v:p fitter_info_size:z
fitter_get_info:e:pp fitter_get_times:e:pp fitter_fit:e:pqqppp
flow_config_init:e:pz flow_config_size:z flow_create:e:ppp flow_create_from:e:piip flow_create_callback:e:ppppip
flow_destroy:v:p flow_info_size:z flow_get_info:e:pp flow_get_affine:e:ppp flow_set_metadata:e:pss
flow_metadata_count:q:p flow_metadata_at:e:pqpp flow_get_metadata:e:psp flow_get_parameters:e:pqp
flow_set_parameters:e:pqp flow_set_precision:e:pip flow_velocity:e:pqpppdp flow_curve:e:pqpppdp
sample_config_init:e:pz sample_config_size:z sample_result_size:z flow_sample:e:ppqpppp flow_trajectory:e:ppqppqppp
grid_config_init:e:pz grid_config_size:z flow_choose_grid:e:pppp
metrics_config_init:e:pz metrics_config_size:z metrics_result_size:z metrics_compare:e:ppqqpqpp
metrics_nearest:e:pqqpqppp flow_metrics_config_init:e:pz flow_metrics_config_size:z flow_metrics_size:z
metrics_flow:e:ppp
path_evaluate:e:qiqpqpp path_derivative:e:qiqpqpp path_elevate:e:qiqpip path_reduce:e:qiqpipp path_split:e:qiqpdpp
path_measure:e:qiqpppp path_curvature:e:qiqpqpp path_distance:e:qiqppp path_from_waypoints:e:qiqppppp
path_targets:e:qiqpppp
source_create_data:e:ppQp source_create_transport:e:ppqQp ensemble_source_config_init:e:pz
ensemble_source_config_size:z source_create_ensemble:e:pppp source_create_callback:e:piqqppp
source_create_pool:e:pqqQppp source_destroy:v:p source_info_size:z source_get_info:e:pp source_get_paths:e:pqqppp
tensors_open_file:e:psipp tensors_open_buffer:e:ppzipp tensors_open_callback:e:pppQipp tensors_create:e:pp
tensors_destroy:v:p tensors_add:e:pssipp tensors_set_text:e:pss tensors_info_size:z tensors_get_info:e:pp
tensors_get:e:pqp tensors_find:e:psp tensors_read:e:pqpz tensors_read_f32:e:pqpz tensors_text_at:e:pqpp
tensors_get_text:e:psp tensors_write_file:e:psi tensors_write_callback:e:pppi tensors_write_buffer:e:ppzpi
tensors_from_flow:e:pp tensors_get_flow:e:ppp
trainer_config_init:e:pz trainer_config_size:z trainer_config_aim:e:pii trainer_create:e:pppp trainer_destroy:v:p
trainer_info_size:z trainer_get_info:e:pp trainer_run:e:pqpp trainer_set_source:e:pp trainer_cancel:v:p
trainer_get_flow:e:pip trainer_evaluate:e:ppqqip
"""

_CALLBACKS = """
alloc_fn:p:pzz free_fn:v:ppzz log_fn:v:pis release_fn:v:p task_fn:v:pq parallel_for_fn:v:pqpp progress_fn:i:pp
velocity_fn:i:pqqppqpp
weights_fn:i:pqqqpppp paths_fn:i:pqpiqqppp write_fn:i:ppz read_fn:i:pQpz
"""


class _Record(ctypes.Structure):
    """A struct of the library: fields as in its header."""

    _noun: str

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={_plain(getattr(self, name))!r}" for name, _ in self._fields_ if name not in _INNER)
        return f"{type(self).__name__}({fields})"

    @property
    def item(self) -> tuple[int, ...]:
        """The shape of one sample, such as (1, 28, 28); (dim,) where none was given."""
        return tuple(self.item_shape[:self.item_ndim]) or (self.dim,)


_INNER = {"struct_size", "reserved", "reserved2"}
_RECORDS: dict[str, type] = {}


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, ctypes.Array) else value


def _record(noun: str, fields: str) -> type:
    """The class of bzd_<noun>: words name:letter, a number before the letter makes an array."""
    def kind(letter: str) -> Any:
        return _TYPES[letter[-1]] * int(letter[:-1]) if len(letter) > 1 else _TYPES[letter]
    words = [word.split(":") for word in f"struct_size:I {fields}".split()]
    name = "".join(part.capitalize() for part in noun.split("_"))
    _RECORDS[noun] = type(name, (_Record,), {
        "_noun": noun, "_fields_": [(field, kind(code)) for field, code in words], "__module__": "bezdist",
        "__doc__": f"bzd_{noun}: fields as in the header."})
    return _RECORDS[noun]


_ContextConfig = _record("context_config", "threads:i alloc:p free:p alloc_user:p log:p log_user:p parallel_for:p "
                         "parallel_for_user:p")
Progress = _record("progress", "phase:i step:q of:q loss:d smooth_loss:d rate:d nfe:d seconds:d")
_Limits = _record("limits", "reserved:I max_file:Q max_raw:Q max_index:Q max_tensors:q max_meta:q")
CheckpointInfo = _record("checkpoint_info", "kind:i version_major:I version_minor:I tensors:q metadata:q raw_bytes:Q "
                         "file_bytes:Q sections:q")
_TensorInfo = _record("tensor_info", "role:i name:s dtype:s ndim:i reserved:i shape:8q raw_bytes:Q stored_bytes:Q "
                      "stored_dtype:s")
_DataConfig = _record("data_config", "dtype:i n:q dim:q row_stride:q rows:p copy:i classes:i labels:p cond:p "
                      "cond_dim:q normalise:i item_ndim:i scale:p offset:p item_shape:4q")
DataInfo = _record("data_info", "dtype:i n:q dim:q cond_dim:q classes:i has_affine:i item_ndim:i reserved:i "
                   "item_shape:4q")
_EnsembleConfig = _record("ensemble_config", "combine:i rule:i reserved:i fixed:p weights:p weights_user:p "
                          "validation:p validation_count:q bins:i reserved2:i temperature:d guidance:p seed:Q")
EnsembleInfo = _record("ensemble_info", "combine:i rule:i nfe:i count:q dim:q cond_dim:q effective:d")
_FitterConfig = _record("fitter_config", "degree:i nodes:i reserved:i times:p weights:p ridge:d")
FitterInfo = _record("fitter_info", "degree:i nodes:i in_double:i norm:d condition:d")
_FlowConfig = _record("flow_config", "kind:i degree:i layers:i dim:q cond_dim:q width:q time_features:i item_ndim:i "
                      "item_shape:4q seed:Q scale:p offset:p skip:i reserved:i")
FlowInfo = _record("flow_info", "kind:i degree:i layers:i width:q parameters:q packed_bytes:q time_features:i "
                   "has_affine:i dim:q cond_dim:q item_ndim:i generation:i item_shape:4q skip:i reserved:i")
_SampleConfig = _record("sample_config", "solver:i steps:i grid_count:i grid:p t0:d t1:d rtol:d atol:d max_steps:q "
                        "guidance:d seed:Q first_index:q units:i reserved:i renoise:d progress:p progress_user:p")
SampleResult = _record("sample_result", "solver:i nfe_mean:d nfe_max:q rejected:q seconds:d")
_GridConfig = _record("grid_config", "steps:i candidates:i reserved:i rows:q seed:Q paths:p")
_MetricsConfig = _record("metrics_config", "which:I directions:i neighbours:i seed:Q")
MetricsResult = _record("metrics_result", "which:I sw2:d w2:d energy:d frechet:d frechet_matched:d precision:d "
                        "recall:d mmd:d total_variance:d total_variance_b:d")
_FlowMetricsConfig = _record("flow_metrics_config", "steps:i rows:q paths:p real:p decode_solver:i decode_steps:i "
                             "seed:Q")
FlowMetrics = _record("flow_metrics", "reserved:I straightness:d chord2:d arc_over_chord:d path_straightness:d "
                      "path_chord2:d path_arc_over_chord:d crossing_variance:d budget:d drift:d")
_EnsembleSourceConfig = _record("ensemble_source_config", "guide:i guide_times:2d seed:Q start:p real:p rho:d solver:i "
                                "steps:i rtol:d atol:d cond:p cond_count:q guides:p visitor:p visit_steps:i windows:i "
                                "tolerance:d bend:d")
SourceInfo = _record("source_info", "kind:i degree:i generation:i dim:q cond_dim:q count:q nfe:d residual:d "
                     "relative_residual:d")
TensorsInfo = _record("tensors_info", "format:i count:q texts:q raw_bytes:Q file_bytes:Q")
_TrainerConfig = _record("trainer_config", "loss:i steps:q batch:q rate:d final_rate:d warmup:q beta1:d beta2:d "
                         "epsilon:d weight_decay:d clip:d ema:d huber_c:d time:i grid_steps:i u_shape:d logit_mean:d "
                         "logit_std:d at_zero:d at_grid:d one_step:d endpoint_weight:d consistency:d cond_dropout:d "
                         "seed:Q divergence:i divergence_limit:i snapshot_every:q rollback_rate:d")
TrainerInfo = _record("trainer_info", "has_ema:i step:q steps:q batch:q parameters:q work_bytes:q loss:d smooth_loss:d "
                      "rate:d gradient_norm:d fingerprint_differs:i reserved:i skipped:q rollbacks:q")


class _Whole:
    """An integer parameter. ctypes would cut off what does not fit; this refuses it."""

    def __init__(self, kind: Any):
        self.kind = kind

    def from_param(self, value: Any) -> Any:
        number = operator.index(value)
        result = self.kind(number)
        if result.value != number:
            raise ValueError(f"{number} is out of range")
        return result


class _Library:
    """The functions of the library, without bzd_ in their names."""

    def __init__(self) -> None:
        path = os.environ.get("BEZDIST_LIBRARY") or "libbezdist.so.0"
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            found = None if "BEZDIST_LIBRARY" in os.environ else ctypes.util.find_library("bezdist")
            if found is None:
                raise ImportError(f"libbezdist cannot be loaded ({error}); install it, or name it in the environment "
                                  "variable BEZDIST_LIBRARY") from None
            library = ctypes.CDLL(found)
        whole = {letter: _Whole(_TYPES[letter]) for letter in "iIqQz"}
        for word in _FUNCTIONS.split():
            name, result, parameters = (word + ":").split(":")[:3]
            try:
                function = library["bzd_" + name]
            except AttributeError:
                raise ImportError(f"{path} has no function bzd_{name}: it is older than this module") from None
            function.restype = _TYPES[result]
            function.argtypes = [whole.get(letter, _TYPES[letter]) for letter in parameters]
            function.__name__ = "bzd_" + name
            setattr(self, name, function)


def _check_layout(library: Any) -> None:
    """The structs here must be the library's. A newer library may have longer ones: it reads and fills what we know."""
    version, ours = library.version(), VERSION_MAJOR << 16 | VERSION_MINOR << 8 | VERSION_PATCH
    if version >> 16 != VERSION_MAJOR:
        raise ImportError(f"libbezdist is version {version >> 16}.{version >> 8 & 255}, this module is for "
                          f"{VERSION_MAJOR}.{VERSION_MINOR}")
    for noun, record in _RECORDS.items():
        size = getattr(library, noun + "_size")()
        if size < sizeof(record) or size > sizeof(record) and version <= ours:
            raise ImportError(f"bzd_{noun} has {size} bytes in this libbezdist and {sizeof(record)} in this module: "
                              "they do not belong together")


_c: Any = _Library()
_check_layout(_c)
