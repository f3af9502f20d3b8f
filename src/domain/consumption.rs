//! What Apple is told of a purchase whose refund somebody asks for (Apple, ConsumptionRequest), and by which rules.

use super::at::{At, Span};
use super::purchase::Share;
use super::usage::{Delivery, Used};
use serde::{Deserialize, Serialize};

/// What the team would like Apple to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preference {
    Decline,
    GrantFull,
    GrantProrated,
}

/// The shapes that Apple takes. The first is for those who use it already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Api {
    V1,
    #[default]
    V2,
}

/// The configuration's rules of an app. They are kept, because the decisions need them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRules {
    pub answer: bool,
    pub preference: Option<Preference>,
    pub products: Vec<ProductRules>,
}

/// What is otherwise for a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRules {
    pub product_id: String,
    pub answer: Option<bool>,
    pub preference: Option<Preference>,
    pub sample_content: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumption {
    pub delivery: Delivery,
    pub sample_content: bool,
    pub consumed: Option<Share>,
    pub preference: Option<Preference>,
    /// The first shape of the answer has room for these.
    pub play_minutes: Option<u32>,
    pub account_age: Option<Span>,
}

/// What was bought.
#[derive(Clone, Copy, Debug)]
pub struct Bought<'a> {
    pub product_id: &'a str,
    pub is_renewing: bool,
    /// A period of it cost nothing: what it is could be tried before it was paid.
    pub had_free_period: bool,
}

impl RefundRules {
    fn of(&self, product_id: &str) -> Option<&ProductRules> {
        self.products.iter().find(|product| product.product_id == product_id)
    }
    pub fn answers(&self, product_id: &str) -> bool {
        self.of(product_id).and_then(|product| product.answer).unwrap_or(self.answer)
    }
    pub fn answers_any(&self) -> bool {
        self.answer || self.products.iter().any(|product| product.answer == Some(true))
    }

    /// The answer about a purchase. What nobody said is what is usual: it was delivered and works.
    pub fn consumption(&self, bought: &Bought<'_>, used: &Used, now: At) -> Consumption {
        let product = self.of(bought.product_id);
        let delivery = used.delivery.unwrap_or(Delivery::Delivered);
        let consumed = match delivery {
            // Apple computes it from the time.
            _ if bought.is_renewing => None,
            Delivery::Delivered => used.consumed,
            _ => Some(Share::NONE),
        };
        let wish = product.and_then(|product| product.preference).or(self.preference);
        let sample = used.sample_content.or(product.and_then(|product| product.sample_content));
        Consumption {
            delivery,
            sample_content: sample.unwrap_or(bought.had_free_period),
            consumed,
            preference: wish.and_then(|wish| wish.possible(bought.is_renewing, consumed)),
            play_minutes: used.play_minutes,
            account_age: used.account_created_at.filter(|at| *at <= now).map(|at| now.apart(at)),
        }
    }
}

impl Preference {
    pub const ALL: [Preference; 3] = [Preference::Decline, Preference::GrantFull, Preference::GrantProrated];

    /// In Apple's words.
    pub fn word(self) -> &'static str {
        match self {
            Preference::Decline => "DECLINE",
            Preference::GrantFull => "GRANT_FULL",
            Preference::GrantProrated => "GRANT_PRORATED",
        }
    }

    /// Apple takes a part of the price for what is no subscription only where a part of it was consumed. All of it is
    /// left where nothing was, and nothing where all was; where nobody knows, nothing is wished for.
    fn possible(self, is_renewing: bool, consumed: Option<Share>) -> Option<Preference> {
        match (self, consumed) {
            (Preference::GrantProrated, _) if is_renewing => Some(self),
            (Preference::GrantProrated, None) => None,
            (Preference::GrantProrated, Some(Share::NONE)) => Some(Preference::GrantFull),
            (Preference::GrantProrated, Some(Share::ALL)) => Some(Preference::Decline),
            _ => Some(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: At = At(1_790_000_000_000);

    fn bought(is_renewing: bool) -> Bought<'static> {
        Bought { product_id: "coins", is_renewing, had_free_period: false }
    }

    #[test]
    fn what_is_consumed_and_what_is_wished_for() {
        use Delivery::{Delivered, OtherIssue};
        use Preference::{Decline, GrantFull, GrantProrated};
        let share = Share::new;
        // (renewing, delivery, consumed, wished for) -> (consumed, wished for), in thousandths of a percent
        for (is_renewing, delivery, consumed, wish, expected) in [
            (false, None, None, None, (None, None)),
            (false, None, Some(40_000), Some(Decline), (Some(40_000), Some(Decline))),
            (false, Some(OtherIssue), Some(40_000), Some(Decline), (Some(0), Some(Decline))),
            (true, None, Some(40_000), Some(GrantFull), (None, Some(GrantFull))),
            (true, Some(OtherIssue), Some(40_000), None, (None, None)),
            (true, None, None, Some(GrantProrated), (None, Some(GrantProrated))),
            (false, Some(Delivered), Some(1), Some(GrantProrated), (Some(1), Some(GrantProrated))),
            (false, None, Some(99_999), Some(GrantProrated), (Some(99_999), Some(GrantProrated))),
            (false, None, Some(0), Some(GrantProrated), (Some(0), Some(GrantFull))),
            (false, None, Some(100_000), Some(GrantProrated), (Some(100_000), Some(Decline))),
            (false, None, None, Some(GrantProrated), (None, None)),
            (false, Some(OtherIssue), Some(40_000), Some(GrantProrated), (Some(0), Some(GrantFull))),
        ] {
            let rules = RefundRules { preference: wish, ..RefundRules::default() };
            let used = Used { delivery, consumed: consumed.map(share), ..Used::default() };
            let answer = rules.consumption(&bought(is_renewing), &used, NOW);
            assert_eq!((answer.consumed, answer.preference), (expected.0.map(share), expected.1), "{used:?} {wish:?}");
            assert_eq!(answer.delivery, delivery.unwrap_or(Delivered));
        }
    }

    #[test]
    fn a_product_has_rules_of_its_own() {
        let product = |answer, preference, sample_content| ProductRules {
            product_id: "coins".into(),
            answer,
            preference,
            sample_content,
        };
        let rules =
            |products: Vec<ProductRules>| RefundRules { answer: true, preference: Some(Preference::Decline), products };
        let own = product(Some(false), Some(Preference::GrantFull), Some(true));
        for (rules, answers, wish, sample) in [
            (RefundRules::default(), false, None, false),
            (rules(vec![]), true, Some(Preference::Decline), false),
            (rules(vec![product(None, None, None)]), true, Some(Preference::Decline), false),
            (rules(vec![own.clone()]), false, Some(Preference::GrantFull), true),
            (rules(vec![ProductRules { product_id: "gems".into(), ..own }]), true, Some(Preference::Decline), false),
        ] {
            let answer = rules.consumption(&bought(false), &Used::default(), NOW);
            assert_eq!((rules.answers("coins"), answer.preference, answer.sample_content), (answers, wish, sample));
        }
        let only_one = RefundRules { products: vec![product(Some(true), None, None)], ..RefundRules::default() };
        assert!(only_one.answers_any() && !only_one.answers("gems") && !RefundRules::default().answers_any());
    }

    #[test]
    fn a_sample_is_what_the_app_says_or_the_rules_or_a_free_period() {
        for (said, ruled, had_free_period, expected) in [
            (None, None, false, false),
            (None, None, true, true),
            (None, Some(false), true, false),
            (Some(true), Some(false), false, true),
            (Some(false), Some(true), true, false),
        ] {
            let product =
                ProductRules { product_id: "coins".into(), answer: None, preference: None, sample_content: ruled };
            let rules = RefundRules { products: vec![product], ..RefundRules::default() };
            let used = Used { sample_content: said, ..Used::default() };
            let bought = Bought { had_free_period, ..bought(true) };
            assert_eq!(rules.consumption(&bought, &used, NOW).sample_content, expected);
        }
    }

    #[test]
    fn an_account_has_an_age() {
        for (created, age) in [(None, None), (Some(NOW), Some(Span::ZERO)), (Some(At(0)), Some(Span(NOW.0)))] {
            let used = Used { account_created_at: created, ..Used::default() };
            let answer = RefundRules::default().consumption(&bought(false), &used, NOW);
            assert_eq!(answer.account_age, age);
        }
        let tomorrow = Used { account_created_at: Some(NOW.plus(Span::days(1))), ..Used::default() };
        assert_eq!(RefundRules::default().consumption(&bought(false), &tomorrow, NOW).account_age, None);
    }
}
