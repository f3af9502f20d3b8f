//! One who is told of events, and how well they listen. The address may hold a secret, so it stays in the configuration.

use super::at::{At, Span};
use super::event::Event;
use super::id::Id;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub id: Id,
    pub host: String,
    /// The words of events, or of a family with a star; none: all.
    pub events: Vec<String>,
    /// Since when nothing was taken.
    pub failing_since: Option<At>,
    pub disabled: Option<Disabled>,
}

/// It is told nothing until somebody enables it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    pub at: At,
    pub why: String,
}

/// Who takes nothing for so long is asked no more: longer than the attempts for one event last.
const ENDURANCE: Span = Span::days(5);

impl Webhook {
    pub fn id(url: &str) -> Id {
        Id::of("webhook", &[url.as_bytes()])
    }

    pub fn word(&self) -> &'static str {
        match (&self.disabled, self.failing_since) {
            (Some(_), _) => "disabled",
            (None, Some(_)) => "failing",
            (None, None) => "active",
        }
    }

    pub fn wants(&self, event: &Event) -> bool {
        let word = event.word();
        // What is asked for by hand is for everybody.
        *event == Event::Test || self.events.is_empty() || self.events.iter().any(|wish| covers(wish, word))
    }

    /// They took something.
    pub fn heard(self) -> Webhook {
        Webhook { failing_since: None, ..self }
    }

    /// They took nothing.
    pub fn failed(self, now: At) -> Webhook {
        let since = self.failing_since.unwrap_or(now);
        let is_over = now >= since.plus(ENDURANCE);
        let failing = Webhook { failing_since: Some(since), ..self };
        if is_over { failing.disabled(now, "nothing was taken for five days") } else { failing }
    }

    pub fn disabled(self, at: At, why: &str) -> Webhook {
        Webhook { disabled: self.disabled.or(Some(Disabled { at, why: why.to_owned() })), ..self }
    }

    pub fn enabled(self) -> Webhook {
        Webhook { disabled: None, failing_since: None, ..self }
    }
}

/// Whether a wish, a word or a family as `payout.*`, names this word.
pub fn covers(wish: &str, word: &str) -> bool {
    match wish.strip_suffix('*') {
        Some(family) => family.ends_with('.') && word.starts_with(family),
        None => wish == word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(events: &[&str]) -> Webhook {
        Webhook {
            id: Webhook::id("https://backend.example.com/referd"),
            host: "backend.example.com".into(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            failing_since: None,
            disabled: None,
        }
    }

    #[test]
    fn who_wants_what() {
        let granted = Event::Granted { person: crate::domain::sample::person(1), until: At(9), is_less: false };
        for (events, wanted) in [
            (&[][..], true),
            (&["reward.granted"], true),
            (&["pool.low", "reward.granted"], true),
            (&["reward.*"], true),
            (&["reward.extended"], false),
            (&["re*"], false),
            (&["*"], false),
            (&["pool.*"], false),
        ] {
            assert_eq!(webhook(events).wants(&granted), wanted, "{events:?}");
            assert!(webhook(events).wants(&Event::Test), "{events:?}");
        }
    }

    #[test]
    fn who_takes_nothing_for_long_is_disabled() {
        let at = |hours| At(0).plus(Span::hours(hours));
        let one = webhook(&[]).failed(at(0)).failed(at(100));
        assert_eq!((one.word(), one.failing_since), ("failing", Some(at(0))));
        assert_eq!(one.clone().heard().word(), "active");
        assert_eq!(one.clone().heard().failed(at(121)).word(), "failing", "they listened in between");
        let gone = one.clone().failed(at(120));
        assert_eq!((gone.word(), gone.disabled.as_ref().map(|end| end.at)), ("disabled", Some(at(120))));
        assert_eq!(gone.clone().disabled(at(200), "again").disabled, gone.disabled, "the first word holds");
        assert_eq!(gone.enabled(), webhook(&[]));
        assert_eq!(webhook(&[]).disabled(at(1), "answered 410").word(), "disabled");
    }
}
