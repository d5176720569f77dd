//! Every bound on input, with its unit.

/// What a text may cost. Checked while reading, so that a hostile text fails at the limit and not at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a whole text (`CALDAV:max-resource-size`).
    pub object_bytes_max: usize,
    /// Octets of one content line as sent, folds included.
    pub line_bytes_max: usize,
    /// Components inside each other; VCALENDAR is the first. [`Limits::DEPTH_CAP`] holds whatever this says.
    pub depth_max: usize,
    /// Components of a text in all.
    pub components_max: usize,
    /// Properties of a text in all.
    pub properties_max: usize,
    /// Parameter values of one property.
    pub params_max: usize,
    /// RDATE and EXDATE values of a text in all.
    pub dates_max: usize,
    /// VTIMEZONE components of one object.
    pub zones_max: usize,
    /// RRULE and EXRULE properties of one component.
    pub rules_max: usize,
    /// Instances that the rules of one component may hold in one day (`CALDAV:max-instances`).
    pub instances_per_day_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            object_bytes_max: 1 << 20,
            // A file attached inline is one line.
            line_bytes_max: 1 << 20,
            depth_max: 8,
            components_max: 5_000,
            properties_max: 50_000,
            params_max: 1_000,
            dates_max: 5_000,
            zones_max: 100,
            rules_max: 10,
            instances_per_day_max: 1_440,
        }
    }
}

impl Limits {
    /// Trees are walked and dropped by recursion; no limit can be set so high that this exhausts a thread's stack.
    pub const DEPTH_CAP: usize = 64;

    /// For text that was accepted once: nothing but the depth is bounded, so that a limit lowered later does not make
    /// stored objects unreadable.
    pub const STORED: Limits = Limits {
        object_bytes_max: usize::MAX,
        line_bytes_max: usize::MAX,
        depth_max: Limits::DEPTH_CAP,
        components_max: usize::MAX,
        properties_max: usize::MAX,
        params_max: usize::MAX,
        dates_max: usize::MAX,
        zones_max: usize::MAX,
        rules_max: usize::MAX,
        instances_per_day_max: u64::MAX,
    };

    /// These limits for a file of many objects: what counts per text is open, lines and nesting stay bounded.
    #[must_use]
    pub fn for_file(&self) -> Limits {
        Limits {
            object_bytes_max: usize::MAX,
            components_max: usize::MAX,
            properties_max: usize::MAX,
            ..self.clone()
        }
    }
}
