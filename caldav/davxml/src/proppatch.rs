//! The body of PROPPATCH (RFC 4918 section 14.19).

use crate::names::DAV;
use crate::{Element, Name, XmlError, grammar};

/// One step of a PROPPATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropPatchOp {
    /// Set the property of this element's name. The element carries the `xml:lang` that was in scope.
    Set(Element),
    /// Remove this property.
    Remove(Name),
}

/// Reads the body of a PROPPATCH into its steps in document order, which is the order to apply them in.
///
/// # Errors
/// `UnexpectedRoot` if it is not a `DAV:propertyupdate` (or absent), `Invalid` if it has neither
/// `DAV:set` nor `DAV:remove`.
pub fn parse_proppatch(body: Option<&Element>) -> Result<Vec<PropPatchOp>, XmlError> {
    let root = grammar::root(body, DAV, "propertyupdate")?;
    let mut steps = Vec::new();
    let mut empty = true;
    for step in root.elements() {
        if step.is(DAV, "set") {
            steps.extend(grammar::properties(step, root.lang()).into_iter().map(PropPatchOp::Set));
        } else if step.is(DAV, "remove") {
            let props = step.children_named(DAV, "prop").flat_map(Element::elements);
            steps.extend(props.map(|property| PropPatchOp::Remove(property.name.clone())));
        } else {
            continue;
        }
        empty = false;
    }
    if empty { Err(XmlError::Invalid("neither set nor remove")) } else { Ok(steps) }
}
