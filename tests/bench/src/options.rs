//! What is measured: a few variables of the environment.

use std::time::Duration;

/// The sizes that the growth table compares, as far as they are asked for.
const SIZES: [usize; 2] = [1_000, 10_000];

pub(crate) struct Options {
    /// How many events the calendars of Almanac have.
    pub(crate) sizes: Vec<usize>,
    /// How many those of the others have; empty without peers.
    pub(crate) peer_sizes: Vec<usize>,
    /// How often every event of the largest calendar is overwritten at the end.
    pub(crate) rounds: usize,
    /// How long a cell goes on taking new operations.
    pub(crate) cell: Duration,
    /// When a cell is cut, whatever is under way.
    pub(crate) cut: Duration,
    pub(crate) connections: Vec<usize>,
    /// The file that gets a line of JSON for every figure.
    pub(crate) json: Option<std::path::PathBuf>,
}

impl Options {
    /// `EVENTS`, `PEERS` (`none`, `full`), `ROUNDS`, `CELL` and `CUT` (seconds), `CONNECTIONS` (a list with commas),
    /// `BENCH_JSON`.
    ///
    /// # Errors
    /// Which variable has a value that means nothing.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let events = variable("EVENTS")?;
        let mut sizes = SIZES.to_vec();
        if let Some(events) = events {
            sizes.retain(|size| *size < events);
            sizes.push(events);
        }
        let peers = std::env::var("PEERS").unwrap_or_default();
        let peer_sizes = match (peers.as_str(), events) {
            ("full", _) => SIZES.to_vec(),
            ("", None) => vec![SIZES[0]],
            ("none", _) | ("", Some(_)) => Vec::new(),
            (other, _) => return Err(format!("PEERS={other}: it is \"none\" or \"full\"")),
        };
        let seconds =
            |name, default| Ok::<_, String>(Duration::from_secs(variable(name)?.unwrap_or(default)));
        Ok(Self {
            sizes,
            peer_sizes,
            rounds: variable("ROUNDS")?.unwrap_or(0),
            cell: seconds("CELL", 1)?,
            cut: seconds("CUT", 60)?,
            connections: connections()?,
            json: std::env::var_os("BENCH_JSON").map(Into::into),
        })
    }
}

fn connections() -> Result<Vec<usize>, String> {
    let text = std::env::var("CONNECTIONS").unwrap_or_else(|_| "1,8,32".into());
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.parse().ok().filter(|n| *n > 0)).collect();
    numbers.ok_or_else(|| format!("CONNECTIONS={text}: not a list of numbers"))
}

fn variable<T: std::str::FromStr>(name: &str) -> Result<Option<T>, String> {
    let Ok(text) = std::env::var(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("{name}={text}: not a number"))
}
