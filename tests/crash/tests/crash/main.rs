//! The daemon on a disk that fails, and killed at random moments and at every step: what was acknowledged is there,
//! nothing is half there.
//!
//! `ALMANAC_CRASH_ROUNDS` rounds on one store; `ALMANAC_CRASH_SEED` repeats the choices of an earlier run;
//! `ALMANAC_FAULTS=all` tries every place where the disk can fail instead of a sample.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod faults;
mod interposer;
mod kill;
mod ledger;
mod model;
mod random;
