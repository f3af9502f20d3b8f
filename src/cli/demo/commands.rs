//! What can be pasted while the demonstration stays up: another user claims the referrer's next code, buys, and is
//! refunded.

use super::stage::{OFFER, PRODUCT, Stage};
use super::story::REFERRER;
use crate::domain::at::{At, Span};
use crate::fake::apple_event::{Notification, Transaction, body};
use anyhow::{Context, Result};
use hyper::Method;
use serde_json::{Value, json};

const GUEST: &str = "user-2001";

/// What each command does, and the command.
pub async fn commands(stage: &Stage) -> Result<Vec<(String, String)>> {
    let next = stage.app(REFERRER, Method::GET, "/referral/my-code", None).await?;
    let code = next.body["code"].as_str().context("the referrer has no next code")?;
    let now = stage.clock.now();
    let bought = Transaction::purchase(&now.0.to_string(), now).product(PRODUCT).offer_code(OFFER);
    // What Apple signed is too long for a command.
    let shown =
        stage.file("confirm.json", json!({"signed_transaction": stage.on_device(&bought)}).to_string().as_bytes())?;
    let refund = Notification::refund(&bought, now.plus(Span::millis(1)));
    let refund = stage.file("refund.json", &body(&refund.signed(stage.store.chain(), stage.store.app())))?;

    let (url, admin) = (&stage.url, format!("{}/admin", stage.admin_url));
    let user = |user| format!("-H 'Authorization: Bearer {}' -H 'X-Referd-User: {user}'", stage.keys.server.expose());
    let operator = format!("-H 'Authorization: Bearer {}'", stage.keys.admin.expose());
    let revenuecat = format!("-H 'Authorization: {}'", stage.keys.webhook.expose());
    let sends = "-H 'Content-Type: application/json' -d";
    let (claim, event, environment) =
        (json!({"code": code}), purchase(&bought, now), json!({"environment": "PRODUCTION"}));
    let (shown, refund) = (shown.display(), refund.display());
    let row = |what: &str, rest: String| (what.to_owned(), format!("curl -sS {rest}"));
    Ok(vec![
        row("the referrer's next code", format!("{} {url}/referral/my-code", user(REFERRER))),
        row("another user claims it", format!("{} {sends} '{claim}' {url}/referral/claim", user(GUEST))),
        row(
            "and buys with it: RevenueCat says so",
            format!("{revenuecat} {sends} '{event}' {url}/webhooks/revenuecat"),
        ),
        row(
            "the app shows the same purchase, signed by Apple's stand-in: nothing is counted twice",
            format!("{} {sends} '@{shown}' '{url}/referral/confirm-redemption?referral_code={code}'", user(GUEST)),
        ),
        row("the referrer's progress", format!("{} {url}/referral/stats", user(REFERRER))),
        row("Apple tells of a refund: the days are taken back", format!("{sends} '@{refund}' {url}/webhooks/apple")),
        row("all that is held about that user", format!("{operator} {admin}/users/{GUEST}")),
        row(
            "Apple is asked for a TEST notification",
            format!("{operator} {sends} '{environment}' {admin}/notifications/test"),
        ),
        row(
            "what Apple sent is read again",
            format!("{operator} {sends} '{environment}' {admin}/notifications/catch-up"),
        ),
        row("how both went, when two seconds have passed", format!("{operator} {admin}/notifications")),
        row("the stock", format!("{operator} {admin}/pool")),
        row("why is it so?", format!("{operator} {admin}/explain/{code}")),
    ])
}

/// The purchase as RevenueCat tells of it.
fn purchase(bought: &Transaction, now: At) -> Value {
    let event = json!({
        "type": "INITIAL_PURCHASE", "id": format!("by-hand-{}", now.0), "app_user_id": GUEST, "store": "APP_STORE",
        "environment": "PRODUCTION", "product_id": PRODUCT, "transaction_id": bought.id(),
        "original_transaction_id": bought.original_id(), "event_timestamp_ms": now.0,
        "purchased_at_ms": bought.purchased_at().0, "offer_code": OFFER,
    });
    json!({"api_version": "1.0", "event": event})
}
