//! Real calendar clients against the built daemon; each test in `tests/` runs one of them, unattended.
//!
//! What a client did is checked on both sides with a third implementation, the Python package `icalendar`. A client that is
//! not installed is a failure: `tests/conformance/install clients` installs them all. The scripts are beside this crate.
