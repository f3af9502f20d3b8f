//! What each rule catches, and who does just about the same and is left alone.

use super::Story;
use super::rules::{
    everything_doubted, family, family_and_milestones, flags_end_credited, flags_end_rejected, milestones, network,
    new_only, per_day, per_month, plain, rings, tests_rewarded, too_fast, too_fast_and_hold, total, trusting,
};

pub const STORIES: &[Story] = &[
    (
        "too fast",
        too_fast,
        "bob claims; bob buys -> held 0 (too_fast); again -> held 0 (too_fast); +50d -> held 0 (too_fast)",
    ),
    ("slow enough", too_fast, "bob claims; +1m; bob buys -> credited 30"),
    ("bought before the claim", too_fast, "bob buys; bob claims -> credited 30"),
    (
        "too fast, approved",
        too_fast,
        "bob claims; bob buys; +3d; bob approved -> credited 33 (too_fast); \
         bob refunded -> reversed 0 (too_fast, refund); +1d; bob restored -> credited 34 (too_fast)",
    ),
    (
        "too fast, rejected",
        too_fast,
        "bob claims; bob buys; bob rejected -> rejected 0 (too_fast, by_hand); eve claims; +1m; \
         eve buys -> credited 30",
    ),
    (
        "too fast, refunded",
        too_fast,
        "bob claims; bob buys; bob refunded -> reversed 0 (too_fast, refund); bob approved: 409; \
         bob restored -> held 0 (too_fast); bob approved -> credited 30 (too_fast)",
    ),
    (
        "too fast, prorated",
        too_fast,
        "bob claims; bob buys; bob refunded 50% -> held 0 (too_fast, prorated_refund); \
         bob approved -> credited 15 (too_fast, prorated_refund)",
    ),
    (
        "too fast by Apple's word",
        too_fast,
        "bob claims; bob buys by apple -> held 0 (too_fast); eve claims; +1m; eve buys by apple -> credited 30",
    ),
    (
        "too fast, beside a hold",
        too_fast_and_hold,
        "bob claims; bob buys -> held 0 (too_fast); eve claims; +1m; eve buys -> held 0; +7d -> credited 37; \
         bob -> held 37 (too_fast)",
    ),
    (
        "looked at by nobody, credited",
        flags_end_credited,
        "bob claims; bob buys; +9d -> held 0 (too_fast); +1d -> credited 40 (too_fast); eve claims; +1m; \
         eve buys -> credited 70",
    ),
    (
        "looked at by nobody, rejected",
        flags_end_rejected,
        "bob claims; bob buys; +9d -> held 0 (too_fast); +1d -> rejected 0 (too_fast); bob approved: 409; \
         eve claims; +1m; eve buys -> credited 40",
    ),
    (
        "looked at in time",
        flags_end_rejected,
        "bob claims; bob buys; +5d; bob approved -> credited 35 (too_fast); +10d -> credited 35 (too_fast)",
    ),
    (
        "refunded when the time is up, credited",
        flags_end_credited,
        "bob claims; bob buys; +5d; bob refunded -> reversed 0 (too_fast, refund); \
         +10d -> reversed 0 (too_fast, refund); bob restored -> credited 45 (too_fast)",
    ),
    (
        "refunded when the time is up, rejected",
        flags_end_rejected,
        "bob claims; bob buys; +5d; bob refunded -> reversed 0 (too_fast, refund); +10d; \
         bob restored -> rejected 0 (too_fast)",
    ),
    (
        "refunded and back in time",
        flags_end_rejected,
        "bob claims; bob buys; +5d; bob refunded; +1d; bob restored -> held 0 (too_fast); \
         +4d -> rejected 0 (too_fast)",
    ),
    (
        "a third on one day",
        per_day,
        "bob claims; bob buys; eve claims; eve buys -> credited 60; max claims; \
         max buys -> held 60 (max_per_referrer_per_day); +1d; kim claims; kim buys -> credited 90; \
         max approved -> credited 120 (max_per_referrer_per_day)",
    ),
    (
        "two on one day, of two referrers",
        per_day,
        "bob claims; bob buys; eve claims; eve buys -> credited 60; max claims of zoe; max buys -> credited 30",
    ),
    (
        "a refund makes no room in a day",
        per_day,
        "bob claims; bob buys; eve claims; eve buys; bob refunded -> reversed 30; max claims; \
         max buys -> held 30 (max_per_referrer_per_day)",
    ),
    (
        "a third in one month",
        per_month,
        "bob claims; bob buys; eve claims; eve buys -> credited 60; +5d; max claims; \
         max buys -> held 60 (max_per_month); +5d; kim claims; kim buys -> credited 90; \
         max rejected -> rejected 90 (max_per_month, by_hand)",
    ),
    (
        "a third in all",
        total,
        "bob claims; bob buys; eve claims; eve buys -> credited 60; +100d; max claims; \
         max buys -> held 0 (max_total); max approved -> credited 130 (max_total)",
    ),
    (
        "a refund makes room in all",
        total,
        "bob claims; bob buys; eve claims; eve buys; bob refunded -> reversed 30; max claims; \
         max buys -> credited 60; bob restored -> credited 90",
    ),
    (
        "a customer already",
        new_only,
        "bob buys another; +1d; bob claims; bob buys -> held 0 (not_new_customer); \
         bob approved -> credited 31 (not_new_customer)",
    ),
    (
        "a customer already, by Apple",
        new_only,
        "bob buys another by apple; +1d; bob claims; bob buys by apple -> held 0 (not_new_customer)",
    ),
    (
        "a customer who comes back",
        new_only,
        "bob claims; bob comes back -> held 0 (not_new_customer); \
         bob refunded -> reversed 0 (not_new_customer, refund); bob restored -> held 0 (not_new_customer)",
    ),
    (
        "a customer who comes back, not asked",
        plain,
        "bob claims; bob comes back -> credited 30; bob refunded -> reversed 0",
    ),
    (
        "a new customer, who buys more",
        new_only,
        "bob claims; bob buys -> credited 30; +1d; bob buys another -> credited 30",
    ),
    ("others bought before", new_only, "eve buys another; +1d; bob claims; bob buys -> credited 31"),
    (
        "of a family, by RevenueCat",
        family,
        "bob claims; bob buys in family -> credited 0 (family_shared); \
         bob refunded -> reversed 0 (family_shared, refund); bob restored -> credited 0 (family_shared)",
    ),
    ("of a family, not asked", plain, "bob claims; bob buys in family -> credited 30"),
    (
        "of a family, by Apple",
        family,
        "bob claims; bob buys by apple in family -> credited 0 (family_shared); again -> credited 0 (family_shared); \
         eve claims; eve buys by apple -> credited 30",
    ),
    ("of a family, shown", family, "bob confirms in family -> credited 0 (family_shared); eve confirms -> credited 30"),
    (
        "of a family, revoked",
        family,
        "bob claims; bob buys -> credited 30; bob revoked -> reversed 0 (family_shared, refund); eve claims; \
         eve buys -> credited 30",
    ),
    (
        "of a family, known later",
        family,
        "bob claims; bob buys -> credited 30; bob buys in family -> credited 0 (family_shared); \
         again -> credited 0 (family_shared)",
    ),
    (
        "of a family counts for no milestone",
        family_and_milestones,
        "bob claims; bob buys; eve claims; eve buys in family -> credited 30 (family_shared); max claims; \
         max buys -> credited 160",
    ),
    (
        "a ring",
        rings,
        "ann claims of eve; ann buys -> credited 30; eve claims; eve buys -> held 0 (ring); \
         eve approved -> credited 30 (ring)",
    ),
    (
        "a ring, refunded",
        rings,
        "ann claims of eve; ann buys; ann refunded -> reversed 0; eve claims; eve buys -> held 0 (ring)",
    ),
    (
        "a ring by an Apple Account",
        rings,
        "eve buys another by apple; ann claims of eve; ann buys -> credited 30; \
         max buys another by apple on eve's account; max claims; max buys by apple -> held 0 (ring)",
    ),
    (
        "no ring",
        rings,
        "ann claims of eve; ann buys -> credited 30; bob claims; bob buys -> credited 30; max claims of bob; \
         max buys -> credited 30",
    ),
    (
        "a crowd behind one address",
        network,
        "bob claims from 203.0.113.7; bob buys -> credited 30; eve claims from 203.0.113.8; eve buys -> credited 60; \
         max claims from 203.0.113.9; max buys -> held 60 (max_claims_per_network_per_day); \
         kim claims from 198.51.100.1; kim buys -> credited 90; +1d; lee claims from 203.0.113.7; \
         lee buys -> credited 120",
    ),
    (
        "a crowd that claimed before",
        network,
        "bob claims from 203.0.113.7; again -> none 0; again -> none 0; eve claims from 203.0.113.7; \
         eve buys -> credited 30; bob buys -> credited 60",
    ),
    (
        "several doubts",
        everything_doubted,
        "bob buys another; +1d; bob claims; bob buys -> held 0 (too_fast, not_new_customer); \
         bob approved -> credited 31 (too_fast, not_new_customer)",
    ),
    (
        "no doubt",
        everything_doubted,
        "bob claims; +1m; bob buys -> credited 30; +1d; eve claims; +1m; eve buys -> credited 60",
    ),
    (
        "in the sandbox",
        plain,
        "bob claims; bob buys in sandbox -> credited 0; bob refunded -> reversed 0; bob restored -> credited 0; \
         eve claims; eve buys by apple in sandbox -> credited 0",
    ),
    (
        "in the sandbox, rewarded",
        tests_rewarded,
        "bob claims; bob buys in sandbox -> credited 30; bob refunded -> reversed 0; +1d; \
         bob restored -> credited 31; eve claims; eve buys by apple in sandbox -> credited 61",
    ),
    (
        "in the sandbox, no milestone",
        milestones,
        "bob claims; bob buys; eve claims; eve buys in sandbox -> credited 30; max claims; max buys -> credited 160",
    ),
    (
        "in the sandbox, known later",
        trusting,
        "bob confirms word -> credited 30; +1d; bob buys in sandbox -> credited 0; bob refunded -> reversed 0; \
         bob restored -> credited 0",
    ),
    (
        "the app's word, not trusted",
        plain,
        "bob claims; bob confirms word -> none 0; again -> none 0; bob buys -> credited 30",
    ),
    (
        "a ring whose first half was refunded, and rejected",
        rings,
        "ann claims of eve; ann buys; ann refunded; ann rejected -> rejected 0 (refund, by_hand); eve claims; \
         eve buys -> credited 30",
    ),
    (
        "a ring by an Apple Account, told by the purchase itself",
        rings,
        "eve buys another by apple; ann claims of eve; ann buys; max claims; \
         max buys by apple on eve's account -> held 0 (ring)",
    ),
    (
        "a ring by the referrer's Apple Account",
        rings,
        "kim claims of eve; kim buys by apple; ann buys another by apple on kim's account; eve claims; \
         eve buys -> held 0 (ring)",
    ),
    (
        "no ring by another's Apple Account",
        rings,
        "kim claims of eve; kim buys by apple; ann buys another by apple on max's account; eve claims; \
         eve buys -> credited 30",
    ),
];
