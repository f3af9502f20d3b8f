//! A story of payouts by Tremendous as a line of text: the words of a history of purchases, and those of payments.

use crate::selling::stage::Stage;
use crate::support::caller::Reply;
use crate::support::world::World;
use referd::domain::at::Span;
use referd::domain::money::{Currency, Money};
use referd::fake::faults::{Fault, Op};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

pub const EMAIL: &str = "jen@example.com";

/// One partner who is paid through Tremendous.
pub struct Till {
    pub stage: Stage,
    email: Option<&'static str>,
}

impl Till {
    pub async fn by_email() -> Till {
        Till::of(Some(EMAIL), "20% always").await
    }
    /// A partner whose address nobody knows: the team hands the link on.
    pub async fn by_link() -> Till {
        Till::of(None, "20% always").await
    }
    pub async fn of(email: Option<&'static str>, terms: &str) -> Till {
        Till { stage: Stage::paid_by("tremendous", email, terms).await, email }
    }

    pub fn world(&self) -> &World {
        &self.stage.world
    }

    /// Nothing that is due is done where the story does not say so.
    pub async fn play(&mut self, story: &str) {
        for step in story.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            self.step(step).await;
        }
    }

    async fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        let world = &self.stage.world;
        let tremendous = &world.tremendous;
        let times = |text: &str| text.parse().expect("a number");
        match words[..] {
            ["ready"] => {
                for step in ["sub 1 9990 USD", "approve 1", "draft", "payouts approve"] {
                    self.stage.step(step).await;
                }
            }
            ["again"] => {
                world.advance(Span::days(1));
                for step in ["draft", "payouts approve", "payouts send"] {
                    self.stage.step(step).await;
                }
            }
            ["send"] => self.stage.step("payouts send").await,
            ["settle"] => _ = world.settle().await,
            ["minutes", minutes] => _ = world.later(Span::minutes(times(minutes))).await,
            ["rest"] => {
                for _ in 0..12 {
                    world.later(Span::minutes(5)).await;
                }
            }
            ["create", fault, n] => tremendous.faults().next(Some(Op::CreateOrder), times(n) as u32, meant(fault)),
            ["find", fault, n] => tremendous.faults().next(Some(Op::GetOrder), times(n) as u32, meant(fault)),
            ["faults", "end"] => tremendous.faults().clear(),
            ["fund", minor, currency] => tremendous.set_balance(Money::new(times(minor), known(currency))),
            ["needs", "approval"] => tremendous.require_approval(true),
            ["no", "approval"] => tremendous.require_approval(false),
            ["delivers", "later"] => tremendous.deliver_later(true),
            ["hook", event] => self.hook(event).await,
            ["agrees"] => self.last(|name| tremendous.approve(name)),
            ["delivers"] => self.last(|name| tremendous.deliver(name)),
            ["bounces"] => self.last(|name| tremendous.bounce(name)),
            ["cancels"] => self.last(|name| tremendous.cancel(name)),
            ["fails"] => self.last(|name| tremendous.fail(name)),
            ["retry"] => self.deal("dead", "retry").await,
            ["discard"] => self.deal("waiting", "discard").await,
            _ => self.stage.step(step).await,
        }
    }

    fn last(&self, what: impl FnOnce(&str) -> bool) {
        let order = self.world().tremendous.orders().pop().expect("there is an order");
        assert!(what(&order.id), "not with {order:?}");
    }

    async fn hook(&self, event: &str) {
        let tremendous = &self.world().tremendous;
        let order = tremendous.orders().pop().expect("there is an order");
        let (signature, body) = tremendous.webhook(event, &order.id).expect("there is an order");
        told(self.world(), Some(&signature), body).await.is(200);
    }

    /// With the one delivery that stands so.
    async fn deal(&self, status: &str, how: &str) {
        let item = self.world().only(&format!("outbox?status={status}")).await;
        let path = format!("/admin/outbox/{}/{how}", item["id"].as_str().expect("an id"));
        self.world().admin_post(&path, r#"{"reason":"looked at"}"#).await.is(200);
    }

    /// In the order in which they were made.
    pub async fn payouts(&self) -> Vec<Value> {
        let mut all = self.world().all("payouts").await;
        all.sort_by_key(|row| row["created_at"].as_str().expect("a time").to_owned());
        all
    }

    /// The payouts, the orders at Tremendous, the conversions, what stands in the accounts, the open alerts.
    pub async fn stands(&self) -> String {
        let payout = |row: &Value| {
            // It tells of the past where the payout is over.
            let is_in_trouble = row["status"] == "sent" && !row["trouble"].is_null();
            let trouble = if is_in_trouble { " in trouble" } else { "" };
            format!("{} {}{trouble}", row["amount"], row["status"].as_str().expect("a word"))
        };
        let payouts: Vec<String> = self.payouts().await.iter().map(payout).collect();
        let orders = self.world().tremendous.orders();
        let orders = orders.iter().map(|order| format!("{} {} {}", order.money.minor, order.status, order.delivery));
        let conversions = self.world().all("conversions").await;
        let mut conversions: Vec<&str> =
            conversions.iter().map(|row| row["status"].as_str().expect("a word")).collect();
        conversions.sort_unstable();
        let alerts = self.world().all("alerts?status=open").await;
        let mut alerts: Vec<&str> = alerts.iter().map(|row| row["kind"].as_str().expect("a word")).collect();
        alerts.sort_unstable();
        let parts = [
            payouts.join(", "),
            orders.collect::<Vec<_>>().join(", "),
            conversions.join(", "),
            self.stage.balances().await,
            alerts.join(", "),
        ];
        parts.join(" | ").trim_end_matches([' ', '|']).to_owned()
    }

    /// Requests for orders that came to Tremendous.
    pub fn posts(&self) -> usize {
        self.world().tremendous.calls().iter().filter(|call| call.method == "POST").count()
    }

    /// What holds after every story. Orders of these names are not ours.
    async fn check(&self, foreign: &[String]) {
        let world = self.world();
        let payouts = self.payouts().await;
        let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
        let by_id: BTreeMap<String, &Value> = payouts.iter().map(|row| (text(row, "id"), row)).collect();
        assert_eq!(by_id.len(), payouts.len());
        let mut names = BTreeSet::new();
        for order in world.tremendous.orders() {
            let name = order.external_id.clone().expect("an order has our name");
            assert!(names.insert(name.clone()), "two orders of one payout: {order:?}");
            if foreign.contains(&name) {
                continue;
            }
            let payout = by_id.get(&name).unwrap_or_else(|| panic!("an order of no payout: {order:?}"));
            assert_eq!(payout["external_id"], *name);
            assert_eq!(
                (&payout["amount"], &payout["currency"]),
                (&Value::from(order.money.minor), &Value::from(order.money.currency.as_str()))
            );
            let method = if self.email.is_some() { "EMAIL" } else { "LINK" };
            assert_eq!((order.method.as_str(), order.recipient_email.as_deref()), (method, self.email));
            assert_eq!((order.recipient_name.as_str(), order.campaign_id.as_deref()), ("Jen", Some("CAMPAIGN1")));
            assert_eq!(order.funding_source_id, "BALANCE");
        }
        let sum = |currency: &Value, statuses: &[&str]| -> i64 {
            let rows = payouts.iter().filter(|row| row["currency"] == *currency);
            let rows = rows.filter(|row| statuses.contains(&row["status"].as_str().expect("a word")));
            rows.map(|row| row["amount"].as_i64().expect("an amount")).sum()
        };
        let statement = world.admin(&format!("partners/{}/statement", self.stage.partner)).await;
        for row in statement["balances"].as_array().expect("balances") {
            let amount = |name: &str| row[name].as_i64().expect("an amount");
            assert!(["pending", "approved", "paying", "paid"].iter().all(|name| amount(name) >= 0), "{row}");
            assert_eq!(amount("paid"), sum(&row["currency"], &["settled"]), "{row}");
            assert_eq!(amount("paying"), sum(&row["currency"], &["draft", "approved", "sent"]), "{row}");
            // What was paid was approved: none of it comes out of what is pending.
            assert!(amount("paid") + amount("clawed_back") <= amount("earned") - amount("pending"), "{row}");
        }
        for list in ["journal", "outbox", "alerts", "conversions"] {
            let shown = Value::from(world.all(list).await).to_string();
            assert!(!shown.contains("://") && !shown.contains(EMAIL), "{list} tells what is the partner's: {shown}");
        }
        let metrics = world.metrics().await;
        assert!(!metrics.contains("tremendous.com") && !metrics.contains(EMAIL), "{metrics}");
    }

    pub async fn done(self) {
        self.done_beside(&[]).await;
    }
    pub async fn done_beside(self, foreign: &[String]) {
        self.check(foreign).await;
        self.world().tremendous.set_balance(Money::new(1_000_000, known("USD")));
        self.stage.world.done().await;
    }
}

/// Tremendous tells of something.
#[track_caller]
pub fn told(world: &World, signature: Option<&str>, body: impl Into<bytes::Bytes>) -> impl Future<Output = Reply> {
    let (caller, signature, body) = (world.caller(), signature.map(str::to_owned), body.into());
    async move {
        let signed = signature.as_deref().map(|signature| ("tremendous-webhook-signature", signature));
        let headers: Vec<(&str, &str)> = signed.into_iter().collect();
        caller.raw("POST", &format!("{}/webhooks/tremendous", caller.public), &headers, body).await
    }
}

pub fn known(currency: &str) -> Currency {
    Currency::parse(currency).expect("a currency")
}

fn meant(fault: &str) -> Fault {
    match fault {
        "drop" => Fault::DropBefore,
        "lose" => Fault::AcceptThenDrop,
        "cut" => Fault::CutBody,
        "html" => Fault::Html,
        "wait" => Fault::TooMany { retry_after: Some(30) },
        status => Fault::Status(status.parse().expect("a status")),
    }
}
