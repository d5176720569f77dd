//! What a connector can do. The planner asks for nothing else.

/// How many requests an account may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// So many at once after a pause.
    pub burst: u32,
    /// And then so many each minute.
    pub per_minute: u32,
    /// So many at the same time.
    pub at_once: u32,
}

/// What a connector can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Objects can be created, changed and deleted. A feed can only be read.
    pub writes: bool,
    /// The vendor calls when something changes.
    pub watches: bool,
    /// Changes are told since a token. Otherwise every listing is of everything.
    pub deltas: bool,
    /// A series can have cancelled and changed instances.
    pub exceptions: bool,
    /// How fast one account may ask.
    pub pace: Pace,
}
