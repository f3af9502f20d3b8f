//! What a source reports: purchases, and who is whom.

use super::at::{At, Stretch};
use super::ending::Ending;
use super::id::{Id, Person};
use super::money::Money;
use super::subscription::{Owner, Paid, Period, Renewal, Status, Subscription};
use serde::{Deserialize, Serialize};

/// Who told us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    RevenueCat,
    /// Apple: its notifications, and its answers when it is asked.
    Apple,
    /// The app, with what Apple signed for it.
    App,
}

impl Source {
    /// Those that send webhooks.
    pub const HOOKS: [Source; 2] = [Source::RevenueCat, Source::Apple];

    pub fn word(self) -> &'static str {
        match self {
            Source::RevenueCat => "revenuecat",
            Source::Apple => "apple",
            Source::App => "app",
        }
    }
}

/// One event of a source, as far as it matters here. `P` is a user id where it is read and a
/// [`Person`] where it is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report<P = Person> {
    pub source: Source,
    /// The source's own id of the event: the same at every delivery.
    pub event: String,
    /// A hash of what was delivered, so that a resend that differs can be told.
    pub digest: Id,
    /// The event type in the source's words, known to us or not.
    pub kind: String,
    /// When the source made the event.
    pub at: Option<At>,
    pub about: About<P>,
    /// Who gets what was delivered, as it came.
    pub hand_on: Vec<HandOn>,
}

/// One who wants every notification, and what its bytes were called. The address may hold a secret, so it stays in the
/// configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOn {
    pub target: Id,
    pub host: String,
    pub content_type: Option<String>,
}

impl HandOn {
    pub fn name(url: &str) -> Id {
        Id::of("hand on", &[url.as_bytes()])
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About<P = Person> {
    /// A store purchase. It counts as a redemption when it names an offer.
    Purchase {
        /// Ids of its owner, the one used last first.
        people: Vec<P>,
        /// The user that an `appAccountToken` names.
        token: Option<P>,
        purchase: Box<Purchase>,
    },
    /// Whose Apple Account this is, by Apple's name for its copy of the app.
    Download { people: Vec<P>, app_transaction_id: String },
    /// Ids of one person, the one used last first, and nothing else that matters.
    People(Vec<P>),
    /// Purchases moved from one person to another; each list holds ids of one person.
    Transfer { from: Vec<P>, to: Vec<P> },
    /// A grant of the team's own, coming back as an event.
    OwnGrant,
    /// Kept, without effect.
    Nothing,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    pub original_transaction_id: String,
    pub transaction_id: String,
    pub product_id: String,
    /// The offer's reference name, never the one-time code, whatever the field is called.
    pub offer: Option<String>,
    pub purchased_at: Option<At>,
    /// Anything but a production purchase.
    pub is_test: bool,
    /// Shared by the purchaser with a member of the family.
    pub is_family_shared: bool,
    /// The purchaser's Apple Account, by Apple's name for its copy of the app.
    pub app_transaction_id: Option<String>,
    /// What is said of a refund, if anything is.
    pub refund: Option<RefundWord>,
    /// How much of the price went back, where the source knows.
    pub refunded_share: Option<Share>,
    /// That somebody wants their money back, where Apple tells.
    pub refund_request: Option<RefundRequest>,
    /// What Apple says of the subscription it belongs to.
    pub period: Option<Period>,
    pub renewal: Option<Renewal>,
    pub status: Option<Status>,
    /// The time that this transaction pays for, by another than Apple.
    pub paid: Option<Stretch>,
    /// Why the subscription ended, where this tells.
    pub ended: Option<Ending>,
    /// What was sold, where this tells of a sale and not of what became of one.
    pub sold: Option<Sold>,
    /// The subscriber moved up from it before it ended (Apple, isUpgraded).
    pub is_upgraded: bool,
    /// This period cost nothing.
    pub is_free: bool,
}

/// A charge, or a period that cost nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sold {
    /// Bought once, and not by subscription.
    pub is_one_time: bool,
    pub price: Option<Money>,
    /// What is left of the price after taxes and the store's commission, where the source estimates it.
    pub proceeds: Option<Money>,
}

/// A request for a refund, before Apple decided on it or where Apple declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequest {
    pub is_renewing: bool,
    pub what: Requested,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Requested {
    /// Apple asks what it should know of the purchase. The reason is the customer's, in Apple's words.
    Asked {
        reason: Option<String>,
    },
    Declined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RefundWord {
    /// Refunded, or revoked from a member of the family.
    Refunded { at: At },
    /// The refund was reversed.
    Reversed,
}

/// A part of the whole in thousandths of a percent, as Apple writes it (Apple, revocationPercentage).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(u32);

impl Share {
    pub const NONE: Share = Share(0);
    pub const ALL: Share = Share(100_000);
    pub fn new(thousandths_of_a_percent: i64) -> Share {
        Share(thousandths_of_a_percent.clamp(0, Share::ALL.0.into()) as u32)
    }
    /// So much of these days; what is no whole day is not counted.
    pub fn of_days(self, days: u32) -> u32 {
        (u64::from(days) * u64::from(self.0) / u64::from(Share::ALL.0)) as u32
    }
    pub fn of(self, money: Money) -> Money {
        money.part(self.0, Share::ALL.0)
    }
    pub fn thousandths(self) -> u32 {
        self.0
    }
    /// In percent, for people.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl Purchase {
    /// The time that it pays for: until its end, or a refund that stands.
    fn time(&self) -> Option<Stretch> {
        let signed = self.period.as_ref().and_then(|period| {
            let revoked_at = period.revoked_at.filter(|_| self.refund != Some(RefundWord::Reversed));
            let until = period.expires_at?;
            Some(Stretch { from: period.purchased_at, until: revoked_at.map_or(until, |at| at.min(until)) })
        });
        signed.or(self.paid)
    }

    /// What one report says of the subscription.
    pub fn subscription(&self, owner: Option<Owner>, has_token: bool, told_at: At) -> Subscription {
        let time = self.time();
        let paid = |time| Paid {
            product_id: self.product_id.clone(),
            offer: self.offer.clone(),
            ended: self.ended.map(|why| (told_at, why)),
            ..Paid::of(&self.transaction_id, time, told_at)
        };
        Subscription {
            is_test: self.is_test,
            owner,
            owners: owner.filter(|owner| owner.is_told).map(|owner| owner.person).into_iter().collect(),
            app_transaction_id: self.app_transaction_id.clone(),
            first_at: self.purchased_at,
            has_token,
            promoted: self.period.as_ref().and_then(Subscription::promotion).into_iter().collect(),
            period: self.period.clone(),
            renewal: self.renewal.clone(),
            status: self.status.map(|status| (told_at, status)),
            had_free_period: self.is_free,
            paid: time.map(paid).into_iter().collect(),
            ..Subscription::new(&self.original_transaction_id)
        }
    }
}

impl<P> Report<P> {
    /// The same report about the same people, named otherwise.
    pub fn map<Q>(self, mut name: impl FnMut(P) -> Q) -> Report<Q> {
        let mut all = |people: Vec<P>| people.into_iter().map(&mut name).collect::<Vec<Q>>();
        let about = match self.about {
            About::Purchase { people, token, purchase } => {
                let people = all(people);
                About::Purchase { people, token: token.map(&mut name), purchase }
            }
            About::Download { people, app_transaction_id } => {
                About::Download { people: all(people), app_transaction_id }
            }
            About::People(people) => About::People(all(people)),
            About::Transfer { from, to } => About::Transfer { from: all(from), to: all(to) },
            About::OwnGrant => About::OwnGrant,
            About::Nothing => About::Nothing,
        };
        let Report { source, event, digest, kind, at, hand_on, .. } = self;
        Report { source, event, digest, kind, at, about, hand_on }
    }
    pub fn people(&self) -> Vec<&P> {
        match &self.about {
            About::Purchase { people, token, .. } => people.iter().chain(token).collect(),
            About::People(people) | About::Download { people, .. } => people.iter().collect(),
            About::Transfer { from, to } => from.iter().chain(to).collect(),
            About::OwnGrant | About::Nothing => Vec::new(),
        }
    }
}
