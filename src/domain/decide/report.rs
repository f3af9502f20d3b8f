//! A source reports a purchase, or who is whom.

use super::{Decision, Family, Put, Refusal, Reply, Seen, Stamp};
use crate::domain::at::At;
use crate::domain::attribution::{Case, Changes, Filed};
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::{Code, CodeState};
use crate::domain::completion::Method;
use crate::domain::delivery::Effect;
use crate::domain::id::Person;
use crate::domain::person::{Circle, Move};
use crate::domain::policy::campaign_of;
use crate::domain::purchase::{About, Purchase, Report};
use crate::domain::redemption::{Redemption, RedemptionState};
use crate::domain::reward::Account;

pub struct ReportFacts {
    pub seen: Option<Seen>,
    /// The ids named now with those known before: one circle, or for a transfer one a side.
    pub links: Vec<Link>,
    /// Whom it is about: first the purchase's owner, or the new one; then those whose ids became one.
    pub cases: Vec<Case>,
    /// The redemption that the purchase was reported as before.
    pub known: Option<Redemption>,
    /// A code whose text stands in the purchase's offer field.
    pub named: Option<Named>,
    /// Where the purchases went from their owner, or the new one, as reported before, one after another.
    pub moves: Vec<Move>,
    /// For a transfer to somebody else: the purchases of who loses them.
    pub lost: Option<Vec<Redemption>>,
}

/// Ids that are one person.
pub struct Link {
    pub circle: Circle,
    /// The circles of two or more that were known before.
    pub before: Vec<Circle>,
    /// What was granted to any of these ids.
    pub accounts: Vec<Account>,
}

/// A code that a source named outright, and the claim by which somebody holds it.
pub struct Named {
    pub code: Code,
    pub holder: Option<Claim>,
}

pub struct ReportFamily;

impl Family for ReportFamily {
    type Command = Report;
    type Facts = ReportFacts;

    fn decide(facts: &ReportFacts, report: &Report, stamp: Stamp) -> Result<Decision, Refusal> {
        if let Some(seen) = &facts.seen {
            return Ok(Decision::same(seen.reply(report)));
        }
        let mut decision = Decision::same(Reply::Kept { repeated: false, differs: false });
        decision.put(Put::Seen(Seen {
            source: report.source,
            event: report.event.clone(),
            kind: report.kind.clone(),
            digest: report.digest,
            seq: stamp.seq,
        }));
        let mut cases = facts.cases.clone();
        facts.links.iter().for_each(|one| link(one, &mut cases, stamp.at, &mut decision));
        match &report.about {
            About::Purchase { people, purchase } => {
                redeem(facts, &mut cases, report, people, purchase, stamp, &mut decision)
            }
            About::Transfer { from, to } => {
                transfer(facts, &mut cases, from, to, report.at.unwrap_or(stamp.at), &mut decision)
            }
            About::People(_) | About::OwnGrant | About::Nothing => {}
        }
        let mut earlier: Option<Case> = None;
        for case in cases {
            let case = earlier.iter().fold(case, Case::after);
            let (case, changes) = case.join(stamp.at);
            decision.take(changes);
            earlier = Some(case);
        }
        Ok(decision)
    }
}

/// The named ids are one person from now on, with one account.
fn link(link: &Link, cases: &mut [Case], now: At, decision: &mut Decision) {
    if link.circle.members().len() == 1 || link.before.contains(&link.circle) {
        return;
    }
    decision.puts.extend(link.circle.records().into_iter().map(Put::Alias));
    for known in cases.iter_mut().flat_map(|case| case.circles.values_mut()) {
        if link.before.contains(known) {
            known.clone_from(&link.circle);
        }
    }
    let name = link.circle.name();
    let Some(joined) = Account::joined(name, &link.accounts, now) else { return };
    if link.accounts.contains(&joined) {
        return;
    }
    for old in link.accounts.iter().filter(|account| account.person != name) {
        decision.put(Put::AccountGone(old.person));
        cases.iter_mut().for_each(|case| _ = case.accounts.remove(&old.person));
    }
    if link.accounts.iter().all(|account| account.end < joined.end) {
        decision.effects.push(Effect::Grant { account: name, to: joined.to, end: joined.end, shorter: false });
    }
    cases.iter_mut().for_each(|case| _ = case.accounts.insert(name, joined.clone()));
    decision.put(Put::Account(joined));
}

/// A purchase that names an offer is a redemption; one that names a code completes that code.
fn redeem(
    facts: &ReportFacts,
    cases: &mut [Case],
    report: &Report,
    people: &[Person],
    purchase: &Purchase,
    stamp: Stamp,
    decision: &mut Decision,
) {
    let (Some(user), Some(offer), Some(case)) = (people.first(), &purchase.offer, cases.first()) else { return };
    let rules = facts.named.as_ref().and_then(|named| case.rules_of(&named.code.campaign));
    let offer = rules.as_ref().map_or(offer.as_str(), |rules| rules.policy.offer.as_str());
    let told_at = report.at.unwrap_or(stamp.at);
    let mut redemption = Redemption::reported(purchase, offer, *user, report.source, told_at);
    if let Some(known) = &facts.known {
        redemption = known.clone().merged(redemption);
    }
    if let Some(gone) = facts.moves.last() {
        (redemption.user, redemption.owned_at) = (gone.to, gone.at);
    }
    if redemption.campaign.is_none() {
        let found = campaign_of(&case.rules, &redemption.offer, &redemption.product_id);
        redemption.campaign = found.map(|rules| rules.policy.campaign.clone());
    }
    if facts.known.as_ref() != Some(&redemption) {
        decision.put(Put::Redemption(redemption.clone()));
    }
    let free = redemption.state == RedemptionState::Unattributed;
    give(cases, redemption);
    if let Some(named) = facts.named.as_ref().filter(|_| free) {
        complete_named(&mut cases[0], named, stamp.at, decision);
    }
}

/// The redemption is that of the first person, and of nobody else.
fn give(cases: &mut [Case], redemption: Redemption) {
    cases.iter_mut().for_each(|case| case.redemptions.retain(|other| other.id != redemption.id));
    cases[0].redemptions.push(redemption);
}

/// The last redemption of the case named a code.
fn complete_named(case: &mut Case, named: &Named, now: At, decision: &mut Decision) {
    let code = &named.code;
    let open = matches!(code.state, CodeState::Pending | CodeState::Expired { .. });
    let Some(found) = case.redemptions.len().checked_sub(1) else { return };
    let is_spent = case.is_spent(&code.campaign, &case.redemptions[found]);
    if !open || is_spent || case.is_completed(&code.campaign) {
        return;
    }
    if let Some(rival) = named.holder.as_ref().filter(|rival| !case.circle.has(rival.referee)) {
        decision.put(Put::Claim(Claim { state: ClaimState::Superseded, ..rival.clone() }));
    }
    let same = |filed: &Filed| filed.claim.campaign == code.campaign && filed.claim.code == code.text;
    if !case.claims.iter().any(same) {
        let referee = case.redemptions[found].user;
        let claim = Claim {
            campaign: code.campaign.clone(),
            referee,
            referrer: code.assigned_to,
            code: code.text.clone(),
            at: now,
            state: ClaimState::Pending,
        };
        case.claims.retain(|filed| filed.claim.campaign != code.campaign || filed.claim.referee != referee);
        case.claims.push(Filed { claim, code: code.clone(), completion: None });
    }
    let at = case.claims.iter().position(same).expect("it was filed");
    let mut changes = Changes::default();
    if case.circle.has(code.assigned_to) {
        case.reject(at, Some(found), now, &mut changes);
    } else {
        case.complete(at, Some(found), Method::Code, now, &mut changes);
    }
    decision.take(changes);
}

/// The purchases of one person go to another, and on to whom that one gave theirs later.
fn transfer(
    facts: &ReportFacts,
    cases: &mut [Case],
    from: &[Person],
    to: &[Person],
    told_at: At,
    decision: &mut Decision,
) {
    let (Some(lost), Some(to)) = (&facts.lost, to.first()) else { return };
    decision.puts.extend(from.iter().map(|from| Put::Move(Move { from: *from, at: told_at, to: *to })));
    let (user, owned_at) = facts.moves.last().map_or((*to, told_at), |gone| (gone.to, gone.at));
    for redemption in lost.iter().filter(|redemption| redemption.owned_at <= told_at) {
        let moved = Redemption { user, owned_at, ..redemption.clone() };
        decision.put(Put::Redemption(moved.clone()));
        give(cases, moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::purchase::Source;
    use crate::domain::sample::{self, NOON, circle, day, person};

    fn report(about: About) -> Report {
        let digest = Id([1; 16]);
        Report { source: Source::RevenueCat, event: "e1".into(), digest, kind: "RENEWAL".into(), at: Some(NOON), about }
    }

    fn bought(users: &[u8], offer: &str) -> Report {
        let people = users.iter().map(|n| person(*n)).collect();
        report(About::Purchase { people, purchase: sample::purchase("T1", Some(offer), NOON) })
    }

    fn facts(cases: Vec<Case>) -> ReportFacts {
        ReportFacts { seen: None, links: Vec::new(), cases, known: None, named: None, moves: Vec::new(), lost: None }
    }

    fn one(ids: &[u8]) -> Case {
        sample::case(sample::policy(), ids)
    }

    fn with_claim(mut case: Case, referee: u8) -> Case {
        let code = sample::code(0, 100, CodeState::Pending);
        let claim = sample::claim(&code, referee, NOON, ClaimState::Pending);
        case.claims.push(Filed { claim, code, completion: None });
        case
    }

    fn decide(facts: &ReportFacts, report: &Report) -> Decision {
        ReportFamily::decide(facts, report, sample::stamp(NOON)).unwrap()
    }

    /// The last state of the redemption, its owner, and the completions.
    fn ends(decision: &Decision) -> (Option<(&'static str, Person)>, Vec<&'static str>) {
        let redemption = decision.puts.iter().rev().find_map(|put| match put {
            Put::Redemption(row) => Some((row.state.word(), row.user)),
            _ => None,
        });
        let completions = decision.puts.iter().filter_map(|put| match put {
            Put::Completion(row) => Some(row.state.word()),
            _ => None,
        });
        (redemption, completions.collect())
    }

    #[test]
    fn purchases() {
        let named = |state| Named { code: sample::code(0, 100, state), holder: None };
        let gone = |to: u8| vec![Move { from: person(1), at: day(1), to: person(to) }];
        let spent = || {
            let mut case = with_claim(one(&[1]), 1);
            case.spent.insert(("friends".into(), "T1".into()));
            facts(vec![case])
        };
        let code = |facts: ReportFacts| ReportFacts { named: Some(named(CodeState::Pending)), ..facts };
        let used = ReportFacts { named: Some(named(CodeState::Used { at: NOON })), ..facts(vec![one(&[1])]) };
        let rows = [
            ("unclaimed", facts(vec![one(&[1])]), "REF30", "unattributed", 1, vec![]),
            ("claimed", facts(vec![with_claim(one(&[1]), 1)]), "REF30", "attributed", 1, vec!["credited"]),
            ("another offer", facts(vec![with_claim(one(&[1]), 1)]), "SPRING", "unattributed", 1, vec![]),
            ("spent", spent(), "REF30", "unattributed", 1, vec![]),
            (
                "moved on",
                ReportFacts { moves: gone(2), ..facts(vec![with_claim(one(&[2]), 2)]) },
                "REF30",
                "attributed",
                2,
                vec!["credited"],
            ),
            ("named", code(facts(vec![one(&[1])])), "CODE000", "attributed", 1, vec!["credited"]),
            (
                "named, claimed",
                code(facts(vec![with_claim(one(&[1]), 1)])),
                "CODE000",
                "attributed",
                1,
                vec!["credited"],
            ),
            ("named, own", code(facts(vec![one(&[1, 100])])), "CODE000", "rejected", 1, vec!["rejected"]),
            (
                "named, moved on",
                code(ReportFacts { moves: gone(2), ..facts(vec![one(&[2])]) }),
                "CODE000",
                "attributed",
                2,
                vec!["credited"],
            ),
            ("named, spent", code(spent()), "CODE000", "unattributed", 1, vec![]),
            ("named, used", used, "CODE000", "unattributed", 1, vec![]),
        ];
        for (what, facts, offer, state, owner, completions) in rows {
            let decision = decide(&facts, &bought(&[1], offer));
            assert_eq!(ends(&decision), (Some((state, person(owner))), completions,), "{what}");
        }
    }

    #[test]
    fn a_named_code_is_taken_from_whom_claimed_it() {
        let code = sample::code(0, 100, CodeState::Pending);
        let holder = Some(sample::claim(&code, 9, NOON, ClaimState::Pending));
        let facts = ReportFacts { named: Some(Named { code, holder }), ..facts(vec![one(&[1])]) };
        let decision = decide(&facts, &bought(&[1], "CODE000"));
        let lost = |put: &Put| matches!(put, Put::Claim(claim) if claim.referee == person(9) && claim.state == ClaimState::Superseded);
        assert!(decision.puts.iter().any(lost));
    }

    #[test]
    fn a_repeat_changes_nothing() {
        let digest = Id([1; 16]);
        let seen = Seen { source: Source::RevenueCat, event: "e1".into(), kind: "RENEWAL".into(), digest, seq: 1 };
        for (kept, differs) in [(digest, false), (Id([2; 16]), true)] {
            let seen = Some(Seen { digest: kept, ..seen.clone() });
            let decision = decide(&ReportFacts { seen, ..facts(Vec::new()) }, &bought(&[1], "REF30"));
            assert_eq!(decision, Decision::same(Reply::Kept { repeated: true, differs }));
        }
    }

    #[test]
    fn what_concerns_nobody_is_kept() {
        for about in [About::Nothing, About::OwnGrant, About::People(Vec::new())] {
            let decision = decide(&facts(Vec::new()), &report(about));
            assert!(matches!(&decision.puts[..], [Put::Seen(_)]) && decision.effects.is_empty());
        }
    }

    #[test]
    fn accounts_of_one_person() {
        let account = |n: u8, end| Account { person: person(n), to: person(n), end, days: 30 };
        // (accounts) -> the account after, and whether something is to be granted
        for (accounts, after, granted) in [
            (vec![], None, false),
            (vec![account(1, day(30))], None, false),
            (vec![account(2, day(30))], Some((30, day(30))), false),
            (vec![account(1, day(30)), account(2, day(40))], Some((60, day(70))), true),
            (vec![account(1, day(-9)), account(2, day(40))], Some((60, day(40))), false),
            (vec![account(1, day(-9)), account(2, day(-8))], Some((60, day(-8))), false),
        ] {
            let link = Link { circle: circle(&[1, 2]), before: vec![circle(&[1]), circle(&[2])], accounts };
            let facts = ReportFacts { links: vec![link], ..facts(vec![one(&[1, 2])]) };
            let decision = decide(&facts, &report(About::People(vec![person(1), person(2)])));
            let put = decision.puts.iter().find_map(|put| match put {
                Put::Account(row) => Some((row.days, row.end)),
                _ => None,
            });
            assert_eq!((put, !decision.effects.is_empty()), (after, granted));
            assert_eq!(decision.puts.iter().filter(|put| matches!(put, Put::Alias(_))).count(), 2);
        }
    }

    #[test]
    fn transfers() {
        let to_two = report(About::Transfer { from: vec![person(1)], to: vec![person(2)] });
        let on = vec![Move { from: person(2), at: day(1), to: person(3) }];
        // (owned since, moved on, new owner's ids) -> owner, completions
        for (owned_at, moves, ids, owner, completions) in [
            (NOON, vec![], 2, Some(2), vec!["credited"]),
            (day(-1), vec![], 2, Some(2), vec!["credited"]),
            (At(NOON.0 + 1), vec![], 2, None, vec![]),
            (NOON, on, 3, Some(3), vec!["credited"]),
        ] {
            let lost = Some(vec![Redemption { owned_at, ..sample::redemption("T1", 1, NOON) }]);
            let facts = ReportFacts { lost, moves, ..facts(vec![with_claim(one(&[ids]), ids)]) };
            let decision = decide(&facts, &to_two);
            assert!(decision.puts.iter().any(|put| matches!(put, Put::Move(one) if one.to == person(2))));
            let (redemption, done) = ends(&decision);
            assert_eq!((redemption.map(|(_, user)| user), done), (owner.map(person), completions));
        }
    }

    #[test]
    fn everybody_who_became_one_is_looked_at() {
        // The purchase moved on to 3; that 1 and 2 are one person completes 2's claim with 1's other purchase.
        let mut both = with_claim(one(&[1, 2]), 2);
        both.redemptions.push(sample::redemption("T2", 1, NOON));
        let moves = vec![Move { from: person(1), at: day(1), to: person(3) }];
        let facts = ReportFacts { moves, ..facts(vec![one(&[3]), both]) };
        assert_eq!(ends(&decide(&facts, &bought(&[1, 2], "REF30"))).1, ["credited"]);
    }
}
