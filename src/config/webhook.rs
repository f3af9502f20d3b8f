//! Who is told of events.

use super::section::{Section, entry, note};
use super::url::{Target, target};
use super::{Secret, Webhook};
use crate::domain::event::WORDS;
use crate::domain::webhook::covers;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const MOST: usize = 8;

pub(super) fn webhooks(s: &mut Section<'_>, private: bool) -> Vec<Webhook> {
    let sections = s.list("webhooks");
    if sections.len() > MOST {
        s.wrong("webhooks", format!("has {} entries", sections.len()), format!("name at most {MOST}"));
    }
    let mut seen: Vec<Target> = Vec::new();
    sections.into_iter().map(|section| webhook(section, private, &mut seen)).collect()
}

fn webhook(mut s: Section<'_>, private: bool, seen: &mut Vec<Target>) -> Webhook {
    let url = s.needed_text("url", "where the events are sent to");
    match target(&url, private) {
        Err(_) if url.is_empty() => {}
        Err((what, remedy)) => s.wrong("url", what, remedy),
        Ok(new) if seen.contains(&new) => s.wrong("url", "is there already", "write each once"),
        Ok(new) => seen.push(new),
    }
    let secret = s.needed_secret("secret", 0);
    let previous = s.secret("previous_secret", 0);
    for (key, secret) in [("secret", Some(&secret)), ("previous_secret", previous.as_ref())] {
        if secret.is_some_and(|secret| !secret.expose().is_empty() && !is_signing_secret(secret)) {
            let what = "is no signing secret: whsec_ and the base64 of 24 to 64 bytes";
            s.wrong(key, what, "make one with `referd token --webhook`");
        }
    }
    let events = s.texts("events");
    for (place, wish) in events.iter().enumerate().filter(|(_, wish)| !wish.trim().is_empty()) {
        if !WORDS.iter().any(|word| covers(wish, word)) {
            let near = WORDS.iter().min_by_key(|word| strsim::damerau_levenshtein(word, wish)).unwrap_or(&"");
            note(
                s.context,
                entry(&s.key("events"), place),
                "is no event",
                format!("the nearest one is {near}; a family is written as payout.*"),
            );
        }
    }
    Webhook { url, secrets: [Some(secret), previous].into_iter().flatten().collect(), events }
}

/// Standard Webhooks 1.0.
fn is_signing_secret(secret: &Secret) -> bool {
    let text = secret.expose().strip_prefix("whsec_").unwrap_or(secret.expose());
    STANDARD.decode(text).is_ok_and(|key| (24..=64).contains(&key.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{BASE, keys, loaded};

    const TABLE: &str = "[[apps.alma.notifications.webhooks]]";
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read(lines: &str) -> Vec<Webhook> {
        loaded(&format!("{BASE}{TABLE}\n{lines}\n"), &[]).expect(lines).apps.remove(0).notifications.webhooks
    }

    #[test]
    fn webhooks_are_read() {
        let webhook = |secrets: &[&str], events: &[&str]| Webhook {
            url: "https://b.example/referd".to_owned(),
            secrets: secrets.iter().copied().map(Secret::new).collect(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
        };
        let url = "url = \"https://b.example/referd\"\n";
        for (lines, expected) in [
            (format!("secret = \"{SECRET}\""), webhook(&[SECRET], &[])),
            (format!("secret = \"{}\"", &SECRET[6..]), webhook(&[&SECRET[6..]], &[])),
            (
                format!("secret = \"{SECRET}\"\nprevious_secret = \"{OTHER}\"\nevents = [\"pool.low\", \"payout.*\"]"),
                webhook(&[SECRET, OTHER], &["pool.low", "payout.*"]),
            ),
        ] {
            assert_eq!(read(&format!("{url}{lines}")), [expected], "{lines}");
        }
    }

    #[test]
    fn faults_of_webhooks() {
        let (secret, url) = (format!("secret = \"{SECRET}\"\n"), "url = \"https://b.example/referd\"\n");
        let again = format!("{url}{secret}{TABLE}\n{secret}url = \"https://B.example/referd\"");
        for (lines, faults) in [
            (secret.clone(), &["[0].url"][..]),
            (url.to_owned(), &["[0].secret"]),
            (format!("{url}secret = \"hush-hush\""), &["[0].secret"]),
            (format!("{url}secret = \"whsec_AAAA\""), &["[0].secret"]),
            (format!("{url}{secret}previous_secret = \"whsec_AAAA\""), &["[0].previous_secret"]),
            (format!("{secret}url = \"http://b.example\""), &["[0].url"]),
            (format!("{secret}url = \"https://127.0.0.1\""), &["[0].url"]),
            (
                format!("{url}{secret}events = [\"pool.lwo\", \"pool.low\", \"pool\"]"),
                &["[0].events[0]", "[0].events[2]"],
            ),
            (format!("{url}{secret}events = [\"*\"]"), &["[0].events[0]"]),
            (format!("{url}{secret}event = []"), &["[0].event"]),
            (again, &["[1].url"]),
        ] {
            let expected: Vec<_> = faults.iter().map(|key| format!("apps.alma.notifications.webhooks{key}")).collect();
            assert_eq!(keys(loaded(&format!("{BASE}{TABLE}\n{lines}\n"), &[])), expected, "{lines}");
        }
    }
}
