//! Small texts that more than one format shares: times, days, URL parts, codes in a log.

use crate::domain::at::{At, Date};
use jiff::Timestamp;
use std::fmt::Write;

/// `2026-11-21T09:30:00Z`; milliseconds only where there are any. Beyond the year 9999 the last instant stands.
pub fn rfc3339(at: At) -> String {
    let end = if at.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(end);
    if at.0 % 1_000 == 0 { format!("{instant:.0}") } else { format!("{instant:.3}") }
}

/// Any offset is understood; a time without one is not a time.
pub fn parse_rfc3339(text: &str) -> Option<At> {
    text.parse::<Timestamp>().ok().map(|instant| At(instant.as_millisecond()))
}

/// `2026-11-21`
pub fn date(date: Date) -> String {
    date.to_string()
}

/// Exactly `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if !shaped {
        return None;
    }
    parse_rfc3339(&format!("{text}T00:00:00Z")).map(At::date)
}

/// The start of a date, or a time.
pub fn since(text: &str) -> Option<At> {
    parse_date(text).map(Date::start).or_else(|| parse_rfc3339(text))
}

/// Everything but the unreserved characters of RFC 3986.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => write!(out, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    out
}

/// One segment of a path. There is no way to write `.` and `..`: URL parsers fold them away, encoded or not.
pub fn path_segment(text: &str) -> Option<String> {
    (!matches!(text, "" | "." | "..")).then(|| percent_encode(text))
}

/// Hexadecimal digits of either case, in five groups.
/// A UUID of version 4 (RFC 9562), in lower case.
pub fn uuid(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

pub fn is_uuid(text: &str) -> bool {
    let is_at =
        |i: usize, byte: u8| if matches!(i, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(|(i, byte)| is_at(i, byte))
}

/// A code as a log may show it: its last four characters.
pub fn mask(code: &str) -> String {
    let hidden = code.chars().count().saturating_sub(4);
    if hidden == 0 { "…".to_owned() } else { format!("…{}", code.chars().skip(hidden).collect::<String>()) }
}

/// The page of the App Store that redeems a code (Apple, Supporting offer codes in your app).
pub fn redeem_url(apple_id: u64, code: &str) -> String {
    format!("https://apps.apple.com/redeem?ctx=offercodes&id={apple_id}&code={}", percent_encode(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (1_795_253_400_000, "2026-11-21T09:30:00Z"),
            (1_795_253_400_050, "2026-11-21T09:30:00.050Z"),
            (1_795_253_400_500, "2026-11-21T09:30:00.500Z"),
            (-1_000, "1969-12-31T23:59:59Z"),
        ];
        for (at, text) in rows {
            assert_eq!(rfc3339(At(at)), text);
            assert_eq!(parse_rfc3339(text), Some(At(at)), "{text}");
        }
        assert!(rfc3339(At(i64::MAX)).starts_with("9999-12-"));
        assert!(rfc3339(At(i64::MIN)).starts_with("-009999-"));
    }

    #[test]
    fn instants_of_others() {
        let rows = [
            ("2026-11-21T11:02:03-08:00", Some(1_795_287_723_000)),
            ("2026-11-21T19:02:03+00:00", Some(1_795_287_723_000)),
            ("2026-11-21T19:02:03.999999Z", Some(1_795_287_723_999)),
            ("2026-11-21T19:02:03", None),
            ("2026-11-21", None),
            ("2026-13-21T19:02:03Z", None),
            ("", None),
            ("now", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_rfc3339(text), expected.map(At), "{text}");
        }
    }

    #[test]
    fn days() {
        let rows = [
            ("1970-01-01", Some(0)),
            ("2024-02-29", Some(19_782)),
            ("2027-05-01", Some(20_939)),
            ("2026-02-29", None),
            ("2026-2-01", None),
            ("20260201", None),
            ("2026-02-01T00:00:00Z", None),
            ("+026-02-01", None),
            ("2026-02-0١", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_date(text), expected.map(Date), "{text}");
            if let Some(days) = expected {
                assert_eq!(date(Date(days)), text);
            }
        }
        assert!(date(Date(i32::MAX)).starts_with("9999-"));
    }

    #[test]
    fn url_parts() {
        let rows = [
            ("user_1-a.b~", "user_1-a.b~"),
            ("$RCAnonymousID:80", "%24RCAnonymousID%3A80"),
            ("a b/c?d#e%", "a%20b%2Fc%3Fd%23e%25"),
            ("ü", "%C3%BC"),
        ];
        for (text, expected) in rows {
            assert_eq!(percent_encode(text), expected);
            assert_eq!(path_segment(text).as_deref(), Some(expected));
        }
        for text in ["", ".", ".."] {
            assert_eq!(path_segment(text), None);
        }
        assert_eq!(
            redeem_url(1_234_567_890, "AB12&x"),
            "https://apps.apple.com/redeem?ctx=offercodes&id=1234567890&code=AB12%26x"
        );
    }

    #[test]
    fn uuids() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert!(is_uuid(&uuid([0; 16])));
        let rows = [
            ("7e3fb20b-4cdb-47cc-936d-99d65f608138", true),
            ("7E3FB20B-4CDB-47CC-936D-99D65F608138", true),
            ("7e3fb20b4cdb47cc936d99d65f608138", false),
            ("7e3fb20b-4cdb-47cc-936d-99d65f60813", false),
            ("7e3fb20b-4cdb-47cc-936d-99d65f6081380", false),
            ("7e3fb20b-4cdb-47cc-936d099d65f608138", false),
            ("7e3fb20b-4cdb-47cc-936d-99d65f60813g", false),
            ("{e3fb20b-4cdb-47cc-936d-99d65f60813}", false),
            ("7e3fb20b-4cdb-47cc-936d-99d65f6081é", false),
            ("", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_uuid(text), expected, "{text}");
        }
    }

    #[test]
    fn masks() {
        for (code, expected) in [("F4ERH8YJF7XETYLY7N", "…LY7N"), ("ABCDE", "…BCDE"), ("ABCD", "…"), ("", "…")]
        {
            assert_eq!(mask(code), expected);
        }
    }
}
