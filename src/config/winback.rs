//! What only a campaign that wins customers back says.

use super::section::Section;
use crate::domain::ending::Ending;
use crate::domain::policy::{Kind, WinBackRules};

const KIND: &str = "winback";

/// The reasons that somebody else than the team can be asked about. What was refunded is never won back.
const REASONS: [(&str, Ending); 3] =
    [("voluntary", Ending::Voluntary), ("billing", Ending::Billing), ("price_increase", Ending::PriceIncrease)];

/// What is about friends, and about those who share. A code that wins somebody back is theirs alone.
const ABOUT_FRIENDS: [&str; 4] = ["share_text", "attribution", "reward", "fraud"];

/// Read in any campaign, and there in one of this kind only.
pub(super) fn rules(campaign: &mut Section<'_>, kind: Option<Kind>) -> Option<WinBackRules> {
    let is_one = kind == Some(Kind::Winback);
    if kind.is_some() && !is_one {
        campaign.only_for(&["winback"], KIND);
    }
    for key in ABOUT_FRIENDS.iter().filter(|key| is_one && campaign.has(key)) {
        campaign.wrong(key, "is not for campaigns of kind \"winback\"", "remove it; [winback] has the rules of one");
    }
    let mut s = campaign.table_or_empty("winback");
    let lapsed_days = s.count("lapsed_days", 0..=3650, 30);
    let reasons = s.choices("reasons", &REASONS).unwrap_or_else(|| vec![Ending::Voluntary, Ending::Billing]);
    let require_consent = s.flag("require_consent", true);
    let every_days = s.count("every_days", 0..=3650, 180);
    let max_per_day = s.count("max_per_day", 0..=1_000_000, 0);
    let test_users = s.flag("test_users", false);
    is_one.then_some(WinBackRules { lapsed_days, reasons, require_consent, every_days, max_per_day, test_users })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, keys, loaded};
    use crate::domain::policy::{FraudRules, Policy, RewardRules};

    const CAMPAIGN: &str = "apps.alma.campaigns[1]";

    /// `BASE` with a campaign that wins back after its own.
    fn with(lines: &str) -> String {
        format!("{BASE}[[apps.alma.campaigns]]\nid = \"return\"\nkind = \"winback\"\noffer = \"RETURN\"\n{lines}\n")
    }

    fn policy(lines: &str) -> Policy {
        loaded(&with(lines), &[]).expect(lines).apps.remove(0).campaigns.remove(1).policy
    }

    fn defaults() -> WinBackRules {
        WinBackRules {
            lapsed_days: 30,
            reasons: vec![Ending::Voluntary, Ending::Billing],
            require_consent: true,
            every_days: 180,
            max_per_day: 0,
            test_users: false,
        }
    }

    #[test]
    fn win_backs_are_read() {
        for (line, expected) in [
            ("", defaults()),
            ("winback = {}", defaults()),
            ("winback.lapsed_days = 0", WinBackRules { lapsed_days: 0, ..defaults() }),
            ("winback.lapsed_days = 3650", WinBackRules { lapsed_days: 3650, ..defaults() }),
            ("winback.reasons = [\"billing\"]", WinBackRules { reasons: vec![Ending::Billing], ..defaults() }),
            (
                "winback.reasons = [\"price_increase\", \"voluntary\"]",
                WinBackRules { reasons: vec![Ending::PriceIncrease, Ending::Voluntary], ..defaults() },
            ),
            ("winback.require_consent = false", WinBackRules { require_consent: false, ..defaults() }),
            ("winback.every_days = 0", WinBackRules { every_days: 0, ..defaults() }),
            ("winback.max_per_day = 1000000", WinBackRules { max_per_day: 1_000_000, ..defaults() }),
            ("winback.test_users = true", WinBackRules { test_users: true, ..defaults() }),
        ] {
            assert_eq!(policy(line).winback, Some(expected), "{line}");
        }
        let read = policy("offer_code_id = \"1\"\npool.batch_size = 7\nproduct_ids = [\"monthly\"]");
        assert_eq!((read.kind, read.offer.as_str(), read.pool.batch_size), (Kind::Winback, "RETURN", 7));
        assert_eq!((&read.reward, read.payout), (&RewardRules::of_days(0), None));
        let asks_nothing = FraudRules { family_sharing: true, flags_expire_days: 30, ..FraudRules::NONE };
        assert_eq!(read.fraud, asks_nothing);
        assert_eq!(loaded(BASE, &[]).expect("a good file").apps[0].campaigns[0].policy.winback, None);
    }

    #[test]
    fn faults_of_a_win_back() {
        for (lines, fault) in [
            ("winback = 5", Some("winback")),
            ("winback.lapsed_days = 3651", Some("winback.lapsed_days")),
            ("winback.lapsed_days = -1", Some("winback.lapsed_days")),
            ("winback.reasons = []", Some("winback.reasons")),
            ("winback.reasons = [\"refunded\"]", Some("winback.reasons")),
            ("winback.reasons = [\"billing\", \"billing\"]", Some("winback.reasons")),
            ("winback.require_consent = 1", Some("winback.require_consent")),
            ("winback.every_days = 3651", Some("winback.every_days")),
            ("winback.max_per_day = 1000001", Some("winback.max_per_day")),
            ("winback.test_users = \"yes\"", Some("winback.test_users")),
            ("winback.per_user = 1", Some("winback.per_user")),
            ("share_text = \"{code}\"", Some("share_text")),
            ("attribution.claim_window_days = 30", Some("attribution")),
            ("reward.days = 0", Some("reward")),
            ("fraud.rings = true", Some("fraud")),
            ("payout.hold_days = 0", Some("payout")),
        ] {
            let expected: Vec<_> = fault.iter().map(|key| format!("{CAMPAIGN}.{key}")).collect();
            assert_eq!(keys(loaded(&with(lines), &[])), expected, "{lines}");
        }
        let bare = with("").replace("offer = \"RETURN\"\n", "");
        assert_eq!(keys(loaded(&bare, &[])), [format!("{CAMPAIGN}.offer")]);
        let named = with("").replace("default_campaign = \"friends\"", "default_campaign = \"return\"");
        assert_eq!(keys(loaded(&named, &[])), ["apps.alma.default_campaign"]);
    }

    #[test]
    fn other_campaigns_have_none() {
        for (line, expected) in [
            ("winback = {}", "winback"),
            ("kind = \"partner\"\nwinback.every_days = 1", "winback"),
            ("kind = \"winbak\"\nwinback.every_days = 1", "kind"),
        ] {
            let text = BASE.replace("offer =", &format!("{line}\nreward.days = 0\noffer ="));
            let found = keys(loaded(&text, &[]));
            assert!(found.contains(&format!("apps.alma.campaigns[0].{expected}")), "{line}: {found:?}");
        }
    }
}
