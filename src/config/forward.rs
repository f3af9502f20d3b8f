//! Where copies of Apple's notifications go.

use super::section::{Section, entry, note};
use super::url::{Target, target};

const MOST: usize = 16;

/// The URLs as they are written. `own` is where this app's routes start.
pub(super) fn forwards(s: &mut Section<'_>, own: Option<&str>, private: bool) -> Vec<String> {
    let urls = s.texts("forward_to");
    if urls.len() > MOST {
        s.wrong("forward_to", format!("has {} entries", urls.len()), format!("name at most {MOST}"));
    }
    let own = own.and_then(|own| target(own, true).ok());
    let mut seen: Vec<Target> = Vec::new();
    for (place, url) in urls.iter().enumerate().filter(|(_, url)| !url.trim().is_empty()) {
        let fault = match target(url, private) {
            Err(fault) => fault,
            Ok(new) if own.as_ref().is_some_and(|own| new.is_within(own)) => {
                ("is this app's own: its notifications would go round for ever", "name another service")
            }
            Ok(new) if seen.contains(&new) => ("is there already", "write each once"),
            Ok(new) => {
                seen.push(new);
                continue;
            }
        };
        note(s.context, entry(&s.key("forward_to"), place), fault.0, fault.1);
    }
    urls
}

#[cfg(test)]
mod tests {
    use crate::config::Notifications;
    use crate::config::tests::{BASE, keys, loaded};

    const TABLE: &str = "apps.alma.notifications";
    const PRIVATE: &str = "allow_private_forwards = true\n";

    fn with(lines: &str) -> String {
        format!("{BASE}[{TABLE}]\n{lines}\n")
    }

    fn read(toml: &str, env: &[(&str, &str)]) -> Notifications {
        loaded(toml, env).expect(toml).apps.remove(0).notifications
    }

    fn expected(urls: &[&str], allow_private_forwards: bool) -> Notifications {
        let forward_to = urls.iter().map(|url| (*url).to_owned()).collect();
        Notifications { max_age_days: 8, forward_to, allow_private_forwards, webhooks: Vec::new() }
    }

    #[test]
    fn forwards_are_read() {
        assert_eq!(read(BASE, &[]), expected(&[], false));
        assert_eq!(read(&with("forward_to = []"), &[]), expected(&[], false));
        assert_eq!(read(&with("allow_private_forwards = false"), &[]), expected(&[], false));
        assert_eq!(read(&with(PRIVATE), &[]), expected(&[], true));
        let two = ["https://backend.example.com/apple/?a=b", "https://backend.example.com/apple"];
        assert_eq!(read(&with(&format!("forward_to = {two:?}")), &[]), expected(&two, false));
        let near = ["http://127.0.0.1:9000/apple", "http://backend:9000", "https://10.0.0.1"];
        assert_eq!(read(&with(&format!("{PRIVATE}forward_to = {near:?}")), &[]), expected(&near, true));
        let set =
            |name: &str, value: &str| read(BASE, &[(&format!("REFERD__APPS__ALMA__NOTIFICATIONS__{name}"), value)]);
        assert_eq!(set("FORWARD_TO", &format!("{two:?}")), expected(&two, false));
        assert_eq!(set("ALLOW_PRIVATE_FORWARDS", "true"), expected(&[], true));
    }

    #[test]
    fn faults_of_forwards() {
        let urls = |count: usize| (0..count).map(|n| format!("https://b.example/{n}")).collect::<Vec<_>>();
        let (most, more) = (format!("forward_to = {:?}", urls(16)), format!("forward_to = {:?}", urls(17)));
        let two = format!("{PRIVATE}forward_to = [\"http://8.8.8.8\", \"http://10.0.0.1\", \"x\"]");
        for (lines, faults) in [
            (most.as_str(), &[][..]),
            (&more, &["forward_to"]),
            ("forward_to = \"https://b.example\"", &["forward_to"]),
            ("forward_to = [\"\"]", &["forward_to"]),
            ("forward_to = [\"http://b.example\"]", &["forward_to[0]"]),
            ("forward_to = [\"https://b.example\", \"https://127.0.0.1\"]", &["forward_to[1]"]),
            ("forward_to = [\"https://user:hush-hush@b.example\"]", &["forward_to[0]"]),
            ("forward_to = [\"https://b.example/?hush-hush#x\"]", &["forward_to[0]"]),
            ("forward_to = [\"https://b.example\", \"https://c.example\", \"https://B.example/\"]", &["forward_to[2]"]),
            (&two, &["forward_to[0]", "forward_to[2]"]),
            ("allow_private_forwards = \"yes\"", &["allow_private_forwards"]),
        ] {
            let expected: Vec<_> = faults.iter().map(|key| format!("{TABLE}.{key}")).collect();
            assert_eq!(keys(loaded(&with(lines), &[])), expected, "{lines}");
        }
    }

    #[test]
    fn nothing_is_forwarded_to_itself() {
        for (path, url, good) in [
            ("", "https://refer.example.com", false),
            ("", "https://REFER.example.com:443/v1/apple/notifications?x", false),
            ("", "https://refer.example.com:8443", true),
            ("", "https://example.com", true),
            ("/alma", "https://refer.example.com/alma", false),
            ("/alma", "https://refer.example.com/alma/v1/apple/notifications", false),
            ("/alma", "https://refer.example.com/almanac", true),
            ("/alma", "https://refer.example.com/backend", true),
        ] {
            let text = with(&format!("forward_to = [\"{url}\"]"))
                .replace("[apps.alma]", &format!("[apps.alma]\nbase_path = \"{path}\""));
            let expected = if good { vec![] } else { vec![format!("{TABLE}.forward_to[0]")] };
            assert_eq!(keys(loaded(&text, &[])), expected, "{path} {url}");
        }
        // A file whose own address is not understood has that fault alone.
        let text = with("forward_to = [\"https://b.example\"]").replace("https://refer.example.com/", "nowhere");
        assert_eq!(keys(loaded(&text, &[])), ["server.public_url"]);
    }
}
