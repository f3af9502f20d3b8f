//! The engine beside its floor, in one run on one disk: ratios, not times.
//!
//!     cargo bench --bench engine [-- FOLDER]
//!
//! The floor is a group commit that appends 128 bytes and flushes; the engine decides, keeps the
//! journal and answers "my code" to new people.

mod stage;

use referd::clock::{Stopwatch, SystemClock};
use referd::domain::code::CodeText;
use referd::domain::decide::pool::Adopt;
use referd::domain::decide::share::MyCode;
use referd::domain::decide::{By, Command, Reply};
use referd::domain::id::UserId;
use referd::entropy::SystemEntropy;
use referd::ledger::intake::List;
use referd::ledger::{Entry, Ledger, open_file};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use tokio::sync::oneshot;

const CODES: usize = 200_000;
const SHOTS: usize = 3;
const EACH: usize = 300;

fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder =
        given.map_or_else(std::env::temp_dir, PathBuf::from).join(format!("referd-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(measure(&folder));
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

async fn measure(folder: &Path) {
    let (db, home) = open_file(folder, "bench").expect("a ledger");
    let ledger = Arc::new(Ledger::start(db, Arc::new(SystemClock), &SystemEntropy, home).expect("a ledger"));
    let adopt = Command::Adopt(Adopt { policy: stage::policy() });
    ledger.submit(Entry::new(adopt, By::House)).await.expect("the rules are adopted");

    let codes = (0..CODES).map(|n| CodeText::parse(&format!("BENCH{n:013}")).expect("a code")).collect();
    let now = referd::clock::Clock::now(&SystemClock);
    let list = List { campaign: "friends".into(), expires: now.date().plus_days(170), codes };
    let watch = Stopwatch::start();
    ledger.take_in(list, By::House, now, false).await.expect("the codes are imported");
    println!("import            {:>9.0} codes/s", CODES as f64 / seconds(&watch));
    let size = std::fs::metadata(folder.join("bench.redb")).expect("the file").len();
    println!("file              {:>9.1} bytes for each available code", size as f64 / CODES as f64);

    let mut next = 0;
    for clients in [1, 16, 64] {
        let (mut floors, mut engines) = (Vec::new(), Vec::new());
        for _ in 0..SHOTS {
            floors.push(floor(&folder.join("floor"), clients).await);
            engines.push(engine(&ledger, clients, next).await);
            next += clients * EACH;
        }
        let (floor, engine) = (median(floors), median(engines));
        println!("{clients:>3} clients  floor {floor:>8.0}/s  my-code {engine:>8.0}/s  ratio {:.2}", engine / floor);
    }
    repeats(&ledger).await;
}

/// New people ask for their code, each client one after another.
async fn engine(ledger: &Arc<Ledger>, clients: usize, first: usize) -> f64 {
    let watch = Stopwatch::start();
    let client = |n: usize| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            for i in 0..EACH {
                let user = UserId::parse(&format!("user-{}", first + n * EACH + i)).expect("a user id");
                let ask = MyCode { campaign: "friends".into(), person: ledger.person(&user) };
                let reply = ledger.submit(Entry::new(Command::MyCode(ask), By::App).naming([user])).await;
                assert!(matches!(reply, Ok(Reply::Code { .. })), "{reply:?}");
            }
        })
    };
    let clients: Vec<_> = (0..clients).map(client).collect();
    let count = clients.len() * EACH;
    for client in clients {
        client.await.expect("a client ends well");
    }
    count as f64 / seconds(&watch)
}

async fn floor(path: &Path, clients: usize) -> f64 {
    let (asks, queue) = sync_channel::<oneshot::Sender<()>>(4096);
    let file = File::create(path).expect("a file");
    let writer = std::thread::spawn(move || flush(file, &queue));
    let watch = Stopwatch::start();
    let client = |_| {
        let asks = asks.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                let (reply, answer) = oneshot::channel();
                asks.send(reply).expect("the writer lives");
                answer.await.expect("an answer");
            }
        })
    };
    let clients: Vec<_> = (0..clients).map(client).collect();
    let count = clients.len() * EACH;
    for client in clients {
        client.await.expect("a client ends well");
    }
    let rate = count as f64 / seconds(&watch);
    drop(asks);
    writer.join().expect("the writer ends well");
    rate
}

fn flush(mut file: File, queue: &Receiver<oneshot::Sender<()>>) {
    while let Ok(first) = queue.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(queue.try_iter()).collect();
        file.write_all(&vec![7; 128 * batch.len()]).expect("a write");
        file.sync_data().expect("a flush");
        batch.into_iter().for_each(|reply| _ = reply.send(()));
    }
}

/// People who have a code ask again: no write.
async fn repeats(ledger: &Ledger) {
    const ASKS: usize = 100_000;
    let user = UserId::parse("user-0").expect("a user id");
    let ask = Command::MyCode(MyCode { campaign: "friends".into(), person: ledger.person(&user) });
    let watch = Stopwatch::start();
    for _ in 0..ASKS {
        assert!(ledger.repeated(&ask).expect("a look").is_some());
    }
    println!("repeat            {:>9.1} µs each, on one core", watch.micros() as f64 / ASKS as f64);
}

fn seconds(watch: &Stopwatch) -> f64 {
    watch.micros() as f64 / 1e6
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
