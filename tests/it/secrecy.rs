//! What the log never holds.

use crate::support::appliance::{API_KEY, OFFER, Site};
use crate::support::caller::{ADMIN_TOKEN, HOOK_AUTHORIZATION, SERVER_KEY};
use referd::clock::{Clock, SystemClock};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::json;

#[tokio::test]
async fn a_whole_story_at_the_finest_level_names_no_code_no_user_and_no_secret() {
    let site = Site::new(5, 25, "trace").await;
    site.apple.faults().next(Some(Op::CreateBatch), 1, Fault::Status(500));
    site.apple.faults().next(Some(Op::ListBatches), 1, Fault::AcceptThenDrop);
    site.apple.faults().next(Some(Op::Values), 1, Fault::Html);
    let (referrer, referee) = ("rosalind-who-refers-7341", "ferdinand-who-follows-9917");
    let appliance = site.start().await;
    let caller = appliance.caller.clone();
    caller.get("/referral/my-code", referrer).await;
    let list: String = (0..9).map(|n| format!("SECRETCODE{n:08}\n")).collect();
    caller.admin_post("/admin/pool/import?campaign=friends&expires_at=2099-01-01", list).await.is(200);
    let shared = caller.get("/referral/my-code", referrer).await.is(200).json();
    let code = shared["code"].as_str().expect("a code is text").to_owned();
    let slug = shared["share_url"].as_str().and_then(|url| url.rsplit('/').next()).expect("a share link").to_owned();
    caller.raw("GET", &format!("{}/r/{slug}", caller.public), &[], "").await.is(200);
    caller.claim(&code, referrer).await.is(422);
    let code_2 = caller.my_code(referrer).await;
    caller.claim(&code_2, referee).await.is(201);
    caller.confirm(&code_2, referee).await.is(202);
    let now = SystemClock.now();
    let event = Event::initial_purchase(referee, now).offer(OFFER).set("id", json!("EVENT-OF-THE-STORY"));
    site.revenuecat.faults().next(Some(Op::Grant), 1, Fault::Status(500));
    caller.deliver(&event, now).await.is(200);
    caller.deliver(&event.clone().offer(&code), now).await.is(200);
    caller.deliver(&Event::transfer(&[referee], &["gustav-who-takes-over-1123"], now), now).await.is(200);
    caller.deliver_body(format!("[\"{referee}\"").into(), now).await.is(400);
    let wrong = [("authorization", "Bearer wrong-key-that-leaks-4411"), ("x-referd-user", referrer)];
    caller.raw("GET", &format!("{}/referral/my-code", caller.public), &wrong, "").await.is(401);
    for path in [format!("explain/{referrer}"), format!("explain/{code}"), format!("codes?user={referrer}")] {
        caller.admin(&path).await;
    }
    let issue = json!({"count": 2, "assigned_to": "ingeborg-who-creates-5520", "label": "spring"}).to_string();
    let issued = caller.admin_post("/admin/codes/issue", issue).await.is(200).text;
    site.until("the grant arrives", site.revenuecat.changed(), || site.revenuecat.grants(referrer) == 1).await;
    appliance.stop().await;

    let log = site.log.lock().expect("no panic holds this lock").clone();
    assert!(log.contains("TRACE") && log.contains("delivered"), "the log is there");
    let mut secrets = vec![
        referrer.to_owned(),
        referee.to_owned(),
        "gustav-who-takes-over-1123".to_owned(),
        "ingeborg-who-creates-5520".to_owned(),
        "wrong-key-that-leaks-4411".to_owned(),
        "SECRETCODE".to_owned(),
        code,
        code_2,
        SERVER_KEY.to_owned(),
        ADMIN_TOKEN.to_owned(),
        HOOK_AUTHORIZATION.to_owned(),
        API_KEY.to_owned(),
        "PRIVATE KEY".to_owned(),
        "Bearer ey".to_owned(),
    ];
    secrets.extend(issued.lines().skip(1).filter_map(|line| line.split(',').next()).map(str::to_owned));
    let line = |secret: &String| log.lines().find(|line| line.contains(secret.as_str()));
    let found: Vec<&str> = secrets.iter().filter_map(line).collect();
    assert!(found.is_empty(), "{found:#?}");
}
