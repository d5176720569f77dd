//! A whole tenant on its way to another instance: what it is made of, in plain records, piece by piece.
//!
//! Sealing and the file are the caller's. App passwords and feeds are not in it: their hashes mean nothing under another
//! instance's keys. Neither is the history: clients synchronise anew, and find the same octets under the same ETags.
//!
//! Accounts at vendors with their secrets, links, and what they know are not in it either: tokens belong to the instance that
//! signed in, and two instances that keep one vendor's calendar equal would undo each other's work. They go along only
//! where the tenant stays in its instance and changes its keys (`rekey.rs`).

mod export;
mod import;
mod own;
mod rekey;

pub use export::TenantDump;
pub use import::TenantImport;

/// What an export or an import held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantReport {
    /// The name of the tenant.
    pub tenant: String,
    /// Its people.
    pub people: u64,
    /// Its calendars, without those in the trash.
    pub calendars: u64,
    /// Calendar object resources, with those of calendars in the trash.
    pub objects: u64,
    /// Entries of the trash.
    pub trash: u64,
}
