//! The keys.

use std::path::PathBuf;

use clap::Subcommand;

use super::Listing;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Gives every tenant a new key, or the store a new root key; requests go on
    #[command(after_help = "\
Examples:
  almanac key rotate
  almanac key rotate --tenant riverside --json
  almanac key rotate --root
  almanac key rotate --root --next-key-file /root/next.key         for key = \"credential\"
A tenant's new key seals everything anew and the older ones are removed; the root key stays the same. A new root key
wraps all tenants' keys anew, after which the one before opens nothing but older backups; follow it by a rotation of the
tenants' keys if somebody may have copied the store and the root key. A new root key that is given with --next-key-file
has to be put into its place; until the server runs with it, the one before opens the store too. Either may be cut off
at any time: nothing is lost, and the next one, or the next start, finishes it.")]
    Rotate {
        /// Only this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// A new root key instead of new tenants' keys
        #[arg(long, conflicts_with = "tenant")]
        root: bool,
        /// The new root key: 64 hexadecimal digits, in a file that only its owner may read; made if this is not given
        #[arg(long, value_name = "FILE", requires = "root")]
        next_key_file: Option<PathBuf>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Exchanges the keys by which records are found; the server must be stopped
    #[command(after_help = "\
Examples:
  systemctl stop almanac && almanac key rekey-index && systemctl start almanac
  almanac key rekey-index --tenant riverside --json
Each tenant is copied record by record into one with keys and an id of its own, which then takes its place under the
same name; the file of the store
may grow to three times its size meanwhile. It may be cut off at any time: a tenant has its old keys then, or its new ones. Objects keep their
ETags and people their app passwords; programs synchronise anew. In logs and in `tenant list` the tenant has another
id from then on. Logins and app passwords themselves are found by keys
of the instance, which stay.")]
    RekeyIndex {
        /// Only this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// The passphrase that protects the root key
    #[command(subcommand, after_help = "Examples:\n  almanac key passphrase change")]
    Passphrase(PassphraseVerb),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PassphraseVerb {
    /// Wraps the root key by another passphrase, while the server runs or not; nothing else changes
    #[command(after_help = "\
Examples:
  almanac key passphrase change                                    asks twice, and shows nothing
  almanac key passphrase change --new-passphrase-file /root/new
  almanac key passphrase change --key-file /var/lib/almanac/root.key
The present passphrase comes from passphrase_file in [store] or from the credential almanac.passphrase. Before the next
start, put the new one there.")]
    Change {
        /// A file with the new passphrase, that only its owner may read; without this it is asked for
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// Wraps the key of this file, for a store that had key = "file" until now
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
}
