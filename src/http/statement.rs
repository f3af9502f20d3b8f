//! How a partner stands, for the administrator and, by a signed link, for the partner.

use super::extract::query;
use super::front::App;
use super::pages::POLICY;
use super::peer::Client;
use super::problem::Problem;
use super::route::{HTML, Route, Who, get};
use crate::domain::at::At;
use crate::domain::books::Account;
use crate::domain::code::{Code, CodeState};
use crate::domain::conversion::{Conversion, ConversionState};
use crate::domain::id::Id;
use crate::domain::money::Money;
use crate::domain::partner::{Coupon, Partner, Token};
use crate::domain::payout::{Payout, PayoutState};
use crate::ledger::store::Store;
use crate::ledger::{Error, balances, of_partner, people, referrer};
use crate::wire::csv::csv_row;
use crate::wire::statement_link::{self, Link};
use crate::wire::text::{date, rfc3339};
use crate::wire::view;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{StatusCode, Uri};
use serde_json::{Map, Value, json as object};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    let statement = get(Who::Anyone, "/p/{token}", page, "A partner's statement, by a link that is good for some days");
    vec![[200, 404, 429, 500].into_iter().fold(statement, |page, status| page.answers(status, HTML))]
}

/// All that a statement is made of, newest first.
struct Statement {
    coupons: Vec<Coupon>,
    codes: Vec<Code>,
    conversions: Vec<Conversion>,
    payouts: Vec<Payout>,
    share_url: Option<String>,
    balances: BTreeMap<crate::domain::money::Currency, BTreeMap<Account, i64>>,
}

fn read(app: &App, partner: &Partner) -> Result<Statement, Error> {
    let store = app.ledger.snapshot();
    let mut conversions: Vec<Conversion> = of_partner(&*store, partner.id)?;
    conversions.sort_by(|a, b| (b.purchased_at, &b.transaction_id).cmp(&(a.purchased_at, &a.transaction_id)));
    let mut payouts: Vec<Payout> = of_partner(&*store, partner.id)?;
    payouts.sort_by_key(|payout| std::cmp::Reverse((payout.made_at, payout.id)));
    let mut coupons: Vec<Coupon> = of_partner(&*store, partner.id)?;
    coupons.sort_by_key(|coupon| (coupon.made_at, coupon.id));
    let mut codes: Vec<Code> = of_partner(&*store, partner.id)?;
    codes.retain(|code| !code.is_custom);
    let shares = referrer(&*store, &partner.campaign, Partner::person(partner.id))?;
    let share_url = shares.filter(|shares| shares.current.is_some()).map(|shares| app.share_url(&shares.slug));
    Ok(Statement { coupons, codes, conversions, payouts, share_url, balances: balances(&*store, partner.id)? })
}

fn counted<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    Value::Object(counts.into_iter().map(|(word, count)| (word.to_owned(), count.into())).collect::<Map<_, _>>())
}

pub fn json(app: &App, partner: &Partner) -> Result<Value, Problem> {
    let (statement, now) = (read(app, partner)?, app.clock.now());
    let states = statement.conversions.iter().filter(|row| !row.is_test).map(|row| row.state().word());
    Ok(object!({
        "balances": view::balances(&statement.balances),
        "coupons": statement.coupons.iter().map(|row| view::coupon(row, now)).collect::<Vec<_>>(),
        "codes": counted(statement.codes.iter().map(|code| code.state.word())),
        "share_url": statement.share_url, "counts": counted(states),
        "conversions": statement.conversions.iter().map(view::conversion).collect::<Vec<_>>(),
        "payouts": statement.payouts.iter().map(|row| view::payout(row, None)).collect::<Vec<_>>(),
        "made_at": rfc3339(now),
    }))
}

pub fn csv(app: &App, partner: &Partner) -> Result<Response, Problem> {
    let mut rows = csv_row([
        "purchased_at",
        "transaction_id",
        "kind",
        "product_id",
        "coupon",
        "price",
        "currency",
        "commission",
        "commission_currency",
        "status",
        "reasons",
        "is_test",
        "payout",
        "paid_at",
    ]);
    for row in read(app, partner)?.conversions.iter().rev() {
        let reasons: Vec<&str> = row.reasons.iter().map(|reason| reason.word()).collect();
        let (payout, paid_at) =
            row.counted.map_or((String::new(), None), |counted| (counted.payout.to_string(), counted.paid_at));
        rows.push_str(&csv_row([
            &*rfc3339(row.purchased_at),
            &row.transaction_id,
            row.kind.word(),
            &row.product_id,
            row.via.word(),
            &row.price.decimal(),
            row.price.currency.as_str(),
            &row.commission.decimal(),
            row.commission.currency.as_str(),
            row.state().word(),
            &reasons.join(" "),
            if row.is_test { "true" } else { "false" },
            &payout,
            &paid_at.map(rfc3339).unwrap_or_default(),
        ]));
    }
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"))], rows).into_response())
}

/// The secret part of a link: whoever has it sees this partner's statement until then.
pub fn token(app: &App, partner: Id, until: At) -> String {
    Link { partner, until }.token(|bytes| app.ledger.seal("statement", bytes))
}

#[derive(Template)]
#[template(path = "statement.html")]
struct Page {
    title: &'static str,
    found: Option<Shown>,
}

struct Shown {
    name: String,
    until: String,
    balances: Vec<Balance>,
    coupons: Vec<(String, String)>,
    codes: Vec<(String, &'static str)>,
    more_codes: usize,
    share_url: Option<String>,
    sales: Vec<SaleRow>,
    more_sales: usize,
    payouts: Vec<(String, String, &'static str)>,
}

struct Balance {
    currency: String,
    amounts: Vec<(&'static str, String)>,
}

struct SaleRow {
    date: String,
    product: String,
    coupon: String,
    price: String,
    commission: String,
    status: &'static str,
}

/// Rows of a list on the page.
const SHOWN: usize = 500;

/// A link that is nobody's, was changed or has ended, and one of somebody who was erased, are one and the same.
async fn page(State(app): State<Arc<App>>, client: Client, Path(token): Path<String>, uri: Uri) -> Response {
    if let Err(limited) = app.follow(client) {
        let mut response = render(limited.status, Page { title: "Too many visits", found: None });
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(limited.retry_after.unwrap_or(60)));
        return response;
    }
    let link = statement_link::open(&token, app.clock.now(), |bytes| app.ledger.seal("statement", bytes));
    let found = match link.filter(|_| query(&uri, []).is_ok()) {
        Some(link) => shown(&app, &link),
        None => Ok(None),
    };
    match found {
        Ok(Some(found)) => {
            app.led_somewhere(client);
            render(StatusCode::OK, Page { title: "Your statement", found: Some(found) })
        }
        Ok(None) => render(StatusCode::NOT_FOUND, Page { title: "Unknown link", found: None }),
        Err(error) => {
            tracing::error!(%error, "the ledger cannot be read");
            render(StatusCode::INTERNAL_SERVER_ERROR, Page { title: "Something broke", found: None })
        }
    }
}

fn shown(app: &App, link: &Link) -> Result<Option<Shown>, Error> {
    let store = app.ledger.snapshot();
    let partner: Option<Partner> = store.row(link.partner.as_bytes())?;
    let Some(partner) = partner.filter(|partner| !partner.is_erased()) else { return Ok(None) };
    let name = people::contact(&*store, partner.id)?.unwrap_or_default().name;
    let statement = read(app, &partner)?;
    let written = |money: Money| format!("{} {}", money.decimal(), money.currency.as_str());
    let balance = |(currency, accounts): (&crate::domain::money::Currency, &BTreeMap<Account, i64>)| {
        let amount = |account: Account| written(Money::new(accounts.get(&account).copied().unwrap_or(0), *currency));
        let amounts = [
            ("Waiting", amount(Account::Pending)),
            ("Approved", amount(Account::Approved)),
            ("On its way", amount(Account::Paying)),
            ("Paid", amount(Account::Paid)),
            ("Carried over", amount(Account::Carried)),
        ];
        Balance { currency: currency.as_str().to_owned(), amounts: amounts.into() }
    };
    let coupon = |row: &Coupon| match &row.what {
        Token::Offer(name) => (name.clone(), "offer".to_owned()),
        Token::Custom(custom) => (custom.code.as_str().to_owned(), "code".to_owned()),
    };
    let real: Vec<&Conversion> = statement.conversions.iter().filter(|row| !row.is_test).collect();
    let sale = |row: &&Conversion| SaleRow {
        date: date(row.purchased_at.date()),
        product: row.product_id.clone(),
        coupon: row.via.word().to_owned(),
        price: written(row.price),
        commission: written(row.owed()),
        status: match row.state() {
            ConversionState::Pending => "waiting",
            other => other.word(),
        },
    };
    let code = |row: &Code| {
        (row.text.as_str().to_owned(), if matches!(row.state, CodeState::Pending) { "free" } else { row.state.word() })
    };
    let is_told = |row: &&Payout| !matches!(row.state, PayoutState::Draft | PayoutState::Cancelled { .. });
    let payout = |row: &Payout| (date(row.made_at.date()), written(row.money), row.state.word());
    Ok(Some(Shown {
        name,
        until: date(link.until.date()),
        balances: statement.balances.iter().map(balance).collect(),
        coupons: statement.coupons.iter().filter(|row| row.ended_at.is_none()).map(coupon).collect(),
        codes: statement.codes.iter().take(SHOWN).map(code).collect(),
        more_codes: statement.codes.len().saturating_sub(SHOWN),
        share_url: statement.share_url,
        sales: real.iter().take(SHOWN).map(sale).collect(),
        more_sales: real.len().saturating_sub(SHOWN),
        payouts: statement.payouts.iter().filter(is_told).map(payout).collect(),
    }))
}

fn render(status: StatusCode, page: Page) -> Response {
    let Ok(html) = page.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, html).into_response()
}
