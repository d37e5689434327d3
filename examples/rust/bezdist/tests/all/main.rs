// SPDX-License-Identifier: MIT
//! One program for all tests: compiling is what they cost.
mod errors;
mod ownership;
mod panics;
mod round;
mod threads;
