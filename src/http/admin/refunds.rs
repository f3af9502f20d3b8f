//! Apple's questions about refunds: what was answered and what Apple decided, side by side.

use super::lists::{Wish, items};
use super::{Admin, Parts};
use crate::domain::question::Question;
use crate::http::extract::ok;
use crate::http::problem::Problem;
use crate::http::route::{Content, LIST, Route, Who, get};
use crate::ledger::store::Store;
use crate::ledger::{Error, list};
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::Uri;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/refunds", list, "What Apple asked about refunds, and what became of it")
            .query(LIST)
            .answers(200, Content::One("refunds")),
    ]
}

/// One kind of question, and how many are of it.
pub struct Tally {
    pub is_test: bool,
    /// Empty where Apple named none.
    pub reason: String,
    pub status: String,
    /// Empty where Apple did not decide, as far as is known.
    pub decision: String,
    pub count: u64,
}

pub fn tallies(store: &impl Store) -> Result<Vec<Tally>, Error> {
    let mut all = Vec::new();
    for (noun, is_test) in [("question", false), ("test_question", true)] {
        for (reason, what, count) in list::counts(store, noun)? {
            let (status, decision) = what.split_once(' ').unwrap_or((&what, ""));
            let (status, decision) = (status.to_owned(), decision.to_owned());
            all.push(Tally { is_test, reason, status, decision, count });
        }
    }
    Ok(all)
}

/// How many were asked for a reason, and what became of them. Those of testers are left out.
fn counts(store: &impl Store) -> Result<Vec<Value>, Error> {
    let mut reasons: BTreeMap<String, [u64; 4]> = BTreeMap::new();
    for tally in tallies(store)?.into_iter().filter(|tally| !tally.is_test) {
        let is = [true, tally.status == "answered", tally.decision == "refunded", tally.decision == "declined"];
        let counts = reasons.entry(tally.reason).or_default();
        counts.iter_mut().zip(is).for_each(|(count, is)| *count += if is { tally.count } else { 0 });
    }
    let row = |(reason, [asked, answered, refunded, declined]): (String, [u64; 4])| {
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        json!({"reason": reason, "asked": asked, "answered": answered, "refunded": refunded, "declined": declined})
    };
    Ok(reasons.into_iter().map(row).collect())
}

async fn list(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let keep = |wish: &Wish, row: &Question| wish.keeps(None, row.state.word());
    let mut body = items(app, &uri, keep, |view, row| view.question(row))?;
    body["counts"] = counts(&*app.ledger.snapshot())?.into();
    Ok(ok(&body))
}
