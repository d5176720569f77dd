//! The daemon is killed while it works, and its disk fails; the tests are in `tests/crash`.
//!
//! It knows the daemon only from outside: its sockets, its command line, and the calls that it makes to the system.
//! `interpose/faults.c` stands between it and the disk. Start reading at `tests/crash/main.rs`.
