//! Live properties. `table.rs` holds one row for each: to add a property, add its row there and the function
//! that reads its value next to its kin (`dav.rs`, `caldav.rs`, `acl.rs`, `principal.rs`).
//!
//! RFC 4918 section 15, RFC 3744 sections 4 and 5, RFC 4791 sections 5.2 and 6.2, RFC 5397, RFC 5995, RFC 4331,
//! RFC 6578 section 4, RFC 6638 section 9.1, RFC 7809 section 5.2.

mod acl;
mod caldav;
mod dav;
mod patch;
mod principal;
mod resource;
mod selection;
mod table;

pub(crate) use acl::{WITH_ACL, shares};
pub(crate) use dav::{TEXT_CALENDAR, quoted};
pub(crate) use patch::{PropRule, change_of, component_set, removal_of};
pub(crate) use principal::addresses;
pub(crate) use resource::{On, Resource, View};
pub(crate) use selection::{Absent, Selection};
pub(crate) use table::{Found, row_of};
