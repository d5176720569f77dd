//! What a calendar vendor and Almanac have in common: the normal form of a calendar object, field by field.
//!
//! It must not know HTTP, XML, storage or any vendor. Vendors translate their events into [`Form`]s and back; the sync
//! engine compares and merges [`Form`]s and knows nothing else of an event.
//!
//! Start with [`form`]. RFC 5545 (the fields), RFC 7986 (CONFERENCE, COLOR).
#![warn(missing_docs)]

pub mod form;

pub use form::{Field, Form, Instance, Moment, Part, Value};
