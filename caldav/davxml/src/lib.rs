//! The XML bodies of WebDAV and CalDAV, read to values and written from values.
//!
//! Pure functions over octets. The crate knows no HTTP, no storage, no clock and no iCalendar; hrefs are text
//! that the caller encodes and decodes. It serves our server and our own requests to other servers.
//!
//! Reading: [`parse()`] turns octets into an [`Element`], within [`Limits`] and with every rule of
//! well-formedness checked; then the function of the method reads its grammar: [`parse_propfind`],
//! [`parse_proppatch`], [`parse_mkcol`], [`parse_mkcalendar`], [`parse_report`]. [`XmlError`] says which answer
//! a refused body gets. [`parse_multistatus`] and [`parse_error`] read what other servers answer.
//!
//! Writing: [`Multistatus`] for the answers of PROPFIND, PROPPATCH and REPORT, in pieces; [`error_body`] and its
//! neighbours for the rest; [`Fragment`] for what goes into them; [`ask_properties`] and its neighbours for what we ask. Nothing can be written that a parser does not
//! read back as it was meant.
//!
//! Start reading at `parse.rs`, then `report.rs` and `multistatus.rs`.
//!
//! RFC 4918 section 14, 4791 section 9, 6578 section 6, 3744 section 9, 5689, 5995, 7809, 3253 section 3.8;
//! XML 1.0 (fifth edition), Namespaces in XML 1.0 (third edition).

#![warn(missing_docs)]

mod ask;
mod attributes;
mod bodies;
mod calendar_data;
mod chars;
mod decode;
mod element;
mod error;
mod escape;
mod filter;
mod filter_grammar;
mod fragment;
mod grammar;
mod limits;
mod mkcol;
mod multistatus;
pub mod names;
mod namespaces;
mod parse;
mod principals;
mod propfind;
mod proppatch;
mod reference;
mod reply;
mod report;
mod serialize;
mod status;
mod time_range;
mod value;

pub use ask::{ask_changes, ask_objects, ask_properties, ask_uid};
pub use bodies::{error_body, mkcalendar_response, mkcol_response, principal_search_property_set};
pub use calendar_data::{
    CalendarDataRequest, CompChoice, CompRequest, PropChoice, PropRequestLine, Recurrence,
};
pub use element::{Element, Node};
pub use error::XmlError;
pub use escape::{push_escaped_attr, push_escaped_text};
pub use filter::{
    Collation, CompFilter, CompRule, Filter, ParamFilter, ParamRule, PropFilter, PropRule, Test, TextMatch,
};
pub use fragment::{Fragment, document};
pub use limits::{EXPAND_LEVELS_MAX, Limits, PROPERTIES_MAX};
pub use mkcol::{MakeCollection, parse_mkcalendar, parse_mkcol};
pub use multistatus::Multistatus;
pub use names::Name;
pub use parse::parse;
pub use principals::{
    MatchKind, PrincipalMatch, PrincipalMatchTarget, PrincipalPropertySearch, PropertySearch,
};
pub use propfind::{Propfind, parse_propfind};
pub use proppatch::{PropPatchOp, parse_proppatch};
pub use reply::{MultistatusReply, PropStatElement, ResponseElement, parse_error, parse_multistatus};
pub use report::{
    CalendarMultiget, CalendarQuery, ExpandProp, PropRequest, Report, SyncCollection, SyncLevel, parse_report,
};
pub use time_range::{Period, TimeRange};
pub use value::{PropStat, PropValue, Value};
