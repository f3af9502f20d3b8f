//! What must hold after every command, whatever happened: looked at from outside the decisions.

use super::*;
use crate::domain::batch::Batch;
use crate::domain::claim::Claim;
use crate::domain::decide::Seen;
use crate::domain::subscription::Subscription;

/// Watches a house: remembers what was so before, and judges what is new.
#[derive(Default)]
pub struct Watch {
    holders: BTreeMap<CodeText, Person>,
    credited: BTreeMap<Id, Completion>,
    /// Completions as they were last seen, and what was left of the days that a prorated refund took of them.
    seen: BTreeMap<Id, (Completion, Span)>,
    /// What was left of the days of completions that were taken back for a refund.
    taken: BTreeMap<Id, Span>,
    /// The milestones of referrers: their days, and what was left of them while they are taken back.
    milestones: BTreeMap<(Person, u32), (u32, Option<Span>)>,
    accounts: Vec<Model>,
}

/// An account as the sum of what happened to it, without the engine's help.
#[derive(Clone, Debug)]
struct Model {
    ids: Vec<Person>,
    floor: i64,
    /// When, for what, how long.
    parts: Vec<(i64, Id, i64)>,
    days: u32,
}

impl Model {
    fn end(&self) -> i64 {
        self.parts.iter().fold(self.floor, |end, (at, _, span)| end.max(*at) + span)
    }
    /// What is yet to come, of each part.
    fn rest(&self, now: i64) -> Vec<(i64, Id, i64)> {
        let mut end = self.floor;
        let mut rest = Vec::new();
        for (at, id, span) in &self.parts {
            let begin = end.max(*at);
            end = begin + span;
            if end > begin.max(now) {
                rest.push((now, *id, end - begin.max(now)));
            }
        }
        rest
    }
}

impl Watch {
    pub fn look(&mut self, house: &House) {
        let now = house.clock.now();
        self.codes_stay_with_their_holders(house);
        let snapshot = house.ledger.snapshot();
        let circle_of = |person: Person| circle(&*snapshot, person).unwrap();
        let rows: Vec<Completion> = house.all();
        transactions_complete_once(&rows);
        self.join_accounts(&circle_of, now);
        for row in rows.iter().filter(|row| matches!(row.state, CompletionState::Credited { .. })) {
            let referee = circle_of(row.referee);
            assert!(!referee.has(row.referrer), "somebody was credited for themselves: {row:?}");
            let kin = load::kin(&*snapshot, &referee).unwrap();
            assert!(!kin.contains(&row.referrer), "one Apple Account was credited for itself: {row:?}");
            if self.credited.contains_key(&row.id) {
                continue;
            }
            let same = |other: &&Completion| other.campaign == row.campaign && referee.has(other.referee);
            assert!(self.credited.values().find(same).is_none(), "a referee completed twice: {row:?}");
            self.credited.insert(row.id, row.clone());
            let people = circle_of(row.referrer).members().to_vec();
            match (self.taken.remove(&row.id), self.seen.get(&row.id).cloned()) {
                (Some(left), Some((before, _))) => {
                    self.earn(people, row.id, before.days, left, now);
                    self.prorated(row, now);
                }
                _ => self.earn(people, row.id, row.days, Span::days(row.days.into()), now),
            }
        }
        for row in &rows {
            let is_credited = matches!(row.state, CompletionState::Credited { .. });
            let Some(known) = self.credited.get(&row.id).cloned() else { continue };
            if is_credited && row.cut != known.cut {
                self.prorated(row, now);
            } else if !is_credited || row.days < known.days {
                let left = self.take_back(row.referrer, row.id, known.days, None, now);
                if matches!(row.state, CompletionState::Reversed { .. }) {
                    self.taken.insert(row.id, left);
                }
            }
            match is_credited {
                true => self.credited.insert(row.id, row.clone()),
                false => self.credited.remove(&row.id),
            };
        }
        for row in rows {
            let whole = row.cut.map_or(Span::ZERO, |cut| Span::days(cut.days.into()));
            let left = match self.seen.get(&row.id) {
                Some((before, left)) if before.cut == row.cut => *left,
                _ => whole,
            };
            self.seen.insert(row.id, (row, left));
        }
        self.milestones(house, &circle_of, now);
        self.accounts_are_the_sum(house);
        redemptions_are_their_owners(house);
        counts_are_the_rows(house);
    }

    /// Reached where the count says so, and worth their days once.
    fn milestones(&mut self, house: &House, circle_of: &impl Fn(Person) -> crate::domain::person::Circle, now: At) {
        for row in house.all::<Referrer>() {
            for reached in &row.milestones {
                let is_granted = row.counted >= reached.referrals;
                assert_eq!(reached.taken.is_none(), is_granted, "a milestone against its count");
                let key = (row.person, reached.referrals);
                let parts: [&[u8]; 3] =
                    [row.campaign.as_bytes(), row.person.as_bytes(), &reached.referrals.to_be_bytes()];
                let id = Id::of("milestone", &parts);
                match (self.milestones.get(&key).copied(), is_granted) {
                    (None, true) => {
                        let span = Span::days(reached.days.into());
                        self.earn(circle_of(row.person).members().to_vec(), id, reached.days, span, now);
                        self.milestones.insert(key, (reached.days, None));
                    }
                    (Some((days, Some(left))), true) => {
                        self.earn(circle_of(row.person).members().to_vec(), id, days, left, now);
                        self.milestones.insert(key, (days, None));
                    }
                    (Some((days, None)), false) => {
                        let left = self.take_back(row.person, id, days, None, now);
                        self.milestones.insert(key, (days, Some(left)));
                    }
                    _ => {}
                }
            }
        }
    }

    fn codes_stay_with_their_holders(&mut self, house: &House) {
        for code in house.all::<Code>() {
            let holder = *self.holders.entry(code.text.clone()).or_insert(code.assigned_to);
            assert_eq!(holder, code.assigned_to, "a code went to a second person");
        }
    }

    fn join_accounts(&mut self, circle_of: &impl Fn(Person) -> crate::domain::person::Circle, now: At) {
        let mut joined: Vec<Model> = Vec::new();
        for mut model in std::mem::take(&mut self.accounts) {
            model.ids = circle_of(model.ids[0]).members().to_vec();
            match joined.iter_mut().find(|other| other.ids == model.ids) {
                Some(other) => {
                    let days = other.days + model.days;
                    if model.end() > other.end() {
                        std::mem::swap(other, &mut model);
                    }
                    other.parts.extend(model.rest(now.0));
                    other.parts.sort();
                    other.days = days;
                }
                None => joined.push(model),
            }
        }
        self.accounts = joined;
    }

    fn earn(&mut self, ids: Vec<Person>, id: Id, days: u32, span: Span, now: At) {
        if days == 0 {
            return;
        }
        let at = self.accounts.iter().position(|model| model.ids == ids).unwrap_or_else(|| {
            self.accounts.push(Model { ids, floor: now.0, parts: Vec::new(), days: 0 });
            self.accounts.len() - 1
        });
        let model = &mut self.accounts[at];
        if span > Span::ZERO {
            if model.end() <= now.0 {
                (model.floor, model.parts) = (model.end(), Vec::new());
            }
            model.parts.push((now.0, id, span.0));
        }
        model.parts.sort();
        model.days += days;
    }

    /// What a prorated refund takes, or gives back where it was less than before.
    fn prorated(&mut self, row: &Completion, now: At) {
        let Some((before, left)) = self.seen.get(&row.id).cloned() else { return };
        if before.cut == row.cut {
            return;
        }
        if let Some(cut) = before.cut {
            let people = self.accounts.iter().find(|model| model.ids.contains(&row.referrer));
            let people = people.map_or(vec![row.referrer], |model| model.ids.clone());
            self.earn(people, row.id, cut.days, left, now);
        }
        let mut left = Span::ZERO;
        if let Some(cut) = row.cut {
            left = self.take_back(row.referrer, row.id, cut.days, Some(Span::days(cut.days.into())), now);
        }
        self.seen.insert(row.id, (row.clone(), left));
    }

    /// What had not passed of them.
    fn take_back(&mut self, person: Person, id: Id, days: u32, part: Option<Span>, now: At) -> Span {
        let mut left = Span::ZERO;
        if let Some(model) = self.accounts.iter_mut().find(|model| model.ids.contains(&person)) {
            let to_come = |model: &Model| (model.end() - now.0).max(0);
            let before = to_come(model);
            let mut owed = part.map_or(i64::MAX, |part| part.0);
            for (_, _, span) in model.parts.iter_mut().rev().filter(|(_, part, _)| *part == id) {
                let taken = owed.min(*span);
                (*span, owed) = (*span - taken, owed - taken);
            }
            model.days -= days;
            left = Span::millis(before - to_come(model));
        }
        self.accounts.retain(|model| model.days > 0);
        left
    }

    fn accounts_are_the_sum(&self, house: &House) {
        let accounts: Vec<Account> = house.all();
        assert_eq!(accounts.len(), self.accounts.len());
        for account in accounts {
            let model = self.accounts.iter().find(|model| model.ids.contains(&account.person));
            let model = model.expect("an account that nobody earned");
            assert_eq!((account.days, account.end), (model.days, At(model.end())));
            assert!(model.ids.contains(&account.to), "days go to somebody else");
            let of_circle = |row: &&Completion| model.ids.contains(&row.referrer);
            let mut earned: u32 = self.credited.values().filter(of_circle).map(|row| row.days).sum();
            let granted =
                self.milestones.iter().filter(|((who, _), (_, taken))| model.ids.contains(who) && taken.is_none());
            earned += granted.map(|(_, (days, _))| days).sum::<u32>();
            assert_eq!(account.days, earned);
        }
    }
}

/// A redemption belongs to whom its subscription belongs to, and both know of each other.
fn redemptions_are_their_owners(house: &House) {
    let redemptions: Vec<Redemption> = house.all();
    let mut offers = 0;
    for row in house.all::<Subscription>() {
        let own = |one: &&Redemption| one.original_transaction_id == row.original_transaction_id;
        for redemption in redemptions.iter().filter(own) {
            assert!(row.offers.contains(&redemption.offer), "a redemption that its subscription does not know");
            assert_eq!(redemption.user, row.person(), "a redemption of somebody else");
        }
        offers += row.offers.len();
    }
    assert_eq!(offers, redemptions.len());
}

/// The kept counts against a count of the rows.
fn counts_are_the_rows(house: &House) {
    fn add<R: Row>(house: &House, counts: &mut BTreeMap<Vec<u8>, i64>) {
        house.all::<R>().iter().filter_map(Row::count).for_each(|key| *counts.entry(key).or_default() += 1);
    }
    let mut counted = BTreeMap::new();
    add::<Batch>(house, &mut counted);
    add::<Code>(house, &mut counted);
    add::<Claim>(house, &mut counted);
    add::<Referrer>(house, &mut counted);
    add::<Redemption>(house, &mut counted);
    add::<Completion>(house, &mut counted);
    add::<Item>(house, &mut counted);
    add::<Seen>(house, &mut counted);
    let kept = house.ledger.snapshot().prefix(Tab::Count, &[], usize::MAX).unwrap();
    // When a source was last heard of stands among the counts, and counts nothing.
    let counts = kept.into_iter().filter(|(key, _)| !key.starts_with(b"last\0"));
    let kept: BTreeMap<Vec<u8>, i64> = counts.map(|(key, n)| (key, step::number(&n))).collect();
    assert_eq!(kept, counted);
    figures_are_the_rows(house);
}

/// A referrer's figures against their completions.
pub fn figures_are_the_rows(house: &House) {
    for row in house.all::<Referrer>() {
        let own = |completion: &&Completion| {
            completion.referrer == row.person && matches!(completion.state, CompletionState::Credited { .. })
        };
        let completions: Vec<Completion> = house.all();
        let credited: Vec<&Completion> = completions.iter().filter(own).collect();
        let mut days: u32 = credited.iter().map(|completion| completion.days).sum();
        days += row.milestones.iter().filter(|known| known.taken.is_none()).map(|known| known.days).sum::<u32>();
        assert_eq!(row.counted as usize, credited.iter().filter(|completion| completion.counts).count());
        let held = completions
            .iter()
            .filter(|one| one.referrer == row.person && matches!(one.state, CompletionState::Held { .. }));
        assert_eq!(row.held as usize, held.count());
        assert_eq!((row.credited as usize, row.days), (credited.len(), days), "a referrer's own figures");
    }
}

fn transactions_complete_once(rows: &[Completion]) {
    let mut of_transaction: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| !matches!(row.state, CompletionState::Rejected { .. })) {
        if let Some(transaction) = &row.original_transaction_id {
            *of_transaction.entry((&row.campaign, transaction)).or_default() += 1;
        }
    }
    assert!(of_transaction.values().all(|n| *n == 1), "a transaction completed twice");
}

/// The journal, replayed, gives every row as it stands.
pub fn replays(house: &House) {
    let report = verify::verify(&house.ledger.snapshot()).unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
}
