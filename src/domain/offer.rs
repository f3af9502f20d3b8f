//! Promotional offers: for whom they may be signed. Apple gives them to current and lapsed subscribers only.

use super::at::{At, Span};
use super::id::Person;
use super::subscription::{Status, Subscription};
use serde::{Deserialize, Serialize};

/// A promotional offer that may be signed, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The `offerIdentifier`.
    pub id: String,
    pub product_id: String,
    pub eligible: Vec<Standing>,
    /// How long a subscription must be over.
    pub lapsed_days_min: u32,
    /// How often somebody may have it; 0: no limit.
    pub per_user: u32,
}

/// How somebody stands with their subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    Active,
    AutoRenewOff,
    BillingRetry,
    Lapsed,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Standing::Active => "active",
            Standing::AutoRenewOff => "auto_renew_off",
            Standing::BillingRetry => "billing_retry",
            Standing::Lapsed => "lapsed",
        }
    }
}

/// Why somebody may not have it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ineligible {
    /// Apple gives promotional offers to current and lapsed subscribers only.
    NeverSubscribed,
    /// It is not for those who stand like that.
    Standing(Standing),
    /// Not so soon after the subscription ended.
    TooSoon,
    /// The last thing that happened is that their money went back.
    Refunded,
    /// They had it as often as they may.
    Had,
    /// Another offer runs, or is next.
    Another,
    /// So many signatures in a day serve no purchase.
    TooMany,
}

/// A signature that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    pub person: Person,
    pub offer: String,
    pub nonce: String,
    pub at: At,
}

/// Of one user and offer in a day; each serves one purchase, and purchases fail.
pub const SIGNATURES_A_DAY: usize = 20;

impl Ineligible {
    pub fn word(self) -> &'static str {
        match self {
            Ineligible::NeverSubscribed => "never_subscribed",
            Ineligible::Standing(standing) => standing.word(),
            Ineligible::TooSoon => "too_soon",
            Ineligible::Refunded => "refunded",
            Ineligible::Had => "had_before",
            Ineligible::Another => "other_offer",
            Ineligible::TooMany => "too_many_signatures",
        }
    }
}

/// How somebody stands with a subscription, and since when it is over.
enum Stands {
    As(Standing),
    Lapsed(At),
    Refunded,
}

fn stands(one: &Subscription, now: At) -> Option<Stands> {
    let told_until = one.paid.iter().map(|paid| paid.time.until).max();
    let until = one.period.as_ref().and_then(|period| period.expires_at).or(told_until)?;
    let renews = one.renewal.as_ref().is_none_or(|renewal| renewal.auto_renew);
    Some(match one.status(now) {
        Some(Status::Revoked) => Stands::Refunded,
        Some(Status::BillingRetry) => Stands::As(Standing::BillingRetry),
        Some(Status::Expired) => Stands::Lapsed(until),
        Some(Status::Active | Status::GracePeriod) if renews => Stands::As(Standing::Active),
        Some(Status::Active | Status::GracePeriod) => Stands::As(Standing::AutoRenewOff),
        None if until > now => Stands::As(Standing::Active),
        None => Stands::Lapsed(until),
    })
}

impl Offer {
    /// Whether somebody who bought these may have it now.
    pub fn eligible(&self, bought: &[Subscription], signed: &[Signing], now: At) -> Result<(), Ineligible> {
        // What a member of the family bought, and what is bought once, is no subscription of theirs.
        let own = || bought.iter().filter(|one| !one.is_family_shared());
        let known: Vec<(Stands, &Subscription)> =
            own().filter_map(|one| stands(one, now).map(|stands| (stands, one))).collect();
        let running = known.iter().find_map(|(stands, one)| match stands {
            Stands::As(standing) => Some((*standing, *one)),
            _ => None,
        });
        let lapsed = known.iter().filter_map(|(stands, _)| match stands {
            Stands::Lapsed(at) => Some(*at),
            _ => None,
        });
        let standing = match (running, lapsed.max()) {
            (Some((standing, _)), _) => standing,
            (None, Some(at)) => {
                let is_for = self.eligible.contains(&Standing::Lapsed);
                if is_for && now < at.plus(Span::days(self.lapsed_days_min.into())) {
                    return Err(Ineligible::TooSoon);
                }
                Standing::Lapsed
            }
            (None, None) if known.is_empty() => return Err(Ineligible::NeverSubscribed),
            (None, None) => return Err(Ineligible::Refunded),
        };
        if !self.eligible.contains(&standing) {
            return Err(Ineligible::Standing(standing));
        }
        let had = own().flat_map(|one| &one.promoted).filter(|(id, _)| *id == self.id).count();
        if self.per_user > 0 && had >= self.per_user as usize {
            return Err(Ineligible::Had);
        }
        let other = |one: &Subscription| {
            let runs = one.period.as_ref().and_then(|period| period.offer.as_ref());
            let next = one.renewal.as_ref().and_then(|renewal| renewal.offer.as_ref());
            runs.is_some() || next.is_some()
        };
        if running.is_some_and(|(_, one)| other(one)) {
            return Err(Ineligible::Another);
        }
        let today = |one: &&Signing| one.offer == self.id && one.at > now.minus(Span::days(1));
        if signed.iter().filter(today).count() >= SIGNATURES_A_DAY {
            return Err(Ineligible::TooMany);
        }
        Ok(())
    }
}

/// An introductory offer is for those who never subscribed, as far as is known.
pub fn may_have_introductory(bought: &[Subscription]) -> bool {
    bought.iter().all(|one| one.is_family_shared() || !one.is_subscription())
}

/// The transaction that Apple recommends to name: of the subscription that ends last.
pub fn last_transaction(bought: &[Subscription]) -> Option<&str> {
    let periods = bought.iter().filter_map(|one| one.period.as_ref());
    periods.max_by_key(|period| period.expires_at).map(|period| period.transaction_id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::Stretch;
    use crate::domain::sample::{NOON, day, person};
    use crate::domain::subscription::{Offer as Told, OfferKind, Paid, Period, Renewal};

    fn subscription(ends: i64, change: impl FnOnce(&mut Subscription)) -> Subscription {
        let mut one = Subscription {
            period: Some(Period {
                purchased_at: day(ends - 30),
                told_at: day(ends - 30),
                transaction_id: "T1".into(),
                product_id: "monthly".into(),
                expires_at: Some(day(ends)),
                offer: None,
                revoked_at: None,
                is_family_shared: false,
            }),
            renewal: Some(Renewal {
                told_at: day(ends - 30),
                auto_renew: true,
                product_id: "monthly".into(),
                renews_at: Some(day(ends)),
                offer: None,
                is_in_billing_retry: false,
                grace_until: None,
            }),
            ..Subscription::new("T0")
        };
        change(&mut one);
        one
    }

    fn off(one: &mut Subscription) {
        one.renewal.as_mut().unwrap().auto_renew = false;
    }

    fn had(one: &mut Subscription) {
        one.promoted = vec![("COMEBACK50".into(), "T1".into())];
    }

    #[test]
    fn who_may_have_it() {
        use Standing::{Active, AutoRenewOff, BillingRetry, Lapsed};
        let offer = |eligible: &[Standing], lapsed_days_min, per_user| Offer {
            id: "COMEBACK50".into(),
            product_id: "monthly".into(),
            eligible: eligible.to_vec(),
            lapsed_days_min,
            per_user,
        };
        let usual = || offer(&[Lapsed, AutoRenewOff], 3, 1);
        let told = |kind| Some(Told { kind, id: Some("X".into()) });
        let lapsed = |days: i64| subscription(-days, |_| {});
        let active = || subscription(20, |_| {});
        let retried = || subscription(-1, |one| one.status = Some((NOON, Status::BillingRetry)));
        let told_only = |until: i64| {
            subscription(0, |one| {
                (one.period, one.renewal) = (None, None);
                let time = Stretch { from: day(-60), until: day(until) };
                one.paid = vec![Paid::of("T1", time, NOON)];
            })
        };
        let revoked = || subscription(20, |one| one.period.as_mut().unwrap().revoked_at = Some(NOON));
        let no = |why| Err(why);
        for (what, offer, bought, may) in [
            ("never subscribed", usual(), vec![], no(Ineligible::NeverSubscribed)),
            ("active", usual(), vec![active()], no(Ineligible::Standing(Active))),
            ("active, for those", offer(&[Active], 0, 1), vec![active()], Ok(())),
            ("auto-renew off", usual(), vec![subscription(20, off)], Ok(())),
            ("in billing retry", usual(), vec![retried()], no(Ineligible::Standing(BillingRetry))),
            ("in billing retry, for those", offer(&[BillingRetry], 0, 1), vec![retried()], Ok(())),
            ("lapsed two days", usual(), vec![lapsed(2)], no(Ineligible::TooSoon)),
            ("lapsed three days", usual(), vec![lapsed(3)], Ok(())),
            ("lapsed thirty days", usual(), vec![lapsed(30)], Ok(())),
            ("lapsed four hundred days", usual(), vec![lapsed(400)], Ok(())),
            ("lapsed, not for those", offer(&[Active], 0, 1), vec![lapsed(30)], no(Ineligible::Standing(Lapsed))),
            ("lapsed once, active again", usual(), vec![lapsed(90), active()], no(Ineligible::Standing(Active))),
            ("refunded", usual(), vec![revoked()], no(Ineligible::Refunded)),
            ("refunded, and lapsed before", usual(), vec![revoked(), lapsed(90)], Ok(())),
            ("had it", usual(), vec![subscription(-30, had)], no(Ineligible::Had)),
            ("had it, and may again", offer(&[Lapsed], 0, 2), vec![subscription(-30, had)], Ok(())),
            ("had it, no limit", offer(&[Lapsed], 0, 0), vec![subscription(-30, had)], Ok(())),
            (
                "another offer runs",
                usual(),
                vec![subscription(20, |one| {
                    off(one);
                    one.period.as_mut().unwrap().offer = told(OfferKind::Code);
                })],
                no(Ineligible::Another),
            ),
            (
                "another offer is next",
                offer(&[Active], 0, 1),
                vec![subscription(20, |one| one.renewal.as_mut().unwrap().offer = told(OfferKind::Promotional))],
                no(Ineligible::Another),
            ),
            (
                "a member of the family pays",
                usual(),
                vec![subscription(-30, |one| one.period.as_mut().unwrap().is_family_shared = true)],
                no(Ineligible::NeverSubscribed),
            ),
            (
                "bought once",
                usual(),
                vec![subscription(0, |one| one.period.as_mut().unwrap().expires_at = None)],
                no(Ineligible::NeverSubscribed),
            ),
            ("told by RevenueCat alone", usual(), vec![told_only(-30)], Ok(())),
            ("told by RevenueCat alone, active", usual(), vec![told_only(9)], no(Ineligible::Standing(Active))),
        ] {
            assert_eq!(offer.eligible(&bought, &[], NOON), may, "{what}");
        }
        let signed = |at: At| Signing { person: person(1), offer: "COMEBACK50".into(), nonce: String::new(), at };
        let many = |at| vec![signed(at); SIGNATURES_A_DAY];
        assert_eq!(usual().eligible(&[lapsed(30)], &many(NOON), NOON), no(Ineligible::TooMany));
        assert_eq!(usual().eligible(&[lapsed(30)], &many(day(-1)), NOON), Ok(()));
    }

    #[test]
    fn introductory_offers_are_for_those_who_never_subscribed() {
        let shared = subscription(20, |one| one.period.as_mut().unwrap().is_family_shared = true);
        assert!(may_have_introductory(&[]));
        assert!(may_have_introductory(std::slice::from_ref(&shared)));
        assert!(!may_have_introductory(&[shared, subscription(-400, |_| {})]));
    }

    #[test]
    fn the_transaction_of_what_ends_last_is_named() {
        let old = subscription(-20, |_| {});
        let new = subscription(10, |one| one.period.as_mut().unwrap().transaction_id = "T2".into());
        assert_eq!(last_transaction(&[]), None);
        assert_eq!(last_transaction(&[new, old]), Some("T2"));
    }
}
