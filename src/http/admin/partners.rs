//! Partners, what identifies their sales, and how they stand.

pub mod import;

use super::lists::{Wish, answer};
use super::{Admin, Parts, Target, by, read_id};
use crate::config;
use crate::domain::at::{At, Span};
use crate::domain::code::CodeText;
use crate::domain::commission::{Base, Rate, Recurring, Terms};
use crate::domain::decide::partner::{AddCoupon, ChangePartner, EndCoupon, ErasePartner, MakePartner, Wanted};
use crate::domain::decide::{Command, Refusal, Reply};
use crate::domain::money::{BasisPoints, Currency, Money};
use crate::domain::partner::{Contact, Partner, Rail};
use crate::http::extract::{json, json_body, ok, optional_json_body, query};
use crate::http::front::App;
use crate::http::limits::BODY_MAX;
use crate::http::problem::Problem;
use crate::http::route::{CSV, Content, Query, Route, Who, delete, get, post};
use crate::http::statement;
use crate::ledger::store::Store;
use crate::ledger::{Aside, Entry, Fail, list, people};
use crate::wire::text::{parse_date, rfc3339};
use crate::wire::view;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::{StatusCode, Uri};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;
use std::sync::Arc;

const FORMAT: Query = Query::maybe("format", "statement_format", "`csv`: the conversions.");

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    let partner = Content::One("partner");
    vec![
        get(Who::Admin, "/partners", list, "Partners").lists("partner"),
        post(Who::Admin, "/partners", make, "A new partner")
            .takes(Content::One("partner_request"))
            .answers(201, partner),
        get(Who::Admin, "/partners/{id}", one, "One partner").answers(200, partner),
        post(Who::Admin, "/partners/{id}", change, "What is to be otherwise with a partner")
            .takes(Content::One("partner_change"))
            .answers(200, partner)
            .refuses(&["wrong-state"]),
        delete(Who::Admin, "/partners/{id}", erase, "Takes away what names a partner")
            .answers(200, partner)
            .refuses(&["wrong-state"]),
        post(
            Who::Admin,
            "/partners/{id}/coupons",
            add_coupon,
            "What identifies a partner's sales: an offer, or a custom code",
        )
        .takes(Content::One("coupon_request"))
        .answers(201, Content::One("coupon"))
        .answers(200, Content::One("coupon"))
        .refuses(&["taken", "too-many-offers", "wrong-state"]),
        post(Who::Admin, "/partners/{id}/coupons/{coupon}/end", end_coupon, "What is redeemed from now on is nobody's")
            .answers(200, Content::One("coupon")),
        get(Who::Admin, "/partners/{id}/statement", statement, "How a partner stands")
            .query(&[FORMAT])
            .answers(200, Content::One("statement"))
            .answers(200, CSV),
        post(Who::Admin, "/partners/{id}/link", link, "A link by which the partner sees their statement")
            .may_take(Content::One("link_request"))
            .answers(201, Content::One("link")),
    ]
}

#[derive(Default, Deserialize)]
struct PayoutBody {
    rail: Option<String>,
    #[serde(default, deserialize_with = "given")]
    email: Given<String>,
}

/// Absent where nothing was said, and an empty one where a null was.
type Given<T> = Option<Option<T>>;

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Given<T>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// A new partner, or what is to be otherwise with one.
#[derive(Default, Deserialize)]
struct PartnerBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    email: Given<String>,
    campaign: Option<String>,
    #[serde(default, deserialize_with = "given")]
    country: Given<String>,
    has_tax_form: Option<bool>,
    status: Option<String>,
    commission: Option<Value>,
    recurring: Option<Value>,
    products: Option<BTreeMap<String, Value>>,
    payout: Option<PayoutBody>,
    reason: Option<String>,
}

/// A share of the price or of the proceeds, or a fixed amount.
fn read_rate(body: &Value) -> Result<Rate, Problem> {
    let wrong = |what: &str| Problem::bad_request(what.to_owned());
    match (body.get("basis_points"), body.get("amount")) {
        (Some(points), None) => {
            let share = points.as_u64().and_then(|points| BasisPoints::new(u32::try_from(points).ok()?));
            let share = share.ok_or_else(|| wrong("commission.basis_points is 0 to 10000"))?;
            let of = match body.get("of").and_then(Value::as_str) {
                Some("price") => Base::Price,
                Some("proceeds") => Base::Proceeds,
                _ => return Err(wrong("commission.of is price or proceeds")),
            };
            Ok(Rate::Share { of, share })
        }
        (None, Some(amount)) => {
            let amount = amount.as_i64().filter(|amount| (0..=1_000_000_000_000).contains(amount));
            let amount = amount.ok_or_else(|| wrong("commission.amount is a number of minor units, not below zero"))?;
            let currency = read_currency(body.get("currency").and_then(Value::as_str).unwrap_or_default())?;
            Ok(Rate::Fixed(Money::new(amount, currency)))
        }
        _ => Err(wrong("commission is {basis_points, of} or {amount, currency}")),
    }
}

pub fn read_currency(text: &str) -> Result<Currency, Problem> {
    Currency::parse(text).ok_or_else(|| Problem::bad_request("currency is a code of ISO 4217, as USD"))
}

fn read_recurring(body: &Value) -> Result<Recurring, Problem> {
    let months = || body.get("months").and_then(Value::as_u64).filter(|months| (1..=1_200).contains(months));
    match (body.as_str(), months()) {
        (Some("first"), _) => Ok(Recurring::First),
        (Some("always"), _) => Ok(Recurring::Always),
        (None, Some(months)) => Ok(Recurring::Months(months as u32)),
        _ => Err(Problem::bad_request("recurring is first, always or {\"months\": 1 to 1200}")),
    }
}

fn read_rail(text: &str) -> Result<Rail, Problem> {
    match text {
        "csv" => Ok(Rail::Csv),
        "tremendous" => Ok(Rail::Tremendous),
        "none" => Ok(Rail::None),
        _ => Err(Problem::bad_request("payout.rail is csv, tremendous or none")),
    }
}

/// The terms as they are asked for, on top of those that hold.
fn read_terms(
    known: Option<&Terms>,
    rate: Option<&Value>,
    recurring: Option<&Value>,
    products: Option<&BTreeMap<String, Value>>,
) -> Result<Option<Terms>, Problem> {
    if rate.is_none() && recurring.is_none() && products.is_none() {
        return Ok(None);
    }
    let missing = |what: &str| Problem::bad_request(format!("{what} is missing"));
    let rate = rate.map(read_rate).transpose()?.or(known.map(|known| known.rate));
    let recurring = recurring.map(read_recurring).transpose()?.or(known.map(|known| known.recurring));
    let products = match products {
        Some(given) => {
            let one = |(product, rate): (&String, &Value)| Ok((product.clone(), read_rate(rate)?));
            given.iter().map(one).collect::<Result<BTreeMap<_, _>, Problem>>()?
        }
        None => known.map(|known| known.products.clone()).unwrap_or_default(),
    };
    Ok(Some(Terms {
        rate: rate.ok_or_else(|| missing("commission"))?,
        recurring: recurring.ok_or_else(|| missing("recurring"))?,
        products,
    }))
}

fn is_line(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    is_line(text, 254)
        && !text.contains(char::is_whitespace)
        && parts.is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'))
}

impl PartnerBody {
    /// The contact as it is asked for, on top of what is known.
    fn contact(&self, known: Contact) -> Result<Contact, Problem> {
        let payout_email = self.payout.as_ref().and_then(|payout| payout.email.clone());
        let contact = Contact {
            name: self.name.clone().unwrap_or(known.name),
            email: self.email.clone().unwrap_or(known.email),
            payout_email: payout_email.unwrap_or(known.payout_email),
            country: self.country.clone().unwrap_or(known.country),
            has_tax_form: self.has_tax_form.unwrap_or(known.has_tax_form),
        };
        if !is_line(&contact.name, 200) {
            return Err(Problem::bad_request("name is a line of at most 200 characters"));
        }
        if [&contact.email, &contact.payout_email].into_iter().flatten().any(|address| !is_address(address)) {
            return Err(Problem::bad_request("email is an address, as jen@example.com"));
        }
        let is_country = |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        if contact.country.as_ref().is_some_and(|country| !is_country(country)) {
            return Err(Problem::bad_request("country is two capital letters of ISO 3166-1, as DE"));
        }
        Ok(contact)
    }

    /// A partner who is new.
    fn fresh(&self) -> Result<(MakePartner, Contact), Problem> {
        let missing = |what: &str| Problem::bad_request(format!("{what} is missing"));
        let campaign = self.campaign.clone().ok_or_else(|| missing("campaign"))?;
        let terms = read_terms(None, self.commission.as_ref(), self.recurring.as_ref(), self.products.as_ref())?;
        let terms = terms.ok_or_else(|| missing("commission"))?;
        if self.name.is_none() {
            return Err(missing("name"));
        }
        let contact = self.contact(Contact::default())?;
        let rail = self.rail()?.unwrap_or(Rail::None);
        Ok((MakePartner { campaign, terms, rail }, contact))
    }

    fn rail(&self) -> Result<Option<Rail>, Problem> {
        self.payout.as_ref().and_then(|payout| payout.rail.as_deref()).map(read_rail).transpose()
    }
}

fn shown(app: &App, partner: &Partner) -> Result<Value, Problem> {
    let contact = people::contact(&*app.ledger.snapshot(), partner.id)?;
    Ok(view::partner(partner, contact.as_ref()))
}

pub fn known(app: &App, target: &Target) -> Result<Partner, Problem> {
    let partner: Option<Partner> = app.ledger.snapshot().row(target.id("partner")?.as_bytes())?;
    partner.ok_or_else(|| Problem::not_found("no such partner"))
}

async fn submit(app: &App, entry: Entry, status: StatusCode) -> Result<Response, Problem> {
    match app.ledger.submit(entry).await? {
        Reply::Partner(partner) => Ok(json(status, &shown(app, &partner)?)),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

async fn list(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (wish, store) = (Wish::read(app, &uri)?, app.ledger.snapshot());
    let keep = |row: &Partner| wish.keeps(Some(&row.campaign), row.state.word());
    let page = list::rows(&*store, wish.cursor.as_deref(), wish.limit, keep)?;
    let items = page.items.iter().map(|row| shown(app, row)).collect::<Result<Vec<_>, _>>()?;
    Ok(answer(items, page.next.as_deref()))
}

async fn one(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    Ok(ok(&shown(app, &known(app, &target)?)?))
}

async fn make(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let asked: PartnerBody = json_body(body, BODY_MAX).await?;
    let (make, contact) = asked.fresh()?;
    let entry = Entry::new(Command::MakePartner(make), by(asked.reason)).aside(Some(Aside::Contact(contact)));
    submit(app, entry, StatusCode::CREATED).await
}

async fn change(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let known = known(app, &target)?;
    let asked: PartnerBody = json_body(body, BODY_MAX).await?;
    let current = known.terms.last().map(|(_, terms)| terms);
    let terms = read_terms(current, asked.commission.as_ref(), asked.recurring.as_ref(), asked.products.as_ref())?;
    let is_paused = match asked.status.as_deref() {
        None => None,
        Some("active") => Some(false),
        Some("paused") => Some(true),
        Some(_) => return Err(Problem::bad_request("status is active or paused; DELETE erases a partner")),
    };
    if asked.campaign.as_ref().is_some_and(|campaign| *campaign != known.campaign) {
        return Err(Problem::bad_request("a partner stays in their campaign"));
    }
    let before = people::contact(&*app.ledger.snapshot(), known.id)?;
    let before = before.ok_or_else(|| Problem::not_found("no such partner"))?;
    let contact = asked.contact(before)?;
    let command = Command::ChangePartner(ChangePartner { partner: known.id, terms, rail: asked.rail()?, is_paused });
    let entry = Entry::new(command, by(asked.reason)).aside(Some(Aside::Contact(contact)));
    submit(app, entry, StatusCode::OK).await
}

async fn erase(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let partner = target.id("partner")?;
    let command = Command::ErasePartner(ErasePartner { partner });
    submit(app, Entry::new(command, by(None)), StatusCode::OK).await
}

#[derive(Default, Deserialize)]
struct CouponBody {
    offer: Option<String>,
    custom_code: Option<String>,
    count: Option<u32>,
    expires_at: Option<String>,
    offer_code_id: Option<String>,
    commission: Option<Value>,
    recurring: Option<Value>,
    products: Option<BTreeMap<String, Value>>,
    reason: Option<String>,
}

/// Apple makes no fewer of a custom code.
const FEWEST: u32 = 500;

impl CouponBody {
    fn wanted(&self, config: &config::App, now: At) -> Result<Wanted, Problem> {
        match (&self.offer, &self.custom_code) {
            (Some(offer), None) if is_line(offer, 255) => Ok(Wanted::Offer(offer.clone())),
            (Some(_), None) => Err(Problem::bad_request("offer is the offer's reference name")),
            (None, Some(code)) => {
                let code = CodeText::parse(code).map(|code| code.upper());
                let code =
                    code.ok_or_else(|| Problem::bad_request("custom_code is 1 to 64 letters and digits of ASCII"))?;
                let count = self.count.unwrap_or(FEWEST);
                if !(FEWEST..=1_000_000).contains(&count) {
                    return Err(Problem::bad_request("count is 500 to 1000000: Apple makes no fewer"));
                }
                let expires = self.expires_at.as_deref().map(|text| {
                    let date = parse_date(text.get(..10).unwrap_or(text));
                    let date = date.filter(|date| date.codes_stop() > now);
                    date.ok_or_else(|| Problem::bad_request("expires_at is a date to come, YYYY-MM-DD"))
                });
                if config.app_store_connect.is_none() {
                    return Err(Problem::bad_request("custom codes are made through app_store_connect: configure it"));
                }
                let offer_code_id = self.offer_code_id.clone().filter(|id| !id.is_empty());
                Ok(Wanted::Custom { code, count, expires: expires.transpose()?, offer_code_id })
            }
            _ => Err(Problem::bad_request("say what identifies the sales: offer, or custom_code")),
        }
    }
}

async fn add_coupon(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let partner = known(app, &target)?;
    let asked: CouponBody = json_body(body, BODY_MAX).await?;
    let wanted = asked.wanted(&app.config, app.clock.now())?;
    let current = partner.terms.last().map(|(_, terms)| terms);
    let terms = read_terms(current, asked.commission.as_ref(), asked.recurring.as_ref(), asked.products.as_ref())?;
    let command = Command::AddCoupon(AddCoupon { partner: partner.id, wanted, terms });
    coupon(app, Entry::new(command, by(asked.reason))).await
}

/// Apple takes a custom code back for ever.
async fn end_coupon(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let coupon_id = read_id(target.coupon.as_deref().unwrap_or_default(), "coupon")?;
    let end = EndCoupon { partner: target.id("partner")?, coupon: coupon_id };
    coupon(app, Entry::new(Command::EndCoupon(end), by(None))).await
}

async fn coupon(app: &App, entry: Entry) -> Result<Response, Problem> {
    let is_end = matches!(entry.command, Command::EndCoupon(_));
    let answer = match app.ledger.submit(entry).await {
        Err(fail @ Fail::Refused(Refusal::TooManyOffers)) => {
            // As many as there may be.
            let in_use = list::count(&*app.ledger.snapshot(), "coupon", "", "own_offer")?;
            return Err(Problem::from(fail).with("own_offers", object!({"in_use": in_use})));
        }
        answer => answer?,
    };
    match answer {
        Reply::Coupon { coupon, fresh, offers } => {
            let status = if fresh && !is_end { StatusCode::CREATED } else { StatusCode::OK };
            let mut shown = view::coupon(&coupon, app.clock.now());
            shown["own_offers"] = object!({"in_use": offers.in_use, "limit": offers.limit});
            Ok(json(status, &shown))
        }
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

async fn statement(State(admin): State<Arc<Admin>>, Path(target): Parts, uri: Uri) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let partner = known(app, &target)?;
    let [format] = query(&uri, ["format"])?;
    match format.as_deref() {
        Some("csv") => statement::csv(app, &partner),
        None | Some("json") => {
            let mut shown = statement::json(app, &partner)?;
            shown["partner"] = self::shown(app, &partner)?;
            Ok(ok(&shown))
        }
        Some(_) => Err(Problem::bad_request("format is json or csv")),
    }
}

#[derive(Default, Deserialize)]
struct LinkBody {
    days: Option<i64>,
}

/// A link by which the partner sees their statement, for so many days.
async fn link(State(admin): State<Arc<Admin>>, Path(target): Parts, body: Body) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let partner = known(app, &target)?;
    if partner.is_erased() {
        return Err(Problem::not_found("no such partner"));
    }
    let asked: LinkBody = optional_json_body(body, BODY_MAX).await?;
    let days = asked.days.unwrap_or(30);
    if !(1..=365).contains(&days) {
        return Err(Problem::bad_request("days is 1 to 365"));
    }
    let until = app.clock.now().plus(Span::days(days));
    let url = format!("{}/p/{}", app.public_url, statement::token(app, partner.id, until));
    Ok(json(StatusCode::CREATED, &object!({"url": url, "expires_at": rfc3339(until)})))
}
