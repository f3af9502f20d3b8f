//! Whole lists, page by page: each page reads a fresh snapshot, so neither the list nor an old snapshot is held.

use super::lists::Wish;
use super::{Admin, Parts};
use crate::domain::code::Code;
use crate::domain::completion::Completion;
use crate::domain::conversion::Conversion;
use crate::domain::partner::Partner;
use crate::domain::payout::Payout;
use crate::http::extract::query;
use crate::http::problem::Problem;
use crate::http::route::{CAMPAIGN, CSV, Content, Query, Route, Who, get};
use crate::ledger::list::{self, Page};
use crate::ledger::{Error, Ledger, journal, people};
use crate::wire::export::{Format, What};
use crate::wire::view::{self, View};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::Uri;
use hyper::body::Frame;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

const FORMAT: Query = Query::maybe("format", "export_format", "`ndjson` when absent.");
const STATUS: Query = Query::maybe("status", "text", "Only those with this status.");

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/export/{what}", export, "A whole list, as it is read")
            .query(&[FORMAT, CAMPAIGN, STATUS])
            .answers(200, CSV)
            .answers(200, Content::Text("application/x-ndjson")),
    ]
}

/// Rows of a page.
const PAGE: usize = 500;

/// A list as text, piece by piece.
pub struct Export {
    ledger: Arc<Ledger>,
    what: What,
    format: Format,
    wish: Wish,
    part: Part,
}

/// What comes next. Codes that nobody has stand before those that were handed out: one that is handed out meanwhile
/// stands there twice, and none is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Heading,
    Stock,
    Rows,
    End,
}

impl Export {
    pub fn of(
        ledger: Arc<Ledger>,
        what: What,
        format: Format,
        campaign: Option<String>,
        status: Option<String>,
    ) -> Result<Export, &'static str> {
        if what == What::Journal && (campaign.is_some() || status.is_some()) {
            return Err("the journal is exported whole: it has no campaign and no status");
        }
        let wish = Wish { status, campaign, person: None, limit: PAGE, cursor: None };
        Ok(Export { ledger, what, format, wish, part: Part::Heading })
    }

    fn page(&mut self) -> Result<String, Error> {
        let page = self.read()?;
        self.wish.cursor = page.next;
        self.part = match (self.part, &self.wish.cursor) {
            (part, Some(_)) => part,
            (Part::Stock, None) => Part::Rows,
            (_, None) => Part::End,
        };
        Ok(page.items.iter().map(|item| self.format.line(self.what, item)).collect())
    }

    fn read(&self) -> Result<Page<Value>, Error> {
        let store = self.ledger.snapshot();
        let (from, limit) = (self.wish.cursor.as_deref(), self.wish.limit);
        let keeps = |campaign: &str, status: &str| self.wish.keeps(Some(campaign), status);
        let name = people::names(store.clone());
        let view = View { name: &name };
        match self.what {
            What::Codes if self.part == Part::Stock => {
                let page = list::stocked(&*store, from)?;
                let kept = page.items.iter().filter(|row| keeps(&row.campaign, "available"));
                Ok(Page { items: kept.map(view::stocked).collect(), next: page.next })
            }
            What::Codes => {
                let page = list::rows(&*store, from, limit, |row: &Code| keeps(&row.campaign, row.state.word()))?;
                page.shown(|row| Ok(view.code(row)))
            }
            What::Completions => {
                let keep = |row: &Completion| keeps(&row.campaign, row.state.word());
                list::rows(&*store, from, limit, keep)?.shown(|row| Ok(view.completion(row)))
            }
            What::Conversions => {
                let keep = |row: &Conversion| keeps(&row.campaign, row.state().word());
                list::rows(&*store, from, limit, keep)?.shown(|row| Ok(view::conversion(row)))
            }
            What::Partners => {
                let keep = |row: &Partner| keeps(&row.campaign, row.state.word());
                let show = |row: &Partner| Ok(view::partner(row, people::contact(&*store, row.id)?.as_ref()));
                list::rows(&*store, from, limit, keep)?.shown(show)
            }
            What::Payouts => {
                let keep = |row: &Payout| keeps(&row.campaign, row.state.word());
                let show = |row: &Payout| Ok(view::payout(row, people::link(&*store, row.id)?.as_deref()));
                list::rows(&*store, from, limit, keep)?.shown(show)
            }
            What::Journal => {
                let entries = journal::page(&*store, from.and_then(journal::seq_of).unwrap_or(0), limit)?;
                entries.shown(|(seq, entry)| Ok(view.entry(*seq, entry)))
            }
        }
    }
}

impl Iterator for Export {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Result<String, Error>> {
        match self.part {
            Part::End => None,
            Part::Heading => {
                self.part = if self.what == What::Codes { Part::Stock } else { Part::Rows };
                Some(Ok(self.format.heading(self.what)))
            }
            Part::Stock | Part::Rows => {
                let page = self.page();
                if page.is_err() {
                    self.part = Part::End;
                }
                Some(page)
            }
        }
    }
}

/// A page is read when the one before it has left.
impl hyper::body::Body for Export {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = self.next();
        if let Some(Err(error)) = &piece {
            tracing::error!(%error, "an export broke off");
        }
        Poll::Ready(piece.map(|piece| piece.map(|text| Frame::data(Bytes::from(text)))))
    }
}

async fn export(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let [format, campaign, status] = query(&uri, ["format", "campaign", "status"])?;
    let what = target.what.as_deref().and_then(What::parse);
    let what = what.ok_or_else(|| Problem::not_found("no such list to export"))?;
    let format = format.as_deref().map_or(Some(Format::Ndjson), Format::parse);
    let format = format.ok_or_else(|| Problem::bad_request("format is csv or ndjson"))?;
    let export = Export::of(app.ledger.clone(), what, format, campaign, status).map_err(Problem::bad_request)?;
    let name = format!("attachment; filename=\"{}.{}\"", what.word(), format.word());
    let headers = [(CONTENT_TYPE, format.content_type().to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::new(export)).into_response())
}
