//! What the environment asks for.

use std::time::Duration;

use almanac_harness::Random;

pub(crate) struct Options {
    /// How long the load lasts.
    pub(crate) lasts: Duration,
    /// How long the daemon then lives without being killed.
    pub(crate) long_life: Duration,
    pub(crate) kill_every: Duration,
    pub(crate) reload_every: Duration,
    pub(crate) backup_every: Duration,
    /// How long the client beside the crowd is timed.
    pub(crate) crowd: Duration,
    /// Connections of the crowd that send nothing, and as many that never read.
    pub(crate) each: usize,
    /// The bound of its p99, if it has one.
    pub(crate) p99_ms: Option<f64>,
    pub(crate) engine: String,
    pub(crate) seed: u64,
}

impl Options {
    /// # Errors
    /// A variable that is no number.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let minutes = variable("MINUTES")?.unwrap_or(10.0);
        let seconds =
            |name, default| Ok::<_, String>(Duration::from_secs_f64(variable(name)?.unwrap_or(default)));
        let lasts = seconds("SECONDS", minutes * 60.0)?;
        Ok(Self {
            lasts,
            long_life: seconds("LONG_LIFE", (lasts.as_secs_f64() / 3.0).max(30.0))?,
            kill_every: seconds("KILL_EVERY", 20.0)?,
            reload_every: seconds("RELOAD_EVERY", 7.0)?,
            backup_every: seconds("BACKUP_EVERY", 30.0)?,
            crowd: seconds("CROWD", 6.0)?,
            each: variable("CROWD_EACH")?.unwrap_or(500),
            p99_ms: variable("P99_MS")?,
            engine: std::env::var("ENGINE").unwrap_or_else(|_| "redb".into()),
            seed: variable("SEED")?.unwrap_or_else(Random::seed),
        })
    }
}

fn variable<T: std::str::FromStr>(name: &str) -> Result<Option<T>, String> {
    let Ok(text) = std::env::var(name) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("{name}={text}: not a number"))
}
