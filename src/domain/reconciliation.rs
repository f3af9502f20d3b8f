//! What Apple counted of a day, beside what we know of it (Apple, Subscription Offer Redemption Report).

use super::at::{At, Date};
use super::code::CodeText;
use super::redemption::Redemption;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Redemptions of an offer on a day in California, with a custom code or, without one, with one-time codes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reported {
    pub offer: String,
    pub code: Option<CodeText>,
    pub count: u32,
}

/// The last report of a day, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    pub date: Date,
    pub reported: Vec<Reported>,
    pub gaps: Vec<Gap>,
    pub at: At,
}

/// Two counts of the same that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub offer: String,
    /// Absent where it is about the offer, with whichever code.
    pub code: Option<CodeText>,
    pub reported: u32,
    pub known: u32,
}

/// A redemption of the day, and the custom code that it was claimed with.
pub struct Known {
    pub redemption: Redemption,
    pub custom_code: Option<CodeText>,
}

impl Reconciliation {
    /// Whatever the order of the lines, and however many there are of one offer (they come by territory).
    pub fn of(date: Date, lines: &[Reported], known: &[Known], at: At) -> Reconciliation {
        let mut counts: BTreeMap<(&str, Option<&CodeText>), [u32; 2]> = BTreeMap::new();
        for line in lines {
            counts.entry((&line.offer, None)).or_default()[0] += line.count;
            if line.code.is_some() {
                counts.entry((&line.offer, line.code.as_ref())).or_default()[0] += line.count;
            }
        }
        for one in known {
            counts.entry((&one.redemption.offer, None)).or_default()[1] += 1;
            if one.custom_code.is_some() {
                counts.entry((&one.redemption.offer, one.custom_code.as_ref())).or_default()[1] += 1;
            }
        }
        let differs = counts.iter().filter(|(_, [reported, known])| reported != known);
        let gaps = differs.map(|((offer, code), [reported, known])| Gap {
            offer: (*offer).to_owned(),
            code: code.cloned(),
            reported: *reported,
            known: *known,
        });
        let mut reported: BTreeMap<(&str, Option<&CodeText>), u32> = BTreeMap::new();
        lines.iter().for_each(|line| *reported.entry((&line.offer, line.code.as_ref())).or_default() += line.count);
        let line = |((offer, code), count): ((&str, Option<&CodeText>), u32)| Reported {
            offer: offer.to_owned(),
            code: code.cloned(),
            count,
        };
        Reconciliation { date, gaps: gaps.collect(), reported: reported.into_iter().map(line).collect(), at }
    }
}

impl Gap {
    /// The name of its alert.
    pub fn about(&self, date: &str) -> String {
        match &self.code {
            None => format!("{date} {}", self.offer),
            Some(code) => format!("{date} {} {}", self.offer, code.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{self, NOON};

    #[test]
    fn gaps() {
        let code = |text: &str| CodeText::parse(text);
        let line = |offer: &str, text: &str, count| Reported { offer: offer.into(), code: code(text), count };
        let known = |offer: &str, text: &str| Known {
            redemption: Redemption { offer: offer.into(), ..sample::redemption("T1", 1, NOON) },
            custom_code: code(text),
        };
        type Row = (Vec<Reported>, Vec<Known>, Vec<(&'static str, Option<&'static str>, u32, u32)>);
        let rows: Vec<Row> = vec![
            (vec![], vec![], vec![]),
            (vec![line("A", "", 1), line("A", "", 1)], vec![known("A", ""), known("A", "")], vec![]),
            (vec![line("A", "", 3)], vec![known("A", "")], vec![("A", None, 3, 1)]),
            (vec![], vec![known("B", "")], vec![("B", None, 0, 1)]),
            (vec![line("A", "JEN20", 1)], vec![known("A", "JEN20")], vec![]),
            (vec![line("A", "JEN20", 1)], vec![known("A", "")], vec![("A", Some("JEN20"), 1, 0)]),
            (
                vec![line("A", "JEN20", 2), line("A", "", 1)],
                vec![known("A", "JEN20"), known("A", "")],
                vec![("A", None, 3, 2), ("A", Some("JEN20"), 2, 1)],
            ),
        ];
        for (lines, known, gaps) in rows {
            let got = Reconciliation::of(Date(1), &lines, &known, NOON).gaps;
            let expected: Vec<Gap> = gaps
                .into_iter()
                .map(|(offer, text, reported, known)| Gap {
                    offer: offer.into(),
                    code: text.and_then(CodeText::parse),
                    reported,
                    known,
                })
                .collect();
            assert_eq!(got, expected, "{lines:?}");
        }
    }
}
