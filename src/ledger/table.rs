//! The register of tables. All map bytes to bytes; keys are our own, so that files outlive redb's
//! encodings, and backup, verification and replay are one loop over this list.

use redb::TableDefinition;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $role:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Tab { $($(#[$doc])* $name),* }

        impl Tab {
            pub const ALL: &'static [Tab] = &[$(Tab::$name),*];
            pub const fn name(self) -> &'static str {
                match self { $(Tab::$name => $text),* }
            }
            pub const fn role(self) -> Role {
                match self { $(Tab::$name => Role::$role),* }
            }
        }
    };
}

/// Where a table's content comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Put by decisions; the journal holds every put.
    Rows,
    /// Derived from the rows.
    Derived,
    /// Beside the books: the journal itself, and what erasure may touch.
    Beside,
}

tables! {
    /// Schema, secret key of names, clock.
    Meta = "meta-1", Beside;
    /// Person → user id: with the next, the only tables that name people.
    People = "person-1", Beside;
    /// Partner or payout → what names or pays a person.
    Contact = "contact-1", Beside;
    /// Person → the `appAccountToken` that the app gave for them.
    Token = "token-1", Beside;
    /// Time and sequence → body as received, for a month.
    Inbox = "inbox-1", Beside;
    /// Commands that a bug stopped.
    Quarantine = "quarantine-1", Beside;
    Journal = "journal-1", Beside;
    Rules = "rules-1", Rows;
    Pool = "pool-1", Rows;
    Batch = "batch-1", Rows;
    Chunk = "chunk-1", Rows;
    Code = "code-1", Rows;
    Referrer = "referrer-1", Rows;
    Alias = "alias-1", Rows;
    Move = "move-1", Rows;
    Erasure = "erasure-1", Rows;
    Claim = "claim-1", Rows;
    Subscription = "subscription-1", Rows;
    Refund = "refund-1", Rows;
    RefundRules = "refund-rules-1", Rows;
    Consent = "consent-1", Rows;
    Usage = "usage-1", Rows;
    Question = "question-1", Rows;
    WinBack = "winback-1", Rows;
    Download = "download-1", Rows;
    Hearing = "hearing-1", Rows;
    Network = "network-1", Rows;
    Redemption = "redemption-1", Rows;
    Completion = "completion-1", Rows;
    Account = "account-1", Rows;
    Extension = "extension-1", Rows;
    Sale = "sale-1", Rows;
    Partner = "partner-1", Rows;
    Coupon = "coupon-1", Rows;
    Conversion = "conversion-1", Rows;
    Payout = "payout-1", Rows;
    Movement = "movement-1", Rows;
    Alert = "alert-1", Rows;
    Reconciliation = "reconciliation-1", Rows;
    Signing = "signing-1", Rows;
    Webhook = "webhook-1", Rows;
    Seen = "seen-1", Rows;
    Item = "outbox-1", Rows;
    /// Kind, target, item: the open items of a lane.
    Lane = "lane-1", Derived;
    /// Time, item: the items that wait.
    Ready = "ready-1", Derived;
    /// The items whose attempt is under way.
    Begun = "begun-1", Derived;
    Due = "due-1", Rows;
    /// Person, table, key: whose rows are whose, and which entries of the journal are about whom.
    OfPerson = "of-person-1", Derived;
    /// Transaction, sequence: which entries are about which.
    OfTransaction = "of-transaction-1", Derived;
    /// Campaign, transaction: the completion that rests on it.
    Spent = "spent-1", Derived;
    /// Original transaction, sale: what was sold with it.
    OfSubscription = "of-subscription-1", Derived;
    /// Original transaction, question: what Apple asked of it.
    AskedOf = "asked-of-1", Derived;
    /// Offer, day in California, redemption.
    OfOffer = "of-offer-1", Derived;
    /// Partner, currency, time, conversion: what can be paid.
    Payable = "payable-1", Derived;
    /// Payout, conversion: what it is for.
    OfPayout = "of-payout-1", Derived;
    /// The payment service's name of an order or a reward: the payout.
    OfOrder = "of-order-1", Derived;
    /// Partner, currency, account: what stands in it.
    Balance = "balance-1", Derived;
    /// Counts by noun, campaign and status.
    Count = "count-1", Derived;
}

impl Tab {
    pub const fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name())
    }
}
