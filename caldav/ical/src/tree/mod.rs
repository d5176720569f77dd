//! An ordered tree of components and properties that keeps what it does not understand.
//!
//! Names compare without case. Values are raw: escaped as sent, but unfolded. A line that nobody touched is written
//! as it was sent, and properties that follow a subcomponent stay behind it.

mod line;
mod parameter;
mod property;
mod read;
mod write;

use std::fmt;

use crate::lines::LineEnd;
use line::ContentLine;

pub use parameter::Parameter;
pub use property::Property;
pub(crate) use read::{delimiter, property_of};
pub use read::{read, read_all, read_counting};

/// A component: VCALENDAR, VEVENT, VALARM, X-ANYTHING.
///
/// Two components are equal if they hold the same content lines in the same order, however these were folded.
#[derive(Clone, PartialEq, Eq)]
pub struct Component {
    name: Box<str>,
    begin: ContentLine,
    end: ContentLine,
    properties: Vec<Property>,
    components: Vec<Component>,
    /// For each subcomponent, how many properties are written before it.
    slots: Vec<usize>,
}

impl Component {
    /// An empty component.
    #[must_use]
    pub fn new(name: &str) -> Component {
        let name = name.to_ascii_uppercase();
        let begin = ContentLine::new(format!("BEGIN:{name}"));
        let end = ContentLine::new(format!("END:{name}"));
        Component::between(name.into(), begin, end)
    }

    /// The name in upper case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is a component of that name; letters compare without case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// All properties, in order.
    #[must_use]
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// All subcomponents, in order.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The first property of that name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.is(name))
    }

    /// All properties of that name, in order.
    pub fn properties_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.is(name))
    }

    /// All subcomponents of that name, in order.
    pub fn components_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Component> {
        self.components.iter().filter(move |component| component.is(name))
    }

    /// The subcomponents, to change them in place.
    pub fn components_mut(&mut self) -> &mut [Component] {
        &mut self.components
    }

    /// The same BEGIN and END with nothing between them.
    #[must_use]
    pub fn shell(&self) -> Component {
        Component::between(self.name.clone(), self.begin.clone(), self.end.clone())
    }

    fn between(name: Box<str>, begin: ContentLine, end: ContentLine) -> Component {
        Component { name, begin, end, properties: Vec::new(), components: Vec::new(), slots: Vec::new() }
    }

    /// Adds a property after the others and before the subcomponents at the end.
    pub fn push_property(&mut self, property: Property) {
        let last = self.properties.len();
        for slot in self.slots.iter_mut().rev().take_while(|slot| **slot == last) {
            *slot += 1;
        }
        self.properties.push(property);
    }

    /// Adds a subcomponent at the end.
    pub fn push_component(&mut self, component: Component) {
        self.slots.push(self.properties.len());
        self.components.push(component);
    }

    /// [`Component::push_property`] for building in one expression.
    #[must_use]
    pub fn with_property(mut self, property: Property) -> Component {
        self.push_property(property);
        self
    }

    /// [`Component::push_component`] for building in one expression.
    #[must_use]
    pub fn with_component(mut self, component: Component) -> Component {
        self.push_component(component);
        self
    }

    /// Puts `property` where the first of its name is and removes the others of that name, or adds it.
    pub fn set_property(&mut self, property: Property) {
        let name = property.name().to_owned();
        let mut new = Some(property);
        self.rebuild_properties(|old| match old.is(&name) {
            // An equal line stays as it was sent.
            true => new.take().map(|new| if new == old { old } else { new }),
            false => Some(old),
        });
        if let Some(property) = new {
            self.push_property(property);
        }
    }

    /// Removes all properties of that name.
    pub fn remove_properties(&mut self, name: &str) {
        self.retain_properties(|property| !property.is(name));
    }

    /// Keeps the properties for which `keep` holds, in order.
    pub fn retain_properties(&mut self, mut keep: impl FnMut(&Property) -> bool) {
        self.rebuild_properties(|property| keep(&property).then_some(property));
    }

    /// Keeps the subcomponents for which `keep` holds, in order.
    pub fn retain_components(&mut self, mut keep: impl FnMut(&Component) -> bool) {
        self.rebuild_components(|component| keep(&component).then_some(component));
    }

    /// Passes every property through `change`; subcomponents stay behind the properties they followed.
    pub fn rebuild_properties(&mut self, mut change: impl FnMut(Property) -> Option<Property>) {
        let mut slots = self.slots.iter_mut().peekable();
        for (at, property) in std::mem::take(&mut self.properties).into_iter().enumerate() {
            while let Some(slot) = slots.next_if(|slot| **slot <= at) {
                *slot = self.properties.len();
            }
            self.properties.extend(change(property));
        }
        for slot in slots {
            *slot = self.properties.len();
        }
    }

    /// Passes every subcomponent through `change`; each stays behind the properties it followed.
    pub fn rebuild_components(&mut self, mut change: impl FnMut(Component) -> Option<Component>) {
        let slots = std::mem::take(&mut self.slots);
        for (component, slot) in std::mem::take(&mut self.components).into_iter().zip(slots) {
            if let Some(component) = change(component) {
                self.components.push(component);
                self.slots.push(slot);
            }
        }
    }

    /// The properties and subcomponents as they are written.
    fn members(&self) -> impl Iterator<Item = Member<'_>> {
        let mut components = self.components.iter().zip(&self.slots).peekable();
        let mut properties = self.properties.iter().enumerate().peekable();
        std::iter::from_fn(move || {
            let next_property = properties.peek().map_or(usize::MAX, |(at, _)| *at);
            match components.next_if(|(_, slot)| **slot <= next_property) {
                Some((component, _)) => Some(Member::Component(component)),
                None => properties.next().map(|(_, property)| Member::Property(property)),
            }
        })
    }

    /// The text of this component: untouched lines as they were sent, others folded at 75 octets with CRLF.
    ///
    /// It has no byte order mark, ends with a line end, and is UTF-8 even where a fold had split a character.
    #[must_use]
    pub fn to_text(&self) -> String {
        write::text(self)
    }

    /// How the BEGIN line ends.
    pub(crate) fn line_end(&self) -> LineEnd {
        self.begin.end()
    }

    /// Every octet as it was sent, the byte order mark, blank lines and all folds included.
    pub(crate) fn to_octets(&self) -> Vec<u8> {
        write::octets(self)
    }
}

/// What stands between BEGIN and END.
enum Member<'a> {
    Property(&'a Property),
    Component(&'a Component),
}

/// Shows counts only: values are patient data.
impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (properties, components) = (self.properties.len(), self.components.len());
        write!(f, "Component({properties} properties, {components} components)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    const TEXT: &str = "BEGIN:VCALENDAR\r\nA:1\r\nBEGIN:X\r\nEND:X\r\nB:2\r\nA:3\r\nBEGIN:Y\r\nEND:Y\r\nC:4\r\n\
        BEGIN:Z\r\nEND:Z\r\nEND:VCALENDAR\r\n";

    /// Applies `change` and shows the lines in between, without BEGIN and END of the calendar.
    fn after(change: impl FnOnce(&mut Component)) -> String {
        let mut calendar = read(TEXT.as_bytes(), &Limits::default()).unwrap();
        change(&mut calendar);
        let text = calendar.to_text().replace("\r\n", " ");
        let again = read(calendar.to_text().as_bytes(), &Limits::default()).unwrap();
        assert!(again == calendar, "{text}");
        text.replace("BEGIN:VCALENDAR ", "").replace(" END:VCALENDAR ", "")
    }

    #[test]
    fn every_change_keeps_the_order_of_the_rest() {
        let property = || Property::new("a", "9");
        let cases = [
            (after(|_| ()), "A:1 BEGIN:X END:X B:2 A:3 BEGIN:Y END:Y C:4 BEGIN:Z END:Z"),
            (
                after(|c| c.push_property(property())),
                "A:1 BEGIN:X END:X B:2 A:3 BEGIN:Y END:Y C:4 a:9 BEGIN:Z END:Z",
            ),
            (after(|c| c.set_property(property())), "a:9 BEGIN:X END:X B:2 BEGIN:Y END:Y C:4 BEGIN:Z END:Z"),
            (after(|c| c.remove_properties("a")), "BEGIN:X END:X B:2 BEGIN:Y END:Y C:4 BEGIN:Z END:Z"),
            (after(|c| c.remove_properties("b")), "A:1 BEGIN:X END:X A:3 BEGIN:Y END:Y C:4 BEGIN:Z END:Z"),
            (after(|c| c.retain_properties(|_| false)), "BEGIN:X END:X BEGIN:Y END:Y BEGIN:Z END:Z"),
            (
                after(|c| c.retain_components(|inner| !inner.is("y"))),
                "A:1 BEGIN:X END:X B:2 A:3 C:4 BEGIN:Z END:Z",
            ),
            (
                after(|c| c.push_component(Component::new("w"))),
                "A:1 BEGIN:X END:X B:2 A:3 BEGIN:Y END:Y C:4 BEGIN:Z END:Z BEGIN:W END:W",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
