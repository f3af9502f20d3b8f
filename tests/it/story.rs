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
use referd::fake::faults::Fault;
use rules::Rules;
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

/// A grant that waits is not yet found under another id of the referrer.
fn names_the_referrer_anew(text: &str) -> bool {
    ["also ann", "ann is also", "as ann"].iter().any(|words| text.contains(words))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_at_revenuecat_leaves_no_trace() {
    let mut stories = stories();
    stories.retain(|(_, _, text)| !names_the_referrer_anew(text));
    let faults = every(stories, async |n, (name, rules, text): Story| {
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
