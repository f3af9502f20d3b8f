//! The draw log beside a ledger on a disk.

use super::folder::Folder;
use super::*;
use crate::domain::entry::Lasting;
use crate::ledger::draws::{Reached, Record, State, read};
use crate::ledger::inspect::verify_file;
use std::path::Path;

/// A ledger in a folder; opened again it goes on.
pub fn open(folder: &Folder) -> House {
    let clock = Arc::new(ManualClock::at(NOON));
    let (db, home) = open_file(&folder.0, "alma").unwrap();
    let house = House { ledger: Ledger::start(db, clock.clone(), &SeededEntropy::new(1), home).unwrap(), clock };
    house.ask(Command::Adopt(Adopt { policy: sample::policy() })).unwrap();
    house
}

fn logged(folder: &Folder) -> Vec<CodeText> {
    read(&folder.path("alma.draws")).unwrap().codes().map(|code| code.text.clone()).collect()
}

pub fn faults(folder: &Folder) -> Vec<String> {
    verify_file(&folder.path("alma.redb")).unwrap().faults
}

pub fn cut(path: &Path, bytes: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
}

#[test]
fn what_is_drawn_is_in_the_log_and_nothing_else() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..20, 100);
    let mut given = vec![house.my_code("ann"), house.my_code("ben")];
    assert_eq!(house.my_code("ann"), given[0]);
    let issue =
        Issue { campaign: CAMPAIGN.into(), holder: house.person("creator"), label: None, count: 3, for_partner: false };
    match house.ask(Command::Issue(issue)).unwrap() {
        Reply::Issued(codes) => given.extend(codes.into_iter().map(|code| code.text)),
        other => panic!("{other:?}"),
    }
    house.claim("friend", &given[0]).unwrap();
    assert_eq!(logged(&folder), given);
    drop(house);
    assert_eq!(faults(&folder), Vec::<String>::new());
}

#[test]
fn a_log_that_lost_its_end_or_all_of_it_is_made_good_from_the_journal() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..20, 100);
    let mut given: Vec<CodeText> = ["ann", "ben", "cem"].iter().map(|name| house.my_code(name)).collect();
    drop(house);
    let log = folder.path("alma.draws");
    let spoil: [&dyn Fn(); 4] =
        [&|| cut(&log, 1), &|| cut(&log, 100), &|| std::fs::remove_file(&log).unwrap(), &|| {
            std::fs::write(&log, "").unwrap()
        }];
    for (n, spoil) in spoil.iter().enumerate() {
        spoil();
        assert_eq!(faults(&folder), Vec::<String>::new(), "the next start makes it good");
        let house = open(&folder);
        given.push(house.my_code(&format!("next-{n}")));
        drop(house);
        assert_eq!(logged(&folder), given);
        assert_eq!(read(&log).unwrap().state, State::Whole);
        assert_eq!(faults(&folder), Vec::<String>::new());
    }
}

#[test]
fn a_start_says_how_far_the_books_have_come_and_the_next_one_reads_nothing_again() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..20, 100);
    let mark = *house.ledger.changed().borrow();
    drop(house);
    let lines = || -> Vec<u64> {
        read(&folder.path("alma.draws")).unwrap().records.iter().map(|record| record.reached.seq).collect()
    };
    assert_eq!(lines(), [0; 0]);
    for _ in 0..2 {
        drop(open(&folder));
        assert_eq!(lines(), [mark]);
    }
}

#[test]
fn a_log_that_goes_further_than_the_books_stops_the_start() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..20, 100);
    house.my_code("ann");
    house.ledger.close();
    drop(house);
    let old = std::fs::read(folder.path("alma.redb")).unwrap();
    drop(open(&folder).my_code("ben"));
    std::fs::write(folder.path("alma.redb"), old).unwrap();
    assert_eq!(faults(&folder), ["1 codes of the draw log were never handed out by these books"]);
    let (db, home) = open_file(&folder.0, "alma").unwrap();
    let started = Ledger::start(db, Arc::new(ManualClock::at(NOON)), &SeededEntropy::new(1), home);
    assert!(matches!(started.map(|_| ()), Err(Error::Old { .. })));
}

#[test]
fn a_code_that_is_not_in_the_log_is_found() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..20, 100);
    house.my_code("ann");
    let mark = *house.ledger.changed().borrow();
    drop(house);
    std::fs::remove_file(folder.path("alma.draws")).unwrap();
    let mut log = draws::Log::open(&folder.path("alma.draws"), Id([1; 16])).unwrap();
    log.append(&Record { reached: Reached { epoch: 1, seq: mark }, at: NOON, lasting: Lasting::default() }).unwrap();
    let missing = "1 codes were handed out and are not in the draw log";
    assert_eq!(faults(&folder), ["the draw log is another database's", missing]);
}
