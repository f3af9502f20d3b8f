//! App Store Connect: tokens, batches of one-time-use codes, custom codes, lists of both.

mod answer;
mod code_list;
mod custom_code;

pub use answer::{ApiError, ApiErrors, RateLimit};
pub use code_list::{Codes, codes};
pub use custom_code::{
    CREATE_CUSTOM_CODE, CustomCodeInfo, create_custom_code, custom_code, custom_code_path, custom_codes,
    custom_codes_path, end_custom_code,
};

use super::private_key::{CannotSign, PrivateKey};
use super::text;
use crate::domain::at::{At, Date, Span};
use crate::domain::policy::Environment;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub const CREATE_BATCH: &str = "/v1/subscriptionOfferCodeOneTimeUseCodes";

/// The most that a list endpoint gives in one page.
const PAGE: u32 = 200;
/// Apple refuses tokens that live longer than 20 minutes (Apple, Generating Tokens for API Requests).
const LIFETIME: Span = Span::minutes(15);
/// How far ahead of Apple's clock ours may be.
const SKEW: Span = Span::minutes(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Signing(#[from] CannotSign),
    #[error("the answer is not what App Store Connect documents: {0}")]
    Shape(&'static str),
    #[error("an id that cannot stand in a path")]
    Id,
    #[error("the code list is not text")]
    NotText,
    #[error("line {0} of the code list holds no code")]
    Line(usize),
}

/// A bearer token and when it expires. A team key has an issuer, an individual key has none.
pub fn token(key: &PrivateKey, key_id: &str, issuer: Option<&str>, now: At) -> Result<(String, At), Fault> {
    let issued = now.minus(SKEW).0.div_euclid(1_000);
    let expires = issued + LIFETIME.0 / 1_000;
    let mut claims = json!({"iat": issued, "exp": expires, "aud": "appstoreconnect-v1"});
    match issuer {
        Some(issuer) => claims["iss"] = issuer.into(),
        None => claims["sub"] = "user".into(),
    }
    let token = key.token(key_id, &claims)?;
    Ok((token, At(expires.saturating_mul(1_000))))
}

pub fn create_batch(offer_id: &str, count: u32, expires: Date, environment: Environment) -> Vec<u8> {
    let attributes = json!({
        "numberOfCodes": count,
        "expirationDate": text::date(expires),
        "environment": environment_word(environment),
    });
    creation("subscriptionOfferCodeOneTimeUseCodes", offer_id, attributes)
}

fn creation(kind: &str, offer_id: &str, attributes: Value) -> Vec<u8> {
    json!({"data": {
        "type": kind,
        "attributes": attributes,
        "relationships": {"offerCode": {"data": {"type": "subscriptionOfferCodes", "id": offer_id}}},
    }})
    .to_string()
    .into_bytes()
}

/// An offer: its reference name, which redemptions bear, and whether codes are made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferInfo {
    pub name: String,
    pub active: bool,
}

pub fn offer_path(id: &str) -> Result<String, Fault> {
    Ok(format!("/v1/subscriptionOfferCodes/{}", text::path_segment(id).ok_or(Fault::Id)?))
}

pub fn batches_path(offer_id: &str) -> Result<String, Fault> {
    let id = text::path_segment(offer_id).ok_or(Fault::Id)?;
    Ok(format!("/v1/subscriptionOfferCodes/{id}/oneTimeUseCodes?limit={PAGE}"))
}

pub fn values_path(batch_id: &str) -> Result<String, Fault> {
    let id = text::path_segment(batch_id).ok_or(Fault::Id)?;
    Ok(format!("{CREATE_BATCH}/{id}/values"))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    pub id: String,
    pub count: u32,
    pub created: Option<At>,
    pub expires: Option<Date>,
    pub active: bool,
    pub environment: Environment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The absolute URL of the page that follows.
    pub next: Option<String>,
}

/// The answer to a batch that was created.
pub fn batch(body: &[u8]) -> Result<BatchInfo, Fault> {
    one::<Attributes, _>(body, "a batch")
}

pub fn offer(body: &[u8]) -> Result<OfferInfo, Fault> {
    one::<OfferAttributes, _>(body, "an offer")
}

#[derive(Deserialize)]
struct OfferAttributes {
    name: String,
    active: bool,
}

impl TryFrom<Resource<OfferAttributes>> for OfferInfo {
    type Error = Fault;
    fn try_from(resource: Resource<OfferAttributes>) -> Result<OfferInfo, Fault> {
        let OfferAttributes { name, active } = resource.attributes;
        Ok(OfferInfo { name, active })
    }
}

pub fn batches(body: &[u8]) -> Result<Page<BatchInfo>, Fault> {
    page::<Attributes, _>(body, "a list of batches")
}

fn one<A, T>(body: &[u8], what: &'static str) -> Result<T, Fault>
where
    A: DeserializeOwned,
    T: TryFrom<Resource<A>, Error = Fault>,
{
    let document: Document<Resource<A>> = read(body, what)?;
    document.data.try_into()
}

fn page<A, T>(body: &[u8], what: &'static str) -> Result<Page<T>, Fault>
where
    A: DeserializeOwned,
    T: TryFrom<Resource<A>, Error = Fault>,
{
    let document: Document<Vec<Resource<A>>> = read(body, what)?;
    let items = document.data.into_iter().map(T::try_from).collect::<Result<_, _>>()?;
    Ok(Page { items, next: document.links.and_then(|links| links.next) })
}

/// Whether `next` has the scheme, host and port of `base`: the bearer token goes nowhere else.
pub fn same_origin(base: &str, next: &str) -> bool {
    let Some((scheme, rest)) = base.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let origin = scheme.len() + "://".len() + host.len();
    !host.is_empty()
        && next.get(..origin).is_some_and(|start| start.eq_ignore_ascii_case(&base[..origin]))
        && next[origin..].starts_with('/')
}

fn environment_word(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "PRODUCTION",
        Environment::Sandbox => "SANDBOX",
    }
}

#[derive(Deserialize)]
struct Document<T> {
    data: T,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Resource<A> {
    id: String,
    attributes: A,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    number_of_codes: u32,
    created_date: Option<String>,
    expiration_date: Option<String>,
    active: Option<bool>,
    environment: Option<String>,
}

impl TryFrom<Resource<Attributes>> for BatchInfo {
    type Error = Fault;

    fn try_from(Resource { id, attributes }: Resource<Attributes>) -> Result<BatchInfo, Fault> {
        if id.is_empty() {
            return Err(Fault::Shape("a batch without an id"));
        }
        let environment = match attributes.environment.as_deref() {
            None | Some("PRODUCTION") => Environment::Production,
            Some("SANDBOX") => Environment::Sandbox,
            Some(_) => return Err(Fault::Shape("a batch of an unknown environment")),
        };
        Ok(BatchInfo {
            id,
            count: attributes.number_of_codes,
            created: attributes.created_date.as_deref().and_then(text::parse_rfc3339),
            expires: attributes.expiration_date.as_deref().and_then(text::parse_date),
            active: attributes.active.unwrap_or(true),
            environment,
        })
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &'static str) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::Shape(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::private_key::tests::{key, opened};
    use serde_json::Value;

    #[test]
    fn offers() {
        let body = |attributes: Value| json!({"data": {"id": "o-1", "attributes": attributes}}).to_string();
        let info = |active| Ok(OfferInfo { name: "REF30".to_owned(), active });
        for (attributes, expected) in [
            (json!({"name": "REF30", "active": true, "totalNumberOfCodes": 500}), info(true)),
            (json!({"name": "REF30", "active": false}), info(false)),
            (json!({"name": "REF30"}), Err(Fault::Shape("an offer"))),
            (json!({"active": true}), Err(Fault::Shape("an offer"))),
        ] {
            assert_eq!(offer(body(attributes.clone()).as_bytes()), expected, "{attributes}");
        }
        assert_eq!(offer_path("0d8dca6e").as_deref(), Ok("/v1/subscriptionOfferCodes/0d8dca6e"));
        assert_eq!(offer_path(".."), Err(Fault::Id));
    }

    const NOW: At = At(1_795_253_400_500);

    #[test]
    fn tokens() {
        let team = json!({"iss": "issuer-1", "aud": "appstoreconnect-v1", "iat": 1_795_253_340, "exp": 1_795_254_240});
        let individual =
            json!({"sub": "user", "aud": "appstoreconnect-v1", "iat": 1_795_253_340, "exp": 1_795_254_240});
        for (issuer, expected) in [(Some("issuer-1"), team), (None, individual)] {
            let (token, expires) = token(&key(), "KEY1", issuer, NOW).unwrap();
            let (header, claims) = opened(&token);
            assert_eq!(header, json!({"alg": "ES256", "kid": "KEY1", "typ": "JWT"}));
            assert_eq!(claims, expected);
            assert_eq!(expires, At(1_795_254_240_000));
        }
        for now in [At(0), At(i64::MAX), At(i64::MIN)] {
            assert!(token(&key(), "KEY1", None, now).is_ok());
        }
    }

    #[test]
    fn a_request_for_codes() {
        let body = create_batch("offer-1", 500, Date(20_939), Environment::Sandbox);
        let expected = json!({"data": {
            "type": "subscriptionOfferCodeOneTimeUseCodes",
            "attributes": {"numberOfCodes": 500, "expirationDate": "2027-05-01", "environment": "SANDBOX"},
            "relationships": {"offerCode": {"data": {"type": "subscriptionOfferCodes", "id": "offer-1"}}},
        }});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn paths() {
        assert_eq!(batches_path("a/b").unwrap(), "/v1/subscriptionOfferCodes/a%2Fb/oneTimeUseCodes?limit=200");
        assert_eq!(values_path("b-1").unwrap(), "/v1/subscriptionOfferCodeOneTimeUseCodes/b-1/values");
        assert_eq!(values_path(".."), Err(Fault::Id));
        assert_eq!(batches_path(""), Err(Fault::Id));
    }

    fn made() -> BatchInfo {
        BatchInfo {
            id: "b-1".to_owned(),
            count: 500,
            created: Some(At(1_795_287_723_000)),
            expires: Some(Date(20_939)),
            active: true,
            environment: Environment::Production,
        }
    }

    #[test]
    fn one_batch() {
        let full = json!({"numberOfCodes": 500, "createdDate": "2026-11-21T11:02:03-08:00",
            "expirationDate": "2027-05-01", "active": true, "environment": "PRODUCTION", "new": [1]});
        let bare = json!({"numberOfCodes": 1});
        let odd_dates =
            json!({"numberOfCodes": 1, "createdDate": "yesterday", "expirationDate": "2027-05-01T00:00:00Z"});
        let few = BatchInfo { count: 1, created: None, expires: None, ..made() };
        let rows = [
            (full, Ok(made())),
            (bare, Ok(few.clone())),
            (odd_dates, Ok(few)),
            (json!({"numberOfCodes": -1}), Err(Fault::Shape("a batch"))),
            (json!({}), Err(Fault::Shape("a batch"))),
            (
                json!({"numberOfCodes": 1, "environment": "MOON"}),
                Err(Fault::Shape("a batch of an unknown environment")),
            ),
        ];
        for (attributes, expected) in rows {
            let body = json!({"data": {"type": "x", "id": "b-1", "attributes": attributes}, "links": {"self": "…"}});
            assert_eq!(batch(body.to_string().as_bytes()), expected, "{body}");
        }
        let no_id = br#"{"data":{"id":"","attributes":{"numberOfCodes":1}}}"#;
        assert_eq!(batch(no_id), Err(Fault::Shape("a batch without an id")));
        assert_eq!(batch(b"<html>"), Err(Fault::Shape("a batch")));
    }

    #[test]
    fn pages() {
        let item =
            json!({"id": "b-1", "attributes": {"numberOfCodes": 500, "active": false, "environment": "SANDBOX"}});
        let with_next = json!({"data": [item, item], "links": {"self": "s", "next": "https://h/v1/x?cursor=2"}});
        let page = batches(with_next.to_string().as_bytes()).unwrap();
        assert_eq!(page.items.len(), 2);
        assert_eq!((page.items[0].active, page.items[0].environment), (false, Environment::Sandbox));
        assert_eq!(page.next.as_deref(), Some("https://h/v1/x?cursor=2"));
        for last in [json!({"data": []}), json!({"data": [], "links": {"self": "s", "next": null}})] {
            assert_eq!(batches(last.to_string().as_bytes()), Ok(Page { items: vec![], next: None }));
        }
        assert!(batches(br#"{"data":{}}"#).is_err());
    }

    #[test]
    fn next_pages_stay_on_the_host() {
        let base = "https://api.appstoreconnect.apple.com";
        let rows = [
            (base, "https://api.appstoreconnect.apple.com/v1/x?cursor=1", true),
            (base, "https://API.appstoreconnect.apple.com/v1/x", true),
            ("http://127.0.0.1:81/asc/", "http://127.0.0.1:81/asc/v1", true),
            (base, "https://api.appstoreconnect.apple.com", false),
            (base, "http://api.appstoreconnect.apple.com/v1", false),
            (base, "https://api.appstoreconnect.apple.com.example.com/v1", false),
            (base, "https://api.appstoreconnect.apple.com@example.com/v1", false),
            (base, "https://api.appstoreconnect.apple.com:444/v1", false),
            (base, "https://api.appstoreconnect.apple.com\\@example.com/v1", false),
            (base, "https://example.com/v1", false),
            (base, "/v1/x", false),
            (base, "", false),
            (base, "https://api.appstoreconnect.apple.cöm/v1", false),
            ("http://127.0.0.1:81", "http://127.0.0.1:8123/v1", false),
            ("https://", "https:///v1", false),
            ("", "/v1", false),
        ];
        for (base, next, expected) in rows {
            assert_eq!(same_origin(base, next), expected, "{base} {next}");
        }
    }
}
