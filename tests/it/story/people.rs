//! Who is whom, as it becomes known.

use super::Story;
use super::rules::{flags_end_rejected, hold, milestones, plain};

pub const STORIES: &[Story] = &[
    ("oneself", plain, "ann claims: 422 -> none 0; ann buys -> none 0"),
    (
        "oneself, by the code",
        plain,
        "ann buys; ann confirms: 422 -> rejected 0; ann refunded -> rejected 0; ann restored -> rejected 0",
    ),
    ("an alias before the claim", plain, "eve is also ann; eve claims: 422 -> none 0; eve buys -> none 0"),
    ("an alias after the claim", plain, "eve claims; eve is also ann -> rejected 0; eve buys -> rejected 0"),
    (
        "an alias after the credit",
        plain,
        "eve claims; eve buys -> credited 30; eve is also ann -> rejected 0; again -> rejected 0; \
         eve refunded -> rejected 0; eve restored -> rejected 0",
    ),
    (
        "an alias after the credit, others stay",
        milestones,
        "bob claims; bob buys; eve claims; eve buys -> credited 160; eve is also ann -> rejected 30; max claims; \
         max buys -> credited 160",
    ),
    ("an alias while held", hold, "eve claims; eve buys -> held 0; eve is also ann -> rejected 0; +8d -> rejected 0"),
    (
        "an alias while refunded",
        plain,
        "eve claims; eve buys; eve refunded -> reversed 0; eve is also ann -> rejected 0; eve restored -> rejected 0",
    ),
    (
        "an alias of nobody here",
        plain,
        "eve claims; eve buys -> credited 30; eve is also max -> credited 30; eve refunded -> reversed 0",
    ),
    (
        "claimed by one id, bought by the other",
        plain,
        "eve claims; kim is also eve; kim buys; eve -> credited 30; kim refunded; eve -> reversed 0; kim restored; \
         eve -> credited 30",
    ),
    ("an original id", plain, "eve claims; eve buys as ann -> rejected 0; eve refunded -> rejected 0"),
    ("an original id of nobody here", plain, "eve claims; eve buys as max -> credited 30"),
    (
        "an original id after a transfer",
        plain,
        "bob buys; bob transfers to eve; eve claims -> credited 30; eve renews as ann -> rejected 0",
    ),
    (
        "no original id after a transfer",
        plain,
        "bob buys; bob transfers to eve; eve claims -> credited 30; eve renews as bob -> credited 30",
    ),
    (
        "a transfer after the credit",
        plain,
        "bob claims; bob buys -> credited 30; bob transfers to eve; eve claims; eve -> none 30; \
         bob refunded -> reversed 0; bob restored -> credited 30",
    ),
    (
        "a transfer before the refund is told by RevenueCat",
        plain,
        "bob claims; bob buys; bob transfers to eve; +1d; bob refunded by revenuecat -> reversed 0",
    ),
    (
        "one Apple Account",
        plain,
        "ann buys another by apple; eve claims; eve buys by apple on ann's account -> rejected 0; again -> rejected 0",
    ),
    (
        "one Apple Account, known later",
        plain,
        "eve claims; eve buys by apple -> credited 30; ann buys another by apple on eve's account; \
         eve -> rejected 0; eve refunded -> rejected 0",
    ),
    ("one Apple Account, shown", plain, "ann buys another by apple; eve confirms on ann's account: 422 -> rejected 0"),
    (
        "one Apple Account, others stay",
        milestones,
        "bob claims; bob buys by apple; eve claims; eve buys by apple -> credited 160; \
         ann buys another by apple on eve's account; eve -> rejected 30; bob -> credited 30",
    ),
    ("two Apple Accounts", plain, "ann buys another by apple; eve claims; eve buys by apple -> credited 30"),
    (
        "two referees of one Apple Account",
        plain,
        "bob claims; bob buys by apple -> credited 30; eve claims; eve buys by apple on bob's account -> credited 60",
    ),
    (
        "a second claim",
        plain,
        "bob claims; bob buys -> credited 30; again -> credited 30; bob claims of eve: 409 -> credited 0; \
         bob claims of ann -> credited 30",
    ),
    (
        "rejected, then claimed anew",
        plain,
        "bob claims; bob buys; bob rejected -> rejected 0 (by_hand); bob claims: 409 -> rejected 0 (by_hand); \
         bob buys -> rejected 0 (by_hand)",
    ),
    (
        "rejected by the flag's end, then claimed anew",
        flags_end_rejected,
        "bob claims; bob buys; +10d -> rejected 0 (too_fast); bob claims: 409 -> rejected 0 (too_fast); \
         bob buys by apple -> rejected 0 (too_fast)",
    ),
    (
        "bought anew",
        plain,
        "bob claims; bob buys -> credited 30; bob buys anew -> credited 30; bob refunded -> credited 30",
    ),
    (
        "a referrer of two ids",
        plain,
        "bob claims; bob buys -> credited 30; max claims of zoe; max buys -> credited 30; ann is also zoe; \
         bob -> credited 60; max refunded -> reversed 30; max restored -> credited 60",
    ),
    (
        "two referees who turn out to be one",
        plain,
        "bob claims; bob buys; eve claims of kim; eve buys; bob is also eve; bob -> credited 30; eve -> credited 30",
    ),
    (
        "the referrer's own purchase, moved to a friend",
        plain,
        "ann buys; ann transfers to eve; eve claims: 422 -> rejected 0",
    ),
    (
        "the referrer's own purchase, claimed before it is moved",
        plain,
        "eve claims; ann buys; ann transfers to eve; eve -> rejected 0",
    ),
    ("a friend's purchase, moved to another", plain, "bob buys; bob transfers to max; max claims -> credited 30"),
];
