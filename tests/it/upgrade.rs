//! Files of every schema that was released, kept here for ever: each later version must open them. `REFERD_WRITE_GOLDEN=1`
//! writes the one of this schema where it is missing, and only that.

use crate::support::folder::Folder;
use crate::support::world::{NOW, World};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use referd::clock::ManualClock;
use referd::entropy::SeededEntropy;
use referd::ledger::inspect::verify_file;
use referd::ledger::restore::Ready;
use referd::ledger::{Ledger, SCHEMA, list, open_file};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

fn golden(schema: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/golden/schema-{schema}.redb.gz"))
}

/// A story that fills many tables.
async fn write() {
    let world = World::stocked(12).await;
    for n in 0..3 {
        world.my_code(&format!("referrer-{n}")).await;
    }
    world.completes("referrer-0", "friend").await;
    world.settle().await;
    let made = world.admin_post("/admin/backup", "").await.is(200).json();
    let bytes = std::fs::read(made["path"].as_str().expect("a path")).expect("the backup");
    std::fs::create_dir_all(golden(SCHEMA).parent().expect("a folder")).expect("the tree can be written");
    let mut file = GzEncoder::new(File::create(golden(SCHEMA)).expect("the tree can be written"), Compression::best());
    file.write_all(&bytes).and_then(|()| file.try_finish()).expect("the tree can be written");
    world.done().await;
}

#[allow(clippy::disallowed_methods)] // a switch for whoever raises the schema
#[tokio::test]
async fn a_file_of_every_schema_is_opened() {
    if std::env::var("REFERD_WRITE_GOLDEN").is_ok() && !golden(SCHEMA).exists() {
        write().await;
    }
    assert!(golden(SCHEMA).exists(), "a new schema has its file");
    for schema in (0..=SCHEMA).filter(|schema| golden(*schema).exists()) {
        let folder = Folder::new();
        let plain = folder.path().join("golden.redb");
        let mut source = GzDecoder::new(File::open(golden(schema)).expect("the golden file"));
        std::io::copy(&mut source, &mut File::create(&plain).expect("a file")).expect("it is whole");
        let mut backup = File::open(&plain).expect("a file");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        let clock = Arc::new(ManualClock::at(NOW));
        let open = {
            let (data, clock) = (data.clone(), clock.clone());
            move || {
                let entropy = SeededEntropy::new(1);
                let ready = Ready::make(&data, "alma", &mut backup, clock.clone(), &entropy).expect("it is restored");
                ready.swap().expect("it takes its place");
                let (db, home) = open_file(&data, "alma").expect("it opens");
                Ledger::start(db, clock, &entropy, home).expect("it starts")
            }
        };
        let ledger = tokio::task::spawn_blocking(open).await.expect("no panic");
        let count = |noun, status| list::count(&*ledger.snapshot(), noun, "friends", status).expect("a count");
        assert_eq!((count("completion", "credited"), count("code", "used")), (1, 1), "schema {schema}");
        drop(ledger);
        let report = verify_file(&data.join("alma.redb")).expect("it can be read");
        assert_eq!(report.faults, Vec::<String>::new(), "schema {schema}");
    }
}
