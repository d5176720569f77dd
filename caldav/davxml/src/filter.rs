//! The filter of calendar-query (RFC 4791 section 9.7); `filter_grammar.rs` reads it.

use almanac_base::Redacted;

use crate::TimeRange;

/// `CALDAV:filter`: the component filter of VCALENDAR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The filter on VCALENDAR itself.
    pub comp: CompFilter,
}

/// A condition on one component type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompFilter {
    /// The component name in upper case.
    pub name: String,
    /// What must hold.
    pub rule: CompRule,
}

/// What must hold of the components of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompRule {
    /// No such component is there.
    NotDefined,
    /// One is there that fulfils the conditions; without conditions its presence is enough.
    Defined {
        /// How to combine the conditions.
        test: Test,
        /// An instance overlaps this period (RFC 4791 section 9.9).
        time_range: Option<TimeRange>,
        /// Conditions on properties.
        props: Vec<PropFilter>,
        /// Conditions on components in it.
        comps: Vec<CompFilter>,
    },
}

/// A condition on one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropFilter {
    /// The property name in upper case.
    pub name: String,
    /// What must hold.
    pub rule: PropRule,
}

/// What must hold of the properties of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropRule {
    /// No such property is there.
    NotDefined,
    /// One is there that fulfils the conditions.
    Defined {
        /// How to combine the conditions.
        test: Test,
        /// The value, a date or date-time, is in this period.
        time_range: Option<TimeRange>,
        /// The value as text.
        text_match: Option<TextMatch>,
        /// Conditions on its parameters.
        params: Vec<ParamFilter>,
    },
}

/// A condition on one property parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamFilter {
    /// The parameter name in upper case.
    pub name: String,
    /// What must hold.
    pub rule: ParamRule,
}

/// What must hold of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamRule {
    /// The parameter is not there.
    NotDefined,
    /// It is there, with any value.
    Defined,
    /// It is there and one value matches.
    Matches(TextMatch),
}

/// A substring test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    /// The text to look for, exactly as sent.
    pub text: Redacted<String>,
    /// How to compare.
    pub collation: Collation,
    /// Whether the test is fulfilled by an absent substring (`negate-condition="yes"`).
    pub negate: bool,
}

/// How text is compared (RFC 4790, RFC 5051).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    /// `i;ascii-casemap`, the default: ASCII letters without case.
    AsciiCasemap,
    /// `i;octet`: octet by octet.
    Octet,
    /// `i;unicode-casemap`: Unicode title case, compatibility decomposed.
    UnicodeCasemap,
}

impl Collation {
    /// All collations, in the order to advertise them in `CALDAV:supported-collation-set`.
    pub const ALL: [Self; 3] = [Self::AsciiCasemap, Self::Octet, Self::UnicodeCasemap];

    /// The registered identifier.
    #[must_use]
    pub const fn identifier(self) -> &'static str {
        match self {
            Self::AsciiCasemap => "i;ascii-casemap",
            Self::Octet => "i;octet",
            Self::UnicodeCasemap => "i;unicode-casemap",
        }
    }
}

/// How several conditions combine; RFC 4791 knows only [`Test::AllOf`], clients also send the attribute
/// `test` of RFC 6352.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Test {
    /// All of them hold.
    #[default]
    AllOf,
    /// At least one of them holds.
    AnyOf,
}
