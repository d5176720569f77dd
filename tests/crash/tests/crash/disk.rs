//! A disk of its own in a file, so that its power can be cut: what the file holds is what the disk has.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of the disk; the file takes only what was written.
pub(crate) const BYTES: u64 = 160 << 20;

/// The right to mount (capabilities(7)).
const CAP_SYS_ADMIN: u32 = 21;

/// Whether this process may have a disk of its own at all.
///
/// # Errors
/// Why not.
pub(crate) fn possible() -> Result<(), &'static str> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let rights = rights.and_then(|rights| u64::from_str_radix(rights.trim(), 16).ok()).unwrap_or_default();
    if rights >> CAP_SYS_ADMIN & 1 == 0 {
        return Err("the power is not cut: this process may not mount a disk of its own");
    }
    if !Path::new("/dev/loop-control").exists() {
        return Err("the power is not cut: there are no loop devices here");
    }
    Ok(())
}

/// An ext4 file system in a file, mounted; unmounted when dropped.
pub(crate) struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

impl Disk {
    /// A fresh one, named `name`, in `folder`.
    ///
    /// # Errors
    /// What failed, where [`possible`] says that nothing should.
    pub(crate) fn make(folder: &Path, name: &str) -> Result<Self, String> {
        let image = folder.join(name);
        let made = File::create(&image).and_then(|file| file.set_len(BYTES));
        made.map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        Self::mount(image)
    }

    fn mount(image: PathBuf) -> Result<Self, String> {
        let mounted = image.with_extension("mounted");
        fs::create_dir_all(&mounted).map_err(|error| error.to_string())?;
        // The journal is not written by itself while a test runs: only what the program syncs is safe.
        run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(&image).arg(&mounted))?;
        Ok(Self { image, mounted })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mounted
    }

    /// What a power cut leaves of the disk, as a new one named `name`. Nobody may write to it meanwhile but the system,
    /// which is asked again until it did not.
    pub(crate) fn after_a_cut(&self, name: &str) -> Self {
        let image = self.image.with_file_name(name);
        for _ in 0..50 {
            run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&image)).unwrap();
            if run(Command::new("cmp").arg("-s").arg(&self.image).arg(&image)).is_ok() {
                return Self::mount(image).unwrap();
            }
        }
        panic!("the disk is never left alone");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = run(Command::new("umount").arg(&self.mounted));
        if unmounted.is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(&self.mounted));
        }
        let _ = fs::remove_dir(&self.mounted);
        let _ = fs::remove_file(&self.image);
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{command:?}: {}", said.trim()))
}
