//! The protected header: ES256, three certificates, and nothing said twice.

use super::{Fault, base64url};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Apple's header is 4.4 KB in base64url.
const MAX_HEADER: usize = 32 * 1024;

/// The leaf and the intermediate, in DER.
pub struct Certificates {
    pub leaf: Vec<u8>,
    pub intermediate: Vec<u8>,
}

pub fn certificates(segment: &str) -> Result<Certificates, Fault> {
    if segment.len() > MAX_HEADER {
        return Err(Fault::TooLong);
    }
    let Members(header) = serde_json::from_slice(&base64url(segment)?).map_err(|_| Fault::Header)?;
    // Both change how the rest is read (RFC 7515, section 4.1.11; RFC 7797).
    if header.contains_key("crit") || header.get("b64").is_some_and(|value| *value != Value::Bool(true)) {
        return Err(Fault::Header);
    }
    if header.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err(Fault::Alg);
    }
    let texts = header.get("x5c").and_then(Value::as_array).ok_or(Fault::Header)?;
    let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
    // The third entry is the sender's word for the root. It is not looked at, as in Apple's own libraries: the root is
    // the one that is trusted here.
    let &[leaf, intermediate, _] = texts.ok_or(Fault::Header)?.as_slice() else {
        return Err(Fault::ChainLength);
    };
    Ok(Certificates { leaf: base64(leaf)?, intermediate: base64(intermediate)? })
}

/// Base64 with padding and nothing between its characters (RFC 7515, section 4.1.6).
fn base64(text: &str) -> Result<Vec<u8>, Fault> {
    BASE64_STANDARD.decode(text).map_err(|_| Fault::Certificate)
}

/// A JSON object of which no member is there twice: readers differ on which of the two counts.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
