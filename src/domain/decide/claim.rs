//! A referee says which code they use, or whose link they came through.

use super::share::Shelf;
use super::{Decision, Family, Put, Refusal, Reply, Stamp};
use crate::domain::case::{Case, Changes, Filed};
use crate::domain::claim::{Claim, ClaimState};
use crate::domain::code::{Code, CodeState, CodeText};
use crate::domain::completion::Method;
use crate::domain::due::{Due, DueWhat};
use crate::domain::id::{Id, Person};
use crate::domain::network::Network;
use crate::domain::policy::Accept;
use crate::domain::referrer::Referrer;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeClaim {
    pub by: ClaimBy,
    pub person: Person,
    /// The app says that the code was redeemed.
    pub confirm: bool,
    /// The original transaction of the purchase that the app showed for it.
    pub shows: Option<String>,
    /// Apple can be told who the user is, as an `appAccountToken`.
    pub has_token: bool,
    /// The network that it came from, by today's name.
    pub network: Option<Id>,
    /// What Apple can be asked about the device with.
    pub device_token: Option<String>,
}

impl MakeClaim {
    /// A claim, and nothing to show for it.
    pub fn of(by: ClaimBy, person: Person) -> MakeClaim {
        MakeClaim { by, person, confirm: false, shows: None, has_token: false, network: None, device_token: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimBy {
    Code(CodeText),
    Slug(String),
}

pub struct ClaimFacts {
    pub case: Case,
    /// What the app showed completed something in the campaign before.
    pub is_spent: bool,
    /// The claims of its network today.
    pub network: Option<Network>,
    pub target: Option<Target>,
}

/// What was named: a code that somebody holds, or a referrer whose next code it will be.
pub enum Target {
    Code {
        code: Code,
        /// The claim by which somebody else holds the code.
        rival: Option<Claim>,
    },
    Link {
        referrer: Referrer,
        shelf: Shelf,
    },
    /// A code that was given to one user to come back with.
    WinBack,
}

pub struct ClaimFamily;

impl Family for ClaimFamily {
    type Command = MakeClaim;
    type Facts = ClaimFacts;

    fn decide(facts: &ClaimFacts, command: &MakeClaim, stamp: Stamp) -> Result<Decision, Refusal> {
        let mut case = facts.case.clone();
        case.tokens.extend(command.has_token.then_some(command.person));
        let asked = Asked { command, network: facts.network.as_ref(), stamp };
        match &facts.target {
            Some(Target::Code { code, .. }) if facts.is_spent && !case.is_completed(&code.campaign) => {
                Err(Refusal::AlreadyClaimed)
            }
            Some(Target::Code { code, rival }) => by_code(&case, code, rival.as_ref(), &asked),
            Some(Target::Link { referrer, shelf }) => by_link(&case, referrer, shelf, &asked),
            Some(Target::WinBack) => Err(Refusal::NotForClaims),
            None => Err(match command.by {
                ClaimBy::Code(_) => Refusal::UnknownCode,
                ClaimBy::Slug(_) => Refusal::UnknownSlug,
            }),
        }
    }
}

/// The command, as all of it is asked.
struct Asked<'a> {
    command: &'a MakeClaim,
    network: Option<&'a Network>,
    stamp: Stamp,
}

fn by_code(case: &Case, code: &Code, rival: Option<&Claim>, asked: &Asked<'_>) -> Result<Decision, Refusal> {
    let Asked { command, stamp, .. } = asked;
    let is_self = case.is_self(code.assigned_to);
    let standing = case.standing(&code.campaign, stamp.at);
    if let Some(standing) = standing {
        if standing.claim.code == code.text {
            return Ok(proceed(case.clone(), standing.clone(), false, Decision::same(Reply::Nothing), asked));
        }
        if is_self || !gives_way(case, standing) {
            return Err(if is_self { Refusal::SelfReferral } else { Refusal::AlreadyClaimed });
        }
    }
    if case.is_barred(&code.campaign) {
        let is_used = matches!(code.state, CodeState::Used { .. });
        return Err(if is_used { Refusal::CodeUsed } else { Refusal::AlreadyClaimed });
    }
    let claim = Claim::of(code, command.person, stamp.at);
    let evidence = case.evidence(&claim).is_some();
    match code.state {
        // Said once it is settled; a code that a friend holds stays theirs.
        _ if is_self && (!code.is_pending() || rival.is_some() || was_rejected(case, &code.campaign)) => {
            return Err(Refusal::SelfReferral);
        }
        CodeState::Used { .. } => return Err(Refusal::CodeUsed),
        CodeState::Void { .. } => return Err(Refusal::CodeExpired),
        CodeState::Expired { .. } if !evidence => return Err(Refusal::CodeExpired),
        CodeState::Pending if code.expires_at <= stamp.at && !evidence => return Err(Refusal::CodeExpired),
        CodeState::Pending | CodeState::Expired { .. } => {}
    }
    let mut decision = Decision::same(Reply::Nothing);
    if let Some(rival) = rival.filter(|rival| rival.state == ClaimState::Pending && !case.circle.has(rival.referee)) {
        let rules = case.rules_of(&code.campaign).ok_or(Refusal::UnknownCampaign)?;
        if rival.binds(stamp.at, &rules.policy.attribution) && !evidence {
            return Err(Refusal::AlreadyClaimed);
        }
        decision.put(Put::Claim(Claim { state: ClaimState::Superseded, ..rival.clone() }));
    }
    let filed = Filed { claim, code: code.clone(), completion: None };
    let case = replaced(case.clone(), standing, asked, &mut decision);
    Ok(proceed(case, filed, true, decision, asked))
}

/// Whether a later claim takes the place of this one.
fn gives_way(case: &Case, standing: &Filed) -> bool {
    let waits = standing.claim.state == ClaimState::Pending;
    waits && case.rules_of(&standing.claim.campaign).is_some_and(|rules| rules.policy.last_touch())
}

/// The claim that gave way stands no more, and its code can be another's.
fn replaced(mut case: Case, standing: Option<&Filed>, asked: &Asked<'_>, decision: &mut Decision) -> Case {
    let Some(Filed { claim, code, .. }) = standing else { return case };
    case.claims.retain(|filed| filed.claim != *claim);
    decision.put(Put::Code(code.clone().held_by(None)));
    if claim.referee != asked.command.person {
        decision.put(Put::Claim(Claim { state: ClaimState::Superseded, ..claim.clone() }));
    }
    case
}

fn by_link(case: &Case, referrer: &Referrer, shelf: &Shelf, asked: &Asked<'_>) -> Result<Decision, Refusal> {
    let Asked { command, stamp, .. } = asked;
    if case.is_self(referrer.person) {
        return Err(Refusal::SelfReferral);
    }
    let standing = case.standing(&referrer.campaign, stamp.at);
    if let Some(standing) = standing {
        if standing.claim.referrer == referrer.person {
            return Ok(proceed(case.clone(), standing.clone(), false, Decision::same(Reply::Nothing), asked));
        }
        if !gives_way(case, standing) {
            return Err(Refusal::AlreadyClaimed);
        }
    }
    if case.is_barred(&referrer.campaign) {
        return Err(Refusal::AlreadyClaimed);
    }
    let policy = &shelf.rules.policy;
    if shelf.draw.taken.is_empty() {
        let reply = Reply::Empty { campaign: referrer.campaign.clone(), slug: referrer.slug.clone() };
        let mut decision = Decision::same(reply);
        decision.reorder(&shelf.pool, policy, stamp.at);
        return Ok(decision);
    }
    let code = shelf.draw.hand_out(0, referrer.person, None, stamp.at);
    let claim = Claim::of(&code, command.person, stamp.at);
    let mut referrer = referrer.clone();
    referrer.shared += 1;
    let mut decision = Decision::same(Reply::Nothing);
    let mut case = replaced(case.clone(), standing, asked, &mut decision);
    decision.put_pool(shelf.draw.pool.clone(), policy, stamp.at, false);
    decision.put(Put::Referrer(referrer.clone()));
    case.referrers.insert((referrer.campaign.clone(), referrer.person), referrer);
    Ok(proceed(case, Filed { claim, code, completion: None }, true, decision, asked))
}

fn was_rejected(case: &Case, campaign: &str) -> bool {
    case.claims.iter().any(|filed| filed.claim.campaign == campaign && filed.claim.state == ClaimState::Rejected)
}

/// Files the claim, matches it, and takes the app's word where the campaign does.
fn proceed(mut case: Case, filed: Filed, fresh: bool, mut decision: Decision, asked: &Asked<'_>) -> Decision {
    let Asked { command, stamp, .. } = asked;
    let (campaign, referee) = (filed.claim.campaign.clone(), filed.claim.referee);
    if fresh {
        let mut filed = filed;
        filed.code = filed.code.held_by(Some(command.person));
        filed.claim.is_crowded = is_crowded(&case, &campaign, asked, &mut decision);
        decision.put(Put::Claim(filed.claim.clone()));
        decision.put(Put::Code(filed.code.clone()));
        case.claims.retain(|other| other.claim.campaign != campaign || other.claim.referee != command.person);
        case.claims.push(filed);
    }
    if let Some(token) = &command.device_token {
        let mut asked = Changes::default();
        case.ask_device(&campaign, referee, token, &mut asked);
        decision.take(asked);
    }
    let (mut case, mut changes) = case.join(stamp.at);
    let at = case.claims.iter().position(|filed| filed.claim.campaign == campaign && filed.claim.referee == referee);
    let at = at.expect("the claim was filed");
    let takes_word = case.rules_of(&campaign).is_some_and(|r| r.policy.attribution.accept == Accept::Confirm);
    let waits = case.claims[at].claim.state == ClaimState::Pending && case.may_complete(&campaign);
    if command.confirm && takes_word && waits {
        case.complete(at, None, Method::Confirm, stamp.at, &mut changes);
        case.mark_device(at, &mut changes);
    }
    decision.take(std::mem::take::<Changes>(&mut changes));
    let filed = &case.claims[at];
    let asks = case.rules_of(&campaign).is_some_and(|rules| rules.policy.attribution.asks_apple);
    if fresh && asks && filed.claim.state == ClaimState::Pending {
        decision.puts.extend(Due::look_up(&filed.claim, 0).map(Put::Due));
    }
    decision.reply = match filed.claim.state {
        ClaimState::Rejected => Reply::SelfReferral,
        _ => Reply::Claim { claim: filed.claim.clone(), completion: filed.completion.clone(), fresh },
    };
    decision
}

/// One more claim from its network, where the campaign asks. Whether there were too many already.
fn is_crowded(case: &Case, campaign: &str, asked: &Asked<'_>, decision: &mut Decision) -> bool {
    let limit = case.rules_of(campaign).map_or(0, |rules| rules.policy.fraud.max_claims_per_network_per_day);
    let Some(network) = asked.network.filter(|_| limit > 0) else { return false };
    if network.claims == 0 {
        let what = DueWhat::Forget { network: network.id };
        decision.put(Put::Due(Due { at: network.ends_at(), what }));
    }
    decision.put(Put::Network(Network { claims: network.claims + 1, ..network.clone() }));
    network.claims >= limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::at::At;
    use crate::domain::policy::Policy;
    use crate::domain::sample::{self, NOON, day, person};

    /// Person 1 claims a code of person 100.
    struct Row {
        what: &'static str,
        policy: Policy,
        ids: &'static [u8],
        bought: bool,
        code: CodeState,
        /// Another's claim of the code, with its age in days.
        rival: Option<i64>,
        /// What this person did before.
        before: Option<(u8, ClaimState)>,
        confirm: bool,
        at: At,
        reply: Result<&'static str, Refusal>,
    }

    fn row(what: &'static str, reply: Result<&'static str, Refusal>) -> Row {
        Row {
            what,
            policy: sample::policy(),
            ids: &[1],
            bought: false,
            code: CodeState::Pending,
            rival: None,
            before: None,
            confirm: false,
            at: NOON,
            reply,
        }
    }

    fn check(row: Row) {
        let mut code = sample::code(0, 100, row.code);
        let mut case = sample::case(row.policy, row.ids);
        if row.bought {
            case.redemptions.push(sample::redemption("T1", 1, row.at));
        }
        if let Some((n, state)) = row.before {
            let other = sample::code(n, 100 + n, CodeState::Pending);
            case.claims.push(Filed { claim: sample::claim(&other, 1, NOON, state), code: other, completion: None });
        }
        let rival = row.rival.map(|days| sample::claim(&code, 9, day(-days), ClaimState::Pending));
        code.claimed_by = rival.as_ref().map(|rival| rival.referee);
        let by = ClaimBy::Code(code.text.clone());
        let command = MakeClaim { confirm: row.confirm, ..MakeClaim::of(by, person(1)) };
        let facts = ClaimFacts { case, is_spent: false, network: None, target: Some(Target::Code { code, rival }) };
        let decided = ClaimFamily::decide(&facts, &command, sample::stamp(row.at));
        let told = decided.as_ref().map_err(|refusal| *refusal).map(|decision| match &decision.reply {
            Reply::Claim { claim, .. } => claim.state.word(),
            Reply::SelfReferral => "self",
            other => panic!("{other:?}"),
        });
        assert_eq!(told, row.reply, "{}", row.what);
        let superseded = |put: &Put| matches!(put, Put::Claim(claim) if claim.state == ClaimState::Superseded);
        let lost = decided.is_ok_and(|decision| decision.puts.iter().any(superseded));
        assert_eq!(lost, row.rival.is_some() && row.reply.is_ok(), "{}", row.what);
    }

    #[test]
    fn a_code_is_claimed() {
        use ClaimState::*;
        use Refusal::*;
        let used = CodeState::Used { at: NOON };
        let expired = CodeState::Expired { at: NOON };
        let own: &[u8] = &[1, 100];
        for one in [
            row("free", Ok("pending")),
            Row { bought: true, ..row("bought", Ok("completed")) },
            Row { code: used, ..row("used", Err(CodeUsed)) },
            Row { code: used, bought: true, ..row("used, bought", Err(CodeUsed)) },
            Row { code: CodeState::Void { at: NOON }, bought: true, ..row("void", Err(CodeExpired)) },
            Row { code: expired, ..row("expired", Err(CodeExpired)) },
            Row { code: expired, bought: true, ..row("expired, bought", Ok("completed")) },
            Row { at: At(day(100).0 - 1), ..row("the last moment", Ok("pending")) },
            Row { at: day(100), ..row("past its end", Err(CodeExpired)) },
            Row { at: day(100), bought: true, ..row("past its end, bought", Ok("completed")) },
            Row { rival: Some(30), ..row("held", Err(AlreadyClaimed)) },
            Row { rival: Some(31), ..row("held too long", Ok("pending")) },
            Row { rival: Some(0), bought: true, ..row("held, bought", Ok("completed")) },
            Row { before: Some((0, Pending)), ..row("again", Ok("pending")) },
            Row { before: Some((1, Pending)), ..row("a second one", Err(AlreadyClaimed)) },
            Row { before: Some((1, Completed)), at: day(99), ..row("after a completion", Err(AlreadyClaimed)) },
            Row { before: Some((1, Pending)), at: day(31), ..row("after the window", Ok("pending")) },
            Row { before: Some((1, Superseded)), ..row("after losing one", Ok("pending")) },
            Row { ids: own, ..row("own", Ok("self")) },
            Row { ids: own, code: used, ..row("own, used", Err(SelfReferral)) },
            Row { ids: own, rival: Some(0), ..row("own, held", Err(SelfReferral)) },
            Row { ids: own, rival: Some(0), bought: true, ..row("own, held, bought", Err(SelfReferral)) },
            Row { ids: own, before: Some((1, Rejected)), ..row("own, again", Err(SelfReferral)) },
            Row { ids: own, before: Some((1, Pending)), ..row("own, beside another", Err(SelfReferral)) },
            Row { confirm: true, ..row("confirmed", Ok("pending")) },
            Row { confirm: true, policy: sample::trusting(), ..row("confirmed, trusted", Ok("completed")) },
            Row { confirm: true, policy: sample::trusting(), ids: own, ..row("own, confirmed", Ok("self")) },
            Row { policy: sample::trusting(), ..row("not confirmed", Ok("pending")) },
        ] {
            check(one);
        }
    }

    #[test]
    fn a_link_is_followed() {
        use Refusal::*;
        let claimed = |referrer: u8, state| {
            let code = sample::code(50, referrer, CodeState::Pending);
            Filed { claim: sample::claim(&code, 1, NOON, state), code, completion: None }
        };
        // (codes there, ids, what was before) -> reply
        for (codes, ids, before, reply) in [
            (1, &[1][..], None, Ok("pending")),
            (0, &[1], None, Ok("empty")),
            (1, &[1, 100], None, Err(SelfReferral)),
            (0, &[1, 100], None, Err(SelfReferral)),
            (1, &[1], Some(claimed(100, ClaimState::Pending)), Ok("pending")),
            (1, &[1], Some(claimed(101, ClaimState::Pending)), Err(AlreadyClaimed)),
            (1, &[1], Some(claimed(101, ClaimState::Superseded)), Ok("pending")),
        ] {
            let mut case = sample::case(sample::policy(), ids);
            let is_repeat = before.as_ref().is_some_and(|filed| filed.claim.referrer == person(100));
            case.claims.extend(before);
            let referrer = case.referrers[&("friends".to_owned(), person(100))].clone();
            let shelf = sample::shelf(sample::policy(), codes, codes);
            let facts =
                ClaimFacts { case, is_spent: false, network: None, target: Some(Target::Link { referrer, shelf }) };
            let command = MakeClaim::of(ClaimBy::Slug("slug-100".into()), person(1));
            let decided = ClaimFamily::decide(&facts, &command, sample::stamp(NOON));
            let told = decided.as_ref().map_err(|refusal| *refusal).map(|decision| match &decision.reply {
                Reply::Claim { claim, fresh, .. } => {
                    assert_eq!(*fresh, !is_repeat);
                    claim.state.word()
                }
                Reply::Empty { .. } => "empty",
                other => panic!("{other:?}"),
            });
            assert_eq!(told, reply);
        }
    }

    #[test]
    fn what_nobody_was_given() {
        for (by, refusal) in [
            (ClaimBy::Slug("x".into()), Refusal::UnknownSlug),
            (ClaimBy::Code(CodeText::parse("CODE999").unwrap()), Refusal::UnknownCode),
        ] {
            let facts =
                ClaimFacts { case: sample::case(sample::policy(), &[1]), is_spent: false, network: None, target: None };
            let command = MakeClaim { confirm: true, ..MakeClaim::of(by, person(1)) };
            assert_eq!(ClaimFamily::decide(&facts, &command, sample::stamp(NOON)), Err(refusal));
        }
    }
}
