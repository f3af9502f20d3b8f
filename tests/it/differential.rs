//! The same payloads before Apple's own library and before ours: one verdict, or a difference that is explained. The
//! same offers signed by both: one text under the signature. The same answers about refunds: one body.
//!
//! Apple's library runs in Python, in a virtual environment that `.ci/run` makes:
//!
//!     python3 -m venv target/oracle && target/oracle/bin/pip install -r tests/oracle/requirements.txt
//!
//! Where it is missing the test passes and says so; with `REFERD_ORACLE=required` it fails.

mod certificates;
mod chains;
mod consumption;
mod corpus;
mod events;
// Certificates of which any property can be wrong are made in one place, for the tests of `wire::jws` too.
#[path = "../../src/wire/jws/tests/forge.rs"]
#[allow(dead_code)]
mod forge;
mod offers;
mod oracle;
mod rules;
mod texts;

use corpus::{Case, Corpus};
use forge::House;
use rules::RULES;
use std::collections::{BTreeMap, BTreeSet};

/// Without the payloads that nobody changed.
const FEWEST: usize = 2_000;

#[test]
fn apples_own_library_gives_the_same_verdicts() {
    let Some(oracle) = oracle::python() else { return };
    let cases = corpus();
    let theirs = oracle::verdicts(&oracle, &cases);
    let ours = corpus::verdicts(&cases);
    let mut used = BTreeSet::new();
    let mut unexplained = BTreeMap::<_, Vec<&Case>>::new();
    let mut differences = 0;
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        let class = case.class.as_str();
        let both_accept = (*ours, theirs.as_str()) == ("accepted", "accepted");
        assert!(both_accept || class != "good", "{case:?}: ours {ours}, theirs {theirs}");
        if (*ours == "accepted") == (theirs == "accepted") {
            continue;
        }
        differences += 1;
        match RULES.iter().position(|rule| rule.explains(class, ours, theirs)) {
            Some(rule) => drop(used.insert((rule, class))),
            None => unexplained.entry((class, *ours, theirs)).or_default().push(case),
        }
    }
    let list: String = unexplained
        .iter()
        .map(|((class, ours, theirs), cases)| {
            let example = cases[0].question();
            format!("{class}: ours {ours}, theirs {theirs}, {} times, such as\n{example}\n", cases.len())
        })
        .collect();
    assert!(list.is_empty(), "no rule explains:\n{list}");
    let rows = RULES.iter().enumerate().flat_map(|(at, rule)| rule.classes.iter().map(move |class| (at, *class)));
    let idle: Vec<_> = rows.filter(|row| !used.contains(row)).map(|(at, class)| (class, &RULES[at])).collect();
    assert!(idle.is_empty(), "explained, and no difference any more: {idle:#?}");
    let changed = cases.iter().filter(|case| case.class != "good").count();
    assert!(changed >= FEWEST, "{changed} changed payloads");
    println!("{changed} changed payloads, {differences} differences, all explained");
}

fn corpus() -> Vec<Case> {
    let mut corpus = Corpus::new();
    // Apple's chain is of P-384, the test chain of its library of P-256.
    for (house, is_strict) in [(House::apples(), true), (House::of_tests(), false)] {
        corpus.of(&house.root_der, is_strict);
        texts::all(&mut corpus, &house);
        chains::all(&mut corpus, &house);
        certificates::all(&mut corpus, &house);
    }
    events::all(&mut corpus);
    corpus.cases
}
