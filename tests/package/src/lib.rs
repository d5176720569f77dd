//! Tests of the units and of the Debian package; all is in `tests/`.
