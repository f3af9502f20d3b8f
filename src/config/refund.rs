//! What Apple is answered when it asks about a refund, and whether it is.

use super::Refunds;
use super::section::{Section, note};
use crate::domain::consumption::{Api, Preference, ProductRules, RefundRules};

/// `asks_apple`: there is the key that answers; `has_revenuecat`: somebody else may answer as well.
pub(super) fn refunds(mut s: Section<'_>, asks_apple: bool, has_revenuecat: bool) -> Refunds {
    let answer = s.flag("answer", false);
    let preference = preference(&mut s);
    let api = s.choice("api", &[("v1", Api::V1), ("v2", Api::V2)]).unwrap_or_default();
    let products = products(&mut s);
    let said = s.has("revenuecat_answers").then(|| s.flag("revenuecat_answers", true));
    let rules = RefundRules { answer, preference, products };
    if rules.answers_any() && !asks_apple {
        let what = "asks for answers to Apple, and app_store_server is missing, whose key sends them";
        s.wrong("answer", what, "add the table app_store_server, or set answer = false");
    }
    if rules.answers_any() && has_revenuecat && said != Some(false) {
        let what = match said {
            Some(_) => "is true, and answer has referd answer as well: two answers to one question race",
            None => "is not said: RevenueCat may answer Apple as well, and two answers to one question race",
        };
        let remedy =
            "have RevenueCat not handle refund requests, and write revenuecat_answers = false; or answer = false";
        s.wrong("revenuecat_answers", what, remedy);
    }
    Refunds { rules, api, revenuecat_answers: said.unwrap_or(false) }
}

fn preference(s: &mut Section<'_>) -> Option<Preference> {
    s.choice("preference", &Preference::ALL.map(|preference| (preference.word(), preference)))
}

fn products(s: &mut Section<'_>) -> Vec<ProductRules> {
    let mut products: Vec<ProductRules> = Vec::new();
    for mut section in s.list("products") {
        let (context, key) = (section.context, section.key("product_id"));
        let product_id = section.needed_text("product_id", "the product's identifier in App Store Connect");
        let mut flag = |name: &str| section.has(name).then(|| section.flag(name, false));
        let (answer, sample_content) = (flag("answer"), flag("sample_content"));
        let product = ProductRules { product_id, answer, preference: preference(&mut section), sample_content };
        if !product.product_id.is_empty() && products.iter().any(|old| old.product_id == product.product_id) {
            note(context, key, "is named before", "name each product once");
        }
        products.push(product);
    }
    products
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

    const REVENUECAT: &str = "[apps.alma.revenuecat]
webhook_authorization_file = \"hush\"
api_key_file = \"hush\"
entitlement = \"premium\"
";

    /// Without RevenueCat, and so without days to grant.
    fn alone() -> String {
        assert!(BASE.contains(REVENUECAT));
        format!("{}reward.days = 0\n", BASE.replace(REVENUECAT, ""))
    }

    fn read(lines: &str) -> Refunds {
        loaded(&format!("{}{SERVER}[apps.alma.refunds]\n{lines}", alone()), &[]).expect(lines).apps.remove(0).refunds
    }

    #[test]
    fn refunds_are_read() {
        let answering = || RefundRules { answer: true, ..RefundRules::default() };
        let product = |answer, preference, sample_content| ProductRules {
            product_id: "coins".to_owned(),
            answer,
            preference,
            sample_content,
        };
        let with = |product| RefundRules { products: vec![product], ..RefundRules::default() };
        for (lines, rules, api) in [
            ("", RefundRules::default(), Api::V2),
            ("answer = false\napi = \"v2\"", RefundRules::default(), Api::V2),
            ("answer = true", answering(), Api::V2),
            ("answer = true\napi = \"v1\"", answering(), Api::V1),
            (
                "answer = true\npreference = \"GRANT_PRORATED\"",
                RefundRules { preference: Some(Preference::GrantProrated), ..answering() },
                Api::V2,
            ),
            ("[[apps.alma.refunds.products]]\nproduct_id = \"coins\"", with(product(None, None, None)), Api::V2),
            (
                "[[apps.alma.refunds.products]]\nproduct_id = \"coins\"\nanswer = true\npreference = \"DECLINE\"\nsample_content = false",
                with(product(Some(true), Some(Preference::Decline), Some(false))),
                Api::V2,
            ),
        ] {
            assert_eq!(read(lines), Refunds { rules, api, revenuecat_answers: false }, "{lines}");
        }
    }

    #[test]
    fn faults_of_refunds() {
        let products = |lines: &str| format!("[[apps.alma.refunds.products]]\n{lines}\n");
        let twice = products("product_id = \"coins\"").repeat(2);
        for (lines, fault) in [
            ("answer = \"yes\"", "answer"),
            ("preference = \"decline\"", "preference"),
            ("api = \"2\"", "api"),
            ("revenuecat_answers = 0", "revenuecat_answers"),
            (&products("answer = false"), "products[0].product_id"),
            (&products("product_id = \"coins\"\npreference = \"\""), "products[0].preference"),
            (&products("product_id = \"coins\"\nsample = true"), "products[0].sample"),
            (&twice, "products[1].product_id"),
        ] {
            let text = format!("{}{SERVER}[apps.alma.refunds]\n{lines}", alone());
            assert_eq!(keys(loaded(&text, &[])), [format!("apps.alma.refunds.{fault}")], "{lines}");
        }
    }

    #[test]
    fn one_of_two_answers() {
        let answer = "answer = true";
        let one_product = "[[apps.alma.refunds.products]]\nproduct_id = \"coins\"\nanswer = true";
        let said = |answers: bool, lines: &str| format!("revenuecat_answers = {answers}\n{lines}");
        let whole = format!("{BASE}{SERVER}");
        let without_key = alone();
        for (base, lines, fault) in [
            (&whole, answer.to_owned(), Some("revenuecat_answers")),
            (&whole, one_product.to_owned(), Some("revenuecat_answers")),
            (&whole, said(true, answer), Some("revenuecat_answers")),
            (&whole, said(false, answer), None),
            (&whole, said(false, one_product), None),
            (&whole, said(true, ""), None),
            (&whole, String::new(), None),
            (&without_key, answer.to_owned(), Some("answer")),
            (&without_key, one_product.to_owned(), Some("answer")),
            (&without_key, String::new(), None),
        ] {
            let faults = loaded(&format!("{base}[apps.alma.refunds]\n{lines}"), &[]).err().unwrap_or_default();
            let found: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
            let expected: Vec<String> = fault.iter().map(|key| format!("apps.alma.refunds.{key}")).collect();
            assert_eq!(found, expected, "{lines}");
            if fault == Some("revenuecat_answers") {
                assert!(faults[0].remedy.contains("revenuecat_answers = false"), "{}", faults[0]);
            }
        }
    }
}
