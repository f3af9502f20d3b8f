//! The bytes of every record as version 1 wrote them. A file here stays for ever: what was written once
//! must be read by every later version. `REFERD_WRITE_GOLDEN=1` writes files that are missing, and only those.

use super::*;
use crate::domain::at::{Date, Stretch};
use crate::domain::batch::{Chunk, Packed};
use crate::domain::claim::Claim;
use crate::domain::code::CodeState;
use crate::domain::completion::{Cut, Method, Reason};
use crate::domain::consent::{Consent, Purpose};
use crate::domain::consumption::{Bought, Preference, ProductRules, RefundRules};
use crate::domain::decide::{Put, Seen};
use crate::domain::delivery::{ItemId, ItemState};
use crate::domain::device::Device;
use crate::domain::download::Download;
use crate::domain::due::{Due, DueWhat};
use crate::domain::ending::Ending;
use crate::domain::extension::{Extension, ExtensionState};
use crate::domain::grant::TakeBack;
use crate::domain::hearing::{Hearing, Test, TestEnd};
use crate::domain::id::Person;
use crate::domain::network::Network;
use crate::domain::person::{Alias, Move};
use crate::domain::pool::{Pool, Shelf};
use crate::domain::purchase::{RefundWord, Share};
use crate::domain::question::{Asked, Decided, Question, State, Verdict};
use crate::domain::referrer::Reached;
use crate::domain::refund::Refund;
use crate::domain::subscription::{Offer, OfferKind, Owner, Paid, Period, Renewal, Status, Subscription};
use crate::domain::usage::{Delivery, Scope, Usage, Used};
use crate::domain::webhook::{Disabled, Webhook};
use crate::domain::winback::{How, Lapse, Return, WinBack, WinBackState};
use record::{decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/ledger/tests/golden/{name}.hex"))
}

#[allow(clippy::disallowed_methods)] // a switch for whoever adds a record
fn check<R: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, row: &R) {
    let hex: String = encode(row).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = file(name);
    if std::env::var("REFERD_WRITE_GOLDEN").is_ok() && !path.exists() {
        std::fs::write(&path, format!("{hex}\n")).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{name} has no file: {}", path.display()));
    let kept = kept.trim();
    assert_eq!(hex, kept, "{name} is written in another shape: that takes a new version");
    let bytes: Vec<u8> =
        (0..kept.len()).step_by(2).map(|at| u8::from_str_radix(&kept[at..at + 2], 16).unwrap()).collect();
    assert_eq!(&decode::<R>(&bytes, "golden").unwrap(), row, "{name}");
}

mod money;

#[test]
fn every_record_is_read_as_it_was_written() {
    let (one, two, id) = (Person([1; 16]), Person([2; 16]), Id([3; 16]));
    let text = || CodeText::parse("F4ERH8YJF7XETYLY7N").unwrap();
    let mut code = sample::code(1, 1, CodeState::Used { at: NOON });
    (code.text, code.label, code.claimed_by) = (text(), Some("spring".into()), Some(two));
    let mut batch = sample::batch(200, NOON);
    (batch.apple_id, batch.state) = (Some("b-1".into()), BatchState::Failed { at: NOON, why: "409".into() });
    let shelf = Shelf { expires_at: NOON, batch: id, size: 200, next: 7 };
    let mut pool = Pool::new(CAMPAIGN);
    (pool.shelves, pool.coming, pool.pace) = (vec![shelf], Some(id), vec![(Date(20_000), 5)]);
    let mut referrer = Referrer::new(CAMPAIGN, one, "k2m4p6r8t0".into());
    referrer.current = Some(text());
    referrer.milestones = vec![Reached { referrals: 5, days: 365, taken: Some(Span::days(3)) }];
    referrer.completed(Date(20_000));
    let completion = Completion {
        id,
        campaign: CAMPAIGN.into(),
        policy: 3,
        referrer: one,
        referee: two,
        code: text(),
        state: CompletionState::Rejected { at: NOON },
        method: Some(Method::ClaimRevenueCat),
        reasons: vec![Reason::SelfReferral],
        is_test: true,
        held_until: Some(NOON),
        days: 30,
        counts: true,
        taken: Some(Span::days(3)),
        cut: Some(Cut { share: Share::new(50_000), days: 15, left: Span::days(2) }),
        redemption: Some(id),
        original_transaction_id: Some("2000000000000001".into()),
        claimed_at: Some(NOON),
        redeemed_at: None,
    };
    let item = Item {
        id: ItemId { seq: 7, n: 1 },
        effect: Effect::Grant {
            account: one,
            to: one,
            end: NOON,
            take_back: Some(TakeBack { over: NOON, others: Some(NOON) }),
        },
        state: ItemState::Waiting { next: NOON },
        attempts: 2,
        unsure: true,
        looks: 1,
        last_error: Some("timeout".into()),
        caused_by: 7,
        made_at: NOON,
    };
    let due = Due { at: NOON, what: DueWhat::Expire { batch: id, chunk: 4 } };
    let device = Some(Device::New { token: "dG9rZW4=".into(), bit1: true });
    let claim = Claim { device, ..sample::claim(&code, 2, NOON, ClaimState::Completed) };
    check("rules-1", &*sample::rules(sample::policy()));
    check("pool-1", &pool);
    check("batch-1", &batch);
    check("chunk-1", &Chunk { batch: id, number: 9, codes: Packed::of(&[text(), text()]) });
    check("code-1", &code);
    check("referrer-1", &referrer);
    check("alias-1", &Alias { person: one, circle: one, members: vec![one, two] });
    check("move-1", &Move { from: one, at: NOON, to: two });
    check("claim-1", &claim);
    check("redemption-1", &sample::redemption("2000000000000001", 2, NOON));
    check("completion-1", &completion);
    check("account-1", &Account { to: two, paid: vec![STRETCH], others: Some(NOON), ..sample::account(1, NOON) });
    let extension = Extension {
        id,
        to: two,
        original_transaction_id: "2000000000000001".into(),
        days: 30,
        reason: 1,
        after_paid: true,
        asked_at: NOON,
        round: 1,
        state: ExtensionState::Extended { until: NOON },
    };
    check("extension-1", &extension);
    let seen = Seen { source: Source::RevenueCat, event: "E1".into(), kind: "RENEWAL".into(), digest: id, seq: 7 };
    check("seen-1", &seen);
    check("outbox-1", &item);
    check("subscription-1", &subscription());
    let word = RefundWord::Refunded { at: NOON };
    let (share, reversed_at) = (Some((NOON, Share::new(50_000))), Some(NOON));
    let (transaction_id, original_transaction_id) = ("2000000000000002".into(), "2000000000000001".into());
    check("refund-1", &Refund { transaction_id, original_transaction_id, told_at: NOON, word, share, reversed_at });
    let product = ProductRules {
        product_id: "coins".into(),
        answer: Some(false),
        preference: Some(Preference::GrantProrated),
        sample_content: Some(true),
    };
    let rules = RefundRules { answer: true, preference: Some(Preference::Decline), products: vec![product] };
    check("refund-rules-1", &rules);
    check("consent-1", &Consent { person: two, purpose: Purpose::RefundData, given: true, at: NOON });
    let used = Used {
        delivery: Some(Delivery::ServerOutage),
        consumed: Some(Share::new(40_000)),
        sample_content: Some(true),
        play_minutes: Some(90),
        account_created_at: Some(NOON),
    };
    check("usage-1", &Usage::said(two, Scope::Transaction("2000000000000002".into()), &used, NOON));
    let bought = Bought { product_id: "gems", is_renewing: false, had_free_period: true };
    let question = Question {
        transaction_id: "2000000000000002".into(),
        original_transaction_id: "2000000000000001".into(),
        product_id: "gems".into(),
        is_renewing: false,
        is_test: true,
        owner: Some(two),
        asked: Some(Asked { reason: Some("LEGAL".into()), first_at: NOON, last_at: NOON, times: 2 }),
        state: State::Failed { at: NOON, why: "400".into() },
        answer: Some(rules.consumption(&bought, &used, NOON)),
        declined_at: Some(NOON),
        verdict: Some(Verdict { at: NOON, what: Decided::Refunded { share: Share::new(50_000) } }),
    };
    check("question-1", &question);
    check("download-1", &Download { app_transaction_id: "704289572311513293".into(), people: vec![one, two] });
    let end = Some(TestEnd { at: NOON, result: "SUCCESS".into(), has_arrived: true });
    let test = Some(Test { asked_at: NOON, token: Some("t-1".into()), end });
    check("network-1", &Network { id, day: Date(20_000), claims: 3 });
    check("hearing-1", &Hearing { is_test: true, caught_up: NOON, test });
    let (offer, nonce) = ("COMEBACK50".into(), "20fba8a0-2b80-4a7d-a17f-85c1854727f8".into());
    check("signing-1", &crate::domain::offer::Signing { person: two, offer, nonce, at: NOON });
    let disabled = Some(Disabled { at: NOON, why: "answered 410".into() });
    let (host, events) = ("backend.example.com".into(), vec!["payout.*".into()]);
    check("webhook-1", &Webhook { id, host, events, failing_since: Some(NOON), disabled });
    let by =
        Return { at: NOON, transaction_id: "2000000000000002".into(), product_id: "monthly".into(), with_offer: true };
    let lapse = Lapse { original_transaction_id: "2000000000000001".into(), ended_at: NOON, why: Ending::Billing };
    let state = WinBackState::CameBack { code: text(), by };
    let winback = WinBack { id, campaign: CAMPAIGN.into(), person: two, lapse, how: How::Rule, at: NOON, state };
    check("winback-1", &winback);
    check("due-1", &due);
    check("erasure-1", &crate::domain::person::Erasure { person: one, members: vec![one, two], at: NOON });
    check("mark-1", &mark::read(&*House::of(1).ledger.snapshot()).unwrap());
    let by = By::Admin { token: "admin".into(), reason: Some("asked".into()) };
    let command = Command::Claim(MakeClaim { confirm: true, ..MakeClaim::of(ClaimBy::Code(text()), two) });
    let puts = vec![Put::Claim(claim), Put::AccountGone(one), Put::ItemGone(item.id), Put::DueGone(due)];
    check("journal-1", &journal::Entry { at: NOON, by, command, puts });
}

const STRETCH: Stretch = Stretch { from: NOON, until: At(NOON.0 + 1) };

pub fn period() -> Period {
    Period {
        purchased_at: NOON,
        told_at: NOON,
        transaction_id: "2000000000000001".into(),
        product_id: "monthly".into(),
        expires_at: Some(NOON),
        offer: None,
        revoked_at: Some(NOON),
        is_family_shared: false,
    }
}

fn subscription() -> Subscription {
    let offer = Some(Offer { kind: OfferKind::Code, id: Some("REF30".into()) });
    Subscription {
        owner: Some(Owner { is_told: true, at: NOON, person: Person([2; 16]) }),
        app_transaction_id: Some("704289572311513293".into()),
        has_token: true,
        had_free_period: true,
        offers: vec!["REF30".into()],
        promoted: vec![("COMEBACK50".into(), "2000000000000001".into())],
        period: Some(Period { offer, is_family_shared: true, ..period() }),
        renewal: Some(Renewal {
            told_at: NOON,
            auto_renew: true,
            product_id: "yearly".into(),
            renews_at: Some(NOON),
            offer: Some(Offer { kind: OfferKind::Other(9), id: None }),
            is_in_billing_retry: true,
            grace_until: Some(NOON),
        }),
        status: Some((NOON, Status::GracePeriod)),
        paid: vec![Paid {
            product_id: "monthly".into(),
            offer: Some("REF30".into()),
            ended: Some((NOON, Ending::Voluntary)),
            ..Paid::of("2000000000000001", STRETCH, NOON)
        }],
        ..Subscription::new("2000000000000001")
    }
}

/// Every table of rows has its file.
#[test]
fn every_table_of_rows_has_a_golden_file() {
    for tab in Tab::ALL.iter().filter(|tab| tab.role() == table::Role::Rows) {
        assert!(file(tab.name()).exists(), "{}", tab.name());
    }
}
