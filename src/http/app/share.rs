//! A referrer's own code and progress.

use crate::domain::decide::share::MyCode;
use crate::domain::decide::{By, Command, Reply};
use crate::domain::extension::{Extension, ExtensionState};
use crate::domain::reward::Account;
use crate::http::extract::{ok, query};
use crate::http::front::App;
use crate::http::problem::Problem;
use crate::http::route::{CAMPAIGN, Content, Route, Who, get};
use crate::ledger::store::Store;
use crate::ledger::{circle, list, referrer};
use crate::wire::text::rfc3339;
use axum::extract::State;
use axum::response::Response;
use hyper::{HeaderMap, Uri};
use serde_json::{Value, json};
use std::sync::Arc;

pub fn routes() -> Vec<Route<Arc<App>>> {
    vec![
        get(Who::User, "/referral/my-code", my_code, "The referrer's current code: the same one until it is used")
            .query(&[CAMPAIGN])
            .answers(200, Content::One("shared_code"))
            .refuses(&["not-found", "pool-empty"]),
        get(Who::User, "/referral/stats", stats, "The caller's own progress")
            .query(&[CAMPAIGN])
            .answers(200, Content::One("progress"))
            .refuses(&["not-found"]),
    ]
}

async fn my_code(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let [campaign] = query(&uri, ["campaign"])?;
    let campaign = app.campaign(campaign.as_deref())?.policy.campaign.clone();
    let command = Command::MyCode(MyCode { campaign, person: app.ledger.person(&user) });
    match app.submit(command, By::App, vec![user], None).await? {
        Reply::Code { code, slug } => Ok(ok(&Value::Object(app.shared(&code, &slug)))),
        Reply::Empty { slug, .. } => Err(app.empty(&slug)),
        _ => Err(Problem::internal("an answer of another kind")),
    }
}

async fn stats(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let user = app.user(&headers).await?;
    let [campaign] = query(&uri, ["campaign"])?;
    let policy = &app.campaign(campaign.as_deref())?.policy;
    let campaign = &policy.campaign;
    let (store, person) = (app.ledger.snapshot(), app.ledger.person(&user));
    let row = referrer(&*store, campaign, person)?;
    let account: Option<Account> = store.row(circle(&*store, person)?.name().as_bytes())?;
    let is_done = |row: &Extension| matches!(row.state, ExtensionState::Extended { .. });
    let extended = list::rows_of(&*store, person, None, usize::MAX, is_done)?.items;
    let count = |of: fn(&crate::domain::referrer::Referrer) -> u32| row.as_ref().map_or(0, of);
    let counted = count(|row| row.counted);
    let next = policy.reward.milestones.iter().find(|milestone| milestone.referrals > counted);
    let next =
        next.map(|next| json!({"referrals": next.referrals, "days": next.days, "missing": next.referrals - counted}));
    Ok(ok(&json!({
        "campaign": campaign,
        "shared_codes": count(|row| row.shared),
        "completions": {
            "credited": count(|row| row.credited),
            "held": count(|row| row.held),
            "reversed": count(|row| row.reversed),
        },
        "days_earned": count(|row| row.days),
        "days_extended": extended.iter().map(|row| row.days).sum::<u32>(),
        "granted_until": account.and_then(|account| account.granted_until()).map(rfc3339),
        "next_milestone": next,
        "share_url": row.as_ref().map(|row| app.share_url(&row.slug)),
    })))
}
