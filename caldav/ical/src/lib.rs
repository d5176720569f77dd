//! iCalendar text: reading it without losing a line, checking it, and telling when things happen.
//!
//! The stored form of a calendar object resource is the octets a client sent. This crate reads them into an
//! ordered tree that keeps what it does not understand, checks the rules of a PUT, edits single lines, joins and
//! splits whole calendars, and computes instances, busy time and time zones.
//!
//! It knows no HTTP, XML, storage, async runtime or clock: the present moment is always a parameter. Every loop
//! over input has a bound from [`Limits`] or a budget, and no recursion is deeper than the tree may be.
//!
//! Where to start: [`CalendarObject::parse`] for what a PUT goes through, [`tree`] for the shape of a component,
//! [`series`] for times. Text: [`lines`] → [`tree`] → [`object`] → [`skeleton`], [`select`], [`merge`], [`split`], [`cut`](mod@cut), [`edit`],
//! [`build`]. Time: [`value`] → [`zone`] → [`recur`] → [`series`].
//!
//! RFC 5545 (the format), 6868 (parameter encoding), 4791 (sections 4.1, 5.3.2.1, 7.10, 9.6 to 9.9); components and
//! properties of RFC 7953 and 7986 are kept as sent.
#![warn(missing_docs)]

pub mod build;
pub mod cut;
pub mod edit;
pub mod invalid;
pub mod limits;
pub mod lines;
pub mod merge;
pub mod object;
pub mod recur;
mod rules;
pub mod select;
pub mod series;
pub mod skeleton;
pub mod split;
pub mod tree;
pub mod value;
pub mod zone;

pub use invalid::Invalid;
pub use limits::Limits;
pub use object::{CalendarObject, ComponentKind};
pub use rules::parse_timezone;
pub use tree::{Component, Parameter, Property};

/// What we call ourselves in the PRODID of objects that are ours.
pub const PRODID: &str = "-//Almanac//Almanac//EN";
