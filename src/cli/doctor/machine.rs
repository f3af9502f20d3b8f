//! What this machine shows: who can read the secrets, and whether there is room.

use super::{Finding, Verdict};
use crate::cli::offline;
use crate::config::Config;
use crate::ledger::backup::needed;
use crate::ledger::{Fail, room};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The bits by which anybody but the owner and their group may read or write.
const OTHERS: u32 = 0o007;
const GROUP: u32 = 0o070;
const MB: u64 = 1_000_000;

pub fn secrets(files: &[PathBuf]) -> Finding {
    let mode = |path: &PathBuf| std::fs::metadata(path).map_or(0, |found| found.mode());
    let open = |bits: u32| -> Vec<String> {
        files.iter().filter(|path| mode(path) & bits != 0).map(|path| path.display().to_string()).collect()
    };
    let (everybody, group) = (open(OTHERS), open(GROUP));
    let remedy = "chmod 0600, or hand them over as credentials of systemd";
    match (&everybody[..], &group[..]) {
        ([], []) => Finding::good("secrets", format!("{} files, which only their owner reads", files.len())),
        ([], group) => {
            Finding::new("secrets", Verdict::Doubtful, format!("the group may read {}", group.join(", ")), remedy)
        }
        (everybody, _) => {
            Finding::new("secrets", Verdict::Bad, format!("everybody may read {}", everybody.join(", ")), remedy)
        }
    }
}

/// Whether the disk takes writes now, and the next backup of the largest database as well.
pub fn disk(config: &Config) -> Finding {
    // The first start makes data_dir.
    let folder = config.data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(&config.data_dir);
    let size = |app| std::fs::metadata(offline::file(config, app)).map_or(0, |file| file.len());
    let largest = config.apps.iter().map(size).max().unwrap_or(0);
    let wanted = needed(largest, config.backup.recipient.is_some());
    judge(room(folder), wanted)
}

fn judge(free: Result<u64, Fail>, wanted: u64) -> Finding {
    match free {
        Err(fail) => {
            let remedy = "make room, or mount it for writing; nothing is written until then, and nothing is lost";
            Finding::new("disk", Verdict::Bad, fail.to_string(), remedy)
        }
        Ok(free) if free < wanted => {
            let what = format!("{} MB are free, and the next backup wants {} MB", free / MB, wanted / MB);
            Finding::new("disk", Verdict::Doubtful, what, "make room, or keep fewer backups (backup.keep)")
        }
        Ok(free) => Finding::good("disk", format!("{} MB are free", free / MB)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn room_for_the_next_backup() {
        for (free, verdict, what) in [
            (Ok(70 * MB), "good", "70 MB are free"),
            (Ok(69 * MB), "doubtful", "69 MB are free, and the next backup wants 70 MB"),
            (Err(Fail::NoSpace), "bad", "the disk is nearly full"),
            (Err(Fail::ReadOnly), "bad", "the disk can only be read"),
        ] {
            let row = judge(free, 70 * MB).row("");
            assert_eq!((&row["verdict"], &row["what"]), (&verdict.into(), &what.into()));
            assert_eq!(row["remedy"] == "", verdict == "good");
        }
    }

    #[test]
    fn who_reads_them() {
        let folder = std::env::temp_dir().join(format!("referd-secrets-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |n: usize, mode: u32| {
            let path = folder.join(n.to_string());
            fs::write(&path, "hush").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        for (modes, expected) in [
            (&[0o600, 0o400][..], "2 files, which only their owner reads"),
            (&[0o600, 0o640], "the group may read"),
            (&[0o640, 0o604], "everybody may read"),
            (&[], "0 files"),
        ] {
            let files: Vec<PathBuf> = modes.iter().enumerate().map(|(n, mode)| file(n, *mode)).collect();
            let found = secrets(&files);
            assert!(found.what.starts_with(expected), "{}", found.what);
            assert_eq!(found.remedy.is_empty(), found.verdict == Verdict::Good);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
