//! A database file that is looked at and stays as it is: what the database would write to it is kept in memory. A
//! backup that was verified has the same checksum afterwards.

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard};

const PAGE: u64 = 4096;

#[derive(Debug)]
pub struct Look {
    file: File,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    len: u64,
    /// How much of the file still counts.
    left: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE as usize]>>,
}

impl Look {
    pub fn at(file: File) -> io::Result<Look> {
        let len = file.metadata()?.len();
        Ok(Look { file, over: Mutex::new(Over { len, left: len, pages: BTreeMap::new() }) })
    }

    fn over(&self) -> MutexGuard<'_, Over> {
        self.over.lock().expect("no panic holds this lock")
    }
}

impl Over {
    fn page(&mut self, file: &File, n: u64) -> io::Result<&mut [u8; PAGE as usize]> {
        use std::collections::btree_map::Entry;
        match self.pages.entry(n) {
            Entry::Occupied(page) => Ok(page.into_mut()),
            Entry::Vacant(place) => {
                let mut page = Box::new([0; PAGE as usize]);
                let there = self.left.saturating_sub(n * PAGE).min(PAGE) as usize;
                file.read_exact_at(&mut page[..there], n * PAGE)?;
                Ok(place.insert(page))
            }
        }
    }
}

impl StorageBackend for Look {
    fn len(&self) -> io::Result<u64> {
        Ok(self.over().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.over();
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= over.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let there = over.left.saturating_sub(offset).min(out.len() as u64) as usize;
        self.file.read_exact_at(&mut out[..there], offset)?;
        out[there..].fill(0);
        for (n, page) in over.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let (from, to) = (offset.max(n * PAGE), end.min((n + 1) * PAGE));
            let source = &page[(from - n * PAGE) as usize..(to - n * PAGE) as usize];
            out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(source);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut over = self.over();
        if len < over.len {
            over.left = over.left.min(len);
            over.pages.retain(|n, _| n * PAGE < len);
            if let Some(page) = over.pages.get_mut(&(len / PAGE)) {
                page[(len % PAGE) as usize..].fill(0);
            }
        }
        over.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        let mut over = self.over();
        over.len = over.len.max(offset + data.len() as u64);
        let mut at = offset;
        while !data.is_empty() {
            let within = (at % PAGE) as usize;
            let (here, rest) = data.split_at(data.len().min(PAGE as usize - within));
            over.page(&self.file, at / PAGE)?[within..within + here.len()].copy_from_slice(here);
            (at, data) = (at + here.len() as u64, rest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::folder::Folder;

    #[test]
    fn it_reads_as_if_it_were_written() {
        let folder = Folder::new();
        let path = folder.path("file");
        let mut model: Vec<u8> = (0..20_000_u32).map(|n| n as u8).collect();
        std::fs::write(&path, &model).unwrap();
        let look = Look::at(File::open(&path).unwrap()).unwrap();
        // (a new length, or where to write how much)
        let steps: &[(Option<u64>, u64, usize)] = &[
            (None, 0, 10),
            (None, 4_090, 20),
            (None, 8_192, 4_096),
            (Some(9_000), 0, 0),
            (Some(30_000), 0, 0),
            (None, 29_000, 1_000),
            (Some(5), 0, 0),
            (Some(12_000), 0, 0),
            (None, 11_999, 3),
        ];
        for (step, (len, at, size)) in steps.iter().enumerate() {
            if let Some(len) = len {
                look.set_len(*len).unwrap();
                model.resize(*len as usize, 0);
            } else {
                let data = vec![200 + step as u8; *size];
                look.write(*at, &data).unwrap();
                model.resize(model.len().max(*at as usize + size), 0);
                model[*at as usize..][..*size].copy_from_slice(&data);
            }
            let mut all = vec![7; model.len()];
            look.read(0, &mut all).unwrap();
            assert!(all == model && look.len().unwrap() == model.len() as u64, "step {step}");
            assert!(look.read(1, &mut all).is_err(), "nothing is behind the end");
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 20_000);
    }
}
