//! What is accepted, and that the memory of chains changes no verdict.

pub mod forge;
mod hostile;

use super::*;
use crate::domain::at::Span;
use base64::prelude::BASE64_STANDARD;
use forge::*;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Keys are made once for all tests.
static APPLES: LazyLock<House> = LazyLock::new(House::apples);

fn trusting(house: &House) -> Verifier {
    Verifier::trusting(&house.root_der).unwrap()
}

fn remembered(verifier: &Verifier) -> usize {
    verifier.known.load().len()
}

#[test]
fn the_root_is_apples() {
    let expected = "63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c3653e9179";
    let found: String =
        digest::digest(&digest::SHA256, APPLE_ROOT).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, expected);
    assert_eq!(Verifier::apple().verify(&APPLES.good(), NOW), Err(Fault::Chain));
}

#[test]
fn accepted() {
    let house = &*APPLES;
    let (leaf, intermediate) = (house.leaf_cert(), house.intermediate_cert());
    let x5c = base64_of(&house.good_chain());
    let [x0, x1, x2] = [&x5c[0], &x5c[1], &x5c[2]];
    let other = Pair::seeded(21);
    let policies = leaf.clone().having("2.5.29.32", true, &sequence(&[&sequence(&[&oid("1.2.3")])]));
    let named_twice = leaf.clone().having(ISSUER_KEY, false, &{
        let directory = tlv(0xa1, &[&tlv(0xa4, &[&name("Root")])]);
        sequence(&[&tlv(0x80, &[&house.intermediate.id()]), &directory, &tlv(0x82, &[&intermediate.serial[2..]])])
    });
    let of_p256 =
        intermediate.clone().with(|cert| cert.info = other.info()).having(KEY_ID, false, &tlv(4, &[&other.id()]));
    let below_p256 = |algorithm| {
        let leaf = leaf.clone().having(ISSUER_KEY, false, &names_key(&other.id())).hashed(algorithm);
        house.under(&[leaf.signed(&other), of_p256.signed(&house.root), house.root_der.clone()])
    };
    let long = leaf.clone().with(|cert| cert.until = years(40));
    let rows = [
        ("as Apple sends it", house.good(), NOW),
        ("another third entry", house.headed(&header(&[x0.clone(), x1.clone(), "no base64 at all".into()])), NOW),
        ("no third certificate", house.headed(&header(&[x0.clone(), x1.clone(), String::new()])), NOW),
        ("a type", house.headed(&format!(r#"{{"alg":"ES256","typ":"JWT","x5c":["{x0}","{x1}","{x2}"]}}"#)), NOW),
        ("another order", house.headed(&format!(r#"{{"x5c":["{x0}","{x1}","{x2}"],"alg":"ES256"}}"#)), NOW),
        ("escaped slashes", house.headed(&header(&x5c).replace('/', r"\/")), NOW),
        ("spaces in the JSON", house.headed(&header(&x5c).replace(':', " :\n ")), NOW),
        ("policies that are critical", house.under(&house.chain(&policies, &intermediate)), NOW),
        ("the issuer by name and serial too", house.under(&house.chain(&named_twice, &intermediate)), NOW),
        ("a P-256 issuer, SHA-256", below_p256(SHA256), NOW),
        ("a P-256 issuer, SHA-384", below_p256(SHA384), NOW),
        ("valid after 2050", house.under(&house.chain(&long, &intermediate)), NOW),
        (
            "no constraints on the leaf",
            house.under(&house.chain(&leaf.clone().without(CONSTRAINTS), &intermediate)),
            NOW,
        ),
        ("an app transaction", house.with_payload(format!(r#"{{"receiptCreationDate":{}}}"#, NOW.0).as_bytes()), NOW),
        ("no date", house.with_payload(b"{}"), NOW),
        ("the leaf's first second", house.at(&house.good_chain(), years(-1)), years(-1)),
        (
            "the leaf's last second",
            house.at(&house.good_chain(), years(1).plus(Span::millis(999))),
            years(1).plus(Span::millis(999)),
        ),
    ];
    let warm = trusting(house);
    for (name, jws, at) in &rows {
        for (state, verifier) in [("cold", &trusting(house)), ("warm", &warm), ("warm, again", &warm)] {
            let signed = verifier.verify(jws, NOW).unwrap_or_else(|fault| panic!("{name}, {state}: {fault}"));
            assert_eq!(signed.at, *at, "{name}, {state}");
            assert_eq!(url(&signed.payload), jws.split('.').nth(1).unwrap(), "{name}, {state}");
        }
    }
}

#[test]
fn the_profile_is_asked_of_roots_that_keep_it() {
    let house = House::of_tests();
    for algorithm in [SHA256, SHA384] {
        let chain = house.chain(&house.leaf_cert().hashed(algorithm), &house.intermediate_cert().hashed(algorithm));
        assert!(trusting(&house).verify(&house.under(&chain), NOW).is_ok(), "{algorithm}");
    }
    // What is there counts all the same.
    let rows = [
        (Fault::KeyUsage, house.leaf_cert().having(USAGE, true, &KEY_CERT_SIGN), house.intermediate_cert()),
        (Fault::KeyUsage, house.leaf_cert(), house.intermediate_cert().having(USAGE, true, &DIGITAL_SIGNATURE)),
        (Fault::Constraints, house.leaf_cert(), house.intermediate_cert().without(CONSTRAINTS)),
        (Fault::Constraints, house.leaf_cert().having(CONSTRAINTS, false, &CA), house.intermediate_cert()),
    ];
    for (fault, leaf, intermediate) in rows {
        let jws = house.under(&house.chain(&leaf, &intermediate));
        assert_eq!(trusting(&house).verify(&jws, NOW), Err(fault));
    }
}

#[test]
fn roots() {
    let house = &*APPLES;
    let pem = |der: &[u8], label: &str| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
    };
    let root = house.root_cert();
    let by_itself = |cert: &Cert| cert.signed(&house.root);
    let good = [
        ("DER", house.root_der.clone()),
        ("PEM", lines(&pem(&house.root_der, "CERTIFICATE")).into_bytes()),
        ("PEM of Windows", lines(&pem(&house.root_der, "CERTIFICATE")).replace('\n', "\r\n").into_bytes()),
    ];
    for (name, bytes) in good {
        let verifier = Verifier::trusting(&bytes).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        assert!(verifier.verify(&house.good(), NOW).is_ok(), "{name}");
    }
    let bad = [
        ("nothing", vec![], Fault::Certificate),
        ("prose", b"the root".to_vec(), Fault::Certificate),
        ("a key", lines(&pem(&house.root_der, "PRIVATE KEY")).into_bytes(), Fault::Certificate),
        ("cut", house.root_der[..200].to_vec(), Fault::Certificate),
        ("more behind it", [&house.root_der[..], &[0]].concat(), Fault::Certificate),
        ("no authority", by_itself(&root.clone().having(CONSTRAINTS, true, &NO_CA)), Fault::Constraints),
        (
            "no intermediate allowed",
            by_itself(&root.clone().having(CONSTRAINTS, true, &CA_OF_LEAFS)),
            Fault::Constraints,
        ),
        ("another usage", by_itself(&root.clone().having(USAGE, true, &DIGITAL_SIGNATURE)), Fault::KeyUsage),
        ("an intermediate", house.good_chain()[1].clone(), Fault::Constraints),
        ("issued by another", by_itself(&root.clone().with(|cert| cert.issuer = "Another")), Fault::Chain),
        ("signed by another", root.signed(&house.intermediate), Fault::Untrusted),
    ];
    for (name, bytes, fault) in bad {
        assert_eq!(Verifier::trusting(&bytes).err(), Some(BadRoot(fault.to_string())), "{name}");
    }
}

/// PEM in lines of 64 characters, as RFC 7468 has it.
fn lines(pem: &str) -> String {
    let wrap = |line: &str| {
        let parts: Vec<_> = line.as_bytes().chunks(64).map(|part| std::str::from_utf8(part).unwrap()).collect();
        parts.join("\n") + "\n"
    };
    pem.lines().map(|line| if line.starts_with('-') { format!("{line}\n") } else { wrap(line) }).collect()
}

#[test]
fn only_good_chains_are_remembered_and_only_so_many() {
    let house = &*APPLES;
    let verifier = trusting(house);
    let x5c = base64_of(&house.good_chain());
    let numbered = |n: usize| house.headed(&header(&[x5c[0].clone(), x5c[1].clone(), n.to_string()]));
    let first = numbered(0);
    for n in 0..40 {
        assert!(verifier.verify(&numbered(n), NOW).is_ok());
        assert_eq!(remembered(&verifier), (n + 1).min(MAX_KNOWN));
    }
    assert!(verifier.verify(&first, NOW).is_ok());
    assert_eq!(remembered(&verifier), MAX_KNOWN);

    let verifier = trusting(house);
    let unsigned = |jws: &str| jws.rsplit_once('.').unwrap().0.to_owned();
    let failing = [
        (format!("{}.{}", unsigned(&numbered(0)), url(&[1; 64])), Fault::Signature),
        (house.at(&house.good_chain(), years(2)), Fault::Expired),
        (house.with_payload(b"[]"), Fault::Payload),
    ];
    for (jws, fault) in failing {
        assert_eq!(verifier.verify(&jws, NOW), Err(fault));
        assert_eq!(remembered(&verifier), 0, "{fault}");
    }
}

#[test]
fn dates_are_asked_of_chains_that_are_known() {
    let house = &*APPLES;
    let verifier = trusting(house);
    let chain = house.good_chain();
    assert!(verifier.verify(&house.at(&chain, NOW), NOW).is_ok());
    assert_eq!(remembered(&verifier), 1);
    let undated = compact(header(&base64_of(&chain)).as_bytes(), b"{}", &house.leaf);
    let rows = [
        (house.at(&chain, years(-1).minus(Span::millis(1))), NOW, Err(Fault::NotYetValid)),
        (house.at(&chain, years(1).plus(Span::seconds(1))), NOW, Err(Fault::Expired)),
        (house.at(&chain, NOW), years(30), Ok(NOW)),
        (undated.clone(), years(-2), Err(Fault::NotYetValid)),
        (undated.clone(), years(2), Err(Fault::Expired)),
        (undated, NOW, Ok(NOW)),
    ];
    for (jws, now, expected) in rows {
        assert_eq!(verifier.verify(&jws, now).map(|signed| signed.at), expected, "{now:?}");
    }
    assert_eq!(remembered(&verifier), 1);
}

#[test]
fn debug_shows_no_payload() {
    let signed = trusting(&APPLES).verify(&APPLES.good(), NOW).unwrap();
    assert_eq!(format!("{signed:?}"), "Signed(57 bytes, At(1795000000000))");
}

#[test]
fn a_verifier_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Verifier>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// No other text means the same, but for one: s and n - s sign alike, whatever the curve (that is ECDSA), and chance
    /// does not find it. So every text that differs is refused.
    #[test]
    fn no_other_text_is_accepted(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..5u8), 1..4),
    ) {
        static GOOD: LazyLock<(String, Verifier)> = LazyLock::new(|| {
            let (good, verifier) = (APPLES.good(), trusting(&APPLES));
            verifier.verify(&good, NOW).unwrap();
            (good, verifier)
        });
        let (good, warm) = &*GOOD;
        let mut chars: Vec<char> = good.chars().collect();
        for (index, new, kind) in changes {
            // An index is into something: in what is empty by now, only the first place is left.
            let at = if chars.is_empty() { 0 } else { index.index(chars.len()) };
            match kind {
                _ if chars.is_empty() => chars.push(new),
                0 => drop(chars.remove(at)),
                1 => chars.insert(at, new),
                2 => chars[at] = new,
                // Another character that base64url has.
                3 => chars[at] = if chars[at] == 'A' { 'B' } else { 'A' },
                _ => chars.truncate(at.max(1)),
            }
        }
        let changed: String = chars.into_iter().collect();
        prop_assume!(changed != *good);
        prop_assert!(warm.verify(&changed, NOW).is_err(), "{}", changed);
        prop_assert!(trusting(&APPLES).verify(&changed, NOW).is_err(), "{}", changed);
        prop_assert!(warm.verify(good, NOW).is_ok());
    }
}
