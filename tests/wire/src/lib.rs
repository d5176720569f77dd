//! What a client sees on the wire: the tests are in `tests/wire/`, one module per RFC section or topic.
//!
//! They know the daemon only by its sockets, its command line and its state folder (`almanac-harness`). Start reading at
//! `tests/wire/main.rs`. RFC 4791, 4918, 6578, 3744, 5397, 5689, 5995, 6764, 7240, 7809, 8144.
