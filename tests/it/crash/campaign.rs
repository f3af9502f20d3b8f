//! The campaign of the stories, and the commands that need no chance.

use crate::support::disk::{Disk, Image};
use redb::Database;
use referd::domain::at::At;
use referd::domain::decide::pool::Adopt;
use referd::domain::decide::share::MyCode;
use referd::domain::decide::{By, Command};
use referd::domain::id::UserId;
use referd::domain::policy::*;
use referd::ledger::{Entry, Ledger};

pub const NOON: At = At(1_790_000_000_000);
pub const CAMPAIGN: &str = "friends";

/// A database that was made and not yet used. Making one is not part of the story: it happens under
/// another name.
pub fn blank() -> Image {
    let disk = Disk::over(Image::default());
    drop(Database::builder().create_with_backend(disk.clone()).expect("memory does not fail"));
    disk.now()
}

pub fn policy() -> Policy {
    Policy {
        campaign: CAMPAIGN.into(),
        kind: Kind::Referral,
        offer: "REF30".into(),
        offer_code_id: "offer-1".into(),
        product_ids: vec!["monthly".into()],
        pool: PoolRules {
            environment: Environment::Production,
            low_water: 6,
            batch_size: 5,
            expires_in_days: 180,
            reserve_days: 14,
        },
        attribution: AttributionRules { accept: Accept::Confirm, claim_window_days: 30, asks_apple: false },
        reward: RewardRules::of_days(30),
        fraud: FraudRules::NONE,
        payout: None,
        winback: None,
    }
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}

pub fn my_code(ledger: &Ledger, name: &str) -> Entry {
    let who = user(name);
    let command = Command::MyCode(MyCode { campaign: CAMPAIGN.into(), person: ledger.person(&who) });
    Entry::new(command, By::App).naming([who])
}

pub fn adopt() -> Entry {
    Entry::new(Command::Adopt(Adopt { policy: policy() }), By::House)
}
