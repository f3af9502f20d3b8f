//! `referd demo`, as a newcomer runs it.

use bytes::Bytes;
use hyper::Request;
use referd::fake::client::call;
use std::fs::{create_dir_all, read_dir};
use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);
const STEPS: [&str; 23] = [
    "start",
    "stock",
    "my-code",
    "share page",
    "claim",
    "own code",
    "too early",
    "redemption",
    "twice",
    "forged",
    "no claim",
    "grant",
    "stats",
    "explain",
    "apple only",
    "app shows",
    "false root",
    "missed",
    "healed",
    "moved",
    "refund",
    "taken back",
    "ledger",
];

/// The running demonstration, its lines as they come, and the folder that it may use.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    folder: PathBuf,
}

impl Demo {
    fn start(name: &str, arguments: &[&str]) -> Demo {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        create_dir_all(&folder).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_referd"));
        command.arg("demo").args(arguments).env("TMPDIR", &folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out: Lines<BufReader<ChildStdout>> = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = channel();
        spawn(move || out.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Demo { child, lines, folder }
    }

    /// The lines up to one that is the last, or up to the end.
    fn read_until(&mut self, is_last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut read = Vec::new();
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => {
                    read.push(line);
                    if is_last(&read[read.len() - 1]) {
                        return read;
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return read,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    _ = self.child.kill();
                    panic!("nothing more came after {read:#?}");
                }
            }
        }
    }

    /// How it ended, and that nothing is left of it.
    fn end(mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        let left: Vec<_> = read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        std::fs::remove_dir(&self.folder).unwrap();
        status
    }
}

#[test]
fn every_step_holds() {
    let mut demo = Demo::start("demo", &[]);
    let lines = demo.read_until(|_| false);
    let shown = lines.join("\n");
    assert!(demo.end().success(), "{shown}");

    let marked: Vec<&str> = lines.iter().filter_map(|line| line.split_once('✓').map(|(_, rest)| rest)).collect();
    assert_eq!(marked.len(), STEPS.len(), "{shown}");
    for (line, step) in marked.iter().zip(STEPS) {
        assert!(line.starts_with(&format!(" {step} ")), "{step}: {line}");
    }
    assert!(!shown.contains(['✗', '\u{1b}']), "{shown}");
    assert!(lines.len() <= 66, "more than two screens: {}", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 110), "{shown}");
    for said in [
        "422 self-referral",
        "200 repeated",
        "unattributed",
        "claim+revenuecat",
        "claim+notification",
        "claim+transaction",
        "401 bad-signature",
        "completion reversed",
        "0 faults",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // Keys are base64url of 32 bytes, or PEM; tokens are longer.
    let is_key = |word: &str| word.len() >= 40;
    let of_a_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = |line: &str| line.split(|c| !of_a_key(c)).filter(|word| is_key(word)).map(str::to_owned).collect();
    let keys: Vec<Vec<String>> =
        lines.iter().map(|line| words(line)).filter(|keys: &Vec<_>| !keys.is_empty()).collect();
    assert!(!shown.contains("BEGIN") && keys.is_empty(), "{keys:?}");
}

/// The request that a printed command makes: its options are `-sS`, `-H 'header'` and `-d 'body'` or `-d '@file'`.
fn request(command: &str) -> Request<Bytes> {
    let mut request = Request::builder();
    let (mut body, mut option, mut url, mut post) = (Bytes::new(), "", "", false);
    for (place, part) in command.split('\'').enumerate() {
        match (place % 2, option) {
            (1, "-H") => {
                let (name, value) = part.split_once(": ").unwrap();
                request = request.header(name, value);
            }
            (1, "-d") => {
                let file = part.strip_prefix('@').map(|path| std::fs::read(path).unwrap());
                (body, post) = (file.unwrap_or_else(|| part.as_bytes().to_vec()).into(), true);
            }
            _ => match part.split_whitespace().last() {
                Some(word) if word.starts_with("http://") => url = word,
                Some(word) => option = word,
                None => option = "",
            },
        }
    }
    request.method(if post { "POST" } else { "GET" }).uri(url).body(body).unwrap()
}

#[tokio::test]
async fn served_it_takes_the_printed_commands_until_it_is_told_to_stop() {
    let mut demo = Demo::start("demo-serve", &["--serve"]);
    let lines = demo.read_until(|line| line.contains("/admin/explain/") && line.starts_with("curl "));
    let commands: Vec<&String> = lines.iter().filter(|line| line.starts_with("curl ")).collect();
    let answers = [
        (200, "\"status\":\"pending\""),
        (201, "\"status\":\"pending\""),
        (200, "\"kept\""),
        (200, "\"status\":\"credited\""),
        (200, "\"completions\":{\"credited\":4,\"held\":0,\"reversed\":1}"),
        (200, "\"kept\""),
        (200, "\"status\":\"reversed\""),
        (202, "\"kind\":\"request_test\""),
        (202, "\"kind\":\"catch_up\""),
        (200, "\"caught_up_until\""),
        (200, "\"available\":"),
        (200, "credited (claim+revenuecat"),
    ];
    assert_eq!(commands.len(), answers.len(), "{lines:#?}");
    for (command, (status, holds)) in commands.into_iter().zip(answers) {
        let answer = call(request(command)).await.unwrap();
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{command}: {body}");
        assert!(body.contains(holds), "{command}: {body}");
    }
    let told = Command::new("kill").arg(demo.child.id().to_string()).status().unwrap();
    assert!(told.success());
    demo.read_until(|_| false);
    assert!(demo.end().success());
}
