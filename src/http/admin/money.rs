//! Conversions and payouts: money, in deliberate steps. What Apple counted, and what somebody has to look at.

use super::lists::{Wish, answer};
use super::partners::read_currency;
use super::{Admin, Parts, Target, WHY, Why, by, read_date, read_id};
use crate::domain::alert::Alert;
use crate::domain::conversion::{Conversion, ConversionState};
use crate::domain::decide::alert::Clear;
use crate::domain::decide::conversion::{Judge, Verdict};
use crate::domain::decide::payout::{Advance, Draft, Step};
use crate::domain::decide::reconciliation::AskReports;
use crate::domain::decide::{Command, Reply};
use crate::domain::money::Currency;
use crate::domain::partner::{Partner, Rail};
use crate::domain::payout::Payout;
use crate::domain::reconciliation::Reconciliation;
use crate::domain::subscription::Subscription;
use crate::http::extract::{json, ok, optional_json_body, query};
use crate::http::front::App;
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{CSV, Content, Query, Route, Who, get, post};
use crate::ledger::list::{self, Page};
use crate::ledger::store::Store;
use crate::ledger::{Entry, balances, circle, of_person, people};
use crate::wire::payout_file::{self, Format, Payment};
use crate::wire::view;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::json as object;
use std::collections::BTreeSet;
use std::sync::Arc;

const PARTNER: Query = Query::maybe("partner", "id", "Only those of this partner.");
const FORMAT: Query = Query::maybe("format", "payout_format", "For whom the file is; `plain` is for people.");
const CURRENCY: Query = Query::maybe("currency", "currency", "Only those in this currency.");
const SOURCE: Query = Query::maybe("source_currency", "currency", "Wise: the currency that is paid from.");
const STATUS: Query = Query::maybe("status", "text", "Only those with this status; for a payment service `sent`.");

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/conversions", conversions, "Conversions; `user` is the buyer")
            .lists("conversion")
            .query(&[PARTNER]),
        post(Who::Admin, "/conversions/approve", approve_many, "Approves all conversions that wait")
            .may_take(Content::One("approve_request"))
            .answers(200, Content::One("approved"))
            .refuses(&["wrong-state"]),
        post(Who::Admin, "/conversions/{id}/approve", approve, "Approves a conversion").steps("conversion"),
        post(Who::Admin, "/conversions/{id}/reject", reject, "Rejects a conversion").steps("conversion"),
        get(Who::Admin, "/payouts", payouts, "Payouts").lists("payout").query(&[PARTNER]),
        post(
            Who::Admin,
            "/payouts",
            draft,
            "Drafts a payout for each partner and currency of which enough can be paid",
        )
        .may_take(Content::One("draft_request"))
        .answers(201, Content::Items("payout")),
        get(Who::Admin, "/payouts.csv", file, "Payouts as a file, for a payment service or for people")
            .query(&[FORMAT, CURRENCY, SOURCE, STATUS])
            .answers(200, CSV),
        get(Who::Admin, "/payouts/{id}", payout, "One payout").answers(200, Content::One("payout")),
        post(Who::Admin, "/payouts/{id}/approve", approve_payout, "Approves a payout").steps("payout"),
        post(Who::Admin, "/payouts/{id}/send", send, "Sends a payout").steps("payout"),
        post(Who::Admin, "/payouts/{id}/settle", settle, "A payout was paid").steps("payout"),
        post(Who::Admin, "/payouts/{id}/fail", fail, "A payout could not be paid").steps("payout"),
        post(Who::Admin, "/payouts/{id}/cancel", cancel, "Takes a payout back").steps("payout"),
        get(Who::Admin, "/alerts", alerts, "What a person has to look at").lists("alert"),
        post(Who::Admin, "/alerts/{id}/clear", clear, "Somebody has looked at it")
            .may_take(WHY)
            .answers(200, Content::One("alert")),
        get(Who::Admin, "/reconciliation", reconciliations, "Apple's count of redemptions beside ours, by day")
            .lists("reconciliation"),
        post(Who::Admin, "/reconciliation", reconcile, "Reads Apple's reports again")
            .may_take(Content::One("report_request"))
            .answers(202, Content::One("requested")),
    ]
}

async fn conversions(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let [partner] = query(&uri, ["partner"])?;
    let (wish, store) = (Wish::read(app, &uri)?, app.ledger.snapshot());
    let mut theirs: Option<BTreeSet<String>> = None;
    if let Some(person) = wish.person {
        let bought: Vec<Subscription> = of_person(&*store, &circle(&*store, person)?)?;
        theirs = Some(bought.into_iter().map(|row| row.original_transaction_id).collect());
    }
    let is_theirs =
        |row: &Conversion| theirs.as_ref().is_none_or(|theirs| theirs.contains(&row.original_transaction_id));
    let keep = |row: &Conversion| wish.keeps(Some(&row.campaign), row.state().word()) && is_theirs(row);
    let cursor = wish.cursor.as_deref();
    let page: Page<Conversion> = match partner {
        Some(partner) => {
            let person = Partner::person(read_id(&partner, "partner")?);
            list::rows_of(&*store, person, cursor, wish.limit, keep)?
        }
        None => list::rows(&*store, cursor, wish.limit, keep)?,
    };
    Ok(answer(page.items.iter().map(view::conversion).collect(), page.next.as_deref()))
}

async fn approve(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    judge(&admin, &target, body, Verdict::Approve).await
}

async fn reject(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    judge(&admin, &target, body, Verdict::Reject).await
}

async fn judge(admin: &Admin, target: &Target, body: Body, verdict: Verdict) -> Result<Response, Problem> {
    let app = admin.app(target)?;
    let why = Why::read(body).await?;
    let transactions = vec![target.id.clone().unwrap_or_default()];
    let judge = Command::Judge(Judge { transactions, verdict });
    match app.submit(judge, by(why.reason), vec![], None).await? {
        Reply::Judged(rows) if rows.len() == 1 => Ok(ok(&view::conversion(&rows[0]))),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

#[derive(Default, Deserialize)]
struct ManyBody {
    partner: Option<String>,
    campaign: Option<String>,
    /// Those that were bought before that day.
    before: Option<String>,
    reason: Option<String>,
}

/// Conversions decided on in one step.
const PIECE: usize = 200;

/// Approves all that wait, of one partner or of all.
async fn approve_many(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: ManyBody = optional_json_body(body, BODY_MAX).await?;
    let partner = asked.partner.as_deref().map(|text| read_id(text, "partner")).transpose()?;
    let before = asked.before.as_deref().map(|text| read_date(text, "before")).transpose()?;
    let keep = |row: &Conversion| {
        row.state() == ConversionState::Pending
            && !row.is_test
            && asked.campaign.as_ref().is_none_or(|campaign| row.campaign == *campaign)
            && before.is_none_or(|before| row.purchased_at < before.start())
    };
    let (mut approved, mut cursor) = (0, None);
    loop {
        let store = app.ledger.snapshot();
        let page: Page<Conversion> = match partner {
            Some(partner) => list::rows_of(&*store, Partner::person(partner), cursor.as_deref(), PIECE, keep)?,
            None => list::rows(&*store, cursor.as_deref(), PIECE, keep)?,
        };
        let transactions: Vec<String> = page.items.into_iter().map(|row| row.transaction_id).collect();
        if !transactions.is_empty() {
            let judge = Command::Judge(Judge { transactions, verdict: Verdict::Approve });
            match app.submit(judge, by(asked.reason.clone()), vec![], None).await? {
                Reply::Judged(rows) => approved += rows.len(),
                _ => return Err(Problem::internal("an answer of another kind")),
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(ok(&object!({"approved": approved})));
        }
    }
}

fn shown(app: &App, row: &Payout) -> Result<serde_json::Value, Problem> {
    let link = people::link(&*app.ledger.snapshot(), row.id)?;
    Ok(view::payout(row, link.as_deref()))
}

async fn payouts(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let [partner] = query(&uri, ["partner"])?;
    let (wish, store) = (Wish::read(app, &uri)?, app.ledger.snapshot());
    if wish.person.is_some() {
        return Err(Problem::bad_request("payouts are partners' and not users': give partner"));
    }
    let keep = |row: &Payout| wish.keeps(Some(&row.campaign), row.state.word());
    let cursor = wish.cursor.as_deref();
    let page: Page<Payout> = match partner {
        Some(partner) => {
            let person = Partner::person(read_id(&partner, "partner")?);
            list::rows_of(&*store, person, cursor, wish.limit, keep)?
        }
        None => list::rows(&*store, cursor, wish.limit, keep)?,
    };
    let items = page.items.iter().map(|row| shown(app, row)).collect::<Result<Vec<_>, _>>()?;
    Ok(answer(items, page.next.as_deref()))
}

async fn payout(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let row: Option<Payout> = app.ledger.snapshot().row(target.id("payout")?.as_bytes())?;
    Ok(ok(&shown(app, &row.ok_or_else(|| Problem::not_found("no such payout"))?)?))
}

#[derive(Default, Deserialize)]
struct DraftBody {
    partner: Option<String>,
    currency: Option<String>,
    reason: Option<String>,
}

/// One payout for each partner and currency of which enough can be paid.
async fn draft(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: DraftBody = optional_json_body(body, BODY_MAX).await?;
    let only = asked.currency.as_deref().map(read_currency).transpose()?;
    let store = app.ledger.snapshot();
    let partners: Vec<Partner> = match asked.partner.as_deref() {
        Some(text) => {
            let partner: Option<Partner> = store.row(read_id(text, "partner")?.as_bytes())?;
            vec![partner.ok_or_else(|| Problem::not_found("no such partner"))?]
        }
        None => list::rows(&*store, None, usize::MAX, |_| true)?.items,
    };
    let mut items = Vec::new();
    for partner in partners {
        let currencies: Vec<Currency> = balances(&*store, partner.id)?.into_keys().collect();
        for currency in currencies.into_iter().filter(|one| only.is_none_or(|only| only == *one)) {
            let draft = Command::Draft(Draft { partner: partner.id, currency });
            match app.submit(draft, by(asked.reason.clone()), vec![], None).await? {
                Reply::Payout(made) => items.extend(made.map(|made| shown(app, &made)).transpose()?),
                _ => return Err(Problem::internal("an answer of another kind")),
            }
        }
    }
    Ok(json(StatusCode::CREATED, &object!({"items": items})))
}

async fn approve_payout(state: State<Arc<Admin>>, target: Parts, body: Body) -> Result<Response, Problem> {
    advance(state, target, body, Step::Approve).await
}

async fn send(state: State<Arc<Admin>>, target: Parts, body: Body) -> Result<Response, Problem> {
    advance(state, target, body, Step::Send).await
}

async fn settle(state: State<Arc<Admin>>, target: Parts, body: Body) -> Result<Response, Problem> {
    advance(state, target, body, Step::Settle).await
}

async fn fail(state: State<Arc<Admin>>, target: Parts, body: Body) -> Result<Response, Problem> {
    advance(state, target, body, Step::Fail).await
}

async fn cancel(state: State<Arc<Admin>>, target: Parts, body: Body) -> Result<Response, Problem> {
    advance(state, target, body, Step::Cancel).await
}

async fn advance(
    State(admin): State<Arc<Admin>>,
    Path(target): Parts,
    body: Body,
    step: Step,
) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (id, why) = (target.id("payout")?, Why::read(body).await?);
    let known: Option<Payout> = app.ledger.snapshot().row(id.as_bytes())?;
    let is_tremendous = known.is_some_and(|payout| payout.rail == Rail::Tremendous);
    if step == Step::Send && is_tremendous && app.config.tremendous.is_none() {
        return Err(Problem::bad_request("this payout goes by Tremendous, and the app has no [tremendous] table"));
    }
    let entry = Entry::new(Command::Advance(Advance { payout: id, step }), by(why.reason));
    match app.ledger.submit(entry).await? {
        Reply::Payout(Some(payout)) => Ok(ok(&shown(app, &payout)?)),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

/// A file for a payment service, of what is to be paid by file and was sent; or of all payouts, for people.
async fn file(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let [format, currency, source, status] = query(&uri, ["format", "currency", "source_currency", "status"])?;
    let format = match format.as_deref() {
        None | Some("plain") => Format::Plain,
        Some("paypal") => Format::PayPal,
        Some("wise") => Format::Wise,
        Some(_) => return Err(Problem::bad_request("format is plain, paypal or wise")),
    };
    let currency = currency.as_deref().map(read_currency).transpose()?;
    let source = source.as_deref().map(read_currency).transpose()?;
    let store = app.ledger.snapshot();
    let is_for_service = format != Format::Plain;
    let wanted = status.as_deref().or(is_for_service.then_some("sent"));
    let keep = |row: &Payout| {
        wanted.is_none_or(|wanted| row.state.word() == wanted)
            && (!is_for_service || row.rail == Rail::Csv)
            && currency.is_none_or(|currency| row.money.currency == currency)
    };
    let rows: Vec<Payout> = list::rows(&*store, None, usize::MAX, keep)?.items;
    let currencies: BTreeSet<Currency> = rows.iter().map(|row| row.money.currency).collect();
    if format == Format::PayPal && currencies.len() > 1 {
        return Err(Problem::bad_request("PayPal takes one currency for each file: give currency"));
    }
    let mut payments = Vec::new();
    for payout in rows {
        let contact = people::contact(&*store, payout.partner)?.unwrap_or_default();
        payments.push(Payment { payout, contact });
    }
    let text = payout_file::text(format, &payments, source).map_err(|fault| Problem::bad_request(fault.to_string()))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"payouts.csv\"")),
    ];
    Ok((headers, text).into_response())
}

async fn alerts(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let wish = Wish::read(app, &uri)?;
    let word = |row: &Alert| if row.is_open() { "open" } else { "cleared" };
    let keep = |row: &Alert| wish.status.as_deref().is_none_or(|status| word(row) == status);
    let page = list::rows(&*app.ledger.snapshot(), wish.cursor.as_deref(), wish.limit, keep)?;
    Ok(answer(page.items.iter().map(view::alert).collect(), page.next.as_deref()))
}

/// Somebody has looked at it.
async fn clear(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (alert, why) = (target.id("alert")?, Why::read(body).await?);
    match app.submit(Command::Clear(Clear { alert }), by(why.reason), vec![], None).await? {
        Reply::Alert(alert) => Ok(ok(&view::alert(&alert))),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

async fn reconciliations(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let wish = Wish::read(app, &uri)?;
    let store = app.ledger.snapshot();
    let page: Page<Reconciliation> = list::rows(&*store, wish.cursor.as_deref(), wish.limit, |_| true)?;
    Ok(answer(page.items.iter().map(view::reconciliation).collect(), page.next.as_deref()))
}

#[derive(Default, Deserialize)]
struct ReportBody {
    date: Option<String>,
    reason: Option<String>,
}

/// Apple's reports of the last days, or of one, are read again.
async fn reconcile(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: ReportBody = optional_json_body(body, BODY_MAX).await?;
    let connect = app.config.app_store_connect.as_ref();
    if connect.is_none_or(|given| given.vendor_number.is_none()) {
        return Err(Problem::bad_request("reports are of a vendor: configure app_store_connect.vendor_number"));
    }
    let date = asked.date.as_deref().map(|text| read_date(text, "date")).transpose()?;
    let command = Command::AskReports(AskReports { date });
    app.submit(command, by(asked.reason), vec![], None).await?;
    Ok(json(StatusCode::ACCEPTED, &object!({"status": "requested"})))
}
