//! What the daemon wrote to stderr, collected while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

/// The lines of a stream that a thread reads to its end.
#[derive(Clone, Default)]
pub struct Logs(Arc<(Mutex<State>, Condvar)>);

impl Logs {
    /// Reads `stream` on an own thread until it ends.
    pub(crate) fn follow(stream: impl Read + Send + 'static) -> Self {
        let logs = Self::default();
        let sink = logs.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                sink.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
            sink.end();
        });
        logs
    }

    fn push(&self, line: String) {
        self.0.0.lock().unwrap().lines.push(line);
        self.0.1.notify_all();
    }

    fn end(&self) {
        self.0.0.lock().unwrap().ended = true;
        self.0.1.notify_all();
    }

    /// All lines so far, joined.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().lines.join("\n")
    }

    /// Waits for the first line that `wanted` accepts; `None` when the stream ends or `timeout` passes before.
    pub fn wait_for(&self, timeout: Duration, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + timeout;
        let (state, changed) = &*self.0;
        let mut guard = state.lock().unwrap();
        loop {
            if let Some(line) = guard.lines.iter().find(|line| wanted(line)) {
                return Some(line.clone());
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if guard.ended {
                return None;
            }
            guard = changed.wait_timeout(guard, left).unwrap().0;
        }
    }

    /// Waits until the stream has ended, so that [`Logs::text`] is complete.
    pub fn wait_for_end(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let (state, changed) = &*self.0;
        let mut guard = state.lock().unwrap();
        while !guard.ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return };
            guard = changed.wait_timeout(guard, left).unwrap().0;
        }
    }
}
