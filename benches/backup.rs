//! A snapshot of a million codes while codes are drawn: how long it takes, and how long the draws do.
//!
//!     cargo bench --bench backup [-- FOLDER]

mod stage;

use referd::clock::{Clock, Stopwatch, SystemClock};
use referd::domain::code::CodeText;
use referd::domain::decide::pool::Adopt;
use referd::domain::decide::share::MyCode;
use referd::domain::decide::{By, Command, Reply};
use referd::domain::id::UserId;
use referd::entropy::SystemEntropy;
use referd::ledger::backup::Backups;
use referd::ledger::intake::List;
use referd::ledger::{Entry, Ledger, open_file};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::runtime::Runtime;

const CODES: usize = 1_000_000;
/// Codes that are drawn before, so that the books hold more than a stock.
const DRAWN: usize = 20_000;
const CLIENTS: usize = 8;

fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder =
        given.map_or_else(std::env::temp_dir, PathBuf::from).join(format!("referd-backup-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    measure(&runtime, &folder);
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

fn measure(runtime: &Runtime, folder: &Path) {
    let (db, home) = open_file(folder, "bench").expect("a ledger");
    let ledger = Ledger::start(db, Arc::new(SystemClock), &SystemEntropy, home).expect("a ledger");
    ledger.submit_blocking(Entry::new(Command::Adopt(Adopt { policy: stage::policy() }), By::House)).expect("rules");
    let codes = (0..CODES).map(|n| CodeText::parse(&format!("BENCH{n:013}")).expect("a code")).collect();
    let now = SystemClock.now();
    let list = List { campaign: "friends".into(), expires: now.date().plus_days(170), codes };
    runtime.block_on(ledger.take_in(list, By::House, now, false)).expect("the codes are imported");

    let next = AtomicU64::new(0);
    let quiet = runtime.block_on(draw(&ledger, &next, |drawn| drawn >= DRAWN as u64));
    println!("draws alone       {}", told(quiet));
    let backups = Backups::new(folder, "bench", 3, None);
    for _ in 0..3 {
        let is_done = AtomicBool::new(false);
        let (made, busy) = std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                let made = backups.make(&ledger);
                is_done.store(true, Ordering::Relaxed);
                made
            });
            let busy = runtime.block_on(draw(&ledger, &next, |_| is_done.load(Ordering::Relaxed)));
            (made.join().expect("no panic"), busy)
        });
        let made = made.expect("a backup");
        println!("snapshot          {:>9.1} s, {:.1} MB, verified", made.millis as f64 / 1e3, made.bytes as f64 / 1e6);
        println!("draws meanwhile   {}", told(busy));
    }
}

/// New people ask for their code until it is enough; how long each waited, in microseconds.
async fn draw(ledger: &Ledger, next: &AtomicU64, is_enough: impl Fn(u64) -> bool) -> Vec<u64> {
    let first = next.load(Ordering::Relaxed);
    let client = async || {
        let mut waits = Vec::new();
        while !is_enough(next.load(Ordering::Relaxed) - first) {
            let user = UserId::parse(&format!("user-{}", next.fetch_add(1, Ordering::Relaxed))).expect("a user id");
            let ask = MyCode { campaign: "friends".into(), person: ledger.person(&user) };
            let watch = Stopwatch::start();
            let reply = ledger.submit(Entry::new(Command::MyCode(ask), By::App).naming([user])).await;
            assert!(matches!(reply, Ok(Reply::Code { .. })), "{reply:?}");
            waits.push(watch.micros());
        }
        waits
    };
    let (a, b, c, d, e, f, g, h) =
        tokio::join!(client(), client(), client(), client(), client(), client(), client(), client());
    [a, b, c, d, e, f, g, h].concat()
}

fn told(mut waits: Vec<u64>) -> String {
    waits.sort_unstable();
    let at = |part: usize| waits[(waits.len() * part / 1000).min(waits.len() - 1)] as f64 / 1e3;
    format!(
        "{:>9} draws by {CLIENTS} clients, p50 {:.1} ms, p99 {:.1} ms, longest {:.0} ms",
        waits.len(),
        at(500),
        at(990),
        at(1000)
    )
}
