//! The rules of the tree that no compiler checks: who may use whom, how long a file may be, what must stand in it.
//!
//! It must not know any other crate; it reads the tree as text and asks `cargo metadata`. Start reading at [`check`]:
//! one file per rule, each a function from a [`Tree`] to the complaints about it.
#![warn(missing_docs)]

mod compliance;
mod configuration;
mod layers;
mod manifests;
mod sizes;
mod source;
mod supply;
mod top;
mod tree;

pub use tree::{File, Tree};

/// Everything that is wrong with `tree`, one line each; empty when all rules hold.
#[must_use]
pub fn check(tree: &Tree) -> Vec<String> {
    [
        top::check(tree),
        manifests::check(tree),
        layers::check(tree),
        sizes::check(tree),
        source::check(tree),
        configuration::check(tree),
        compliance::check(tree),
        supply::check(tree),
    ]
    .concat()
}
