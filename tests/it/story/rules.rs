//! The rules that stories are played under: thirty days for each completion, and what is named.

use crate::support::tokens::{AUDIENCE, ISSUER};
use referd::config::{Algorithm, Config, Jwt, JwtKey, Secret};
use referd::domain::policy::{Accept, Expiry, Milestone, Policy};
use std::net::{IpAddr, Ipv4Addr};

pub type Rules = fn(&mut Config);

/// What the tokens of users are signed with, where a story needs them.
pub const USERS_SECRET: &str = "a-shared-secret-of-the-stories-012345";

fn policy(config: &mut Config) -> &mut Policy {
    &mut config.apps[0].campaigns[0].policy
}

pub fn plain(_: &mut Config) {}

pub fn no_days(config: &mut Config) {
    policy(config).reward.days = 0;
}

/// Held for seven days.
pub fn hold(config: &mut Config) {
    policy(config).reward.hold_days = 7;
}

/// A hundred days more for two, ten for three.
pub fn milestones(config: &mut Config) {
    policy(config).reward.milestones =
        vec![Milestone { referrals: 2, days: 100 }, Milestone { referrals: 3, days: 10 }];
}

pub fn hold_and_milestones(config: &mut Config) {
    hold(config);
    milestones(config);
}

/// Days come from milestones only.
pub fn milestones_only(config: &mut Config) {
    no_days(config);
    milestones(config);
}

pub fn too_fast(config: &mut Config) {
    policy(config).fraud.too_fast_seconds = 60;
}

pub fn too_fast_and_hold(config: &mut Config) {
    too_fast(config);
    hold(config);
}

/// What nobody looked at within ten days is credited.
pub fn flags_end_credited(config: &mut Config) {
    too_fast(config);
    policy(config).fraud.flags_expire_days = 10;
}

pub fn flags_end_rejected(config: &mut Config) {
    flags_end_credited(config);
    policy(config).fraud.flags_expire_to = Expiry::Rejected;
}

pub fn per_day(config: &mut Config) {
    policy(config).fraud.max_per_referrer_per_day = 2;
}

pub fn per_month(config: &mut Config) {
    policy(config).reward.max_per_month = 2;
}

pub fn total(config: &mut Config) {
    policy(config).reward.max_total = 2;
}

pub fn new_only(config: &mut Config) {
    policy(config).fraud.require_new_customer = true;
}

pub fn family(config: &mut Config) {
    policy(config).fraud.family_sharing = true;
}

pub fn family_and_milestones(config: &mut Config) {
    family(config);
    milestones(config);
}

pub fn rings(config: &mut Config) {
    policy(config).fraud.rings = true;
}

/// Two claims of one network a day. Users prove themselves by their own tokens, behind a proxy.
pub fn network(config: &mut Config) {
    policy(config).fraud.max_claims_per_network_per_day = 2;
    let key = JwtKey::Secret(Secret::new(USERS_SECRET));
    let (issuer, audience, user_claim) = (ISSUER.to_owned(), AUDIENCE.to_owned(), "sub".to_owned());
    config.apps[0].auth.jwt = Some(Jwt { algorithm: Algorithm::Hs256, key, issuer, audience, user_claim });
    config.server.trusted_proxies = vec![IpAddr::from(Ipv4Addr::LOCALHOST).into()];
}

pub fn tests_rewarded(config: &mut Config) {
    policy(config).reward.test_rewards = true;
}

pub fn trusting(config: &mut Config) {
    policy(config).attribution.accept = Accept::Confirm;
}

pub fn trusting_and_hold(config: &mut Config) {
    trusting(config);
    hold(config);
}

pub fn everything_doubted(config: &mut Config) {
    too_fast(config);
    per_day(config);
    new_only(config);
    rings(config);
}
