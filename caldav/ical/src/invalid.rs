//! Why iCalendar text was refused.

/// The precondition of RFC 4791 section 5.3.2.1 that the text breaks.
///
/// The reason is a fixed sentence for operators and developers; it never holds a value from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// `CALDAV:valid-calendar-data`: the text is not iCalendar, or a value in it cannot be.
    #[error("not valid calendar data: {0}")]
    Data(&'static str),
    /// `CALDAV:valid-calendar-object-resource`: iCalendar, but not one calendar object resource.
    #[error("not a valid calendar object resource: {0}")]
    Object(&'static str),
    /// `CALDAV:supported-calendar-component`: nothing in it is of a kind that can be stored.
    #[error("not a supported calendar component: {0}")]
    Component(&'static str),
    /// `CALDAV:max-instances`: a rule can hold more instances in a day than the limit.
    #[error("too many instances")]
    MaxInstances,
    /// `CALDAV:max-resource-size`: more octets than the limit.
    #[error("too many octets")]
    TooLarge,
}
