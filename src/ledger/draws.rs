//! The draw log: which codes were taken from the stock, and who was forgotten, in a file beside the database that is only
//! appended to, and flushed before anybody is told a code. A database that is restored is older than the log, and learns
//! from it which codes are in somebody's hands, and whom to forget again.
//!
//! The journal comes first. A log that ends before it is completed when the ledger opens; one that goes further means
//! that an older database lies beside it.

use super::Error;
use super::error::at;
use super::journal;
use super::mark::Mark;
use super::store::Store;
use crate::domain::at::At;
use crate::domain::code::{CodeText, Handed};
use crate::domain::entry::{Forgotten, Lasting};
use crate::domain::id::{Id, Person};
use rustix::fs::{Advice, fadvise};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const HEAD: &str = "referd-draws-1";

/// So many entries of the journal may stand behind the log; each start reads them.
const APART: u64 = 1_000;

/// How far a log or a database goes: in which life of the books, and up to which entry of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    pub epoch: u64,
    pub seq: u64,
}

/// One line: what lasts of one commit. Where nothing does, the line says how far the books had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub reached: Reached,
    pub at: At,
    pub lasting: Lasting,
}

const USER: &str = "!user=";
const PARTNER: &str = "!partner=";

impl Record {
    /// Five words for each code: campaign, batch, its end, the code, whose it is. Then one for each who was forgotten.
    pub fn body(&self) -> String {
        let mut out = format!("{} {} {}", self.reached.epoch, self.reached.seq, self.at.0);
        for code in &self.lasting.codes {
            let Handed { text, campaign, batch, expires_at, to, .. } = code;
            _ = write!(out, " {campaign} {batch} {} {} {to}", expires_at.0, text.as_str());
        }
        for who in &self.lasting.forgotten {
            _ = match who {
                Forgotten::User(person) => write!(out, " {USER}{person}"),
                Forgotten::Partner(partner) => write!(out, " {PARTNER}{partner}"),
            };
        }
        out
    }

    pub fn parse(body: &str) -> Option<Record> {
        let words: Vec<&str> = body.split(' ').collect();
        let (head, words) = words.split_at_checked(3)?;
        let (codes, forgotten) = words.split_at(words.iter().take_while(|word| !word.starts_with('!')).count());
        let reached = Reached { epoch: head[0].parse().ok()?, seq: head[1].parse().ok()? };
        let at = At(head[2].parse().ok()?);
        let (codes, rest) = codes.as_chunks::<5>();
        let handed = |[campaign, batch, expires_at, text, to]: &[&str; 5]| {
            Some(Handed {
                text: CodeText::parse(text)?,
                campaign: (*campaign).to_owned(),
                batch: Id::parse(batch)?,
                expires_at: At(expires_at.parse().ok()?),
                to: Person::parse(to)?,
                at,
            })
        };
        let forgot = |word: &&str| match word.strip_prefix(USER) {
            Some(person) => Person::parse(person).map(Forgotten::User),
            None => Id::parse(word.strip_prefix(PARTNER)?).map(Forgotten::Partner),
        };
        let codes = codes.iter().map(handed).collect::<Option<_>>()?;
        let forgotten = forgotten.iter().map(forgot).collect::<Option<_>>()?;
        rest.is_empty().then_some(Record { reached, at, lasting: Lasting { codes, forgotten } })
    }
}

/// Each line ends with a hash of itself and of the one before.
fn link(before: Id, body: &str) -> Id {
    Id::of("draws", &[before.as_bytes(), body.as_bytes()])
}

fn chain_of(line: &str) -> Option<(&str, Id)> {
    let (body, chain) = line.rsplit_once(' ')?;
    Some((body, Id::parse(chain)?))
}

fn head(instance: Id) -> String {
    let body = format!("{HEAD} {instance}");
    format!("{body} {}\n", link(Id::default(), &body))
}

/// The log of a ledger that is open. Nobody else can open it meanwhile.
pub struct Log {
    file: File,
    path: PathBuf,
    chain: Id,
    reached: Reached,
}

impl Log {
    /// Opens the log, or begins one. A last line that a crash cut short is taken off; it was not acknowledged.
    pub fn open(path: &Path, instance: Id) -> Result<Log, Error> {
        let file = lock(path)?;
        // As for the database: after a failed flush, read the disk.
        fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| at(path)(error.into()))?;
        let mut log = Log { file, path: path.to_owned(), chain: Id::default(), reached: Reached::default() };
        let end = End::read(&log.file).map_err(at(path))?;
        let whole = end.whole().ok_or_else(|| Error::Draws(format!("{} is damaged before its end", path.display())))?;
        if whole.len < end.len {
            tracing::warn!(
                bytes = end.len - whole.len,
                "the draw log was cut short in its last line, which is taken off"
            );
            log.file.set_len(whole.len).and_then(|()| log.file.sync_all()).map_err(at(path))?;
        }
        match whole.last {
            Some((record, chain)) => (log.chain, log.reached) = (chain, record),
            None => log.write(&head(instance), link(Id::default(), &format!("{HEAD} {instance}")))?,
        }
        match instance_of(&log.file).map_err(at(path))? {
            Some(found) if found == instance => Ok(log),
            _ => Err(Error::Draws(format!("{} is the draw log of another database", path.display()))),
        }
    }

    /// On disk when this returns.
    pub fn append(&mut self, record: &Record) -> Result<(), Error> {
        let body = record.body();
        let chain = link(self.chain, &body);
        self.write(&format!("{body} {chain}\n"), chain)?;
        self.reached = record.reached;
        Ok(())
    }

    fn write(&mut self, line: &str, chain: Id) -> Result<(), Error> {
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()).map_err(at(&self.path))?;
        self.chain = chain;
        Ok(())
    }

    /// Adds a line if something lasts, or if the last line was long ago.
    fn add(&mut self, record: &Record) -> Result<(), Error> {
        if record.lasting.is_empty() && record.reached.seq < self.reached.seq + APART {
            return Ok(());
        }
        self.append(record)
    }

    /// Adds what the journal has behind a place.
    pub fn follow(&mut self, store: &impl Store, after: u64, epoch: u64) -> Result<(), Error> {
        let mut after = after;
        loop {
            let page = journal::after(store, after, 1000)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = *last;
            for seq in page {
                let Some(entry) = journal::entry(store, seq)? else { continue };
                self.add(&Record { reached: Reached { epoch, seq }, at: entry.at, lasting: entry.lasting() })?;
            }
        }
    }

    /// Makes good what is missing at the end of the log, up to where the books go; an older file goes less far.
    pub fn complete(&mut self, store: &impl Store, epoch: u64, mark: Mark) -> Result<(), Error> {
        let books = Reached { epoch, seq: mark.seq };
        if self.reached > books {
            return Err(Error::Old { path: self.path.display().to_string() });
        }
        self.follow(store, self.reached.seq, epoch)?;
        if self.reached.seq < mark.seq {
            // The next start need not read this again.
            self.append(&Record { reached: books, at: mark.at, lasting: Lasting::default() })?;
        }
        Ok(())
    }
}

/// The log with the life of the books in which it is written.
pub struct Draws {
    pub log: Log,
    pub epoch: u64,
}

impl Draws {
    /// Adds what lasts of one commit, before anybody is told of it.
    pub fn add(&mut self, mark: Mark, lasting: Lasting) -> Result<(), Error> {
        let reached = Reached { epoch: self.epoch, seq: mark.seq };
        self.log.add(&Record { reached, at: mark.at, lasting })
    }
}

/// Opens a log that nobody else has open, or an empty one.
pub fn lock(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(at(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}

fn instance_of(file: &File) -> std::io::Result<Option<Id>> {
    let mut bytes = vec![0; head(Id::default()).len() - 1];
    file.read_exact_at(&mut bytes, 0)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let known = chain_of(&text).filter(|(body, chain)| link(Id::default(), body) == *chain);
    Ok(known.and_then(|(body, _)| Id::parse(body.strip_prefix(HEAD)?.trim_start())))
}

/// The last lines of a log, so that opening one takes no longer than the day it began.
struct End {
    /// Whole lines, and last of all what follows the last line feed.
    lines: Vec<Vec<u8>>,
    /// Whether the first of them is the first of the file.
    is_all: bool,
    len: u64,
}

struct Whole {
    len: u64,
    /// None where there is not even a head.
    last: Option<(Reached, Id)>,
}

impl End {
    /// Lines that are looked at: the last, the one whose hash it holds, and one for the case that the last was torn.
    const LINES: usize = 3;

    fn read(file: &File) -> std::io::Result<End> {
        let len = file.metadata()?.len();
        let mut window = 16 << 10;
        loop {
            let from = len.saturating_sub(window);
            let mut bytes = vec![0; (len - from) as usize];
            file.read_exact_at(&mut bytes, from)?;
            let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if from == 0 {
                return Ok(End { lines, is_all: true, len });
            }
            // The first of them is the rest of a line.
            if lines.len() > End::LINES + 1 {
                lines.remove(0);
                return Ok(End { lines, is_all: false, len });
            }
            window *= 8;
        }
    }

    /// What is good, where at most the last line is not.
    fn whole(&self) -> Option<Whole> {
        let (rest, lines) = self.lines.split_last()?;
        let is_torn = !rest.is_empty() || (!lines.is_empty() && self.last(lines).is_none());
        let kept = if rest.is_empty() && is_torn { &lines[..lines.len() - 1] } else { lines };
        let cut: usize = self.lines[kept.len()..].iter().map(|line| line.len() + 1).sum::<usize>() - 1;
        let len = self.len - cut as u64;
        match kept {
            [] if self.is_all => Some(Whole { len: 0, last: None }),
            kept => Some(Whole { len, last: Some(self.last(kept)?) }),
        }
    }

    /// How far these lines go, if the last of them holds to the one before it.
    fn last(&self, lines: &[Vec<u8>]) -> Option<(Reached, Id)> {
        let text = |line: &Vec<u8>| std::str::from_utf8(line).ok().map(str::to_owned);
        let (last, before) = lines.split_last()?;
        let last = text(last)?;
        let (body, chain) = chain_of(&last)?;
        let Some(before) = before.last() else {
            let is_head = self.is_all && body.starts_with(HEAD) && link(Id::default(), body) == chain;
            return is_head.then_some((Reached::default(), chain));
        };
        let before = text(before)?;
        let (_, linked) = chain_of(&before)?;
        (link(linked, body) == chain).then_some((Record::parse(body)?.reached, chain))
    }
}

/// A log as it was found, from its first line on.
pub struct Reading {
    pub instance: Option<Id>,
    pub records: Vec<Record>,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Whole,
    /// The last line is not whole.
    Torn,
    /// What follows is not what was written.
    Damaged,
}

impl Reading {
    pub fn codes(&self) -> impl Iterator<Item = &Handed> {
        self.records.iter().flat_map(|record| &record.lasting.codes)
    }
    pub fn reached(&self) -> Reached {
        self.records.iter().map(|record| record.reached).max().unwrap_or_default()
    }
}

/// Reads a log as far as it is good.
pub fn read(path: &Path) -> Result<Reading, Error> {
    let mut records = Vec::new();
    let (instance, state) = walk(path, |record| records.push(record))?;
    Ok(Reading { instance, records, state })
}

/// What a log has behind a place, as far as it is good.
pub fn since(path: &Path, reached: Reached) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    walk(path, |record| records.extend((record.reached > reached).then_some(record)))?;
    Ok(records)
}

fn walk(path: &Path, mut each: impl FnMut(Record)) -> Result<(Option<Id>, State), Error> {
    let mut lines = BufReader::new(File::open(path).map_err(at(path))?);
    let (mut instance, mut chain, mut line) = (None, Id::default(), Vec::new());
    while lines.read_until(b'\n', &mut line).map_err(at(path))? > 0 {
        match Line::read(&line, chain) {
            Some((Line::Head(of), link)) => (instance, chain) = (Some(of), link),
            Some((Line::Record(record), link)) => {
                each(record);
                chain = link;
            }
            None => {
                let is_last = lines.fill_buf().map_err(at(path))?.is_empty();
                return Ok((instance, if is_last { State::Torn } else { State::Damaged }));
            }
        }
        line.clear();
    }
    Ok((instance, State::Whole))
}

enum Line {
    Head(Id),
    Record(Record),
}

impl Line {
    /// The line, and what the next one holds to.
    fn read(line: &[u8], chain: Id) -> Option<(Line, Id)> {
        let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
        let (body, linked) = chain_of(line)?;
        let line = match body.strip_prefix(HEAD) {
            Some(instance) => Line::Head(Id::parse(instance.trim_start())?),
            None => Line::Record(Record::parse(body)?),
        };
        (link(chain, body) == linked).then_some((line, linked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample::{NOON, person};
    use crate::ledger::tests::folder::Folder;

    fn record(seq: u64, codes: u8) -> Record {
        let handed = |n| Handed {
            text: CodeText::parse(&format!("CODE{seq}X{n}")).unwrap(),
            campaign: "friends".into(),
            batch: Id([9; 16]),
            expires_at: NOON,
            to: person(n),
            at: NOON,
        };
        let forgotten = match seq {
            3 => vec![Forgotten::User(person(3)), Forgotten::Partner(Id([8; 16]))],
            _ => Vec::new(),
        };
        let lasting = Lasting { codes: (0..codes).map(handed).collect(), forgotten };
        Record { reached: Reached { epoch: 1, seq }, at: NOON, lasting }
    }

    const OWN: Id = Id([7; 16]);

    /// A log of a few lines, the last of them longer than what is read of an end at first.
    fn written(folder: &Folder, last: u8) -> PathBuf {
        let path = folder.path("alma.draws");
        let mut log = Log::open(&path, OWN).unwrap();
        for (seq, codes) in [(1, 0), (2, 1), (3, 2), (4, last)] {
            log.append(&record(seq, codes)).unwrap();
        }
        path
    }

    #[test]
    fn what_is_appended_is_read() {
        for last in [1, 200] {
            let folder = Folder::new();
            let path = written(&folder, last);
            let reading = read(&path).unwrap();
            assert_eq!((reading.instance, reading.state), (Some(OWN), State::Whole));
            assert_eq!(reading.records, [record(1, 0), record(2, 1), record(3, 2), record(4, last)]);
            assert_eq!(Log::open(&path, OWN).unwrap().reached, Reached { epoch: 1, seq: 4 });
        }
    }

    #[test]
    fn a_start_never_has_much_to_read_again() {
        let folder = Folder::new();
        let path = folder.path("alma.draws");
        let mut log = Log::open(&path, OWN).unwrap();
        for seq in 1..=2_500 {
            log.add(&record(seq, u8::from(seq == 1_200))).unwrap();
        }
        let lines: Vec<u64> = read(&path).unwrap().records.iter().map(|record| record.reached.seq).collect();
        assert_eq!(lines, [3, 1_003, 1_200, 2_200]);
    }

    #[test]
    fn one_process_has_it() {
        let folder = Folder::new();
        let path = written(&folder, 1);
        let open = Log::open(&path, OWN).unwrap();
        assert!(matches!(Log::open(&path, OWN), Err(Error::InUse { .. })));
        drop(open);
        assert!(matches!(Log::open(&path, Id([8; 16])), Err(Error::Draws(_))));
    }

    #[test]
    fn wherever_the_last_line_is_cut_only_it_is_lost() {
        let folder = Folder::new();
        let whole = std::fs::read(written(&folder, 2)).unwrap();
        let lines: Vec<usize> =
            whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|at| at.0 + 1).collect();
        let path = folder.path("cut.draws");
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let left = lines.iter().filter(|end| **end <= cut).count();
            let mut log = Log::open(&path, OWN).unwrap();
            assert_eq!(log.reached.seq, left.saturating_sub(1) as u64, "cut at {cut}");
            log.append(&record(9, 1)).unwrap();
            drop(log);
            let reading = read(&path).unwrap();
            assert_eq!(
                (reading.state, reading.records.len()),
                (State::Whole, left.saturating_sub(1) + 1),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_changed_byte_is_found() {
        let folder = Folder::new();
        let whole = std::fs::read(written(&folder, 2)).unwrap();
        let path = folder.path("changed.draws");
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            // A line feed that is none joins the last two lines.
            let expected = if at + 1 < last { State::Damaged } else { State::Torn };
            assert_eq!(read(&path).unwrap().state, expected, "byte {at}");
        }
        // Two bad lines are no torn end.
        let mut changed = whole;
        changed.truncate(last + 5);
        changed[last - 5] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(matches!(Log::open(&path, OWN), Err(Error::Draws(_))));
    }
}
