//! Swap: what is in memory in clear must not come to lie on a disk in clear.

use std::fs;
use std::path::Path;

use super::Finding;

pub(super) fn finding() -> Finding {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    judge(&in_clear(&swaps, &|device| {
        let name = Path::new(device).canonicalize().ok()?;
        let name = name.file_name()?.to_str()?;
        fs::read_to_string(format!("/sys/class/block/{name}/dm/uuid")).ok()
    }))
}

/// The swap places that are neither compressed memory nor encrypted. `mapped`: what the kernel says of a mapped device.
fn in_clear(swaps: &str, mapped: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let places = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let clear = places.filter(|place| {
        !place.starts_with("/dev/zram") && mapped(place).is_none_or(|uuid| !uuid.starts_with("CRYPT-"))
    });
    clear.map(str::to_owned).collect()
}

fn judge(in_clear: &[String]) -> Finding {
    const NAME: &str = "swap";
    if in_clear.is_empty() {
        return Finding::ok(NAME, "none, or none in clear");
    }
    Finding::warning(
        NAME,
        format!("{} may take keys and calendars from memory to the disk in clear", in_clear.join(", ")),
        "encrypt it, or set MemorySwapMax=0 by systemctl edit almanac.service",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn only_swap_on_a_disk_that_is_not_encrypted_is_told() {
        let swaps = "Filename\tType\tSize\n/dev/zram0 partition 1\n/dev/dm-0 partition 1\n/dev/dm-1 partition 1\n/swapfile file 1\n";
        let mapped = |device: &str| match device {
            "/dev/dm-0" => Some("CRYPT-PLAIN-swap\n".to_owned()),
            "/dev/dm-1" => Some("LVM-x\n".to_owned()),
            _ => None,
        };
        assert_eq!(in_clear(swaps, &mapped), ["/dev/dm-1", "/swapfile"]);
        assert_eq!(judge(&in_clear(swaps, &mapped)).level, Level::Warning);
        assert_eq!(judge(&in_clear("Filename\n", &mapped)).level, Level::Ok);
        assert_eq!(judge(&in_clear("", &mapped)).level, Level::Ok);
    }
}
