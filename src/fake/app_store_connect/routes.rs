//! The routes of the App Store Connect stand-in, and the checks that every request passes first.

use super::batch::{self, TYPE};
use super::refusal::{Flaw, Refusal, answer};
use super::shape::{Shape, kind, text};
use super::{Account, OFFER_TYPE, custom_code, report, token};
use crate::fake::calls::Calls;
use crate::fake::faults::{Api, Fault, Faults, Op};
use crate::fake::lock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::Arc;

const MOST_PER_PAGE: usize = 200;
const USUAL_PER_PAGE: usize = 50;

type Shared = State<Arc<Account>>;

pub fn router(account: Arc<Account>, faults: &Faults, calls: &Calls) -> Router {
    let routes = Router::new()
        .route("/v1/subscriptionOfferCodeOneTimeUseCodes", post(create))
        .route("/v1/subscriptionOfferCodeOneTimeUseCodes/{id}", get(one_batch).patch(deactivate_batch))
        .route("/v1/subscriptionOfferCodeOneTimeUseCodes/{id}/values", get(values))
        .route("/v1/subscriptionOfferCodeCustomCodes", post(create_custom_code))
        .route("/v1/subscriptionOfferCodeCustomCodes/{id}", patch(deactivate_custom_code))
        .route("/v1/subscriptionOfferCodes/{id}", get(offer).patch(deactivate_offer))
        .route("/v1/subscriptionOfferCodes/{id}/oneTimeUseCodes", get(batches))
        .route("/v1/subscriptionOfferCodes/{id}/customCodes", get(custom_codes))
        .route(report::PATH, get(sales_report))
        .method_not_allowed_fallback(async || Refusal::plain(StatusCode::METHOD_NOT_ALLOWED))
        .fallback(async || Refusal::plain(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(account.clone(), door))
        .with_state(account.clone());
    let api = Api { op, trouble: |status| Refusal::plain(status).into_response() };
    let metered = faults.guard(routes, api).layer(from_fn_with_state(account, meter));
    calls.watch(metered)
}

fn op(method: &Method, path: &str) -> Option<Op> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("POST", ["v1", TYPE]) => Some(Op::CreateBatch),
        ("GET", ["v1", TYPE, _, "values"]) => Some(Op::Values),
        ("GET", ["v1", OFFER_TYPE, _, "oneTimeUseCodes"]) => Some(Op::ListBatches),
        ("POST", ["v1", custom_code::TYPE]) => Some(Op::CreateCustomCode),
        ("PATCH", ["v1", custom_code::TYPE, _]) => Some(Op::EndCustomCode),
        ("GET", ["v1", OFFER_TYPE, _, "customCodes"]) => Some(Op::ListCustomCodes),
        ("GET", ["v1", "salesReports"]) => Some(Op::SalesReport),
        _ => None,
    }
}

/// Every answer says what is left of the hour.
async fn meter(State(account): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let mut book = lock(&account.book);
    let left = if response.status() == 429 { 0 } else { book.remaining(account.clock.now()) };
    let text = format!("user-hour-lim:{};user-hour-rem:{left};", book.hourly_limit);
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert("x-rate-limit", value);
    }
    response
}

/// Token, budget and `Accept`, before any path is looked at.
async fn door(State(account): Shared, request: Request, next: Next) -> Response {
    let now = account.clock.now();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if !bearer.is_some_and(|bearer| token::accepts(&account.key, bearer, request.method(), target, now)) {
        return Refusal::unauthorized().into_response();
    }
    {
        let mut book = lock(&account.book);
        if book.remaining(now) == 0 {
            return Refusal::plain(StatusCode::TOO_MANY_REQUESTS).into_response();
        }
        book.spent.push_back(now);
    }
    let produced = match request.uri().path() {
        report::PATH => report::MEDIA_TYPE,
        path if path.ends_with("/values") => "text/csv",
        _ => "application/json",
    };
    if !takes(request.headers(), produced) {
        let text = (header::CONTENT_TYPE, "text/plain;charset=utf-8");
        return (StatusCode::NOT_ACCEPTABLE, [text], format!("only {produced} is produced here")).into_response();
    }
    next.run(request).await
}

/// Whether `Accept` allows a media type; without the header anything goes.
fn takes(headers: &HeaderMap, produced: &str) -> bool {
    let mut accepts = headers.get_all(header::ACCEPT).iter().peekable();
    let family = produced.split('/').next().unwrap_or_default();
    accepts.peek().is_none()
        || accepts.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|range| {
            let range = range.split(';').next().unwrap_or_default().trim();
            range == "*/*" || range == produced || range.strip_suffix("/*") == Some(family)
        })
}

fn read_json(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    serde_json::from_slice(body).map_err(|_| {
        Flaw::new("ENTITY_INVALID", "The body cannot be read.", "The body is not JSON.").of(StatusCode::BAD_REQUEST)
    })
}

fn document(status: StatusCode, data: Value) -> Response {
    let own = data["links"]["self"].clone();
    answer(status, &json!({"data": data, "links": {"self": own}}))
}

async fn create(State(account): Shared, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let made = account.create(batch::Wish::read(&read_json(&headers, &body)?)?)?;
    Ok(created(&format!("{}/v1/{TYPE}", account.base_url), &made.resource(&account.base_url)))
}

async fn create_custom_code(State(account): Shared, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let made = account.create_custom_code(custom_code::Wish::read(&read_json(&headers, &body)?)?)?;
    Ok(created(&format!("{}/v1/{}", account.base_url, custom_code::TYPE), &made.resource(&account.base_url)))
}

fn created(place: &str, data: &Value) -> Response {
    let mut response = answer(StatusCode::CREATED, &json!({"data": data, "links": {"self": place}}));
    let own = data["links"]["self"].as_str().unwrap_or_default();
    if let Ok(value) = HeaderValue::try_from(own) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

async fn one_batch(State(account): Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    let book = lock(&account.book);
    let batch = book.batches.iter().find(|batch| batch.id == id).ok_or_else(|| Refusal::not_found("batch"))?;
    Ok(document(StatusCode::OK, batch.resource(&account.base_url)))
}

async fn offer(State(account): Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    Ok(document(StatusCode::OK, lock(&account.book).offer(&id, &account.base_url)?))
}

async fn values(
    State(account): Shared,
    Path(id): Path<String>,
    fault: Option<Extension<Fault>>,
) -> Result<Response, Refusal> {
    let book = lock(&account.book);
    let batch = book.batches.iter().find(|batch| batch.id == id).ok_or_else(|| Refusal::not_found("batch"))?;
    let whole = batch.number as usize;
    let shown = match fault.map(|Extension(fault)| fault) {
        Some(Fault::ValuesDelay) => return Err(Refusal::not_found("list of codes")),
        Some(Fault::EmptyValues) => return Ok(csv(String::new())),
        Some(Fault::ShortValues { missing }) => whole.saturating_sub(missing),
        _ => whole,
    };
    Ok(csv(book.csv.render(batch.codes(account.seed).take(shown), account.apple_id)))
}

fn csv(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/csv")], text).into_response()
}

/// What a PATCH may say: this resource, `active`, nothing else.
fn read_patch(kind_of: &'static str, id: &str, body: &Value) -> Result<Option<bool>, Refusal> {
    let mut shape = Shape::default();
    let data = &shape.object(body, "", &["data"], &[])["data"];
    shape.object(data, "/data", &["type", "id"], &["attributes"]);
    shape.read("/data/type", data.get("type"), kind(kind_of));
    let named = shape.read("/data/id", data.get("id"), text);
    let attributes = data.get("attributes");
    if let Some(attributes) = attributes {
        shape.object(attributes, "/data/attributes", &[], &["active"]);
    }
    let active = attributes.and_then(|attributes| attributes.get("active"));
    let active = shape.read("/data/attributes/active", active, Value::as_bool);
    shape.finish()?;
    if named.as_deref() != Some(id) {
        let detail = "The id in the body is not the one in the path.";
        let flaw = Flaw::new("ENTITY_ERROR.ID.INVALID", "The body names another resource.", detail);
        return Err(flaw.pointer("/data/id").of(StatusCode::CONFLICT));
    }
    Ok(active)
}

/// Deactivation is one-way: an inactive resource takes no further change.
fn set_active(active: &mut bool, wish: Option<bool>, what: &str) -> Result<(), Refusal> {
    if !*active {
        return Err(Refusal::inactive(what));
    }
    *active = wish.unwrap_or(true);
    Ok(())
}

async fn deactivate_batch(
    State(account): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let wish = read_patch(TYPE, &id, &read_json(&headers, &body)?)?;
    let mut book = lock(&account.book);
    let batch = book.batches.iter_mut().find(|batch| batch.id == id).ok_or_else(|| Refusal::not_found("batch"))?;
    set_active(&mut batch.active, wish, "batch")?;
    Ok(document(StatusCode::OK, batch.resource(&account.base_url)))
}

async fn deactivate_custom_code(
    State(account): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let wish = read_patch(custom_code::TYPE, &id, &read_json(&headers, &body)?)?;
    let mut book = lock(&account.book);
    let custom = book.custom_codes.iter_mut().find(|custom| custom.id == id);
    let custom = custom.ok_or_else(|| Refusal::not_found("custom code"))?;
    set_active(&mut custom.active, wish, "custom code")?;
    if !custom.active {
        custom.expires = Some(account.clock.now().date());
    }
    Ok(document(StatusCode::OK, custom.resource(&account.base_url)))
}

async fn deactivate_offer(
    State(account): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let wish = read_patch(OFFER_TYPE, &id, &read_json(&headers, &body)?)?;
    let mut book = lock(&account.book);
    let offer = book.offers.iter_mut().find(|offer| offer.id == id).ok_or_else(|| Refusal::not_found("offer"))?;
    set_active(&mut offer.active, wish, "offer")?;
    Ok(document(StatusCode::OK, book.offer(&id, &account.base_url)?))
}

struct Page {
    limit: usize,
    from: usize,
}

impl Page {
    fn read(query: &str) -> Result<Page, Refusal> {
        let mut page = Page { limit: USUAL_PER_PAGE, from: 0 };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let invalid = || Refusal::parameter("PARAMETER_ERROR.INVALID", name);
            match name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST_PER_PAGE).contains(limit));
                    page.limit = limit.ok_or_else(invalid)?;
                }
                "cursor" => page.from = from_cursor(value).ok_or_else(invalid)?,
                other => return Err(Refusal::parameter("PARAMETER_ERROR.ILLEGAL", other)),
            }
        }
        Ok(page)
    }
}

fn cursor(from: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("from:{from}"))
}

fn from_cursor(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("from:")?.parse().ok()
}

async fn batches(State(account): Shared, Path(id): Path<String>, uri: Uri) -> Result<Response, Refusal> {
    let book = lock(&account.book);
    book.offer(&id, &account.base_url)?;
    let of_offer = book.batches.iter().filter(|batch| batch.offer == id);
    page(&account.base_url, &uri, of_offer.map(|batch| batch.resource(&account.base_url)).collect())
}

async fn custom_codes(State(account): Shared, Path(id): Path<String>, uri: Uri) -> Result<Response, Refusal> {
    let book = lock(&account.book);
    book.offer(&id, &account.base_url)?;
    let of_offer = book.custom_codes.iter().filter(|custom| custom.offer == id);
    page(&account.base_url, &uri, of_offer.map(|custom| custom.resource(&account.base_url)).collect())
}

/// The page of a list that the query asks for.
fn page(base_url: &str, uri: &Uri, all: Vec<Value>) -> Result<Response, Refusal> {
    let Page { limit, from } = Page::read(uri.query().unwrap_or_default())?;
    let total = all.len();
    let data: Vec<Value> = all.into_iter().skip(from).take(limit).collect();

    let list = format!("{base_url}{}", uri.path());
    let own = uri.path_and_query().map_or("", |target| target.as_str());
    let mut links = json!({"self": format!("{base_url}{own}"), "first": format!("{list}?limit={limit}")});
    let mut paging = json!({"total": total, "limit": limit});
    if from + data.len() < total && !data.is_empty() {
        let cursor = cursor(from + data.len());
        links["next"] = json!(format!("{list}?cursor={cursor}&limit={limit}"));
        paging["nextCursor"] = json!(cursor);
    }
    Ok(answer(StatusCode::OK, &json!({"data": data, "links": links, "meta": {"paging": paging}})))
}

async fn sales_report(State(account): Shared, uri: Uri) -> Result<Response, Refusal> {
    let day = report::asked(uri.query().unwrap_or_default())?;
    let book = lock(&account.book);
    if !book.reports_allowed {
        return Err(Refusal::plain(StatusCode::FORBIDDEN));
    }
    let lines = book.reports.get(&day).ok_or_else(report::none)?;
    let gzip = report::packed(lines).map_err(|_| Refusal::plain(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(([(header::CONTENT_TYPE, report::MEDIA_TYPE)], gzip).into_response())
}
