//! The OpenAPI document before others' eyes: a linter's, and Schemathesis's, which makes requests of it, the same each time.
//! Nothing that it asks the program may be answered by a fault of ours, or in a way that the document does not know.

use crate::selling::stage::{own_offer, partner_paid_by};
use crate::support::appliance::{Appliance, OFFER, Site};
use crate::support::caller::{ADMIN_TOKEN, HOOK_AUTHORIZATION, SERVER_KEY};
use crate::support::skipped::skipped;
use referd::clock::{Clock, SystemClock};
use referd::fake::revenuecat_event::Event;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests of each route, beside those that are made of each of its parts in turn.
const MOST: &str = "30";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_the_document() {
    let site = Site::new(0, 10, "info").await;
    let printed: Value = serde_json::from_str(&site.prints(&["openapi"])).expect("it is JSON");
    assert_eq!(printed, referd::http::openapi::document());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_asked_is_answered_in_another_way() {
    let Some(tools) = tools() else { return };
    let site = Site::whole().await;
    let appliance = site.start().await;
    let document = site.folder().join("openapi.json");
    std::fs::write(&document, site.prints(&["openapi"])).expect("the folder can be written");
    run(Command::new(tools.join("openapi-spec-validator")).arg(&document));
    let settings = site.folder().join("schemathesis.toml");
    std::fs::write(&settings, known(&appliance).await).expect("the folder can be written");
    for (url, of_the_private_side) in [(&appliance.caller.public, "exclude"), (&appliance.caller.admin, "include")] {
        let mut asks = Command::new(tools.join("schemathesis"));
        asks.arg("--config-file").arg(&settings).arg("run").arg(&document).args(["--url", url]);
        asks.args([&format!("--{of_the_private_side}-tag"), "admin", "--checks", CHECKS, "--max-examples", MOST]);
        asks.args(["--continue-on-failure", "--suppress-health-check", "all", "--no-color"]);
        asks.args(["--generation-database", "none", "--seed", "1", "--warnings", "off"]);
        run(asks.current_dir(site.folder()));
    }
    appliance.stop().await;
    site.verify();
}

/// The folder of their programs, where they are asked for.
fn tools() -> Option<PathBuf> {
    const ASKED: &str = "REFERD_OPENAPI";
    if std::env::var_os(ASKED).is_some_and(|word| word == "required") {
        return Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/openapi/bin"));
    }
    skipped(
        ASKED,
        "nobody else has read the OpenAPI document",
        "it takes minutes, and REFERD_OPENAPI is not `required`",
    );
    None
}

/// A story, so that there is something to be asked about; and its names, so that it is.
async fn known(appliance: &Appliance) -> String {
    let (caller, now) = (&appliance.caller, SystemClock.now());
    let codes: String = (0..2_000).map(|number| format!("STOCK{number:013}\n")).collect();
    caller.admin_post("/admin/pool/import?campaign=friends&expires_at=2099-01-01", codes).await.is(200);
    let code = caller.my_code("ann").await;
    caller.claim(&code, "bob").await.is(201);
    caller.deliver(&Event::initial_purchase("bob", now).offer(OFFER), now).await.is(200);
    // The one before is used up.
    let code = caller.my_code("ann").await;
    let partner = partner_paid_by(caller, "Jen", "20% always", "csv", None).await;
    let coupon = own_offer(caller, &partner, "PARTNER_JEN").await["id"].clone();
    let sold = Event::initial_purchase("cleo", now).offer("PARTNER_JEN").charged("9.99", "USD");
    caller.deliver(&sold.transaction("200000000000001", "200000000000001"), now).await.is(200);
    let link = caller.admin_post(&format!("/admin/partners/{partner}/link"), "").await.is(201).json();
    let link = link["url"].as_str().and_then(|url| url.rsplit('/').next()).expect("a link").to_owned();
    let slug = caller.admin("users/ann").await["referrer"][0]["slug"].clone();
    let first = async |list: &str| caller.admin(list).await["items"][0]["id"].clone();
    let (completion, delivery, webhook) = (first("completions").await, first("outbox").await, first("webhooks").await);
    let names = [
        ("/r/", "slug", &slug),
        ("/p/", "token", &link.into()),
        ("/completions/", "id", &completion),
        ("/outbox/", "id", &delivery),
        ("/webhooks/.*enable", "id", &webhook),
        ("/users/", "id", &"ann".into()),
        ("/explain/", "subject", &code.into()),
        ("/conversions/", "id", &"200000000000001".into()),
        ("/partners/[{]id[}]/coupons/", "coupon", &coupon),
        ("/partners/", "id", &partner.into()),
    ];
    let mut settings = "parameters = { \"path.app\" = \"alma\" }\n".to_owned();
    for (path, headers) in [
        ("^/(referral|offers|users)/", format!("Authorization = 'Bearer {SERVER_KEY}', X-Referd-User = 'dan'")),
        ("^/webhooks/revenuecat", format!("Authorization = '{HOOK_AUTHORIZATION}'")),
        ("^/(admin|metrics)", format!("Authorization = 'Bearer {ADMIN_TOKEN}'")),
    ] {
        settings += &format!("[[operations]]\ninclude-path-regex = '{path}'\nheaders = {{ {headers} }}\n");
    }
    for (path, name, value) in names {
        let what = format!("include-path-regex = '{path}'\nexclude-method = 'DELETE'\n");
        settings += &format!("[[operations]]\n{what}parameters = {{ 'path.{name}' = {value} }}\n");
    }
    settings
}

/// Fails with what it says where it is not content.
fn run(command: &mut Command) {
    let said = tokio::task::block_in_place(|| command.output()).expect("tests/openapi/requirements.txt are installed");
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{command:?}: {text}");
}
