//! What this machine shows: who can read the secrets.

use super::{Finding, Verdict};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The bits by which anybody but the owner and their group may read or write.
const OTHERS: u32 = 0o007;
const GROUP: u32 = 0o070;

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

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
