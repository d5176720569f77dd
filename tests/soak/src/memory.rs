//! How much memory the daemon has, over its lives and within a long one.

use std::time::{Duration, Instant};

use crate::figures::median;

/// How much more memory the last lives may have than the first: a quarter, and what an allocator keeps.
const GROWTH: f64 = 1.25;
const GROWTH_KIB: u64 = 16 << 10;
/// With fewer lives nothing is judged.
const LIVES_MIN: usize = 6;

/// One life of the daemon, as it was when it was last looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Life {
    pub(crate) lasted: Duration,
    pub(crate) resident_kib: u64,
    pub(crate) peak_kib: u64,
}

impl Life {
    /// Looks at a process that began at `began`; `None` if it has ended.
    pub(crate) fn look(pid: u32, began: Instant) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse().ok()
        };
        Some(Self { lasted: began.elapsed(), resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
    }
}

/// How often a long life is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A shorter one is not judged.
const LONG_LIFE_MIN: Duration = Duration::from_secs(20);
/// How much more memory it may have at its end than after it has warmed up: a twentieth, and what an allocator keeps.
const LONG_GROWTH: f64 = 1.05;
const LONG_GROWTH_KIB: u64 = 8 << 10;

/// Resident memory within one life in which the data stay as large as they are. Lives that end by a kill are as short as
/// each other, so a leak of so much for each request is the same at all their ends; here it adds up.
pub(crate) struct LongLife {
    pub(crate) lasted: Duration,
    /// The median of the second third, when caches and allocator are warm.
    pub(crate) warm_kib: u64,
    /// The median of the last third.
    pub(crate) last_kib: u64,
}

impl LongLife {
    /// Looks at a process for so long.
    pub(crate) fn watch(pid: u32, lasts: Duration) -> Self {
        let began = Instant::now();
        let mut looks = Vec::new();
        while began.elapsed() < lasts {
            std::thread::sleep(LOOK);
            looks.extend(Life::look(pid, began).map(|life| life.resident_kib));
        }
        Self::of(&looks, lasts)
    }

    fn of(looks: &[u64], lasted: Duration) -> Self {
        let third = looks.len().div_ceil(3);
        let of = |looks: &[u64]| median(looks.to_vec());
        Self {
            lasted,
            warm_kib: of(&looks[third.min(looks.len())..(2 * third).min(looks.len())]),
            last_kib: of(&looks[looks.len() - third..]),
        }
    }

    /// Whether the memory stayed as it was; `None` if the life was too short.
    pub(crate) fn is_flat(&self) -> Option<bool> {
        let bound = (self.warm_kib as f64 * LONG_GROWTH) as u64 + LONG_GROWTH_KIB;
        (self.lasted >= LONG_LIFE_MIN).then_some(self.last_kib <= bound)
    }
}

/// Resident memory at the end of a life: the median of the first third of the lives, and of the last.
pub(crate) struct Thirds {
    pub(crate) lives: usize,
    pub(crate) first_kib: u64,
    pub(crate) last_kib: u64,
    pub(crate) peak_kib: u64,
}

impl Thirds {
    /// Of the lives that lasted about as long as they were meant to.
    pub(crate) fn of(lives: &[Life], meant: Duration) -> Self {
        let whole: Vec<&Life> = lives.iter().filter(|life| life.lasted * 2 > meant).collect();
        let third = whole.len().div_ceil(3);
        let of = |lives: &[&Life]| median(lives.iter().map(|life| life.resident_kib).collect());
        Self {
            lives: whole.len(),
            first_kib: of(&whole[..third]),
            last_kib: of(&whole[whole.len() - third..]),
            peak_kib: lives.iter().map(|life| life.peak_kib).max().unwrap_or(0),
        }
    }

    /// Whether the memory stayed as it was; `None` if there were too few lives.
    pub(crate) fn is_flat(&self) -> Option<bool> {
        let bound = (self.first_kib as f64 * GROWTH) as u64 + GROWTH_KIB;
        (self.lives >= LIVES_MIN).then_some(self.last_kib <= bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thirds(resident: &[u64]) -> Thirds {
        let lasted = Duration::from_secs(20);
        let life = |mib: &u64| Life { lasted, resident_kib: mib << 10, peak_kib: mib << 10 };
        let mut lives: Vec<Life> = resident.iter().map(life).collect();
        lives.push(Life { lasted: Duration::from_secs(1), resident_kib: 1, peak_kib: 1 });
        Thirds::of(&lives, lasted)
    }

    #[test]
    fn memory_that_grows_within_a_life_is_told_from_memory_that_only_warms_up() {
        let judged = |of: fn(u64) -> u64, seconds| {
            let looks: Vec<u64> = (0..300).map(of).collect();
            LongLife::of(&looks, Duration::from_secs(seconds)).is_flat()
        };
        let warm = |at: u64| (40 << 10) + at.min(90) * 400;
        let leak = |at: u64| (60 << 10) + at * 200;
        assert_eq!(judged(warm, 30), Some(true));
        assert_eq!(judged(|at| (80 << 10) + at % 7 * 300, 30), Some(true));
        assert_eq!(judged(leak, 30), Some(false));
        assert_eq!(judged(leak, 3), None);
        assert_eq!(LongLife::of(&[], Duration::ZERO).is_flat(), None);
    }

    #[test]
    fn memory_that_grows_from_life_to_life_is_told_from_memory_that_does_not() {
        assert_eq!(thirds(&[60, 80, 82, 81, 79, 83]).is_flat(), Some(true));
        assert_eq!(thirds(&[60, 80, 100, 120, 140, 160]).is_flat(), Some(false));
        assert_eq!(thirds(&[60, 80]).is_flat(), None);
        assert_eq!(thirds(&[]).lives, 0);
    }
}
