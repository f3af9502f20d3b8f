//! CSV (RFC 4180): tables of others, by the names of their columns, and lines of our own. No cell of ours can be taken for a
//! formula.

use csv::{Reader, ReaderBuilder, StringRecord, Terminator, Trim, WriterBuilder};
use std::borrow::Cow;

/// What a column is called, in any writing: `paypal_email` is `PayPal Email`.
pub struct Column {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub is_needed: bool,
}

impl Column {
    pub const fn needed(name: &'static str) -> Column {
        Column { name, aliases: &[], is_needed: true }
    }
    pub const fn optional(name: &'static str) -> Column {
        Column { name, aliases: &[], is_needed: false }
    }
    pub const fn or(self, aliases: &'static [&'static str]) -> Column {
        Column { aliases, ..self }
    }
    fn is_called(&self, heading: &str) -> bool {
        std::iter::once(&self.name).chain(self.aliases).any(|name| letters(name) == letters(heading))
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the file is not UTF-8 text")]
    NotText,
    #[error("the quotes in the file do not match")]
    OpenQuote,
    #[error("the file has no heading")]
    NoHeading,
    #[error("two columns are called {0}")]
    Twice(&'static str),
    #[error("there is no column {}; the file has {}", .missing.join(", "), .found.join(", "))]
    Missing { missing: Vec<&'static str>, found: Vec<String> },
}

/// Where the known columns stand, and what else there is.
#[derive(Debug)]
pub struct Heading {
    places: Vec<(&'static str, usize)>,
    width: usize,
    /// Known columns that the file lacks.
    pub missing: Vec<&'static str>,
    /// Columns that nobody asks for.
    pub ignored: Vec<String>,
}

impl Heading {
    fn read(fields: &StringRecord, columns: &[Column]) -> Result<Heading, Fault> {
        let (mut places, mut ignored) = (Vec::new(), Vec::new());
        for (at, field) in fields.iter().enumerate() {
            match columns.iter().find(|column| column.is_called(field)) {
                Some(column) if places.iter().any(|(name, _)| *name == column.name) => {
                    return Err(Fault::Twice(column.name));
                }
                Some(column) => places.push((column.name, at)),
                None => ignored.push(field.to_owned()),
            }
        }
        let lacks = |column: &&Column| !places.iter().any(|(name, _)| *name == column.name);
        let needed: Vec<&str> = columns.iter().filter(lacks).filter(|c| c.is_needed).map(|c| c.name).collect();
        if !needed.is_empty() {
            return Err(Fault::Missing { missing: needed, found: fields.iter().map(str::to_owned).collect() });
        }
        let missing = columns.iter().filter(lacks).map(|column| column.name).collect();
        Ok(Heading { places, width: fields.len(), missing, ignored })
    }
}

/// One record, by the names of the columns.
pub struct Row<'a> {
    heading: &'a Heading,
    fields: StringRecord,
}

impl Row<'_> {
    /// What stands there, if anything does.
    pub fn get(&self, column: &str) -> Option<&str> {
        let (_, at) = self.heading.places.iter().find(|(name, _)| *name == column)?;
        self.fields.get(*at).filter(|text| !text.is_empty())
    }
    pub fn need(&self, column: &'static str) -> Result<&str, String> {
        self.get(column).ok_or_else(|| format!("{column} is empty"))
    }
}

pub struct Table<'a> {
    pub heading: Heading,
    records: Records<'a>,
}

impl<'a> Table<'a> {
    pub fn read(body: &'a [u8], columns: &[Column]) -> Result<Table<'a>, Fault> {
        let mut records = Records::of(body)?;
        let heading = records.next().ok_or(Fault::NoHeading)?;
        Ok(Table { heading: Heading::read(&heading.fields, columns)?, records })
    }

    /// Each record with the number of its line, or why it is none.
    pub fn rows(&mut self) -> impl Iterator<Item = (usize, Result<Row<'_>, String>)> {
        let Table { heading, records } = self;
        let heading = &*heading;
        records.map(move |Record { line, fields, .. }| {
            let width = heading.width;
            let row = match fields.len() == width {
                true => Ok(Row { heading, fields }),
                false => Err(format!("{} fields, where the heading has {width}", fields.len())),
            };
            (line, row)
        })
    }
}

/// The records of a file. One in which nothing stands is left out.
struct Records<'a> {
    reader: Reader<&'a [u8]>,
    whole: &'a str,
    line: usize,
}

struct Record<'a> {
    /// Where it begins, from 1.
    line: usize,
    /// The same in bytes, from 0.
    at: usize,
    text: &'a str,
    fields: StringRecord,
}

impl<'a> Records<'a> {
    fn of(body: &'a [u8]) -> Result<Records<'a>, Fault> {
        let whole = std::str::from_utf8(body).map_err(|_| Fault::NotText)?;
        if whole.matches('"').count() % 2 == 1 {
            return Err(Fault::OpenQuote);
        }
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(body);
        Ok(Records { reader, whole, line: 1 })
    }
    fn place(&self) -> usize {
        self.reader.position().byte() as usize
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let mut fields = StringRecord::new();
        loop {
            let from = self.place();
            if !self.reader.read_record(&mut fields).expect("text in memory can be read") {
                return None;
            }
            // The crate reads the end of a line, or a part of it, with the record behind it.
            let read = &self.whole[from..self.place()];
            let text = read.trim_start_matches(['\r', '\n']);
            let at = self.place() - text.len();
            let line = self.line + newlines(read) - newlines(text);
            self.line = line + newlines(text);
            if fields.iter().any(|field| !field.is_empty()) {
                return Some(Record { line, at, text, fields });
            }
        }
    }
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// A piece of a file, with its heading.
pub struct Part {
    pub text: String,
    /// How many lines further down its rows stand in the file.
    pub offset: usize,
}

/// A file as pieces of at most so many bytes behind the heading. One record alone may be longer.
pub fn parts(body: &[u8], most: usize) -> Result<Vec<Part>, Fault> {
    let mut records = Records::of(body)?;
    let whole = records.whole;
    let heading = records.next().ok_or(Fault::NoHeading)?.text.trim_end_matches(['\r', '\n']);
    let first_line = newlines(heading) + 2;
    let mut begins: Vec<(usize, usize)> = Vec::new();
    for Record { line, at, text, .. } in records {
        if begins.last().is_none_or(|(_, begin)| at + text.len() - begin > most) {
            begins.push((line, at));
        }
    }
    if begins.is_empty() {
        begins.push((first_line, whole.len()));
    }
    let ends = begins.iter().skip(1).map(|(_, at)| *at).chain([whole.len()]);
    let part = |((line, at), end): (&(usize, usize), usize)| Part {
        text: format!("{heading}\n{}", &whole[*at..end]),
        offset: line - first_line,
    };
    Ok(begins.iter().zip(ends).map(part).collect())
}

/// A line of ours, its end included.
pub fn csv_row<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let written = line.write_record(fields.into_iter().map(|field| no_formula(field).into_owned()));
    written.expect("a Vec takes everything");
    String::from_utf8(line.into_inner().expect("a Vec takes everything")).expect("text stays text")
}

/// What a spreadsheet would take for a formula becomes text. A plain negative number is no formula and stays a number.
fn no_formula(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text);
    if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        None => digits(unsigned),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record as its line and its fields.
    fn read(text: &str) -> Vec<String> {
        let one = |record: Record<'_>| {
            let fields: Vec<&str> = record.fields.iter().collect();
            format!("{} {}", record.line, fields.join("|").replace('\n', "/"))
        };
        Records::of(text.as_bytes()).unwrap().map(one).collect()
    }

    #[test]
    fn records() {
        let rows: &[(&str, &[&str])] = &[
            ("", &[]),
            ("\n\r\n \n,,\n", &[]),
            ("a", &["1 a"]),
            ("\u{feff}a,b\r\nc,d", &["1 a|b", "2 c|d"]),
            ("a,,\n,b,\n", &["1 a||", "2 |b|"]),
            ("\n\na,b\n\nc,d\n", &["3 a|b", "5 c|d"]),
            ("a,b\r\n\r\n\r\n c , d \r\ne,f", &["1 a|b", "4 c|d", "5 e|f"]),
            ("\"a,b\",\"say \"\"hi\"\"\"\n", &["1 a,b|say \"hi\""]),
            ("\"two\nlines\",x\r\nnext,y\n", &["1 two/lines|x", "3 next|y"]),
            ("ü,\"é\"", &["1 ü|é"]),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), *expected, "{text:?}");
        }
    }

    const COLUMNS: &[Column] =
        &[Column::needed("code"), Column::needed("email").or(&["mail"]), Column::optional("days")];

    #[test]
    fn headings() {
        let read = |text: &'static [u8]| Table::read(text, COLUMNS).map(|table| table.heading);
        let heading = read(b"E-Mail,extra,CODE\n").unwrap();
        assert_eq!((heading.missing, heading.ignored), (vec!["days"], vec!["extra".to_owned()]));
        let heading = read(b"code,Mail,Days").unwrap();
        assert!(heading.missing.is_empty() && heading.ignored.is_empty());
        let rows: [(&[u8], Fault); 5] = [
            (b"", Fault::NoHeading),
            (b"\xff", Fault::NotText),
            (b"code,mail\nAAA,\"jo@example.com\n", Fault::OpenQuote),
            (b"code,mail,email", Fault::Twice("email")),
            (b"x,days", Fault::Missing { missing: vec!["code", "email"], found: vec!["x".into(), "days".into()] }),
        ];
        for (text, fault) in rows {
            assert_eq!(read(text).unwrap_err(), fault, "{text:?}");
        }
    }

    #[test]
    fn rows_by_name() {
        let mut table = Table::read(b"mail,code,x\n a@b ,C1,\nonly,two\n,C2,1\n", COLUMNS).unwrap();
        let found: Vec<String> = table
            .rows()
            .map(|(line, row)| match row {
                Ok(row) => format!("{line} {:?} {:?} {:?}", row.get("email"), row.get("code"), row.get("days")),
                Err(why) => format!("{line} {why}"),
            })
            .collect();
        let expected =
            ["2 Some(\"a@b\") Some(\"C1\") None", "3 2 fields, where the heading has 3", "4 None Some(\"C2\") None"];
        assert_eq!(found, expected);
    }

    #[test]
    fn pieces() {
        let rows: &[(&str, usize, &[&str])] = &[
            ("h", 10, &["0 h/"]),
            ("h\na\nb\n", 100, &["0 h/a/b/"]),
            ("h\na\nb\nc", 4, &["0 h/a/b/", "2 h/c"]),
            ("h\na\n\n\"b\nb\"\nc\n", 1, &["0 h/a//", "2 h/\"b/b\"/", "4 h/c/"]),
            ("\nh\r\n\r\na\r\nb\r\n", 1, &["2 h/a./", "3 h/b./"]),
            ("\"h\nh\"\na\nb", 1, &["0 \"h/h\"/a/", "1 \"h/h\"/b"]),
        ];
        for (text, most, expected) in rows {
            let shown = |part: &Part| format!("{} {}", part.offset, part.text.replace('\n', "/").replace('\r', "."));
            let found: Vec<String> = parts(text.as_bytes(), *most).unwrap().iter().map(shown).collect();
            assert_eq!(found, *expected, "{text:?}");
        }
        assert!(matches!(parts(b"", 1), Err(Fault::NoHeading)));
    }

    #[test]
    fn lines() {
        let rows = [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1+cmd", "'-1+cmd"),
            ("-", "'-"),
            ("-500", "-500"),
            ("-5.25", "-5.25"),
            ("-5.", "'-5."),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("=a,b", "\"'=a,b\""),
        ];
        for (text, expected) in rows {
            assert_eq!(csv_row([text, "x"]), format!("{expected},x\r\n"), "{text:?}");
        }
        assert_eq!(csv_row(["a", "b,c", ""]), "a,\"b,c\",\r\n");
    }
}
