//! What a vendor is told: its projection, behind the privacy level of the link.

use almanac_app::sync::{LinkPrivacy, PairOrigin};
use almanac_contract::{Connector, Field, Form, Value};

use crate::decide::{View, restricted};

/// The title of what is only busy.
const BUSY: &str = "Busy";

/// How the vendor of a link sees one object.
pub(crate) struct LinkView<'a> {
    pub(crate) connector: &'a dyn Connector,
    pub(crate) privacy: LinkPrivacy,
    pub(crate) origin: PairOrigin,
}

impl View for LinkView<'_> {
    fn project(&self, form: &Form) -> Form {
        if self.privacy == LinkPrivacy::Full {
            return self.connector.project(form);
        }
        let mut form = form.clone();
        for part in form.parts.values_mut() {
            let title = part.get(&Field::Summary).cloned();
            part.retain(|field, _| tells(field));
            // What came from the vendor keeps the title it has there: nothing of ours replaces it.
            if self.origin == PairOrigin::Here {
                let title = match (self.privacy, title) {
                    (LinkPrivacy::Initials, Some(Value::Text(title))) => initials(&title),
                    _ => BUSY.to_owned(),
                };
                part.insert(Field::Summary, Value::Text(title));
            }
        }
        self.connector.project(&form)
    }

    fn hides(&self, field: &Field) -> bool {
        self.privacy != LinkPrivacy::Full && self.origin == PairOrigin::Here && !tells(field)
    }

    fn ours(&self, form: &Form) -> Form {
        // Of a mirror everything is ours, also what a link before told and this one hides.
        let kept = match self.origin {
            PairOrigin::Here => self.connector.project(form),
            PairOrigin::There => self.project(form),
        };
        restricted(form, &kept)
    }
}

/// Whether a field says when, and nothing else.
fn tells(field: &Field) -> bool {
    // Rules and times that the form has no field of their own for say when, too.
    if let Field::Other(name, _) = field {
        return matches!(name.as_str(), "EXRULE" | "RDATE" | "EXDATE");
    }
    matches!(
        field,
        Field::Time
            | Field::Rule
            | Field::Extra(_)
            | Field::Except(_)
            | Field::Status
            | Field::Transparency
            | Field::Zone(_)
    )
}

/// The first letters of the first two words.
fn initials(title: &str) -> String {
    let words = title.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let letters: String = words.take(2).flat_map(|letter| letter.to_uppercase().chain(['.'])).collect();
    if letters.is_empty() { BUSY.to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_two_letters_at_most_and_never_nothing() {
        for (title, shown) in [
            ("Anna Berg, follow-up", "A.B."),
            ("anna", "A."),
            ("  (Erna) \u{fc}ber", "E.\u{dc}."),
            ("", "Busy"),
            ("***", "Busy"),
        ] {
            assert_eq!(initials(title), shown, "{title}");
        }
    }
}
