//! Snapshots of an appliance that runs: whole, verified, kept for a while, and with no secret of the configuration.

use crate::support::appliance::{API_KEY, Site};
use crate::support::caller::{ADMIN_TOKEN, HOOK_AUTHORIZATION, SERVER_KEY, together};
use crate::support::folder::Folder;
use crate::support::rng::Rng;
use crate::support::world::World;
use age::secrecy::ExposeSecret;
use referd::domain::at::Span;
use referd::ledger::inspect::{Backup, verify_backup};
use referd::ledger::parcel::sum_path;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

async fn backup(world: &World) -> PathBuf {
    let made = world.admin_post("/admin/backup", "").await.is(200).json();
    let path = PathBuf::from(made["path"].as_str().expect("a path"));
    assert_eq!(made["bytes"], std::fs::metadata(&path).expect("the file").len());
    let sum = std::fs::read_to_string(sum_path(&path)).expect("its checksum");
    assert_eq!(sum.split_whitespace().next(), made["sha256"].as_str());
    path
}

fn verified(path: &Path, identity: Option<&Path>) -> Result<Backup, String> {
    let backup = verify_backup(path, identity, &std::env::temp_dir()).map_err(|error| error.to_string())?;
    match backup.report.faults.first() {
        Some(fault) => Err(fault.clone()),
        None => Ok(backup),
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_snapshot_is_whole_and_holds_no_secret() {
    let world = World::stocked(30).await;
    let code = world.my_code("ann").await;
    world.completes("ben", "friend").await;
    let path = backup(&world).await;
    let Backup { report, has_sum, label } = verified(&path, None).expect("it is sound");
    let label = label.expect("it says what it is");
    assert_eq!((report.entries, has_sum, label.seq), (world.journal(), true, world.journal()));
    assert_eq!(
        (label.app.as_str(), label.at, label.version.as_str()),
        ("alma", world.now(), env!("CARGO_PKG_VERSION"))
    );
    let bytes = std::fs::read(&path).expect("the file");
    assert!(contains(&bytes, &code), "the codes are there");
    for secret in [SERVER_KEY, ADMIN_TOKEN, HOOK_AUTHORIZATION, API_KEY, "sk_key_of_the_tests", "PRIVATE KEY"] {
        assert!(!contains(&bytes, secret), "{secret}");
    }
    let mut sums = Command::new("sha256sum");
    sums.arg("-c").arg(sum_path(&path)).current_dir(path.parent().expect("a folder"));
    assert!(sums.output().expect("there is sha256sum").status.success(), "others can check it as well");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn snapshots_under_load_are_each_one_state() {
    let world = World::stocked(400).await;
    let caller = world.caller();
    let draws = (0..300).map(move |n| {
        let caller = caller.clone();
        async move { drop(caller.my_code(&format!("user-{n}")).await) }
    });
    let draws = tokio::spawn(async move { together(draws).await });
    let mut seqs = Vec::new();
    while !draws.is_finished() {
        let label = verified(&backup(&world).await, None).expect("it is sound").label.expect("a backup");
        seqs.push(label.seq);
    }
    draws.await.expect("everybody got a code");
    assert!(seqs.is_sorted() && !seqs.is_empty(), "{seqs:?}");
    world.done().await;
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_found() {
    let world = World::stocked(30).await;
    world.my_code("ann").await;
    let path = backup(&world).await;
    let (sum, mut rng) = (sum_path(&path), Rng::new(3));
    for file in [&path, &sum] {
        let whole = std::fs::read(file).expect("the file");
        let step = (whole.len() / 100).max(1);
        for from in (0..whole.len()).step_by(step) {
            let mut flipped = whole.clone();
            flipped[from + rng.below(step.min(whole.len() - from))] ^= 1 << rng.below(8);
            std::fs::write(file, &flipped).expect("the folder can be written");
            assert!(verified(&path, None).is_err(), "{} near {from}", file.display());
        }
        std::fs::write(file, &whole[..whole.len() - 1]).expect("the folder can be written");
        assert!(verified(&path, None).is_err(), "{} cut short", file.display());
        std::fs::write(file, &whole).expect("the folder can be written");
    }
    assert!(verified(&path, None).expect("it is as it was").has_sum, "looking changes nothing");
    std::fs::remove_file(&sum).expect("the checksum");
    assert!(!verified(&path, None).expect("the tables are sound").has_sum);
    world.done().await;
}

#[tokio::test]
async fn the_newest_are_kept() {
    let world = World::with(|config| config.backup.keep = 2).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(backup(&world).await);
        world.advance(Span::hours(1));
    }
    // Two within a millisecond have two names.
    made.push(backup(&world).await);
    made.push(backup(&world).await);
    let there = |path: &PathBuf| (path.exists(), sum_path(path).exists());
    let kept: Vec<_> = made.iter().map(there).collect();
    assert_eq!(kept, [vec![(false, false); 4], vec![(true, true); 2]].concat());
    world.done().await;
}

#[tokio::test]
async fn encrypted_backups_are_read_with_the_key_alone() {
    let (folder, key) = (Folder::new(), age::x25519::Identity::generate());
    let identity = folder.path().join("key.txt");
    let other = folder.path().join("other.txt");
    std::fs::write(&identity, format!("# a key\n{}\n", key.to_string().expose_secret())).expect("a file");
    std::fs::write(&other, age::x25519::Identity::generate().to_string().expose_secret()).expect("a file");
    let world = World::with(|config| config.backup.recipient = Some(key.to_public().to_string())).await;
    world.admin_post("/admin/pool/import?campaign=friends&expires_at=2099-01-01", "SEALEDCODE0001\n").await.is(200);
    let path = backup(&world).await;
    assert!(path.to_string_lossy().ends_with(".redb.age"));
    let mut bytes = std::fs::read(&path).expect("the file");
    assert!(!contains(&bytes, "SEALEDCODE"));
    let entries = verified(&path, Some(&identity)).expect("it is sound").report.entries;
    assert_eq!(entries, world.journal());
    for wrong in [None, Some(other.as_path())] {
        let why = verified(&path, wrong).err().expect("it stays closed");
        assert!(why.contains("--identity") || why.contains("No matching keys"), "{why}");
    }
    // Whoever has no checksum sees it all the same.
    std::fs::remove_file(sum_path(&path)).expect("the checksum");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("the folder can be written");
    assert!(verified(&path, Some(&identity)).is_err());
    world.done().await;
}

#[tokio::test]
async fn a_backup_that_fails_is_told() {
    let world = World::start().await;
    assert_eq!(world.admin("stats").await["backup"], json!({"last_at": null, "age_seconds": null, "failing": false}));
    let folder = world.data_dir().join("backups");
    std::fs::write(&folder, "in the way").expect("the folder can be written");
    let problem = world.admin_post("/admin/backup", "").await.problem(500, "internal");
    assert!(problem["detail"].as_str().expect("text").contains("backups"), "{problem}");
    assert_eq!(world.admin("stats").await["backup"]["failing"], true);
    assert!(world.metrics().await.contains("referd_backup_failures_total{app=\"alma\"} 1\n"));
    std::fs::remove_file(&folder).expect("the folder can be written");
    backup(&world).await;
    world.advance(Span::hours(5));
    let stats = world.admin("stats").await["backup"].clone();
    assert_eq!((&stats["age_seconds"], &stats["failing"]), (&json!(5 * 3600), &json!(false)));
    let metrics = world.metrics().await;
    assert!(metrics.contains("referd_backup_failures_total{app=\"alma\"} 1\n"), "{metrics}");
    assert!(metrics.contains("referd_backup_last_timestamp_seconds{app=\"alma\"} 1790000000\n"), "{metrics}");
    world.done().await;
}

#[tokio::test]
async fn a_backup_is_no_file_to_start_from() {
    let world = World::start().await;
    let (path, folder) = (backup(&world).await, Folder::new());
    std::fs::copy(&path, folder.path().join("alma.redb")).expect("a copy");
    world.done().await;
    let (db, home) = referd::ledger::open_file(folder.path(), "alma").expect("a file");
    let (clock, entropy) = (referd::clock::SystemClock, referd::entropy::SystemEntropy);
    let started = referd::ledger::Ledger::start(db, std::sync::Arc::new(clock), &entropy, home);
    let why = started.err().expect("it does not start").to_string();
    assert!(why.contains("referd restore"), "{why}");
}

#[tokio::test]
async fn the_command_asks_the_appliance_or_does_it_itself() {
    let site = Site::asking_apple().await;
    let appliance = site.start().await;
    let (hot, cold) = (site.path("hot.redb"), site.path("cold.redb"));
    let said = site.says(&["backup", "--to", hot.to_str().expect("text")]).await;
    assert_eq!((said.0, said.1[0]["path"].as_str()), (0, hot.to_str()));
    assert_eq!(site.says(&["backup", "--to", hot.to_str().expect("text")]).await.0, 1, "nothing is written over");
    // By a signal, too.
    let count = || {
        let files = std::fs::read_dir(site.path("data/backups")).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().ends_with("Z.redb")).count()
    };
    assert_eq!(count(), 1);
    appliance.signal("USR1");
    while count() < 2 {
        tokio::task::yield_now().await;
    }
    let (_, rows) = site.doctor().await;
    assert!(rows.iter().any(|row| row["check"] == "backup" && row["verdict"] == "good"), "{rows:?}");
    appliance.stop().await;
    assert_eq!(site.says(&["backup", "--to", cold.to_str().expect("text")]).await.0, 0);
    for file in [hot, cold] {
        assert!(verified(&file, None).expect("it is sound").has_sum);
    }
}
