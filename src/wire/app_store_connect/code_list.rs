//! Lists of codes, as the API gives them and as App Store Connect exports them.

use super::Fault;
use std::collections::HashSet;

#[derive(Clone, PartialEq, Eq)]
pub struct Codes {
    /// In the order of the file, each once.
    pub codes: Vec<String>,
    /// How many lines held a code that stood there before.
    pub repeated: usize,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Codes({}, repeated {})", self.codes.len(), self.repeated)
    }
}

/// One code a line, alone or with its redeem URL behind it; a heading may stand above.
pub fn codes(body: &[u8]) -> Result<Codes, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())).filter(|(_, line)| !line.is_empty());
    let mut seen = HashSet::new();
    let mut found = Codes { codes: Vec::new(), repeated: 0 };
    for (place, (number, line)) in lines.enumerate() {
        let field = first_field(line).ok_or(Fault::Line(number))?;
        if place == 0 && is_heading(field) {
            continue;
        }
        if !is_code(field) {
            return Err(Fault::Line(number));
        }
        if seen.insert(field) {
            found.codes.push(field.to_owned());
        } else {
            found.repeated += 1;
        }
    }
    Ok(found)
}

fn first_field(line: &str) -> Option<&str> {
    let Some(quoted) = line.strip_prefix('"') else {
        return line.split(',').next().map(str::trim);
    };
    let (field, rest) = quoted.split_once('"')?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with(',')).then(|| field.trim())
}

fn is_heading(field: &str) -> bool {
    ["code", "offer code", "offer codes"].iter().any(|heading| field.eq_ignore_ascii_case(heading))
}

fn is_code(field: &str) -> bool {
    (6..=40).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let two = || Ok((vec!["AAAAAAAAAAAAAAAAA1", "BBBBBBBBBBBBBBBBB2"], 0));
        let rows = [
            ("AAAAAAAAAAAAAAAAA1\nBBBBBBBBBBBBBBBBB2\n", two()),
            ("AAAAAAAAAAAAAAAAA1\nBBBBBBBBBBBBBBBBB2", two()),
            ("AAAAAAAAAAAAAAAAA1\r\nBBBBBBBBBBBBBBBBB2\r\n", two()),
            ("\u{feff}AAAAAAAAAAAAAAAAA1\nBBBBBBBBBBBBBBBBB2\n", two()),
            ("\n\n AAAAAAAAAAAAAAAAA1 \n\t\nBBBBBBBBBBBBBBBBB2\n\n", two()),
            ("AAAAAAAAAAAAAAAAA1,https://h/r?code=A\nBBBBBBBBBBBBBBBBB2,https://h/r?code=B\n", two()),
            ("\"AAAAAAAAAAAAAAAAA1\",\"https://h\"\n\"BBBBBBBBBBBBBBBBB2\" , x\n", two()),
            ("code\nAAAAAAAAAAAAAAAAA1\nBBBBBBBBBBBBBBBBB2\n", two()),
            ("Offer Code,URL\nAAAAAAAAAAAAAAAAA1,x\nBBBBBBBBBBBBBBBBB2,x\n", two()),
            ("\u{feff}\"Offer Codes\"\r\nAAAAAAAAAAAAAAAAA1\r\nBBBBBBBBBBBBBBBBB2\r\n", two()),
            ("AAAAAAAAAAAAAAAAA1\nBBBBBBBBBBBBBBBBB2\nAAAAAAAAAAAAAAAAA1\n", two().map(|(codes, _)| (codes, 1))),
            ("", Ok((vec![], 0))),
            ("code\n", Ok((vec![], 0))),
            ("abc123", Ok((vec!["abc123"], 0))),
            ("ABCDEF\nabcdef", Ok((vec!["ABCDEF", "abcdef"], 0))),
            ("AAAAAAAAAAAAAAAAA1\ncode\n", Err(Fault::Line(2))),
            ("\n\nshort\n", Err(Fault::Line(3))),
            ("AAAAAA\nBBB-BBB\n", Err(Fault::Line(2))),
            ("https://h/r?code=AAAAAA\n", Err(Fault::Line(1))),
            ("\"AAAAAA\n", Err(Fault::Line(1))),
            ("\"AAAAAA\"x,y\n", Err(Fault::Line(1))),
            (",AAAAAA\n", Err(Fault::Line(1))),
            ("AAAAAÄ\n", Err(Fault::Line(1))),
            ("{\"errors\":[]}", Err(Fault::Line(1))),
        ];
        for (text, expected) in rows {
            let expected = expected
                .map(|(codes, repeated)| Codes { codes: codes.into_iter().map(str::to_owned).collect(), repeated });
            assert_eq!(codes(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(codes(&[b'A', 0xff]), Err(Fault::NotText));
        assert!(codes("A".repeat(40).as_bytes()).is_ok());
        assert_eq!(codes("A".repeat(41).as_bytes()), Err(Fault::Line(1)));
    }

    #[test]
    fn nothing_shows_a_code() {
        let shown = format!("{:?}", codes(b"SECRET1\nSECRET1\n"));
        assert_eq!(shown, "Ok(Codes(1, repeated 1))");
        assert!(!format!("{:?} {}", codes(b"SECRET-1"), codes(b"SECRET-1").unwrap_err()).contains("SECRET"));
    }
}
