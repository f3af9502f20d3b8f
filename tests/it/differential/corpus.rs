//! Payloads with what is asked about each, and our own verdicts.

use super::forge::NOW;
use crate::support::rng::Rng;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use referd::domain::policy::Environment;
use referd::fake::apple_event::word;
use referd::wire::apple_event::{self, Expected, Fault, Limits};
use referd::wire::jws::Verifier;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub const BUNDLE: &str = "com.example.alma";
pub const APP: u64 = 1_234_567_890;
const LIMITS: Limits = Limits { now: NOW, max_age: None };
const SEED: u64 = 2_019;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The chain and the signature only.
    Signature,
    Notification,
    Transaction,
    Renewal,
    AppTransaction,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Signature => "signature",
            Kind::Notification => "notification",
            Kind::Transaction => "transaction",
            Kind::Renewal => "renewal",
            Kind::AppTransaction => "app transaction",
        }
    }
}

pub struct Case {
    /// What was changed. The explanation of a difference names it.
    pub class: String,
    pub kind: Kind,
    pub environment: Environment,
    jws: String,
    root: Arc<Vec<u8>>,
    is_strict: bool,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.class, self.kind.name())
    }
}

impl Case {
    pub fn question(&self) -> Value {
        json!({
            "jws": self.jws, "kind": self.kind.name(), "now": NOW.0, "root": BASE64_STANDARD.encode(&*self.root),
            "is_strict": self.is_strict, "bundle_id": BUNDLE, "apple_id": APP, "environment": word(self.environment),
        })
    }

    /// "accepted", or our word for what is wrong.
    fn verdict(&self, verifier: &Verifier) -> &'static str {
        let open = |jws: &str| verifier.verify(jws, NOW);
        let tied = |environment| if environment == self.environment { "accepted" } else { "environment" };
        let word = |fault: Fault| fault.word();
        let expected = Expected { bundle_id: BUNDLE, apple_id: APP, environment: self.environment };
        match self.kind {
            Kind::Signature => open(&self.jws).map_or_else(|fault| fault.word(), |_| "accepted"),
            Kind::Notification => {
                apple_event::notification(&self.jws, &expected, LIMITS, &open).map_or_else(word, |_| "accepted")
            }
            Kind::Transaction => {
                apple_event::transaction(&self.jws, BUNDLE, LIMITS, &open).map_or_else(word, |of| tied(of.environment))
            }
            Kind::Renewal => {
                apple_event::renewal(&self.jws, LIMITS, &open).map_or_else(word, |of| tied(of.environment))
            }
            Kind::AppTransaction => apple_event::app_transaction(&self.jws, BUNDLE, APP, LIMITS, &open)
                .map_or_else(word, |of| tied(of.environment)),
        }
    }
}

/// By a verifier that remembers nothing, and by one that has seen everything before: they agree.
pub fn verdicts(cases: &[Case]) -> Vec<&'static str> {
    let mut warm = HashMap::new();
    let mut verdict = |case: &Case| {
        let Ok(cold) = Verifier::trusting(&case.root) else { return "root" };
        let verdict = case.verdict(&cold);
        let warm = warm.entry(case.root.clone()).or_insert(cold);
        assert_eq!(case.verdict(warm), verdict, "{case:?}, with the chains that came before it known");
        verdict
    };
    cases.iter().map(&mut verdict).collect()
}

/// The cases so far, and what the next ones have in common.
pub struct Corpus {
    pub cases: Vec<Case>,
    pub rng: Rng,
    root: Arc<Vec<u8>>,
    is_strict: bool,
}

impl Corpus {
    pub fn new() -> Corpus {
        Corpus { cases: Vec::new(), rng: Rng::new(SEED), root: Arc::default(), is_strict: true }
    }

    /// Under this root from now on. A chain that does not keep to the profile of RFC 5280 is held to less by both.
    pub fn of(&mut self, root: &[u8], is_strict: bool) {
        self.root = Arc::new(root.to_vec());
        self.is_strict = is_strict;
    }

    pub fn signature(&mut self, class: &str, jws: String) {
        self.ask(class, Kind::Signature, Environment::Production, jws);
    }

    pub fn ask(&mut self, class: &str, kind: Kind, environment: Environment, jws: String) {
        let class = class.to_owned();
        self.cases.push(Case { class, kind, environment, jws, root: self.root.clone(), is_strict: self.is_strict });
    }
}
