//! What can happen to a request.

use std::time::Duration;

use crate::{Exchange, Reply};

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The vendor does nothing and answers this.
    Answer(Reply),
    /// The connection ends before the vendor has done anything.
    Lost,
    /// The vendor does what is asked, and the connection ends before the answer.
    DoneAndLost,
    /// The vendor does what is asked, and the connection ends after so many octets of the body.
    Cut(usize),
    /// The vendor does what is asked, and its answer comes after this time.
    Late(Duration),
    /// The vendor does what is asked, and the body comes in pieces of so many octets with this pause between them.
    Slow(usize, Duration),
}

type Planned = Box<dyn FnMut(&Exchange) -> Option<Fault> + Send>;

/// Which fault meets which request.
#[derive(Default)]
pub(crate) struct Plan(Option<Planned>);

impl Plan {
    pub(crate) fn new(plan: impl FnMut(&Exchange) -> Option<Fault> + Send + 'static) -> Self {
        Self(Some(Box::new(plan)))
    }

    pub(crate) fn meets(&mut self, request: &Exchange) -> Option<Fault> {
        self.0.as_mut().and_then(|plan| plan(request))
    }
}
