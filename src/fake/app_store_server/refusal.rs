//! The errors of the App Store Server API: a code, whose first three digits are the status, and Apple's text for it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub u32);

impl Refusal {
    pub const BAD_REQUEST: Refusal = Refusal(4_000_000);
    pub const REVISION: Refusal = Refusal(4_000_005);
    pub const TRANSACTION_ID: Refusal = Refusal(4_000_006);
    pub const ORIGINAL_TRANSACTION_ID: Refusal = Refusal(4_000_008);
    pub const DAYS: Refusal = Refusal(4_000_009);
    pub const REASON: Refusal = Refusal(4_000_010);
    pub const REQUEST_IDENTIFIER: Refusal = Refusal(4_000_011);
    pub const START_TOO_EARLY: Refusal = Refusal(4_000_012);
    pub const START_AFTER_END: Refusal = Refusal(4_000_013);
    pub const PAGINATION_TOKEN: Refusal = Refusal(4_000_014);
    pub const START: Refusal = Refusal(4_000_015);
    pub const END: Refusal = Refusal(4_000_016);
    pub const NOTIFICATION_TYPE: Refusal = Refusal(4_000_018);
    pub const TWO_FILTERS: Refusal = Refusal(4_000_019);
    pub const TEST_TOKEN: Refusal = Refusal(4_000_020);
    pub const SORT: Refusal = Refusal(4_000_021);
    pub const PRODUCT_TYPE: Refusal = Refusal(4_000_022);
    pub const OWNERSHIP: Refusal = Refusal(4_000_026);
    pub const REVOKED: Refusal = Refusal(4_000_030);
    pub const STATUS: Refusal = Refusal(4_000_031);
    pub const TENURE: Refusal = Refusal(4_000_032);
    pub const ACCOUNT_TOKEN: Refusal = Refusal(4_000_033);
    pub const CONSUMPTION: Refusal = Refusal(4_000_034);
    pub const CONSENT: Refusal = Refusal(4_000_035);
    pub const DELIVERY: Refusal = Refusal(4_000_036);
    pub const PURCHASED: Refusal = Refusal(4_000_037);
    pub const REFUNDED: Refusal = Refusal(4_000_038);
    pub const PLATFORM: Refusal = Refusal(4_000_039);
    pub const PLAY_TIME: Refusal = Refusal(4_000_040);
    pub const SAMPLE: Refusal = Refusal(4_000_041);
    pub const USER_STATUS: Refusal = Refusal(4_000_042);
    pub const PREFERENCE: Refusal = Refusal(4_000_044);
    pub const APP_TRANSACTION_ID: Refusal = Refusal(4_000_048);
    pub const TOKEN: Refusal = Refusal(4_000_183);
    pub const FAMILY: Refusal = Refusal(4_000_185);
    pub const NOT_ORIGINAL: Refusal = Refusal(4_000_187);
    pub const NOT_EXTENDABLE: Refusal = Refusal(4_030_004);
    pub const MOST_EXTENSIONS: Refusal = Refusal(4_030_005);
    pub const FAMILY_EXTENSION: Refusal = Refusal(4_030_007);
    pub const NO_ORIGINAL_TRANSACTION: Refusal = Refusal(4_040_005);
    pub const NO_URL: Refusal = Refusal(4_040_007);
    pub const NO_TEST: Refusal = Refusal(4_040_008);
    pub const NO_TRANSACTION: Refusal = Refusal(4_040_010);
    pub const TOO_MANY: Refusal = Refusal(4_290_000);
    pub const INTERNAL: Refusal = Refusal(5_000_000);

    fn message(self) -> &'static str {
        match self.0 {
            4_000_000 => "Bad request.",
            4_000_002 => "Invalid request app identifier.",
            4_000_005 => "Invalid request revision.",
            4_000_006 => "Invalid transaction id.",
            4_000_008 => "Invalid original transaction id.",
            4_000_009 => "Invalid extend by days value.",
            4_000_010 => "Invalid extend reason code.",
            4_000_011 => "Invalid request identifier.",
            4_000_012 => "Invalid request. The start date is earlier than the allowed start date.",
            4_000_013 => "Invalid request. The end date precedes the start date or the dates are the same.",
            4_000_014 => "Invalid request. The pagination token is invalid.",
            4_000_015 => "Invalid request. The start date is not a timestamp value represented in milliseconds.",
            4_000_016 => "Invalid request. The end date is not a timestamp value represented in milliseconds.",
            4_000_017 => "Invalid request. The pagination token is expired.",
            4_000_018 => "Invalid request. The notification type or subtype is invalid.",
            4_000_019 => "Invalid request. Supply either a transaction id or a notification type, but not both.",
            4_000_020 => "Invalid request. The test notification token is invalid.",
            4_000_021 => "Invalid request. The sort parameter is invalid.",
            4_000_022 => "Invalid request. The product type parameter is invalid.",
            4_000_026 => "Invalid request. The in-app ownership type parameter is invalid.",
            4_000_030 => "Invalid request. The revoked parameter is invalid.",
            4_000_031 => "Invalid request. The status parameter is invalid.",
            4_000_032 => "Invalid request. The account tenure field is invalid.",
            4_000_033 => "Invalid request. The app account token field must contain a valid UUID or an empty string.",
            4_000_034 => "Invalid request. The consumption status field is invalid.",
            4_000_035 => {
                "Invalid request. The customer consented field is required and must indicate the customer consented."
            }
            4_000_036 => "Invalid request. The delivery status field is invalid.",
            4_000_037 => "Invalid request. The lifetime dollars purchased field is invalid.",
            4_000_038 => "Invalid request. The lifetime dollars refunded field is invalid.",
            4_000_039 => "Invalid request. The platform field is invalid.",
            4_000_040 => "Invalid request. The playtime field is invalid.",
            4_000_041 => "Invalid request. The sample content provided field is invalid.",
            4_000_042 => "Invalid request. The user status field is invalid.",
            4_000_044 => "Invalid request. The refund preference field is invalid.",
            4_000_047 => "Invalid request. The transaction id doesn't represent a supported in-app purchase type.",
            4_000_048 => "Invalid request. App transactions aren't supported by this endpoint.",
            4_000_183 => "Invalid request. The app account token field must be a valid UUID.",
            4_000_185 => "Invalid request. Family Sharing transactions aren't supported by this endpoint.",
            4_000_187 => "Invalid request. The transaction ID provided is not an original transaction ID.",
            4_030_004 => "Forbidden - subscription state ineligible for extension.",
            4_030_005 => "Forbidden - subscription has reached maximum extension count.",
            4_030_007 => {
                "Subscriptions that users obtain through Family Sharing can't get a renewal date extension directly."
            }
            4_040_001 => "Account not found.",
            4_040_002 => "Account not found. Please try again.",
            4_040_003 => "App not found.",
            4_040_004 => "App not found. Please try again.",
            4_040_005 => "Original transaction id not found.",
            4_040_006 => "Original transaction id not found. Please try again.",
            4_040_007 => {
                "No App Store Server Notification URL found for provided app. \
                 Check that a URL is configured in App Store Connect for this environment."
            }
            4_040_008 => {
                "Either the test notification token is expired or the notification and status are not yet available."
            }
            4_040_010 => "Transaction id not found.",
            4_290_000 => "Rate limit exceeded.",
            5_000_001 => "An unknown error occurred. Please try again.",
            _ => "An unknown error occurred.",
        }
    }
    fn status(self) -> StatusCode {
        let status = u16::try_from(self.0 / 10_000).ok();
        status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn render(self, status: StatusCode) -> Response {
        answer(status, &json!({"errorCode": self.0, "errorMessage": self.message()}))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.render(self.status())
    }
}

/// The body this API gives a status that no request earned; without a documented one it is plain text.
pub fn trouble(status: StatusCode) -> Response {
    match status.as_u16() {
        400 => Refusal::BAD_REQUEST.into_response(),
        429 => Refusal::TOO_MANY.into_response(),
        500.. => Refusal::INTERNAL.render(status),
        _ => (status, status.canonical_reason().unwrap_or_default()).into_response(),
    }
}

pub fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, "Unauthenticated").into_response()
}

pub fn answer(status: StatusCode, body: &Value) -> Response {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [json], body.to_string()).into_response()
}
