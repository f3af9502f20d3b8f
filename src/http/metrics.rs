//! Figures for Prometheus: what the ledger counts, and what the meter does.

use super::admin::refunds::tallies;
use super::front::App;
use super::tls::Certificates;
use crate::domain::at::At;
use crate::domain::certificate::Standing;
use crate::domain::delivery::{Item, ItemState};
use crate::domain::hearing::{Heard, Hearing};
use crate::domain::pool::Pool;
use crate::domain::purchase::Source;
use crate::ledger::backup::Made;
use crate::ledger::key::Key;
use crate::ledger::rows::item_key;
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use crate::ledger::{Error, list};
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// How a source's webhooks came in, repeats included, also before this process began.
pub fn heard(app: &App, source: Source) -> Result<Option<Heard>, Error> {
    let seen = app.meter.last_seen(source);
    let kept = list::heard(&*app.ledger.snapshot(), source)?;
    let latest = |heard: Heard| Heard { last: seen.map_or(heard.last, |seen| heard.last.max(seen)), ..heard };
    Ok(kept.map(latest).or(seen.map(Heard::first)))
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        _ = writeln!(self.0, "{name}{{{}}} {value}", labels.join(","));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub fn text(apps: &[std::sync::Arc<App>], certificates: Option<&Certificates>) -> Result<String, Error> {
    let mut out = Text(String::new());
    out.head("referd_build_info", "gauge", "The version that runs.");
    out.line("referd_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    if let Some(certificates) = certificates {
        certificate(&mut out, &certificates.standing());
    }
    pools(&mut out, apps)?;
    let nouns = [
        ("claim", "referd_claims", "Claims by status."),
        ("redemption", "referd_redemptions", "Redemptions by status."),
        ("completion", "referd_completions", "Completions by status."),
        ("conversion", "referd_conversions", "Conversions by status."),
        ("payout", "referd_payouts", "Payouts by status."),
        ("partner", "referd_partners", "Partners by status."),
        ("winback", "referd_winbacks", "Ends of subscriptions that were looked at, by what became of them."),
    ];
    for (noun, name, help) in nouns {
        out.head(name, "gauge", help);
        for app in apps {
            for (campaign, status, count) in list::counts(&*app.ledger.snapshot(), noun)? {
                out.line(name, &[("app", &app.config.name), ("campaign", &campaign), ("status", &status)], count);
            }
        }
    }
    money(&mut out, apps)?;
    refunds(&mut out, apps)?;
    outbox(&mut out, apps)?;
    sources(&mut out, apps)?;
    limited(&mut out, apps);
    backups(&mut out, apps);
    writer(&mut out, apps);
    Ok(out.0)
}

fn certificate(out: &mut Text, standing: &Standing) {
    let source = [("source", standing.source.word())];
    let name = "referd_certificate_expires_timestamp_seconds";
    out.head(name, "gauge", "When the certificate that is shown is over; absent where there is none.");
    if let Some(until) = standing.until {
        out.line(name, &source, until.0 / 1000);
    }
    let name = "referd_certificate_failures_total";
    out.head(name, "counter", "Readings and renewals of the certificate that failed since the start.");
    out.line(name, &source, standing.failures);
}

fn pools(out: &mut Text, apps: &[std::sync::Arc<App>]) -> Result<(), Error> {
    let mut days = Vec::new();
    out.head("referd_pool_codes", "gauge", "Codes by status; available ones can be handed out.");
    for app in apps {
        let (store, now) = (app.ledger.snapshot(), app.clock.now());
        for campaign in &app.config.campaigns {
            let id = &campaign.policy.campaign;
            let pool: Option<Pool> = store.row(&Key::new().text(id).done())?;
            let available = pool.as_ref().map_or(0, |pool| pool.available(&campaign.policy.pool, now));
            let labels = |status| [("app", app.config.name.as_str()), ("campaign", id.as_str()), ("status", status)];
            out.line("referd_pool_codes", &labels("available"), available);
            for status in ["pending", "used", "expired", "void"] {
                out.line("referd_pool_codes", &labels(status), list::count(&*store, "code", id, status)?);
            }
            let left = pool.and_then(|pool| pool.days_to_empty(&campaign.policy.pool, now));
            days.extend(left.map(|left| (app.config.name.clone(), id.clone(), left)));
        }
    }
    out.head("referd_days_to_empty", "gauge", "Days until the stock is used up at the last week's pace.");
    for (app, campaign, left) in days {
        out.line("referd_days_to_empty", &[("app", &app), ("campaign", &campaign)], left);
    }
    Ok(())
}

fn money(out: &mut Text, apps: &[std::sync::Arc<App>]) -> Result<(), Error> {
    out.head("referd_sales", "gauge", "Purchases told of, by whether they are a partner's; where there are partners.");
    for app in apps {
        for (environment, status, count) in list::counts(&*app.ledger.snapshot(), "sale")? {
            let environment = if environment.is_empty() { "PRODUCTION" } else { "SANDBOX" };
            let labels = [("app", app.config.name.as_str()), ("environment", environment), ("status", &status)];
            out.line("referd_sales", &labels, count);
        }
    }
    out.head("referd_alerts", "gauge", "What somebody has to look at, and what is settled.");
    for app in apps {
        for (kind, status, count) in list::counts(&*app.ledger.snapshot(), "alert")? {
            let labels = [("app", app.config.name.as_str()), ("kind", &kind), ("status", &status)];
            out.line("referd_alerts", &labels, count);
        }
    }
    Ok(())
}

fn refunds(out: &mut Text, apps: &[std::sync::Arc<App>]) -> Result<(), Error> {
    let name = "referd_refund_questions";
    out.head(name, "gauge", "Apple's questions about refunds, by what became of them here and at Apple.");
    for app in apps {
        for tally in tallies(&*app.ledger.snapshot())? {
            let environment = if tally.is_test { "SANDBOX" } else { "PRODUCTION" };
            let decision = if tally.decision.is_empty() { "none" } else { &tally.decision };
            let labels = [
                ("app", app.config.name.as_str()),
                ("environment", environment),
                ("reason", &tally.reason),
                ("status", &tally.status),
                ("decision", decision),
            ];
            out.line(name, &labels, tally.count);
        }
    }
    Ok(())
}

fn outbox(out: &mut Text, apps: &[std::sync::Arc<App>]) -> Result<(), Error> {
    out.head("referd_outbox_items", "gauge", "Deliveries by kind and status.");
    for app in apps {
        for (kind, status, count) in list::counts(&*app.ledger.snapshot(), "outbox")? {
            let labels = [("app", app.config.name.as_str()), ("kind", &kind), ("status", &status)];
            out.line("referd_outbox_items", &labels, count);
        }
    }
    out.head("referd_outbox_oldest_seconds", "gauge", "Age of the oldest delivery that is not done.");
    for app in apps {
        let age = oldest(app)?.map_or(0, |at| (app.clock.now().0 - at.0).max(0) / 1000);
        out.line("referd_outbox_oldest_seconds", &[("app", &app.config.name)], age);
    }
    Ok(())
}

/// Open items read for their age.
const AGED: usize = 10_000;

/// When the oldest open item was made.
pub fn oldest(app: &App) -> Result<Option<At>, Error> {
    let store = app.ledger.snapshot();
    let mut oldest: Option<At> = None;
    for (key, _) in store.prefix(Tab::Lane, &[], AGED)? {
        let id = key.len().checked_sub(10).and_then(|at| crate::ledger::key::item_of(&key[at..]));
        let item: Option<Item> = match id {
            Some(id) => store.row(&item_key(id))?,
            None => None,
        };
        let open = item.filter(|item| !matches!(item.state, ItemState::Done { .. } | ItemState::Dead { .. }));
        oldest = match (oldest, open.map(|item| item.made_at)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(oldest)
}

fn sources(out: &mut Text, apps: &[std::sync::Arc<App>]) -> Result<(), Error> {
    out.head("referd_events", "gauge", "Events kept, by type.");
    for app in apps {
        for (source, kind, count) in list::counts(&*app.ledger.snapshot(), "event")? {
            out.line("referd_events", &[("app", &app.config.name), ("source", &source), ("kind", &kind)], count);
        }
    }
    out.head("referd_webhooks_total", "counter", "Deliveries of webhooks since the start, by what became of them.");
    for app in apps {
        let webhooks = app.meter.webhooks();
        for ((source, kind, result), count) in webhooks {
            let labels =
                [("app", app.config.name.as_str()), ("source", source.word()), ("kind", &kind), ("result", result)];
            out.line("referd_webhooks_total", &labels, count);
        }
    }
    let name = "referd_webhook_last_seen_timestamp_seconds";
    out.head(name, "gauge", "When a source's last webhook was taken in.");
    for app in apps {
        for source in Source::HOOKS {
            if let Some(heard) = heard(app, source)? {
                out.line(name, &[("app", &app.config.name), ("source", source.word())], heard.last.0 / 1000);
            }
        }
    }
    let name = "referd_source_quiet";
    out.head(name, "gauge", "1 where a source has been silent for much longer than it used to be.");
    for app in apps {
        for source in Source::HOOKS {
            let is_quiet = heard(app, source)?.is_some_and(|heard| heard.is_quiet(app.clock.now()));
            out.line(name, &[("app", &app.config.name), ("source", source.word())], u8::from(is_quiet));
        }
    }
    let name = "referd_notifications_caught_up_timestamp_seconds";
    out.head(name, "gauge", "Until when Apple's notifications are known to be complete, by environment.");
    for app in apps {
        for row in list::rows(&*app.ledger.snapshot(), None, usize::MAX, |_: &Hearing| true)?.items {
            let environment = if row.is_test { "SANDBOX" } else { "PRODUCTION" };
            let labels = [("app", app.config.name.as_str()), ("environment", environment)];
            out.line(name, &labels, row.caught_up.0 / 1000);
        }
    }
    Ok(())
}

fn limited(out: &mut Text, apps: &[std::sync::Arc<App>]) {
    let name = "referd_rate_limited_total";
    out.head(name, "counter", "Calls refused since the start, by what there were too many for.");
    for app in apps {
        for by in ["user", "code", "address"] {
            out.line(name, &[("app", &app.config.name), ("by", by)], app.meter.limited_by(by));
        }
    }
}

fn backups(out: &mut Text, apps: &[std::sync::Arc<App>]) {
    let all: Vec<_> = apps.iter().map(|app| (app.config.name.as_str(), app.backups.standing())).collect();
    let name = "referd_backup_last_timestamp_seconds";
    out.head(name, "gauge", "When the newest backup was made; absent where there is none.");
    for (app, standing) in &all {
        standing.last.iter().for_each(|at| out.line(name, &[("app", app)], at.0 / 1000));
    }
    type Read = fn(&Made) -> f64;
    let figures: [(&str, &str, Read); 2] = [
        ("referd_backup_bytes", "Size of the last backup that was made since the start.", |made| made.bytes as f64),
        ("referd_backup_seconds", "How long it took, with its verification.", |made| made.millis as f64 / 1e3),
    ];
    for (name, help, read) in figures {
        out.head(name, "gauge", help);
        for (app, standing) in &all {
            standing.made.iter().for_each(|made| out.line(name, &[("app", app)], read(made)));
        }
    }
    let name = "referd_backup_failures_total";
    out.head(name, "counter", "Backups that were not made since the start.");
    all.iter().for_each(|(app, standing)| out.line(name, &[("app", app)], standing.failures));
}

fn writer(out: &mut Text, apps: &[std::sync::Arc<App>]) {
    type Read = fn(&crate::ledger::Pulse) -> f64;
    let figures: [(&str, &str, &str, Read); 7] = [
        ("referd_commits_total", "counter", "Durable commits.", |p| p.commits.load(Ordering::Relaxed) as f64),
        ("referd_commands_total", "counter", "Commands decided.", |p| p.commands.load(Ordering::Relaxed) as f64),
        ("referd_commit_seconds_total", "counter", "Time spent deciding and committing.", |p| {
            p.commit_micros.load(Ordering::Relaxed) as f64 / 1e6
        }),
        ("referd_commit_slowest_seconds", "gauge", "The slowest commit since the start.", |p| {
            p.slowest_micros.load(Ordering::Relaxed) as f64 / 1e6
        }),
        ("referd_defects_total", "counter", "Commands stopped by a defect.", |p| {
            p.defects.load(Ordering::Relaxed) as f64
        }),
        ("referd_writes_refused_total", "counter", "Commands refused while the disk took no writes.", |p| {
            p.refused.load(Ordering::Relaxed) as f64
        }),
        ("referd_last_commit_timestamp_seconds", "gauge", "When the last durable write was done.", |p| {
            p.last_commit.load(Ordering::Relaxed) as f64 / 1e3
        }),
    ];
    for (name, kind, help, read) in figures {
        out.head(name, kind, help);
        for app in apps {
            out.line(name, &[("app", &app.config.name)], read(app.ledger.pulse()));
        }
    }
    let name = "referd_disk_free_bytes";
    out.head(name, "gauge", "What can still be written to the disk of the database.");
    for app in apps {
        if let Some(free) = app.ledger.free() {
            out.line(name, &[("app", &app.config.name)], free);
        }
    }
}
