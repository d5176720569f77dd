//! The only place that starts tasks. A task has a name, an owner who awaits it, and two ways to end: `stop`
//! asks it to finish its work, `kill` drops it.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts tasks and ends them all. Clones are the same supervisor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supervisor {
    tasks: TaskTracker,
    stop: CancellationToken,
    kill: CancellationToken,
}

/// Whether the daemon can go on without a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Importance {
    /// It cannot: if the task ends before it is asked to, everything stops.
    Vital,
    /// It can: one of many, such as a connection.
    Ordinary,
}

/// How the tasks ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// All had finished their work.
    Complete,
    /// Some were dropped when the time was over.
    Cut,
}

impl Supervisor {
    /// Runs `work` as a task until it ends or the supervisor kills it.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        importance: Importance,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let kill = self.kill.clone();
        let end = TaskEnd { name, importance, stop: self.stop.clone() };
        self.tasks.spawn(async move {
            let _end = end;
            kill.run_until_cancelled_owned(work).await;
        });
    }

    /// Runs `work` as a task and waits for its result; whoever stops waiting does not stop the work. `None` if
    /// it panicked or was killed.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let work = self.kill.clone().run_until_cancelled_owned(work);
        self.tasks.spawn(work).await.ok().flatten()
    }

    /// Becomes ready when tasks shall finish their work.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Asks all tasks to finish, gives them `grace`, then drops what is left and waits until it is gone.
    pub(crate) async fn drain(&self, grace: Duration) -> Drained {
        self.stop.cancel();
        self.tasks.close();
        let outcome = match timeout(grace, self.tasks.wait()).await {
            Ok(()) => Drained::Complete,
            Err(_) => Drained::Cut,
        };
        self.kill.cancel();
        self.tasks.wait().await;
        outcome
    }
}

/// Notices how a task ended, also when it panicked.
struct TaskEnd {
    name: &'static str,
    importance: Importance,
    stop: CancellationToken,
}

impl Drop for TaskEnd {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        if panicked {
            tracing::error!(task = self.name, "a task panicked");
        }
        if self.importance == Importance::Vital && !self.stop.is_cancelled() {
            tracing::error!(task = self.name, "a vital task ended: stopping");
            self.stop.cancel();
        }
    }
}

/// Lets hyper start the tasks of HTTP/2 streams here.
impl<F> hyper::rt::Executor<F> for Supervisor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.spawn("http.stream", Importance::Ordinary, stream);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn draining_lets_a_task_finish_its_work() {
        let supervisor = Supervisor::default();
        let finished = Arc::new(AtomicBool::new(false));
        let (stop, flag) = (supervisor.stopping(), Arc::clone(&finished));
        supervisor.spawn("worker", Importance::Ordinary, async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            flag.store(true, Ordering::SeqCst);
        });
        assert_eq!(supervisor.drain(Duration::from_secs(60)).await, Drained::Complete);
        assert!(finished.load(Ordering::SeqCst));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_finish_is_dropped_after_the_grace() {
        let supervisor = Supervisor::default();
        let held = Arc::new(());
        let inner = Arc::clone(&held);
        supervisor.spawn("stuck", Importance::Ordinary, async move {
            std::future::pending::<()>().await;
            drop(inner);
        });
        assert_eq!(supervisor.drain(Duration::from_secs(10)).await, Drained::Cut);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn only_a_vital_task_that_ends_or_panics_stops_the_rest() {
        let supervisor = Supervisor::default();
        supervisor.spawn("one", Importance::Ordinary, async { panic!("of no importance") });
        tokio::task::yield_now().await;
        assert!(!supervisor.stopping().is_cancelled());
        supervisor.spawn("two", Importance::Vital, async { panic!("vital") });
        supervisor.stopping().cancelled().await;
    }
}
