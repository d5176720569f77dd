//! Accounts at vendors, links, and what a link knows of each object: the records that synchronisation stands on.
//!
//! What to do is decided elsewhere (`daemon/sync`); here it is read and written, each step as one commit with the object
//! it is about. This crate knows no vendor: secrets, versions, tokens and bases are text and octets to it.
//!
//! Start with [`StepView`] and `App::settle_step`, which are one step for one object.

mod accounts;
mod changes;
mod history;
mod links;
mod pairs;
mod removal;
mod step;
mod waiting;

pub use accounts::{AccountInfo, Enabled, NewAccount};
pub use changes::{LocalChange, LocalChanges};
pub use history::{Loser, Lost, LostEntry};
pub use links::{Channel, LinkInfo, LinkMode, LinkPolicy, LinkPrivacy, LinkState, NewLink, Place};
pub(crate) use pairs::remote_key;
pub use pairs::{Dispatch, DueRow, Pair, PairOrigin, PairRole, PairRow, PairState, Turns};
pub(crate) use removal::{joined_links, remove_links_of, sweep};
pub use step::{Settled, Step, StepChange, StepView};
pub(crate) use waiting::Counted;
pub use waiting::Waiting;
