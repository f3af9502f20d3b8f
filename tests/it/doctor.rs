//! `referd doctor`, as a process: each finding, and whether anything is bad.

use crate::support::appliance::Site;
use referd::clock::{Clock, SystemClock};
use referd::domain::policy::Environment;
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

/// The verdict of each check.
fn verdicts(rows: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.iter().map(|row| (text(&row["check"]), text(&row["verdict"]))).collect()
}

fn expected(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(check, verdict)| ((*check).to_owned(), (*verdict).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_good_or_something_is_bad() {
    let site = Site::asking_apple().await;
    let (status, rows) = site.doctor().await;
    assert_eq!(status, 1, "nobody runs");
    assert_eq!(verdicts(&rows), expected(&[("appliance", "bad")]));

    let appliance = site.start().await;
    for (environment, path) in [(Environment::Production, ""), (Environment::Sandbox, "/sandbox")] {
        let url = format!("{}/webhooks/apple{path}", appliance.caller.public);
        site.store.set_notification_url(environment, Some(&url));
    }
    let (status, rows) = site.doctor().await;
    let good = [
        ("appliance", "good"),
        ("webhooks of revenuecat", "doubtful"),
        ("webhooks of apple", "doubtful"),
        ("deliveries", "good"),
        ("notifications, PRODUCTION", "good"),
        ("notifications, SANDBOX", "good"),
    ];
    assert_eq!((status, verdicts(&rows)), (0, expected(&good)), "{rows:#?}");
    for row in &rows {
        assert_eq!(row["app"], "alma");
        let is_good = row["verdict"] == "good";
        assert_eq!(row["remedy"] == "", is_good, "what is not good has a remedy: {row}");
    }

    // By now both sources were heard; the sandbox has no address, and that alone is not bad.
    let event = Event::test(SystemClock.now());
    appliance.caller.deliver(&event, SystemClock.now()).await.is(200);
    site.store.set_notification_url(Environment::Sandbox, None);
    let no_sandbox = [
        ("appliance", "good"),
        ("webhooks of revenuecat", "good"),
        ("webhooks of apple", "good"),
        ("deliveries", "good"),
        ("notifications, PRODUCTION", "good"),
        ("notifications, SANDBOX", "doubtful"),
    ];
    for _ in 0..2 {
        let (status, rows) = site.doctor().await;
        assert_eq!((status, verdicts(&rows)), (0, expected(&no_sandbox)), "{rows:#?}");
        assert!(rows[5]["what"].as_str().is_some_and(|what| what.contains("4040007")), "{rows:#?}");
    }

    site.store.set_notification_url(Environment::Production, Some("http://127.0.0.1:1/"));
    let (status, rows) = site.doctor().await;
    assert_eq!(status, 1, "{rows:#?}");
    let bad = rows.iter().find(|row| row["check"] == "notifications, PRODUCTION").expect("it was looked at");
    assert_eq!((&bad["verdict"], &bad["what"]), (&json!("bad"), &json!("SOCKET_ISSUE")));
    assert!(bad["remedy"].as_str().is_some_and(|remedy| remedy.contains("/webhooks/apple")), "{bad}");
    appliance.stop().await;
    site.verify();
}
