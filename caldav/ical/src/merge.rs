//! Many objects to one calendar, for GET on a collection and for export.

use std::collections::{HashMap, HashSet};

use crate::zone::{How, Resolved, Zones};
use crate::{Component, PRODID, Property};

/// Joins objects to one VCALENDAR, piece by piece: what it keeps is one definition of each time zone.
///
/// Two objects may use one TZID for different zones ("Customized Time Zone" of Outlook). The second one is then written
/// under another name, in its definition and wherever it is used, so that no time changes its meaning.
#[derive(Default)]
pub struct Merger {
    /// For each TZID the definitions met, and the name that each was written under.
    zones: HashMap<String, HashMap<String, String>>,
    /// Every name written.
    names: HashSet<String>,
}

impl Merger {
    /// Nothing joined yet.
    #[must_use]
    pub fn new() -> Merger {
        Merger::default()
    }

    /// Writes the beginning of the calendar, with its display name for the clients that read one.
    pub fn open(&mut self, name: Option<&str>, out: &mut String) {
        out.push_str("BEGIN:VCALENDAR\r\n");
        let fixed = [("VERSION", "2.0"), ("PRODID", PRODID), ("CALSCALE", "GREGORIAN")];
        let fixed = fixed.into_iter().map(|(name, value)| Property::new(name, value));
        let name = name.map(|name| Property::text_of("X-WR-CALNAME", name));
        fixed.chain(name).for_each(|property| out.push_str(&property.to_text()));
    }

    /// Writes the components of one object, and the zones that are new.
    pub fn push(&mut self, calendar: &Component, out: &mut String) {
        let mut renamed = HashMap::new();
        let mut seen = HashSet::new();
        let zones = Zones::read(calendar);
        for zone in calendar.components_named("VTIMEZONE") {
            let Some(id) = zone.property("TZID").map(|id| id.text().trim().to_owned()) else { continue };
            // The first counts where an object defines a TZID twice, as in `Zones`.
            if seen.insert(id.clone()) {
                self.push_zone(id, zone, &zones, &mut renamed, out);
            }
        }
        for component in calendar.components().iter().filter(|component| !component.is("VTIMEZONE")) {
            if renamed.is_empty() {
                out.push_str(&component.to_text());
            } else {
                out.push_str(&rename_zones(component.clone(), &renamed).to_text());
            }
        }
    }

    /// Writes the end of the calendar.
    pub fn close(self, out: &mut String) {
        out.push_str("END:VCALENDAR\r\n");
    }

    fn push_zone(
        &mut self,
        id: String,
        zone: &Component,
        zones: &Zones<'_>,
        renamed: &mut HashMap<String, String>,
        out: &mut String,
    ) {
        let definition = definition(zone, &zones.resolve(&id));
        let known = self.zones.entry(id.clone()).or_default();
        let count = known.len();
        let name = known.entry(definition).or_insert_with(|| {
            let numbered = (count + 1..).map(|n| if n == 1 { id.clone() } else { format!("{id} ({n})") });
            let name = numbered.into_iter().find(|name| !self.names.contains(name)).unwrap_or_default();
            let mut zone = zone.clone();
            if name != id {
                zone.set_property(Property::text_of("TZID", &name));
            }
            out.push_str(&zone.to_text());
            self.names.insert(name.clone());
            name
        });
        if *name != id {
            renamed.insert(id, name.clone());
        }
    }
}

/// What tells a zone from others of its TZID: the zone it is known to be, else the rules.
fn definition(zone: &Component, resolved: &Resolved) -> String {
    match resolved.how {
        How::Exact | How::Alias | How::Windows | How::Offset => resolved.zone.name().to_owned(),
        How::Vtimezone | How::Assumed => {
            let mut rules = zone.shell();
            zone.components().iter().for_each(|observance| rules.push_component(observance.clone()));
            rules.to_text()
        }
    }
}

fn rename_zones(mut component: Component, renamed: &HashMap<String, String>) -> Component {
    component.rebuild_properties(|property| {
        let new = property.param("TZID").and_then(|id| renamed.get(id.trim()));
        Some(match new {
            Some(new) => property.without_param("TZID").with_param("TZID", new),
            None => property,
        })
    });
    component.rebuild_components(|inner| Some(rename_zones(inner, renamed)));
    component
}
