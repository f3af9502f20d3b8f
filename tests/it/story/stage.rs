//! A stage of its own for each story: people by name, and what each of them did.

use super::rules::{Rules, USERS_SECRET};
use crate::support::caller::Reply;
use crate::support::tokens::{claims, hs256};
use crate::support::world::{OFFER, World};
use bytes::Bytes;
use referd::domain::at::{At, Span};
use referd::domain::policy::Environment;
use referd::fake::apple_event::{Notification, Transaction, body};
use referd::fake::faults::Fault;
use referd::fake::revenuecat_event::Event;
use serde_json::{Value, json};

pub struct Stage {
    world: World,
    start: At,
    people: Vec<Person>,
    /// The last that was sent.
    last: Option<Call>,
    /// The last who was named.
    who: usize,
    /// Somebody granted by hand: what RevenueCat has is no longer what is on the books.
    is_given: bool,
}

/// By their place they have a user id, which is a UUID, and transactions.
struct Person {
    name: String,
    /// Two names of one person have the same number.
    person: usize,
    referrer: usize,
    code: Option<String>,
    /// Whose Apple Account they have.
    account: usize,
    bought_at: Option<At>,
    is_test: bool,
    is_shared: bool,
    /// Which of their transactions redeemed the offer, and of which subscription.
    bought: (u8, u8),
}

/// What can be sent again as it was.
#[derive(Clone)]
enum Call {
    RevenueCat(Event),
    Apple {
        environment: Environment,
        body: Bytes,
    },
    User {
        user: String,
        path: String,
        body: Value,
    },
    /// By the user's own token, from an address.
    From {
        user: String,
        address: String,
        body: Value,
    },
    Verdict {
        path: String,
    },
}

/// How a purchase is made and told.
struct How<'a> {
    by_apple: bool,
    /// Something else, without the offer.
    is_another: bool,
    /// RevenueCat's `original_app_user_id`.
    original: Option<&'a str>,
}

impl Stage {
    pub async fn set(rules: Rules) -> Stage {
        let world = World::with_apple(|config| {
            config.apps[0].notifications.max_age_days = 0;
            config.apps[0].campaigns[0].policy.attribution.asks_apple = false;
            rules(config);
        })
        .await;
        let start = world.now();
        Stage { world, start, people: Vec::new(), last: None, who: 0, is_given: false }
    }

    pub async fn done(self) {
        self.world.done().await;
    }

    /// RevenueCat fails next in this way, so often.
    pub fn trouble(&self, fault: &Fault, times: u32) {
        self.world.revenuecat.faults().next(None, times, fault.clone());
    }

    /// The trouble is over, and what waits is tried again. RevenueCat takes two ends within two hours for one: days
    /// that were given back before it heard that they were taken wait, visibly, until somebody discards them.
    pub async fn rest(&self) {
        self.world.revenuecat.faults().clear();
        for _ in 0..2 {
            self.world.later(Span::minutes(70)).await;
        }
        for item in self.world.all("outbox?status=waiting").await {
            if item["last_error"].as_str().is_some_and(|why| why.contains("not extended")) {
                let id = item["id"].as_str().expect("an id is text");
                self.world.admin_post(&format!("/admin/outbox/{id}/discard"), "{}").await.is(200);
            }
        }
    }

    /// One step of a story. What is due is done, and what follows is sent. An error says what should not have been.
    pub async fn take(&mut self, act: &str, status: Option<u16>) -> Result<(), String> {
        let words: Vec<&str> = act.split(' ').collect();
        if words == ["again"] {
            self.repeat().await?;
        } else if let Some(call) = self.act(&words).await {
            let reply = self.send(&call).await;
            let is_right = status.map_or((200..300).contains(&reply.status), |status| reply.status == status);
            if !is_right {
                return Err(format!("answered {}: {}", reply.status, reply.text));
            }
            self.remember(&reply);
            self.last = Some(call);
        }
        // A grant waits for two seconds.
        self.world.settle().await;
        self.world.later(Span::seconds(3)).await;
        Ok(())
    }

    /// The last call once more. A webhook that is repeated leaves no entry either.
    async fn repeat(&self) -> Result<(), String> {
        let Some(call) = &self.last else { return Ok(()) };
        let is_webhook = matches!(call, Call::RevenueCat(_) | Call::Apple { .. });
        let (journal, before) = (self.world.journal(), self.scene().await);
        self.send(call).await;
        let after = self.scene().await;
        if is_webhook && journal != self.world.journal() {
            return Err("it was kept twice".to_owned());
        }
        if before == after { Ok(()) } else { Err(format!("`{before}` became `{after}`")) }
    }

    /// What a step does by itself, or has somebody send.
    async fn act(&mut self, words: &[&str]) -> Option<Call> {
        if words.len() > 1 || words[0].chars().all(char::is_lowercase) && words != ["restart"] {
            self.who = self.named(words[0]);
        }
        let (who, user, now) = (self.who, self.user(self.who), self.world.now());
        let apple = |stage: &Stage, kind: fn(&Transaction, At) -> Notification| {
            Some(stage.apple(&kind(&stage.transaction(who), now)))
        };
        match words {
            ["restart"] => self.world.restart().await,
            [time] if time.starts_with('+') => self.wait(time).await,
            [_] => {}
            [_, "claims"] => return Some(self.claim(None).await),
            [_, "claims", "of", referrer] => {
                self.people[who].referrer = self.named(referrer);
                return Some(self.claim(None).await);
            }
            [_, "claims", "from", address] => return Some(self.claim(Some((*address).to_owned())).await),
            [_, "buys", "anew"] => {
                (self.people[who].bought, self.people[who].bought_at) = ((3, 3), Some(now));
                return Some(self.buys(&[]));
            }
            [_, "buys", how @ ..] => return Some(self.buys(how)),
            [_, "confirms", "word"] => return Some(self.confirm(json!({})).await),
            [_, "confirms", how @ ..] => {
                self.marked(how);
                let signed = self.world.signed(&self.transaction(who));
                return Some(self.confirm(json!({ "signed_transaction": signed })).await);
            }
            [_, "renews", "by", "apple"] => {
                let renewal = Transaction::renewal_of(&self.transaction(who), &self.id(who, 2));
                return Some(self.apple(&Notification::did_renew(&renewal, now)));
            }
            [_, "renews", how @ ..] => {
                let told = Event::renewal(&user, now).transaction(&self.id(who, 2), &self.id(who, 0));
                return Some(Call::RevenueCat(self.original(told, self.how(how).original)));
            }
            [_, "comes", "back"] => {
                (self.people[who].bought, self.people[who].bought_at) = ((1, 0), Some(now));
                return Some(Call::RevenueCat(self.event(Event::renewal(&user, now).offer(OFFER))));
            }
            [_, "refunded"] => return apple(self, Notification::refund),
            [_, "revoked"] => return apple(self, Notification::revoke),
            [_, "restored"] => return apple(self, Notification::refund_reversed),
            [_, "refunded", "by", "revenuecat"] => {
                return Some(Call::RevenueCat(self.event(Event::cancellation(&user, "CUSTOMER_SUPPORT", now))));
            }
            [_, "restored", "by", "revenuecat"] => {
                return Some(Call::RevenueCat(self.event(Event::refund_reversed(&user, now))));
            }
            [_, "refunded", share] => {
                let percent: i64 = share.trim_end_matches('%').parse().expect("a share is so many percent");
                let refunded = self.transaction(who).refunded(now, 0).prorated(percent * 1000);
                return Some(self.apple(&Notification::refund(&refunded, now)));
            }
            [_, "approved"] => return Some(self.verdict("approve").await),
            [_, "rejected"] => return Some(self.verdict("reject").await),
            [_, "reversed"] => return Some(self.verdict("reverse").await),
            [_, "transfers", "to", other] => {
                let other = self.named(other);
                return Some(Call::RevenueCat(Event::transfer(&[&user], &[&self.user(other)], now)));
            }
            [_, "is", "also", other] => {
                let other = self.named(other);
                self.people[other].person = self.people[who].person;
                let told = Event::purchase("SUBSCRIBER_ALIAS", &user, now);
                return Some(Call::RevenueCat(told.set("aliases", json!([user, self.user(other)]))));
            }
            [_, "granted", kind, "by", "hand"] => {
                let days = if *kind == "weekly" { 7 } else { 31 };
                self.world.revenuecat.give(&user, "premium", kind, now.plus(Span::days(days)));
                self.is_given = true;
            }
            _ => panic!("no such step: {}", words.join(" ")),
        }
        None
    }

    /// Day by day, as timers would see it.
    async fn wait(&self, time: &str) {
        let (count, unit) = time[1..].split_at(time.len() - 2);
        let count = count.parse().expect("so many days, hours or minutes");
        let span = match unit {
            "d" => Span::days(1),
            "h" => Span::hours(1),
            _ => Span::minutes(1),
        };
        for _ in 0..count {
            self.world.later(span).await;
        }
    }

    async fn claim(&mut self, address: Option<String>) -> Call {
        let (user, referrer) = (self.user(self.who), self.user(self.people[self.who].referrer));
        let shared = self.world.get("/referral/my-code", &referrer).await.is(200).json();
        let slug =
            shared["share_url"].as_str().and_then(|url| url.rsplit('/').next()).expect("a share link").to_owned();
        let body = json!({ "slug": slug });
        match address {
            Some(address) => Call::From { user, address, body },
            None => Call::User { user, path: "/referral/claim".to_owned(), body },
        }
    }

    /// With the code that they claimed, or one that the referrer shared.
    async fn confirm(&self, body: Value) -> Call {
        let person = &self.people[self.who];
        let code = match &person.code {
            Some(code) => code.clone(),
            None => self.world.my_code(&self.user(person.referrer)).await,
        };
        let path = format!("/referral/confirm-redemption?referral_code={code}");
        Call::User { user: self.user(self.who), path, body }
    }

    fn buys(&mut self, words: &[&str]) -> Call {
        let how = self.marked(words);
        let (who, now) = (self.who, self.world.now());
        let another =
            Transaction::purchase(&self.id(who, 5), now).app_transaction_id(&self.account(self.people[who].account));
        match (how.is_another, how.by_apple) {
            (true, true) => self.apple(&Notification::subscribed(&another.token(&self.user(who)), now)),
            (true, false) => {
                let told = Event::initial_purchase(&self.user(who), now).transaction(another.id(), another.id());
                Call::RevenueCat(told.set("purchased_at_ms", json!(now.0)))
            }
            (false, true) => self.apple(&Notification::subscribed(&self.transaction(who), now)),
            (false, false) => {
                let told = self.event(Event::initial_purchase(&self.user(who), now).offer(OFFER));
                Call::RevenueCat(self.original(told, how.original))
            }
        }
    }

    /// What a purchase is like stays with it.
    fn marked<'a>(&mut self, words: &[&'a str]) -> How<'a> {
        let now = self.world.now();
        let whose = match words {
            [.., "on", whose, "account"] => whose.strip_suffix("'s").map(|name| self.named(name)),
            _ => None,
        };
        let how = self.how(words);
        let person = &mut self.people[self.who];
        person.account = whose.unwrap_or(person.account);
        person.is_test |= words.contains(&"sandbox");
        person.is_shared |= words.contains(&"family");
        if !how.is_another {
            person.bought_at.get_or_insert(now);
        }
        how
    }

    fn how<'a>(&self, words: &[&'a str]) -> How<'a> {
        let original = words.iter().position(|word| *word == "as").map(|at| words[at + 1]);
        How { by_apple: words.contains(&"apple"), is_another: words.contains(&"another"), original }
    }

    async fn verdict(&self, verdict: &str) -> Call {
        let completion = self.completions(self.who).await.remove(0);
        let id = completion["id"].as_str().expect("an id is text").to_owned();
        Call::Verdict { path: format!("/admin/completions/{id}/{verdict}") }
    }

    /// The offer's redemption by this person, as Apple has it.
    fn transaction(&self, who: usize) -> Transaction {
        let person = &self.people[who];
        let bought_at = person.bought_at.unwrap_or(self.world.now());
        let (bought, original) = person.bought;
        let bought = Transaction::purchase(&self.id(who, bought), bought_at)
            .set("originalTransactionId", json!(self.id(who, original)))
            .offer_code(OFFER)
            .token(&self.user(who))
            .app_transaction_id(&self.account(person.account));
        let bought = if person.is_shared { bought.family_shared() } else { bought };
        if person.is_test { bought.sandbox() } else { bought }
    }

    /// What RevenueCat says of it.
    fn event(&self, event: Event) -> Event {
        let bought = self.transaction(self.who);
        let told = event
            .transaction(bought.id(), bought.original_id())
            .set("purchased_at_ms", json!(bought.purchased_at().0))
            .set("is_family_share", json!(self.people[self.who].is_shared));
        if self.people[self.who].is_test { told.sandbox() } else { told }
    }

    fn original(&mut self, told: Event, name: Option<&str>) -> Event {
        match name.map(|name| self.named(name)) {
            Some(original) => told.set("original_app_user_id", json!(self.user(original))),
            None => told,
        }
    }

    fn apple(&self, notification: &Notification) -> Call {
        let signed = notification.signed(self.world.store.chain(), self.world.store.app());
        Call::Apple { environment: notification.environment(), body: body(&signed) }
    }

    async fn send(&self, call: &Call) -> Reply {
        match call {
            Call::RevenueCat(event) => self.world.webhook(event).await,
            Call::Apple { environment, body } => {
                let path = if *environment == Environment::Sandbox { "/sandbox" } else { "" };
                let url = format!("{}/webhooks/apple{path}", self.world.public);
                self.world.raw("POST", &url, &[], body.clone()).await
            }
            Call::User { user, path, body } => self.world.post(path, user, body).await,
            Call::From { user, address, body } => {
                let expires = self.world.now().plus(Span::days(1)).0 / 1000;
                let token = format!("Bearer {}", hs256(USERS_SECRET, &claims(user, expires)));
                let headers = [("authorization", token.as_str()), ("x-forwarded-for", address)];
                let url = format!("{}/referral/claim", self.world.public);
                self.world.raw("POST", &url, &headers, body.to_string()).await
            }
            Call::Verdict { path } => self.world.admin_post(path, r#"{"reason":"looked at"}"#).await,
        }
    }

    /// The code of a claim, for the confirmation.
    fn remember(&mut self, reply: &Reply) {
        let told: Value = serde_json::from_str(&reply.text).unwrap_or_default();
        if let Some(code) = told["claim"]["code"].as_str() {
            self.people[self.who].code = Some(code.to_owned());
        }
    }

    fn named(&mut self, name: &str) -> usize {
        if self.people.is_empty() {
            self.people.push(Person::new("ann", 0));
        }
        let known = self.people.iter().position(|person| person.name == name);
        known.unwrap_or_else(|| {
            self.people.push(Person::new(name, self.people.len()));
            self.people.len() - 1
        })
    }

    fn user(&self, who: usize) -> String {
        format!("E621E1F8-C36C-495A-93FC-{who:012}")
    }

    /// 0 is the purchase with the offer, or the one long before it; others are of the same person.
    fn id(&self, who: usize, n: u8) -> String {
        format!("20000000000{who:04}{n}")
    }

    fn account(&self, who: usize) -> String {
        format!("704{who:05}")
    }

    /// The completions of which somebody is the referee.
    async fn completions(&self, who: usize) -> Vec<Value> {
        let user = self.user(who);
        let mut all = self.world.all(&format!("completions?user={user}")).await;
        all.retain(|completion| completion["referee"] == user.as_str());
        all
    }

    /// The last who was named, as a story writes it: their completion's status, their referrer's end, and the reasons
    /// where they do not go without saying.
    pub async fn stands(&self) -> String {
        self.stands_of(self.who).await
    }

    async fn stands_of(&self, who: usize) -> String {
        let found: Vec<(String, String)> = self
            .completions(who)
            .await
            .iter()
            .map(|completion| {
                let status = completion["status"].as_str().expect("a status is text");
                let reasons = completion["reasons"].as_array().expect("reasons are a list");
                let reasons: Vec<&str> = reasons.iter().filter_map(Value::as_str).collect();
                let usual = match status {
                    "reversed" => "refund",
                    "rejected" => "self_referral",
                    _ => "",
                };
                let reasons = reasons.join(", ");
                (status.to_owned(), if reasons == usual { String::new() } else { format!(" ({reasons})") })
            })
            .collect();
        let (status, reasons) = match found.as_slice() {
            [] => ("none".to_owned(), String::new()),
            [one] => one.clone(),
            more => (format!("{more:?}"), String::new()),
        };
        format!("{status} {}{reasons}", self.end(self.people[who].referrer).await)
    }

    /// How far the referrer's grants reach: whole days from the start of the story, the nearest, for each step takes
    /// three seconds; 0 where nothing was granted, or nothing is left by now. RevenueCat and the referrer's own figures
    /// must agree, unless somebody granted by hand: then it is what RevenueCat has.
    async fn end(&self, referrer: usize) -> String {
        let there = self.people.iter().enumerate().filter(|(_, one)| one.person == self.people[referrer].person);
        let there = there.filter_map(|(at, _)| self.world.revenuecat.promo_end(&self.user(at))).max();
        let stats = self.stats(referrer).await;
        let told = stats["granted_until"].as_str().map(instant);
        let (there, told) = (self.days(there), self.days(told));
        if there == told || self.is_given { there.to_string() } else { format!("{there}, but {told} in the books") }
    }

    fn days(&self, end: Option<At>) -> i64 {
        let end = end.filter(|end| *end > self.world.now());
        end.map_or(0, |end| (end.0 - self.start.0 + Span::hours(12).0) / Span::days(1).0)
    }

    async fn stats(&self, who: usize) -> Value {
        self.world.get("/referral/stats", &self.user(who)).await.is(200).json()
    }

    /// How everybody stands, and what every referrer has.
    pub async fn scene(&self) -> String {
        let mut scene = String::new();
        for (who, person) in self.people.iter().enumerate() {
            let stats = self.stats(who).await;
            let (counts, days) = (&stats["completions"], &stats["days_earned"]);
            scene += &format!("{}: {}, has {counts} {days} days; ", person.name, self.stands_of(who).await);
        }
        scene
    }

    /// The figures of every referrer are those of the completions that stand, with the milestones that they reach, and
    /// nobody completed twice.
    pub async fn unsound(&self) -> Vec<String> {
        let all = self.world.all("completions").await;
        let of = |role: &str, user: &str, status: &str| -> Vec<&Value> {
            all.iter().filter(|one| one[role] == user && one["status"] == status).collect()
        };
        let mut faults = Vec::new();
        for (who, person) in self.people.iter().enumerate() {
            let user = self.user(who);
            let standing = ["credited", "held", "reversed"].map(|status| of("referee", &user, status).len());
            if standing.iter().sum::<usize>() > 1 {
                faults.push(format!("{} completed twice", person.name));
            }
            if !self.people.iter().any(|referee| referee.referrer == who) {
                continue;
            }
            let (stats, known) = (self.stats(who).await, self.world.admin_get(&format!("/admin/users/{user}")).await);
            let counts = ["credited", "held", "reversed"].map(|status| of("referrer", &user, status).len());
            let told = ["credited", "held", "reversed"].map(|status| &stats["completions"][status]);
            if told != counts.map(Value::from).each_ref() {
                faults.push(format!("{} has {told:?}, of {counts:?}", person.name));
            }
            let earned = days_of(&of("referrer", &user, "credited"));
            let known: Value = serde_json::from_str(&known.text).unwrap_or_default();
            let shares: Vec<&Value> = list(&known["referrer"]).iter().filter(|row| row["user"] == user).collect();
            let milestones = shares.iter().flat_map(|row| list(&row["milestones"]));
            let reached = days_of(&milestones.filter(|milestone| milestone["granted"] == true).collect::<Vec<_>>());
            if stats["days_earned"] != earned + reached {
                faults.push(format!("{} has {} days, of {earned} and {reached}", person.name, stats["days_earned"]));
            }
        }
        faults
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn days_of(rows: &[&Value]) -> i64 {
    rows.iter().filter_map(|row| row["days"].as_i64()).sum()
}

impl Person {
    fn new(name: &str, at: usize) -> Person {
        Person {
            name: name.to_owned(),
            person: at,
            referrer: 0,
            code: None,
            account: at,
            bought_at: None,
            is_test: false,
            is_shared: false,
            bought: (0, 0),
        }
    }
}

fn instant(text: &str) -> At {
    let instant: jiff::Timestamp = text.parse().expect("times are RFC 3339");
    At(instant.as_millisecond())
}
