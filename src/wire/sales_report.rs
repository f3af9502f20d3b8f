//! Sales and trends reports: how often the codes of an offer were redeemed on a day, as Apple counts.

use super::text;
use crate::domain::at::Date;
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::fmt;
use std::io::Read;

/// What Apple lists for this report type, and nothing else (App Store Connect API, Download Sales and Trends Reports).
const KIND: [(&str, &str); 4] = [
    ("frequency", "DAILY"),
    ("reportType", "SUBSCRIPTION_OFFER_CODE_REDEMPTION"),
    ("reportSubType", "SUMMARY"),
    ("version", "1_0"),
];

pub const MEDIA_TYPE: &str = "application/a-gzip";

/// Of the text, unpacked: some hundred thousand lines. What claims to be more is a bomb.
const MOST: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the report is neither a whole gzip nor a table")]
    NotGzip,
    #[error("the report is larger than {MOST} bytes")]
    TooLarge,
    #[error("the report is not text")]
    NotText,
    #[error("the report has no column {0}")]
    Column(&'static str),
    #[error("line {0} of the report cannot be read")]
    Line(usize),
}

/// How often one code, or the one-time-use codes of one offer, were redeemed on a day in a territory.
#[derive(Clone, PartialEq, Eq)]
pub struct Redeemed {
    pub date: Date,
    /// A report is about all apps of the vendor.
    pub app_apple_id: Option<u64>,
    /// Its reference name.
    pub offer: String,
    /// The custom code; None for one-time-use codes.
    pub code: Option<String>,
    pub territory: String,
    pub count: u32,
}

impl fmt::Debug for Redeemed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Redeemed { date, app_apple_id, offer, code, territory, count } = self;
        let kind = if code.is_some() { "custom code" } else { "one-time-use codes" };
        write!(f, "Redeemed({date:?}, app {app_apple_id:?}, {kind} of {offer:?}, {territory}, {count})")
    }
}

pub fn path(vendor_number: &str, date: Date) -> String {
    let date = text::date(date);
    let filters = KIND.into_iter().chain([("vendorNumber", vendor_number), ("reportDate", &date)]);
    let query: Vec<String> =
        filters.map(|(name, value)| format!("filter%5B{name}%5D={}", text::percent_encode(value))).collect();
    format!("/v1/salesReports?{}", query.join("&"))
}

/// Packed, as Apple sends it, or unpacked already, by a proxy on the way. A heading without lines is no redemption.
pub fn redemptions(gzip: &[u8]) -> Result<Vec<Redeemed>, Fault> {
    let bytes = unpacked(gzip)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Fault::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let columns = Columns::find(lines.next().map_or("", |(_, line)| line))?;
    lines.map(|(index, line)| columns.read(line).ok_or(Fault::Line(index + 1))).collect()
}

fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    let text = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        let most = MOST as u64 + 1;
        MultiGzDecoder::new(bytes).take(most).read_to_end(&mut text).map_err(|_| Fault::NotGzip)?;
        Cow::Owned(text)
    } else if bytes.contains(&b'\t') {
        Cow::Borrowed(bytes)
    } else {
        return Err(Fault::NotGzip);
    };
    if text.len() > MOST { Err(Fault::TooLarge) } else { Ok(text) }
}

/// Where each column stands: their order may change, and more may come.
struct Columns {
    date: usize,
    app: usize,
    offer: usize,
    code: usize,
    territory: usize,
    count: usize,
}

impl Columns {
    fn find(heading: &str) -> Result<Columns, Fault> {
        let place = |name: &'static str| {
            heading.split('\t').position(|cell| cell.trim().eq_ignore_ascii_case(name)).ok_or(Fault::Column(name))
        };
        Ok(Columns {
            date: place("Date")?,
            app: place("App Apple ID")?,
            offer: place("Offer Reference Name")?,
            code: place("Offer Code")?,
            territory: place("Territory")?,
            count: place("Redemptions")?,
        })
    }

    fn read(&self, line: &str) -> Option<Redeemed> {
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        let filled = |place: usize| cells.get(place).map(|cell| Some(*cell).filter(|cell| !cell.is_empty()));
        Some(Redeemed {
            date: day(cells.get(self.date)?)?,
            app_apple_id: filled(self.app)?.map(str::parse).transpose().ok()?,
            offer: (*cells.get(self.offer)?).to_owned(),
            code: filled(self.code)?.map(str::to_owned),
            territory: (*cells.get(self.territory)?).to_owned(),
            count: cells.get(self.count)?.parse().ok()?,
        })
    }
}

/// Apple's reports have American dates; its API has the others.
fn day(text: &str) -> Option<Date> {
    let mut parts = text.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(month), Some(day), Some(year), None) => text::parse_date(&format!("{year}-{month:0>2}-{day:0>2}")),
        _ => text::parse_date(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const HEADING: &str = "Date\tApp Name\tApp Apple ID\tSubscription Name\tSubscription Apple ID\t\
        Offer Reference Name\tOffer Code\tTerritory\tRedemptions";

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn redeemed(code: Option<&str>, count: u32) -> Redeemed {
        Redeemed {
            date: Date(20_778),
            app_apple_id: Some(1_234_567_890),
            offer: "REF30".to_owned(),
            code: code.map(str::to_owned),
            territory: "DE".to_owned(),
            count,
        }
    }

    #[test]
    fn reports() {
        let custom = "11/21/2026\tAlma\t1234567890\tAlma Plus\t6751916427\tREF30\tANNA26\tDE\t7";
        let single = "2026-11-21\tAlma\t1234567890\tAlma Plus\t6751916427\tREF30\t\tDE\t12";
        let both = || Ok(vec![redeemed(Some("ANNA26"), 7), redeemed(None, 12)]);
        let line = |date: &str, app: &str, count: &str| {
            format!("{HEADING}\n{date}\tAlma\t{app}\tPlus\t6\tREF30\tANNA26\tDE\t{count}\n")
        };
        let bare = "date\tAPP APPLE ID\toffer reference name\toffer code\tterritory\tredemptions\n11/21/2026\t\tREF30\t\tDE\t12";
        let rows = [
            (format!("{HEADING}\n{custom}\n{single}\n"), both()),
            (format!("{HEADING}\n{custom}\n{single}"), both()),
            (format!("\u{feff}{HEADING}\r\n{custom}\r\n{single}\r\n\r\n\t\t\r\n"), both()),
            (format!("{HEADING}\tNew\n{custom}\tx\n{single}\n"), both()),
            (
                "Redemptions\t Offer Code \tOFFER REFERENCE NAME\tterritory\tdate\tNew\tApp Apple ID\n\
                 7\tANNA26\tREF30\tDE\t11/21/2026\t\t1234567890\n12\t \tREF30\tDE\t11/21/2026\t\t1234567890\n"
                    .to_owned(),
                both(),
            ),
            (bare.to_owned(), Ok(vec![Redeemed { app_apple_id: None, ..redeemed(None, 12) }])),
            (format!("{HEADING}\n"), Ok(vec![])),
            (HEADING.to_owned(), Ok(vec![])),
            (line("11/21/2026", "1234567890", "0"), Ok(vec![redeemed(Some("ANNA26"), 0)])),
            (line("13/21/2026", "1", "1"), Err(Fault::Line(2))),
            (line("11/21/26", "1", "1"), Err(Fault::Line(2))),
            (line("11/21/2026/1", "1", "1"), Err(Fault::Line(2))),
            (line("2026-02-30", "1", "1"), Err(Fault::Line(2))),
            (line("", "1", "1"), Err(Fault::Line(2))),
            (line("11/21/2026", "Alma", "1"), Err(Fault::Line(2))),
            (line("11/21/2026", "1", "-1"), Err(Fault::Line(2))),
            (line("11/21/2026", "1", ""), Err(Fault::Line(2))),
            (format!("{HEADING}\n\n{custom}\nTotal\t7\n"), Err(Fault::Line(4))),
            (format!("{custom}\n{single}\n"), Err(Fault::Column("Date"))),
            (HEADING.replace("Offer Code", "Code"), Err(Fault::Column("Offer Code"))),
            (HEADING.replace("Redemptions", "Units"), Err(Fault::Column("Redemptions"))),
            ("a\tb".to_owned(), Err(Fault::Column("Date"))),
        ];
        for (text, expected) in rows {
            assert_eq!(redemptions(text.as_bytes()), expected, "{text:?}");
            assert_eq!(redemptions(&packed(text.as_bytes())), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_report() {
        let whole = packed(HEADING.as_bytes());
        let two =
            [packed(b"Date\tApp Apple ID\t"), packed(b"Offer Reference Name\tOffer Code\tTerritory\tRedemptions")];
        let mut damaged = whole.clone();
        damaged[20] ^= 0xff;
        let large = |bytes: usize| format!("{HEADING}\n{}", "\t".repeat(bytes - HEADING.len() - 1)).into_bytes();
        let rows = [
            ("nothing", vec![], Err(Fault::NotGzip)),
            ("a page", b"<!doctype html><title>Sign in</title>".to_vec(), Err(Fault::NotGzip)),
            ("another archive", b"PK\x03\x04".to_vec(), Err(Fault::NotGzip)),
            ("a cut gzip", whole[..whole.len() - 9].to_vec(), Err(Fault::NotGzip)),
            ("a gzip without its check", whole[..whole.len() - 4].to_vec(), Err(Fault::NotGzip)),
            ("a damaged gzip", damaged, Err(Fault::NotGzip)),
            ("a gzip of nothing", packed(b""), Err(Fault::Column("Date"))),
            ("a gzip of a page", packed(b"<!doctype html>"), Err(Fault::Column("Date"))),
            ("a gzip in two parts", two.concat(), Ok(vec![])),
            ("Latin-1", packed(b"Date\tApp Name\n11/21/2026\tCaf\xe9"), Err(Fault::NotText)),
            ("as large as may be", packed(&large(MOST)), Ok(vec![])),
            ("a bomb", packed(&large(MOST + 1)), Err(Fault::TooLarge)),
            ("large and unpacked", large(MOST + 1), Err(Fault::TooLarge)),
        ];
        for (name, bytes, expected) in rows {
            assert_eq!(redemptions(&bytes), expected, "{name}");
        }
    }

    #[test]
    fn the_request() {
        let expected = "/v1/salesReports?filter%5Bfrequency%5D=DAILY\
            &filter%5BreportType%5D=SUBSCRIPTION_OFFER_CODE_REDEMPTION&filter%5BreportSubType%5D=SUMMARY\
            &filter%5Bversion%5D=1_0&filter%5BvendorNumber%5D=8%260&filter%5BreportDate%5D=2026-11-21";
        assert_eq!(path("8&0", Date(20_778)), expected);
    }

    #[test]
    fn nothing_shows_a_code() {
        let shown = format!("{:?}", redeemed(Some("ANNA26"), 7));
        assert_eq!(shown, "Redeemed(Date(20778), app Some(1234567890), custom code of \"REF30\", DE, 7)");
        let broken = format!("{HEADING}\nANNA26\n");
        assert_eq!(redemptions(broken.as_bytes()).unwrap_err().to_string(), "line 2 of the report cannot be read");
    }
}
