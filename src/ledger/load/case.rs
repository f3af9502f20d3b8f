//! A person with all their ids, and all that is known of them as a referee.

use super::referrer::seat;
use crate::domain::at::At;
use crate::domain::case::{Case, Filed};
use crate::domain::claim::Claim;
use crate::domain::code::Code;
use crate::domain::completion::Completion;
use crate::domain::download::Download;
use crate::domain::extension::Extension;
use crate::domain::id::{Id, Person};
use crate::domain::person::{Alias, Circle};
use crate::domain::policy::campaign_of;
use crate::domain::redemption::Redemption;
use crate::domain::refund::Refund;
use crate::domain::reward::Account;
use crate::domain::subscription::Subscription;
use crate::ledger::Error;
use crate::ledger::people::token_of;
use crate::ledger::rows::{Row, code_key, of_person_prefix, spent_key};
use crate::ledger::store::Store;
use crate::ledger::table::Tab;
use std::collections::{BTreeMap, BTreeSet};

/// No honest person comes near; a circle this large is read no further.
const MOST: usize = 10_000;

pub fn circle<S: Store>(store: &S, person: Person) -> Result<Circle, Error> {
    let Some(alias) = store.row::<Alias>(person.as_bytes())? else { return Ok(Circle::of(vec![person])) };
    let head = store.row::<Alias>(alias.circle.as_bytes())?.ok_or(Error::Broken("a circle without its head"))?;
    Ok(Circle::of(head.members))
}

/// The rows of one noun that belong to any of these ids.
pub fn rows_of<S: Store, R: Row>(store: &S, circle: &Circle) -> Result<Vec<R>, Error> {
    let mut keys = Vec::new();
    for member in circle.members() {
        let prefix = of_person_prefix(*member, R::TAB);
        let found = store.prefix(Tab::OfPerson, &prefix, MOST)?;
        keys.extend(found.into_iter().map(|(key, _)| key[prefix.len()..].to_vec()));
    }
    keys.sort();
    keys.dedup();
    keys.iter().map(|key| store.row(key)?.ok_or(Error::Broken("an index row without its record"))).collect()
}

/// Everything known of the person behind this circle, as a referee.
pub fn case<S: Store>(store: &S, circle: Circle) -> Result<Case, Error> {
    let mut claims: Vec<Claim> = rows_of(store, &circle)?;
    claims.retain(|claim| circle.has(claim.referee));
    let redemptions: Vec<Redemption> = rows_of(store, &circle)?;
    let mut case = Case {
        rules: store.rules()?,
        kin: kin(store, &circle)?,
        tokens: tokens(store, &circle)?,
        bought: bought(store, &circle)?,
        circle,
        claims: Vec::with_capacity(claims.len()),
        redemptions: Vec::new(),
        spent: BTreeSet::new(),
        refunds: BTreeMap::new(),
        rings: BTreeSet::new(),
        referrers: BTreeMap::new(),
        circles: BTreeMap::new(),
        accounts: BTreeMap::new(),
        bought_by: BTreeMap::new(),
        extensions: BTreeMap::new(),
    };
    for redemption in &redemptions {
        spend(store, &mut case, redemption)?;
        refunded(store, &mut case, redemption)?;
    }
    case.redemptions = redemptions;
    for claim in claims {
        let code: Code = store.row(&code_key(&claim.code))?.ok_or(Error::Broken("a claim without its code"))?;
        let completion = Completion::id(&claim.campaign, claim.referrer, claim.referee);
        let completion: Option<Completion> = store.row(completion.as_bytes())?;
        introduce(store, &mut case, &claim.campaign, claim.referrer)?;
        case.claims.push(Filed { claim, code, completion });
    }
    Ok(case)
}

/// When the purchases of this person began, where any campaign asks.
fn bought<S: Store>(store: &S, circle: &Circle) -> Result<BTreeMap<String, At>, Error> {
    if !store.rules()?.iter().any(|rules| rules.policy.fraud.require_new_customer) {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<Subscription> = rows_of(store, circle)?;
    Ok(rows.into_iter().filter_map(|row| Some((row.original_transaction_id, row.first_at?))).collect())
}

/// Whether the referee referred the referrer: either of them, or somebody with an Apple Account of theirs.
fn is_ring<S: Store>(store: &S, case: &Case, campaign: &str, theirs: &Circle) -> Result<bool, Error> {
    if !case.rules_of(campaign).is_some_and(|rules| rules.policy.fraud.rings) {
        return Ok(false);
    }
    let their_kin = kin(store, theirs)?;
    for referrer in case.circle.members().iter().chain(&case.kin) {
        for referee in theirs.members().iter().chain(&their_kin) {
            let id = Completion::id(campaign, *referrer, *referee);
            let known: Option<Completion> = store.row(id.as_bytes())?;
            if known.is_some_and(|known| !known.is_rejected()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The case of the referee of a completion.
pub fn case_of<S: Store>(store: &S, completion: Id) -> Result<Option<Case>, Error> {
    let Some(row) = store.row::<Completion>(completion.as_bytes())? else { return Ok(None) };
    case(store, circle(store, row.referee)?).map(Some)
}

/// Notes where the redemption's transaction completed something before.
pub fn spend<S: Store>(store: &S, case: &mut Case, redemption: &Redemption) -> Result<(), Error> {
    let transaction = &redemption.original_transaction_id;
    let Some(rules) = campaign_of(&case.rules, &redemption.offer, &redemption.product_id) else { return Ok(()) };
    let campaign = rules.policy.campaign.clone();
    if store.get(Tab::Spent, &spent_key(&campaign, transaction))?.is_some() {
        case.spent.insert((campaign, transaction.clone()));
    }
    Ok(())
}

/// Notes what was said of a refund of the redemption's transaction.
pub fn refunded<S: Store>(store: &S, case: &mut Case, redemption: &Redemption) -> Result<(), Error> {
    if let Some(refund) = store.row::<Refund>(Refund::id(&redemption.transaction_id).as_bytes())? {
        case.refunds.insert(redemption.transaction_id.clone(), refund);
    }
    Ok(())
}

/// All others who were seen with an Apple Account of this person, with their other ids.
pub fn kin<S: Store>(store: &S, own: &Circle) -> Result<BTreeSet<Person>, Error> {
    let mut all = BTreeSet::new();
    for known in rows_of::<S, Download>(store, own)? {
        for person in known.people.iter().filter(|person| !own.has(**person)) {
            all.extend(circle(store, *person)?.members());
        }
    }
    Ok(all)
}

/// Those of these ids that have an `appAccountToken`: given by the app, or the id itself.
fn tokens<S: Store>(store: &S, circle: &Circle) -> Result<BTreeSet<Person>, Error> {
    let mut all = BTreeSet::new();
    for member in circle.members() {
        if token_of(store, *member)?.is_some() {
            all.insert(*member);
        }
    }
    Ok(all)
}

/// Adds a referrer to the case, with their circle and what was granted to it.
pub fn introduce<S: Store>(store: &S, case: &mut Case, campaign: &str, referrer: Person) -> Result<(), Error> {
    let key = (campaign.to_owned(), referrer);
    if case.referrers.contains_key(&key) {
        return Ok(());
    }
    let (_, row) = seat(store, campaign, referrer)?;
    case.referrers.insert(key, row.ok_or(Error::Broken("a code without its referrer"))?);
    let known = circle(store, referrer)?;
    if let Some(account) = store.row::<Account>(known.name().as_bytes())? {
        case.accounts.insert(known.name(), account);
    }
    if case.rules_of(campaign).is_some_and(|rules| rules.policy.reward.depends_on_purchases()) {
        case.bought_by.insert(known.name(), rows_of(store, &known)?);
    }
    let extensions: Vec<Extension> = rows_of(store, &known)?;
    case.extensions.extend(extensions.into_iter().map(|row| (row.id, row)));
    case.circles.insert(referrer, known);
    rings(store, case)
}

/// Which of the referrers were referred by the referee, or by somebody with an Apple Account of theirs.
pub fn rings<S: Store>(store: &S, case: &mut Case) -> Result<(), Error> {
    let mut found = BTreeSet::new();
    for (campaign, referrer) in case.referrers.keys() {
        if is_ring(store, case, campaign, &case.circles[referrer])? {
            found.insert((campaign.clone(), *referrer));
        }
    }
    case.rings = found;
    Ok(())
}
