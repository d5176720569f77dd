//! A tree to octets. The depth of the recursion is the depth of the tree, which reading has bounded.

use super::{Component, ContentLine, Member};

pub(super) fn text(component: &Component) -> String {
    let mut out = Vec::new();
    walk(component, &mut |line| line.write_text(&mut out));
    into_text(out)
}

/// Each line is UTF-8 by itself, so nothing is ever replaced.
pub(super) fn into_text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

pub(super) fn octets(component: &Component) -> Vec<u8> {
    let mut out = Vec::new();
    walk(component, &mut |line| line.write_octets(&mut out));
    out
}

fn walk(component: &Component, write: &mut dyn FnMut(&ContentLine)) {
    write(&component.begin);
    for member in component.members() {
        match member {
            Member::Property(property) => write(property.line()),
            Member::Component(component) => walk(component, write),
        }
    }
    write(&component.end);
}
