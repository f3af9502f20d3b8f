//! The program, killed at any moment: what it acknowledged is there, and nothing is there twice.

use crate::support::appliance::{OFFER, Site};
use crate::support::caller::{Caller, HOOK_AUTHORIZATION, Reply};
use referd::clock::{Clock, SystemClock};
use referd::fake::faults::{Fault, Op};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

const CYCLES: usize = 50;
const CLIENTS: usize = 8;

/// What was acknowledged.
#[derive(Default)]
struct Book {
    /// Code → the referrer it was given to.
    codes: BTreeMap<String, String>,
    /// Referee → the code they claimed.
    claims: BTreeMap<String, String>,
    bought: HashSet<String>,
    /// Claims of the running cycle.
    fresh: Vec<(String, String)>,
}

type Shared = Arc<Mutex<Book>>;

/// Takes codes, claims them and buys with them until nobody answers.
async fn client(name: String, caller: Caller, book: Shared, claims: watch::Sender<u64>) {
    for n in 0.. {
        let (referrer, referee) = (format!("referrer-{name}-{n}"), format!("referee-{name}-{n}"));
        let Some(reply) = caller.try_user("GET", "/referral/my-code", &referrer, &Value::Null).await else { return };
        if reply.status == 503 {
            continue;
        }
        let code = reply.is(200).json()["code"].as_str().expect("a code is text").to_owned();
        let before = book.lock().expect("no panic").codes.insert(code.clone(), referrer);
        assert_eq!(before, None, "a code was given twice");
        let claim = json!({"code": code});
        let Some(reply) = caller.try_user("POST", "/referral/claim", &referee, &claim).await else { return };
        reply.is(201);
        {
            let mut book = book.lock().expect("no panic");
            book.claims.insert(referee.clone(), code.clone());
            book.fresh.push((referee.clone(), code));
        }
        claims.send_modify(|count| *count += 1);
        let event = Event::initial_purchase(&referee, SystemClock.now()).offer(OFFER);
        let Some(reply) = bought(&caller, &event).await else { return };
        reply.is(200);
        book.lock().expect("no panic").bought.insert(referee);
    }
}

async fn bought(caller: &Caller, event: &Event) -> Option<Reply> {
    let headers = [("authorization", HOOK_AUTHORIZATION)];
    caller.try_raw("POST", &format!("{}/webhooks/revenuecat", caller.public), &headers, event.body()).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_kills_lose_nothing_and_double_nothing() {
    let site = Site::new(300, 400, "info").await;
    let book = Shared::default();
    let mut slowest = 0;
    for cycle in 0..CYCLES {
        let appliance = site.start().await;
        slowest = slowest.max(appliance.millis);
        let last = std::mem::take(&mut book.lock().expect("no panic").fresh);
        for (referee, code) in last {
            let reply = appliance.caller.claim(&code, &referee).await.is(200).json();
            assert_eq!(reply["claim"]["code"], code, "an acknowledged claim is there");
        }
        let (mut clients, claims) = (JoinSet::new(), watch::Sender::new(0));
        for n in 0..CLIENTS {
            clients.spawn(client(format!("{cycle}-{n}"), appliance.caller.clone(), book.clone(), claims.clone()));
        }
        let enough = 8 + cycle * 7 % 23;
        site.until("claims", claims.subscribe(), || book.lock().expect("no panic").fresh.len() >= enough).await;
        appliance.kill();
        clients.join_all().await;
    }
    println!("start to the first answer, slowest of {CYCLES}: {slowest} ms");
    assert!(slowest < 2_000, "{slowest} ms");

    let appliance = site.start().await;
    let caller = appliance.caller.clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let codes = caller.all("codes").await;
    let given: BTreeMap<String, String> =
        codes.iter().map(|item| (text(&item["code"]), text(&item["assigned_to"]))).collect();
    assert_eq!(given.len(), codes.len(), "no code twice");
    let claims: BTreeMap<String, String> =
        caller.all("claims").await.iter().map(|item| (text(&item["referee"]), text(&item["code"]))).collect();
    let completions = caller.all("completions").await;
    let credited: HashSet<String> = completions.iter().map(|item| text(&item["referee"])).collect();
    assert_eq!(credited.len(), completions.len());
    {
        let book = book.lock().expect("no panic");
        assert!(book.codes.iter().all(|(code, user)| given.get(code) == Some(user)));
        assert!(book.claims.iter().all(|(user, code)| claims.get(user) == Some(code)));
        assert!(book.bought.iter().all(|user| credited.contains(user)));
    }

    // Every batch that Apple made belongs to one of ours, and nobody was granted two ends for one completion.
    let pool = caller.admin("pool").await["items"][0].clone();
    let batches = pool["batches"].as_array().expect("batches").clone();
    let ids: Vec<String> =
        batches.iter().map(|one| text(&one["app_store_connect_id"])).filter(|id| !id.is_empty()).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    assert!(
        site.apple.batches().len() <= batches.len(),
        "{} at Apple, {} here",
        site.apple.batches().len(),
        batches.len()
    );
    let mut ends: BTreeMap<String, HashSet<i64>> = BTreeMap::new();
    for call in site.revenuecat.calls() {
        ends.entry(call.user.unwrap_or_default()).or_default().extend(call.end.map(|end| end.0));
    }
    assert!(ends.values().all(|ends| ends.len() == 1), "a grant is sent again with the same end");
    appliance.stop().await;
    site.verify();
}

#[tokio::test]
async fn killed_while_a_batch_is_asked_for_it_asks_once() {
    let site = Site::new(5, 25, "info").await;
    site.apple.faults().next(Some(Op::CreateBatch), 1, Fault::AcceptThenDrop);
    site.apple.faults().next(Some(Op::ListBatches), 1, Fault::Slow(Duration::from_secs(600)));
    let appliance = site.start().await;
    let asked = |method: &str| site.apple.calls().iter().filter(|call| call.method == method).count();
    site.until("the lost batch is looked for", site.apple.changed(), || asked("GET") == 1).await;
    appliance.kill();
    let appliance = site.start().await;
    site.until("it is adopted and read", site.apple.changed(), || asked("GET") >= 3).await;
    let code = loop {
        let reply = appliance.caller.get("/referral/my-code", "ann").await;
        if reply.status == 200 {
            break reply.json()["code"].clone();
        }
    };
    assert_eq!((asked("POST"), site.apple.batches().len()), (1, 1));
    assert!(site.apple.codes(&site.apple.batches()[0].id).iter().any(|made| code == made.as_str()));
    appliance.stop().await;
    site.verify();
}

#[tokio::test]
async fn killed_while_days_are_granted_it_grants_the_same_end() {
    let site = Site::new(5, 25, "info").await;
    let appliance = site.start().await;
    let is_read = || site.apple.calls().iter().any(|call| call.path.ends_with("/values"));
    site.until("codes are there", site.apple.changed(), is_read).await;
    site.revenuecat.faults().next(Some(Op::Grant), 1, Fault::AcceptThenDrop);
    site.revenuecat.faults().next(Some(Op::Grant), 1, Fault::Slow(Duration::from_secs(600)));
    let code = loop {
        let reply = appliance.caller.get("/referral/my-code", "ann").await;
        if reply.status == 200 {
            break reply.json()["code"].as_str().expect("a code is text").to_owned();
        }
    };
    appliance.caller.claim(&code, "friend").await.is(201);
    let now = SystemClock.now();
    appliance.caller.deliver(&Event::initial_purchase("friend", now).offer(OFFER), now).await.is(200);
    site.until("the grant is sent again", site.revenuecat.changed(), || site.revenuecat.calls().len() == 2).await;
    appliance.kill();
    let appliance = site.start().await;
    let is_granted = || site.revenuecat.calls().last().is_some_and(|call| call.status == Some(201));
    site.until("and again", site.revenuecat.changed(), is_granted).await;
    let ends: HashSet<_> = site.revenuecat.calls().iter().map(|call| call.end).collect();
    assert_eq!((ends.len(), site.revenuecat.grants("ann")), (1, 1));
    assert_eq!(site.revenuecat.calls().len(), 3);
    appliance.stop().await;
    site.verify();
}
