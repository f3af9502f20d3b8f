//! What the benches stand on.

use referd::domain::policy::{Accept, AttributionRules, Environment, FraudRules, Kind, Policy, PoolRules, RewardRules};

/// A campaign whose codes are imported.
pub fn policy() -> Policy {
    Policy {
        campaign: "friends".into(),
        kind: Kind::Referral,
        offer: "REF30".into(),
        offer_code_id: String::new(),
        product_ids: vec![],
        pool: PoolRules {
            environment: Environment::Production,
            low_water: 0,
            batch_size: 1000,
            expires_in_days: 180,
            reserve_days: 14,
        },
        attribution: AttributionRules { accept: Accept::Evidence, claim_window_days: 30, asks_apple: false },
        reward: RewardRules::of_days(30),
        fraud: FraudRules::NONE,
        payout: None,
        winback: None,
    }
}
