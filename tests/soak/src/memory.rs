//! How much memory the daemon has, over its lives.

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
    fn memory_that_grows_from_life_to_life_is_told_from_memory_that_does_not() {
        assert_eq!(thirds(&[60, 80, 82, 81, 79, 83]).is_flat(), Some(true));
        assert_eq!(thirds(&[60, 80, 100, 120, 140, 160]).is_flat(), Some(false));
        assert_eq!(thirds(&[60, 80]).is_flat(), None);
        assert_eq!(thirds(&[]).lives, 0);
    }
}
