//! One app: who it is, how its calls prove themselves, and the keys to Apple and RevenueCat.

use super::section::{Section, child, is_name, note};
use super::{
    Algorithm, App, AppStoreConnect, AppStoreServer, Auth, DeviceCheck, Fault, Jwt, JwtKey, Notifications, RevenueCat,
    campaign, forward, offer, payout, refund, secret, url, webhook,
};
use std::collections::BTreeMap;

/// What may follow `/admin/` without an app: an app of such a name could not be told from it.
const ROUTES: &[&str] = &[
    "alerts",
    "backup",
    "claims",
    "codes",
    "completions",
    "conversions",
    "explain",
    "export",
    "import",
    "journal",
    "notifications",
    "outbox",
    "partners",
    "payouts",
    "pool",
    "reconciliation",
    "redemptions",
    "refunds",
    "rules",
    "stats",
    "users",
    "verify",
    "webhooks",
    "winback",
    "winbacks",
];

pub(super) fn apps(s: &mut Section<'_>, public_url: Option<&str>) -> Vec<App> {
    s.need("apps", "add [apps.NAME] with the app's bundle_id and apple_id");
    let given = s.has("apps");
    let sections = s.named("apps");
    if given && sections.is_empty() {
        s.wrong("apps", "holds no app", "add [apps.NAME] with the app's bundle_id and apple_id");
    }
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut apps = Vec::new();
    for (name, section) in sections {
        let (context, key) = (section.context, section.key("base_path"));
        if !is_name(&name) {
            note(context, child(&s.key("apps"), &name), "is no name", "use 1 to 32 of a-z, 0-9, _ and -");
        }
        if ROUTES.contains(&name.as_str()) {
            let what = "is a word of the admin routes, which may leave the app out";
            note(context, child(&s.key("apps"), &name), what, "use another name");
        }
        let Some(app) = app(name, section, public_url) else { continue };
        if let Some(other) = taken.insert(app.base_path.clone(), app.name.clone()) {
            note(context, key, format!("is the same as that of {other}"), "give each app a base_path of its own");
        }
        apps.push(app);
    }
    apps
}

/// None only where a problem was noted, as below.
fn app(name: String, mut s: Section<'_>, public_url: Option<&str>) -> Option<App> {
    s.need("bundle_id", "the app's bundle identifier, as com.example.alma");
    let bundle_id = s.parsed("bundle_id", bundle_id);
    s.need("apple_id", "the app's number in App Store Connect, under App Information");
    let apple_id = s.number("apple_id", 1..=i64::MAX);
    let base_path = s.any_text("base_path").unwrap_or_default();
    if let Err((what, remedy)) = base_path_is_good(&base_path) {
        s.wrong("base_path", what, remedy);
    }
    let time_zone = s.parsed_or("time_zone", "UTC", time_zone);
    let auth = auth(s.table_or_empty("auth"));
    let (has_connect, has_revenuecat) = (s.has("app_store_connect"), s.has("revenuecat"));
    let (asks_apple, has_device_check) = (s.has("app_store_server"), s.has("device_check"));
    let app_store_connect = s.table("app_store_connect").and_then(app_store_connect);
    let app_store_server = s.table("app_store_server").and_then(app_store_server);
    let device_check = s.table("device_check").and_then(device_check);
    let revenuecat = s.table("revenuecat").and_then(revenuecat);
    let tremendous = s.table("tremendous").and_then(payout::tremendous);
    let own = public_url.map(|url| format!("{url}{base_path}"));
    let notifications = notifications(s.table_or_empty("notifications"), own.as_deref());
    let offers = offer::offers(&mut s);
    let refunds = refund::refunds(s.table_or_empty("refunds"), asks_apple, has_revenuecat);
    let campaigns = campaign::campaigns(&mut s, asks_apple);
    let default_campaign = default_campaign(&mut s, &campaigns);

    if !has_connect && let Some(c) = campaigns.iter().find(|c| !c.policy.offer_code_id.is_empty()) {
        let what = format!("is missing, and campaign {} has an offer_code_id to make codes of", c.policy.campaign);
        s.wrong("app_store_connect", what, "add the API key, or remove offer_code_id and import codes");
    }
    if !asks_apple && let Some(c) = campaigns.iter().find(|c| c.policy.reward.extend.is_some()) {
        let what = format!("is missing, and campaign {} has Apple extend subscriptions", c.policy.campaign);
        s.wrong("app_store_server", what, "add the In-App Purchase key, or set the campaign's reward.kind = \"grant\"");
    }
    if !asks_apple && !offers.is_empty() {
        s.wrong("app_store_server", "is missing, and its key signs the offers", "add the table, or remove the offers");
    }
    let grants = |c: &&super::Campaign| c.policy.reward.days > 0 || !c.policy.reward.milestones.is_empty();
    if !has_revenuecat && let Some(c) = campaigns.iter().find(grants) {
        let what = format!("is missing, and campaign {} grants days through it", c.policy.campaign);
        s.wrong("revenuecat", what, "add the table, or set the campaign's reward.days = 0 and no milestones");
    }
    if !has_device_check && let Some(c) = campaigns.iter().find(|c| c.policy.fraud.device_check) {
        let what = format!("is missing, and campaign {} has fraud.device_check = \"hold\"", c.policy.campaign);
        s.wrong("device_check", what, "add the DeviceCheck key, or set the campaign's fraud.device_check = \"off\"");
    }
    Some(App {
        name,
        bundle_id: bundle_id?,
        apple_id: u64::try_from(apple_id?).ok()?,
        base_path,
        default_campaign,
        time_zone: time_zone?,
        auth: auth?,
        app_store_connect,
        app_store_server,
        device_check,
        revenuecat,
        tremendous,
        notifications,
        offers,
        refunds,
        campaigns,
    })
}

/// Users have codes of their own in a campaign of kind "referral" only: where there is none, none is meant.
fn default_campaign(s: &mut Section<'_>, campaigns: &[super::Campaign]) -> String {
    let is_other = |c: &super::Campaign| !c.policy.is_for_sharing();
    let all_are = !campaigns.is_empty() && campaigns.iter().all(is_other);
    if !all_are {
        s.need("default_campaign", "the id of one of the campaigns");
    }
    let Some(id) = s.text("default_campaign") else { return String::new() };
    // A campaign whose own id is faulty may be the one.
    let named = campaigns.iter().find(|c| c.policy.campaign == id);
    let what = match named.or_else(|| campaigns.iter().find(|c| c.policy.campaign.is_empty())) {
        Some(_) if named.is_some_and(is_other) => "is a campaign of a kind where users have no code of their own",
        Some(_) => return id,
        None => "is the id of no campaign",
    };
    let remedy = match all_are {
        true => "remove it: no campaign of the app is of kind \"referral\"",
        false => "name one of the app's [[campaigns]] of kind \"referral\" by its id",
    };
    s.wrong("default_campaign", what, remedy);
    id
}

fn bundle_id(text: &str) -> Result<String, Fault> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    if good { Ok(text.to_owned()) } else { Err(("is no bundle identifier", "use letters, digits, - and .")) }
}

fn base_path_is_good(text: &str) -> Result<(), Fault> {
    let part =
        |p: &str| !matches!(p, "" | "." | "..") && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
    let good = text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part));
    if good { Ok(()) } else { Err(("is no path", "write \"\" or \"/name\", without a slash at its end")) }
}

/// "UTC" or a name of the shape `Area/Place`; whether the zone exists is for its user to find out.
fn time_zone(text: &str) -> Result<String, Fault> {
    let part = |p: &str| {
        p.starts_with(|c: char| c.is_ascii_alphabetic())
            && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    let good = text == "UTC" || (text.contains('/') && text.split('/').all(part));
    if good { Ok(text.to_owned()) } else { Err(("is no time zone", "write \"UTC\" or a name like \"Europe/Berlin\"")) }
}

fn auth(mut s: Section<'_>) -> Option<Auth> {
    let asked = ["server_key", "server_key_file", "jwt"].iter().any(|key| s.has(key));
    if !asked {
        s.wrong("server_key", "is missing, and there is no jwt", "give server_key_file, a [jwt] table, or both");
    }
    let server_key = s.secret("server_key", secret::STRONG);
    let jwt = s.table("jwt").and_then(jwt);
    asked.then_some(Auth { server_key, jwt })
}

fn jwt(mut s: Section<'_>) -> Option<Jwt> {
    s.need("algorithm", "write one of \"ES256\", \"RS256\", \"EdDSA\", \"HS256\"");
    let algorithm = s.choice(
        "algorithm",
        &[
            ("ES256", Algorithm::Es256),
            ("RS256", Algorithm::Rs256),
            ("EdDSA", Algorithm::EdDsa),
            ("HS256", Algorithm::Hs256),
        ],
    );
    let key = jwt_key(&mut s, algorithm);
    let issuer = s.needed_text("issuer", "the token's iss, compared as it is");
    let audience = s.needed_text("audience", "the token's aud, compared as it is");
    let user_claim = s.parsed_or("user_claim", "sub", |text| Ok(text.to_owned()))?;
    Some(Jwt { algorithm: algorithm?, key: key?, issuer, audience, user_claim })
}

/// Exactly one key, of the kind that the algorithm can use.
fn jwt_key(s: &mut Section<'_>, algorithm: Option<Algorithm>) -> Option<JwtKey> {
    let given = |s: &Section<'_>, name: &str| s.has(name) || s.has(&format!("{name}_file"));
    let kinds = [given(s, "public_key"), s.has("jwks_url"), given(s, "secret")];
    let public = s.secret("public_key", 0);
    let jwks_url = s.parsed("jwks_url", url::base).map(JwtKey::JwksUrl);
    let secret = s.secret("secret", secret::STRONG).map(JwtKey::Secret);
    let public = public.and_then(|key| {
        // PEM is the one form that says which half of the key it is.
        let pem = key.expose().contains("PUBLIC KEY-----");
        if !pem {
            s.wrong("public_key", "is no public key in PEM", "give the text that begins -----BEGIN PUBLIC KEY-----");
        }
        pem.then(|| JwtKey::Public(key.expose().to_owned()))
    });
    let shared = algorithm? == Algorithm::Hs256;
    match (kinds, shared) {
        ([false, false, true], true) => secret,
        ([true, false, false], false) => public,
        ([false, true, false], false) => jwks_url,
        (_, true) => {
            s.wrong("secret", "is the one key that HS256 uses", "give secret_file, and no public_key or jwks_url");
            None
        }
        (_, false) => {
            let remedy = "give one of public_key_file and jwks_url, and no secret";
            s.wrong("public_key", "or jwks_url is the one key that this algorithm uses", remedy);
            None
        }
    }
}

fn app_store_connect(mut s: Section<'_>) -> Option<AppStoreConnect> {
    let issuer_id = s.text("issuer_id");
    let key_id = s.needed_text("key_id", "the ten characters of the key's name in App Store Connect");
    let private_key = s.needed_secret("private_key", 0);
    let base_url = s.parsed_or("base_url", "https://api.appstoreconnect.apple.com", url::base);
    let vendor_number = s.parsed("vendor_number", vendor_number);
    Some(AppStoreConnect { issuer_id, key_id, private_key, base_url: base_url?, vendor_number })
}

fn vendor_number(text: &str) -> Result<String, Fault> {
    match text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err(("is no vendor number", "write its digits, as Payments and Financial Reports shows them")),
    }
}

fn app_store_server(mut s: Section<'_>) -> Option<AppStoreServer> {
    let issuer_id = s.needed_text("issuer_id", "the issuer's id in App Store Connect, above the In-App Purchase keys");
    let key_id = s.needed_text("key_id", "the ten characters of the In-App Purchase key's name in App Store Connect");
    let private_key = s.needed_secret("private_key", 0);
    let production_url = s.parsed_or("production_url", "https://api.storekit.apple.com", url::base);
    let sandbox_url = s.parsed_or("sandbox_url", "https://api.storekit-sandbox.apple.com", url::base);
    let root_certificate = root_certificate(&mut s);
    Some(AppStoreServer {
        issuer_id,
        key_id,
        private_key,
        production_url: production_url?,
        sandbox_url: sandbox_url?,
        root_certificate,
    })
}

fn root_certificate(s: &mut Section<'_>) -> Option<Vec<u8>> {
    let path = s.path("root_certificate_file")?;
    let bytes = s.bytes("root_certificate_file", &path)?;
    if !is_certificate(&bytes) {
        let what = format!("the file {path:?} is no certificate");
        s.wrong("root_certificate_file", what, "put the root's certificate there, PEM or DER");
        return None;
    }
    Some(bytes)
}

/// PEM (RFC 7468, 5), or DER: one SEQUENCE as long as the file (RFC 5280, 4.1). What it certifies is
/// for its user to find out.
fn is_certificate(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x81, length, rest @ ..] => rest.len() == usize::from(*length),
        [0x30, 0x82, high, low, rest @ ..] => rest.len() == usize::from(u16::from_be_bytes([*high, *low])),
        _ => std::str::from_utf8(bytes).is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----")),
    }
}

fn device_check(mut s: Section<'_>) -> Option<DeviceCheck> {
    let team_id = s.needed_text("team_id", "the ten characters of the team's id in the developer account");
    let key_id = s.needed_text("key_id", "the ten characters of the DeviceCheck key's name in the developer account");
    let private_key = s.needed_secret("private_key", 0);
    let base_url = s.parsed_or("base_url", "https://api.devicecheck.apple.com", url::base)?;
    Some(DeviceCheck { team_id, key_id, private_key, base_url })
}

/// Apple tries for six and a half days (Apple, Responding to App Store Server Notifications).
fn notifications(mut s: Section<'_>, own: Option<&str>) -> Notifications {
    let max_age_days = s.count("max_age_days", 0..=3650, 8);
    let allow_private_forwards = s.flag("allow_private_forwards", false);
    let forward_to = forward::forwards(&mut s, own, allow_private_forwards);
    let webhooks = webhook::webhooks(&mut s, allow_private_forwards);
    Notifications { max_age_days, forward_to, allow_private_forwards, webhooks }
}

fn revenuecat(mut s: Section<'_>) -> Option<RevenueCat> {
    let webhook_authorization = s.needed_secret("webhook_authorization", 0);
    let webhook_signing_secret = s.secret("webhook_signing_secret", secret::STRONG);
    let api_key = s.needed_secret("api_key", 0);
    let base_url = s.parsed_or("base_url", "https://api.revenuecat.com", url::base);
    let entitlement = s.needed_text("entitlement", "the entitlement's identifier in RevenueCat");
    Some(RevenueCat { webhook_authorization, webhook_signing_secret, api_key, base_url: base_url?, entitlement })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::config::tests::{BASE, HUSH, keys, loaded};

    const DEVICE: &str = "[apps.alma.device_check]
team_id = \"A1B2C3D4E5\"
key_id = \"H6J7K8L9M0\"
private_key_file = \"hush\"
";

    #[test]
    fn devices_can_be_asked_about_where_the_key_is_given() {
        let config = loaded(&format!("{BASE}{DEVICE}"), &[]).expect("a good file");
        let expected = DeviceCheck {
            team_id: "A1B2C3D4E5".to_owned(),
            key_id: "H6J7K8L9M0".to_owned(),
            private_key: Secret::new(HUSH),
            base_url: "https://api.devicecheck.apple.com".to_owned(),
        };
        assert_eq!(config.apps[0].device_check.as_ref(), Some(&expected));
        assert!(!format!("{config:?}").contains("hush-"));
    }

    #[test]
    fn faults_of_the_device_check() {
        let table = "apps.alma.device_check";
        for (from, to, fault) in [
            ("team_id = \"A1B2C3D4E5\"\n", "", Some("team_id")),
            ("\"A1B2C3D4E5\"", "\" \"", Some("team_id")),
            ("key_id = \"H6J7K8L9M0\"\n", "", Some("key_id")),
            ("\"H6J7K8L9M0\"", "6", Some("key_id")),
            ("private_key_file = \"hush\"\n", "", Some("private_key")),
            ("\"hush\"", "\"gone\"", Some("private_key_file")),
            ("\"hush\"", "\"empty\"", Some("private_key_file")),
            ("\"hush\"", "\"hush\"\nprivate_key = \"hush-hush\"", Some("private_key")),
            ("private_key_file = \"hush\"", "private_key = \"hush-hush\"", None),
            ("key_id", "base_url = \"http://127.0.0.1:1/\"\nkey_id", None),
            ("key_id", "base_url = \"https://api.development.devicecheck.apple.com\"\nkey_id", None),
            ("key_id", "base_url = \"http://devicecheck.example.com\"\nkey_id", Some("base_url")),
            ("key_id", "base_url = \"\"\nkey_id", Some("base_url")),
            ("key_id", "issuer_id = \"57246542\"\nkey_id", Some("issuer_id")),
        ] {
            assert!(DEVICE.contains(from), "{from}");
            let text = format!("{BASE}{}", DEVICE.replacen(from, to, 1));
            let expected: Vec<String> = fault.iter().map(|key| format!("{table}.{key}")).collect();
            assert_eq!(keys(loaded(&text, &[])), expected, "{from} -> {to}");
        }
        let all = ["team_id", "key_id", "private_key"].map(|key| format!("{table}.{key}"));
        assert_eq!(keys(loaded(&format!("{BASE}[{table}]"), &[])), all);
    }

    #[test]
    fn what_holds_for_devices_needs_their_key() {
        let campaign = "[[apps.alma.campaigns]]";
        let (hold, off) = ("fraud.device_check = \"hold\"", "fraud.device_check = \"off\"");
        let second = format!("\n{campaign}\nid = \"others\"\noffer = \"OTHER\"\n{hold}\n");
        let with = |line: &str, end: &str| format!("{}{end}", BASE.replace(campaign, &format!("{campaign}\n{line}")));
        for (line, end, expected) in [
            (hold, "", &["apps.alma.device_check"][..]),
            (hold, DEVICE, &[]),
            (off, "", &[]),
            (off, DEVICE, &[]),
            ("", "", &[]),
            ("", &second, &["apps.alma.device_check"]),
            (hold, &second, &["apps.alma.device_check"]),
            // A table with a fault of its own is not missing as well.
            (hold, &DEVICE.replace("\"hush\"", "\"gone\""), &["apps.alma.device_check.private_key_file"]),
        ] {
            assert_eq!(keys(loaded(&with(line, end), &[])), expected, "{line} {end}");
        }
        let missing = loaded(&with(hold, ""), &[]);
        assert!(missing.is_err_and(|p| p[0].what.contains("friends has fraud.device_check = \"hold\"")));
    }

    #[test]
    fn vendor_numbers_are_digits() {
        let (table, key) = ("[apps.alma.app_store_connect]", "apps.alma.app_store_connect.vendor_number");
        for (value, expected) in [
            ("\"80012345\"", Some("80012345")),
            ("\"0080\"", Some("0080")),
            ("80012345", None),
            ("\"\"", None),
            ("\"8001 2345\"", None),
            ("\"V80012345\"", None),
            ("\"٨٠\"", None),
        ] {
            let outcome = loaded(&BASE.replace(table, &format!("{table}\nvendor_number = {value}")), &[]);
            let read = outcome.as_ref().ok().and_then(|config| config.apps[0].app_store_connect.as_ref());
            assert_eq!(read.and_then(|given| given.vendor_number.as_deref()), expected, "{value}");
            let fault: Vec<_> = if expected.is_some() { vec![] } else { vec![key] };
            assert_eq!(keys(outcome), fault, "{value}");
        }
        let set = loaded(BASE, &[("REFERD__APPS__ALMA__APP_STORE_CONNECT__VENDOR_NUMBER", "80012345")]);
        let given = set.expect("digits").apps.remove(0).app_store_connect;
        assert_eq!(given.and_then(|given| given.vendor_number).as_deref(), Some("80012345"));
    }

    #[test]
    fn what_grants_days_needs_revenuecat() {
        let (milestones, revenuecat) = ("reward.milestones = [{ referrals = 5, days = 7 }]", "[apps.alma.revenuecat]");
        let at = BASE.find(revenuecat).expect("it is there");
        let end = BASE.find("[[apps").expect("it is there");
        for (lines, expected) in [
            ("reward.days = 0", &[][..]),
            ("reward.days = 0\nreward.milestones = []", &[]),
            ("", &["apps.alma.revenuecat"]),
            (&format!("reward.days = 0\n{milestones}"), &["apps.alma.revenuecat"]),
            (milestones, &["apps.alma.revenuecat"]),
        ] {
            let text = format!("{}{}", &BASE[..at], BASE[end..].replace("offer =", &format!("{lines}\noffer =")));
            assert_eq!(keys(loaded(&text, &[])), expected, "{lines}");
        }
    }
}
