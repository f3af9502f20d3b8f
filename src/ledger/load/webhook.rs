//! Those who are told of events, with what waits for them.

use super::Load;
use super::delivery::behind;
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::at::At;
use crate::domain::decide::webhook::{
    AdoptWebhooks, AdoptWebhooksFamily, EnableWebhook, EnableWebhookFamily, Known, TestWebhooks, TestWebhooksFamily,
    WebhookFacts,
};
use crate::ledger::Error;
use crate::ledger::rows::webhook_lane;
use crate::ledger::store::Store;
use crate::ledger::tell::webhooks;

macro_rules! all_webhooks {
    ($($family:ident $command:ident),*) => {$(
        impl Load for $family {
            fn load<S: Store>(store: &S, _: &$command, _: At) -> Result<WebhookFacts, Error> {
                known(store)
            }
        }
    )*};
}

all_webhooks!(AdoptWebhooksFamily AdoptWebhooks, EnableWebhookFamily EnableWebhook, TestWebhooksFamily TestWebhooks);

fn known<S: Store>(store: &S) -> Result<WebhookFacts, Error> {
    let mut known = Vec::new();
    for webhook in webhooks(store)? {
        let alert = store.row(Alert::id(AlertKind::WebhookDisabled, &webhook.id.to_string()).as_bytes())?;
        let parked = behind(store, &webhook_lane(webhook.id))?;
        known.push(Known { webhook, alert, parked });
    }
    Ok(WebhookFacts { known })
}
