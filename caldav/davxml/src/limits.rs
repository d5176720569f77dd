//! Every bound of this crate, with its unit.

/// Properties that one list of a request may name, each counted once. Every one of them costs something for
/// every resource of the answer.
pub const PROPERTIES_MAX: usize = 1_000;

/// Levels of an expand-property. Each level multiplies the resources to visit by the hrefs of a property;
/// clients use two.
pub const EXPAND_LEVELS_MAX: usize = 4;

/// What a body may cost to read. Each bound is inclusive: exactly so much is still taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the body as received.
    pub body_bytes_max: usize,
    /// Elements in one another; the root is at depth 1.
    pub depth_max: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes_max: usize,
    /// Namespace declarations in scope at one place.
    pub namespaces_max: usize,
    /// Elements of the whole body.
    pub elements_max: usize,
    /// Octets of one element or attribute name, its prefix included, of one namespace name, of one
    /// `xml:lang`.
    pub name_bytes_max: usize,
    /// `CALDAV:comp-filter` elements in one another; VCALENDAR is at depth 1.
    pub filter_depth_max: usize,
    /// `comp-filter`, `prop-filter` and `param-filter` elements of one filter.
    pub filters_max: usize,
}

impl Limits {
    /// Bounds for requests, which anybody with a password can send.
    #[must_use]
    pub const fn request() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            depth_max: 32,
            attributes_max: 64,
            namespaces_max: 32,
            elements_max: 20_000,
            name_bytes_max: 256,
            filter_depth_max: 4,
            filters_max: 256,
        }
    }

    /// Bounds for answers of a server that we asked ourselves: a multistatus is large by nature.
    #[must_use]
    pub const fn reply() -> Self {
        Self {
            body_bytes_max: 64 * 1024 * 1024,
            attributes_max: 512,
            namespaces_max: 256,
            elements_max: 1_000_000,
            ..Self::request()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::request()
    }
}
