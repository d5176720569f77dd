//! What machines outside of the clinic call: the hooks of calendar vendors (`/hooks/google`, `/hooks/graph`).
//!
//! It must not know CalDAV, the store or any vendor's words. A hook's request is bounded, taken apart into plain data and
//! given to a [`hooks::Receiver`], which says what it is; the answer is HTTP again. Start with [`hooks::answer`].
//!
//! RFC 9110 (HTTP).
#![warn(missing_docs)]

pub mod hooks;
mod limits;
