//! A disk in memory that remembers what was done to it, what a power cut may leave of it, and calls
//! that fail.

use super::rng::Rng;
use redb::StorageBackend;
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

const PAGE: usize = 4096;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The bytes of a disk. Pages are shared, so that a thousand images cost what differs between them.
#[derive(Clone, Default, PartialEq)]
pub struct Image {
    pages: Vec<Arc<[u8; PAGE]>>,
    len: usize,
}

impl Image {
    pub fn len(&self) -> usize {
        self.len
    }
    fn set_len(&mut self, len: usize) {
        self.pages.resize_with(len.div_ceil(PAGE), || Arc::new([0; PAGE]));
        if let Some(last) = self.pages.last_mut().filter(|_| len < self.len && !len.is_multiple_of(PAGE)) {
            Arc::make_mut(last)[len % PAGE..].fill(0);
        }
        self.len = len;
    }

    fn read(&self, offset: usize, mut out: &mut [u8]) -> io::Result<()> {
        if offset + out.len() > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = offset;
        while !out.is_empty() {
            let (here, rest) = out.split_at_mut(out.len().min(PAGE - at % PAGE));
            here.copy_from_slice(&self.pages[at / PAGE][at % PAGE..][..here.len()]);
            (at, out) = (at + here.len(), rest);
        }
        Ok(())
    }

    fn write(&mut self, offset: usize, mut data: &[u8]) {
        if offset + data.len() > self.len {
            self.set_len(offset + data.len());
        }
        let mut at = offset;
        while !data.is_empty() {
            let (here, rest) = data.split_at(data.len().min(PAGE - at % PAGE));
            Arc::make_mut(&mut self.pages[at / PAGE])[at % PAGE..][..here.len()].copy_from_slice(here);
            (at, data) = (at + here.len(), rest);
        }
    }
}

enum Op {
    Write { offset: usize, data: Box<[u8]> },
    SetLen(usize),
    Sync,
}

/// What a cut leaves of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// As after `kill -9`: the system writes the rest.
    All,
    /// All in order, the last write up to some sector.
    Torn,
    /// Each sector in any of its versions.
    Sectors,
    /// Each page in any of its versions.
    Pages,
    HeaderOnly,
    AllButHeader,
}

impl Left {
    pub const ALL: [Left; 7] =
        [Left::Nothing, Left::All, Left::Torn, Left::Sectors, Left::Pages, Left::HeaderOnly, Left::AllButHeader];
}

/// What was done to a disk, in order.
#[derive(Default)]
pub struct Tape {
    ops: Vec<Op>,
    /// How many operations were done at each sync, and what was certain from then on.
    certain: Vec<(usize, Image)>,
}

impl Tape {
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// The disk after a power cut behind the first `cut` operations.
    pub fn image(&self, cut: usize, left: Left, rng: &mut Rng) -> Image {
        let (from, certain) = &self.certain[self.last_sync(cut)];
        let open = &self.ops[*from..cut];
        let mut horizons = Horizons { of: HashMap::new(), writes: open.len(), rng };
        let old_len = certain.len;
        let mut image = certain.clone();
        let mut len = old_len;
        let is_len_new = !matches!(left, Left::Nothing);
        let len_until = match left {
            Left::Nothing => 0,
            Left::All | Left::Torn => open.len(),
            _ => horizons.of_part(None),
        };
        for (n, op) in open.iter().enumerate() {
            match op {
                Op::SetLen(new) if is_len_new && n < len_until => len = *new,
                Op::SetLen(_) | Op::Sync => {}
                Op::Write { offset, data } => {
                    let is_last = n + 1 == open.len();
                    keep(&mut image, *offset, data, left, n, is_last, &mut horizons);
                }
            }
        }
        image.set_len(len);
        image
    }

    /// The disk at the cut, all synced, but for one write after the place `from`: a disk that lies. None
    /// where that write makes no difference.
    pub fn image_without_a_write(&self, from: usize, cut: usize, rng: &mut Rng) -> Option<Image> {
        let (start, certain) = &self.certain[self.last_sync(from)];
        let is_write = |n: &usize| matches!(self.ops[*n], Op::Write { .. });
        let dropped = *rng.pick(&(from..cut).filter(is_write).collect::<Vec<usize>>())?;
        let (mut whole, mut less) = (certain.clone(), certain.clone());
        for (n, op) in (*start..).zip(&self.ops[*start..cut]) {
            for image in [&mut whole, &mut less].into_iter().take(if n == dropped { 1 } else { 2 }) {
                match op {
                    Op::Write { offset, data } => image.write(*offset, data),
                    Op::SetLen(len) => image.set_len(*len),
                    Op::Sync => {}
                }
            }
        }
        (whole != less).then_some(less)
    }

    fn last_sync(&self, cut: usize) -> usize {
        self.certain.partition_point(|(at, _)| *at <= cut) - 1
    }
}

/// Writes what is left of one write.
fn keep(
    image: &mut Image,
    offset: usize,
    data: &[u8],
    left: Left,
    n: usize,
    is_last: bool,
    horizons: &mut Horizons<'_>,
) {
    let is_header = offset < PAGE;
    match left {
        Left::Nothing => {}
        Left::All => image.write(offset, data),
        Left::Torn if is_last => {
            let sectors = horizons.rng.below(data.len().div_ceil(SECTOR));
            image.write(offset, &data[..(sectors * SECTOR).min(data.len())]);
        }
        Left::Torn => image.write(offset, data),
        Left::Sectors | Left::Pages => {
            let unit = if left == Left::Sectors { SECTOR } else { PAGE };
            let (mut at, mut rest) = (offset, data);
            while !rest.is_empty() {
                let (here, after) = rest.split_at(rest.len().min(unit - at % unit));
                if n < horizons.of_part(Some(at / unit)) {
                    image.write(at, here);
                }
                (at, rest) = (at + here.len(), after);
            }
        }
        Left::HeaderOnly if is_header => image.write(offset, data),
        Left::AllButHeader if !is_header => image.write(offset, data),
        Left::HeaderOnly | Left::AllButHeader => {}
    }
}

/// For each part of the disk, how many of the open writes reached it: none, all, or some.
struct Horizons<'a> {
    of: HashMap<Option<usize>, usize>,
    writes: usize,
    rng: &'a mut Rng,
}

impl Horizons<'_> {
    /// None is the file's length.
    fn of_part(&mut self, part: Option<usize>) -> usize {
        let (writes, rng) = (self.writes, &mut *self.rng);
        *self.of.entry(part).or_insert_with(|| match rng.below(3) {
            0 => 0,
            1 => writes,
            _ => rng.below(writes + 1),
        })
    }
}

/// Calls that fail: the one numbered `from`, or all from it on.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub from: usize,
    pub error: Errno,
    pub is_once: bool,
}

#[derive(Default)]
struct State {
    now: Image,
    tape: Tape,
    calls: usize,
    fault: Option<Fault>,
}

/// The disk itself. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub fn over(image: Image) -> Disk {
        let tape = Tape { ops: Vec::new(), certain: vec![(0, image.clone())] };
        Disk(Arc::new(Mutex::new(State { now: image, tape, ..State::default() })))
    }
    pub fn fail(&self, fault: Fault) {
        self.state().fault = Some(fault);
    }
    /// Calls so far, those that left no trace too.
    pub fn calls(&self) -> usize {
        self.state().calls
    }
    /// Operations so far: a place on the tape.
    pub fn place(&self) -> usize {
        self.state().tape.len()
    }
    pub fn now(&self) -> Image {
        self.state().now.clone()
    }
    pub fn take_tape(&self) -> Tape {
        std::mem::take(&mut self.state().tape)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic holds this lock")
    }
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let n = state.calls;
        state.calls += 1;
        match state.fault {
            Some(fault) if n == fault.from || (n > fault.from && !fault.is_once) => Err(fault.error.into()),
            _ => Ok(state),
        }
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.call()?.now.len as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.call()?.now.read(offset as usize, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.call()?;
        state.now.set_len(len as usize);
        state.tape.ops.push(Op::SetLen(len as usize));
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.call()?;
        state.tape.ops.push(Op::Sync);
        let certain = (state.tape.ops.len(), state.now.clone());
        state.tape.certain.push(certain);
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.call()?;
        state.now.write(offset as usize, data);
        state.tape.ops.push(Op::Write { offset: offset as usize, data: data.into() });
        Ok(())
    }
}
