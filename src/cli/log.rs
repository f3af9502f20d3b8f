//! Where the log goes: text on a terminal, JSON lines otherwise, with their priority before them in systemd's journal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What is said by level, unless `RUST_LOG` says otherwise.
pub fn start(filter: Option<&str>, level: &str) {
    let filter = filter
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(format!("{level},tokio_cron_scheduler=warn")));
    let journal = std::env::var_os("JOURNAL_STREAM").is_some_and(|name| is_journal(&name, io::stderr()));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Out { journal });
    if io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).init();
    }
}

/// Whether systemd's name for its journal, device and inode, is that of this stream: a child may have another.
fn is_journal(name: &OsStr, stream: impl AsFd) -> bool {
    let found = stream.as_fd().try_clone_to_owned().and_then(|own| File::from(own).metadata());
    let found = found.map(|found| format!("{}:{}", found.dev(), found.ino()));
    found.is_ok_and(|found| name == OsStr::new(&found))
}

struct Out {
    journal: bool,
}

impl<'a> MakeWriter<'a> for Out {
    type Writer = Line;
    fn make_writer(&'a self) -> Line {
        Line { priority: None }
    }
    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { priority: self.journal.then(|| priority(*meta.level())) }
    }
}

/// As in sd-daemon(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

struct Line {
    priority: Option<u8>,
}

impl Write for Line {
    /// Line and priority in one, so that no other thread comes between them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut all = self.priority.map(|n| format!("<{n}>").into_bytes()).unwrap_or_default();
        all.extend_from_slice(line);
        io::stderr().lock().write_all(&all)?;
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_known_by_its_stream() {
        let file = File::open("/dev/null").unwrap();
        let stat = file.metadata().unwrap();
        for (name, expected) in [
            (format!("{}:{}", stat.dev(), stat.ino()), true),
            (format!("{}:{}", stat.dev(), stat.ino() + 1), false),
            (String::new(), false),
        ] {
            assert_eq!(is_journal(OsStr::new(&name), &file), expected, "{name}");
        }
    }

    #[test]
    fn priorities() {
        let of = |level| priority(level);
        assert_eq!([Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE].map(of), [3, 4, 6, 7, 7]);
    }
}
