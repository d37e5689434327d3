// SPDX-License-Identifier: MIT
//! Random numbers that are functions of seed, stream, sample and place.
use crate::code::codes;
use crate::error::{check, int, product, Result};
use bezdist_sys as sys;

codes! {
    /// What numbers are for. From `USER` on: the caller's own.
    Stream: u32 {
        /// Where samples start.
        NOISE = BZD_STREAM_NOISE,
        /// Order of the target data set.
        ORDER = BZD_STREAM_ORDER,
        /// Time of a training row.
        TIME = BZD_STREAM_TIME,
        /// Which training rows lose their condition.
        DROPOUT = BZD_STREAM_DROPOUT,
        /// Initial weights.
        INIT = BZD_STREAM_INIT,
        /// Order of the source data set.
        PARTNER = BZD_STREAM_PARTNER,
        /// Member drawn by a mixture.
        MEMBER = BZD_STREAM_MEMBER,
        /// Which paths start from real data.
        ANCHOR = BZD_STREAM_ANCHOR,
        /// Directions of the sliced metrics.
        METRIC = BZD_STREAM_METRIC,
        /// Middle and end of a consistency row.
        CONSISTENCY = BZD_STREAM_CONSISTENCY,
        /// Where an on-policy path leaves the student.
        VISIT = BZD_STREAM_VISIT,
        /// Fresh noise of the re-anchoring sampler.
        RENOISE = BZD_STREAM_RENOISE,
        /// The first of the caller's own.
        USER = BZD_STREAM_USER,
    }
}

/// Standard normal numbers `[n, dim]` of samples `first..first + n`.
pub fn noise(seed: u64, stream: Stream, first: i64, n: usize, dim: usize) -> Result<Vec<f32>> {
    let mut out = vec![0.0; product(&[n, dim])?];
    // SAFETY: n rows of dim numbers.
    check(unsafe { sys::bzd_noise(seed, stream.0, first, int("n", n)?, int("dim", dim)?, out.as_mut_ptr()) })?;
    Ok(out)
}

/// Uniform numbers in (0, 1), `[n, dim]`.
pub fn uniform(seed: u64, stream: Stream, first: i64, n: usize, dim: usize) -> Result<Vec<f32>> {
    let mut out = vec![0.0; product(&[n, dim])?];
    // SAFETY: n rows of dim numbers.
    check(unsafe { sys::bzd_uniform(seed, stream.0, first, int("n", n)?, int("dim", dim)?, out.as_mut_ptr()) })?;
    Ok(out)
}
