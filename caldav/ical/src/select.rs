//! Parts of an object, as `CALDAV:calendar-data` asks for them (RFC 4791 section 9.6).

use crate::{Component, Property};

/// Whether `CALDAV:allprop` or `CALDAV:allcomp` was given, or a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Members {
    /// Every member.
    All,
    /// Those in the list.
    #[default]
    Listed,
}

/// Whether the value of a property is wanted (`novalue` of section 9.6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PropValue {
    /// `novalue="no"`, the default.
    #[default]
    With,
    /// `novalue="yes"`: name and parameters only.
    Without,
}

/// `CALDAV:prop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropSelection {
    /// The name; letters compare without case.
    pub name: String,
    /// Whether its value is wanted.
    pub value: PropValue,
}

/// `CALDAV:comp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompSelection {
    /// The name; letters compare without case.
    pub name: String,
    /// Which properties.
    pub all_props: Members,
    /// The list, for [`Members::Listed`].
    pub props: Vec<PropSelection>,
    /// Which subcomponents.
    pub all_comps: Members,
    /// The list, for [`Members::Listed`].
    pub comps: Vec<CompSelection>,
}

impl CompSelection {
    /// A `CALDAV:comp` without children stands for the whole component, as in the example of section 7.8.1, where
    /// `<C:comp name="VTIMEZONE"/>` is answered with all of it.
    fn is_whole(&self) -> bool {
        let listed = self.all_props == Members::Listed && self.all_comps == Members::Listed;
        listed && self.props.is_empty() && self.comps.is_empty()
    }
}

/// The part of `component` that `selection` names, in the order of `component`. A selection of another component's name
/// leaves nothing but BEGIN and END.
#[must_use]
pub fn select(component: &Component, selection: &CompSelection) -> Component {
    if !component.is(&selection.name) {
        return component.shell();
    }
    if selection.is_whole() {
        return component.clone();
    }
    let mut selected = component.clone();
    if selection.all_props == Members::Listed {
        selected.rebuild_properties(|property| select_property(property, &selection.props));
    }
    if selection.all_comps == Members::Listed {
        selected.rebuild_components(|inner| {
            let wanted = selection.comps.iter().find(|wanted| inner.is(&wanted.name))?;
            Some(select(&inner, wanted))
        });
    }
    selected
}

fn select_property(property: Property, wanted: &[PropSelection]) -> Option<Property> {
    let wanted = wanted.iter().find(|wanted| property.is(&wanted.name))?;
    Some(match wanted.value {
        PropValue::With => property,
        PropValue::Without => property.with_value(""),
    })
}
