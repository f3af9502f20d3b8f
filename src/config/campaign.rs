//! The campaigns of an app: the rules that decisions use, and what else is told about them.

use super::section::{Section, is_name, note};
use super::{Campaign, Fault, reserved, schedule};
use crate::domain::policy::{Accept, AttributionRules, Environment, FraudRules, Kind, Policy, PoolRules, RewardRules};

const SHARE_TEXT: &str = "Use code {code}: {redeem_url}";

pub(super) fn campaigns(s: &mut Section<'_>, asks_apple: bool) -> Vec<Campaign> {
    let mut campaigns: Vec<Campaign> = Vec::new();
    for section in s.list("campaigns") {
        let (context, id, product_ids) = (section.context, section.key("id"), section.key("product_ids"));
        let campaign = campaign(section, asks_apple);
        let new = &campaign.policy;
        for old in campaigns.iter().map(|c| &c.policy) {
            if !new.campaign.is_empty() && old.campaign == new.campaign {
                note(context, id.clone(), "is the id of another campaign", "give each campaign of an app its own id");
            }
            if !new.offer.is_empty() && old.offer == new.offer && !told_apart(old, new) {
                let what = format!("do not tell this campaign from {:?}, which has the same offer", old.campaign);
                note(context, product_ids.clone(), what, "give both campaigns the products of their own offer");
            }
        }
        campaigns.push(campaign);
    }
    campaigns
}

/// Two offers of different products may have one reference name.
fn told_apart(a: &Policy, b: &Policy) -> bool {
    let (a, b) = (&a.product_ids, &b.product_ids);
    !a.is_empty() && !b.is_empty() && !a.iter().any(|product| b.contains(product))
}

fn campaign(mut s: Section<'_>, asks_apple: bool) -> Campaign {
    s.need("id", "a short name of your own, as \"friends\"");
    let id = s.parsed("id", |text| match is_name(text) {
        true => Ok(text.to_owned()),
        false => Err(("is no name", "use 1 to 32 of a-z, 0-9, _ and -")),
    });
    let kinds = [("referral", Kind::Referral), ("partner", Kind::Partner), ("winback", Kind::Winback)];
    let kind = s.choice("kind", &kinds).unwrap_or(Kind::Referral);
    if kind == Kind::Referral {
        s.need("offer", "the offer's reference name in App Store Connect, byte for byte");
    }
    let offer = s.text("offer").unwrap_or_default();
    let offer_code_id = s.text("offer_code_id").unwrap_or_default();
    let product_ids = s.texts("product_ids");
    let share_text = s.parsed_or("share_text", SHARE_TEXT, share_text).unwrap_or_default();
    let (pool, refill_schedule) = pool(s.table_or_empty("pool"));
    let attribution = attribution(s.table_or_empty("attribution"), asks_apple);
    let reward = reward(s.table_or_empty("reward"));
    reserved::campaign(&mut s);
    let policy = Policy {
        campaign: id.unwrap_or_default(),
        kind,
        offer,
        offer_code_id,
        product_ids,
        pool,
        attribution,
        reward,
        fraud: FraudRules::NONE,
    };
    Campaign { policy, share_text, refill_schedule }
}

fn share_text(text: &str) -> Result<String, Fault> {
    let plain = ["{code}", "{redeem_url}", "{share_url}"].iter().fold(text.to_owned(), |t, name| t.replace(name, " "));
    match plain.contains(['{', '}']) {
        true => Err(("has a placeholder that is not known", "use {code}, {redeem_url} and {share_url}")),
        false => Ok(text.to_owned()),
    }
}

/// Apple takes no expiry more than six months ahead (Apple, Set up offer codes).
fn pool(mut s: Section<'_>) -> (PoolRules, String) {
    let environments = [("PRODUCTION", Environment::Production), ("SANDBOX", Environment::Sandbox)];
    let environment = s.choice("environment", &environments).unwrap_or(Environment::Production);
    let low_water = s.count("low_water", 0..=1_000_000, 500);
    let batch_size = s.count("batch_size", 1..=100_000, 1000);
    let expires_in_days = s.count("expires_in_days", 1..=184, 180);
    let reserve_days = s.count("reserve_days", 0..=183, 14);
    if reserve_days >= expires_in_days {
        let what = format!("must be less than expires_in_days, or no code is ever handed out: it is {reserve_days}");
        s.wrong("reserve_days", what, format!("write less than {expires_in_days}"));
    }
    let schedule = s.parsed_or("refill_schedule", "0 15 * * * *", schedule::schedule).unwrap_or_default();
    (PoolRules { environment, low_water, batch_size, expires_in_days, reserve_days }, schedule)
}

fn attribution(mut s: Section<'_>, asks_apple: bool) -> AttributionRules {
    let accept = s.choice("accept", &[("evidence", Accept::Evidence), ("confirm", Accept::Confirm)]);
    let claim_window_days = s.count("claim_window_days", 1..=365, 30);
    AttributionRules { accept: accept.unwrap_or(Accept::Evidence), claim_window_days, asks_apple }
}

/// A campaign of no days counts completions and grants nothing.
fn reward(mut s: Section<'_>) -> RewardRules {
    let days = s.count("days", 0..=3650, 30);
    let test_rewards = s.flag("test_rewards", false);
    reserved::reward(&mut s);
    RewardRules { test_rewards, ..RewardRules::of_days(days) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_texts() {
        for (text, good) in [
            (SHARE_TEXT, true),
            ("{share_url}", true),
            ("no placeholder", true),
            ("{name}", false),
            ("{code", false),
            ("code}", false),
            ("{{code}}", false),
            ("{co{code}de}", false),
        ] {
            assert_eq!(share_text(text).is_ok(), good, "{text}");
        }
    }
}
