//! The routes of the App Store Server stand-in, the same on both hosts, each about its own environment.

use super::history::{Filter, Wanted, pairs};
use super::purchases::is_uuid;
use super::refusal::{Refusal, answer, trouble, unauthorized};
use super::{Store, consumption, extension, token};
use crate::domain::at::{At, Span};
use crate::domain::policy::Environment;
use crate::fake::apple_event::{Notification, Transaction, status, word};
use crate::fake::calls::Calls;
use crate::fake::faults::{Api, Fault, Faults, Op};
use crate::fake::uuid;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long the status of a TEST can be asked for.
const TESTS_KEPT: Span = Span::days(180);

/// One host.
#[derive(Clone)]
struct Host {
    store: Arc<Store>,
    environment: Environment,
}

type Shared = State<Host>;
type Id = Result<Path<String>, PathRejection>;

pub fn router(store: Arc<Store>, environment: Environment, faults: &Faults, calls: &Calls) -> Router {
    let host = Host { store, environment };
    let routes = Router::new()
        .route("/inApps/v1/transactions/{id}", get(transaction))
        .route("/inApps/v1/transactions/{id}/appAccountToken", put(set_token))
        .route("/inApps/v1/transactions/consumption/{id}", put(async |host, id, body| consume(1, host, id, body)))
        .route("/inApps/v2/transactions/consumption/{id}", put(async |host, id, body| consume(2, host, id, body)))
        .route("/inApps/v1/subscriptions/{id}", get(statuses))
        .route("/inApps/v1/subscriptions/extend/{id}", put(extend))
        .route("/inApps/v2/history/{id}", get(transactions))
        .route("/inApps/v1/notifications/history", post(notifications))
        .route("/inApps/v1/notifications/test", post(request_test))
        .route("/inApps/v1/notifications/test/{token}", get(test_status))
        .method_not_allowed_fallback(async || trouble(StatusCode::METHOD_NOT_ALLOWED))
        .fallback(async || trouble(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(host.clone(), door))
        .with_state(host);
    calls.watch(faults.guard(routes, Api { op, trouble }))
}

fn op(method: &Method, path: &str) -> Option<Op> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["inApps", "v1", "transactions", _]) => Some(Op::TransactionInfo),
        ("PUT", ["inApps", "v1", "transactions", _, "appAccountToken"]) => Some(Op::SetToken),
        ("PUT", ["inApps", "v1" | "v2", "transactions", "consumption", _]) => Some(Op::SendConsumption),
        ("GET", ["inApps", "v1", "subscriptions", _]) => Some(Op::Statuses),
        ("PUT", ["inApps", "v1", "subscriptions", "extend", _]) => Some(Op::Extend),
        ("GET", ["inApps", "v2", "history", _]) => Some(Op::TransactionHistory),
        ("POST", ["inApps", "v1", "notifications", "history"]) => Some(Op::NotificationHistory),
        ("POST", ["inApps", "v1", "notifications", "test"]) => Some(Op::RequestTest),
        ("GET", ["inApps", "v1", "notifications", "test", _]) => Some(Op::TestStatus),
        _ => None,
    }
}

/// The token, and an error that was armed, before any path is looked at.
async fn door(State(host): Shared, fault: Option<Extension<Fault>>, request: Request, next: Next) -> Response {
    let setup = &host.store.setup;
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    if !bearer.is_some_and(|bearer| token::accepts(&setup.key, bearer, &setup.app.bundle_id, host.store.now())) {
        return unauthorized();
    }
    match fault {
        Some(Extension(Fault::Code(code))) => Refusal(code).into_response(),
        _ => next.run(request).await,
    }
}

impl Host {
    fn signed(&self, transaction: &Transaction, now: At) -> String {
        transaction.signed(&self.store.setup.chain, &self.store.setup.app, now)
    }
    /// The members that several answers begin with.
    fn about(&self) -> Value {
        let app = &self.store.setup.app;
        json!({"environment": word(self.environment), "bundleId": app.bundle_id, "appAppleId": app.apple_id})
    }
}

fn read_id(id: Id) -> Result<String, Refusal> {
    id.map(|Path(id)| id).map_err(|_| Refusal::TRANSACTION_ID)
}

fn ok(body: &Value) -> Response {
    answer(StatusCode::OK, body)
}

async fn transaction(State(host): Shared, id: Id) -> Result<Response, Refusal> {
    let id = read_id(id)?;
    let transaction = host.store.side(host.environment).purchases.transaction(&id)?;
    Ok(ok(&json!({"signedTransactionInfo": host.signed(&transaction, host.store.now())})))
}

async fn set_token(State(host): Shared, id: Id, body: Bytes) -> Result<Response, Refusal> {
    let id = read_id(id)?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| Refusal::BAD_REQUEST)?;
    let token = body.get("appAccountToken").and_then(Value::as_str).unwrap_or_default();
    host.store.side(host.environment).purchases.set_token(&id, token)?;
    Ok(StatusCode::OK.into_response())
}

fn consume(version: u8, State(host): Shared, id: Id, body: Bytes) -> Result<Response, Refusal> {
    let id = read_id(id)?;
    let mut side = host.store.side(host.environment);
    let transaction = side.purchases.transaction(&id)?;
    let said = consumption::read(version, &body, &transaction)?;
    side.consumptions.record(&id, version, said);
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn extend(
    State(host): Shared,
    id: Id,
    fault: Option<Extension<Fault>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Path(id) = id.map_err(|_| Refusal::ORIGINAL_TRANSACTION_ID)?;
    let (store, environment) = (host.store, host.environment);
    let now = store.now();
    let wish = extension::Extension::read(&body)?;
    if let Some(Extension(Fault::NotExtending)) = fault {
        store.side(environment).purchases.extendable(&id, now)?;
        return Ok(ok(&extension::render(&id, None)));
    }
    let (extended, renewal) = store.side(environment).purchases.extend(&id, wish, now)?;
    let told = Notification::renewal_extended(&extended, now).renewing(|usual| renewal.unwrap_or(usual));
    if let Some(place) = store.file(&told) {
        store.send(environment, place);
    }
    Ok(ok(&extension::render(&id, Some(&extended))))
}

async fn transactions(State(host): Shared, id: Id, uri: Uri) -> Result<Response, Refusal> {
    let id = read_id(id)?;
    let filter = Filter::read(uri.query().unwrap_or_default())?;
    let all = host.store.side(host.environment).purchases.of_customer(&id)?;
    let (page, revision, has_more) = filter.page(all);
    let now = host.store.now();
    let mut body = json!({"revision": revision, "hasMore": has_more});
    let signed = page.iter().map(|transaction| Value::from(host.signed(transaction, now)));
    merge(&mut body, host.about());
    body["signedTransactions"] = signed.collect();
    Ok(ok(&body))
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// The latest transaction of each of a customer's subscriptions, by subscription group.
async fn statuses(State(host): Shared, id: Id, uri: Uri) -> Result<Response, Refusal> {
    let id = read_id(id)?;
    let wanted = pairs(uri.query().unwrap_or_default()).filter(|(name, _)| *name == "status");
    let wanted = wanted.map(|(_, value)| value.parse().ok().filter(|status| (1..=5).contains(status)));
    let wanted: Vec<u8> = wanted.collect::<Option<_>>().ok_or(Refusal::STATUS)?;
    let now = host.store.now();

    let mut latest = BTreeMap::new();
    {
        let side = host.store.side(host.environment);
        for transaction in side.purchases.of_customer(&id)?.into_iter().filter(Transaction::is_subscription) {
            let original = transaction.original_id().to_owned();
            let older = |one: &(Transaction, _)| one.0.purchased_at() <= transaction.purchased_at();
            if latest.get(&original).is_none_or(older) {
                let renewal = side.purchases.renewal(&original);
                latest.insert(original, (transaction, renewal));
            }
        }
    }
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (original, (transaction, renewal)) in latest {
        let status = status(&transaction, renewal.as_ref(), now);
        if !wanted.is_empty() && !wanted.contains(&status) {
            continue;
        }
        let mut last = json!({
            "originalTransactionId": original,
            "status": status,
            "signedTransactionInfo": host.signed(&transaction, now),
        });
        if let Some(renewal) = renewal {
            last["signedRenewalInfo"] = json!(renewal.signed(&host.store.setup.chain, now));
        }
        let group = transaction.text("subscriptionGroupIdentifier").unwrap_or_default();
        groups.entry(group.to_owned()).or_default().push(last);
    }
    let group = |(group, last)| json!({"subscriptionGroupIdentifier": group, "lastTransactions": last});
    let mut body = host.about();
    body["data"] = groups.into_iter().map(group).collect();
    Ok(ok(&body))
}

async fn notifications(State(host): Shared, uri: Uri, body: Bytes) -> Result<Response, Refusal> {
    let wanted = Wanted::read(&body, host.store.now())?;
    let query = uri.query().unwrap_or_default();
    let token = pairs(query).find(|(name, _)| *name == "paginationToken").map(|(_, value)| value);
    let side = host.store.side(host.environment);
    Ok(ok(&wanted.page(side.outbox.history(), token)?))
}

async fn request_test(State(host): Shared) -> Result<Response, Refusal> {
    let (store, environment) = (host.store, host.environment);
    let number = store.side(environment).outbox.next_test();
    let mut test = Notification::test(store.now());
    if environment == Environment::Sandbox {
        test = test.sandbox();
    }
    let own = uuid(&[b"test", word(environment).as_bytes(), &number.to_be_bytes()]);
    let test = test.set("notificationUUID", json!(own));
    let place = store.file(&test).ok_or(Refusal::NO_URL)?;
    let token = store.side(environment).outbox.name(place);
    store.send(environment, place);
    Ok(ok(&json!({ "testNotificationToken": token })))
}

async fn test_status(State(host): Shared, token: Id) -> Result<Response, Refusal> {
    let token = token.map(|Path(token)| token).map_err(|_| Refusal::TEST_TOKEN)?;
    if !is_uuid(&token) {
        return Err(Refusal::TEST_TOKEN);
    }
    let side = host.store.side(host.environment);
    let oldest = host.store.now().minus(TESTS_KEPT);
    let test = side.outbox.test(&token).filter(|sent| !sent.attempts.is_empty() && oldest <= sent.at);
    Ok(ok(&test.ok_or(Refusal::NO_TEST)?.render()))
}
