//! What is said of a purchase whose refund is asked for: the body of Send Consumption Information, in both its shapes.

use crate::domain::at::Span;
use crate::domain::consumption::{Api, Consumption, Preference};
use crate::domain::purchase::Share;
use crate::domain::usage::Delivery;
use crate::wire::app_store_server::{Fault, segment};
use crate::wire::text;
use serde_json::{Value, json};

pub fn path(api: Api, transaction_id: &str) -> Result<String, Fault> {
    let version = match api {
        Api::V1 => "v1",
        Api::V2 => "v2",
    };
    Ok(format!("/inApps/{version}/transactions/consumption/{}", segment(transaction_id)?))
}

/// Who is asked about has consented: without that nothing is said. The first shape has room for the `appAccountToken`.
pub fn body(api: Api, answer: &Consumption, token: Option<&str>) -> Vec<u8> {
    let body = match api {
        Api::V1 => v1(answer, token),
        Api::V2 => v2(answer),
    };
    body.to_string().into_bytes()
}

/// Apple, ConsumptionRequest.
fn v2(answer: &Consumption) -> Value {
    let mut body = json!({
        "customerConsented": true, "deliveryStatus": answer.delivery.word(),
        "sampleContentProvided": answer.sample_content,
    });
    if let Some(consumed) = answer.consumed {
        body["consumptionPercentage"] = json!(consumed.thousandths());
    }
    if let Some(preference) = answer.preference {
        body["refundPreference"] = json!(preference.word());
    }
    body
}

/// Apple, ConsumptionRequestV1: every field must be there, and noughts declare nothing. What was bought through the App
/// Store was used on a device of Apple's; whether the account is in good standing, and what it paid in all, is not said.
fn v1(answer: &Consumption, token: Option<&str>) -> Value {
    let delivery = match answer.delivery {
        Delivery::Delivered => 0,
        Delivery::QualityIssue => 1,
        Delivery::WrongItem => 2,
        Delivery::ServerOutage => 3,
        Delivery::OtherIssue => 5,
    };
    let consumed = match answer.consumed {
        None => 0,
        Some(Share::NONE) => 1,
        Some(Share::ALL) => 3,
        Some(_) => 2,
    };
    let minutes = answer.play_minutes.map(|minutes| Span::minutes(minutes.into()));
    let mut body = json!({
        "customerConsented": true, "deliveryStatus": delivery, "consumptionStatus": consumed,
        "sampleContentProvided": answer.sample_content, "platform": 1,
        "appAccountToken": token.filter(|token| text::is_uuid(token)).unwrap_or_default(),
        "accountTenure": step(answer.account_age, &TENURES), "playTime": step(minutes, &PLAY_TIMES),
        "lifetimeDollarsPurchased": 0, "lifetimeDollarsRefunded": 0, "userStatus": 0,
    });
    if let Some(preference) = answer.preference {
        body["refundPreference"] = json!(match preference {
            Preference::GrantFull | Preference::GrantProrated => 1,
            Preference::Decline => 2,
        });
    }
    body
}

/// Where each of Apple's ranges but the first begins (Apple, accountTenure and playTime).
const TENURES: [Span; 6] =
    [Span::days(3), Span::days(10), Span::days(30), Span::days(90), Span::days(180), Span::days(365)];
const PLAY_TIMES: [Span; 6] =
    [Span::minutes(5), Span::hours(1), Span::hours(6), Span::days(1), Span::days(4), Span::days(16)];

/// The number of the range that it falls into; 0 where nobody knows.
fn step(span: Option<Span>, begins: &[Span]) -> usize {
    span.map_or(0, |span| 1 + begins.iter().filter(|begin| **begin <= span).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Consumption {
        Consumption {
            delivery: Delivery::Delivered,
            sample_content: true,
            consumed: None,
            preference: None,
            play_minutes: None,
            account_age: None,
        }
    }

    fn read(api: Api, answer: &Consumption, token: Option<&str>) -> Value {
        serde_json::from_slice(&body(api, answer, token)).expect("JSON")
    }

    #[test]
    fn the_second_shape_leaves_out_what_is_not_said() {
        let least = json!({"customerConsented": true, "deliveryStatus": "DELIVERED", "sampleContentProvided": true});
        assert_eq!(read(Api::V2, &answer(), Some("x")), least);
        let (consumed, preference) = (Some(Share::new(67_932)), Some(Preference::GrantProrated));
        let (play_minutes, delivery) = (Some(7), Delivery::ServerOutage);
        let most = Consumption { consumed, preference, play_minutes, delivery, sample_content: false, ..answer() };
        let expected = json!({
            "customerConsented": true, "deliveryStatus": "UNDELIVERED_SERVER_OUTAGE", "sampleContentProvided": false,
            "consumptionPercentage": 67_932, "refundPreference": "GRANT_PRORATED",
        });
        assert_eq!(read(Api::V2, &most, None), expected);
        assert_eq!(path(Api::V2, "200"), Ok("/inApps/v2/transactions/consumption/200".to_owned()));
        assert_eq!(path(Api::V1, "200"), Ok("/inApps/v1/transactions/consumption/200".to_owned()));
        assert_eq!(path(Api::V2, ".."), Err(Fault::Id));
    }

    #[test]
    fn the_first_shape_declares_nothing_with_noughts() {
        let token = "7e3fb20b-4cdb-47cc-936d-99d65f608138";
        let least = json!({
            "customerConsented": true, "deliveryStatus": 0, "consumptionStatus": 0, "sampleContentProvided": true,
            "platform": 1, "appAccountToken": "", "accountTenure": 0, "playTime": 0, "lifetimeDollarsPurchased": 0,
            "lifetimeDollarsRefunded": 0, "userStatus": 0,
        });
        assert_eq!(read(Api::V1, &answer(), None), least);
        assert_eq!(read(Api::V1, &answer(), Some("anna")), least, "what is no UUID is none");
        assert_eq!(read(Api::V1, &answer(), Some(token))["appAccountToken"], token);
        let said = |change: &dyn Fn(&mut Consumption), field: &str| {
            let mut answer = answer();
            change(&mut answer);
            read(Api::V1, &answer, None)[field].clone()
        };
        for (delivery, number) in [
            (Delivery::QualityIssue, 1),
            (Delivery::WrongItem, 2),
            (Delivery::ServerOutage, 3),
            (Delivery::OtherIssue, 5),
        ] {
            assert_eq!(said(&|answer| answer.delivery = delivery, "deliveryStatus"), number);
        }
        for (share, number) in [(0, 1), (1, 2), (99_999, 2), (100_000, 3)] {
            assert_eq!(said(&|answer| answer.consumed = Some(Share::new(share)), "consumptionStatus"), number);
        }
        for (preference, number) in
            [(Preference::GrantFull, 1), (Preference::GrantProrated, 1), (Preference::Decline, 2)]
        {
            assert_eq!(said(&|answer| answer.preference = Some(preference), "refundPreference"), number);
        }
    }

    #[test]
    fn ranges() {
        let day = |days: i64| Some(Span::days(days));
        for (age, number) in [
            (day(0), 1),
            (day(3), 2),
            (day(9), 2),
            (day(10), 3),
            (day(30), 4),
            (day(90), 5),
            (day(180), 6),
            (day(365), 7),
        ] {
            assert_eq!(step(age, &TENURES), number, "{age:?}");
        }
        let minutes = |minutes: i64| Some(Span::minutes(minutes));
        for (played, number) in [
            (minutes(0), 1),
            (minutes(5), 2),
            (minutes(60), 3),
            (minutes(360), 4),
            (minutes(1_440), 5),
            (minutes(5_760), 6),
            (minutes(23_040), 7),
            (None, 0),
        ] {
            assert_eq!(step(played, &PLAY_TIMES), number, "{played:?}");
        }
    }
}
