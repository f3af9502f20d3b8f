//! The units as systemd itself reads them.

use crate::support::folder::Folder;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_referd");
/// Tenths: what is exposed when systemd holds the port, and when referd opens it.
const WITH_SOCKET: u32 = 11;
const WITHOUT_SOCKET: u32 = 14;

/// The units in a folder, with the program where it is.
fn units() -> Folder {
    let (folder, from) = (Folder::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd"));
    for name in ["referd.service", "referd.socket", "referd.sysusers"] {
        let text = std::fs::read_to_string(from.join(name)).expect("it is there");
        std::fs::write(folder.path().join(name), text.replace("/usr/bin/referd", PROGRAM)).expect("it can be written");
    }
    folder
}

/// What a tool of systemd says in the folder; none where there is no such tool.
fn says(tool: &str, folder: &Folder, words: &[&str]) -> Option<Output> {
    if Command::new(tool).arg("--version").output().is_err() {
        // Past the test's own output, which nobody sees where the test passes.
        drop(writeln!(stderr(), "SKIPPED: no {tool} on this machine, so the units are not looked at"));
        return None;
    }
    Some(Command::new(tool).args(words).current_dir(folder.path()).output().expect("it can be started"))
}

fn shown(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let folder = units();
    let verify = ["verify", "--man=no", "./referd.service", "./referd.socket"];
    let Some(out) = says("systemd-analyze", &folder, &verify) else { return };
    assert_eq!(shown(&out), "");

    // It ends with 0 whatever it finds, so its silence must be worth something.
    let unit = folder.path().join("referd.service");
    let text = std::fs::read_to_string(&unit).expect("it is there");
    std::fs::write(&unit, text.replace("ProtectHome=", "ProtectHouse=")).expect("it can be written");
    let said = shown(&says("systemd-analyze", &folder, &verify).expect("it was there"));
    assert!(said.contains("ProtectHouse"), "{said}");
}

#[test]
fn little_is_exposed() {
    let folder = units();
    let exposed = |most: u32| {
        let threshold = format!("--threshold={most}");
        let out = says("systemd-analyze", &folder, &["security", "--offline=yes", &threshold, "./referd.service"]);
        out.map(|out| (out.status.success(), shown(&out)))
    };
    let Some((is_good, said)) = exposed(WITH_SOCKET) else { return };
    assert!(is_good, "{said}");

    let drop_ins = folder.path().join("referd.service.d");
    std::fs::create_dir(&drop_ins).expect("it can be made");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/without-socket.conf");
    std::fs::copy(own, drop_ins.join("without-socket.conf")).expect("it can be copied");
    let (is_good, said) = exposed(WITHOUT_SOCKET).expect("it was there");
    assert!(is_good, "{said}");
    assert!(exposed(WITH_SOCKET).is_some_and(|(is_good, _)| !is_good), "the drop-in is read");
}

#[test]
fn the_user_is_made() {
    let folder = units();
    let places = folder.path().join("usr/lib/sysusers.d");
    for path in [&places, &folder.path().join("etc")] {
        std::fs::create_dir_all(path).expect("it can be made");
    }
    std::fs::rename(folder.path().join("referd.sysusers"), places.join("referd.conf")).expect("it can be moved");
    let root = format!("--root={}", folder.path().display());
    let Some(out) = says("systemd-sysusers", &folder, &[&root, "referd.conf"]) else { return };
    assert!(out.status.success(), "{}", shown(&out));
    let users = std::fs::read_to_string(folder.path().join("etc/passwd")).expect("it was made");
    let user = users.lines().find(|line| line.starts_with("referd:")).expect("the user is there");
    assert!(user.ends_with(":/var/lib/referd:/usr/sbin/nologin"), "{user}");
}
