//! How things stand.

use super::{Admin, Parts};
use crate::domain::batch::Batch;
use crate::domain::certificate::Standing;
use crate::domain::hearing::Hearing;
use crate::domain::pool::Pool;
use crate::domain::purchase::Source;
use crate::http::extract::ok;
use crate::http::front::App;
use crate::http::metrics::{heard, oldest};
use crate::http::problem::Problem;
use crate::http::route::{Content, Route, Who, get};
use crate::http::tls::Certificates;
use crate::ledger::key::Key;
use crate::ledger::store::Store;
use crate::ledger::{Error, list};
use crate::wire::text::rfc3339;
use crate::wire::view;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    vec![
        get(Who::Admin, "/stats", stats, "How things stand, by campaign and status")
            .answers(200, Content::One("stats")),
        get(Who::Admin, "/pool", pool, "The stock of every campaign").answers(200, Content::Items("stock")),
    ]
}

async fn stats(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let store = app.ledger.snapshot();
    let mut campaigns = Map::new();
    for campaign in &app.config.campaigns {
        let id = &campaign.policy.campaign;
        let of = |noun: &'static str, words: &[&str]| -> Result<Value, Error> {
            let mut counts = Map::new();
            for word in words {
                counts.insert((*word).to_owned(), list::count(&*store, noun, id, word)?.into());
            }
            Ok(Value::Object(counts))
        };
        let credited = list::count(&*store, "completion", id, "credited")?;
        let handed: u64 = ["pending", "used", "expired", "void"]
            .iter()
            .map(|word| list::count(&*store, "code", id, word))
            .sum::<Result<u64, Error>>()?;
        let rate = if handed == 0 { Value::Null } else { json!(credited as f64 / handed as f64) };
        let mut body = json!({
            "codes": of("code", &["pending", "used", "expired", "void"])?,
            "claims": of("claim", &["pending", "completed", "rejected", "superseded"])?,
            "redemptions": of("redemption", &["unattributed", "attributed", "rejected"])?,
            "completions": of("completion", &["held", "credited", "reversed", "rejected"])?,
            "referrers": list::count(&*store, "referrer", id, "")?,
            "completions_per_code": rate,
        });
        if campaign.policy.payout.is_some() {
            body["partners"] = of("partner", &["active", "paused", "erased"])?;
            body["conversions"] = of("conversion", &["pending", "approved", "rejected", "paid", "test"])?;
            body["payouts"] = of("payout", &["draft", "approved", "sent", "settled", "failed", "cancelled"])?;
        }
        if campaign.policy.wins_back() {
            let words = ["waiting", "declined", "issued", "came_back", "came_back_with_code"];
            body["winbacks"] = of("winback", &words)?;
        }
        campaigns.insert(id.clone(), body);
    }
    let unmatched = list::count(&*store, "redemption", "", "unattributed")?;
    let (mut webhooks, mut quiet) = (Map::new(), Vec::new());
    for source in Source::HOOKS {
        let heard = heard(app, source)?;
        webhooks.insert(source.word().to_owned(), heard.map(|heard| rfc3339(heard.last)).into());
        quiet.extend(heard.filter(|heard| heard.is_quiet(app.clock.now())).map(|_| source.word()));
    }
    let sales = |status| list::count(&*store, "sale", "", status);
    let alerts: u64 =
        list::counts(&*store, "alert")?.into_iter().filter(|(_, status, _)| status == "open").map(|row| row.2).sum();
    Ok(ok(&json!({
        "app": app.config.name,
        "campaigns": campaigns,
        "sales": { "attributed": sales("attributed")?, "unattributed": sales("unattributed")? },
        "open_alerts": alerts,
        "redemptions_of_other_offers": unmatched,
        "outbox": outbox(app)?,
        "last_webhook": webhooks,
        "quiet_sources": quiet,
        "notifications": notifications(app)?,
        "backup": backup(app),
        "certificate": admin.certificates.as_deref().map(certificate),
    })))
}

fn backup(app: &App) -> Value {
    let standing = app.backups.standing();
    let age = standing.last.map(|at| (app.clock.now().0 - at.0).max(0) / 1000);
    json!({ "last_at": standing.last.map(rfc3339), "age_seconds": age, "failing": standing.trouble.is_some() })
}

/// One for the whole appliance.
fn certificate(shown: &Certificates) -> Value {
    let Standing { source, until, failures, trouble } = shown.standing();
    json!({
        "source": source.word(),
        "expires_at": until.map(rfc3339),
        "days_left": shown.days_left(),
        "fault": shown.fault(),
        "failures": failures,
        "trouble": trouble,
        "warning": shown.warning(),
    })
}

/// How far Apple's notifications were read, by environment.
pub fn notifications(app: &App) -> Result<Vec<Value>, Error> {
    let rows = list::rows(&*app.ledger.snapshot(), None, usize::MAX, |_: &Hearing| true)?;
    Ok(rows.items.iter().map(view::hearing).collect())
}

fn outbox(app: &App) -> Result<Value, Error> {
    let (mut waiting, mut begun, mut dead) = (0, 0, 0);
    for (_, status, count) in list::counts(&*app.ledger.snapshot(), "outbox")? {
        match status.as_str() {
            "waiting" => waiting += count,
            "begun" => begun += count,
            "dead" => dead += count,
            _ => {}
        }
    }
    Ok(json!({ "waiting": waiting, "begun": begun, "dead": dead, "oldest_at": oldest(app)?.map(rfc3339) }))
}

async fn pool(State(admin): State<Arc<Admin>>, Path(target): Parts) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let items = app.config.campaigns.iter().map(|campaign| one_pool(app, &campaign.policy.campaign));
    let items = items.collect::<Result<Vec<Value>, Error>>()?;
    Ok(ok(&json!({ "items": items })))
}

pub fn one_pool(app: &App, campaign: &str) -> Result<Value, Error> {
    let store = app.ledger.snapshot();
    let rules = store.rules_of(campaign)?.ok_or(Error::Broken("a campaign that was not adopted"))?;
    let pool: Option<Pool> = store.row(&Key::new().text(campaign).done())?;
    let pool = pool.ok_or(Error::Broken("a campaign without a pool"))?;
    let count = |status| list::count(&*store, "code", campaign, status);
    let handed = view::Handed {
        pending: count("pending")?,
        used: count("used")?,
        expired: count("expired")?,
        void: count("void")?,
    };
    let mut batches = list::rows(&*store, None, usize::MAX, |batch: &Batch| batch.campaign == campaign)?.items;
    batches.sort_by_key(|batch| (batch.requested_at, batch.id));
    Ok(view::pool(&pool, &rules.policy, &handed, &batches, app.clock.now()))
}
