//! Other people's bytes and our values, in both directions. Pure: no sockets, no clock.

pub mod affiliate_list;
pub mod alma;
pub mod app_store_connect;
pub mod app_store_server;
pub mod apple_event;
pub mod certificate;
pub mod csv;
pub mod device_check;
pub mod export;
mod fields;
pub mod hook;
pub mod jws;
pub mod offer_signature;
pub mod payout_file;
pub mod private_key;
pub mod revenuecat;
pub mod revenuecat_event;
pub mod sales_report;
pub mod standard_webhooks;
pub mod statement_link;
pub mod text;
pub mod tremendous;
pub mod user_token;
pub mod view;
