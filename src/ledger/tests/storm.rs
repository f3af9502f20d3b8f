//! Storms of purchases, refunds, approvals and payments, from a fixed seed: whatever comes in whatever order, nothing is
//! paid twice, and the books add up. `REFERD_STORM_STEPS=1000000 cargo test --release --lib storm` takes the long way.

use super::sound::replays;
use super::*;
use crate::domain::books::{Account as Ledgered, Movement, is_balanced};
use crate::domain::commission::{Base, Rate, Recurring, Terms};
use crate::domain::conversion::{Conversion, ConversionState};
use crate::domain::decide::conversion::{Judge, Verdict};
use crate::domain::decide::delivery::{Begin, Recover, Settle};
use crate::domain::decide::partner::{AddCoupon, ChangePartner, MakePartner, Wanted};
use crate::domain::decide::payout::{Advance, AskPayout, Draft, Step};
use crate::domain::delivery::ItemState;
use crate::domain::due::Due;
use crate::domain::money::{BasisPoints, Currency, Money};
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::partner::{Partner, Rail};
use crate::domain::payout::{Order, Payout, PayoutState, Progress};
use crate::domain::purchase::{Purchase, RefundWord, Share, Sold};
use crate::entropy::Entropy;
use std::collections::BTreeSet;
use std::ops::Bound;

const OFFERS: [&str; 3] = ["PARTNER_A", "PARTNER_B", "PARTNER_C"];
const CURRENCIES: [&str; 3] = ["USD", "JPY", "EUR"];
/// Subscriptions at a time, and how many steps they live.
const ALIVE: u64 = 60;
const LIFE: usize = 3_000;
const STEPS: usize = 10_000;

struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, n: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes) % n
    }
    fn one_of<'a, T>(&self, all: &'a [T]) -> Option<&'a T> {
        (!all.is_empty()).then(|| &all[self.below(all.len() as u64) as usize])
    }
}

fn currency(text: &str) -> Currency {
    Currency::parse(text).expect("a currency")
}

fn terms(n: u64) -> Terms {
    let share = |points, of| Rate::Share { of, share: BasisPoints::new(points).expect("a share") };
    let rate = match n % 3 {
        0 => share(2_000, Base::Price),
        1 => share(3_333, Base::Proceeds),
        _ => Rate::Fixed(Money::new(150, currency("USD"))),
    };
    let recurring = [Recurring::Always, Recurring::First, Recurring::Months(3)][n as usize % 3];
    Terms { rate, recurring, products: BTreeMap::new() }
}

struct Storm {
    house: House,
    dice: Dice,
    partners: Vec<Id>,
    told: Vec<Report>,
    /// What was agreed to last, for each transaction, and which payouts were approved and then sent.
    agreed: BTreeMap<String, (Id, Money)>,
    approved: BTreeSet<Id>,
    sent: BTreeSet<Id>,
    transactions: Vec<String>,
    payouts: Vec<Id>,
    /// Movements are looked at once.
    looked: u64,
}

impl Storm {
    fn brewing(seed: u64) -> Storm {
        let house = House::empty();
        let mut policy = sample::policy();
        (policy.campaign, policy.offer, policy.kind) = ("creators".into(), String::new(), Kind::Partner);
        let proceeds = BasisPoints::new(7_000).expect("a share");
        let touch = Touch::Last;
        policy.payout = Some(PayoutRules { touch, minimum: 100, hold_days: 2, own_offers_max: 10, proceeds });
        house.ask(Command::Adopt(Adopt { policy })).unwrap();
        let mut partners = Vec::new();
        for (n, offer) in OFFERS.iter().enumerate() {
            let rail = if n == 1 { Rail::Csv } else { Rail::Tremendous };
            let make = MakePartner { campaign: "creators".into(), terms: terms(n as u64), rail };
            let Ok(Reply::Partner(partner)) = house.ask(Command::MakePartner(make)) else { panic!("no partner") };
            let wanted = Wanted::Offer((*offer).into());
            let add = AddCoupon { partner: partner.id, wanted, terms: (n == 2).then(|| terms(2)) };
            house.ask(Command::AddCoupon(add)).unwrap();
            partners.push(partner.id);
        }
        Storm {
            house,
            dice: Dice(SeededEntropy::new(seed)),
            partners,
            told: Vec::new(),
            agreed: BTreeMap::new(),
            approved: BTreeSet::new(),
            sent: BTreeSet::new(),
            transactions: Vec::new(),
            payouts: Vec::new(),
            looked: 0,
        }
    }

    fn tell(&mut self, report: Report) {
        self.house.ask(Command::Report(report.clone())).unwrap();
        self.told.push(report);
        if self.told.len() > 500 {
            self.told.remove(0);
        }
    }

    /// Something is said of a transaction of one of the subscriptions that are alive.
    fn report(&mut self, step: usize) -> Report {
        let epoch = (step / LIFE) as u64;
        let (which, period) = (self.dice.below(ALIVE), self.dice.below(6));
        let original = format!("T{epoch}-{which}-0");
        let transaction = format!("T{epoch}-{which}-{period}");
        if !self.transactions.contains(&transaction) {
            self.transactions.push(transaction.clone());
            if self.transactions.len() > 2_000 {
                self.transactions.remove(0);
            }
        }
        let by_apple = self.dice.below(2) == 0;
        let price = [0, 300, 999, 12_345][(which + period) as usize % 4];
        let price = Money::new(price, currency(CURRENCIES[which as usize % 3]));
        let sold = Sold {
            is_one_time: which % 7 == 0,
            price: (by_apple || self.dice.below(4) > 0).then_some(price),
            proceeds: (!by_apple && which % 2 == 0).then(|| price.part(6, 10)),
        };
        let offers = [OFFERS[0], OFFERS[1], OFFERS[2], "NOBODYS"];
        let redeems = period == 0 || self.dice.below(20) == 0;
        let now = self.house.clock.now();
        let mut purchase = Purchase {
            original_transaction_id: original,
            transaction_id: transaction,
            product_id: "monthly".into(),
            offer: redeems.then(|| offers[(which as usize + period as usize) % 4].to_owned()),
            purchased_at: Some(NOON.plus(Span::days((step / LIFE * 10) as i64 + 30 * period as i64 - 150))),
            is_test: which == 3,
            is_family_shared: which == 5,
            is_upgraded: self.dice.below(40) == 0,
            sold: Some(sold),
            ..Purchase::default()
        };
        if self.dice.below(5) == 0 {
            purchase.sold = None;
            purchase.refund = Some(match self.dice.below(3) {
                0 => RefundWord::Reversed,
                _ => RefundWord::Refunded { at: now },
            });
            let share = [None, Some(100_000), Some(50_000), Some(12_345)][self.dice.below(4) as usize];
            purchase.refunded_share = share.map(Share::new);
        }
        let event = format!("E{step}");
        let people = vec![self.house.person(&format!("buyer-{which}"))];
        Report {
            source: if by_apple { Source::Apple } else { Source::RevenueCat },
            digest: Id::of("digest", &[event.as_bytes()]),
            event,
            kind: "RENEWAL".into(),
            at: Some(now),
            about: About::Purchase { people, token: None, purchase: Box::new(purchase) },
            hand_on: Vec::new(),
        }
    }

    fn judge(&mut self) {
        let recent = &self.transactions[self.transactions.len().saturating_sub(300)..];
        let Some(transaction) = self.dice.one_of(recent).cloned() else { return };
        let verdict = if self.dice.below(6) == 0 { Verdict::Reject } else { Verdict::Approve };
        let judge = Judge { transactions: vec![transaction.clone()], verdict };
        if let (Ok(Reply::Judged(rows)), Verdict::Approve) = (self.house.ask(Command::Judge(judge)), verdict) {
            for row in rows {
                self.agreed.insert(transaction.clone(), (row.partner, row.whole));
                assert!(!row.is_test, "a tester's purchase was approved");
            }
        }
    }

    fn draft(&mut self) {
        let Some(partner) = self.dice.one_of(&self.partners).copied() else { return };
        let currency = currency(CURRENCIES[self.dice.below(3) as usize]);
        if let Ok(Reply::Payout(Some(made))) = self.house.ask(Command::Draft(Draft { partner, currency })) {
            assert!(made.money.minor >= 100, "less than the minimum");
            self.payouts.push(made.id);
        }
    }

    fn advance(&mut self) {
        let recent = &self.payouts[self.payouts.len().saturating_sub(8)..];
        let Some(payout) = self.dice.one_of(recent).copied() else { return };
        let usual = [Step::Approve, Step::Send, Step::Settle];
        let all = [&usual[..], &usual, &[Step::Fail, Step::Cancel]].concat();
        let step = all[self.dice.below(all.len() as u64) as usize];
        if self.house.ask(Command::Advance(Advance { payout, step })).is_ok() {
            match step {
                Step::Approve => _ = self.approved.insert(payout),
                Step::Send => {
                    assert!(self.approved.contains(&payout), "sent without approval");
                    self.sent.insert(payout);
                }
                Step::Settle | Step::Fail => assert!(self.sent.contains(&payout), "settled without being sent"),
                Step::Cancel => {}
            }
        }
    }

    /// One of the deliveries that are due is tried, and ends somehow.
    fn deliver(&mut self) {
        let ready = self.house.ledger.snapshot().prefix(Tab::Ready, &[], 20).unwrap();
        let Some((key, _)) = self.dice.one_of(&ready).cloned() else { return };
        let item = crate::ledger::key::item_of(&key[8..]).expect("an item");
        let Ok(Reply::Item(begun)) = self.house.ask(Command::Begin(Begin { item })) else { return };
        if !matches!(begun.state, ItemState::Begun { .. }) {
            return;
        }
        let (id, luck) = (format!("ORDER{}", begun.id.seq), self.dice.below(14));
        let ordered = |progress| Outcome::Done(Answer::Ordered(Order { id: id.clone(), reward: None, progress }));
        let outcome = match luck {
            0 => Outcome::Again { after: None, why: "429".into() },
            1 | 2 => Outcome::Unsure { why: "timeout".into() },
            3 => Outcome::Absent,
            4 => Outcome::Never { why: "422".into() },
            5 => Outcome::Done(Answer::Disputed { why: "another".into() }),
            6 => ordered(Progress::Undelivered),
            7 => ordered(Progress::Failed),
            8 => ordered(Progress::Cancelled),
            9 | 10 => ordered(Progress::Open),
            _ => ordered(Progress::Settled),
        };
        let end = match self.dice.below(10) {
            0 => Command::Recover(Recover { item }),
            _ => Command::Settle(Settle { item, outcome }),
        };
        self.house.ask(end).unwrap();
    }

    fn fire(&mut self) {
        for (_, bytes) in self.house.ledger.snapshot().prefix(Tab::Due, &[], 5).unwrap() {
            let due: Due = record::decode(&bytes, Tab::Due.name()).unwrap();
            if due.at <= self.house.clock.now() {
                self.house.ask(Command::Fire(due)).unwrap();
            }
        }
    }

    fn step(&mut self, step: usize) {
        match self.dice.below(100) {
            0..45 => {
                let report = self.report(step);
                self.tell(report);
            }
            45..50 => {
                if let Some(report) = self.dice.one_of(&self.told).cloned() {
                    self.house.ask(Command::Report(report)).unwrap();
                }
            }
            50..68 => self.judge(),
            68..75 => self.draft(),
            75..85 => self.advance(),
            85..94 => self.deliver(),
            94..96 => self.fire(),
            96 => {
                let change = ChangePartner {
                    partner: self.partners[self.dice.below(3) as usize],
                    terms: step.is_multiple_of(5).then(|| terms(self.dice.below(3))),
                    rail: None,
                    is_paused: Some(self.dice.below(3) == 0),
                };
                // A row of terms for each change would grow for ever.
                let known: Option<Partner> = self.house.ledger.snapshot().row(change.partner.as_bytes()).unwrap();
                let terms = change.terms.filter(|_| known.is_some_and(|known| known.terms.len() < 20));
                self.house.ask(Command::ChangePartner(ChangePartner { terms, ..change })).unwrap();
            }
            97 => {
                let name = format!("ORDER{}", self.dice.below(step as u64 + 1));
                self.house.ask(Command::AskPayout(AskPayout { name })).unwrap();
            }
            _ => self.house.wait(Span::hours(self.dice.below(30) as i64)),
        }
    }

    /// What must hold at any time.
    fn check(&mut self) {
        let snapshot = self.house.ledger.snapshot();
        let from = self.looked.to_be_bytes();
        for (_, bytes) in snapshot.range(Tab::Movement, Bound::Excluded(&from), Bound::Unbounded, usize::MAX).unwrap() {
            let movement: Movement = record::decode(&bytes, Tab::Movement.name()).unwrap();
            assert!(is_balanced(&movement.lines), "{movement:?}");
            self.looked = movement.seq;
        }
        let mut report = verify::Report::default();
        verify::money::check(&mut report, &snapshot).unwrap();
        assert!(report.faults.is_empty(), "{report:?}");
        for partner in &self.partners {
            for (currency, accounts) in balances(&*snapshot, *partner).unwrap() {
                let paid = accounts.get(&Ledgered::Paid).copied().unwrap_or(0);
                let of_it = |(whose, money): &&(Id, Money)| *whose == *partner && money.currency == currency;
                let agreed: i64 = self.agreed.values().filter(of_it).map(|(_, money)| money.minor).sum();
                assert!(paid <= agreed, "{paid} was paid, and {agreed} agreed to");
            }
        }
        for payout in self.house.all::<Payout>() {
            let went_out = matches!(payout.state, PayoutState::Sent { .. } | PayoutState::Settled { .. });
            assert!(!went_out || (self.approved.contains(&payout.id) && self.sent.contains(&payout.id)));
        }
        let paid = self.house.all::<Conversion>();
        let paid = paid.iter().filter(|row| row.state() == ConversionState::Paid);
        assert!(paid.clone().all(|row| self.agreed.contains_key(&row.transaction_id)), "paid without being agreed to");
    }
}

#[allow(clippy::disallowed_methods)] // how long to look is the caller's choice
fn storms() -> u64 {
    let steps: Option<u64> = std::env::var("REFERD_STORM_STEPS").ok().and_then(|text| text.parse().ok());
    steps.map_or(1, |steps| steps.div_ceil(STEPS as u64))
}

#[test]
fn whatever_comes_the_books_add_up() {
    (1..=storms()).for_each(rages);
}

fn rages(seed: u64) {
    let mut storm = Storm::brewing(seed);
    for step in 0..STEPS {
        storm.step(step);
        if step % 500 == 0 {
            storm.check();
        }
    }
    storm.check();
    let settled = storm.house.all::<Payout>().iter().filter(|row| row.settled_at().is_some()).count();
    let states: BTreeSet<ConversionState> = storm.house.all::<Conversion>().iter().map(Conversion::state).collect();
    assert!(settled > 5, "storm {seed} was calm: {settled} payouts were settled");
    assert_eq!(states.len(), 4, "{states:?}");
    replays(&storm.house);
}
