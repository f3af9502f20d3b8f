//! A backup in the place of a ledger: no code goes out again, whatever is left of the draw log.

use super::draws::{cut, faults, open};
use super::folder::Folder;
use super::*;
use crate::ledger::backup::Backups;
use crate::ledger::draws::State;
use crate::ledger::restore::Ready;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Codes that are handed out after the backup, and after the restore.
const BEFORE: u32 = 1_000;
const AFTER: u32 = 10_000;

fn issue(house: &House, count: u32) -> Vec<CodeText> {
    let holder = house.person("creator");
    let issue = Issue { campaign: CAMPAIGN.into(), holder, label: None, count, for_partner: false };
    match house.ask(Command::Issue(issue)).unwrap() {
        Reply::Issued(codes) => codes.into_iter().map(|code| code.text).collect(),
        other => panic!("{other:?}"),
    }
}

fn backup(house: &House, folder: &Folder) -> PathBuf {
    Backups::new(&folder.0, "alma", 3, None).make(&house.ledger).unwrap().path
}

fn ready(folder: &Folder, backup: &Path, now: At) -> Ready {
    let clock = Arc::new(ManualClock::at(now));
    Ready::make(&folder.0, "alma", &mut File::open(backup).unwrap(), clock, &SeededEntropy::new(1)).unwrap()
}

fn restore(folder: &Folder, backup: &Path, now: At) -> (usize, Option<State>, u32) {
    let ready = ready(folder, backup, now);
    let told = (ready.returned, ready.state, ready.withheld.iter().map(|(_, count)| count).sum());
    ready.swap().unwrap().expect("the old file is kept");
    assert_eq!(faults(folder), Vec::<String>::new());
    told
}

/// Backs up, hands codes out, spoils what is to be spoilt, restores, and hands out many more.
fn drill(spoil: impl Fn(&Path)) -> (usize, Option<State>, u32) {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..14_000, 100);
    let mut given: BTreeSet<CodeText> = issue(&house, 40).into_iter().collect();
    let backup = backup(&house, &folder);
    house.wait(Span::hours(1));
    for _ in 0..BEFORE / 20 {
        given.extend(issue(&house, 20));
    }
    let now = house.clock.now();
    drop(house);
    spoil(&folder.path("alma.draws"));
    let told = restore(&folder, &backup, now);
    let house = open(&folder);
    for _ in 0..AFTER / 500 {
        let again: Vec<CodeText> = issue(&house, 500).into_iter().filter(|code| given.contains(code)).collect();
        assert!(again.is_empty(), "{} codes were handed out again", again.len());
    }
    sound::replays(&house);
    drop(house);
    assert_eq!(faults(&folder), Vec::<String>::new());
    told
}

#[test]
fn with_the_log_what_was_handed_out_is_known() {
    assert_eq!(drill(|_| {}), (BEFORE as usize, Some(State::Whole), 0));
}

#[test]
fn with_a_torn_tail_a_margin_is_withheld() {
    assert_eq!(drill(|log| cut(log, 300)), (BEFORE as usize - 20, Some(State::Torn), 2_000));
}

#[test]
fn without_the_log_the_pace_says_what_is_withheld() {
    assert_eq!(drill(|log| std::fs::remove_file(log).unwrap()), (0, None, 2_000));
    assert_eq!(drill(|log| std::fs::write(log, "").unwrap()), (0, None, 2_000));
}

#[test]
fn a_damaged_log_is_as_good_as_its_beginning() {
    let (returned, state, withheld) = drill(|log| {
        let mut bytes = std::fs::read(log).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(log, bytes).unwrap();
    });
    assert!((1..BEFORE as usize).contains(&returned), "{returned}");
    assert_eq!((state, withheld), (Some(State::Damaged), 2_000));
}

#[test]
fn a_code_is_back_with_its_holder() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..50, 100);
    let old = house.my_code("ann");
    let backup = backup(&house, &folder);
    let new = house.my_code("ben");
    let slug = house.slug("ben");
    drop(house);
    assert_eq!(restore(&folder, &backup, NOON).0, 1);
    let house = open(&folder);
    assert_eq!(house.my_code("ann"), old);
    assert_eq!(house.slug("ben"), slug, "a link goes on working");
    let next = house.my_code("ben");
    assert!(next != new && next != old);
    house.claim("friend", &new).unwrap();
    sound::replays(&house);
}

/// The batch came after the backup: its codes come again, and with them those that were handed out.
#[test]
fn codes_of_a_list_that_is_imported_again_stay_with_whom_they_were_given_to() {
    let folder = Folder::new();
    let house = open(&folder);
    let backup = backup(&house, &folder);
    house.import("first", 0..6, 100);
    let given: Vec<CodeText> = ["ann", "ben"].iter().map(|name| house.my_code(name)).collect();
    drop(house);
    restore(&folder, &backup, NOON);
    let house = open(&folder);
    // Another list has the codes at other places.
    house.import("other", 0..6, 90);
    let rest: Vec<CodeText> = std::iter::from_fn(|| house.draw(&format!("user-{}", house.all::<Code>().len())))
        .map(|code| code.text)
        .collect();
    assert_eq!(rest.len(), 4);
    assert!(rest.iter().all(|code| !given.contains(code)));
    sound::replays(&house);
}

/// Without a log, a batch that was on its way may have been drawn from.
#[test]
fn what_is_not_in_stock_is_withheld_when_it_comes() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..700, 100);
    let backup = backup(&house, &folder);
    drop(house);
    std::fs::remove_file(folder.path("alma.draws")).unwrap();
    restore(&folder, &backup, NOON);
    let house = open(&folder);
    assert_eq!(house.draw("ann"), None);
    house.import("second", 1_000..3_000, 100);
    assert_eq!(house.draw("ann").expect("the rest is free").text, code_text(2_300));
    sound::replays(&house);
}

/// Restored twice: what was withheld or given back stays so, by the log.
#[test]
fn a_second_restore_of_the_same_backup_knows_of_the_first() {
    let folder = Folder::new();
    let house = open(&folder);
    house.import("first", 0..5_000, 100);
    let backup = backup(&house, &folder);
    let mut given = vec![house.my_code("ann")];
    drop(house);
    std::fs::remove_file(folder.path("alma.draws")).unwrap();
    assert_eq!(restore(&folder, &backup, NOON), (0, None, 2_000));
    let house = open(&folder);
    given.push(house.my_code("ben"));
    drop(house);
    assert_eq!(restore(&folder, &backup, NOON), (2_001, Some(State::Whole), 0));
    let house = open(&folder);
    let next = house.my_code("cem");
    assert!(!given.contains(&next));
    let void = house.all::<Code>().iter().filter(|code| code.state.word() == "void").count();
    assert_eq!(void, 2_000);
    sound::replays(&house);
}

#[test]
fn a_ledger_that_is_open_is_not_replaced() {
    let folder = Folder::new();
    let house = open(&folder);
    let backup = backup(&house, &folder);
    let clock = Arc::new(ManualClock::at(NOON));
    let made = Ready::make(&folder.0, "alma", &mut File::open(backup).unwrap(), clock, &SeededEntropy::new(1));
    assert!(made.err().expect("it is refused").to_string().contains("in use"));
    drop(house);
}

fn start(folder: &Path) -> Result<Ledger, Error> {
    let (db, home) = open_file(folder, "alma")?;
    Ledger::start(db, Arc::new(ManualClock::at(NOON)), &SeededEntropy::new(2), home)
}

/// Makes a ledger, does something to its folder, and says how the next start ends.
fn after(change: impl Fn(&Folder, &[u8])) -> Result<(), Error> {
    let folder = Folder::new();
    drop(open(&folder));
    let old = std::fs::read(folder.path("alma.redb")).unwrap();
    drop(open(&folder));
    change(&folder, &old);
    start(&folder.0).map(|_| ())
}

#[test]
fn what_lies_beside_a_database_tells_whether_it_belongs_there() {
    let is = |outcome: Result<(), Error>, what: fn(&Error) -> bool| {
        let error = outcome.expect_err("it is refused");
        assert!(what(&error) && error.to_string().contains("referd restore"), "{error}");
    };
    assert!(after(|_, _| {}).is_ok());
    is(after(|folder, old| std::fs::write(folder.path("alma.redb"), old).unwrap()), |e| matches!(e, Error::Old { .. }));
    is(after(|folder, _| std::fs::remove_file(folder.path("alma.redb")).unwrap()), |e| matches!(e, Error::Gone { .. }));
    is(after(|folder, _| std::fs::remove_file(folder.path("alma.epoch")).unwrap()), |e| {
        matches!(e, Error::Stray { .. })
    });
    is(after(|folder, _| std::fs::write(folder.path("alma.epoch"), "").unwrap()), |e| matches!(e, Error::Draws(_)));
}

#[test]
fn a_copied_folder_is_not_started_while_the_first_is_there() {
    let (first, second) = (Folder::new(), Folder::new());
    drop(open(&first));
    let names = ["alma.redb", "alma.draws", "alma.epoch"];
    let copy = |from: &Folder, to: &Folder| {
        names.iter().for_each(|name| assert!(std::fs::copy(from.path(name), to.path(name)).is_ok()));
    };
    copy(&first, &second);
    assert!(matches!(start(&second.0).err(), Some(Error::Copied { .. })));
    assert!(start(&first.0).is_ok(), "the first goes on");
    // The same folder by another name is no copy, and a folder that was moved is none any more.
    let link = second.path("link");
    std::os::unix::fs::symlink(&first.0, &link).unwrap();
    assert!(start(&link).is_ok());
    copy(&first, &second);
    drop(first);
    assert!(start(&second.0).is_ok());
}
