//! Backups: every row of one state in one file, sealed, chained, and verified without being restored.
//!
//! ```text
//! "ALMBACK\x01" 8 | id 16 | key check 16                       what anybody may see
//! length 4 | nonce 12 | sealed piece                           again and again
//! ```
//! A piece begins with its kind: what the backup is of (first), rows, what it must amount to (last). The pieces are
//! sealed by AES-256-GCM under a key derived from the root key and the backup's id. The associated data of each name
//! its number and the SHA-256 chain over everything before it: a piece that is changed, moved, left out or taken from
//! another backup does not open, and a file that is cut lacks its last piece.
//!
//! The rows are those of the engine, sealed as they are: a restore makes the same records with the same ETags, but a
//! new incarnation, so that every client synchronises anew. The root key is not in a backup.

pub mod dump;
mod pieces;
mod read;
mod write;

use std::io;

use almanac_base::StoreId;
use jiff::Timestamp;

pub use read::{restore, verify};

use crate::error::StoreError;
use crate::open::OpenError;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupInfo {
    /// The store it was made of.
    pub incarnation: StoreId,
    /// The version of that store.
    pub version: u32,
    /// When it was begun, to the second.
    pub made: Timestamp,
    /// The rows in it.
    pub rows: u64,
    /// The bytes of these rows.
    pub bytes: u64,
}

/// Called from time to time with the rows and the bytes so far.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// Why a backup was not made, verified or restored. Each text is one sentence with a remedy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file does not begin as a backup does.
    #[error("this is not a backup of Almanac")]
    Foreign,
    /// It was made by a newer version of the program.
    #[error("the backup is of a store of version {found}, this program knows {known}; use the newer program")]
    NewerVersion {
        /// The version of the store in the backup.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// It was made under another root key.
    #[error("the root key does not fit this backup; name the key that it was made under with --key-file")]
    WrongKey,
    /// A piece was changed, moved or left out.
    #[error("the backup is damaged after {rows} rows; use another one")]
    Damaged {
        /// The rows that were read before.
        rows: u64,
    },
    /// The file ends before its last piece.
    #[error(
        "the backup is cut off after {rows} rows: it was not finished or not copied whole; use another one"
    )]
    Cut {
        /// The rows that were read before.
        rows: u64,
    },
    /// The root key of the store is between two.
    #[error(
        "a change of the root key is not finished; finish it with key rotate --root, or restart the server"
    )]
    KeyUnfinished,
    /// There is a store already where one was to be restored, or a file that remembers one.
    #[error(
        "there is a store in {0} already, or head or root.pending of one; restore into an empty state folder"
    )]
    NotEmpty(std::path::PathBuf),
    /// The new store could not be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The backup could not be read.
    #[error("read the backup")]
    Read(#[source] io::Error),
    /// The backup could not be written.
    #[error("write the backup")]
    Write(#[source] io::Error),
}
