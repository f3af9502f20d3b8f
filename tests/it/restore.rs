//! `referd restore`, as a process: what it refuses, what it says, and that the appliance goes on afterwards.

use crate::support::appliance::Site;
use serde_json::json;
use std::path::Path;

async fn import(site: &Site, codes: u32) {
    let list: String = (0..codes).map(|n| format!("RESTORE{n:011}\n")).collect();
    let file = site.path("list.csv");
    std::fs::write(&file, list).expect("the folder can be written");
    let words = ["import", "codes", text(&file), "--campaign", "friends", "--expires", "2099-01-01"];
    assert_eq!(site.says(&words).await.0, 0);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

#[tokio::test]
async fn the_drill() {
    let site = Site::asking_apple().await;
    let backup = site.path("monday.redb");
    let appliance = site.start().await;
    import(&site, 60).await;
    let first = appliance.caller.my_code("ann").await;
    assert_eq!(site.says(&["backup", "--to", text(&backup)]).await.0, 0);
    let mut given = vec![first.clone()];
    for n in 0..20 {
        given.push(appliance.caller.my_code(&format!("user-{n}")).await);
    }
    assert_eq!(site.says(&["restore", "--from", text(&backup)]).await.0, 1, "it runs");
    appliance.stop().await;

    let (status, said) = site.says(&["restore", "--from", text(&backup)]).await;
    assert_eq!((status, &said[0]["returned"], &said[0]["withheld"]), (0, &json!(20), &json!(0)), "{said:?}");
    assert_eq!(said[0]["erased"], 0);
    assert!(Path::new(said[0]["kept"].as_str().expect("the old file")).exists());
    site.verify();
    let appliance = site.start().await;
    assert_eq!(appliance.caller.my_code("ann").await, first);
    for n in 0..39 {
        let code = appliance.caller.my_code(&format!("later-{n}")).await;
        assert!(!given.contains(&code), "it was handed out before");
        given.push(code);
    }
    assert_eq!(appliance.caller.get("/referral/my-code", "one-too-many").await.status, 503);
    appliance.caller.claim(&given[5], "friend").await.is(201);
    let told = site.says(&["explain", &given[5]]).await.1;
    assert!(told.iter().any(|entry| entry["kind"] == "return_codes" && entry["reason"].is_string()), "{told:#?}");
    appliance.stop().await;
    site.verify();

    // The folder without its log, as after the loss of a disk: the stock is withheld.
    for name in ["data/alma.redb", "data/alma.draws", "data/alma.epoch"] {
        std::fs::remove_file(site.path(name)).expect("it is there");
    }
    let (status, said) = site.says(&["restore", "--from", text(&backup)]).await;
    assert_eq!((status, &said[0]["returned"], &said[0]["withheld"]), (0, &json!(0), &json!(2000)), "{said:?}");
    let appliance = site.start().await;
    assert_eq!(appliance.caller.my_code("ann").await, first);
    assert_eq!(appliance.caller.get("/referral/my-code", "anybody").await.status, 503);
    appliance.stop().await;
    site.verify();
}

#[tokio::test]
async fn what_is_not_sound_changes_nothing() {
    let site = Site::asking_apple().await;
    let backup = site.path("monday.redb");
    let appliance = site.start().await;
    import(&site, 5).await;
    assert_eq!(site.says(&["backup", "--to", text(&backup)]).await.0, 0);
    appliance.stop().await;
    let files = || -> Vec<Vec<u8>> {
        let file = |name: &&str| std::fs::read(site.path(&format!("data/{name}"))).expect("it is there");
        ["alma.redb", "alma.draws", "alma.epoch"].iter().map(file).collect()
    };
    let (before, whole) = (files(), std::fs::read(&backup).expect("the backup"));
    let garbage: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| if at > 4096 { byte ^ 0x5a } else { *byte }).collect();
    for bad in [&whole[..whole.len() / 2], &garbage, b"no database", b""] {
        std::fs::write(&backup, bad).expect("the folder can be written");
        // With its checksum and without.
        assert_eq!(site.says(&["restore", "--from", text(&backup)]).await.0, 1);
        let sum = site.path("monday.redb.sha256");
        let kept = std::fs::read(&sum).expect("the checksum");
        std::fs::remove_file(&sum).expect("the checksum");
        assert_eq!(site.says(&["restore", "--from", text(&backup)]).await.0, 1);
        std::fs::write(&sum, kept).expect("the folder can be written");
    }
    assert!(files() == before, "nothing was changed");
    site.start().await.stop().await;
}
