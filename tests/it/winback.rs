//! Codes to come back with: who gets one and when, and who came back. Each story ends with the books checked against their
//! journal.

use crate::support::world::{NOW, World, campaign};
use referd::clock::ManualClock;
use referd::config::{Secret, Webhook};
use referd::domain::at::Span;
use referd::domain::ending::Ending;
use referd::domain::policy::{Kind, WinBackRules};
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::receiver::Receiver;
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};
use std::sync::Arc;

mod list;

const BOB: &str = "E621E1F8-C36C-495A-93FC-0C247A3E6E5F";
const OFFER: &str = "RETURN50";

/// One customer, what they bought, and a campaign that wins back.
struct Stage {
    world: World,
    user: String,
    bought: Vec<Transaction>,
}

fn rules() -> WinBackRules {
    WinBackRules {
        lapsed_days: 30,
        reasons: vec![Ending::Voluntary, Ending::Billing],
        require_consent: true,
        every_days: 180,
        max_per_day: 0,
        test_users: false,
    }
}

impl Stage {
    async fn set(rules: WinBackRules) -> Stage {
        let world = World::with_apple(|config| {
            let app = &mut config.apps[0];
            app.notifications.max_age_days = 0;
            let mut one = campaign();
            (one.policy.campaign, one.policy.kind) = ("return".to_owned(), Kind::Winback);
            (one.policy.offer, one.policy.offer_code_id) = (OFFER.to_owned(), String::new());
            one.policy.winback = Some(rules);
            app.campaigns.push(one);
        })
        .await;
        Stage { world, user: BOB.to_owned(), bought: Vec::new() }
    }

    /// With twenty codes in stock.
    async fn stocked(rules: WinBackRules) -> Stage {
        let mut stage = Stage::set(rules).await;
        stage.step("stock 20").await;
        stage
    }

    async fn play(&mut self, story: &str) {
        for step in story.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            self.step(step).await;
        }
    }

    async fn tells(&self, notification: Notification) {
        self.world.apple(&notification).await.is(200);
    }

    fn last(&self) -> Transaction {
        self.bought.last().expect("something was bought").clone()
    }

    fn next_id(&self) -> String {
        let user: u32 = self.user.bytes().map(u32::from).sum();
        format!("2000{user:08}{:04}", self.bought.len() + 1)
    }

    fn buys(&mut self, offer: Option<&str>) -> Transaction {
        let (now, id) = (self.world.now(), self.next_id());
        let bought = match self.bought.first() {
            None => Transaction::purchase(&id, now).token(&self.user),
            Some(first) => Transaction::renewal_of(first, &id)
                .set("purchaseDate", json!(now.0))
                .set("expiresDate", json!(now.plus(Span::days(30)).0)),
        };
        let bought = match offer {
            Some(offer) => bought.offer_code(offer),
            None => bought,
        };
        self.bought.push(bought.clone());
        bought
    }

    async fn step(&mut self, step: &str) {
        let now = self.world.now();
        match step.split_whitespace().collect::<Vec<_>>()[..] {
            ["user", name] => (self.user, self.bought) = (name.to_owned(), Vec::new()),
            ["buys"] => {
                let bought = self.buys(None);
                self.tells(Notification::subscribed(&bought, now)).await;
            }
            ["back"] => {
                let bought = self.buys(None);
                self.tells(Notification::resubscribed(&bought, now)).await;
            }
            ["back", offer] => {
                let bought = self.buys(Some(offer));
                self.tells(Notification::resubscribed(&bought, now)).await;
            }
            ["recovered"] => {
                let bought = self.buys(None);
                self.tells(Notification::billing_recovered(&bought, now)).await;
            }
            // They came back a day before, and it is told only now.
            ["late"] => {
                self.world.advance(Span::days(-1));
                let bought = self.buys(None);
                self.world.advance(Span::days(1));
                self.tells(Notification::resubscribed(&bought, now)).await;
            }
            ["another"] => {
                let other = Transaction::purchase("2000990000000001", now).token(&self.user);
                self.tells(Notification::subscribed(&other, now)).await;
            }
            ["left", why] => self.tells(Notification::expired_because(why, &self.last(), now)).await,
            ["retried"] => self.tells(Notification::did_fail_to_renew(&self.last(), None, now)).await,
            ["refunded"] => self.tells(Notification::refund(&self.last(), now)).await,
            ["reversed"] => self.tells(Notification::refund_reversed(&self.last(), now)).await,
            ["says", word] => {
                let said = json!({"win_back": word == "yes"});
                let reply = self.world.try_user("PUT", "/users/me/consent", &self.user, &said).await;
                reply.expect("somebody is there").is(200);
            }
            ["stock", count] => {
                let codes: String = (0..count.parse().expect("a number")).map(|n| format!("BACK{n:014}\n")).collect();
                let path = "/admin/pool/import?campaign=return&expires_at=2099-01-01";
                self.world.admin_post(path, codes).await.is(200);
            }
            ["days", days] => _ = self.world.later(Span::days(days.parse().expect("days"))).await,
            ["hours", hours] => _ = self.world.later(Span::hours(hours.parse().expect("hours"))).await,
            ["erased"] => {
                self.world.admin_delete(&format!("/admin/users/{}", self.user)).await.is(200);
            }
            ["restart"] => self.world.restart().await,
            _ => panic!("no such step: {step}"),
        }
    }

    /// `declined no_consent; issued`: in the order of the decisions.
    async fn outcome(&self) -> String {
        let mut all = self.world.all("winbacks").await;
        all.sort_by_key(|row| row["decided_at"].to_string());
        let line = |row: &Value| {
            let words = [row["status"].as_str(), row["reason"].as_str()];
            words.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        all.iter().map(line).collect::<Vec<_>>().join("; ")
    }
}

async fn check(rules: WinBackRules, story: &str, expected: &str) {
    let mut stage = Stage::stocked(rules).await;
    stage.play(story).await;
    assert_eq!(stage.outcome().await, expected, "{story}");
    let issued = stage.world.all("codes?campaign=return").await.len();
    assert_eq!(issued, expected.matches("issued").count() + expected.matches("came_back").count(), "{story}");
    assert!(stage.world.all("completions").await.is_empty(), "{story}");
    stage.world.done().await;
}

#[tokio::test]
async fn a_rule_gives_a_code_some_time_after_the_end() {
    for (story, expected) in [
        ("says yes; buys; days 30; left VOLUNTARY; days 29", ""),
        ("says yes; buys; days 30; left VOLUNTARY; days 30", "issued"),
        ("says yes; buys; days 30; left VOLUNTARY; left VOLUNTARY; days 30; left VOLUNTARY; days 9", "issued"),
        ("says yes; buys; days 30; left VOLUNTARY; restart; days 30; restart; days 1", "issued"),
        ("says yes; buys; days 30; left BILLING_RETRY; days 30", "issued"),
        ("says yes; buys; days 30; retried; days 40", ""),
        ("says yes; buys; days 30; retried; days 60; left BILLING_RETRY; days 0", "issued"),
        ("says yes; buys; days 30; left PRICE_INCREASE; days 30", "declined other_reason"),
        ("says yes; buys; days 30; left PRODUCT_NOT_FOR_SALE; days 30", "declined other_reason"),
        ("buys; days 30; left VOLUNTARY; days 30", "declined no_consent"),
        ("says yes; buys; days 30; left VOLUNTARY; says no; days 30", "declined no_consent"),
        ("says no; buys; days 30; left VOLUNTARY; says yes; days 30", "issued"),
        ("buys; days 30; left VOLUNTARY; days 30; says yes; days 30", "declined no_consent"),
        ("says yes; buys; days 30; left VOLUNTARY; days 9; back; days 21", "declined not_lapsed"),
        ("says yes; buys; another; days 30; left VOLUNTARY; days 30", "declined not_lapsed"),
        ("says yes; buys; days 30; left VOLUNTARY; refunded; days 30", "declined refunded"),
        ("says yes; buys; days 30; left VOLUNTARY; days 31; refunded; days 9", "issued"),
        ("says yes; buys; days 30; left VOLUNTARY; refunded; hours 1; reversed; days 30", "issued"),
        ("says yes; buys; days 12; refunded; days 60", ""),
        ("says yes; buys; days 30; left VOLUNTARY; days 9; erased; days 21", "declined no_consent"),
    ] {
        check(rules(), story, expected).await;
    }
}

#[tokio::test]
async fn it_is_seen_who_came_back() {
    let lapsed = "says yes; buys; days 30; left VOLUNTARY; days 30; days 5";
    for (story, expected) in [
        ("back RETURN50", "came_back_with_code"),
        ("back", "came_back"),
        ("back SOMETHING", "came_back"),
        ("back; days 30; back RETURN50", "came_back"),
        ("recovered", "came_back"),
        ("back RETURN50; days 9; refunded", "came_back_with_code"),
        ("restart; back RETURN50; restart", "came_back_with_code"),
    ] {
        check(rules(), &format!("{lapsed}; {story}"), expected).await;
    }
    let story = "says yes; buys; days 30; left VOLUNTARY; days 30; late";
    check(rules(), story, "issued").await;
}

#[tokio::test]
async fn nobody_is_asked_too_often() {
    // Two looks at two ends, sixty-one days apart.
    let story =
        "says yes; buys; days 30; left VOLUNTARY; days 30; days 1; back RETURN50; days 30; left VOLUNTARY; days 30";
    let (still, issued) = ("came_back_with_code; declined too_soon", "came_back_with_code; issued");
    for (every_days, expected) in [(180, still), (61, issued), (62, still), (0, still)] {
        check(WinBackRules { every_days, ..rules() }, story, expected).await;
    }
}

#[tokio::test]
async fn a_day_has_its_limit_and_nobody_is_forgotten() {
    let mut stage = Stage::stocked(WinBackRules { max_per_day: 2, ..rules() }).await;
    let mut all = Vec::new();
    for n in 1..=5 {
        stage.play(&format!("user E621E1F8-C36C-495A-93FC-{n:012}; says yes; buys")).await;
        all.push((stage.user.clone(), stage.bought.clone()));
    }
    stage.play("days 30").await;
    for (user, bought) in all {
        (stage.user, stage.bought) = (user, bought);
        stage.step("left VOLUNTARY").await;
    }
    stage.play("days 30").await;
    for (step, issued, waiting) in [("days 0", 2, 3), ("days 1", 4, 1), ("hours 1", 4, 1), ("days 1", 5, 0)] {
        stage.play(step).await;
        let found = (stage.world.all("winbacks?status=issued").await, stage.world.all("winbacks?status=waiting").await);
        assert_eq!((found.0.len(), found.1.len()), (issued, waiting), "{step}");
    }
    stage.world.done().await;
}

#[tokio::test]
async fn an_empty_pool_forgets_nobody() {
    let mut stage = Stage::set(rules()).await;
    stage.play("says yes; buys; days 30; left VOLUNTARY; days 30; hours 6; hours 6").await;
    assert_eq!(stage.outcome().await, "waiting pool_empty");
    stage.play("restart; stock 1; hours 1").await;
    assert_eq!(stage.outcome().await, "waiting pool_empty", "it is looked again every six hours");
    stage.play("hours 5").await;
    assert_eq!(stage.outcome().await, "issued");
    stage.world.done().await;
    // Whoever comes back while they wait gets none.
    let mut stage = Stage::set(rules()).await;
    stage.play("says yes; buys; days 30; left VOLUNTARY; days 30; back; stock 1; hours 6").await;
    assert_eq!(stage.outcome().await, "declined not_lapsed");
    stage.world.done().await;
}

#[tokio::test]
async fn a_code_is_used_by_whoever_came_back_with_it() {
    for (story, status, claimed_by) in [
        ("back RETURN50", "used", json!(BOB)),
        ("back; days 30; back RETURN50", "used", json!(BOB)),
        ("back", "pending", Value::Null),
    ] {
        let mut stage = Stage::stocked(rules()).await;
        stage.play(&format!("says yes; buys; days 30; left VOLUNTARY; days 30; days 1; {story}")).await;
        let code = stage.world.only("codes?campaign=return").await;
        assert_eq!((&code["status"], &code["claimed_by"]), (&json!(status), &claimed_by), "{story}");
        let row = stage.world.only("winbacks").await;
        let bought = stage.bought[1].id();
        assert_eq!((&row["code"], &row["transaction_id"]), (&code["code"], &json!(bought)), "{story}");
        assert_eq!(row["ended_because"], "voluntary");
        stage.world.done().await;
    }
}

#[tokio::test]
async fn what_was_decided_is_explained_and_counted() {
    let mut stage = Stage::stocked(rules()).await;
    stage.play("buys; days 30; left VOLUNTARY; days 30").await;
    let original = stage.last().id().to_owned();
    for subject in [BOB, &original] {
        let told = stage.world.admin(&format!("explain/{subject}")).await.to_string();
        assert!(told.contains(&format!("no code for {BOB}: no_consent")), "{subject}: {told}");
    }
    let other = "E621E1F8-C36C-495A-93FC-000000000007";
    stage.play(&format!("user {other}; says yes; buys; days 30; left BILLING_RETRY; days 30")).await;
    stage.play("days 1; back RETURN50").await;
    let code = stage.world.only(&format!("winbacks?user={other}")).await["code"].clone();
    let told = stage.world.admin(&format!("explain/{}", code.as_str().expect("a code"))).await.to_string();
    assert!(told.contains(&format!("a code for {other}")), "{told}");
    assert!(told.contains("with the offer"), "{told}");
    let stats = stage.world.admin("stats").await["campaigns"]["return"]["winbacks"].clone();
    let expected = json!({"waiting": 0, "declined": 1, "issued": 0, "came_back": 0, "came_back_with_code": 1});
    assert_eq!(stats, expected);
    let metrics = stage.world.metrics().await;
    assert!(metrics.contains("referd_winbacks{app=\"alma\",campaign=\"return\",status=\"declined\"} 1"), "{metrics}");
    let known = stage.world.admin(&format!("users/{other}")).await;
    assert_eq!(known["winbacks"][0]["status"], "came_back_with_code");
    assert_eq!(stage.world.all("winbacks?status=declined&campaign=return").await.len(), 1);
    stage.world.done().await;
}

#[tokio::test]
async fn revenuecat_alone_is_enough() {
    for (reason, offer, expected) in [
        ("UNSUBSCRIBE", Some(OFFER), "came_back_with_code"),
        ("BILLING_ERROR", None, "came_back"),
        ("PRICE_INCREASE", None, "declined other_reason"),
        ("CUSTOMER_SUPPORT", None, ""),
        // A source that names the code itself.
        ("UNSUBSCRIBE", Some("the code"), "came_back_with_code"),
    ] {
        let mut stage = Stage::stocked(rules()).await;
        stage.play("user bob; says yes").await;
        let world = &stage.world;
        world.webhook(&Event::initial_purchase("bob", world.now())).await.is(200);
        world.later(Span::days(30)).await;
        world.webhook(&Event::expiration("bob", reason, world.now())).await.is(200);
        world.later(Span::days(30)).await;
        world.later(Span::hours(1)).await;
        let code = world.all("winbacks").await.first().and_then(|row| row["code"].as_str().map(str::to_owned));
        let back = Event::renewal("bob", world.now()).transaction("2000990000000002", "2000990000000001");
        let back = match (offer, &code) {
            (Some("the code"), Some(code)) => back.offer(code),
            (Some(offer), _) => back.offer(offer),
            (None, _) => back,
        };
        world.webhook(&back).await.is(200);
        assert_eq!(stage.outcome().await, expected, "{reason} {offer:?}");
        assert!(stage.world.all("completions").await.is_empty());
        stage.world.done().await;
    }
}

#[tokio::test]
async fn another_id_of_the_same_person_is_the_same_person() {
    let mut stage = Stage::stocked(rules()).await;
    stage.play("says yes; buys; days 30; left VOLUNTARY; days 30").await;
    // They come back under another id, and only then it is told whose it is.
    let world = &stage.world;
    world.later(Span::days(1)).await;
    let back = Event::initial_purchase("bob-2", world.now()).offer(OFFER);
    world.webhook(&back).await.is(200);
    assert_eq!(stage.outcome().await, "issued");
    let alias = Event::purchase("SUBSCRIBER_ALIAS", "bob-2", world.now()).set("aliases", json!(["bob-2", BOB]));
    world.webhook(&alias).await.is(200);
    assert_eq!(stage.outcome().await, "came_back_with_code");
    stage.world.done().await;
}

#[tokio::test]
async fn testers_are_won_back_where_the_campaign_says_so() {
    for (test_users, expected) in [(false, ""), (true, "issued")] {
        let mut stage = Stage::stocked(WinBackRules { test_users, ..rules() }).await;
        stage.step("says yes").await;
        let now = stage.world.now();
        let bought = stage.buys(None).sandbox();
        stage.tells(Notification::subscribed(&bought, now).sandbox()).await;
        stage.step("days 30").await;
        stage.tells(Notification::expired(&bought, stage.world.now()).sandbox()).await;
        stage.step("days 30").await;
        assert_eq!(stage.outcome().await, expected);
        stage.world.done().await;
    }
}

#[tokio::test]
async fn a_campaign_that_is_taken_away_gives_nobody_a_code() {
    let mut stage = Stage::stocked(rules()).await;
    stage.play("says yes; buys; days 30; left VOLUNTARY").await;
    stage.world.config.apps[0].campaigns.pop();
    stage.world.restart().await;
    stage.play("days 30").await;
    assert_eq!(stage.outcome().await, "declined campaign_over");
    stage.world.done().await;
}

#[tokio::test]
async fn the_teams_server_is_told_of_codes_and_of_those_who_came_back() {
    let team = Receiver::start(Arc::new(ManualClock::at(NOW))).await.expect("the team's server starts");
    let mut stage = Stage::stocked(rules()).await;
    stage.world.stop().await;
    let notifications = &mut stage.world.config.apps[0].notifications;
    notifications.allow_private_forwards = true;
    notifications.webhooks.push(Webhook {
        url: team.base_url().to_owned(),
        secrets: vec![Secret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
        events: vec!["winback.*".to_owned()],
    });
    stage.world.begin().await;
    stage.play("buys; days 30; left VOLUNTARY; days 31; says yes; back; days 30; left VOLUNTARY; days 30").await;
    stage.play("hours 1; back RETURN50; days 1").await;
    stage.world.rest().await;
    let told = |n: usize| -> Value { serde_json::from_slice(&team.received()[n].body).expect("an event is JSON") };
    assert_eq!(team.received().len(), 2, "that there was no consent is no news");
    let (issued, back) = (told(0), told(1));
    assert_eq!((&issued["type"], &back["type"]), (&json!("winback.code_issued"), &json!("winback.came_back")));
    assert_eq!((&issued["data"]["user"], &issued["data"]["status"]), (&json!(BOB), &json!("issued")));
    assert_eq!(issued["data"]["expires_at"], stage.world.only("codes?campaign=return").await["expires_at"]);
    let code = issued["data"]["code"].as_str().expect("a code");
    assert!(issued["data"]["redeem_url"].as_str().is_some_and(|url| url.ends_with(code)));
    assert_eq!((&back["data"]["code"], &back["data"]["with_offer"]), (&json!(code), &json!(true)));
    stage.world.done().await;
}
