//! What the store does when the program is killed, the disk fails or there is no room.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod disk;
mod failing;
mod full;
mod kill;
mod sled;
