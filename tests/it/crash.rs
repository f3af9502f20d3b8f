//! The power is cut: at any operation on the disk, whatever of the unsynced writes survives, and once
//! more while the file is opened again. What was acknowledged is there; what is there is a beginning
//! of what happened.
//!
//! `REFERD_CRASH_POINTS=100000 cargo test --test it crash::power -- --nocapture` looks at more points.

mod books;
mod campaign;
mod story;

use crate::support::disk::{Fault, Left, Tape};
use crate::support::rng::Rng;
use books::{Books, Expected, Reopened, reopen};
use campaign::{adopt, blank};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use story::{Ack, Plot, Promise, Step, Story};

const POINTS: usize = 2400;
/// Points of one story.
const EACH: usize = 300;
const STEPS: usize = 70;

/// A story told to its end on a good disk.
struct Told {
    plot: Plot,
    books: Books,
    tape: Tape,
    acks: Vec<Ack>,
    steps: Vec<Step>,
}

impl Told {
    fn new(plot: Plot) -> Told {
        let mut story = Story::open(plot, blank(), None).unwrap_or_else(|(_, why)| panic!("{why}"));
        story.tell();
        let books = Books::read(&story.ledger).expect("a good disk");
        assert!(!plot.is_long || story.disk.now().len() > 1 << 20, "{plot:?}: the file did not grow");
        let (acks, steps) = (std::mem::take(&mut story.acks), std::mem::take(&mut story.steps));
        Told { plot, books, tape: story.end(), acks, steps }
    }

    /// What was acknowledged at a place of the tape.
    fn certain(&self, cut: usize) -> (u64, Vec<&Promise>) {
        acknowledged(self.acks.iter().filter(|ack| ack.place <= cut))
    }
}

fn acknowledged<'a>(acks: impl Iterator<Item = &'a Ack> + Clone) -> (u64, Vec<&'a Promise>) {
    let seq = acks.clone().map(|ack| ack.seq).max().unwrap_or(0);
    (seq, acks.flat_map(|ack| &ack.promises).collect())
}

#[derive(Default)]
struct Tally {
    once: AtomicUsize,
    twice: AtomicUsize,
    wrong: Mutex<Vec<String>>,
    kinds: Mutex<BTreeSet<&'static str>>,
}

impl Tally {
    fn note(&self, count: &AtomicUsize, outcome: Result<Reopened, String>, point: String) -> Option<Reopened> {
        count.fetch_add(1, Ordering::Relaxed);
        let wrong = |why| self.wrong.lock().expect("no panic holds this lock").push(format!("{point}: {why}"));
        outcome.map_err(wrong).ok()
    }
}

/// Opening a broken file may panic; that is a finding like any other.
fn guarded(open: impl FnOnce() -> Result<Reopened, String>) -> Result<Reopened, String> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err("panic".to_owned()))
}

/// Cuts one story's power at `points` places, every second time again while the file is opened.
fn cut_at(told: &Told, points: usize, tally: &Tally) {
    tally.kinds.lock().expect("no panic holds this lock").extend(&told.books.kinds);
    let mut rng = Rng::new(told.plot.seed ^ 0xc0de);
    let mut done = 0;
    while done < points {
        let cut = rng.below(told.tape.len() + 1);
        let left = Left::ALL[rng.below(Left::ALL.len())];
        let image = told.tape.image(cut, left, &mut rng);
        let (seq, promises) = told.certain(cut);
        let expected = Expected { books: &told.books, seq, promises: &promises };
        let point = format!("{:?}, cut {cut} of {}, {left:?}", told.plot, told.tape.len());
        let first = tally.note(&tally.once, guarded(|| reopen(image, &expected)), point.clone());
        done += 1;
        let Some(first) = first.filter(|_| rng.percent(50)) else { continue };
        let cut = rng.below(first.tape.len() + 1);
        let left = Left::ALL[rng.below(Left::ALL.len())];
        let image = first.tape.image(cut, left, &mut rng);
        // What the first start found has been shown to people.
        let seq = if cut >= first.answered { first.found + 1 } else { first.found };
        let expected = Expected { books: &first.books, seq, promises: &promises };
        let point = format!("{point}, then cut {cut} of {} (started at {}), {left:?}", first.tape.len(), first.started);
        tally.note(&tally.twice, guarded(|| reopen(image, &expected)), point);
        done += 1;
    }
}

#[allow(clippy::disallowed_methods)] // how long to look is the caller's choice
fn points() -> usize {
    std::env::var("REFERD_CRASH_POINTS").ok().and_then(|text| text.parse().ok()).unwrap_or(0).max(POINTS)
}

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged() {
    let plots = points().div_ceil(EACH).max(8);
    let (tally, next) = (Tally::default(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= plots {
                        return;
                    }
                    let told = Told::new(Plot { seed: n as u64 + 1, steps: STEPS, is_long: n % 4 == 3 });
                    cut_at(&told, points().div_ceil(plots), &tally);
                }
            });
        }
    });
    assert_eq!(
        tally.kinds.lock().expect("no panic holds this lock").len(),
        14,
        "every kind of command is in the stories"
    );
    let (once, twice) = (tally.once.into_inner(), tally.twice.into_inner());
    println!("{} power cuts, {twice} of them the second", once + twice);
    let wrong = tally.wrong.into_inner().expect("no panic holds this lock");
    assert!(wrong.is_empty(), "{} points are wrong, such as\n{}", wrong.len(), wrong[..wrong.len().min(9)].join("\n"));
    assert!(once + twice >= 2000, "too few points: {once} and {twice}");
    assert!(twice * 4 >= once + twice, "too few second cuts: {twice}");
}

/// The control: were commands answered before the commit, the same check would see it.
#[test]
fn an_answer_before_the_commit_is_caught() {
    let told = Told::new(Plot { seed: 77, steps: STEPS, is_long: false });
    let mut rng = Rng::new(78);
    let open: Vec<(usize, u64)> = told
        .steps
        .iter()
        .filter(|step| step.after > step.before)
        .flat_map(|step| (step.begun..step.done).map(|cut| (cut, step.after)))
        .collect();
    let (mut caught, tries) = (0, 200);
    for _ in 0..tries {
        let (cut, seq) = *rng.pick(&open).expect("commits");
        let left = Left::ALL[rng.below(Left::ALL.len())];
        let image = told.tape.image(cut, left, &mut rng);
        let expected = Expected { books: &told.books, seq, promises: &[] };
        caught += usize::from(guarded(|| reopen(image, &expected)).is_err());
    }
    println!("answers before the commit: {caught} of {tries} caught");
    assert!(caught * 100 >= tries * 80, "only {caught} of {tries} caught");
}

/// The other control: a disk that says "synced" and loses a write.
#[test]
fn a_disk_that_lies_is_caught() {
    let told = Told::new(Plot { seed: 88, steps: STEPS, is_long: false });
    let mut rng = Rng::new(89);
    let writes: Vec<&Step> = told.steps.iter().filter(|step| step.after > step.before).collect();
    let (mut caught, mut tries) = (0, 0);
    while tries < 100 {
        let step = rng.pick(&writes).expect("commits");
        let Some(image) = told.tape.image_without_a_write(step.begun, step.done, &mut rng) else { continue };
        let expected = Expected { books: &told.books, seq: step.after, promises: &[] };
        tries += 1;
        caught += usize::from(guarded(|| reopen(image, &expected)).is_err());
    }
    println!("synced writes that were lost: {caught} of {tries} caught");
    assert!(caught * 100 >= tries * 80, "only {caught} of {tries} caught");
}

/// Every call of the disk fails in turn, once or from then on.
#[test]
fn a_failed_call_is_answered_unknown_and_loses_nothing() {
    let plot = Plot { seed: 99, steps: 16, is_long: false };
    let mut whole = Story::open(plot, blank(), None).unwrap_or_else(|(_, why)| panic!("{why}"));
    whole.tell();
    let books = Books::read(&whole.ledger).expect("a good disk");
    let calls = whole.disk.calls();
    drop(whole);
    // Four failures at each call; at the default number of points every sixth or so, in ten seconds.
    let stride = (calls * 4 / (points() / 10)).max(1);
    let mut failed = 0;
    for from in (0..calls).step_by(stride) {
        for error in [Errno::IO, Errno::NOSPC] {
            for is_once in [true, false] {
                failed += usize::from(fails(plot, &books, Fault { from, error, is_once }));
            }
        }
    }
    println!("{failed} failures of {calls} calls, every {stride}th");
    assert!(failed >= calls / stride * 3, "only {failed} runs failed");
}

/// Tells a story on a failing disk; whether that was noticed.
fn fails(plot: Plot, books: &Books, fault: Fault) -> bool {
    let mut acks = Vec::new();
    let (tape, is_noticed) = match Story::open(plot, blank(), Some(fault)) {
        Err((disk, _)) => (disk.take_tape(), true),
        Ok(mut story) => {
            story.tell();
            acks = std::mem::take(&mut story.acks);
            let is_noticed = story.unknown > 0;
            if is_noticed {
                let answer = story.ledger.submit_blocking(adopt());
                assert!(answer.is_err(), "{fault:?}: a command was taken after the failure");
                story.ledger.close();
                assert!(*story.ledger.failed().borrow(), "{fault:?}: the failure was not told");
            }
            (story.end(), is_noticed)
        }
    };
    let (seq, promises) = acknowledged(acks.iter());
    let mut rng = Rng::new(fault.from as u64);
    for left in [Left::Nothing, Left::All, Left::Sectors] {
        let expected = Expected { books, seq, promises: &promises };
        let image = tape.image(tape.len(), left, &mut rng);
        if let Err(why) = guarded(|| reopen(image, &expected)) {
            panic!("{plot:?}, {fault:?}, {left:?}: {why}");
        }
    }
    is_noticed
}
