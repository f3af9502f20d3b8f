//! Custom codes: one code that people choose, redeemed by many.

use super::{Fault, PAGE, Page, Resource, creation, one, page};
use crate::domain::at::Date;
use crate::wire::text;
use serde::Deserialize;
use serde_json::json;
use std::fmt;

pub const CREATE_CUSTOM_CODE: &str = "/v1/subscriptionOfferCodeCustomCodes";
const TYPE: &str = "subscriptionOfferCodeCustomCodes";

#[derive(Clone, PartialEq, Eq)]
pub struct CustomCodeInfo {
    pub id: String,
    pub code: String,
    /// How often it can be redeemed.
    pub count: u32,
    /// None: never. Of one that was ended the day on which it was.
    pub expires: Option<Date>,
    pub active: bool,
}

impl fmt::Debug for CustomCodeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CustomCodeInfo { id, code: _, count, expires, active } = self;
        write!(f, "CustomCodeInfo({id}, {count}, expires {expires:?}, active {active})")
    }
}

/// Without a day it does not expire. Optional attributes are left out: Apple has answered 500 to a null.
pub fn create_custom_code(offer_id: &str, code: &str, count: u32, expires: Option<Date>) -> Vec<u8> {
    let mut attributes = json!({"customCode": code, "numberOfCodes": count});
    if let Some(expires) = expires {
        attributes["expirationDate"] = text::date(expires).into();
    }
    creation(TYPE, offer_id, attributes)
}

pub fn end_custom_code(id: &str) -> Vec<u8> {
    json!({"data": {"type": TYPE, "id": id, "attributes": {"active": false}}}).to_string().into_bytes()
}

pub fn custom_codes_path(offer_id: &str) -> Result<String, Fault> {
    let id = text::path_segment(offer_id).ok_or(Fault::Id)?;
    Ok(format!("/v1/subscriptionOfferCodes/{id}/customCodes?limit={PAGE}"))
}

pub fn custom_code_path(id: &str) -> Result<String, Fault> {
    let id = text::path_segment(id).ok_or(Fault::Id)?;
    Ok(format!("{CREATE_CUSTOM_CODE}/{id}"))
}

/// The answer to a custom code that was created or ended.
pub fn custom_code(body: &[u8]) -> Result<CustomCodeInfo, Fault> {
    one::<Attributes, _>(body, "a custom code")
}

pub fn custom_codes(body: &[u8]) -> Result<Page<CustomCodeInfo>, Fault> {
    page::<Attributes, _>(body, "a list of custom codes")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    custom_code: String,
    number_of_codes: u32,
    expiration_date: Option<String>,
    active: Option<bool>,
}

impl TryFrom<Resource<Attributes>> for CustomCodeInfo {
    type Error = Fault;

    fn try_from(Resource { id, attributes }: Resource<Attributes>) -> Result<CustomCodeInfo, Fault> {
        if id.is_empty() || attributes.custom_code.is_empty() {
            return Err(Fault::Shape("a custom code without an id or a text"));
        }
        Ok(CustomCodeInfo {
            id,
            code: attributes.custom_code,
            count: attributes.number_of_codes,
            expires: attributes.expiration_date.as_deref().and_then(text::parse_date),
            active: attributes.active.unwrap_or(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn requests() {
        let rows = [
            (Some(Date(20_939)), json!({"customCode": "ANNA26", "numberOfCodes": 500, "expirationDate": "2027-05-01"})),
            (None, json!({"customCode": "ANNA26", "numberOfCodes": 500})),
        ];
        for (expires, attributes) in rows {
            let expected = json!({"data": {
                "type": "subscriptionOfferCodeCustomCodes",
                "attributes": attributes,
                "relationships": {"offerCode": {"data": {"type": "subscriptionOfferCodes", "id": "offer-1"}}},
            }});
            let body = create_custom_code("offer-1", "ANNA26", 500, expires);
            assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
        }
        let expected = json!({"data": {
            "type": "subscriptionOfferCodeCustomCodes", "id": "c-1", "attributes": {"active": false},
        }});
        assert_eq!(serde_json::from_slice::<Value>(&end_custom_code("c-1")).unwrap(), expected);
    }

    #[test]
    fn paths() {
        assert_eq!(custom_codes_path("a/b").unwrap(), "/v1/subscriptionOfferCodes/a%2Fb/customCodes?limit=200");
        assert_eq!(custom_code_path("c-1").unwrap(), "/v1/subscriptionOfferCodeCustomCodes/c-1");
        assert_eq!((custom_codes_path(""), custom_code_path("..")), (Err(Fault::Id), Err(Fault::Id)));
    }

    fn made() -> CustomCodeInfo {
        let (id, code) = ("c-1".to_owned(), "ANNA26".to_owned());
        CustomCodeInfo { id, code, count: 500, expires: Some(Date(20_939)), active: true }
    }

    #[test]
    fn resources() {
        let full = json!({"customCode": "ANNA26", "numberOfCodes": 500, "createdDate": "2026-11-21T11:02:03-08:00",
            "expirationDate": "2027-05-01", "active": true, "new": [1]});
        let ended = json!({"customCode": "ANNA26", "numberOfCodes": 500, "expirationDate": null, "active": false});
        let bare = json!({"customCode": "ANNA26", "numberOfCodes": 500});
        let blank = json!({"customCode": "", "numberOfCodes": 500});
        let shape = || Err(Fault::Shape("a custom code"));
        let rows = [
            (full, Ok(made())),
            (ended, Ok(CustomCodeInfo { expires: None, active: false, ..made() })),
            (bare, Ok(CustomCodeInfo { expires: None, ..made() })),
            (blank, Err(Fault::Shape("a custom code without an id or a text"))),
            (json!({"customCode": "ANNA26"}), shape()),
            (json!({"numberOfCodes": 500}), shape()),
            (json!({"customCode": "ANNA26", "numberOfCodes": -1}), shape()),
        ];
        for (attributes, expected) in rows {
            let body = json!({"data": {"type": "x", "id": "c-1", "attributes": attributes}});
            assert_eq!(custom_code(body.to_string().as_bytes()), expected, "{body}");
        }
        let item = json!({"id": "c-1", "attributes": {"customCode": "ANNA26", "numberOfCodes": 500}});
        let page = json!({"data": [item, item], "links": {"next": "https://h/v1/x?cursor=2"}});
        let page = custom_codes(page.to_string().as_bytes()).unwrap();
        assert_eq!((page.items.len(), page.next.as_deref()), (2, Some("https://h/v1/x?cursor=2")));
        assert_eq!(custom_codes(b"{}"), Err(Fault::Shape("a list of custom codes")));
    }

    #[test]
    fn nothing_shows_the_code() {
        assert_eq!(format!("{:?}", made()), "CustomCodeInfo(c-1, 500, expires Some(Date(20939)), active true)");
    }
}
