//! Cron with seconds: six fields, in the part of the notation that every scheduler reads alike.

use super::Fault;

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

struct Field {
    least: u32,
    most: u32,
    /// Names for `least` and the numbers after it.
    names: &'static [&'static str],
    /// Whether `?` stands for "any".
    any: bool,
}

const FIELDS: [Field; 6] = [
    Field { least: 0, most: 59, names: &[], any: false },
    Field { least: 0, most: 59, names: &[], any: false },
    Field { least: 0, most: 23, names: &[], any: false },
    Field { least: 1, most: 31, names: &[], any: true },
    Field { least: 1, most: 12, names: MONTHS, any: false },
    Field { least: 0, most: 7, names: DAYS, any: true },
];

pub(super) fn schedule(text: &str) -> Result<String, Fault> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let remedy = "write second minute hour day month weekday, as in \"0 15 * * * *\"";
    if fields.len() != FIELDS.len() {
        return Err(("is not a schedule of six fields", remedy));
    }
    match fields.iter().zip(&FIELDS).all(|(text, field)| field.reads(text)) {
        true => Ok(text.to_owned()),
        false => Err(("has a field that no schedule can hold", remedy)),
    }
}

impl Field {
    fn reads(&self, text: &str) -> bool {
        text == "*" || (self.any && text == "?") || text.split(',').all(|part| self.part(part).is_some())
    }

    /// `*/step`, `a`, `a-b`, each with a step.
    fn part(&self, part: &str) -> Option<()> {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        if let Some(step) = step {
            (1..=self.most).contains(&number(step)?).then_some(())?;
            if range == "*" {
                return Some(());
            }
        }
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to) = (self.value(from)?, self.value(to)?);
        // Sunday is 0 and, at the end of a range, 7.
        let to = if range.to_ascii_uppercase().ends_with("-SUN") { 7 } else { to };
        (from <= to).then_some(())
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(place) => self.least + u32::try_from(place).ok()?,
            None => number(text)?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        for (text, good) in [
            ("0 15 * * * *", true),
            ("0 30 3 * * *", true),
            ("*/5 0-30/10 0,12 ? JAN-mar Mon,FRI", true),
            ("0 0 0 1 1 7", true),
            ("0 0 0 * * SAT-SUN", true),
            ("5/15 * * * * *", true),
            ("", false),
            ("15 * * * *", false),
            ("0 15 * * * * 2027", false),
            ("60 * * * * *", false),
            ("0 0 24 * * *", false),
            ("0 0 0 0 * *", false),
            ("0 0 0 * 13 *", false),
            ("0 0 0 * * 8", false),
            ("? * * * * *", false),
            ("*/0 * * * * *", false),
            ("*,5 * * * * *", false),
            ("5- * * * * *", false),
            ("9-5 * * * * *", false),
            ("1,,2 * * * * *", false),
            ("+1 * * * * *", false),
            ("@daily", false),
            ("a b c d e f", false),
        ] {
            assert_eq!(schedule(text).is_ok(), good, "{text}");
        }
    }
}
