//! Partners and their money: what only a campaign of theirs says, and the account at Tremendous.

use super::section::Section;
use super::{Tremendous, secret, url};
use crate::domain::money::BasisPoints;
use crate::domain::policy::{Kind, PayoutRules, RewardRules, Touch};

/// The highest minimum, in minor units.
const MOST: i64 = 1_000_000_000_000;

/// Apple keeps 30 % where none of its programs lowers that.
const PROCEEDS: u32 = 7000;

/// Read in any campaign, and there in one of partners only. A campaign whose kind is not known is not told what it
/// cannot have.
pub(super) fn rules(
    campaign: &mut Section<'_>,
    attribution: &mut Section<'_>,
    kind: Option<Kind>,
) -> Option<PayoutRules> {
    if kind.is_some_and(|kind| kind != Kind::Partner) {
        campaign.only_for(&["payout"], "partner");
        attribution.only_for(&["touch", "own_offers_max"], "partner");
    }
    let touches = [("first", Touch::First), ("last", Touch::Last)];
    let touch = attribution.choice("touch", &touches).unwrap_or(Touch::First);
    let own_offers_max = attribution.count("own_offers_max", 0..=1000, 10);
    let mut payout = campaign.table_or_empty("payout");
    let minimum = payout.number("minimum", 0..=MOST).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let hold_days = payout.count("hold_days", 0..=3650, 0);
    let proceeds = BasisPoints::new(payout.count("proceeds_basis_points", 0..=BasisPoints::ALL.get(), PROCEEDS));
    let proceeds = proceeds.unwrap_or(BasisPoints::ALL);
    (kind == Some(Kind::Partner)).then_some(PayoutRules { touch, minimum, hold_days, own_offers_max, proceeds })
}

/// Partners are paid in money: what would give them days is noted and left out.
pub(super) fn without_days(s: &Section<'_>, reward: RewardRules) -> RewardRules {
    let days =
        [("days", reward.days > 0), ("milestones", !reward.milestones.is_empty()), ("kind", reward.extend.is_some())];
    for (key, _) in days.iter().filter(|(_, given)| *given) {
        s.wrong(key, "gives days, and partners are paid in money", "remove it; what a partner earns is said of each");
    }
    RewardRules { days: 0, milestones: Vec::new(), extend: None, ..reward }
}

pub(super) fn tremendous(mut s: Section<'_>) -> Option<Tremendous> {
    let api_key = s.needed_secret("api_key", 0);
    // No default: one of the two sends money.
    let remedy = "write \"https://testflight.tremendous.com/api/v2\", the sandbox, \
                  or \"https://api.tremendous.com/api/v2\", which sends money";
    s.need("base_url", remedy);
    let base_url = s.parsed("base_url", url::base);
    let funding_source_id = s.text("funding_source_id").unwrap_or_else(|| "BALANCE".to_owned());
    s.need("campaign_id", "the id of a campaign at Tremendous: it says what a partner may choose from");
    let campaign_id = s.text("campaign_id");
    let webhook_key = s.secret("webhook_key", secret::STRONG);
    Some(Tremendous { api_key, base_url: base_url?, funding_source_id, campaign_id, webhook_key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, HUSH, keys, loaded};
    use crate::config::{App, Secret};
    use crate::domain::policy::{Policy, PoolRules};

    const CAMPAIGN: &str = "apps.alma.campaigns[1]";

    /// `BASE` with a campaign of partners after its own.
    fn with(lines: &str) -> String {
        format!("{BASE}[[apps.alma.campaigns]]\nid = \"creators\"\nkind = \"partner\"\n{lines}\n")
    }

    /// The same without the campaign for users and what it needs.
    fn alone(lines: &str) -> String {
        let (head, tail) = ("[apps.alma.app_store_connect]", "[[apps.alma.campaigns]]\nid = \"creators\"");
        let text = with(lines).replace("default_campaign = \"friends\"\n", "");
        let (from, to) = (text.find(head).expect(head), text.find(tail).expect(tail));
        format!("{}{}", &text[..from], &text[to..])
    }

    fn app(toml: &str, env: &[(&str, &str)]) -> App {
        loaded(toml, env).expect(toml).apps.remove(0)
    }

    fn policy(toml: &str, env: &[(&str, &str)]) -> Policy {
        app(toml, env).campaigns.remove(1).policy
    }

    fn defaults() -> PayoutRules {
        let proceeds = BasisPoints::new(7000).expect("a part");
        PayoutRules { touch: Touch::First, minimum: 0, hold_days: 0, own_offers_max: 10, proceeds }
    }

    #[test]
    fn a_campaign_of_partners_has_defaults_of_its_own() {
        let app = app(&with(""), &[]);
        let [users, partners] = &app.campaigns[..] else { panic!("two campaigns") };
        let (users, partners) = (&users.policy, &partners.policy);
        assert_eq!((users.kind, partners.kind), (Kind::Referral, Kind::Partner));
        assert_eq!((&users.payout, &partners.payout), (&None, &Some(defaults())));
        assert_eq!((partners.offer.as_str(), partners.offer_code_id.as_str()), ("", ""));
        assert_eq!(partners.pool, PoolRules { low_water: 0, ..users.pool.clone() });
        assert_eq!(partners.reward, RewardRules { days: 0, ..users.reward.clone() });
        assert_eq!((users.fraud.max_per_referrer_per_day, users.fraud.rings), (20, true));
        assert_eq!((partners.fraud.max_per_referrer_per_day, partners.fraud.rings), (0, false));
        assert_eq!(partners.attribution, users.attribution);
        assert_eq!(app.default_campaign, "friends");
    }

    #[test]
    fn payouts_are_read() {
        let proceeds = |parts| BasisPoints::new(parts).expect("a part");
        for (line, expected) in [
            ("payout = {}", defaults()),
            ("payout.minimum = 0", defaults()),
            ("payout.minimum = 1000000000000", PayoutRules { minimum: 1_000_000_000_000, ..defaults() }),
            ("payout.hold_days = 0", PayoutRules { hold_days: 0, ..defaults() }),
            ("payout.hold_days = 3650", PayoutRules { hold_days: 3650, ..defaults() }),
            ("payout.proceeds_basis_points = 0", PayoutRules { proceeds: proceeds(0), ..defaults() }),
            ("payout.proceeds_basis_points = 8500", PayoutRules { proceeds: proceeds(8500), ..defaults() }),
            ("payout.proceeds_basis_points = 10000", PayoutRules { proceeds: BasisPoints::ALL, ..defaults() }),
            ("attribution.touch = \"first\"", defaults()),
            ("attribution.touch = \"last\"", PayoutRules { touch: Touch::Last, ..defaults() }),
            ("attribution.own_offers_max = 0", PayoutRules { own_offers_max: 0, ..defaults() }),
            ("attribution.own_offers_max = 1000", PayoutRules { own_offers_max: 1000, ..defaults() }),
        ] {
            assert_eq!(policy(&with(line), &[]).payout, Some(expected), "{line}");
        }
        let offer = "offer = \"JEN\"\noffer_code_id = \"1\"\nfraud.rings = true\nfraud.max_per_referrer_per_day = 5";
        let read = policy(&with(offer), &[]);
        assert_eq!((read.offer.as_str(), read.pool.low_water), ("JEN", 500));
        assert_eq!((read.fraud.rings, read.fraud.max_per_referrer_per_day), (true, 5));
        assert_eq!(policy(&with("pool.low_water = 7"), &[]).pool.low_water, 7);
    }

    #[test]
    fn faults_of_a_campaign_of_partners() {
        for (lines, fault) in [
            ("offer = \"JEN\"", None),
            ("offer = \"REF30\"", Some("product_ids")),
            ("offer_code_id = \"1\"", Some("offer")),
            ("offer = \" \"\noffer_code_id = \"1\"", Some("offer")),
            ("payout = 5", Some("payout")),
            ("payout.minimum = -1", Some("payout.minimum")),
            ("payout.minimum = 1000000000001", Some("payout.minimum")),
            ("payout.minimum = 50.0", Some("payout.minimum")),
            ("payout.hold_days = -1", Some("payout.hold_days")),
            ("payout.hold_days = 3651", Some("payout.hold_days")),
            ("payout.proceeds_basis_points = -1", Some("payout.proceeds_basis_points")),
            ("payout.proceeds_basis_points = 10001", Some("payout.proceeds_basis_points")),
            ("payout.proceeds_basis_points = 0.7", Some("payout.proceeds_basis_points")),
            ("payout.maximum = 1", Some("payout.maximum")),
            ("payout.touch = \"last\"", Some("payout.touch")),
            ("attribution.touch = \"both\"", Some("attribution.touch")),
            ("attribution.touch = true", Some("attribution.touch")),
            ("attribution.own_offers_max = -1", Some("attribution.own_offers_max")),
            ("attribution.own_offers_max = 1001", Some("attribution.own_offers_max")),
            ("reward.days = 0", None),
            ("reward.days = 30", Some("reward.days")),
            ("reward.days = 3651", Some("reward.days")),
            ("reward.milestones = []", None),
            ("reward.milestones = [{ referrals = 5, days = 7 }]", Some("reward.milestones")),
            ("reward.kind = \"grant\"", None),
            ("reward.kind = \"extend\"", Some("reward.kind")),
        ] {
            let expected: Vec<_> = fault.iter().map(|key| format!("{CAMPAIGN}.{key}")).collect();
            assert_eq!(keys(loaded(&with(lines), &[])), expected, "{lines}");
        }
        // What they cannot earn is not missed elsewhere as well.
        let days = "reward.days = 1\nreward.milestones = [{ referrals = 5, days = 7 }]\nreward.kind = \"extend\"";
        let all = ["days", "milestones", "kind"].map(|key| format!("apps.alma.campaigns[0].reward.{key}"));
        assert_eq!(keys(loaded(&alone(days), &[])), all);
    }

    #[test]
    fn what_only_partners_have_is_refused_elsewhere() {
        let at = |line: &str| BASE.replace("offer =", &format!("{line}\noffer ="));
        for (line, key) in [
            ("payout = {}", "payout"),
            ("payout.minimum = 5000", "payout"),
            ("kind = \"referral\"\npayout.hold_days = 1", "payout"),
            ("attribution.touch = \"first\"", "attribution.touch"),
            ("attribution.own_offers_max = 10", "attribution.own_offers_max"),
        ] {
            let problems = loaded(&at(line), &[]).expect_err(line);
            assert_eq!(problems.len(), 1, "{line}: {problems:?}");
            assert_eq!(problems[0].key, format!("apps.alma.campaigns[0].{key}"), "{line}");
            assert!(problems[0].what.contains("kind \"partner\""), "{line}: {problems:?}");
        }
        let three = "payout.minimum = 1\nattribution = { touch = \"last\", own_offers_max = 1 }";
        let all = ["payout", "attribution.touch", "attribution.own_offers_max"];
        assert_eq!(keys(loaded(&at(three), &[])), all.map(|key| format!("apps.alma.campaigns[0].{key}")));
        let unknown = format!("kind = \"partnr\"\n{three}");
        assert_eq!(keys(loaded(&at(&unknown), &[])), ["apps.alma.campaigns[0].kind"]);
    }

    #[test]
    fn the_usual_campaign_is_one_of_users() {
        let key = &["apps.alma.default_campaign"][..];
        let named = |text: String, id: &str| {
            text.replace("default_campaign = \"friends\"\n", "")
                .replace("[apps.alma]", &format!("[apps.alma]\ndefault_campaign = \"{id}\""))
        };
        for (text, expected, remedy) in [
            (with(""), &[][..], ""),
            (named(with(""), "creators"), key, "\"referral\""),
            (named(with(""), "foes"), key, "\"referral\""),
            (with("").replace("default_campaign = \"friends\"\n", ""), key, "one of the campaigns"),
            (alone(""), &[], ""),
            (named(alone(""), "creators"), key, "remove it"),
            (named(alone(""), "foes"), key, "remove it"),
            (named(alone(""), ""), key, "remove the key"),
        ] {
            let outcome = loaded(&text, &[]);
            let told = outcome.as_ref().err().map_or("", |problems| problems[0].remedy.as_str());
            assert!(told.contains(remedy), "{text}: {told}");
            assert_eq!(keys(outcome), expected, "{text}");
        }
        assert_eq!(app(&alone(""), &[]).default_campaign, "");
    }

    #[test]
    fn the_environment_sets_payouts() {
        for (name, value, reads) in [
            ("PAYOUT__MINIMUM", "5000", (|p| p.minimum == 5000) as fn(PayoutRules) -> bool),
            ("PAYOUT__HOLD_DAYS", "14", |p| p.hold_days == 14),
            ("PAYOUT__PROCEEDS_BASIS_POINTS", "8500", |p| p.proceeds.get() == 8500),
            ("ATTRIBUTION__TOUCH", "last", |p| p.touch == Touch::Last),
            ("ATTRIBUTION__OWN_OFFERS_MAX", "3", |p| p.own_offers_max == 3),
        ] {
            let name = format!("REFERD__APPS__ALMA__CAMPAIGNS__1__{name}");
            assert!(!reads(defaults()), "{name}");
            assert!(policy(&with(""), &[(&name, value)]).payout.is_some_and(reads), "{name}");
        }
        let whole = [("ID", "creators"), ("KIND", "partner"), ("PAYOUT__MINIMUM", "5000")]
            .map(|(key, value)| (format!("REFERD__APPS__ALMA__CAMPAIGNS__1__{key}"), value));
        let read = policy(BASE, &whole.each_ref().map(|(name, value)| (name.as_str(), *value)));
        assert_eq!(read.payout, Some(PayoutRules { minimum: 5000, ..defaults() }));
    }

    const TREMENDOUS: &str = "[apps.alma.tremendous]
api_key_file = \"hush\"
base_url = \"https://testflight.tremendous.com/api/v2/\"
campaign_id = \"IVM0I3WNJJL0\"
";

    fn account() -> Tremendous {
        Tremendous {
            api_key: Secret::new(HUSH),
            base_url: "https://testflight.tremendous.com/api/v2".to_owned(),
            funding_source_id: "BALANCE".to_owned(),
            campaign_id: Some("IVM0I3WNJJL0".to_owned()),
            webhook_key: None,
        }
    }

    #[test]
    fn the_account_at_tremendous_is_read() {
        assert_eq!(app(BASE, &[]).tremendous, None);
        let source = |id: &str| Tremendous { funding_source_id: id.to_owned(), ..account() };
        for (line, expected) in [
            ("", account()),
            ("funding_source_id = \"BALANCE\"", account()),
            ("funding_source_id = \"Q1W2E3R4T5\"", source("Q1W2E3R4T5")),
            ("webhook_key_file = \"hush\"", Tremendous { webhook_key: Some(Secret::new(HUSH)), ..account() }),
        ] {
            let app = app(&format!("{BASE}{TREMENDOUS}{line}"), &[]);
            assert!(!format!("{app:?}").contains("hush-"), "{line}");
            assert_eq!(app.tremendous, Some(expected), "{line}");
        }
        let set = |name: &str, value: &str| {
            let name = format!("REFERD__APPS__ALMA__TREMENDOUS__{name}");
            app(&format!("{BASE}{TREMENDOUS}"), &[(&name, value)]).tremendous
        };
        assert_eq!(set("FUNDING_SOURCE_ID", "INVOICE"), Some(source("INVOICE")));
        assert_eq!(set("CAMPAIGN_ID", "7"), Some(Tremendous { campaign_id: Some("7".to_owned()), ..account() }));
        let webhook_key = Some(Secret::new("hush-hush"));
        assert_eq!(set("WEBHOOK_KEY", "hush-hush"), Some(Tremendous { webhook_key, ..account() }));
    }

    #[test]
    fn faults_of_tremendous() {
        let table = "apps.alma.tremendous";
        for (from, to, fault) in [
            ("api_key_file = \"hush\"\n", "", Some("api_key")),
            ("\"hush\"", "\"gone\"", Some("api_key_file")),
            ("\"hush\"", "\"hush\"\napi_key = \"hush-hush\"", Some("api_key")),
            ("api_key_file = \"hush\"", "api_key = \"hush-hush\"", None),
            ("https://testflight.tremendous.com/api/v2/", "https://api.tremendous.com/api/v2", None),
            ("https://testflight.tremendous.com/api/v2/", "http://127.0.0.1:1", None),
            ("https://testflight.tremendous.com/api/v2/", "http://api.tremendous.com/api/v2", Some("base_url")),
            ("https://testflight.tremendous.com/api/v2/", "sandbox", Some("base_url")),
            ("campaign_id = \"IVM0I3WNJJL0\"\n", "", Some("campaign_id")),
            ("\"IVM0I3WNJJL0\"", "\"\"", Some("campaign_id")),
            ("\"IVM0I3WNJJL0\"", "7", Some("campaign_id")),
            ("campaign_id", "funding_source_id = \"\"\ncampaign_id", Some("funding_source_id")),
            ("campaign_id", "funding_source_id = 1\ncampaign_id", Some("funding_source_id")),
            ("campaign_id", "webhook_key_file = \"short\"\ncampaign_id", Some("webhook_key_file")),
            ("campaign_id", "webhook_key = \"hush\"\ncampaign_id", Some("webhook_key")),
            ("campaign_id", "products = []\ncampaign_id", Some("products")),
        ] {
            assert!(TREMENDOUS.contains(from), "{from}");
            let expected: Vec<_> = fault.iter().map(|key| format!("{table}.{key}")).collect();
            let text = format!("{BASE}{}", TREMENDOUS.replacen(from, to, 1));
            assert_eq!(keys(loaded(&text, &[])), expected, "{from} -> {to}");
        }
        let problems = loaded(&format!("{BASE}[{table}]"), &[]).expect_err("an empty table");
        for url in ["https://testflight.tremendous.com/api/v2", "https://api.tremendous.com/api/v2"] {
            assert!(problems.iter().any(|p| p.key.ends_with(".base_url") && p.remedy.contains(url)), "{url}");
        }
        assert_eq!(keys(Err(problems)), ["api_key", "base_url", "campaign_id"].map(|key| format!("{table}.{key}")));
    }
}
