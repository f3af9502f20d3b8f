//! Rewards that survive reality: stories of one line, played by the real server and the stand-ins.
//!
//! A story is steps: what somebody does, and after `->` how they stand by then, everything due being done and sent: the
//! status of their completion, how far their referrer's grants reach, in days from the start (`Stage::end`), and the
//! reasons where they do not go without saying. A call that must be refused names its status (`bob approved: 409`), and
//! `again` sends the last one once more, which must change nothing. The referrer is `ann`, or whom one claims `of`.

mod fraud;
mod hand;
mod hold;
mod milestone;
mod people;
mod prorated;
mod refund;
mod rules;
mod stage;
mod team;

use crate::support::caller::together;
use crate::support::rng::Rng;
use referd::fake::faults::Fault;
use rules::{Rules, hold_and_milestones, milestones, plain};
use stage::Stage;

/// Its name, the rules, and what happens.
type Story = (&'static str, Rules, &'static str);

/// Stories at once.
const LANES: usize = 4;

fn stories() -> Vec<Story> {
    let all = [
        refund::STORIES,
        prorated::STORIES,
        hold::STORIES,
        hand::STORIES,
        milestone::STORIES,
        fraud::STORIES,
        people::STORIES,
        team::STORIES,
    ];
    all.concat()
}

/// How RevenueCat fails, in turns; each ends in time.
const TROUBLE: [(Fault, u32); 9] = [
    (Fault::NotExtending, 2),
    (Fault::AcceptThenDrop, 1),
    (Fault::TooMany { retry_after: Some(40) }, 1),
    (Fault::DropBefore, 2),
    (Fault::Status(500), 3),
    (Fault::CutBody, 1),
    (Fault::TooMany { retry_after: None }, 2),
    (Fault::Html, 1),
    (Fault::AcceptThenDrop, 3),
];

/// How it ended, and what was not as it should be.
struct Told {
    scene: String,
    faults: Vec<String>,
}

/// `trouble`: where the faults begin, if there are any.
async fn play(rules: Rules, text: &str, trouble: Option<usize>) -> Told {
    let mut stage = Stage::set(rules).await;
    let mut faults = Vec::new();
    for (n, step) in text.split("; ").enumerate() {
        let (act, stands) = step.split_once(" -> ").map_or((step, None), |(act, stands)| (act, Some(stands)));
        let (act, status) = act.split_once(": ").map_or((act, None), |(act, status)| (act, status.parse().ok()));
        if let Some(begin) = trouble {
            let (fault, times) = &TROUBLE[(begin + n) % TROUBLE.len()];
            stage.trouble(fault, *times);
        }
        if let Err(why) = stage.take(act, status).await {
            faults.push(format!("after `{step}`: {why}"));
            break;
        }
        if let (Some(stands), None) = (stands, trouble) {
            let found = stage.stands().await;
            if found != stands {
                faults.push(format!("after `{step}` it is `{found}`"));
            }
        }
    }
    if trouble.is_some() {
        stage.rest().await;
    }
    faults.extend(stage.unsound().await);
    let scene = stage.scene().await;
    stage.done().await;
    Told { scene, faults }
}

/// All stories, a few at once; what was not as it should be.
async fn every<T: Send + 'static, F: Future<Output = Vec<String>> + Send>(
    stories: Vec<T>,
    tell: impl Fn(usize, T) -> F + Clone + Send + 'static,
) -> String {
    let mut lanes: Vec<Vec<(usize, T)>> = (0..LANES).map(|_| Vec::new()).collect();
    for (n, story) in stories.into_iter().enumerate() {
        lanes[n % LANES].push((n, story));
    }
    let lanes = lanes.into_iter().map(|lane| {
        let tell = tell.clone();
        async move {
            let mut faults = Vec::new();
            for (n, story) in lane {
                faults.extend(tell(n, story).await);
            }
            faults
        }
    });
    together(lanes).await.concat().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_leaves_what_it_should() {
    let faults = every(stories(), async |_, (name, rules, text): Story| {
        let told = play(rules, text, None).await;
        told.faults.iter().map(|fault| format!("{name}: {fault}")).collect()
    })
    .await;
    assert!(faults.is_empty(), "\n{faults}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_at_revenuecat_leaves_no_trace() {
    let faults = every(stories(), async |n, (name, rules, text): Story| {
        let (calm, troubled) = (play(rules, text, None).await, play(rules, text, Some(n)).await);
        let mut faults: Vec<String> = troubled.faults.iter().map(|fault| format!("{name}: {fault}")).collect();
        if calm.scene != troubled.scene {
            faults.push(format!("{name}: `{}` is under trouble `{}`", calm.scene, troubled.scene));
        }
        faults
    })
    .await;
    assert!(faults.is_empty(), "\n{faults}");
}

/// What several people do, each in this order, and how it is in the end.
type Crowd = (&'static str, Rules, &'static [&'static str], &'static str);

const CROWDS: &[Crowd] = &[
    (
        "two who buy, one gets the money back",
        plain,
        &["bob claims; bob buys", "eve buys; eve claims", "max claims; max buys by apple; max refunded by revenuecat"],
        "bob -> credited 60; eve -> credited 60; max -> reversed 60",
    ),
    (
        "refunds that are reversed",
        plain,
        &[
            "bob claims; bob buys; bob refunded; bob restored",
            "eve confirms; eve refunded by revenuecat; eve restored by revenuecat",
            "max refunded by revenuecat; max buys; max claims",
        ],
        "bob -> credited 60; eve -> credited 60; max -> reversed 60",
    ),
    (
        "repeats, and the house begins again",
        plain,
        &["bob claims; bob buys; bob refunded", "eve claims; eve buys by apple", "again; again; again", "restart"],
        "bob -> reversed 30; eve -> credited 30",
    ),
    (
        "milestones come and go",
        milestones,
        &[
            "bob claims; bob buys; bob refunded; bob restored",
            "eve claims; eve buys; eve refunded",
            "max buys; max claims",
        ],
        "bob -> credited 160; eve -> reversed 160; max -> credited 160",
    ),
    (
        "the third milestone",
        milestones,
        &["bob claims; bob buys", "eve buys by apple; eve claims", "max claims; max buys; max reversed; max approved"],
        "bob -> credited 200; eve -> credited 200; max -> credited 200",
    ),
    (
        "a milestone that a tester and a family do not reach",
        milestones,
        &[
            "bob claims; bob buys in sandbox",
            "eve claims; eve buys; eve buys by apple",
            "max claims; max buys; max refunded",
        ],
        "bob -> credited 30; eve -> credited 30; max -> reversed 30",
    ),
    (
        "somebody turns out to be the referrer",
        milestones,
        &["bob claims; bob buys", "eve claims; eve buys; eve is also ann", "max claims; max refunded 50%"],
        "bob -> credited 145; eve -> rejected 145; max -> credited 145 (prorated_refund)",
    ),
    (
        "held, refunded, decided",
        hold_and_milestones,
        &[
            "bob claims; bob buys; bob refunded; bob restored",
            "eve claims; eve buys; eve rejected",
            "max buys; max claims; max approved",
            "kim claims; kim buys; kim refunded",
        ],
        "+8d; bob -> credited 160; eve -> rejected 160 (by_hand); max -> credited 160; kim -> reversed 160",
    ),
];

/// Orders of each crowd that are told, where there are more.
const SAMPLE: usize = 12;

/// All orders of these steps in which each list keeps its own.
fn orders(lists: &[Vec<&'static str>]) -> Vec<Vec<&'static str>> {
    let mut all = Vec::new();
    for (at, list) in lists.iter().enumerate() {
        let Some((first, rest)) = list.split_first() else { continue };
        let mut others = lists.to_vec();
        others[at] = rest.to_vec();
        all.extend(orders(&others).into_iter().map(|order| [&[*first], &order[..]].concat()));
    }
    if all.is_empty() { vec![Vec::new()] } else { all }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_first_makes_no_difference() {
    let mut told: Vec<(&str, Rules, String)> = Vec::new();
    for (n, (name, rules, lists, end)) in CROWDS.iter().enumerate() {
        let lists: Vec<Vec<&str>> = lists.iter().map(|list| list.split("; ").collect()).collect();
        let (orders, mut rng) = (orders(&lists), Rng::new(n as u64));
        for _ in 0..SAMPLE {
            let order = rng.pick(&orders).expect("there is an order");
            told.push((name, *rules, format!("{}; {end}", order.join("; "))));
        }
    }
    let faults = every(told, async |_, (name, rules, text): (&'static str, Rules, String)| {
        let told = play(rules, &text, None).await;
        told.faults.iter().map(|fault| format!("{name}: {text}: {fault}")).collect()
    })
    .await;
    assert!(faults.is_empty(), "\n{faults}");
}
