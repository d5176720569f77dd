//! The daemon is killed at random moments while it is written to; the test is `tests/kill.rs`.
//!
//! It knows the daemon only from outside. `ALMANAC_CRASH_ROUNDS` and `ALMANAC_CRASH_SEED` choose how often and where.
