//! A history of purchases as a line of text, told to the real server, and what it comes to.
//!
//! Transactions are numbered; the first is the original one. Apple tells unless the line says `rc`.

use crate::support::caller::Caller;
use crate::support::world::World;
use referd::domain::at::Span;
use referd::fake::apple_event::{Notification, Transaction};
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const OFFER: &str = "PARTNER_JEN";
pub const USER: &str = "bob";

/// One partner with an offer of their own, and the customer's transactions.
pub struct Stage {
    pub world: World,
    pub partner: String,
    transactions: BTreeMap<u32, Transaction>,
    offer: String,
}

pub fn id(number: u32) -> String {
    format!("20000000000000{number:02}")
}

impl Stage {
    /// The terms: `20% always`, `30% first`, `20% proceeds months 3`, `fixed 1500 USD always`.
    pub async fn set(terms: &str) -> Stage {
        Stage::paid_by("csv", Some("jen@example.com"), terms).await
    }

    pub async fn paid_by(rail: &str, email: Option<&str>, terms: &str) -> Stage {
        let world = World::with_partners(|_| {}).await;
        let partner = partner_paid_by(&world, "Jen", terms, rail, email).await;
        own_offer(&world, &partner, OFFER).await;
        Stage { world, partner, transactions: BTreeMap::new(), offer: OFFER.to_owned() }
    }

    pub async fn play(&mut self, story: &str) {
        for step in story.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            self.step(step).await;
        }
        self.world.settle().await;
    }

    /// A purchase of this number: the first one redeems the offer, each later one renews the one before.
    fn bought(&mut self, number: u32, price: &str, currency: &str) -> Transaction {
        let at = self.world.now();
        let original = self.transactions.values().next().cloned();
        let milliunits = price.parse().expect("milliunits");
        let bought = match original {
            None => Transaction::purchase(&id(number), at).offer_code(&self.offer),
            Some(original) => Transaction::renewal_of(&original, &id(number))
                .set("purchaseDate", json!(at.0))
                .set("expiresDate", json!(at.plus(Span::days(30)).0)),
        };
        let bought = bought.price(milliunits, currency);
        self.transactions.insert(number, bought.clone());
        bought
    }

    fn known(&self, number: &str) -> Transaction {
        self.transactions[&number.parse().expect("a number")].clone()
    }

    async fn apple(&self, notification: Notification) {
        self.world.apple(&notification).await.is(200);
    }

    async fn revenuecat(&self, event: Event, number: &str) {
        let event = event.transaction(&id(number.parse().expect("a number")), &id(1));
        self.world.webhook(&event).await.is(200);
    }

    async fn judge(&self, number: &str, verdict: &str, status: u16) {
        let path = format!("/admin/conversions/{}/{verdict}", id(number.parse().expect("a number")));
        self.world.admin_post(&path, r#"{"reason":"looked at"}"#).await.is(status);
    }

    async fn payouts(&self, step: &str) {
        let before = match step {
            "approve" => "draft",
            "send" => "approved",
            _ => "sent",
        };
        for payout in self.world.all(&format!("payouts?status={before}")).await {
            let path = format!("/admin/payouts/{}/{step}", payout["id"].as_str().expect("an id"));
            self.world.admin_post(&path, "{}").await.is(200);
        }
    }

    pub async fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        let now = self.world.now();
        match words[..] {
            ["sub", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency);
                self.apple(Notification::subscribed(&bought, now)).await;
            }
            ["trial", n] => {
                let bought = self.bought(n.parse().expect("a number"), "0", "USD");
                self.apple(Notification::subscribed(&bought, now)).await;
            }
            ["renew", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency);
                self.apple(Notification::did_renew(&bought, now)).await;
            }
            ["resub", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency);
                self.apple(Notification::resubscribed(&bought, now)).await;
            }
            ["recovered", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency);
                self.apple(Notification::billing_recovered(&bought, now)).await;
            }
            ["once", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency).one_time();
                self.transactions.insert(n.parse().expect("a number"), bought.clone());
                self.apple(Notification::one_time_charge(&bought, now)).await;
            }
            ["sandbox", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency).sandbox();
                self.transactions.insert(n.parse().expect("a number"), bought.clone());
                self.apple(Notification::subscribed(&bought, now).sandbox()).await;
            }
            ["family", n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency).family_shared();
                self.transactions.insert(n.parse().expect("a number"), bought.clone());
                self.apple(Notification::subscribed(&bought, now)).await;
            }
            ["upgrade", old, n, price, currency] => {
                let bought = self.bought(n.parse().expect("a number"), price, currency).product("yearly");
                self.transactions.insert(n.parse().expect("a number"), bought.clone());
                self.apple(Notification::upgraded(&bought, now)).await;
                let before = self.known(old).upgraded();
                self.apple(Notification::about("REFUND", None, &before.refunded(now, 0).prorated(50_000), now)).await;
            }
            ["downgrade", n] => self.apple(Notification::downgraded(&self.known(n), "weekly", now)).await,
            ["again", n] => self.apple(Notification::subscribed(&self.known(n), now)).await,
            ["refund", n] => self.apple(Notification::refund(&self.known(n), now)).await,
            ["prorate", n, share] => {
                let share = share.parse().expect("thousandths of a percent");
                let part = self.known(n).refunded(now, 0).prorated(share);
                self.apple(Notification::about("REFUND", None, &part, now)).await;
            }
            ["reverse", n] => self.apple(Notification::refund_reversed(&self.known(n), now)).await,
            ["revoke", n] => self.apple(Notification::revoke(&self.known(n), now)).await,
            ["declined", n] => self.apple(Notification::refund_declined(&self.known(n), now)).await,
            ["expire", n] => self.apple(Notification::expired(&self.known(n), now)).await,
            ["off", n] => self.apple(Notification::renewal_turned(&self.known(n), false, now)).await,
            ["dearer", n] => self.apple(Notification::price_increase(&self.known(n), 12_990, true, now)).await,
            ["failed", n] => self.apple(Notification::did_fail_to_renew(&self.known(n), None, now)).await,
            ["rc", "sub", n, price, currency] => {
                let event = Event::initial_purchase(USER, now).offer(&self.offer).charged(price, currency);
                self.revenuecat(event, n).await;
            }
            ["rc", "renew", n, price, currency] => {
                self.revenuecat(Event::renewal(USER, now).charged(price, currency), n).await;
            }
            ["rc", "taxed", n, price, currency, tax, commission] => {
                let event = Event::renewal(USER, now).charged(price, currency).deducted(tax, commission);
                self.revenuecat(event, n).await;
            }
            ["rc", "refund", n] => self.revenuecat(Event::cancellation(USER, "CUSTOMER_SUPPORT", now), n).await,
            ["rc", "reverse", n] => self.revenuecat(Event::refund_reversed(USER, now), n).await,
            ["rc", "off", n] => self.revenuecat(Event::cancellation(USER, "UNSUBSCRIBE", now), n).await,
            ["approve", n] => self.judge(n, "approve", 200).await,
            ["reject", n] => self.judge(n, "reject", 200).await,
            ["cannot", verdict, n] => self.judge(n, verdict, 409).await,
            ["draft"] => _ = self.world.admin_post("/admin/payouts", "{}").await.is(201),
            ["pay"] => {
                self.world.admin_post("/admin/payouts", "{}").await.is(201);
                for step in ["approve", "send", "settle"] {
                    self.payouts(step).await;
                }
            }
            ["payouts", step] => self.payouts(step).await,
            ["days", days] => _ = self.world.later(Span::days(days.parse().expect("days"))).await,
            ["offer", name] => self.offer = name.to_owned(),
            ["restart"] => self.world.restart().await,
            _ => panic!("no such step: {step}"),
        }
    }

    /// `1 first 999 USD 200 pending`, by the number of the transaction.
    pub async fn conversions(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        for row in self.world.all("conversions").await {
            let text = |name: &str| row[name].as_str().expect("a text").to_owned();
            let number: u32 = text("transaction_id")[14..].parse().expect("a number");
            let test = if row["is_test"] == json!(true) { " test" } else { "" };
            all.push(format!(
                "{number} {} {} {} {} {}{test}",
                text("kind"),
                row["price"],
                text("currency"),
                row["commission"],
                text("status"),
            ));
        }
        all.sort_by_key(|line| line.split(' ').next().and_then(|number| number.parse::<u32>().ok()));
        all.join("; ")
    }

    /// `USD pending 200 approved 0`: what is not zero.
    pub async fn balances(&self) -> String {
        balances(&self.world, &self.partner).await
    }
}

pub async fn balances(caller: &Caller, partner: &str) -> String {
    let statement = caller.admin(&format!("partners/{partner}/statement")).await;
    let one = |row: &Value| {
        let mut words = vec![row["currency"].as_str().expect("a currency").to_owned()];
        for account in ["pending", "approved", "paying", "paid", "clawed_back"] {
            let amount = row[account].as_i64().expect("an amount");
            if amount != 0 {
                words.push(format!("{account} {amount}"));
            }
        }
        let sum: i64 = ["pending", "approved", "paying", "paid", "clawed_back"]
            .iter()
            .map(|account| row[account].as_i64().expect("an amount"))
            .sum();
        assert_eq!(row["earned"].as_i64(), Some(sum), "the books do not sum to zero: {row}");
        words.join(" ")
    };
    statement["balances"].as_array().expect("balances").iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Terms as people say them.
pub fn terms(text: &str) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (commission, rest) = match words[..] {
        ["fixed", amount, currency, ref rest @ ..] => {
            (json!({"amount": amount.parse::<i64>().expect("an amount"), "currency": currency}), rest.to_vec())
        }
        [share, "proceeds", ref rest @ ..] => (json!({"basis_points": points(share), "of": "proceeds"}), rest.to_vec()),
        [share, ref rest @ ..] => (json!({"basis_points": points(share), "of": "price"}), rest.to_vec()),
        [] => panic!("no terms"),
    };
    let recurring = match rest[..] {
        ["months", months] => json!({"months": months.parse::<u32>().expect("months")}),
        [word] => json!(word),
        _ => panic!("no terms: {text}"),
    };
    json!({"commission": commission, "recurring": recurring})
}

fn points(share: &str) -> u32 {
    share.trim_end_matches('%').parse::<u32>().expect("a share") * 100
}

/// A partner with an address of their own, who is paid by file.
pub async fn partner(caller: &Caller, name: &str, text: &str) -> String {
    let email = format!("{}@example.com", name.to_lowercase());
    partner_paid_by(caller, name, text, "csv", Some(&email)).await
}

pub async fn partner_paid_by(caller: &Caller, name: &str, text: &str, rail: &str, email: Option<&str>) -> String {
    let mut body = terms(text);
    body["name"] = json!(name);
    body["email"] = json!(email);
    body["campaign"] = json!("creators");
    body["payout"] = json!({"rail": rail});
    let made = caller.admin_post("/admin/partners", body.to_string()).await.is(201).json();
    made["id"].as_str().expect("an id").to_owned()
}

pub async fn own_offer(caller: &Caller, partner: &str, offer: &str) -> Value {
    let body = json!({"offer": offer}).to_string();
    caller.admin_post(&format!("/admin/partners/{partner}/coupons"), body).await.is(201).json()
}
