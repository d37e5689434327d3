// SPDX-License-Identifier: MIT
//! Bezier paths: functions on arrays.
use crate::error::{check, int, int32, product, rows, same, Error, Result, Status};
use bezdist_sys as sys;

/// Paths `[n, degree + 1, dim]` in an array of the caller's, the first point of each at t = 0, the last at t = 1.
#[derive(Clone, Copy, Debug)]
pub struct Paths<'a> {
    points: &'a [f32],
    degree: usize,
    dim: usize,
    n: usize,
}

/// What [`Paths::measure`] gives, one number a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Integral of |B' - (end - start)|^2.
    pub straightness: Vec<f64>,
    /// Length along the curve.
    pub arc: Vec<f64>,
    /// Length of the straight line.
    pub chord: Vec<f64>,
}

impl<'a> Paths<'a> {
    /// Looks at an array as paths. It must hold whole ones.
    pub fn new(points: &'a [f32], degree: usize, dim: usize) -> Result<Paths<'a>> {
        if degree == 0 {
            return Err(Error::new(Status::ARGUMENT, "degree: 0, expected 1..16".to_string()));
        }
        let n = rows("points", points.len(), product(&[degree.saturating_add(1), dim])?)?;
        Ok(Paths { points, degree, dim, n })
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    fn sizes(&self) -> Result<(i64, i32, i64)> {
        Ok((int("n", self.n)?, int32("degree", self.degree)?, int("dim", self.dim)?))
    }

    /// Points `[n, times, dim]`.
    pub fn evaluate(&self, times: &[f64]) -> Result<Vec<f32>> {
        let ((n, degree, dim), count) = (self.sizes()?, int("times", times.len())?);
        let mut points = vec![0.0; product(&[self.n, times.len(), self.dim])?];
        let (paths, out) = (self.points.as_ptr(), points.as_mut_ptr());
        // SAFETY: the arrays have these sizes.
        check(unsafe { sys::bzd_path_evaluate(n, degree, dim, paths, count, times.as_ptr(), out) })?;
        Ok(points)
    }

    /// Velocities `[n, times, dim]`.
    pub fn derivative(&self, times: &[f64]) -> Result<Vec<f32>> {
        let ((n, degree, dim), count) = (self.sizes()?, int("times", times.len())?);
        let mut velocities = vec![0.0; product(&[self.n, times.len(), self.dim])?];
        let (paths, out) = (self.points.as_ptr(), velocities.as_mut_ptr());
        // SAFETY: the arrays have these sizes.
        check(unsafe { sys::bzd_path_derivative(n, degree, dim, paths, count, times.as_ptr(), out) })?;
        Ok(velocities)
    }

    /// Curvature `[n, times]`.
    pub fn curvature(&self, times: &[f64]) -> Result<Vec<f64>> {
        let ((n, degree, dim), count) = (self.sizes()?, int("times", times.len())?);
        let mut curvature = vec![0.0; product(&[self.n, times.len()])?];
        let (paths, out) = (self.points.as_ptr(), curvature.as_mut_ptr());
        // SAFETY: the arrays have these sizes.
        check(unsafe { sys::bzd_path_curvature(n, degree, dim, paths, count, times.as_ptr(), out) })?;
        Ok(curvature)
    }

    /// The same curves with `to + 1` control points.
    pub fn elevate(&self, to: usize) -> Result<Vec<f32>> {
        let ((n, degree, dim), degree_to) = (self.sizes()?, int32("to", to)?);
        let mut out = vec![0.0; product(&[self.n, to.saturating_add(1), self.dim])?];
        // SAFETY: the arrays have these sizes.
        check(unsafe { sys::bzd_path_elevate(n, degree, dim, self.points.as_ptr(), degree_to, out.as_mut_ptr()) })?;
        Ok(out)
    }

    /// The nearest curves of a lower degree, and how far they are `[n]`.
    pub fn reduce(&self, to: usize) -> Result<(Vec<f32>, Vec<f64>)> {
        let ((n, degree, dim), degree_to) = (self.sizes()?, int32("to", to)?);
        let mut out = vec![0.0; product(&[self.n, to.saturating_add(1), self.dim])?];
        let mut error = vec![0.0; self.n];
        // SAFETY: the arrays have these sizes.
        check(unsafe {
            let (paths, out, error) = (self.points.as_ptr(), out.as_mut_ptr(), error.as_mut_ptr());
            sys::bzd_path_reduce(n, degree, dim, paths, degree_to, out, error)
        })?;
        Ok((out, error))
    }

    /// The halves before and after t.
    pub fn split(&self, t: f64) -> Result<(Vec<f32>, Vec<f32>)> {
        let (n, degree, dim) = self.sizes()?;
        let (mut left, mut right) = (vec![0.0; self.points.len()], vec![0.0; self.points.len()]);
        // SAFETY: the arrays have these sizes.
        check(unsafe {
            let (paths, left, right) = (self.points.as_ptr(), left.as_mut_ptr(), right.as_mut_ptr());
            sys::bzd_path_split(n, degree, dim, paths, t, left, right)
        })?;
        Ok((left, right))
    }

    /// Straightness, arc and chord of each path.
    pub fn measure(&self) -> Result<Measures> {
        let (n, degree, dim) = self.sizes()?;
        let (mut straightness, mut arc, mut chord) = (vec![0.0; self.n], vec![0.0; self.n], vec![0.0; self.n]);
        // SAFETY: the arrays have these sizes.
        check(unsafe {
            let (paths, straightness) = (self.points.as_ptr(), straightness.as_mut_ptr());
            sys::bzd_path_measure(n, degree, dim, paths, straightness, arc.as_mut_ptr(), chord.as_mut_ptr())
        })?;
        Ok(Measures { straightness, arc, chord })
    }

    /// How far each path is from another of the same shape, `[n]`.
    pub fn distance(&self, other: &Paths<'_>) -> Result<Vec<f64>> {
        let (n, degree, dim) = self.sizes()?;
        same("other.degree", other.degree, self.degree)?;
        same("other.points", other.points.len(), self.points.len())?;
        let mut distance = vec![0.0; self.n];
        let (a, b) = (self.points.as_ptr(), other.points.as_ptr());
        // SAFETY: the arrays have these sizes.
        check(unsafe { sys::bzd_path_distance(n, degree, dim, a, b, distance.as_mut_ptr()) })?;
        Ok(distance)
    }

    /// What a student is trained on, at a time `t [n]` for each path: states `[n, dim]` and heads `[n, degree, dim]`.
    pub fn targets(&self, t: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
        let (n, degree, dim) = self.sizes()?;
        same("t", t.len(), self.n)?;
        let mut x = vec![0.0; product(&[self.n, self.dim])?];
        let mut u = vec![0.0; product(&[self.n, self.degree, self.dim])?];
        let (paths, t) = (self.points.as_ptr(), t.as_ptr());
        // SAFETY: the arrays have these sizes.
        check(unsafe { sys::bzd_path_targets(n, degree, dim, paths, t, x.as_mut_ptr(), u.as_mut_ptr()) })?;
        Ok((x, u))
    }
}

/// Quadratics or cubics from `start [n, dim]` to `end [n, dim]` that pass `guides [n, times, dim]` at `times` (one:
/// quadratics, two: cubics): control points `[n, times + 2, dim]`.
pub fn through_waypoints(dim: usize, start: &[f32], guides: &[f32], times: &[f64], end: &[f32]) -> Result<Vec<f32>> {
    let n = rows("start", start.len(), dim)?;
    same("guides", guides.len(), product(&[n, times.len(), dim])?)?;
    same("end", end.len(), start.len())?;
    let degree = times.len() + 1;
    let mut paths = vec![0.0; product(&[n, degree + 1, dim])?];
    let (n, degree, dim) = (int("start", n)?, int32("times", degree)?, int("dim", dim)?);
    let (start, guides, times, end) = (start.as_ptr(), guides.as_ptr(), times.as_ptr(), end.as_ptr());
    // SAFETY: the arrays have these sizes.
    check(unsafe { sys::bzd_path_from_waypoints(n, degree, dim, start, guides, times, end, paths.as_mut_ptr()) })?;
    Ok(paths)
}
