//! What Apple itself says, signed: a purchase that nobody else reports, one that the app shows, one that was missed,
//! and a refund.

use super::super::screen::Screen;
use super::super::stage::{DAYS, OFFER, PRODUCT, Said, Stage, until};
use super::{Halt, REFERRER, Told, none, only, same, status, step, text};
use crate::domain::at::{At, Span};
use crate::domain::policy::Environment;
use crate::fake::apple_chain::Chain;
use crate::fake::apple_event::{Notification, Transaction, body, deliver};
use crate::wire::text::rfc3339;
use anyhow::{Context, Result, bail, ensure};
use hyper::Method;
use serde_json::{Value, json};
use std::io::Write;

/// As Swift writes a UUID; Apple writes small letters.
const TOLD_BY_APPLE: &str = "8C2E4A50-7B1D-4F3E-9A66-D1F0B3C5E701";
const TOLD_BY_APP: &str = "8C2E4A50-7B1D-4F3E-9A66-D1F0B3C5E702";
const MISSED: &str = "8C2E4A50-7B1D-4F3E-9A66-D1F0B3C5E703";
const FORGER: &str = "user-1006";

/// Purchases that are credited here.
const PURCHASES: u32 = 3;
const MONTH: Span = Span::days(DAYS as i64);

pub async fn walk<W: Write>(stage: &Stage, screen: &mut Screen<W>, granted: At) -> Result<(), Halt> {
    screen.heading("And by Apple's own word, where RevenueCat stays silent")?;
    let bought = step(screen, "apple only", apple_only(stage)).await?;
    step(screen, "app shows", app_shows(stage)).await?;
    step(screen, "false root", false_root(stage)).await?;
    step(screen, "missed", missed(stage)).await?;
    step(screen, "healed", healed(stage)).await?;
    let end = granted.plus(Span(MONTH.0 * i64::from(PURCHASES)));
    step(screen, "moved", moved(stage, end)).await?;
    let shorter = end.minus(MONTH);
    step(screen, "refund", refund(stage, &bought, shorter)).await?;
    step(screen, "taken back", taken_back(stage, shorter)).await
}

async fn apple_only(stage: &Stage) -> Told<Transaction> {
    let code = next_code(stage).await?;
    let said = stage.app(TOLD_BY_APPLE, Method::POST, "/referral/claim", Some(json!({"code": code}))).await?;
    status(&said, 201)?;
    let bought = bought("310000000000001", stage).token(&TOLD_BY_APPLE.to_ascii_lowercase());
    let result = stage.notified(&Notification::subscribed(&bought, stage.clock.now())).await?;
    arrived(result)?;
    let stored = credited(stage, TOLD_BY_APPLE, "claim+notification").await?;
    let redemption = only(stage.items(&format!("/redemptions?user={TOLD_BY_APPLE}")).await?, "redemption")?;
    same("who told of it", &redemption["sources"], vec!["apple"])?;
    let lines = vec![
        format!("→ POST /referral/claim {{code: {code}}} as {TOLD_BY_APPLE}"),
        "outside: they buy with the offer; the appAccountToken of the purchase is their user id".to_owned(),
        format!("→ POST /webhooks/apple {{SUBSCRIBED/INITIAL_BUY, offerIdentifier: {OFFER}}}, signed"),
        format!("← 200; stored: completion credited by {}, {} days", text(&stored["method"]), stored["days"]),
    ];
    Ok((bought, lines))
}

async fn app_shows(stage: &Stage) -> Told<()> {
    let (code, bought) = (next_code(stage).await?, bought("310000000000002", stage));
    stage.store.add(&bought, None);
    let said = confirm(stage, TOLD_BY_APP, &code, &stage.on_device(&bought)).await?;
    status(&said, 200)?;
    same("status", &said.body["status"], "credited")?;
    let stored = credited(stage, TOLD_BY_APP, "claim+transaction").await?;
    let named = async || Ok(stage.store.token(Environment::Production, bought.original_id()));
    let token = until("Apple to be told whose it is", named).await?;
    same("the appAccountToken", &token.into(), TOLD_BY_APP.to_ascii_lowercase())?;
    let lines = vec![
        format!("→ POST /referral/confirm-redemption {{signed_transaction}} as {TOLD_BY_APP}"),
        format!("← 200 credited at once; stored: by {}", text(&stored["method"])),
        format!("→ PUT /inApps/v1/transactions/{}/appAccountToken", bought.original_id()),
        "← 200: what Apple says of this subscription names the user from now on".to_owned(),
    ];
    Ok(((), lines))
}

async fn false_root(stage: &Stage) -> Told<()> {
    let (code, now) = (next_code(stage).await?, stage.clock.now());
    let (chain, app) = (Chain::new(now), stage.store.app());
    let bought = bought("310000000000003", stage);
    let said = confirm(stage, FORGER, &code, &bought.signed(&chain, app, now)).await?;
    status(&said, 401)?;
    same("problem", &said.body["type"], "urn:referd:problem:bad-signature")?;
    let forged = body(&Notification::subscribed(&bought, now).signed(&chain, app));
    let said: Said = deliver(&stage.notification_url(Environment::Production), forged).await?.into();
    status(&said, 401)?;
    for noun in ["claims", "redemptions", "journal"] {
        none(stage.items(&format!("/{noun}?user={FORGER}")).await?, noun)?;
    }
    let lines = vec![
        format!("→ the same two requests for {FORGER}, signed with a chain from another root"),
        "← 401 bad-signature, both times; nothing stored".to_owned(),
    ];
    Ok(((), lines))
}

async fn missed(stage: &Stage) -> Told<()> {
    let share_url = stage.app(REFERRER, Method::GET, "/referral/stats", None).await?.body["share_url"].clone();
    let slug = text(&share_url).rsplit('/').next().unwrap_or_default().to_owned();
    let said = stage.app(MISSED, Method::POST, "/referral/claim", Some(json!({"slug": slug}))).await?;
    status(&said, 201)?;
    let bought = bought("310000000000004", stage).token(&MISSED.to_ascii_lowercase());
    let result = stage.missed(&Notification::subscribed(&bought, stage.clock.now())).await?;
    ensure!(result == "SOCKET_ISSUE", "expected Apple to reach nobody, got {result}");
    let stored = only(stage.items(&format!("/claims?user={MISSED}")).await?, "claim")?;
    same("claim", &stored["status"], "pending")?;
    let lines = vec![
        format!("→ POST /referral/claim {{slug: {slug}}} as {MISSED}"),
        format!("outside: they buy; Apple has a wrong address, and reaches nobody: {result}"),
        format!("stored: claim {}; nothing is known of the purchase", text(&stored["status"])),
    ];
    Ok(((), lines))
}

async fn healed(stage: &Stage) -> Told<()> {
    status(&stage.wish("/notifications/catch-up", &json!({"environment": "PRODUCTION"})).await?, 202)?;
    let completed = async || Ok(stage.items(&format!("/completions?user={MISSED}")).await?.into_iter().next());
    until("the missed purchase", completed).await?;
    let stored = credited(stage, MISSED, "claim+notification").await?;
    let all = stage.items("/completions?status=credited").await?.len();
    let expected = 1 + PURCHASES as usize;
    ensure!(all == expected, "expected {expected} credited completions, got {all}");
    let calls = stage.store.calls();
    let read = calls.iter().find(|call| call.path == "/inApps/v1/notifications/history");
    let read = read.context("expected the history to be read, got no such call")?;
    let lines = vec![
        "→ POST /admin/notifications/catch-up  ← 202".to_owned(),
        format!("→ POST {}  ← {}, all that Apple sent since the start", read.path, read.status.unwrap_or_default()),
        format!("stored: completion credited by {}; what was known is not counted again", text(&stored["method"])),
    ];
    Ok(((), lines))
}

/// Each of the completions moved the end, and RevenueCat has the last one.
async fn moved(stage: &Stage, end: At) -> Told<()> {
    has_expiry(stage, end).await?;
    let lines = vec![
        format!("→ POST /v1/subscribers/{REFERRER}/entitlements/premium/promotional {{end_time_ms}}"),
        format!("← 201; its expiry {} is {PURCHASES} times {DAYS} days further", rfc3339(end)),
    ];
    Ok(((), lines))
}

async fn refund(stage: &Stage, bought: &Transaction, end: At) -> Told<()> {
    arrived(stage.notified(&Notification::refund(bought, stage.clock.now())).await?)?;
    let stored = only(stage.items(&format!("/completions?user={TOLD_BY_APPLE}")).await?, "completion")?;
    same("completion", &stored["status"], "reversed")?;
    same("reasons", &stored["reasons"], vec!["refund"])?;
    let held = stage.admin(&format!("/users/{TOLD_BY_APPLE}")).await?;
    same("subscription", &held["subscriptions"][0]["status"], "revoked")?;
    let progress = stage.app(REFERRER, Method::GET, "/referral/stats", None).await?.body;
    same("completions", &progress["completions"], json!({"credited": PURCHASES, "held": 0, "reversed": 1}))?;
    same("granted_until", &progress["granted_until"], rfc3339(end))?;
    let lines = vec![
        format!("→ POST /webhooks/apple {{REFUND of transaction {}}}, signed", bought.id()),
        format!(
            "← 200; stored: completion {}, {REFERRER} is granted until {}",
            text(&stored["status"]),
            text(&progress["granted_until"])
        ),
    ];
    Ok(((), lines))
}

/// RevenueCat lets the furthest end win, so all is revoked before the shorter end is granted.
async fn taken_back(stage: &Stage, end: At) -> Told<()> {
    has_expiry(stage, end).await?;
    let calls = stage.revenuecat.calls();
    let paths: Vec<&str> =
        calls.iter().filter(|call| call.method == Method::POST).map(|call| call.path.as_str()).collect();
    let [.., revoked, granted] = paths[..] else { bail!("expected several POSTs to RevenueCat, got {}", paths.len()) };
    ensure!(revoked.ends_with("/revoke_promotionals"), "expected a revocation before the grant, got {revoked}");
    let lines = vec![
        format!("→ POST {revoked}"),
        format!("→ POST {granted} {{end_time_ms}}"),
        format!("← 201; its expiry {} is {DAYS} days nearer", rfc3339(end)),
    ];
    Ok(((), lines))
}

async fn has_expiry(stage: &Stage, end: At) -> Result<()> {
    let there = async || Ok(stage.revenuecat.promo_end(REFERRER).filter(|expiry| *expiry == end));
    until(&format!("RevenueCat's expiry to be {}", rfc3339(end)), there).await.map(drop)
}

/// The first month of a subscription, with an offer code.
fn bought(id: &str, stage: &Stage) -> Transaction {
    Transaction::purchase(id, stage.clock.now()).product(PRODUCT).offer_code(OFFER)
}

/// The code before was used.
async fn next_code(stage: &Stage) -> Result<String> {
    let said = stage.app(REFERRER, Method::GET, "/referral/my-code", None).await?;
    status(&said, 200)?;
    Ok(text(&said.body["code"]))
}

async fn confirm(stage: &Stage, user: &str, code: &str, signed: &str) -> Result<Said> {
    let target = format!("/referral/confirm-redemption?referral_code={code}");
    stage.app(user, Method::POST, &target, Some(json!({"signed_transaction": signed}))).await
}

fn arrived(result: &str) -> Result<()> {
    ensure!(result == "SUCCESS", "expected Apple's attempt to succeed, got {result}");
    Ok(())
}

/// The only completion of a referee.
async fn credited(stage: &Stage, referee: &str, method: &str) -> Result<Value> {
    let stored = only(stage.items(&format!("/completions?user={referee}")).await?, "completion")?;
    same("completion", &stored["status"], "credited")?;
    same("method", &stored["method"], method)?;
    same("referrer", &stored["referrer"], REFERRER)?;
    same("days", &stored["days"], DAYS)?;
    Ok(stored)
}
