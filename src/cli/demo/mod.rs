//! The whole loop on this machine, with no account: the real appliance beside stand-ins. What a
//! newcomer runs first.

mod screen;
mod stage;
mod story;

use super::args::Demo;
use anyhow::{Context, Result, bail};
use hyper::Method;
use screen::{Screen, has_colours};
use serde_json::json;
use stage::{OFFER, PRODUCT, Stage};
use std::io::{Write, stdout};
use story::REFERRER;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether every step held.
pub async fn run(asked: &Demo) -> Result<bool> {
    let mut stop = Stop::listen()?;
    let mut screen = Screen::new(stdout(), has_colours());
    let stage = Stage::set().await?;
    let ended = tokio::select! {
        held = story::tell(&stage, &mut screen) => held,
        () = stop.told() => Ok(false),
    };
    let ended = match ended {
        Ok(true) if asked.serve => serve(&stage, &mut screen, &mut stop).await.map(|()| true),
        other => other,
    };
    stage.close().await;
    ended
}

/// Ctrl-C, or what a service manager sends.
struct Stop {
    term: Signal,
    int: Signal,
}

impl Stop {
    fn listen() -> Result<Stop> {
        Ok(Stop { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }
    async fn told(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

async fn serve<W: Write>(stage: &Stage, screen: &mut Screen<W>, stop: &mut Stop) -> Result<()> {
    screen.line("")?;
    screen.heading("Up until Ctrl-C. Another round, to be pasted one after the other:")?;
    for (what, command) in commands(stage).await? {
        screen.line(&format!("\n# {what}\n{command}"))?;
    }
    tokio::select! {
        () = stop.told() => Ok(()),
        () = stage.house.failed() => bail!("the disk failed"),
    }
}

const GUEST: &str = "user-2001";

/// What each command does, and the command: another user claims the referrer's next code, and buys.
async fn commands(stage: &Stage) -> Result<Vec<(String, String)>> {
    let next = stage.app(REFERRER, Method::GET, "/referral/my-code", None).await?;
    let code = next.body["code"].as_str().context("the referrer has no next code")?;
    let now = stage.clock.now().0;
    let event = json!({
        "type": "INITIAL_PURCHASE", "id": format!("by-hand-{now}"), "app_user_id": GUEST, "store": "APP_STORE",
        "environment": "PRODUCTION", "product_id": PRODUCT, "transaction_id": format!("{now}"),
        "event_timestamp_ms": now, "purchased_at_ms": now, "offer_code": OFFER,
    });
    let event = json!({"api_version": "1.0", "event": event});
    let (url, admin) = (&stage.url, format!("{}/admin", stage.admin_url));
    let user = |user| format!("-H 'Authorization: Bearer {}' -H 'X-Referd-User: {user}'", stage.keys.server.expose());
    let operator = format!("-H 'Authorization: Bearer {}'", stage.keys.admin.expose());
    let revenuecat = format!("-H 'Authorization: {}'", stage.keys.webhook.expose());
    let sends = "-H 'Content-Type: application/json' -d";
    let body = json!({ "code": code });
    let row = |what: &str, rest: String| (what.to_owned(), format!("curl -sS {rest}"));
    Ok(vec![
        row("the referrer's next code", format!("{} {url}/referral/my-code", user(REFERRER))),
        row("another user claims it", format!("{} {sends} '{body}' {url}/referral/claim", user(GUEST))),
        row(
            "and buys with it: RevenueCat says so",
            format!("{revenuecat} {sends} '{event}' {url}/webhooks/revenuecat"),
        ),
        row("the referrer's progress", format!("{} {url}/referral/stats", user(REFERRER))),
        row("the stock", format!("{operator} {admin}/pool")),
        row("why is it so?", format!("{operator} {admin}/explain/{code}")),
    ])
}
