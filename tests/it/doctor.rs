//! `referd doctor`, as a process: each finding, and whether anything is bad.

use crate::support::appliance::{API_KEY, Site};
use referd::clock::{Clock, SystemClock};
use referd::domain::policy::Environment;
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// The verdict of each check.
fn verdicts(rows: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.iter().map(|row| (text(&row["check"]), text(&row["verdict"]))).collect()
}

fn expected(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(check, verdict)| ((*check).to_owned(), (*verdict).to_owned())).collect()
}

/// What is asked whether or not the appliance runs.
const OUTSIDE: [(&str, &str); 5] =
    [("secrets", "good"), ("disk", "good"), ("clock", "good"), ("offer of friends", "good"), ("entitlement", "good")];

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_good_or_something_is_bad() {
    let site = Site::asking_apple().await;
    let (status, rows) = site.doctor().await;
    assert_eq!(status, 1, "nobody runs");
    assert_eq!(verdicts(&rows), expected(&[&OUTSIDE[..], &[("appliance", "bad"), ("database", "doubtful")]].concat()));

    let appliance = site.start().await;
    for (environment, path) in [(Environment::Production, ""), (Environment::Sandbox, "/sandbox")] {
        let url = format!("{}/webhooks/apple{path}", appliance.caller.public);
        site.store.set_notification_url(environment, Some(&url));
    }
    let (status, rows) = site.doctor().await;
    let good = [
        &OUTSIDE[..],
        &[
            ("appliance", "good"),
            ("webhooks of revenuecat", "doubtful"),
            ("webhooks of apple", "doubtful"),
            ("deliveries", "good"),
            ("refund questions", "doubtful"),
            ("backup", "doubtful"),
            ("database", "good"),
            ("notifications, PRODUCTION", "good"),
            ("notifications, SANDBOX", "good"),
        ],
    ]
    .concat();
    assert_eq!((status, verdicts(&rows)), (0, expected(&good)), "{rows:#?}");
    for row in &rows {
        assert_eq!(row["app"], if row["check"] == "secrets" || row["check"] == "disk" { "" } else { "alma" });
        let is_good = row["verdict"] == "good";
        assert_eq!(row["remedy"] == "", is_good, "what is not good has a remedy: {row}");
    }

    // By now both sources were heard and a backup was made; the sandbox has no address, and that alone is not bad.
    assert_eq!(site.says(&["backup"]).await.0, 0);
    let event = Event::test(SystemClock.now());
    appliance.caller.deliver(&event, SystemClock.now()).await.is(200);
    site.store.set_notification_url(Environment::Sandbox, None);
    let no_sandbox = [
        &OUTSIDE[..],
        &[
            ("appliance", "good"),
            ("webhooks of revenuecat", "good"),
            ("webhooks of apple", "good"),
            ("deliveries", "good"),
            ("refund questions", "doubtful"),
            ("backup", "good"),
            ("database", "good"),
            ("notifications, PRODUCTION", "good"),
            ("notifications, SANDBOX", "doubtful"),
        ],
    ]
    .concat();
    for _ in 0..2 {
        let (status, rows) = site.doctor().await;
        assert_eq!((status, verdicts(&rows)), (0, expected(&no_sandbox)), "{rows:#?}");
        assert!(rows[13]["what"].as_str().is_some_and(|what| what.contains("4040007")), "{rows:#?}");
    }

    site.store.set_notification_url(Environment::Production, Some("http://127.0.0.1:1/"));
    let (status, rows) = site.doctor().await;
    assert_eq!(status, 1, "{rows:#?}");
    let bad = rows.iter().find(|row| row["check"] == "notifications, PRODUCTION").expect("it was looked at");
    assert_eq!((&bad["verdict"], &bad["what"]), (&json!("bad"), &json!("SOCKET_ISSUE")));
    assert!(bad["remedy"].as_str().is_some_and(|remedy| remedy.contains("/webhooks/apple")), "{bad}");
    site.verify();
    appliance.stop().await;
    site.verify();
    let (_, rows) = site.doctor().await;
    let books = rows.iter().find(|row| row["check"] == "database").expect("it was looked at");
    assert_eq!(books["verdict"], "good", "{books}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_services_refuse_is_named() {
    let site = Site::new(0, 10, "info").await;
    let key = site.folder().join("key.p8");
    let open = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    // What is changed, and what is found of it: (a word of the configuration, another) -> check, part of what is said
    for (from, to, check, what) in [
        ("offer = \"REF30\"", "offer = \"REF31\"", "offer of friends", "it is called REF30 there and REF31 here"),
        ("offer-1", "offer-2", "offer of friends", "404"),
        ("entitlement = \"premium\"", "entitlement = \"Premium\"", "entitlement", "404"),
        (API_KEY, "sk_another", "entitlement", "401"),
        ("KEYOFTHEPR", "KEYOFANOTH", "offer of friends", "401"),
        (
            "[[apps.alma.campaigns]]",
            "[apps.alma.notifications]\nallow_private_forwards = true\nforward_to = [\"http://127.0.0.1:1/a\"]\n[[apps.alma.campaigns]]",
            "forward to 127.0.0.1:1",
            "nothing was sent",
        ),
    ] {
        let before = site.reconfigure(from, to);
        let (status, rows) = site.doctor().await;
        let row = rows.iter().find(|row| row["check"] == check).unwrap_or_else(|| panic!("{check}: {rows:#?}"));
        assert_eq!((status, &row["verdict"]), (1, &json!("bad")), "{to}: {row}");
        assert!(row["what"].as_str().is_some_and(|said| said.contains(what)), "{to}: {row}");
        assert!(row["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{to}: {row}");
        site.restore(&before);
    }
    open(0o644);
    let (_, rows) = site.doctor().await;
    assert_eq!((&rows[0]["check"], &rows[0]["verdict"]), (&json!("secrets"), &json!("bad")), "{rows:#?}");
    site.apple.deactivate_offer("offer-1");
    let (_, rows) = site.doctor().await;
    let offer = rows.iter().find(|row| row["check"] == "offer of friends").expect("it was looked at");
    assert!(offer["what"].as_str().is_some_and(|what| what.contains("not active")), "{offer}");
}
