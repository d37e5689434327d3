// SPDX-License-Identifier: MIT
//! bezdist/path.h: functions on Bezier paths.

use crate::*;

extern "C" {
    pub fn bzd_path_evaluate(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        count: i64,
        times: *const f64,
        points: *mut f32,
    ) -> bzd_status;
    pub fn bzd_path_derivative(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        count: i64,
        times: *const f64,
        velocities: *mut f32,
    ) -> bzd_status;
    pub fn bzd_path_elevate(n: i64, degree: i32, dim: i64, paths: *const f32, to: i32, out: *mut f32) -> bzd_status;
    pub fn bzd_path_reduce(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        to: i32,
        out: *mut f32,
        error: *mut f64,
    ) -> bzd_status;
    pub fn bzd_path_split(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        t: f64,
        left: *mut f32,
        right: *mut f32,
    ) -> bzd_status;
    pub fn bzd_path_measure(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        straightness: *mut f64,
        arc: *mut f64,
        chord: *mut f64,
    ) -> bzd_status;
    pub fn bzd_path_curvature(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        count: i64,
        times: *const f64,
        curvature: *mut f64,
    ) -> bzd_status;
    pub fn bzd_path_distance(
        n: i64,
        degree: i32,
        dim: i64,
        a: *const f32,
        b: *const f32,
        distance: *mut f64,
    ) -> bzd_status;
    pub fn bzd_path_from_waypoints(
        n: i64,
        degree: i32,
        dim: i64,
        start: *const f32,
        guides: *const f32,
        tau: *const f64,
        end: *const f32,
        paths: *mut f32,
    ) -> bzd_status;
    pub fn bzd_path_targets(
        n: i64,
        degree: i32,
        dim: i64,
        paths: *const f32,
        t: *const f32,
        x: *mut f32,
        u: *mut f32,
    ) -> bzd_status;
}
