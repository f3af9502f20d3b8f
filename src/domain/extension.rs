//! The second kind of reward: Apple moves the renewal date of a referrer who pays (Apple, Extend a Subscription Renewal
//! Date). Apple takes it back for nobody, so what was extended stays, and is never given again.

use super::at::{At, Span};
use super::id::{Id, Person};
use super::subscription::{Status, Subscription};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// What it is for: a completion, or a milestone.
    pub id: Id,
    pub to: Person,
    pub original_transaction_id: String,
    pub days: u32,
    /// Apple's `extendReasonCode`.
    pub reason: u8,
    /// Where Apple does not extend, the days are granted: whether they wait for the end of what is paid.
    pub after_paid: bool,
    pub asked_at: At,
    /// How often it was asked for: taken back and given again it is another wish.
    pub round: u32,
    pub state: ExtensionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExtensionState {
    Asked,
    Extended {
        until: At,
    },
    /// Apple said no, and the days were granted.
    Refused,
    /// What it was for was taken back before Apple was asked.
    Withdrawn,
}

/// Apple's limits: two for a subscription in a year, of ninety days each.
const DAYS: u32 = 90;
const A_YEAR: usize = 2;
const YEAR: Span = Span::days(365);

impl ExtensionState {
    pub fn word(self) -> &'static str {
        match self {
            ExtensionState::Asked => "asked",
            ExtensionState::Extended { .. } => "extended",
            ExtensionState::Refused => "refused",
            ExtensionState::Withdrawn => "withdrawn",
        }
    }
}

impl Extension {
    /// Its days are the referrer's through Apple, or soon will be.
    pub fn stands(&self) -> bool {
        matches!(self.state, ExtensionState::Asked | ExtensionState::Extended { .. })
    }
}

/// The subscription of theirs that Apple may extend by so many days, with the extensions made before.
pub fn extendable<'a>(
    bought: &'a [Subscription],
    before: &[&Extension],
    days: u32,
    now: At,
) -> Option<&'a Subscription> {
    let count = |row: &Subscription| {
        let own = |one: &&&Extension| one.original_transaction_id == row.original_transaction_id;
        before.iter().filter(own).filter(|one| one.stands() && one.asked_at.plus(YEAR) > now).count()
    };
    let fits = |row: &&Subscription| row.is_paying(now) && count(row) < A_YEAR;
    let ends = |row: &&Subscription| row.period.as_ref().and_then(|period| period.expires_at);
    bought.iter().filter(|_| (1..=DAYS).contains(&days)).filter(fits).max_by_key(ends)
}

impl Subscription {
    /// It is paid for and will be again: Apple extends no other, and none in a free period.
    fn is_paying(&self, now: At) -> bool {
        let Some(period) = &self.period else { return false };
        let renews = self.renewal.as_ref().is_some_and(|renewal| renewal.auto_renew);
        let is_current = period.expires_at.is_some_and(|end| end > now) && self.status(now) == Some(Status::Active);
        renews && is_current && !self.is_test && !period.is_family_shared && period.offer.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, day, person};
    use crate::domain::subscription::{Offer, OfferKind, Period, Renewal};

    fn paying(change: impl Fn(&mut Subscription)) -> Subscription {
        let period = Period {
            purchased_at: day(-10),
            told_at: day(-10),
            transaction_id: "T1".into(),
            product_id: "monthly".into(),
            expires_at: Some(day(20)),
            offer: None,
            revoked_at: None,
            is_family_shared: false,
        };
        let renewal = Renewal {
            told_at: day(-10),
            auto_renew: true,
            product_id: "monthly".into(),
            renews_at: Some(day(20)),
            offer: None,
            is_in_billing_retry: false,
            grace_until: None,
        };
        let mut row = Subscription { period: Some(period), renewal: Some(renewal), ..Subscription::new("T1") };
        change(&mut row);
        row
    }

    fn made(days_ago: i64, state: ExtensionState) -> Extension {
        Extension {
            id: Id([days_ago as u8; 16]),
            to: person(1),
            original_transaction_id: "T1".into(),
            days: 30,
            reason: 1,
            after_paid: false,
            asked_at: day(-days_ago),
            round: 1,
            state,
        }
    }

    #[test]
    fn whose_renewal_date_may_be_moved() {
        use ExtensionState::{Asked, Extended, Refused, Withdrawn};
        let none = |_: &mut Subscription| {};
        let extended = Extended { until: NOON };
        type Change = fn(&mut Subscription);
        let rows: Vec<(&str, Change, Vec<Extension>, u32, bool)> = vec![
            ("paying", none, vec![], 30, true),
            ("ninety days", none, vec![], 90, true),
            ("more than Apple gives", none, vec![], 91, false),
            ("one before", none, vec![made(9, extended)], 30, true),
            ("two before", none, vec![made(9, extended), made(8, Asked)], 30, false),
            ("two before, one long ago", none, vec![made(365, extended), made(8, extended)], 30, true),
            ("two that were not made", none, vec![made(9, Refused), made(8, Withdrawn)], 30, true),
            ("nothing told of renewals", |row| row.renewal = None, vec![], 30, false),
            ("will end", |row| row.renewal.as_mut().unwrap().auto_renew = false, vec![], 30, false),
            ("over", |row| row.period.as_mut().unwrap().expires_at = Some(NOON), vec![], 30, false),
            ("refunded", |row| row.period.as_mut().unwrap().revoked_at = Some(day(-1)), vec![], 30, false),
            ("in retry", |row| row.status = Some((day(-1), Status::BillingRetry)), vec![], 30, false),
            ("of the sandbox", |row| row.is_test = true, vec![], 30, false),
            ("of the family", |row| row.period.as_mut().unwrap().is_family_shared = true, vec![], 30, false),
            (
                "a free month",
                |row| row.period.as_mut().unwrap().offer = Some(Offer { kind: OfferKind::Code, id: None }),
                vec![],
                30,
                false,
            ),
        ];
        for (what, change, before, days, expected) in rows {
            let before: Vec<&Extension> = before.iter().collect();
            assert_eq!(extendable(&[paying(change)], &before, days, NOON).is_some(), expected, "{what}");
        }
    }
}
