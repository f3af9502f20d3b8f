//! A pool that was kept elsewhere: its codes and its completions, from dumps of its tables.

use super::listed::{self, Listed};
use super::{Admin, BODY_MAX, Parts, body, by, is_dry};
use crate::config;
use crate::domain::at::{At, Date, Span};
use crate::domain::code::CodeText;
use crate::domain::decide::bring::{BringCode, BringCompletion, Brought};
use crate::domain::decide::{By, Command};
use crate::http::extract::{ok, query};
use crate::http::front::App;
use crate::http::problem::Problem;
use crate::http::route::{CAMPAIGN, CSV, Content, DRY_RUN, Query, Route, Who, post};
use crate::ledger::Ledger;
use crate::ledger::bring::Line;
use crate::ledger::intake::List;
use crate::wire::alma::{self, Completed, PooledCode};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::Uri;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

const DAYS: Query = Query::maybe("days", "count", "What a completion earned, where its row does not say.");

pub fn routes() -> Vec<Route<Arc<Admin>>> {
    let dump = |route: Route<Arc<Admin>>| {
        route.query(&[CAMPAIGN, DAYS, DRY_RUN]).takes(CSV).answers(200, Content::One("list_answer"))
    };
    vec![
        dump(post(Who::Admin, "/import/alma/codes", codes, "Takes in the codes of a pool that was kept elsewhere")),
        dump(post(
            Who::Admin,
            "/import/alma/completions",
            completions,
            "Takes in the completions of a pool that was kept elsewhere",
        )),
    ]
}

/// How a dump is to be read.
pub struct Dump {
    pub campaign: String,
    /// What a completion earned, where its row does not say.
    pub days: u32,
    pub is_dry: bool,
    pub by: By,
    pub now: At,
}

impl Dump {
    /// Of a campaign in which users share.
    pub fn of(campaign: &config::Campaign, days: Option<u32>, is_dry: bool, by: By, now: At) -> Result<Dump, Problem> {
        let policy = &campaign.policy;
        if !policy.is_for_sharing() {
            return Err(Problem::bad_request("a pool of users' codes belongs in a campaign of kind referral"));
        }
        let days = days.unwrap_or(policy.reward.days);
        Ok(Dump { campaign: policy.campaign.clone(), days, is_dry, by, now })
    }

    fn read(app: &App, uri: &Uri) -> Result<Dump, Problem> {
        let [campaign, days, dry] = query(uri, ["campaign", "days", "dry_run"])?;
        let days = days.map(|days| days.parse().map_err(|_| Problem::bad_request("days is a whole number")));
        Dump::of(app.campaign(campaign.as_deref())?, days.transpose()?, is_dry(dry), by(None), app.clock.now())
    }
}

async fn codes(
    State(admin): State<Arc<Admin>>,
    Path(target): Parts,
    uri: Uri,
    content: Body,
) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (dump, content) = (Dump::read(app, &uri)?, body(content, BODY_MAX).await?);
    Ok(ok(&take_codes(&app.ledger, &dump, &content).await?))
}

async fn completions(
    State(admin): State<Arc<Admin>>,
    Path(target): Parts,
    uri: Uri,
    content: Body,
) -> Result<Response, Problem> {
    let app = admin.app(&target)?;
    let (dump, content) = (Dump::read(app, &uri)?, body(content, BODY_MAX).await?);
    Ok(ok(&take_completions(&app.ledger, &dump, &content).await?))
}

/// Codes that somebody has are theirs; the others go into the stock when those are in.
pub async fn take_codes(ledger: &Ledger, dump: &Dump, content: &[u8]) -> Result<Value, Problem> {
    let (mut table, mut listed) = listed::read(content, alma::CODES)?;
    let (mut lines, mut stock) = (Vec::new(), BTreeMap::<Date, Vec<CodeText>>::new());
    for (number, row) in table.rows() {
        listed.count("rows", 1);
        match row.and_then(|row| alma::code(&row)) {
            Err(why) => listed.refuse(number, "malformed", &why),
            Ok(None) => listed.count("ended", 1),
            Ok(Some(PooledCode { text, expires_at, held: None })) => {
                stock.entry(last_day(expires_at)).or_default().push(text);
            }
            Ok(Some(PooledCode { text, expires_at, held: Some(held) })) => {
                let command = Command::BringCode(BringCode {
                    campaign: dump.campaign.clone(),
                    text,
                    holder: ledger.person(&held.holder),
                    expires_at,
                    assigned_at: held.assigned_at,
                    state: held.state,
                });
                lines.push(Line { number, command, people: vec![held.holder] });
            }
        }
    }
    bring(ledger, dump, lines, &mut listed).await?;
    for (expires, codes) in stock {
        if expires.codes_stop() <= dump.now {
            listed.count("ended", codes.len());
            continue;
        }
        let list = List { campaign: dump.campaign.clone(), expires, codes };
        let taken = ledger.take_in(list, dump.by.clone(), dump.now, dump.is_dry).await?;
        listed.count("stocked", taken.imported as usize);
        listed.count("known", taken.known as usize);
    }
    Ok(listed.json(dump.is_dry))
}

/// The expiration date of a code that ends then: never a later one.
fn last_day(expires_at: At) -> Date {
    expires_at.minus(Span(Date(0).codes_stop().0)).date()
}

pub async fn take_completions(ledger: &Ledger, dump: &Dump, content: &[u8]) -> Result<Value, Problem> {
    let (mut table, mut listed) = listed::read(content, alma::COMPLETIONS)?;
    let mut lines = Vec::new();
    for (number, row) in table.rows() {
        listed.count("rows", 1);
        match row.and_then(|row| alma::completion(&row)) {
            Err(why) => listed.refuse(number, "malformed", &why),
            Ok(completed) => {
                if completed.is_owed {
                    listed.count("owed", 1);
                    listed.name(number, "owed", "the reward was not given there, and is not given here");
                }
                lines.push(completion(ledger, dump, number, completed));
            }
        }
    }
    bring(ledger, dump, lines, &mut listed).await?;
    Ok(listed.json(dump.is_dry))
}

fn completion(ledger: &Ledger, dump: &Dump, number: usize, row: Completed) -> Line {
    let command = Command::BringCompletion(BringCompletion {
        campaign: dump.campaign.clone(),
        referrer: ledger.person(&row.referrer),
        referee: ledger.person(&row.referee),
        code: row.code,
        at: row.at,
        days: row.days.unwrap_or(dump.days),
        granted_until: row.granted_until,
    });
    Line { number, command, people: vec![row.referrer, row.referee] }
}

async fn bring(ledger: &Ledger, dump: &Dump, lines: Vec<Line>, listed: &mut Listed) -> Result<(), Problem> {
    let brought = match dump.is_dry {
        true => ledger.try_out(lines)?,
        false => ledger.bring(lines, dump.by.clone()).await?,
    };
    for (number, brought) in brought {
        match brought {
            Brought::Taken => listed.count("taken", 1),
            Brought::Known => listed.count("known", 1),
            Brought::Clash(clash) => listed.refuse(number, clash.word(), &clash.to_string()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::{parse_date, parse_rfc3339};

    #[test]
    fn days_on_which_codes_end() {
        for (end, day) in [
            ("2027-05-01T07:00:00Z", "2027-05-01"),
            ("2027-05-01T06:59:59Z", "2027-04-30"),
            ("2027-05-02T00:00:00Z", "2027-05-01"),
        ] {
            assert_eq!(last_day(parse_rfc3339(end).unwrap()), parse_date(day).unwrap(), "{end}");
        }
    }
}
