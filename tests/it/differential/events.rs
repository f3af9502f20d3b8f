//! What payloads say: the app, the environment, and whatever else may be odd in them. All of them are signed well.

use super::corpus::{APP, BUNDLE, Corpus, Kind};
use super::forge::NOW;
use referd::domain::at::Span;
use referd::domain::policy::Environment;
use referd::fake::apple_chain::Chain;
use referd::fake::apple_event::{App, AppTransaction, Notification, RenewalInfo, Transaction};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const BOTH: [Environment; 2] = [Environment::Production, Environment::Sandbox];

pub fn all(corpus: &mut Corpus) {
    let chain = Chain::new(NOW);
    corpus.of(chain.root(), true);
    let app = App { bundle_id: BUNDLE.to_owned(), apple_id: APP };
    let maker = Maker { chain, app };
    kinds(corpus, &maker);
    odd_members(corpus, &maker);
    environments(corpus, &maker);
    nested(corpus, &maker);
    damaged(corpus, &maker);
}

struct Maker {
    chain: Chain,
    app: App,
}

impl Maker {
    fn transaction(&self) -> Transaction {
        Transaction::purchase("2000000000000001", NOW).offer_code("REF30").token("7e3fb20b-4cdb-47cc-936d-99d65f608138")
    }

    fn app_transaction(&self) -> AppTransaction {
        AppTransaction::download("704289572311513293", NOW)
    }

    fn notification(&self) -> Value {
        self.value(&Notification::subscribed(&self.transaction(), NOW).payload(&self.chain, &self.app))
    }

    /// A payload of each kind.
    fn payloads(&self) -> [(Kind, Value); 7] {
        let transaction = self.transaction();
        let of = |notification: Notification| self.value(&notification.payload(&self.chain, &self.app));
        [
            (Kind::Notification, self.notification()),
            (Kind::Notification, of(Notification::summary("monthly", 2, 1, NOW))),
            (Kind::Notification, of(Notification::external_purchase_token(NOW))),
            (Kind::Notification, of(Notification::rescind_consent(&self.app_transaction(), NOW))),
            (Kind::Transaction, self.value(&transaction.payload(&self.app, NOW))),
            (Kind::Renewal, self.value(&RenewalInfo::of(&transaction).payload(NOW))),
            (Kind::AppTransaction, self.value(&self.app_transaction().payload(&self.app))),
        ]
    }

    fn value(&self, payload: &RawValue) -> Value {
        serde_json::from_str(payload.get()).unwrap()
    }
}

/// Every type that the stand-in knows.
fn kinds(corpus: &mut Corpus, maker: &Maker) {
    let bought = maker.transaction();
    let refunded = bought.clone().refunded(NOW, 1);
    let all = [
        Notification::subscribed(&bought, NOW),
        Notification::resubscribed(&bought, NOW),
        Notification::offer_redeemed(&bought, NOW),
        Notification::did_renew(&Transaction::renewal_of(&bought, "2000000000000002"), NOW),
        Notification::renewal_turned(&bought, false, NOW),
        Notification::did_fail_to_renew(&bought, Some(NOW.plus(Span::days(16))), NOW),
        Notification::did_fail_to_renew(&bought, None, NOW),
        Notification::expired(&bought, NOW),
        Notification::refund(&refunded, NOW),
        Notification::refund_declined(&bought, NOW),
        Notification::refund_reversed(&refunded, NOW),
        Notification::revoke(&bought.clone().family_shared(), NOW),
        Notification::one_time_charge(&bought.clone().one_time(), NOW),
        Notification::consumption_request(&bought, "UNINTENDED_PURCHASE", NOW),
        Notification::test(NOW),
        Notification::summary("monthly", 2, 1, NOW),
        Notification::external_purchase_token(NOW),
        Notification::rescind_consent(&maker.app_transaction(), NOW),
        Notification::of("MADE_UP", Some("NEXT_YEAR"), Some(&bought), None, NOW),
    ];
    for notification in all {
        for (is_sandbox, notification) in [(false, notification.clone()), (true, notification.sandbox())] {
            for environment in BOTH {
                let fits = is_sandbox == (environment == Environment::Sandbox);
                let class = if fits { "good" } else { "another environment" };
                corpus.ask(class, Kind::Notification, environment, notification.signed(&maker.chain, &maker.app));
            }
        }
    }
}

/// Each member of each payload, missing or of every other type.
fn odd_members(corpus: &mut Corpus, maker: &Maker) {
    let odd = [json!(null), json!(false), json!(7), json!("7"), json!(7.5), json!("x"), json!(""), json!(["x"])];
    let odd = [None].into_iter().chain(odd.map(Some)).chain([Some(json!({"x": 7}))]);
    let odd: Vec<Option<Value>> = odd.collect();
    for (kind, payload) in maker.payloads() {
        corpus.ask("good", kind, Environment::Production, maker.chain.sign(&payload));
        for path in paths(&payload) {
            let class = format!("{}: {}", kind.name(), path.join("."));
            for value in &odd {
                let mut payload = payload.clone();
                put(&mut payload, &path, value.clone());
                corpus.ask(&class, kind, Environment::Production, maker.chain.sign(&payload));
            }
        }
    }
}

/// The members of an object, and those of the objects in it.
fn paths(value: &Value) -> Vec<Vec<String>> {
    let of = |(name, value): (&String, &Value)| {
        let inside = paths(value).into_iter().map(|path| [vec![name.clone()], path].concat());
        [vec![vec![name.clone()]], inside.collect()].concat()
    };
    value.as_object().into_iter().flatten().flat_map(of).collect()
}

fn put(value: &mut Value, path: &[String], new: Option<Value>) {
    let (last, above) = path.split_last().unwrap();
    let object: &mut Map<String, Value> =
        above.iter().fold(value, |value, name| &mut value[name]).as_object_mut().unwrap();
    match new {
        Some(new) => drop(object.insert(last.clone(), new)),
        None => drop(object.remove(last)),
    }
}

/// Every word for an environment, and of the app, in each kind of payload.
fn environments(corpus: &mut Corpus, maker: &Maker) {
    let words = ["Production", "Sandbox", "Xcode", "LocalTesting", "production", "PRODUCTION", "Prod", "Sandbox "];
    for (kind, payload) in maker.payloads() {
        let is_of = |names: &[&str]| {
            let paths = paths(&payload).into_iter();
            paths.filter(|path| names.contains(&path.last().unwrap().as_str())).collect::<Vec<_>>()
        };
        for environment in BOTH {
            let mut ask = |class: &str, path: &[String], value: Value| {
                let mut payload = payload.clone();
                put(&mut payload, path, Some(value));
                corpus.ask(class, kind, environment, maker.chain.sign(&payload));
            };
            for path in is_of(&["environment", "receiptType"]) {
                for word in words {
                    ask("a word for the environment", &path, json!(word));
                }
            }
            for path in is_of(&["bundleId"]) {
                for bundle in ["com.example.other", "com.example.ALMA", "com.example.alma ", "com.example", "*"] {
                    ask("another bundle", &path, json!(bundle));
                }
            }
            for path in is_of(&["appAppleId"]) {
                for app in [json!(APP + 1), json!(-1), json!(0), json!((APP + 1).to_string())] {
                    ask("another app", &path, app);
                }
                ask("the app in a text", &path, json!(APP.to_string()));
                ask("the app as a fraction", &path, json!(APP as f64 + 0.5));
                ask("the app as a float", &path, json!(APP as f64));
                ask("the app in a strange text", &path, json!(format!(" {APP}\n")));
            }
            for path in is_of(&["externalPurchaseId"]) {
                for id in ["SANDBOX", "SANDBOX_1", "sandbox_1", " SANDBOX_1", "1"] {
                    ask("the id of an external purchase", &path, json!(id));
                }
            }
        }
    }
    let mut ask = |class: &str, kind: Kind, member: &str, at: i64| {
        let (_, mut payload) = maker.payloads().into_iter().find(|(of, _)| *of == kind).unwrap();
        payload[member] = json!(at);
        corpus.ask(class, kind, Environment::Production, maker.chain.sign(&payload));
    };
    for kind in [Kind::Notification, Kind::Transaction, Kind::Renewal] {
        ask("signed a month ago", kind, "signedDate", NOW.minus(Span::days(30)).0);
        ask("signed in an hour", kind, "signedDate", NOW.plus(Span::hours(1)).0);
        ask("signed in a month", kind, "signedDate", NOW.plus(Span::days(30)).0);
        ask("signed in ten years", kind, "signedDate", NOW.plus(Span::days(3_650)).0);
    }
    ask("signed in a month", Kind::AppTransaction, "receiptCreationDate", NOW.plus(Span::days(30)).0);
}

/// Payloads inside of others that do not belong there.
fn nested(corpus: &mut Corpus, maker: &Maker) {
    let Maker { chain, app } = maker;
    let other_app = App { bundle_id: "com.example.other".to_owned(), apple_id: APP + 1 };
    let bought = maker.transaction();
    let other = Transaction::purchase("2000000000000009", NOW);
    let stranger = Chain::new(NOW);
    let transaction = |of: &Transaction| json!(of.signed(chain, app, NOW));
    let renewal = |of: &Transaction| json!(RenewalInfo::of(of).signed(chain, NOW));
    let cut = |jws: Value| json!(jws.as_str().unwrap().trim_end_matches(|c| c != '.'));
    let rows = [
        ("another app's transaction", "signedTransactionInfo", json!(bought.signed(chain, &other_app, NOW))),
        ("a transaction of the sandbox", "signedTransactionInfo", transaction(&bought.clone().sandbox())),
        ("a transaction that another root signed", "signedTransactionInfo", json!(bought.signed(&stranger, app, NOW))),
        ("a transaction without its signature", "signedTransactionInfo", cut(transaction(&bought))),
        ("a transaction that is not signed", "signedTransactionInfo", maker.value(&bought.payload(app, NOW))),
        ("a renewal of the sandbox", "signedRenewalInfo", renewal(&bought.clone().sandbox())),
        (
            "a renewal that another root signed",
            "signedRenewalInfo",
            json!(RenewalInfo::of(&bought).signed(&stranger, NOW)),
        ),
        ("a renewal without its signature", "signedRenewalInfo", cut(renewal(&bought))),
        ("a transaction of another subscription", "signedTransactionInfo", transaction(&other)),
        ("a renewal of another subscription", "signedRenewalInfo", renewal(&other)),
        ("a renewal for a transaction", "signedTransactionInfo", renewal(&bought)),
        ("a transaction for a renewal", "signedRenewalInfo", transaction(&bought)),
        ("a notification for a transaction", "signedTransactionInfo", json!(chain.sign(&maker.notification()))),
    ];
    for (class, member, value) in rows {
        let mut payload = maker.notification();
        payload["data"][member] = value;
        corpus.ask(class, Kind::Notification, Environment::Production, chain.sign(&payload));
    }
    for (class, app_transaction) in [
        ("another app's app transaction", maker.app_transaction().signed(chain, &other_app)),
        ("an app transaction of the sandbox", maker.app_transaction().sandbox().signed(chain, app)),
        ("an app transaction that another root signed", maker.app_transaction().signed(&stranger, app)),
    ] {
        let rescinded = Notification::rescind_consent(&maker.app_transaction(), NOW);
        let mut payload = maker.value(&rescinded.payload(chain, app));
        payload["appData"]["signedAppTransactionInfo"] = json!(app_transaction);
        corpus.ask(class, Kind::Notification, Environment::Production, chain.sign(&payload));
    }
    // One kind of payload where another is expected.
    for (from, payload) in maker.payloads() {
        for to in [Kind::Notification, Kind::Transaction, Kind::Renewal, Kind::AppTransaction] {
            if from != to {
                let class = format!("{} for {}", from.name(), to.name());
                corpus.ask(&class, to, Environment::Production, chain.sign(&payload));
            }
        }
    }
    // Several parts, of which one is to be there.
    let notifications = maker.payloads().into_iter().filter(|(kind, _)| *kind == Kind::Notification);
    let notifications: Vec<Value> = notifications.map(|(_, payload)| payload).collect();
    for payload in &notifications {
        for other in &notifications {
            let both = both(payload, other);
            if both != *payload {
                corpus.ask("two parts", Kind::Notification, Environment::Production, chain.sign(&both));
            }
        }
    }
}

/// The members of one object, and those of another that it has not.
fn both(one: &Value, other: &Value) -> Value {
    let mut both = other.clone();
    both.as_object_mut().unwrap().extend(one.as_object().unwrap().clone());
    both
}

/// Each kind with a byte changed on its way.
fn damaged(corpus: &mut Corpus, maker: &Maker) {
    for (kind, payload) in maker.payloads() {
        let good = maker.chain.sign(&payload);
        for _ in 0..30 {
            let mut text = good.clone().into_bytes();
            let at = corpus.rng.below(text.len());
            text[at] ^= 1 << corpus.rng.below(7);
            let text = String::from_utf8(text).unwrap();
            corpus.ask("a bit of the text", kind, Environment::Production, text);
        }
    }
}
