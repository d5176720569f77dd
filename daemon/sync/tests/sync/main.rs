//! Rules of sync as tables, and laws for any forms.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod decide;
mod forms;
mod merge;
mod pace;
