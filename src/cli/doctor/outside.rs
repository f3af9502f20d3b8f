//! What the services say when they are asked: our keys, the offers, the entitlement, the clock, who gets what we send.

use super::{Finding, Verdict};
use crate::cli::house::private_key;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Campaign};
use crate::domain::at::{At, Span};
use crate::domain::id::UserId;
use crate::outside::Failure;
use crate::outside::app_store_connect::{Account, AppStoreConnect};
use crate::outside::client::Client;
use crate::outside::post::Post;
use crate::outside::revenuecat::RevenueCat;
use crate::outside::tremendous::{self, Tremendous};
use crate::wire::app_store_connect::OfferInfo;
use anyhow::Result;
use serde_json::Value;
use std::sync::Arc;

/// Apple refuses tokens from the future, and its own are judged by our clock.
const SKEW: Span = Span::seconds(30);
/// Codes that may be made for an app in a quarter (Apple, Set up offer codes).
const IN_A_QUARTER: [(&str, u64); 2] = [("PRODUCTION", 1_000_000), ("SANDBOX", 10_000)];
/// Nobody's: what is granted to them is none.
const NOBODY: &str = "referd-doctor";

pub async fn examine(app: &config::App) -> Result<Vec<Finding>> {
    let client = Client::new()?;
    let mut findings = Vec::new();
    findings.extend(clock(app, &client).await);
    findings.extend(app_store_connect(app, &client).await?);
    findings.extend(revenuecat(app, &client).await);
    findings.extend(payments(app, &client).await);
    findings.extend(receivers(app).await?);
    Ok(findings)
}

/// Apple's clock is right. Where Apple is not asked, RevenueCat's is as good.
async fn clock(app: &config::App, client: &Client) -> Option<Finding> {
    let connect = app.app_store_connect.as_ref().map(|given| &given.base_url);
    let others = [
        app.app_store_server.as_ref().map(|given| &given.production_url),
        app.revenuecat.as_ref().map(|given| &given.base_url),
    ];
    let url = [connect].into_iter().chain(others).flatten().next()?;
    let before = SystemClock.now();
    let told = client.time_of(url).await;
    Some(match told {
        Ok(Some(told)) => skew(told, before, SystemClock.now()),
        Ok(None) => Finding::new("clock", Verdict::Doubtful, "nobody said what time it is", "compare it by hand"),
        Err(failure) => Finding::new("clock", Verdict::Doubtful, failure.to_string(), "is the network up?"),
    })
}

/// A time to the second that was told between two of ours.
fn skew(told: At, before: At, after: At) -> Finding {
    let nearest = At(told.0.clamp(before.minus(Span::seconds(1)).0, after.0));
    let apart = told.apart(nearest);
    let what = format!("{} s apart from theirs", apart.0 / 1_000);
    if apart <= SKEW {
        return Finding::good("clock", what);
    }
    Finding::new("clock", Verdict::Bad, what, "let the machine keep its time: timedatectl set-ntp true")
}

async fn app_store_connect(app: &config::App, client: &Client) -> Result<Vec<Finding>> {
    let Some(given) = &app.app_store_connect else { return Ok(Vec::new()) };
    let account = Account {
        base_url: given.base_url.clone(),
        key: private_key(&given.private_key, "app_store_connect")?,
        key_id: given.key_id.clone(),
        issuer: given.issuer_id.clone(),
    };
    let server = AppStoreConnect::new(client.clone(), account, Arc::new(SystemClock));
    let mut findings = Vec::new();
    for campaign in app.campaigns.iter().filter(|campaign| !campaign.policy.offer_code_id.is_empty()) {
        let found = server.offer(&campaign.policy.offer_code_id).await;
        findings.push(offer(campaign, found));
    }
    Ok(findings)
}

fn offer(campaign: &Campaign, found: Result<OfferInfo, Failure>) -> Finding {
    let policy = &campaign.policy;
    let check = format!("offer of {}", policy.campaign);
    let bad = |what: String, remedy: &str| Finding::new(check.clone(), Verdict::Bad, what, remedy);
    match found {
        Ok(found) if found.name != policy.offer => bad(
            format!("it is called {} there and {} here, so no redemption is recognised", found.name, policy.offer),
            "write the campaign's offer as App Store Connect has its reference name",
        ),
        Ok(found) if !found.active => bad(
            "it is not active, so Apple makes no codes of it".to_owned(),
            "Apple takes no offer back: make another one, and name it in offer and offer_code_id",
        ),
        Ok(_) => Finding::good(check, "it is there, is active, and has the name that redemptions bear"),
        Err(Failure::Refused(why)) => bad(
            why,
            "use a key of App Store Connect with access to the app that may make offer codes, and look for an agreement to sign",
        ),
        Err(Failure::Never(why)) => bad(why, "offer_code_id is the offer's id in App Store Connect"),
        Err(failure) => Finding::new(check, Verdict::Doubtful, failure.to_string(), "ask again later"),
    }
}

/// Nothing is revoked of somebody who has nothing, and the answer says whether key and entitlement are good.
async fn revenuecat(app: &config::App, client: &Client) -> Option<Finding> {
    let given = app.revenuecat.as_ref()?;
    let server = RevenueCat::new(client.clone(), &given.base_url, given.api_key.expose());
    let nobody = UserId::parse(NOBODY).ok()?;
    let bad = |what: String, remedy: &str| Finding::new("entitlement", Verdict::Bad, what, remedy);
    Some(match server.revoke(&nobody, &given.entitlement).await {
        Ok(_) => Finding::good("entitlement", "RevenueCat takes the key and knows the entitlement"),
        Err(Failure::Refused(why)) => bad(why, "use a v1 secret key of the project"),
        Err(Failure::Never(why)) => bad(why, "entitlement is the identifier in RevenueCat, not the display name"),
        Err(failure) => Finding::new("entitlement", Verdict::Doubtful, failure.to_string(), "ask again later"),
    })
}

/// An order that is not there: the answer says whether the key is good.
async fn payments(app: &config::App, client: &Client) -> Option<Finding> {
    let given = app.tremendous.as_ref()?;
    let account = tremendous::Account {
        base_url: given.base_url.clone(),
        api_key: given.api_key.expose().to_owned(),
        funding_source_id: given.funding_source_id.clone(),
        campaign_id: given.campaign_id.clone(),
    };
    Some(match Tremendous::new(client.clone(), account).find(NOBODY).await {
        Ok(_) => Finding::good("tremendous", "it takes the key"),
        Err(Failure::Refused(why)) => Finding::new(
            "tremendous",
            Verdict::Bad,
            why,
            "the key and base_url are of one environment: both test, or both live",
        ),
        Err(failure) => Finding::new("tremendous", Verdict::Doubtful, failure.to_string(), "ask again later"),
    })
}

/// Whoever answers anything can be reached.
async fn receivers(app: &config::App) -> Result<Vec<Finding>> {
    let post = Post::new(app.notifications.allow_private_forwards)?;
    let forwards = app.notifications.forward_to.iter().map(|url| ("forward", url));
    let webhooks = app.notifications.webhooks.iter().map(|webhook| ("webhook", &webhook.url));
    let mut findings = Vec::new();
    for (kind, url) in forwards.chain(webhooks) {
        let check = format!("{kind} to {}", config::authority(url));
        findings.push(match post.reach(url).await {
            Ok(()) => Finding::good(check, "it answers"),
            Err(failure) => {
                Finding::new(check, Verdict::Bad, failure.to_string(), "is the address right, and its server up?")
            }
        });
    }
    Ok(findings)
}

/// How many codes were made in this quarter, of those that Apple allows, by what the pools say of their batches.
pub fn budget(pools: &Value, today: &str) -> Vec<Finding> {
    let batches =
        || pools["items"].as_array().into_iter().flatten().flat_map(|pool| pool["batches"].as_array()).flatten();
    let mut findings = Vec::new();
    for (environment, limit) in IN_A_QUARTER {
        let is_of = |batch: &&Value| {
            let at = batch["requested_at"].as_str().unwrap_or_default();
            batch["environment"] == environment && batch["origin"] == "apple" && quarter(at) == quarter(today)
        };
        let made: u64 = batches().filter(is_of).filter_map(|batch| batch["codes"].as_u64()).sum();
        if made == 0 {
            continue;
        }
        let (check, what) = (format!("codes of the quarter, {environment}"), format!("{made} of {limit}"));
        let remedy = "Apple makes no more before the next quarter: smaller batches, or codes for fewer people";
        findings.push(match made * 10 {
            used if used < limit * 8 => Finding::good(check, what),
            used if used < limit * 10 => Finding::new(check, Verdict::Doubtful, what, remedy),
            _ => Finding::new(check, Verdict::Bad, what, remedy),
        });
    }
    findings
}

/// The year and the quarter of a time in RFC 3339.
fn quarter(at: &str) -> Option<(&str, u32)> {
    let month: u32 = at.get(5..7)?.parse().ok()?;
    Some((at.get(..4)?, month.checked_sub(1)? / 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn word(finding: &Finding) -> &'static str {
        match finding.verdict {
            Verdict::Good => "good",
            Verdict::Doubtful => "doubtful",
            Verdict::Bad => "bad",
        }
    }

    #[test]
    fn clocks() {
        for (told, expected) in [
            (100, "good"),
            (99, "good"),
            (102, "good"),
            (69, "good"),
            (68, "bad"),
            (132, "good"),
            (133, "bad"),
            (9_999, "bad"),
        ] {
            let at = |seconds: i64| At(seconds * 1_000);
            assert_eq!(word(&skew(at(told), at(100), at(102))), expected, "{told}");
        }
    }

    #[test]
    fn budgets() {
        let batch = |at: &str, codes: u64, origin: &str, environment: &str| json!({"requested_at": at, "codes": codes, "origin": origin, "environment": environment});
        let of = |batches: Vec<Value>| {
            let found = budget(&json!({"items": [{"batches": batches}]}), "2026-11-22T00:00:00Z");
            found.iter().map(|one| (word(one), one.what.clone())).collect::<Vec<_>>()
        };
        let (now, before) = ("2026-10-01T00:00:00Z", "2026-09-30T23:59:59Z");
        for (batches, expected) in [
            (vec![], vec![]),
            (vec![batch(before, 9, "apple", "PRODUCTION"), batch(now, 9, "import", "PRODUCTION")], vec![]),
            (vec![batch(now, 799_999, "apple", "PRODUCTION")], vec![("good", "799999 of 1000000")]),
            (vec![batch(now, 500_000, "apple", "PRODUCTION"); 2], vec![("bad", "1000000 of 1000000")]),
            (
                vec![batch(now, 1, "apple", "PRODUCTION"), batch(now, 8_000, "apple", "SANDBOX")],
                vec![("good", "1 of 1000000"), ("doubtful", "8000 of 10000")],
            ),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(verdict, what): (&str, &str)| (verdict, what.to_owned())).collect();
            assert_eq!(of(batches.clone()), expected, "{batches:?}");
        }
    }
}
