//! How many writes of a tenant are on their way to the engine.

use tokio::sync::watch;

/// Counts writes from before they look whether they may until the engine has answered, or nobody waits for its
/// answer any more. What was given to the engine by then is in its queue, in front of whatever follows.
pub(crate) struct InFlight(watch::Sender<usize>);

/// A write that is on its way until this is dropped.
pub(crate) struct Begun<'a>(&'a InFlight);

impl InFlight {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts a write.
    pub(crate) fn begin(&self) -> Begun<'_> {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        Begun(self)
    }

    /// Waits until no write is on its way.
    pub(crate) async fn none(&self) {
        // Only fails if the sender is gone, which is here.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
