//! The campaigns of an app: the rules that decisions use, and what else is told about them.

use super::section::{Section, is_name, note};
use super::{Campaign, Fault, payout, schedule, winback};
use crate::domain::policy::{
    Accept, Anchor, AttributionRules, Environment, Expiry, FraudRules, Kind, Milestone, Policy, PoolRules, RewardRules,
};
use std::collections::BTreeMap;

const SHARE_TEXT: &str = "Use code {code}: {redeem_url}";

/// The most that a count of claims or completions may be written as.
const MANY: u32 = 1_000_000;

/// Seconds of the longest claim window.
const YEAR: u32 = 365 * 86_400;

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
    let told = if s.has("kind") { s.choice("kind", &kinds) } else { Some(Kind::Referral) };
    let kind = told.unwrap_or(Kind::Referral);
    // Partners may bring offers of their own.
    if kind != Kind::Partner || s.has("offer_code_id") {
        s.need("offer", "the offer's reference name in App Store Connect, byte for byte");
    }
    let offer = s.text("offer").unwrap_or_default();
    let offer_code_id = s.text("offer_code_id").unwrap_or_default();
    let product_ids = s.texts("product_ids");
    let winback = winback::rules(&mut s, told);
    let share_text = s.parsed_or("share_text", SHARE_TEXT, share_text).unwrap_or_default();
    let is_partner = kind == Kind::Partner;
    let low_water = if is_partner && offer_code_id.is_empty() { 0 } else { 500 };
    let (pool, refill_schedule) = pool(s.table_or_empty("pool"), low_water);
    let mut found = s.table_or_empty("attribution");
    let payout = payout::rules(&mut s, &mut found, told);
    let attribution = attribution(found, asks_apple);
    let reward = reward(s.table_or_empty("reward"), kind);
    let fraud = fraud(s.table_or_empty("fraud"), kind);
    let policy = Policy {
        campaign: id.unwrap_or_default(),
        kind,
        offer,
        offer_code_id,
        product_ids,
        pool,
        attribution,
        reward,
        fraud,
        payout,
        winback,
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
fn pool(mut s: Section<'_>, low_water: u32) -> (PoolRules, String) {
    let environments = [("PRODUCTION", Environment::Production), ("SANDBOX", Environment::Sandbox)];
    let environment = s.choice("environment", &environments).unwrap_or(Environment::Production);
    let low_water = s.count("low_water", 0..=1_000_000, low_water);
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

/// A campaign of no days and no milestones counts completions and grants nothing.
fn reward(mut s: Section<'_>, kind: Kind) -> RewardRules {
    let days = s.count("days", 0..=3650, if kind == Kind::Referral { 30 } else { 0 });
    let milestones = milestones(&mut s);
    let hold_days = s.count("hold_days", 0..=3650, 0);
    let max_per_month = s.count("max_per_month", 0..=MANY, 0);
    let max_total = s.count("max_total", 0..=MANY, 0);
    let test_rewards = s.flag("test_rewards", false);
    let anchor = s.choice("anchor", &[("promo", Anchor::Promo), ("paid", Anchor::Paid)]).unwrap_or(Anchor::Promo);
    let is_extended = s.choice("kind", &[("grant", false), ("extend", true)]).unwrap_or(false);
    let reason = s.number("extend_reason_code", 0..=3).and_then(|n| u8::try_from(n).ok()).unwrap_or(1);
    let extend = is_extended.then_some(reason);
    let rules = RewardRules { days, milestones, hold_days, max_per_month, max_total, test_rewards, anchor, extend };
    if kind == Kind::Partner { payout::without_days(&s, rules) } else { rules }
}

/// In order of their counts, however they are written.
fn milestones(s: &mut Section<'_>) -> Vec<Milestone> {
    let mut days_at = BTreeMap::new();
    for mut entry in s.list("milestones") {
        entry.need("referrals", "how many credited completions it takes");
        let referrals = entry.number("referrals", 1..=MANY.into()).and_then(|n| u32::try_from(n).ok());
        entry.need("days", "how many days it grants");
        let days = entry.count("days", 1..=3650, 0);
        if let Some(referrals) = referrals
            && days_at.insert(referrals, days).is_some()
        {
            entry.wrong("referrals", "is the count of another milestone", "write one entry with the days of both");
        }
    }
    days_at.into_iter().map(|(referrals, days)| Milestone { referrals, days }).collect()
}

/// Those who follow a partner come in bursts: what counts and compares referrers is off there unless it is asked for.
fn fraud(mut s: Section<'_>, kind: Kind) -> FraudRules {
    let is_referral = kind == Kind::Referral;
    let expiries = [("credited", Expiry::Credited), ("rejected", Expiry::Rejected)];
    FraudRules {
        too_fast_seconds: s.count("too_fast_seconds", 0..=YEAR, 0),
        max_per_referrer_per_day: s.count("max_per_referrer_per_day", 0..=MANY, if is_referral { 20 } else { 0 }),
        max_claims_per_network_per_day: s.count("max_claims_per_network_per_day", 0..=MANY, 0),
        require_new_customer: s.flag("require_new_customer", false),
        family_sharing: s.flag("family_sharing", true),
        rings: s.flag("rings", is_referral),
        device_check: s.choice("device_check", &[("off", false), ("hold", true)]).unwrap_or(false),
        flags_expire_days: s.count("flags_expire_days", 0..=3650, 30),
        flags_expire_to: s.choice("flags_expire_to", &expiries).unwrap_or(Expiry::Credited),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, keys, loaded};

    const KEY: &str = "apps.alma.campaigns[0]";

    /// `BASE` with one line in its campaign; DeviceCheck can be asked.
    fn with(line: &str) -> String {
        let campaign = "[[apps.alma.campaigns]]";
        let device = "[apps.alma.device_check]\nteam_id = \"T\"\nkey_id = \"K\"\nprivate_key = \"hush-hush\"\n";
        format!("{}{device}", BASE.replace(campaign, &format!("{campaign}\n{line}")))
    }

    fn policy(toml: &str, env: &[(&str, &str)]) -> Policy {
        loaded(toml, env).expect(toml).apps.remove(0).campaigns.remove(0).policy
    }

    #[test]
    fn rewards_are_read() {
        let of_days = || RewardRules::of_days(30);
        let at = |pairs: &[(u32, u32)]| {
            let milestones = pairs.iter().map(|&(referrals, days)| Milestone { referrals, days }).collect();
            RewardRules { milestones, ..of_days() }
        };
        for (line, expected) in [
            ("", of_days()),
            ("reward.days = 0", RewardRules::of_days(0)),
            ("reward.hold_days = 0", of_days()),
            ("reward.hold_days = 3650", RewardRules { hold_days: 3650, ..of_days() }),
            ("reward.max_per_month = 0", of_days()),
            ("reward.max_per_month = 1000000", RewardRules { max_per_month: 1_000_000, ..of_days() }),
            ("reward.max_total = 0", of_days()),
            ("reward.max_total = 12", RewardRules { max_total: 12, ..of_days() }),
            ("reward.test_rewards = true", RewardRules { test_rewards: true, ..of_days() }),
            ("reward.anchor = \"promo\"", of_days()),
            ("reward.anchor = \"paid\"", RewardRules { anchor: Anchor::Paid, ..of_days() }),
            ("reward.milestones = []", of_days()),
            ("reward.kind = \"grant\"", of_days()),
            ("reward.extend_reason_code = 3", of_days()),
            ("reward.milestones = [{ referrals = 5, days = 365 }]", at(&[(5, 365)])),
            (
                "reward.milestones = [{ referrals = 10, days = 1 }, { days = 3650, referrals = 1000000 }, { referrals = 1, days = 1 }]",
                at(&[(1, 1), (10, 1), (1_000_000, 3650)]),
            ),
        ] {
            assert_eq!(policy(&with(line), &[]).reward, expected, "{line}");
        }
        let tables =
            ["20", "5"].map(|n| format!("[[apps.alma.campaigns.reward.milestones]]\nreferrals = {n}\ndays = 7\n"));
        assert_eq!(policy(&format!("{BASE}{}", tables.concat()), &[]).reward, at(&[(5, 7), (20, 7)]));
    }

    #[test]
    fn fraud_rules_are_read() {
        let defaults = || FraudRules {
            max_per_referrer_per_day: 20,
            family_sharing: true,
            rings: true,
            flags_expire_days: 30,
            ..FraudRules::NONE
        };
        for (line, expected) in [
            ("", defaults()),
            ("fraud = {}", defaults()),
            ("fraud.too_fast_seconds = 31536000", FraudRules { too_fast_seconds: 31_536_000, ..defaults() }),
            ("fraud.too_fast_seconds = 0", defaults()),
            ("fraud.max_per_referrer_per_day = 0", FraudRules { max_per_referrer_per_day: 0, ..defaults() }),
            ("fraud.max_per_referrer_per_day = 20", defaults()),
            (
                "fraud.max_claims_per_network_per_day = 7",
                FraudRules { max_claims_per_network_per_day: 7, ..defaults() },
            ),
            ("fraud.max_claims_per_network_per_day = 0", defaults()),
            ("fraud.require_new_customer = true", FraudRules { require_new_customer: true, ..defaults() }),
            ("fraud.require_new_customer = false", defaults()),
            ("fraud.family_sharing = false", FraudRules { family_sharing: false, ..defaults() }),
            ("fraud.family_sharing = true", defaults()),
            ("fraud.rings = false", FraudRules { rings: false, ..defaults() }),
            ("fraud.rings = true", defaults()),
            ("fraud.device_check = \"hold\"", FraudRules { device_check: true, ..defaults() }),
            ("fraud.device_check = \"off\"", defaults()),
            ("fraud.flags_expire_days = 0", FraudRules { flags_expire_days: 0, ..defaults() }),
            ("fraud.flags_expire_days = 3650", FraudRules { flags_expire_days: 3650, ..defaults() }),
            ("fraud.flags_expire_to = \"rejected\"", FraudRules { flags_expire_to: Expiry::Rejected, ..defaults() }),
            ("fraud.flags_expire_to = \"credited\"", defaults()),
        ] {
            assert_eq!(policy(&with(line), &[]).fraud, expected, "{line}");
        }
    }

    #[test]
    fn faults_of_rewards_and_fraud_rules() {
        for (line, faults) in [
            ("reward.milestones = 5", &["reward.milestones"][..]),
            ("reward.milestones = [5]", &["reward.milestones"]),
            ("reward.milestones = { referrals = 5, days = 365 }", &["reward.milestones"]),
            ("reward.milestones = [{}]", &["reward.milestones[0].referrals", "reward.milestones[0].days"]),
            ("reward.milestones = [{ referrals = 5 }]", &["reward.milestones[0].days"]),
            ("reward.milestones = [{ days = 5 }]", &["reward.milestones[0].referrals"]),
            (
                "reward.milestones = [{ days = 5 }, { days = 5 }]",
                &["reward.milestones[0].referrals", "reward.milestones[1].referrals"],
            ),
            ("reward.milestones = [{ referrals = 0, days = 1 }]", &["reward.milestones[0].referrals"]),
            ("reward.milestones = [{ referrals = 1000001, days = 1 }]", &["reward.milestones[0].referrals"]),
            ("reward.milestones = [{ referrals = \"5\", days = 1 }]", &["reward.milestones[0].referrals"]),
            ("reward.milestones = [{ referrals = 1, days = 0 }]", &["reward.milestones[0].days"]),
            ("reward.milestones = [{ referrals = 1, days = 3651 }]", &["reward.milestones[0].days"]),
            ("reward.milestones = [{ referrals = 1, days = 1, day = 1 }]", &["reward.milestones[0].day"]),
            (
                "reward.milestones = [{ referrals = 5, days = 1 }, { referrals = 5, days = 1 }]",
                &["reward.milestones[1].referrals"],
            ),
            (
                "reward.milestones = [{ referrals = 5, days = 1 }, { referrals = 6, days = 1 }, { referrals = 5, days = 0 }]",
                &["reward.milestones[2].days", "reward.milestones[2].referrals"],
            ),
            ("reward.hold_days = 3651", &["reward.hold_days"]),
            ("reward.hold_days = -1", &["reward.hold_days"]),
            ("reward.max_per_month = 1000001", &["reward.max_per_month"]),
            ("reward.max_per_month = \"1\"", &["reward.max_per_month"]),
            ("reward.max_total = 1000001", &["reward.max_total"]),
            ("reward.max_total = -1", &["reward.max_total"]),
            ("reward.max_totl = 1", &["reward.max_totl"]),
            ("reward.anchor = \"Paid\"", &["reward.anchor"]),
            ("reward.anchor = true", &["reward.anchor"]),
            ("reward.kind = \"money\"", &["reward.kind"]),
            ("reward.extend_reason_code = 4", &["reward.extend_reason_code"]),
            ("fraud = \"off\"", &["fraud"]),
            ("fraud.too_fast_seconds = 31536001", &["fraud.too_fast_seconds"]),
            ("fraud.too_fast_seconds = -1", &["fraud.too_fast_seconds"]),
            ("fraud.too_fast_seconds = 1.5", &["fraud.too_fast_seconds"]),
            ("fraud.max_per_referrer_per_day = 1000001", &["fraud.max_per_referrer_per_day"]),
            ("fraud.max_claims_per_network_per_day = 1000001", &["fraud.max_claims_per_network_per_day"]),
            ("fraud.require_new_customer = 1", &["fraud.require_new_customer"]),
            ("fraud.family_sharing = \"off\"", &["fraud.family_sharing"]),
            ("fraud.rings = 0", &["fraud.rings"]),
            ("fraud.device_check = \"on\"", &["fraud.device_check"]),
            ("fraud.device_check = true", &["fraud.device_check"]),
            ("fraud.flags_expire_days = 3651", &["fraud.flags_expire_days"]),
            ("fraud.flags_expire_to = \"held\"", &["fraud.flags_expire_to"]),
            ("fraud.ring = true", &["fraud.ring"]),
        ] {
            let expected: Vec<_> = faults.iter().map(|key| format!("{KEY}.{key}")).collect();
            assert_eq!(keys(loaded(&with(line), &[])), expected, "{line}");
        }
    }

    #[test]
    fn the_environment_sets_rewards_and_fraud_rules() {
        for (name, value, reads) in [
            ("REWARD__HOLD_DAYS", "3", (|p| p.reward.hold_days == 3) as fn(&Policy) -> bool),
            ("REWARD__MILESTONES", "[{ referrals = 5, days = 365 }]", |p| {
                p.reward.milestones == [Milestone { referrals: 5, days: 365 }]
            }),
            ("FRAUD__RINGS", "false", |p| !p.fraud.rings),
            ("FRAUD__FLAGS_EXPIRE_TO", "rejected", |p| p.fraud.flags_expire_to == Expiry::Rejected),
        ] {
            let name = format!("REFERD__APPS__ALMA__CAMPAIGNS__0__{name}");
            assert!(!reads(&policy(BASE, &[])) && reads(&policy(BASE, &[(&name, value)])), "{name}");
        }
        let milestone =
            ["REFERRALS", "DAYS"].map(|k| format!("REFERD__APPS__ALMA__CAMPAIGNS__0__REWARD__MILESTONES__0__{k}"));
        let read = policy(BASE, &[(&milestone[0], "5"), (&milestone[1], "365")]);
        assert_eq!(read.reward.milestones, [Milestone { referrals: 5, days: 365 }]);
    }

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
