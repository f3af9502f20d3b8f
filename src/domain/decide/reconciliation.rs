//! Apple's counts of redemptions are asked for and compared with ours.

use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::{At, Date, Span};
use crate::domain::delivery::Effect;
use crate::domain::reconciliation::{Gap, Known, Reconciliation, Reported};
use serde::{Deserialize, Serialize};

/// The reports of the last days, or of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskReports {
    pub date: Option<Date>,
}

/// So many days are asked for again: a report may be issued anew, and we may have heard of more.
const DAYS: i64 = 7;

pub struct AskReportsFamily;

impl Family for AskReportsFamily {
    type Command = AskReports;
    type Facts = ();

    fn decide(_: &(), command: &AskReports, stamp: Stamp) -> Result<Decision, Refusal> {
        let recent = (1..=DAYS).rev().map(|days| stamp.at.minus(Span::days(days)).pacific_date());
        let dates: Vec<Date> = command.date.map_or_else(|| recent.collect(), |date| vec![date]);
        let effects = dates.into_iter().map(|date| Effect::FetchReport { date }).collect();
        Ok(Decision { puts: Vec::new(), effects, reply: Reply::Nothing })
    }
}

/// What is known of a day.
pub struct DayFacts {
    pub known: Vec<Known>,
    pub before: Option<Reconciliation>,
    /// The alerts of the day's gaps that are open.
    pub alerts: Vec<Alert>,
}

/// A report came in. The same one again changes nothing.
pub fn compare(facts: &DayFacts, date: Date, lines: &[Reported], now: At, decision: &mut Decision) {
    let mut found = Reconciliation::of(date, lines, &facts.known, now);
    if let Some(before) = &facts.before {
        let same = Reconciliation { at: before.at, ..found.clone() };
        if same == *before {
            found.at = before.at;
        }
    }
    let abouts: Vec<(String, &Gap)> = found.gaps.iter().map(|gap| (gap.about(&date.to_string()), gap)).collect();
    for alert in facts.alerts.iter().filter(|alert| abouts.iter().all(|(about, _)| *about != alert.about)) {
        decision.put(Put::Alert(Alert { cleared_at: Some(now), ..alert.clone() }));
    }
    for (about, gap) in abouts {
        let detail = format!("Apple counted {} redemptions, we know of {}", gap.reported, gap.known);
        let open = facts.alerts.iter().find(|alert| alert.about == about);
        if open.is_none_or(|open| open.detail != detail) {
            let raised_at = open.map_or(now, |open| open.raised_at);
            decision.put(Put::Alert(Alert::raise(AlertKind::RedemptionsDiffer, &about, detail, raised_at)));
        }
    }
    if facts.before.as_ref() != Some(&found) {
        decision.put(Put::Reconciliation(found));
    }
}
