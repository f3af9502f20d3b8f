//! In from another system and out again: lists with conflicts, taken in twice, cut off in the middle; exports.

mod export;
mod partners;

use crate::support::appliance::Site;
use crate::support::caller::{ADMIN_TOKEN, Caller, Reply};
use crate::support::world::World;
use referd::domain::at::Span;
use referd::domain::policy::Milestone;
use referd::wire::text::rfc3339;
use serde_json::{Value, json};

/// As `\copy … to … csv header` writes them, the columns in an order of their own.
const CODES: &str = "\
id,status,code,assigned_to_user,expires_at,assigned_at,used_at,note
1,available,FREE0001,,2027-05-01 07:00:00+00,,,
2,available,FREE0002,,2027-05-01 07:00:00+00,,,
3,available,FREE0003,,2027-03-01,,,
4,pending,PEND0001,ann,2027-05-01 07:00:00+00,2026-08-01 10:00:00.25+00,,
5,used,USED0001,ann,2027-05-01 07:00:00+00,2026-07-01 10:00:00+00,2026-07-02 10:00:00+00,
6,used,USED0002,ann,2027-05-01 07:00:00+00,2026-07-03 10:00:00+00,2026-07-04 10:00:00+00,
7,expired,GONE0001,,2026-05-01,,,
8,pending,LATE0001,ben,2026-05-01,2026-01-01 10:00:00+00,,
9,used,LOST0001,,2027-05-01,,,
10,available,BAD-0001,,2027-05-01,,,
11,pending,PEND0002
";

const COMPLETIONS: &str = "\
referrer_id,referee_id,code,source,completed_at,reward,days,granted_until
ann,kim,USED0001,ios,2026-07-02 10:00:00+00,granted,30,2026-12-01
ann,lee,USED0002,webhook,2026-07-04 10:00:00+00,owed,30,2026-12-01
ann,ann,USED0003,ios,2026-07-05 10:00:00+00,granted,30,
ben,kim,USED0004,ios,2026-07-06 10:00:00+00,granted,30,
ben,mia,PEND0001,ios,2026-07-07 10:00:00+00,granted,30,
ben,noa,USED0005,ios,2026-07-08 10:00:00+00,granted,,
";

async fn send(caller: &Caller, what: &str, more: &str, list: &str) -> Reply {
    caller.admin_post(&format!("/admin/import/alma/{what}?campaign=friends{more}"), list.to_owned()).await
}

/// The counts that are asked for.
fn counts(said: &Value, names: &[&str]) -> Vec<i64> {
    names.iter().map(|name| said[name].as_i64().unwrap_or(0)).collect()
}

fn lines(said: &Value) -> Vec<(u64, &str)> {
    let line = |line: &Value| line["line"].as_u64();
    let all = said["lines"].as_array().expect("lines");
    all.iter().map(|one| (line(one).expect("a number"), one["why"].as_str().expect("a word"))).collect()
}

const OF_CODES: [&str; 6] = ["rows", "taken", "stocked", "known", "ended", "refused"];

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_moves_in() {
    let world = World::with(|config| {
        let reward = &mut config.apps[0].campaigns[0].policy.reward;
        reward.milestones = [(2, 100), (3, 200)].map(|(referrals, days)| Milestone { referrals, days }).to_vec();
    })
    .await;
    let odd = [(9 + 1, "malformed"), (10 + 1, "malformed"), (11 + 1, "malformed")];
    let before = world.journal();
    let tried = send(&world, "codes", "&dry_run=true", CODES).await.is(200).json();
    assert_eq!((counts(&tried, &OF_CODES), lines(&tried)), (vec![11, 4, 3, 0, 1, 3], odd.to_vec()), "{tried}");
    assert_eq!(tried["ignored_columns"], json!(["note"]));
    assert_eq!(world.journal(), before, "a trial writes nothing");

    let taken = send(&world, "codes", "", CODES).await.is(200).json();
    assert_eq!((counts(&taken, &OF_CODES), lines(&taken)), (vec![11, 4, 3, 0, 1, 3], odd.to_vec()));
    let tried = send(&world, "completions", "&dry_run=true", COMPLETIONS).await.is(200).json();
    let done = send(&world, "completions", "", COMPLETIONS).await.is(200).json();
    for said in [tried, done] {
        assert_eq!(counts(&said, &["rows", "taken", "known", "refused", "owed"]), [6, 3, 0, 3, 1], "{said}");
        let found = [(3, "owed"), (4, "self_referral"), (5, "completed"), (6, "of_another")];
        assert_eq!(lines(&said), found);
    }

    let journal = world.journal();
    let again = send(&world, "codes", "", CODES).await.is(200).json();
    assert_eq!(counts(&again, &OF_CODES), [11, 0, 0, 7, 1, 3], "{again}");
    let again = send(&world, "completions", "", COMPLETIONS).await.is(200).json();
    assert_eq!(counts(&again, &["taken", "known", "refused"]), [0, 3, 3], "{again}");
    assert_eq!(world.journal(), journal, "a second time changes nothing");

    let pool = world.pool().await;
    let words = ["available", "pending", "used", "expired"];
    assert_eq!(counts(&pool, &words), [3, 1, 3, 1], "{pool}");
    assert_eq!(world.my_code("ann").await, "PEND0001", "the code that they shared there");
    assert_eq!(world.my_code("ben").await, "FREE0003", "the one that ends first");
    world.claim("USED0001", "zoe").await.problem(409, "code-used");
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!(stats["completions"], json!({"credited": 2, "held": 0, "reversed": 0}));
    assert_eq!((&stats["days_earned"], &stats["granted_until"]), (&json!(60), &json!("2026-12-01T00:00:00Z")));
    let stats = world.get("/referral/stats", "ben").await.is(200).json();
    assert_eq!((&stats["days_earned"], &stats["granted_until"]), (&json!(30), &Value::Null), "as the campaign gives");
    assert!(world.revenuecat.calls().is_empty() && world.all("outbox").await.is_empty(), "nothing is granted again");

    let simulated = world.admin_post("/admin/rules/simulate", r#"{"since":"2026-01-01"}"#).await.is(200).json();
    assert_eq!((&simulated["items"], &simulated["days"]), (&json!([]), &simulated["days_then"]), "{simulated}");
    let told = world.admin("explain/USED0001").await["items"].as_array().expect("items").len();
    assert_eq!(told, 2, "the code, and the completion");

    // Who was credited for there is not credited for here.
    let code = world.my_code("ann").await;
    world.claim(&code, "kim").await.problem(409, "already-claimed");
    world.buys("kim").await;
    assert_eq!(world.all("completions?status=credited").await.len(), 3);
    // The third completion is the milestone; the second was one there.
    world.completes("ann", "noe").await;
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!((&stats["days_earned"], &stats["granted_until"]), (&json!(290), &json!("2027-07-19T00:00:00Z")));
    world.later(Span::seconds(3)).await;
    assert_eq!(world.revenuecat.grants("ann"), 1);
    assert_eq!(world.revenuecat.promo_end("ann").map(rfc3339).as_deref(), Some("2027-07-19T00:00:00Z"));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_brought_can_be_taken_back() {
    let world = World::with(|config| {
        let reward = &mut config.apps[0].campaigns[0].policy.reward;
        reward.milestones = vec![Milestone { referrals: 2, days: 100 }];
    })
    .await;
    send(&world, "completions", "", COMPLETIONS).await.is(200);
    for completion in world.all("completions").await {
        let path = format!("/admin/completions/{}/reverse", completion["id"].as_str().expect("an id"));
        world.admin_post(&path, r#"{"reason":"a mistake"}"#).await.is(200);
        world.admin_post(&path.replace("reverse", "approve"), "{}").await.is(200);
        world.admin_post(&path, "{}").await.is(200);
    }
    let stats = world.get("/referral/stats", "ann").await.is(200).json();
    assert_eq!((&stats["completions"]["reversed"], &stats["days_earned"]), (&json!(2), &json!(0)));
    // What the other system granted stays: nothing of ours reaches further.
    world.later(Span::seconds(3)).await;
    assert_eq!((world.revenuecat.grants("ann"), world.revenuecat.grants("ben")), (0, 0));
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_somebody_elses_here_stays_theirs() {
    let world = World::stocked(3).await;
    let code = world.my_code("bob").await;
    let other = world.my_code("cleo").await;
    let heading = "code,status,assigned_to_user,expires_at\n";
    let list = format!("{heading}{code},pending,ann,2027-05-01\n{other},used,cleo,2027-05-01\n");
    let said = send(&world, "codes", "", &list).await.is(200).json();
    assert_eq!((counts(&said, &["taken", "refused"]), lines(&said)), (vec![1, 1], vec![(2, "of_another")]));
    assert_eq!(said["missing_columns"], json!(["assigned_at", "used_at", "id", "created_at"]));
    assert_eq!(world.my_code("bob").await, code);
    assert_ne!(world.my_code("cleo").await, other, "it was used there");
    // In stock here, and handed out there since: nobody here gets it.
    let next = world.apple.codes(&world.apple.batches()[0].id);
    let free: Vec<&String> = next.iter().filter(|one| **one != code && **one != other).collect();
    world.later(Span::days(1)).await;
    let list = format!("{heading}NEW00001,available,,2027-05-01\n");
    let said = send(&world, "codes", "", &list).await.is(200).json();
    assert_eq!(counts(&said, &["stocked"]), [1]);
    let list = format!("{heading}NEW00001,pending,dan,2027-05-01\n");
    assert_eq!(counts(&send(&world, "codes", "", &list).await.is(200).json(), &["taken"]), [1]);
    assert_eq!(world.my_code("dan").await, "NEW00001");
    assert!(free.len() == 1 && world.all("codes?user=cleo").await.iter().any(|row| row["code"] == **free[0]));
    world.get("/referral/my-code", "eve").await.problem(503, "pool-empty");
    world.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_whole() {
    let world = World::with_partners(|_| {}).await;
    let rows = [
        ("codes", "", "code,status\n", "there is no column assigned_to_user, expires_at; the file has code, status"),
        ("codes", "", "", "the file has no heading"),
        ("completions", "&days=many", COMPLETIONS, "days is a whole number"),
        (
            "completions",
            "",
            "a,b\n",
            "there is no column referrer_id, referee_id, code, completed_at; the file has a, b",
        ),
    ];
    for (what, more, list, detail) in rows {
        let problem = send(&world, what, more, list).await.problem(400, "bad-request");
        assert_eq!(problem["detail"], detail);
    }
    let path = "/admin/import/alma/codes?campaign=creators";
    world.admin_post(path, CODES).await.problem(400, "bad-request");
    world.admin_post("/admin/import/alma/codes?campaign=foes", CODES).await.problem(404, "not-found");
    world.done().await;
}

/// So many codes that somebody has, one in two of them used.
fn pool(rows: usize) -> (String, String) {
    let mut codes = "code,status,assigned_to_user,expires_at,assigned_at,used_at\n".to_owned();
    let mut completions = "referrer_id,referee_id,code,completed_at\n".to_owned();
    for n in 0..rows {
        let user = format!("user-{}", n % 1_000);
        match n % 2 {
            0 => codes.push_str(&format!("CODE{n:08},pending,{user},2099-05-01,2026-07-01 10:00:00+00,\n")),
            _ => {
                codes.push_str(&format!("CODE{n:08},used,{user},2099-05-01,2026-07-01 10:00:00+00,2026-07-02\n"));
                completions.push_str(&format!("{user},friend-{n},CODE{n:08},2026-07-02\n"));
            }
        }
    }
    (codes, completions)
}

/// The list, until it is answered or nobody answers any more.
async fn begun(caller: Caller, list: &'static str, body: String) -> Option<Reply> {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let url = format!("{}/admin/import/alma/{list}?campaign=friends&days=30", caller.admin);
    caller.try_raw("POST", &url, &[("authorization", &bearer)], body).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_is_finished_the_next_time() {
    let site = Site::new(0, 10, "info").await;
    let (codes, completions) = pool(4_000);
    for (list, body) in [("codes", &codes), ("completions", &completions)] {
        let appliance = site.start().await;
        let caller = appliance.caller.clone();
        let before = caller.admin("stats").await["campaigns"]["friends"].clone();
        let sent = tokio::spawn(begun(caller.clone(), list, body.clone()));
        while caller.admin("stats").await["campaigns"]["friends"] == before && !sent.is_finished() {}
        appliance.kill();
        sent.await.expect("no panic");
    }
    let appliance = site.start().await;
    let names = ["rows", "taken", "known", "refused"];
    for (list, body, rows) in [("codes", &codes, 4_000), ("completions", &completions, 2_000)] {
        let first = begun(appliance.caller.clone(), list, body.clone()).await.expect("an answer").is(200).json();
        let first = counts(&first, &names);
        assert_eq!((first[0], first[1] + first[2], first[3]), (rows, rows, 0), "{list}");
        let again = begun(appliance.caller.clone(), list, body.clone()).await.expect("an answer").is(200).json();
        assert_eq!(counts(&again, &names), [rows, 0, rows, 0], "{list}");
    }
    let stats = appliance.caller.admin("stats").await["campaigns"]["friends"].clone();
    assert_eq!((&stats["codes"]["used"], &stats["completions"]["credited"]), (&json!(2_000), &json!(2_000)));
    appliance.stop().await;
    site.verify();
}

/// The command says the same of a running appliance and of a file.
#[tokio::test(flavor = "multi_thread")]
async fn as_a_command() {
    let site = Site::asking_apple().await;
    let files = [site.file("codes.csv", &CODES.replace("2027-", "2099-")), site.file("completions.csv", COMPLETIONS)];
    let words = ["import", "alma", "--campaign", "friends", "--codes", &files[0], "--completions", &files[1]];
    let dry = [&words[..], &["--dry-run"]].concat();
    let of_file = site.says(&dry).await;
    let appliance = site.start().await;
    assert_eq!(site.says(&dry).await, of_file);
    let (status, said) = site.says(&words).await;
    assert_eq!((status, said.len()), (1, 3 + 1 + 4 + 1), "{said:?}");
    assert_eq!((counts(&said[3], &OF_CODES), &said[8]["taken"]), (vec![11, 4, 3, 0, 1, 3], &json!(3)));
    appliance.stop().await;
    let (_, again) = site.says(&words).await;
    assert_eq!((counts(&again[3], &["taken", "known"]), &again[8]["known"]), (vec![0, 7], &json!(3)));
    assert_eq!(site.says(&["import", "alma", "--campaign", "friends"]).await.0, 2);
    site.verify();
}

/// Books that are restored to a state before know whose the codes are, those of their stock too.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_hands_none_of_them_out() {
    let site = Site::asking_apple().await;
    let appliance = site.start().await;
    let (list, dump) = (site.file("list.csv", "PEND0001\nUSED0001\nFREE0009\n"), CODES.replace("2027-", "2099-"));
    let (dump, backup) = (site.file("codes.csv", &dump), site.file("before", "") + ".redb");
    let words = ["import", "codes", &list, "--campaign", "friends", "--expires", "2099-01-01"];
    assert_eq!(site.says(&words).await.0, 0);
    assert_eq!(site.says(&["backup", "--to", &backup]).await.0, 0);
    let words = ["import", "alma", "--campaign", "friends", "--codes", &dump];
    assert_eq!(site.says(&words).await.1[3]["taken"], 4);
    appliance.stop().await;
    site.verify();
    let (status, said) = site.says(&["restore", "--from", &backup]).await;
    assert_eq!((status, &said[0]["returned"]), (0, &json!(4)), "{said:?}");
    let appliance = site.start().await;
    assert_eq!(appliance.caller.my_code("zoe").await, "FREE0009");
    assert_eq!(appliance.caller.get("/referral/my-code", "one-too-many").await.status, 503);
    let again = site.says(&words).await.1;
    assert_eq!(counts(&again[3], &["taken", "known", "stocked"]), [2, 2, 3], "those that were used there");
    appliance.stop().await;
    site.verify();
}
