//! The OpenAPI document as it is printed.

use crate::support::appliance::Site;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_the_document() {
    let site = Site::new(0, 10, "info").await;
    let printed: Value = serde_json::from_str(&site.prints(&["openapi"])).expect("it is JSON");
    assert_eq!(printed, referd::http::openapi::document());
}
