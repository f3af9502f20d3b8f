//! What other rules would have made of what happened.

use super::args::Simulate;
use super::{admin, offline, show};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::policy::Policy;
use crate::ledger::people;
use crate::ledger::simulate::simulate;
use crate::wire::text::rfc3339;
use crate::wire::view::View;
use anyhow::{Result, bail};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

pub async fn run(config: &Config, asked: &Simulate, json: bool) -> Result<bool> {
    let app = offline::app(config, asked.app.as_deref())?;
    let policies: Vec<Policy> = app.campaigns.iter().map(|campaign| campaign.policy.clone()).collect();
    let path = format!("/admin/{}/rules/simulate", app.name);
    let body = json!({"since": rfc3339(asked.since), "campaigns": policies}).to_string().into_bytes();
    let found: Value = match admin::ask(&config.admin, Method::POST, &path, body).await? {
        Some(answer) if answer.status == StatusCode::OK => serde_json::from_slice(&answer.body)?,
        Some(answer) => bail!("the running appliance answered {}", answer.status),
        None => {
            let ledger = offline::open(config, app)?;
            let store = ledger.snapshot();
            let name = people::names(store.clone());
            View { name: &name }.simulation(&simulate(&store, &policies, asked.since, SystemClock.now())?)
        }
    };
    print(&found, json)?;
    Ok(true)
}

fn print(found: &Value, json: bool) -> Result<()> {
    let items = found["items"].as_array().cloned().unwrap_or_default();
    let mut sum = found.clone();
    sum.as_object_mut().map(|members| members.remove("items"));
    if show::as_json(json) {
        show::lines(&items)?;
        return Ok(show::lines(&[sum])?);
    }
    let state = |state: &Value| match state {
        Value::Null => "none".to_owned(),
        state => {
            let reasons: Vec<&str> =
                state["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("{} {} {}", state["status"].as_str().unwrap_or(""), state["days"], reasons.join(","))
        }
    };
    let row = |item: &Value| {
        json!({
            "referrer": item["referrer"], "referee": item["referee"], "campaign": item["campaign"],
            "was": state(&item["was"]), "would be": state(&item["would"]),
        })
    };
    let rows: Vec<Value> = items.iter().map(row).collect();
    if !rows.is_empty() {
        show::table(&rows, &["campaign", "referrer", "referee", "was", "would be"])?;
        println!();
    }
    let days = [&sum["days"], &sum["days_then"]].map(|days| days.as_i64().unwrap_or(0));
    println!(
        "{} commands decided again, {} refused: {} completions would be held, {} released, {} refused, {} otherwise; \
         {} days instead of {} ({:+})",
        sum["commands"],
        sum["commands_refused"],
        sum["held"],
        sum["released"],
        sum["refused"],
        sum["other"],
        days[1],
        days[0],
        days[1] - days[0]
    );
    Ok(())
}
