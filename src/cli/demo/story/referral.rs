//! The loop, from a batch of codes to the referrer's free days, as RevenueCat tells of it.

use super::super::screen::Screen;
use super::super::stage::{BATCH, DAYS, OFFER, Stage, until};
use super::{Halt, REFERRER, Told, kept, none, only, same, status, step, text};
use crate::domain::at::{At, Span};
use crate::fake::revenuecat_event::Event;
use crate::wire::text::{parse_rfc3339, rfc3339};
use anyhow::{Context, bail, ensure};
use hyper::Method;
use serde_json::{Value, json};
use std::io::Write;

const REFEREE: &str = "user-1002";
const SELFISH: &str = "user-1003";
const STRANGER: &str = "user-1004";
const NOBODY: &str = "user-1005";

struct Card {
    code: String,
    share_url: String,
}

/// The end that the referrer was granted.
pub async fn walk<W: Write>(stage: &Stage, screen: &mut Screen<W>) -> Result<At, Halt> {
    screen.heading("referd demo: the whole referral loop on this machine (→ sent, ← answered and stored)")?;
    step(screen, "start", start(stage)).await?;
    step(screen, "stock", stock(stage)).await?;
    let card = step(screen, "my-code", my_code(stage)).await?;
    step(screen, "share page", share_page(stage, &card)).await?;
    step(screen, "claim", claim(stage, &card)).await?;
    step(screen, "own code", own_code(stage)).await?;
    step(screen, "too early", too_early(stage, &card)).await?;
    let event = step(screen, "redemption", redemption(stage)).await?;
    step(screen, "twice", twice(stage, &event)).await?;
    step(screen, "forged", forged(stage)).await?;
    step(screen, "no claim", no_claim(stage)).await?;
    let end = step(screen, "grant", grant(stage)).await?;
    step(screen, "stats", stats(stage, end)).await?;
    step(screen, "explain", explain(stage, &card)).await?;
    Ok(end)
}

async fn start(stage: &Stage) -> Told<()> {
    status(&stage.anyone(&format!("{}/readyz", stage.url)).await?, 200)?;
    let (connect, server, revenuecat) =
        (stage.apple.base_url(), stage.store.production_url(), stage.revenuecat.base_url());
    let lines = vec![
        format!("referd on {}, its private side on {}", stage.url, stage.admin_url),
        format!("stand-ins: App Store Connect {connect}, RevenueCat {revenuecat},"),
        format!("App Store Server {server}, which signs with a root of its own"),
    ];
    Ok(((), lines))
}

async fn stock(stage: &Stage) -> Told<()> {
    let stocked = async || {
        let pool = stage.items("/pool").await?.into_iter().next().unwrap_or_default();
        Ok(Some(pool).filter(|pool| pool["available"] == BATCH))
    };
    let pool = until("a whole batch in stock", stocked).await?;
    let calls = stage.apple.calls();
    let asked: Vec<_> = calls.iter().filter(|call| call.method == Method::POST).collect();
    let [asked] = asked[..] else { bail!("expected one batch to be asked for, got {}", asked.len()) };
    ensure!(asked.status == Some(201), "expected App Store Connect to answer 201, got {:?}", asked.status);
    let wish: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let wish = &wish["data"]["attributes"];
    same("codes asked for", &wish["numberOfCodes"], BATCH)?;
    same("batch", &pool["batches"][0]["status"], "ready")?;
    let lines = vec![
        format!("→ POST {} {{numberOfCodes: {}}} with an ES256 token", asked.path, wish["numberOfCodes"]),
        format!(
            "← 201, then GET …/values: {} codes stored, to be used until {}",
            pool["available"],
            text(&pool["batches"][0]["expires"])
        ),
    ];
    Ok(((), lines))
}

async fn my_code(stage: &Stage) -> Told<Card> {
    let ask = async || stage.app(REFERRER, Method::GET, "/referral/my-code", None).await;
    let (first, second) = (ask().await?, ask().await?);
    status(&first, 200)?;
    status(&second, 200)?;
    same("the code asked for again", &second.body["code"], first.body["code"].clone())?;
    let card = Card { code: text(&first.body["code"]), share_url: text(&first.body["share_url"]) };
    ensure!(card.share_url.starts_with(&stage.url), "expected a share_url on {}, got {}", stage.url, card.share_url);
    let lines = vec![
        format!("→ GET /referral/my-code as {REFERRER}, and once more: the same code"),
        format!("← 200 {{code: {}, share_url: {}}}", card.code, card.share_url),
    ];
    Ok((card, lines))
}

async fn share_page(stage: &Stage, card: &Card) -> Told<()> {
    let page = stage.anyone(&card.share_url).await?;
    status(&page, 200)?;
    ensure!(page.text.contains(&card.code), "expected a page that shows {}, got one without it", card.code);
    let path = card.share_url.trim_start_matches(&stage.url);
    let lines = vec![format!("→ GET {path} as anyone  ← 200, a page that shows {}", card.code)];
    Ok(((), lines))
}

async fn claim(stage: &Stage, card: &Card) -> Told<()> {
    let said = stage.app(REFEREE, Method::POST, "/referral/claim", Some(json!({"code": card.code}))).await?;
    status(&said, 201)?;
    same("claim", &said.body["claim"]["status"], "pending")?;
    let stored = only(stage.items(&format!("/claims?user={REFEREE}")).await?, "claim")?;
    same("the claim's referrer", &stored["referrer"], REFERRER)?;
    let lines = vec![
        format!("→ POST /referral/claim {{code: {}}} as {REFEREE}", card.code),
        format!("← 201 {{claim: {}}}; stored: {REFEREE} uses a code of {REFERRER}", text(&stored["status"])),
    ];
    Ok(((), lines))
}

async fn own_code(stage: &Stage) -> Told<()> {
    let own = stage.app(SELFISH, Method::GET, "/referral/my-code", None).await?;
    status(&own, 200)?;
    let body = json!({"code": own.body["code"]});
    let said = stage.app(SELFISH, Method::POST, "/referral/claim", Some(body)).await?;
    status(&said, 422)?;
    same("problem", &said.body["type"], "urn:referd:problem:self-referral")?;
    let stored = only(stage.items(&format!("/completions?user={SELFISH}")).await?, "completion")?;
    same("completion", &stored["status"], "rejected")?;
    same("reasons", &stored["reasons"], vec!["self_referral"])?;
    let lines = vec![
        format!("→ POST /referral/claim {{code: {}}} as {SELFISH}, whose own code it is", text(&own.body["code"])),
        format!("← 422 self-referral; stored: completion {}, nobody credited", text(&stored["status"])),
    ];
    Ok(((), lines))
}

async fn too_early(stage: &Stage, card: &Card) -> Told<()> {
    let target = format!("/referral/confirm-redemption?referral_code={}", card.code);
    let said = stage.app(REFEREE, Method::POST, &target, None).await?;
    status(&said, 202)?;
    same("status", &said.body["status"], "awaiting_purchase")?;
    none(stage.items(&format!("/completions?user={REFEREE}")).await?, "completion")?;
    let lines = vec![
        format!("→ POST {target} as {REFEREE}"),
        format!("← 202 {}: the app's word alone credits nobody", text(&said.body["status"])),
    ];
    Ok(((), lines))
}

async fn redemption(stage: &Stage) -> Told<Event> {
    let event = Event::initial_purchase(REFEREE, stage.clock.now()).offer(OFFER);
    let said = stage.webhook(stage.keys.webhook.expose(), &event).await?;
    kept(&said, "kept")?;
    let stored = only(stage.items(&format!("/completions?user={REFEREE}")).await?, "completion")?;
    same("completion", &stored["status"], "credited")?;
    same("method", &stored["method"], "claim+revenuecat")?;
    same("referrer", &stored["referrer"], REFERRER)?;
    same("days", &stored["days"], DAYS)?;
    let lines = vec![
        format!("outside: {REFEREE} redeems in the App Store; Apple names the offer and never the code"),
        format!("→ POST /webhooks/revenuecat {{INITIAL_PURCHASE of {REFEREE}, offer_code: {OFFER}}}"),
        format!(
            "← 200 kept; stored: completion {} by {}, {} days for {REFERRER}",
            text(&stored["status"]),
            text(&stored["method"]),
            stored["days"]
        ),
    ];
    Ok((event, lines))
}

async fn twice(stage: &Stage, event: &Event) -> Told<()> {
    kept(&stage.webhook(stage.keys.webhook.expose(), event).await?, "repeated")?;
    only(stage.items("/completions?status=credited").await?, "credited completion")?;
    let lines = vec!["→ the same webhook again  ← 200 repeated; still one credited completion".to_owned()];
    Ok(((), lines))
}

async fn forged(stage: &Stage) -> Told<()> {
    let event = Event::initial_purchase(NOBODY, stage.clock.now()).offer(OFFER);
    status(&stage.webhook("not what was agreed", &event).await?, 401)?;
    none(stage.items(&format!("/redemptions?user={NOBODY}")).await?, "redemption")?;
    none(stage.items(&format!("/journal?user={NOBODY}")).await?, "journal entry")?;
    let lines = vec![format!("→ a webhook for {NOBODY} with a wrong Authorization  ← 401; nothing stored")];
    Ok(((), lines))
}

async fn no_claim(stage: &Stage) -> Told<()> {
    let event = Event::initial_purchase(STRANGER, stage.clock.now()).offer(OFFER);
    kept(&stage.webhook(stage.keys.webhook.expose(), &event).await?, "kept")?;
    let stored = only(stage.items(&format!("/redemptions?user={STRANGER}")).await?, "redemption")?;
    same("redemption", &stored["status"], "unattributed")?;
    only(stage.items("/completions?status=credited").await?, "credited completion")?;
    let lines = vec![
        format!("→ POST /webhooks/revenuecat {{INITIAL_PURCHASE of {STRANGER}, offer_code: {OFFER}}}"),
        format!("← 200 kept; stored: redemption {}, for there is no claim; nobody credited", text(&stored["status"])),
    ];
    Ok(((), lines))
}

/// The end that was granted.
async fn grant(stage: &Stage) -> Told<At> {
    let delivered = async || {
        let sent = stage.items(&format!("/outbox?status=done&user={REFERRER}")).await?;
        Ok(sent.into_iter().next())
    };
    let sent = until("a delivered grant", delivered).await?;
    let calls = stage.revenuecat.calls();
    let calls: Vec<_> = calls.iter().filter(|call| call.method == Method::POST).collect();
    let [call] = calls[..] else { bail!("expected one POST to RevenueCat, got {}", calls.len()) };
    ensure!(call.status == Some(201), "expected RevenueCat to answer 201, got {:?}", call.status);
    let end = call.end.context("expected an end_time_ms in the grant, got none")?;
    same("the outbox's end", &sent["end"], rfc3339(end))?;
    let expiry = stage.revenuecat.promo_end(REFERRER).map(rfc3339);
    same("RevenueCat's expiry", &expiry.into(), rfc3339(end))?;
    let credited = only(stage.items("/completions?status=credited").await?, "credited completion")?;
    let from = parse_rfc3339(&text(&credited["credited_at"])).context("expected the time of the credit, got none")?;
    let days = i64::from(DAYS);
    same("the end", &rfc3339(end).into(), rfc3339(from.plus(Span::days(days))))?;
    let lines = vec![
        format!("→ POST {} {{end_time_ms}}", call.path),
        format!("← 201; its expiry {} is the end sent: the credit + {days} days", rfc3339(end)),
    ];
    Ok((end, lines))
}

async fn stats(stage: &Stage, end: At) -> Told<()> {
    let said = stage.app(REFERRER, Method::GET, "/referral/stats", None).await?;
    status(&said, 200)?;
    same("completions", &said.body["completions"], json!({"credited": 1, "held": 0, "reversed": 0}))?;
    same("days_earned", &said.body["days_earned"], DAYS)?;
    same("granted_until", &said.body["granted_until"], rfc3339(end))?;
    let lines = vec![
        format!("→ GET /referral/stats as {REFERRER}"),
        format!(
            "← 200 {{credited: {}, days_earned: {}, granted_until: {}}}",
            said.body["completions"]["credited"],
            said.body["days_earned"],
            text(&said.body["granted_until"])
        ),
    ];
    Ok(((), lines))
}

/// Entries of the journal that are shown.
const SHOWN: usize = 3;

async fn explain(stage: &Stage, card: &Card) -> Told<()> {
    let entries = stage.items(&format!("/explain/{}", card.code)).await?;
    let summaries: Vec<String> = entries.iter().map(|entry| text(&entry["summary"])).collect();
    let tells = summaries.iter().any(|line| line.contains("credited"));
    ensure!(tells, "expected an entry that credits somebody, got {summaries:?}");
    let mut lines = vec![format!("→ GET /admin/explain/{}  ← why, from the journal:", card.code)];
    lines.extend(entries.iter().zip(&summaries).take(SHOWN).map(|(entry, line)| format!("#{} {line}", entry["seq"])));
    Ok(((), lines))
}
