//! What Apple says of one original transaction: a subscription, or a product bought once. Each part is
//! kept as of the latest word on it, so that the order of the reports leaves no trace.

use super::at::{At, Stretch};
use super::ending::Ending;
use super::id::{Id, Person};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub original_transaction_id: String,
    pub is_test: bool,
    pub owner: Option<Owner>,
    /// Everybody whom the app or RevenueCat called the owner, by now or before, in order.
    pub owners: Vec<Person>,
    /// The purchaser's Apple Account, by Apple's name for its copy of the app.
    pub app_transaction_id: Option<String>,
    /// Apple told an `appAccountToken`: it names a user already.
    pub has_token: bool,
    /// The offers that were redeemed with it.
    pub offers: Vec<String>,
    /// The promotional offers that Apple told of, each with the transaction that had it.
    pub promoted: Vec<(String, String)>,
    /// The earliest purchase that was told of.
    pub first_at: Option<At>,
    /// A period of it cost nothing.
    pub had_free_period: bool,
    pub period: Option<Period>,
    pub renewal: Option<Renewal>,
    pub status: Option<(At, Status)>,
    /// The periods that were told of, by when they began.
    pub paid: Vec<Paid>,
}

/// Whose it is, as far as was told by then. What the app or RevenueCat says stands above an
/// `appAccountToken`, which an app may fill with something else than the user's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    pub is_told: bool,
    pub at: At,
    pub person: Person,
}

/// The signed transaction of a period (Apple, JWSTransactionDecodedPayload).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    pub purchased_at: At,
    pub told_at: At,
    pub transaction_id: String,
    pub product_id: String,
    /// Absent for what does not end.
    pub expires_at: Option<At>,
    pub offer: Option<Offer>,
    pub revoked_at: Option<At>,
    pub is_family_shared: bool,
}

/// The time of one period, by the latest word on its transaction. A refund ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Paid {
    pub time: Stretch,
    pub transaction_id: String,
    pub told_at: At,
    pub product_id: String,
    /// The offer code that it began with, as the source names it: by the offer.
    pub offer: Option<String>,
    /// Why the subscription ended with it, as told then.
    pub ended: Option<(At, Ending)>,
}

/// More periods than these are kept as fewer: the oldest two become one.
const PERIODS: usize = 48;

/// The signed renewal information (Apple, JWSRenewalInfoDecodedPayload).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Renewal {
    pub told_at: At,
    pub auto_renew: bool,
    /// What it renews to.
    pub product_id: String,
    pub renews_at: Option<At>,
    /// The offer of the next period.
    pub offer: Option<Offer>,
    pub is_in_billing_retry: bool,
    pub grace_until: Option<At>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offer {
    pub kind: OfferKind,
    /// Absent for introductory offers.
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OfferKind {
    Introductory,
    Promotional,
    Code,
    WinBack,
    /// One that came after this was written.
    Other(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    Active,
    Expired,
    BillingRetry,
    GracePeriod,
    Revoked,
}

impl Paid {
    pub fn of(transaction_id: &str, time: Stretch, told_at: At) -> Paid {
        let (transaction_id, product_id) = (transaction_id.to_owned(), String::new());
        Paid { time, transaction_id, told_at, product_id, offer: None, ended: None }
    }

    /// Two words on one transaction: of its time the latest holds, and what only one of them tells stays told.
    fn merged(self, other: Paid) -> Paid {
        let latest = (self.told_at, self.time).max((other.told_at, other.time));
        Paid {
            time: latest.1,
            transaction_id: self.transaction_id,
            told_at: latest.0,
            product_id: self.product_id.max(other.product_id),
            offer: self.offer.max(other.offer),
            ended: self.ended.max(other.ended),
        }
    }
}

impl OfferKind {
    pub fn word(self) -> &'static str {
        match self {
            OfferKind::Introductory => "introductory",
            OfferKind::Promotional => "promotional",
            OfferKind::Code => "code",
            OfferKind::WinBack => "win_back",
            OfferKind::Other(_) => "other",
        }
    }
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Expired => "expired",
            Status::BillingRetry => "billing_retry",
            Status::GracePeriod => "grace_period",
            Status::Revoked => "revoked",
        }
    }
}

impl Subscription {
    pub fn id(original_transaction_id: &str) -> Id {
        Id::of("subscription", &[original_transaction_id.as_bytes()])
    }

    pub fn new(original_transaction_id: &str) -> Subscription {
        Subscription {
            original_transaction_id: original_transaction_id.to_owned(),
            is_test: false,
            owner: None,
            owners: Vec::new(),
            app_transaction_id: None,
            has_token: false,
            offers: Vec::new(),
            promoted: Vec::new(),
            first_at: None,
            had_free_period: false,
            period: None,
            renewal: None,
            status: None,
            paid: Vec::new(),
        }
    }

    pub fn person(&self) -> Option<Person> {
        self.owner.map(|owner| owner.person)
    }

    /// Somebody is said to own it, now or at a time.
    pub fn told_of(&mut self, person: Person) {
        if let Err(at) = self.owners.binary_search(&person) {
            self.owners.insert(at, person);
        }
    }

    /// It ends, or ended: what is bought once does not.
    pub fn is_subscription(&self) -> bool {
        let ends = self.period.as_ref().is_some_and(|period| period.expires_at.is_some());
        ends || self.renewal.is_some() || !self.paid.is_empty()
    }

    pub fn is_family_shared(&self) -> bool {
        self.period.as_ref().is_some_and(|period| period.is_family_shared)
    }

    /// Two reports of the same: of each part the latest word holds. A refund or another word on an earlier
    /// period says nothing of the current one.
    pub fn merged(mut self, other: Subscription) -> Subscription {
        assert_eq!(self.original_transaction_id, other.original_transaction_id);
        self.is_test |= other.is_test;
        self.has_token |= other.has_token;
        self.had_free_period |= other.had_free_period;
        self.owner = self.owner.max(other.owner);
        other.owners.into_iter().for_each(|person| self.told_of(person));
        self.first_at = [self.first_at, other.first_at].into_iter().flatten().min();
        self.app_transaction_id = self.app_transaction_id.max(other.app_transaction_id);
        self.period = self.period.max(other.period);
        self.renewal = self.renewal.max(other.renewal);
        self.status = self.status.max(other.status);
        self.offers.extend(other.offers);
        self.offers.sort();
        self.offers.dedup();
        self.promoted.extend(other.promoted);
        self.promoted.sort();
        self.promoted.dedup();
        for told in other.paid {
            let known = self.paid.iter_mut().find(|known| known.transaction_id == told.transaction_id);
            match known {
                Some(known) => *known = known.clone().merged(told),
                None => self.paid.push(told),
            }
        }
        self.paid.sort();
        while self.paid.len() > PERIODS {
            let oldest = self.paid.remove(0);
            self.paid[0].time.from = oldest.time.from;
        }
        self
    }

    /// The last period that is known of: Apple's, or one told of by another that began later.
    pub fn last(&self) -> Option<&Paid> {
        let period = self.period.as_ref();
        let later = |paid: &&Paid| period.is_none_or(|period| paid.time.from > period.purchased_at);
        let signed = |paid: &&Paid| period.is_some_and(|period| paid.transaction_id == period.transaction_id);
        let told = self.paid.iter().filter(later).max_by_key(|paid| paid.time.until);
        told.or_else(|| self.paid.iter().find(signed))
    }

    /// When it ended, and why, where a source told of an end and the money did not go back.
    pub fn ended(&self) -> Option<(At, Ending)> {
        let (last, period) = (self.last()?, self.period.as_ref());
        let told = last.ended.map(|(_, why)| why);
        let why = match self.status {
            Some((_, Status::Expired)) if period.is_none_or(|period| period.transaction_id == last.transaction_id) => {
                Some(told.unwrap_or(Ending::Other))
            }
            None => told,
            Some(_) => None,
        };
        let is_revoked = period.is_some_and(|period| period.revoked_at.is_some());
        why.filter(|why| !is_revoked && *why != Ending::Refunded).map(|why| (last.time.until, why))
    }

    /// The promotional offer of a period, with its transaction.
    pub fn promotion(period: &Period) -> Option<(String, String)> {
        let offer = period.offer.as_ref().filter(|offer| offer.kind == OfferKind::Promotional)?;
        Some((offer.id.clone()?, period.transaction_id.clone()))
    }

    /// The time that was paid for, or given by the store; a tester's is none.
    pub fn times(&self) -> impl Iterator<Item = Stretch> {
        self.paid.iter().filter(|_| !self.is_test).map(|paid| paid.time)
    }

    /// All times of these, in order and without overlap.
    pub fn all_times<'a>(all: impl IntoIterator<Item = &'a Subscription>) -> Vec<Stretch> {
        Stretch::union(all.into_iter().flat_map(Subscription::times).collect())
    }

    /// Apple's last word on it, or what follows from the last signed transaction.
    pub fn status(&self, now: At) -> Option<Status> {
        if let Some((_, told)) = self.status {
            return Some(told);
        }
        let period = self.period.as_ref()?;
        Some(match (period.revoked_at, period.expires_at) {
            (Some(_), _) => Status::Revoked,
            (None, Some(end)) if end <= now => Status::Expired,
            (None, _) => Status::Active,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> At {
        At(day * 86_400_000)
    }

    fn period(purchased: i64, told: i64, revoked_at: Option<At>) -> Period {
        Period {
            purchased_at: at(purchased),
            told_at: at(told),
            transaction_id: format!("T{purchased}"),
            product_id: "monthly".into(),
            expires_at: Some(at(purchased + 30)),
            offer: None,
            revoked_at,
            is_family_shared: false,
        }
    }

    fn paid(id: &str, from: i64, until: i64, told: i64) -> Paid {
        Paid::of(id, Stretch { from: at(from), until: at(until) }, at(told))
    }

    fn ended(paid: Paid, told: i64, why: Ending) -> Paid {
        Paid { ended: Some((at(told), why)), ..paid }
    }

    fn owner(is_told: bool, day: i64, n: u8) -> Option<Owner> {
        Some(Owner { is_told, at: at(day), person: Person([n; 16]) })
    }

    fn report(change: impl Fn(&mut Subscription)) -> Subscription {
        let mut report = Subscription::new("T0");
        change(&mut report);
        report
    }

    #[test]
    fn reports_merge_in_any_order() {
        let reports = [
            report(|one| (one.owner, one.period) = (owner(false, 9, 1), Some(period(0, 0, None)))),
            report(|one| (one.owner, one.status) = (owner(true, 2, 2), Some((at(3), Status::Active)))),
            report(|one| (one.owner, one.offers) = (owner(true, 1, 3), vec!["REF30".into(), "A".into()])),
            report(|one| (one.period, one.offers) = (Some(period(30, 29, None)), vec!["A".into()])),
            report(|one| (one.period, one.is_test) = (Some(period(0, 40, Some(at(40)))), true)),
            report(|one| (one.status, one.has_token) = (Some((at(2), Status::Expired)), true)),
            report(|one| one.paid = vec![paid("T0", 0, 30, 0), paid("T30", 30, 60, 29)]),
            report(|one| one.paid = vec![ended(paid("T0", 0, 12, 12), 13, Ending::Billing)]),
            report(|one| one.paid = vec![ended(paid("T0", 0, 30, 0), 12, Ending::Voluntary)]),
            report(|one| {
                let offer = Some("REF30".to_owned());
                one.paid = vec![Paid { product_id: "monthly".into(), offer, ..paid("T30", 30, 60, 28) }];
            }),
        ];
        let fold = |order: &[usize]| {
            let picked = order.iter().map(|n| reports[*n].clone());
            picked.reduce(Subscription::merged).expect("there are reports")
        };
        let first = fold(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for order in [[9, 7, 5, 4, 3, 2, 1, 6, 8, 0], [2, 8, 0, 6, 9, 5, 7, 1, 4, 3], [3, 5, 0, 4, 1, 7, 9, 6, 2, 8]] {
            assert_eq!(fold(&order), first, "{order:?}");
        }
        assert_eq!(first.person(), Some(Person([2; 16])), "what was told stands above a token");
        assert_eq!(first.period.as_ref().map(|period| period.purchased_at), Some(at(30)));
        assert_eq!(
            first.status(at(90)),
            Some(Status::Active),
            "a refund of the period before says nothing of this one"
        );
        assert_eq!((first.is_test, first.has_token, first.offers.len()), (true, true, 2));
        let offered = Paid { product_id: "monthly".into(), offer: Some("REF30".into()), ..paid("T30", 30, 60, 29) };
        assert_eq!(first.paid, [ended(paid("T0", 0, 12, 12), 13, Ending::Billing), offered]);
        assert_eq!(first.times().count(), 0, "a tester's");
    }

    #[test]
    fn what_follows_from_a_transaction() {
        for (period, now, status) in [
            (None, 0, None),
            (Some(period(0, 0, None)), 29, Some(Status::Active)),
            (Some(period(0, 0, None)), 30, Some(Status::Expired)),
            (Some(period(0, 0, Some(at(1)))), 2, Some(Status::Revoked)),
            (Some(Period { expires_at: None, ..period(0, 0, None) }), 900, Some(Status::Active)),
        ] {
            let one = report(|one| one.period.clone_from(&period));
            assert_eq!(one.status(at(now)), status, "{period:?}");
        }
    }

    #[test]
    fn when_it_ended_and_why() {
        use Ending::{Billing, Other, Refunded, Voluntary};
        let first = || paid("T0", 0, 30, 0);
        let signed = |change: &dyn Fn(&mut Subscription)| {
            report(|one| {
                (one.period, one.status) = (Some(period(0, 0, None)), Some((at(31), Status::Expired)));
                one.paid = vec![ended(first(), 31, Voluntary)];
                change(one);
            })
        };
        let told = |paid: Vec<Paid>| report(|one| one.paid.clone_from(&paid));
        let status = |status| move |one: &mut Subscription| one.status = Some((at(32), status));
        let second = || paid("T30", 35, 65, 35);
        for (what, one, expected) in [
            ("Apple tells", signed(&|_| {}), Some((at(30), Voluntary))),
            ("no reason is told", signed(&|one| one.paid = vec![first()]), Some((at(30), Other))),
            ("it is active", signed(&status(Status::Active)), None),
            ("it is tried again", signed(&status(Status::BillingRetry)), None),
            ("the money went back", signed(&|one| one.period = Some(period(0, 40, Some(at(12))))), None),
            ("Apple says no status", signed(&|one| one.status = None), Some((at(30), Voluntary))),
            ("another tells of a later period", signed(&|one| one.paid.push(second())), None),
            ("another tells, and not of the end", told(vec![first()]), None),
            ("another tells", told(vec![ended(first(), 30, Billing)]), Some((at(30), Billing))),
            ("of the end before", told(vec![ended(first(), 30, Billing), second()]), None),
            ("of a refund", told(vec![ended(first(), 12, Refunded)]), None),
            ("nothing is known", report(|_| {}), None),
        ] {
            assert_eq!(one.ended(), expected, "{what}");
        }
    }

    #[test]
    fn very_many_periods_are_still_all_of_the_time() {
        let months = (0..90).map(|n| paid(&format!("T{n}"), n * 30, n * 30 + 30, n));
        let all =
            months.fold(report(|_| {}), |known, month| known.merged(report(|one| one.paid = vec![month.clone()])));
        assert_eq!(all.paid.len(), PERIODS);
        assert_eq!(Stretch::union(all.times().collect()), [Stretch { from: at(0), until: at(2700) }]);
    }
}
