//! Promotional offers that may be signed.

use super::Fault;
use super::section::{Section, note};
use crate::domain::offer::{Offer, Standing};

const STANDINGS: [Standing; 4] = [Standing::Active, Standing::AutoRenewOff, Standing::BillingRetry, Standing::Lapsed];

pub(super) fn offers(s: &mut Section<'_>) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for section in s.list("offers") {
        let (context, id) = (section.context, section.key("id"));
        let offer = offer(section);
        if !offer.id.is_empty() && offers.iter().any(|old| old.id == offer.id) {
            note(context, id, "is the id of another offer", "name each offer once");
        }
        offers.push(offer);
    }
    offers
}

fn offer(mut s: Section<'_>) -> Offer {
    s.need("id", "the offer's identifier in App Store Connect");
    let id = s.parsed("id", id).unwrap_or_default();
    let product_id = s.needed_text("product_id", "the subscription that the offer is of");
    s.need("eligible", "who may have it: a list of \"active\", \"auto_renew_off\", \"billing_retry\", \"lapsed\"");
    let eligible = s.choices("eligible", &STANDINGS.map(|standing| (standing.word(), standing)));
    if s.has("lapsed_days_min") && eligible.as_ref().is_some_and(|eligible| !eligible.contains(&Standing::Lapsed)) {
        let what = "is for those who lapsed, and eligible does not name them";
        s.wrong("lapsed_days_min", what, "remove it, or add \"lapsed\" to eligible");
    }
    let lapsed_days_min = s.count("lapsed_days_min", 0..=3650, 0);
    let per_user = s.count("per_user", 0..=1_000_000, 1);
    Offer { id, product_id, eligible: eligible.unwrap_or_default(), lapsed_days_min, per_user }
}

/// U+2063 is neither blank nor control, and parts the fields of what is signed (Apple, Generating a signature for
/// promotional offers).
fn id(text: &str) -> Result<String, Fault> {
    let good = text.len() <= 64 && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\u{2063}');
    if good { Ok(text.to_owned()) } else { Err(("is no offer identifier", "use 1 to 64 bytes without blanks")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, keys, loaded};

    const SERVER: &str = "[apps.alma.app_store_server]
issuer_id = \"57246542\"
key_id = \"7QT4W2N9LD\"
private_key_file = \"hush\"
";
    const OFFER: &str = "[[apps.alma.offers]]
id = \"COMEBACK50\"
product_id = \"alma_monthly\"
eligible = [\"lapsed\"]
";

    fn comeback() -> Offer {
        Offer {
            id: "COMEBACK50".to_owned(),
            product_id: "alma_monthly".to_owned(),
            eligible: vec![Standing::Lapsed],
            lapsed_days_min: 0,
            per_user: 1,
        }
    }

    fn read(toml: &str, env: &[(&str, &str)]) -> Vec<Offer> {
        loaded(toml, env).expect(toml).apps.remove(0).offers
    }

    #[test]
    fn offers_are_read() {
        assert_eq!(read(BASE, &[]), []);
        assert_eq!(read(&BASE.replace("[apps.alma]", "[apps.alma]\noffers = []"), &[]), []);
        let all = vec![Standing::BillingRetry, Standing::Active, Standing::Lapsed, Standing::AutoRenewOff];
        let longest = "x".repeat(64);
        for (from, to, expected) in [
            ("", "", comeback()),
            ("COMEBACK50", "x", Offer { id: "x".to_owned(), ..comeback() }),
            ("COMEBACK50", "zur\u{fc}ck.50-%", Offer { id: "zur\u{fc}ck.50-%".to_owned(), ..comeback() }),
            ("COMEBACK50", &longest, Offer { id: longest.clone(), ..comeback() }),
            (
                "[\"lapsed\"]",
                "[\"billing_retry\", \"active\", \"lapsed\", \"auto_renew_off\"]",
                Offer { eligible: all, ..comeback() },
            ),
            ("[\"lapsed\"]", "[\"active\"]", Offer { eligible: vec![Standing::Active], ..comeback() }),
            ("eligible", "lapsed_days_min = 0\neligible", comeback()),
            ("eligible", "lapsed_days_min = 3650\neligible", Offer { lapsed_days_min: 3650, ..comeback() }),
            ("eligible", "per_user = 0\neligible", Offer { per_user: 0, ..comeback() }),
            ("eligible", "per_user = 1\neligible", comeback()),
            ("eligible", "per_user = 1000000\neligible", Offer { per_user: 1_000_000, ..comeback() }),
        ] {
            assert_eq!(read(&format!("{BASE}{SERVER}{}", OFFER.replacen(from, to, 1)), &[]), [expected], "{to}");
        }
        let two = format!("{BASE}{SERVER}{OFFER}{}", OFFER.replace("COMEBACK", "comeback"));
        let second = Offer { id: "comeback50".to_owned(), ..comeback() };
        assert_eq!(read(&two, &[]), [comeback(), second]);
    }

    #[test]
    fn faults_of_an_offer() {
        let long = format!("\"{}\"", "x".repeat(65));
        for (from, to, fault) in [
            ("id = \"COMEBACK50\"\n", "", "id"),
            ("\"COMEBACK50\"", "50", "id"),
            ("\"COMEBACK50\"", "\"\"", "id"),
            ("\"COMEBACK50\"", "\"COME BACK\"", "id"),
            ("\"COMEBACK50\"", "\" COMEBACK\"", "id"),
            ("\"COMEBACK50\"", "\"COME\\u00a0BACK\"", "id"),
            ("\"COMEBACK50\"", "\"COME\\u0007BACK\"", "id"),
            ("\"COMEBACK50\"", "\"COME\\u2063BACK\"", "id"),
            ("\"COMEBACK50\"", &long, "id"),
            ("\"COMEBACK50\"", &long.replacen("xx", "\u{fc}", 1), "id"),
            ("product_id = \"alma_monthly\"\n", "", "product_id"),
            ("\"alma_monthly\"", "\" \"", "product_id"),
            ("\"alma_monthly\"", "[\"alma_monthly\"]", "product_id"),
            ("eligible = [\"lapsed\"]\n", "", "eligible"),
            ("[\"lapsed\"]", "\"lapsed\"", "eligible"),
            ("[\"lapsed\"]", "[]", "eligible"),
            ("[\"lapsed\"]", "[\"\"]", "eligible"),
            ("[\"lapsed\"]", "[\"Lapsed\"]", "eligible"),
            ("[\"lapsed\"]", "[\"lapsed\", \"active\", \"lapsed\"]", "eligible"),
            // What is not understood is not said to lack "lapsed" as well.
            ("[\"lapsed\"]", "[\"laps\"]\nlapsed_days_min = 3", "eligible"),
            ("[\"lapsed\"]", "[\"active\"]\nlapsed_days_min = 3", "lapsed_days_min"),
            ("[\"lapsed\"]", "[\"active\"]\nlapsed_days_min = 0", "lapsed_days_min"),
            ("eligible", "lapsed_days_min = -1\neligible", "lapsed_days_min"),
            ("eligible", "lapsed_days_min = 3651\neligible", "lapsed_days_min"),
            ("eligible", "per_user = -1\neligible", "per_user"),
            ("eligible", "per_user = 1000001\neligible", "per_user"),
            ("eligible", "per_user = \"1\"\neligible", "per_user"),
            ("eligible", "days = 1\neligible", "days"),
        ] {
            assert!(OFFER.contains(from), "{from}");
            let text = format!("{BASE}{SERVER}{}", OFFER.replacen(from, to, 1));
            assert_eq!(keys(loaded(&text, &[])), [format!("apps.alma.offers[0].{fault}")], "{from} -> {to}");
        }
        let again = OFFER.replace("alma_monthly", "alma_yearly");
        assert_eq!(keys(loaded(&format!("{BASE}{SERVER}{OFFER}{again}"), &[])), ["apps.alma.offers[1].id"]);
        let empty = format!("{BASE}{SERVER}{}", "[[apps.alma.offers]]\n".repeat(2));
        let all = [0, 1].map(|n| ["id", "product_id", "eligible"].map(|key| format!("apps.alma.offers[{n}].{key}")));
        assert_eq!(keys(loaded(&empty, &[])), all.concat());
        let plain = BASE.replace("[apps.alma]", "[apps.alma]\noffers = [\"COMEBACK50\"]");
        assert_eq!(keys(loaded(&plain, &[])), ["apps.alma.offers"]);
    }

    #[test]
    fn offers_need_the_key_that_signs_them() {
        let key = "apps.alma.app_store_server";
        assert_eq!(keys(loaded(&format!("{BASE}{OFFER}"), &[])), [key]);
        // A table with a fault of its own is not missing as well.
        let faulty = format!("{BASE}{}{OFFER}", SERVER.replace("\"hush\"", "\"gone\""));
        assert_eq!(keys(loaded(&faulty, &[])), [format!("{key}.private_key_file")]);
    }

    #[test]
    fn the_environment_sets_offers() {
        let whole = [
            ("ID", "COMEBACK50"),
            ("PRODUCT_ID", "alma_monthly"),
            ("ELIGIBLE", "[\"lapsed\"]"),
            ("LAPSED_DAYS_MIN", "3"),
            ("PER_USER", "2"),
        ]
        .map(|(key, value)| (format!("REFERD__APPS__ALMA__OFFERS__0__{key}"), value));
        let env = whole.each_ref().map(|(name, value)| (name.as_str(), *value));
        let expected = Offer { lapsed_days_min: 3, per_user: 2, ..comeback() };
        assert_eq!(read(&format!("{BASE}{SERVER}"), &env), [expected]);
    }
}
