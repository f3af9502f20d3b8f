//! Records are CBOR enums whose variant is the version: the newest is written, older ones are
//! brought up to date when read, unknown ones are refused.

use super::Error;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
enum Write<'a, R> {
    #[serde(rename = "1")]
    V1(&'a R),
}

#[derive(Deserialize)]
enum Read<R> {
    #[serde(rename = "1")]
    V1(R),
}

pub fn encode<R: Serialize>(row: &R) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    ciborium::into_writer(&Write::V1(row), &mut out).expect("a record has no value that CBOR lacks");
    out
}

pub fn decode<R: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<R, Error> {
    let mut rest = bytes;
    let read: Result<Read<R>, _> = ciborium::from_reader(&mut rest);
    match read {
        Ok(Read::V1(row)) if rest.is_empty() => Ok(row),
        Ok(_) => Err(Error::Record { what, why: "bytes behind the record".into() }),
        Err(fault) => Err(Error::Record { what, why: fault.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        a: u8,
    }

    #[test]
    fn only_whole_records_of_a_known_version_are_read() {
        let good = encode(&Row { a: 7 });
        assert_eq!(decode::<Row>(&good, "row").unwrap(), Row { a: 7 });
        let trailing = [good.clone(), vec![0]].concat();
        let cut = &good[..good.len() - 1];
        // {"2": {"a": 7}} and {"1": {"a": 7, "a": 8}}
        let newer = [&[0xa1, 0x61, b'2', 0xa1, 0x61, b'a', 7][..]].concat();
        let double = [&[0xa1, 0x61, b'1', 0xa2, 0x61, b'a', 7, 0x61, b'a', 8][..]].concat();
        for bad in [&trailing[..], cut, &newer, &double, b""] {
            assert!(decode::<Row>(bad, "row").is_err(), "{bad:02x?}");
        }
    }
}
