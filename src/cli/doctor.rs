//! Asks the outside, through the running appliance: does what is configured work? Each finding with its remedy.

mod machine;
mod outside;

use super::{admin, offline, show, verify};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::domain::alert::AlertKind;
use crate::ledger::verify::Report;
use crate::wire::text::rfc3339;
use anyhow::{Context, Result, bail};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// Looks at a TEST notification before it is given up, and the pause between two.
const LOOKS: u32 = 80;
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Doubtful,
    Bad,
}

struct Finding {
    check: String,
    verdict: Verdict,
    what: String,
    remedy: String,
}

impl Finding {
    fn new(check: impl Into<String>, verdict: Verdict, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { check: check.into(), verdict, what: what.into(), remedy: remedy.into() }
    }
    fn good(check: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding::new(check, Verdict::Good, what, "")
    }
    fn row(&self, app: &str) -> Value {
        let verdict = match self.verdict {
            Verdict::Good => "good",
            Verdict::Doubtful => "doubtful",
            Verdict::Bad => "bad",
        };
        json!({"app": app, "check": self.check, "verdict": verdict, "what": self.what, "remedy": self.remedy})
    }
}

/// Whether nothing is bad.
pub async fn run(config: &Config, json: bool) -> Result<bool> {
    let machine = [machine::secrets(&config.secret_files), machine::disk(config)];
    let mut good = machine.iter().all(|finding| finding.verdict != Verdict::Bad);
    let mut rows: Vec<Value> = machine.iter().map(|finding| finding.row("")).collect();
    for app in &config.apps {
        let mut findings = outside::examine(app).await?;
        findings.extend(examine(config, app).await?);
        good &= findings.iter().all(|finding| finding.verdict != Verdict::Bad);
        rows.extend(findings.iter().map(|finding| finding.row(&app.name)));
    }
    if show::as_json(json) {
        show::lines(&rows)?;
    } else {
        show::table(&rows, &["app", "check", "verdict", "what", "remedy"])?;
    }
    Ok(good)
}

async fn examine(config: &Config, app: &config::App) -> Result<Vec<Finding>> {
    let Some(stats) = get(config, app, "stats").await? else {
        let remedy = "start it: systemctl start referd, or referd serve";
        let missing = Finding::new("appliance", Verdict::Bad, "none answers on the admin listener", remedy);
        return Ok(vec![missing, database(config, app).await]);
    };
    let mut findings = vec![Finding::good("appliance", "it answers")];
    findings.extend(certificate(&stats["certificate"]));
    findings.extend(sources(&stats));
    findings.push(deliveries(&stats));
    findings.extend(refunds(config, app).await?);
    findings.push(backup(&stats));
    findings.push(database(config, app).await);
    let pools = get(config, app, "pool").await?.unwrap_or_default();
    findings.extend(outside::budget(&pools, &rfc3339(SystemClock.now())));
    if app.app_store_server.is_none() {
        let what = "app_store_server is not configured, so Apple cannot be asked to send a test";
        findings.push(Finding::new("notifications", Verdict::Doubtful, what, "add the In-App Purchase key"));
        return Ok(findings);
    }
    for (environment, path) in [("PRODUCTION", "/webhooks/apple"), ("SANDBOX", "/webhooks/apple/sandbox")] {
        let url = format!("{}{}{path}", config.server.public_url, app.base_path);
        findings.push(round_trip(config, app, environment, &url).await?);
    }
    Ok(findings)
}

/// Of the whole appliance; none where TLS is somebody else's.
fn certificate(seen: &Value) -> Option<Finding> {
    let remedy = match seen["source"].as_str()? {
        "acme" => {
            "every name in server.tls.domains must lead to port 443 of this machine, and this machine reach the \
             directory; systemctl reload referd tries again at once"
        }
        _ => "put the renewed chain and its key into server.tls.cert_file and key_file; they are read within a minute",
    };
    let (until, days) = (seen["expires_at"].as_str().unwrap_or("?"), seen["days_left"].as_i64().unwrap_or(0));
    let good = format!("it is good until {until}, {days} days");
    let Some(warning) = seen["warning"].as_str() else { return Some(Finding::good("certificate", good)) };
    let (verdict, what) = match seen["fault"].is_null() {
        true => (Verdict::Doubtful, format!("{good}; {warning}")),
        false => (Verdict::Bad, warning.to_owned()),
    };
    Some(Finding::new("certificate", verdict, what, remedy))
}

fn sources(stats: &Value) -> Vec<Finding> {
    let is_quiet =
        |source: &str| stats["quiet_sources"].as_array().is_some_and(|all| all.iter().any(|one| one == source));
    let one = |source: &str| {
        let check = format!("webhooks of {source}");
        match stats["last_webhook"][source].as_str() {
            Some(at) if is_quiet(source) => {
                let what = format!("none since {at}, which is much longer than usual");
                Finding::new(check, Verdict::Bad, what, "look at the URL and the last deliveries on their side")
            }
            Some(at) => Finding::good(check, format!("the last came at {at}")),
            None => Finding::new(check, Verdict::Doubtful, "none has come yet", "enter the URL on their side"),
        }
    };
    ["revenuecat", "apple"].map(one).into()
}

fn deliveries(stats: &Value) -> Finding {
    match stats["outbox"]["dead"].as_u64() {
        Some(0) => Finding::good("deliveries", "none was given up"),
        _ => {
            let what = format!("{} were given up", stats["outbox"]["dead"]);
            let remedy = "GET /admin/outbox?status=dead says why; POST …/outbox/{id}/retry tries again";
            Finding::new("deliveries", Verdict::Bad, what, remedy)
        }
    }
}

/// Who answers Apple's questions about refunds, and whether they are answered.
async fn refunds(config: &Config, app: &config::App) -> Result<Vec<Finding>> {
    let check = "refund questions";
    if !app.refunds.rules.answers_any() {
        let elsewhere = Finding::good(check, "RevenueCat answers Apple, and referd does not");
        return Ok(app.refunds.revenuecat_answers.then_some(elsewhere).into_iter().collect());
    }
    let mut findings = vec![if app.revenuecat.is_some() {
        let what = "referd answers Apple. Whether RevenueCat does too cannot be seen from here: then two answers to one \
                    question race, and RevenueCat's claims a consent that nobody recorded";
        let remedy = "see that RevenueCat does not handle refund requests (in the settings of its App Store app)";
        Finding::new(check, Verdict::Doubtful, what, remedy)
    } else {
        Finding::good(check, "referd answers Apple")
    }];
    let alerts = get(config, app, "alerts?status=open&limit=500").await?.unwrap_or_default();
    let is_ours = |alert: &&Value| alert["kind"] == AlertKind::RefundUnanswered.word();
    let unanswered = alerts["items"].as_array().map_or(0, |all| all.iter().filter(is_ours).count());
    if unanswered > 0 {
        let what = format!("{unanswered} were not answered in time, or are not yet and it ends soon");
        let remedy = "GET /admin/refunds says why; POST …/alerts/{id}/clear once it was looked at";
        findings.push(Finding::new(check, Verdict::Bad, what, remedy));
    }
    Ok(findings)
}

/// A backup of every day is what is usual; other schedules are a team's own affair.
fn backup(stats: &Value) -> Finding {
    const STALE: u64 = 2 * 24 * 3600;
    let (last, age) = (stats["backup"]["last_at"].as_str(), stats["backup"]["age_seconds"].as_u64());
    match (last, age) {
        _ if stats["backup"]["failing"] == true => {
            let remedy = "the log says why: journalctl -u referd; then referd backup";
            Finding::new("backup", Verdict::Bad, "the last one was not made", remedy)
        }
        (Some(last), Some(age)) if age <= STALE => Finding::good("backup", format!("the last is of {last}")),
        (Some(last), _) => {
            let what = format!("the last is of {last}, more than two days ago");
            Finding::new("backup", Verdict::Doubtful, what, "look at backup.schedule, or run referd backup")
        }
        (None, _) => Finding::new("backup", Verdict::Doubtful, "none was made yet", "referd backup makes one"),
    }
}

/// The books against their journal; of a file that nobody uses its storage too, which else is checked with every backup.
async fn database(config: &Config, app: &config::App) -> Finding {
    if !offline::file(config, app).exists() {
        return Finding::new("database", Verdict::Doubtful, "there is none yet", "the first start makes it");
    }
    let (what, remedy) = match verify::books(config, app).await {
        Ok(Report { entries, rows, faults }) => match faults.first() {
            None => return Finding::good("database", format!("{rows} rows follow from {entries} journal entries")),
            Some(fault) => (fault.clone(), "stop referd, keep the file, and restore the last backup: referd restore"),
        },
        Err(error) => (format!("{error:#}"), "look at the file and its disk; referd restore takes a backup"),
    };
    Finding::new("database", Verdict::Bad, what, remedy)
}

/// Apple sends a TEST notification to the address in App Store Connect: did it come here?
async fn round_trip(config: &Config, app: &config::App, environment: &str, url: &str) -> Result<Finding> {
    let check = format!("notifications, {environment}");
    let wish = json!({"environment": environment, "reason": "doctor"}).to_string().into_bytes();
    let asked = admin::ask(&config.admin, Method::POST, &path(app, "notifications/test"), wish).await?;
    match asked {
        Some(answer) if answer.status == StatusCode::ACCEPTED => {}
        Some(answer) => {
            let remedy = "mend what readyz says; was the appliance started with this file?";
            return Ok(Finding::new(check, Verdict::Bad, admin::detail(&answer), remedy));
        }
        None => bail!("the appliance has stopped"),
    }
    // Teams that do not test have no address for the sandbox.
    let severity = if environment == "PRODUCTION" { Verdict::Bad } else { Verdict::Doubtful };
    let remedy =
        format!("enter {url} in App Store Connect (App Information, App Store Server Notifications, version 2)");
    for _ in 0..LOOKS {
        let test = test_of(config, app, environment).await?;
        if let Some(result) = test["result"].as_str() {
            return Ok(match (result, test["arrived"].as_bool()) {
                ("SUCCESS", Some(true)) => Finding::good(check, "a TEST came here and was verified"),
                ("SUCCESS", _) => Finding::new(check, severity, "Apple's TEST went to another address", remedy),
                _ => Finding::new(check, severity, result, remedy),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
    let test = open_test(config, app).await?;
    Ok(Finding::new(check, severity, test, "GET /admin/outbox shows the attempts; is the In-App Purchase key right?"))
}

async fn test_of(config: &Config, app: &config::App, environment: &str) -> Result<Value> {
    let list = get(config, app, "notifications").await?.unwrap_or_default();
    let of = |item: &&Value| item["environment"] == environment;
    let found = list["items"].as_array().and_then(|items| items.iter().find(of));
    Ok(found.map_or(Value::Null, |item| item["test"].clone()))
}

/// Why the test is not over.
async fn open_test(config: &Config, app: &config::App) -> Result<String> {
    let list = get(config, app, "outbox?status=waiting").await?.unwrap_or_default();
    let is_test = |item: &&Value| matches!(item["kind"].as_str(), Some("request_test" | "check_test"));
    let found = list["items"].as_array().and_then(|items| items.iter().find(is_test));
    let why = found.and_then(|item| item["last_error"].as_str());
    Ok(why.unwrap_or("no end of the TEST was seen in time").to_owned())
}

fn path(app: &config::App, rest: &str) -> String {
    format!("/admin/{}/{rest}", app.name)
}

async fn get(config: &Config, app: &config::App, rest: &str) -> Result<Option<Value>> {
    let Some(answer) = admin::ask(&config.admin, Method::GET, &path(app, rest), Vec::new()).await? else {
        return Ok(None);
    };
    if answer.status != StatusCode::OK {
        bail!("{rest}: {}", admin::detail(&answer));
    }
    Ok(Some(serde_json::from_slice(&answer.body).context("the answer is not JSON")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::{At, Span};
    use crate::domain::certificate::{Source, Standing};

    #[test]
    fn certificates_are_judged() {
        let why = |text: &str| Some(text.to_owned());
        for (source, days, trouble, verdict, what) in [
            (Source::Files, Some(20), None, "good", "20 days"),
            (Source::Files, Some(19), None, "doubtful", "19 days"),
            (Source::Files, Some(60), why("no key"), "doubtful", "no newer one: no key"),
            (Source::Files, Some(-1), None, "bad", "expired"),
            (Source::Acme, Some(2), None, "good", "2 days"),
            (Source::Acme, Some(29), why("refused"), "doubtful", "no newer one: refused"),
            (Source::Acme, Some(-1), why("refused"), "bad", "expired: refused"),
            (Source::Acme, None, None, "bad", "no certificate yet"),
        ] {
            let now = At(0);
            let until = days.map(|days| now.plus(Span::days(days)));
            let standing = Standing { source, until, failures: 0, trouble };
            let (fault, warning) = (standing.fault(now), standing.warning(now));
            let seen = json!({
                "source": source.word(), "expires_at": null, "days_left": days, "fault": fault, "warning": warning,
            });
            let row = certificate(&seen).expect("there is one").row("alma");
            assert_eq!(row["verdict"], verdict, "{seen}");
            assert!(row["what"].as_str().is_some_and(|said| said.contains(what)), "{seen}: {row}");
            assert_eq!(row["remedy"] == "", verdict == "good", "{row}");
        }
        assert!(certificate(&Value::Null).is_none());
    }
}
