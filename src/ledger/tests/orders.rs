//! The same facts in every order, each told thrice: the books must not remember in which.

use super::facts::*;
use super::sound::{Watch, replays};
use super::*;

/// All orders of `0..n`.
pub fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let longer = |order: Vec<usize>| {
        (0..n).map(move |at| {
            let mut order = order.clone();
            order.insert(at, n - 1);
            order
        })
    };
    orders(n - 1).into_iter().flat_map(longer).collect()
}

/// What must come out the same in every order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Same {
    Books,
    /// Who is credited for whom; of like things either may be the one that counted.
    Completions,
    /// The same, by whichever method.
    ButTheMethod,
}

pub struct Story {
    pub policy: Policy,
    pub facts: Vec<Fact>,
    pub same: Same,
    /// The completions in the end.
    pub end: Vec<&'static str>,
}

const NAMES: [&str; 10] = ["jo", "jo2", "jo3", "kim", "kim2", "lee", "a", "b", "max", "$RCAnonymousID:7"];

/// Tells the facts in every order, each at once again, and all of them once more at the end, as an app
/// and a webhook do that got no answer. The first difference, if there is one.
fn difference(story: &Story) -> Option<String> {
    let mut books = None;
    for order in orders(story.facts.len()) {
        let told = Told::to(story.policy.clone(), &["jo", "jo2", "max"]);
        let mut watch = Watch::default();
        for at in &order {
            _ = told.tell(&story.facts[*at]);
            watch.look(&told.house);
            _ = told.tell(&story.facts[*at]);
        }
        order.iter().for_each(|at| _ = told.tell(&story.facts[*at]));
        watch.look(&told.house);
        let shown: Vec<&Fact> = order.iter().map(|at| &story.facts[*at]).collect();
        let mut completions = told.house.completions(&NAMES);
        if story.same == Same::ButTheMethod {
            completions.iter_mut().for_each(|line| *line = without_method(line));
        }
        if completions != story.end {
            return Some(format!("{completions:?} in the order {shown:?}"));
        }
        let here = told.house.books();
        if books.is_none() {
            replays(&told.house);
        }
        let first = books.get_or_insert_with(|| here.clone());
        if *first != here && story.same == Same::Books {
            let differ = first.iter().zip(&here).find(|(a, b)| a != b).map(|(a, _)| a.0);
            return Some(format!("another {differ:?} in the order {shown:?}"));
        }
    }
    None
}

fn without_method(line: &str) -> String {
    let mark = |word: &str| if word.starts_with("claim+") || word == "confirm" { "*" } else { word }.to_owned();
    line.split(' ').map(mark).collect::<Vec<_>>().join(" ")
}

pub fn check(stories: Vec<(&str, Story)>) {
    let judged = stories.iter().filter_map(|(what, story)| Some(format!("{what}: {}", difference(story)?)));
    let faults: Vec<String> = judged.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

pub fn usual(facts: Vec<Fact>, end: &[&'static str]) -> Story {
    Story { policy: sample::policy(), facts, same: Same::Books, end: end.to_vec() }
}

fn trusting(facts: Vec<Fact>, end: &[&'static str]) -> Story {
    Story { policy: sample::trusting(), ..usual(facts, end) }
}

/// A purchase that names somebody's code outright.
fn named(who: &'static str, transaction: &'static str, whose: &'static str) -> Fact {
    but(buy(&[who], transaction), |bought| bought.offer = Offer::CodeOf(whose))
}

const KIM: &str = "jo for kim: credited claim+revenuecat 30";

#[test]
fn a_claim_and_a_purchase() {
    use Fact::*;
    let later = |minute, fact| but(fact, |bought| bought.minute = minute);
    let test = |fact| but(fact, |bought| bought.is_test = true);
    let of_another = |fact| but(fact, |bought| bought.offer = Offer::Other);
    let claim = || Claim("kim", "jo");
    let bought = || buy(&["kim"], "T1");
    check(vec![
        ("of one user", usual(vec![claim(), bought()], &[KIM])),
        ("three reports", usual(vec![claim(), bought(), later(5, bought()), later(9, bought())], &[KIM])),
        ("by link", usual(vec![ComeBy("kim", "jo"), bought()], &[KIM])),
        ("no claim", usual(vec![bought(), OwnGrant("kim")], &[])),
        ("another offer", usual(vec![claim(), of_another(bought())], &[])),
        ("sandbox", usual(vec![claim(), test(bought())], &["jo for kim: credited claim+revenuecat 0"])),
        ("one transaction, two users", usual(vec![claim(), bought(), later(5, buy(&["kim", "lee"], "T1"))], &[KIM])),
        (
            "two transactions of one user",
            Story { same: Same::Completions, ..usual(vec![claim(), bought(), later(5, buy(&["kim"], "T2"))], &[KIM]) },
        ),
        (
            "two users",
            usual(
                vec![Claim("a", "jo"), buy(&["a"], "T1"), ComeBy("b", "jo"), buy(&["b"], "T2")],
                &["jo for a: credited claim+revenuecat 30", "jo for b: credited claim+revenuecat 30"],
            ),
        ),
    ]);
}

#[test]
fn a_code_by_its_name() {
    let end = ["jo for kim: credited code 30"];
    let two = || vec![Fact::Claim("kim", "max"), named("kim", "T1", "jo")];
    check(vec![
        ("unclaimed", usual(vec![named("kim", "T1", "jo")], &end)),
        ("claimed", usual(vec![Fact::Claim("kim", "jo"), named("kim", "T1", "jo")], &end)),
        ("another's claimed", Story { same: Same::Completions, ..usual(two(), &end) }),
        ("own", usual(vec![named("jo", "T1", "jo")], &["jo for jo: rejected - 0"])),
        ("after a transfer", usual(vec![named("kim", "T1", "jo"), transfer(&["a"], &["kim"], 5)], &end)),
    ]);
}

#[test]
fn the_same_person() {
    use Fact::*;
    let own = ["jo for jo2: rejected - 0"];
    check(vec![
        ("one id", usual(vec![Claim("jo", "jo"), buy(&["jo"], "T1")], &["jo for jo: rejected - 0"])),
        ("an alias, in the purchase", usual(vec![Claim("jo2", "jo"), buy(&["jo2", "jo"], "T1")], &own)),
        ("an alias, in an event", usual(vec![Claim("jo2", "jo"), buy(&["jo2"], "T1"), link(&["jo", "jo2"])], &own)),
        (
            "a chain of aliases",
            usual(
                vec![Claim("jo3", "jo"), buy(&["jo3"], "T1"), link(&["jo", "jo2"]), link(&["jo2", "jo3"])],
                &["jo for jo3: rejected - 0"],
            ),
        ),
        (
            "taken at their word, and bought",
            trusting(vec![Confirm("jo2", "jo"), buy(&["jo3"], "T1"), link(&["jo", "jo2", "jo3"])], &own),
        ),
        ("taken at their word", trusting(vec![Confirm("jo2", "jo"), link(&["jo", "jo2"])], &own)),
    ]);
}

#[test]
fn many_ids() {
    use Fact::*;
    let claim = || Claim("kim", "jo");
    check(vec![
        ("claim and purchase under two", usual(vec![claim(), buy(&["kim2"], "T1"), link(&["kim", "kim2"])], &[KIM])),
        (
            "an anonymous one first",
            usual(vec![claim(), buy(&["$RCAnonymousID:7"], "T1"), buy(&["kim", "$RCAnonymousID:7"], "T1")], &[KIM]),
        ),
        ("transferred", usual(vec![claim(), buy(&["kim2"], "T1"), transfer(&["kim2"], &["kim"], 5)], &[KIM])),
        (
            "transferred in the same moment",
            usual(vec![claim(), buy(&["kim2"], "T1"), transfer(&["kim2"], &["kim"], 0)], &[KIM]),
        ),
        (
            "transferred twice",
            usual(vec![claim(), buy(&["a"], "T1"), transfer(&["a"], &["b"], 5), transfer(&["b"], &["kim"], 6)], &[KIM]),
        ),
        (
            "transferred from an alias",
            usual(vec![claim(), buy(&["a", "b"], "T1"), transfer(&["b"], &["kim"], 5)], &[KIM]),
        ),
        (
            "transferred between ids of one person",
            usual(vec![claim(), buy(&["kim", "a"], "T1"), transfer(&["a", "b"], &["kim", "b"], 5)], &[KIM]),
        ),
        (
            "a transfer that tells of aliases",
            usual(vec![claim(), buy(&["kim2"], "T1"), transfer(&["kim", "kim2"], &["lee"], -5)], &[KIM]),
        ),
        (
            "a referrer with two",
            usual(
                vec![named("kim", "T1", "jo"), named("lee", "T2", "jo2"), link(&["jo", "jo2"])],
                &["jo for kim: credited code 30", "jo2 for lee: credited code 30"],
            ),
        ),
    ]);
}

#[test]
fn the_word_of_the_app() {
    use Fact::*;
    let test = |fact| but(fact, |bought| bought.is_test = true);
    check(vec![
        ("alone", trusting(vec![Confirm("kim", "jo")], &["jo for kim: credited confirm 30"])),
        ("with evidence", trusting(vec![Confirm("kim", "jo"), buy(&["kim"], "T1")], &[KIM])),
        (
            "with a tester's evidence",
            trusting(
                vec![Confirm("kim", "jo"), test(buy(&["kim"], "T1"))],
                &["jo for kim: credited claim+revenuecat 0"],
            ),
        ),
        ("not asked for", usual(vec![Confirm("kim", "jo")], &[])),
        ("not asked for, with evidence", usual(vec![Confirm("kim", "jo"), buy(&["kim"], "T1")], &[KIM])),
        ("under two ids", trusting(vec![Confirm("kim", "jo"), buy(&["kim2"], "T1"), link(&["kim", "kim2"])], &[KIM])),
    ]);
}
