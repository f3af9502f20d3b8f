//! Payloads that differ in one thing from one that is accepted. None gets through, whether or not the good chain is
//! known, and each is refused for what is wrong with it.

use super::forge::*;
use super::*;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use std::collections::BTreeSet;

struct Row {
    name: &'static str,
    fault: Fault,
    jws: String,
}

fn row(name: &'static str, fault: Fault, jws: String) -> Row {
    Row { name, fault, jws }
}

#[test]
fn none_is_accepted() {
    let house = &*APPLES;
    let parts = [headers, chains, base64, der, marks_and_uses, keys, links, times, signatures, payloads];
    let rows: Vec<Row> = parts.iter().flat_map(|part| part(house)).collect();
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert!(names.len() == rows.len() && rows.len() >= 60, "{} names of {} rows", names.len(), rows.len());

    let good = house.good();
    let warm = trusting(house);
    assert!(warm.verify(&good, NOW).is_ok());
    for Row { name, fault, jws } in &rows {
        let cold = trusting(house);
        for (state, verifier) in [("cold", &cold), ("warm", &warm), ("again", &warm)] {
            assert_eq!(verifier.verify(jws, NOW).err(), Some(*fault), "{name}, {state}");
        }
        assert!(warm.verify(&good, NOW).is_ok(), "after {name}");
        assert_eq!((remembered(&cold), remembered(&warm)), (0, 1), "{name}");
    }
    let faults: BTreeSet<_> = rows.iter().map(|row| row.fault.word()).collect();
    assert_eq!(faults.len(), 18, "every fault has its row, and its own word: {faults:?}");
}

fn headers(house: &House) -> Vec<Row> {
    let x5c = format!("[\"{}\"]", base64_of(&house.good_chain()).join("\",\""));
    let alg = |value: &str| house.headed(&format!(r#"{{"alg":{value},"x5c":{x5c}}}"#));
    let more = |member: &str| house.headed(&format!(r#"{{"alg":"ES256","x5c":{x5c},{member}}}"#));
    let bytes = |header: &[u8]| compact(header, &payload(NOW), &house.leaf);
    vec![
        row("alg none", Fault::Alg, alg(r#""none""#)),
        row("alg HS256", Fault::Alg, alg(r#""HS256""#)),
        row("alg RS256", Fault::Alg, alg(r#""RS256""#)),
        row("alg ES384", Fault::Alg, alg(r#""ES384""#)),
        row("alg in lower case", Fault::Alg, alg(r#""es256""#)),
        row("alg with a space", Fault::Alg, alg(r#""ES256 ""#)),
        row("alg null", Fault::Alg, alg("null")),
        row("alg in a list", Fault::Alg, alg(r#"["ES256"]"#)),
        row("no alg", Fault::Alg, house.headed(&format!(r#"{{"x5c":{x5c}}}"#))),
        row("alg twice", Fault::Header, more(r#""alg":"ES256""#)),
        row("alg twice, once escaped", Fault::Header, more(r#""\u0061lg":"none""#)),
        row("x5c twice", Fault::Header, more(&format!(r#""x5c":{x5c}"#))),
        row("an unknown member twice", Fault::Header, more(r#""typ":"JWT","typ":"JWT""#)),
        row("a critical member", Fault::Header, more(r#""crit":["exp"],"exp":1"#)),
        row("a payload that is not in base64", Fault::Header, more(r#""b64":false"#)),
        row("no x5c", Fault::Header, house.headed(r#"{"alg":"ES256"}"#)),
        row("x5c is a text", Fault::Header, house.headed(r#"{"alg":"ES256","x5c":"MII"}"#)),
        row("a number in x5c", Fault::Header, house.headed(&header(&[]).replace("\"\"", "1,2,3"))),
        row("the header in a list", Fault::Header, house.headed(&format!(r#"["ES256",{x5c}]"#))),
        row("an empty header", Fault::Header, house.headed("")),
        row("more behind the header", Fault::Header, house.headed(&format!(r#"{{"alg":"ES256","x5c":{x5c}}} {{}}"#))),
        row("no UTF-8 in the header", Fault::Header, bytes(b"{\"alg\":\"ES256\",\"x5c\":[\"\xff\"]}")),
        row("a header too long", Fault::TooLong, more(&format!(r#""pad":"{}""#, "x".repeat(40_000)))),
        row("a text too long", Fault::TooLong, house.with_payload(&vec![b' '; 300_000])),
    ]
}

fn chains(house: &House) -> Vec<Row> {
    let [leaf, intermediate, root] = house.good_chain();
    let extra = house.leaf_cert().signed(&house.intermediate);
    let under = |list: &[&Vec<u8>]| house.under(&list.iter().map(|der| (*der).clone()).collect::<Vec<_>>());
    vec![
        row("no certificate", Fault::ChainLength, house.headed(r#"{"alg":"ES256","x5c":[]}"#)),
        row("one certificate", Fault::ChainLength, under(&[&leaf])),
        row("two certificates", Fault::ChainLength, under(&[&leaf, &intermediate])),
        row("four certificates", Fault::ChainLength, under(&[&leaf, &intermediate, &root, &root])),
        row("four, an extra leaf first", Fault::ChainLength, under(&[&extra, &leaf, &intermediate, &root])),
        row("leaf and intermediate swapped", Fault::Constraints, under(&[&intermediate, &leaf, &root])),
        row("the order reversed", Fault::Constraints, under(&[&root, &intermediate, &leaf])),
        row("the leaf twice", Fault::Constraints, under(&[&leaf, &leaf, &root])),
        row("the root for the intermediate", Fault::Marker, under(&[&leaf, &root, &root])),
        row("intermediate and root swapped", Fault::Marker, under(&[&leaf, &root, &intermediate])),
    ]
}

fn base64(house: &House) -> Vec<Row> {
    // A length that needs padding, and both characters in which the alphabets differ.
    let leaf = (0..60u8)
        .map(|n| house.leaf_cert().with(|cert| cert.serial = [&[2, n + 1][..], &vec![0x7b; n as usize + 1]].concat()))
        .map(|cert| cert.signed(&house.intermediate))
        .find(|der| der.len() % 3 == 1 && BASE64_STANDARD.encode(der).contains('+'))
        .unwrap();
    let chain = [leaf, house.good_chain()[1].clone(), house.root_der.clone()];
    assert!(trusting(house).verify(&house.under(&chain), NOW).is_ok());
    let x5c = base64_of(&chain);
    let with = |text: String| house.headed(&header(&[text, x5c[1].clone(), x5c[2].clone()]));
    let text = &x5c[0];
    let unpadded = text.trim_end_matches('=');
    // The four bits that padding leaves over are set.
    let unused = format!("{}{}==", &unpadded[..unpadded.len() - 1], if unpadded.ends_with('A') { 'B' } else { 'h' });
    let part = |text: String| row_of_intermediate(house, &x5c, text);
    vec![
        row("a newline in base64", Fault::Certificate, with(format!("{}\\n{}", &text[..64], &text[64..]))),
        row("a space behind base64", Fault::Certificate, with(format!("{text} "))),
        row("base64url in x5c", Fault::Certificate, with(text.replace('+', "-").replace('/', "_"))),
        row("no padding in x5c", Fault::Certificate, with(unpadded.to_owned())),
        row("half the padding in x5c", Fault::Certificate, with(format!("{unpadded}="))),
        row("more padding in x5c", Fault::Certificate, with(format!("{text}===="))),
        row("unused bits in x5c", Fault::Certificate, with(unused)),
        row("PEM in x5c", Fault::Certificate, with(format!("-----BEGIN CERTIFICATE-----\\n{text}"))),
        row("an empty text in x5c", Fault::Certificate, with(String::new())),
        row("a space in the intermediate's base64", Fault::Certificate, part(format!(" {}", x5c[1]))),
        row("an empty intermediate", Fault::Certificate, part(String::new())),
    ]
}

fn row_of_intermediate(house: &House, x5c: &[String], text: String) -> String {
    house.headed(&header(&[x5c[0].clone(), text, x5c[2].clone()]))
}

fn der(house: &House) -> Vec<Row> {
    let [leaf, intermediate, _] = house.good_chain();
    let (template, above) = (house.leaf_cert(), house.intermediate_cert());
    let with = |leaf: Vec<u8>| house.under(&[leaf, intermediate.clone(), house.root_der.clone()]);
    let changed = |cert: Cert| with(cert.signed(&house.intermediate));
    let grown = |bytes: &[u8]| [bytes, &[0]].concat();
    let indefinite = [&[0x30, 0x80], &leaf[4..], &[0, 0]].concat();
    let long_length = [&[0x30, 0x83, 0], &leaf[2..]].concat();
    let many = (0..400).flat_map(|_| [0x30, 0]).collect::<Vec<u8>>();
    let big = template.clone().having("1.2.3.4", false, &tlv(4, &[&many.repeat(12)]));
    vec![
        row("a byte behind the leaf", Fault::Certificate, with(grown(&leaf))),
        row("a byte behind the intermediate", Fault::Certificate, {
            house.under(&[leaf.clone(), grown(&intermediate), house.root_der.clone()])
        }),
        row("a cut leaf", Fault::Certificate, with(leaf[..leaf.len() - 1].to_vec())),
        row("no certificate at all", Fault::Certificate, with(b"leaf".to_vec())),
        row("an indefinite length", Fault::Certificate, with(indefinite)),
        row("a length that is not the shortest", Fault::Certificate, with(long_length)),
        row("TRUE that is not 0xff", Fault::Certificate, {
            changed(template.clone().extended(verbatim(CONSTRAINTS, &[1, 1, 1, 4, 2, 0x30, 0])))
        }),
        row("a default written out", Fault::Certificate, {
            changed(template.clone().extended(verbatim(LEAF, &[1, 1, 0, 4, 2, 5, 0])))
        }),
        row("constraints that write the default out", Fault::Certificate, {
            changed(template.clone().having(CONSTRAINTS, true, &[0x30, 3, 1, 1, 0]))
        }),
        row("more behind the constraints", Fault::Certificate, {
            changed(template.clone().having(CONSTRAINTS, true, &[0x30, 0, 0]))
        }),
        row("a usage with zeros at its end", Fault::Certificate, {
            changed(template.clone().having(USAGE, true, &[3, 2, 0, 0x80]))
        }),
        row("a serial that is not the shortest", Fault::Certificate, {
            changed(template.clone().with(|cert| cert.serial = vec![2, 2, 0, 1]))
        }),
        row("version 1", Fault::Certificate, changed(template.clone().with(|cert| cert.version = vec![]))),
        row("version 2", Fault::Certificate, changed(template.clone().with(|cert| cert.version[4] = 1))),
        row("an extension twice", Fault::Certificate, {
            changed(template.clone().with(|cert| cert.extensions.push(extension(LEAF, false, &[5, 0]))))
        }),
        row("a leaf without a name", Fault::Certificate, changed(template.clone().with(|cert| cert.subject = ""))),
        row("a certificate too long", Fault::Certificate, changed(big)),
        row("an unknown critical extension of the leaf", Fault::Extension, {
            changed(template.clone().having("1.2.3.4", true, &[5, 0]))
        }),
        row("the leaf's mark critical", Fault::Extension, changed(template.clone().having(LEAF, true, &[5, 0]))),
        row("an unknown critical extension above", Fault::Extension, {
            house.under(&house.chain(&template, &above.clone().having("1.2.3.4", true, &[5, 0])))
        }),
        row("name constraints above", Fault::Extension, {
            house.under(&house.chain(&template, &above.clone().having("2.5.29.30", true, &NO_CA)))
        }),
        row("name constraints above that are not critical", Fault::Extension, {
            house.under(&house.chain(&template, &above.having("2.5.29.30", false, &NO_CA)))
        }),
    ]
}

fn marks_and_uses(house: &House) -> Vec<Row> {
    let (leaf, above) = (house.leaf_cert(), house.intermediate_cert());
    let with_leaf = |cert: Cert| house.under(&house.chain(&cert, &above));
    let with_above = |cert: Cert| house.under(&house.chain(&leaf, &cert));
    let (l, i) = (|| leaf.clone(), || above.clone());
    vec![
        row("no mark on the leaf", Fault::Marker, with_leaf(l().without(LEAF))),
        row("no mark above", Fault::Marker, with_above(i().without(INTERMEDIATE))),
        row("marks exchanged", Fault::Marker, {
            let leaf = l().without(LEAF).having(INTERMEDIATE, false, &[5, 0]);
            house.under(&house.chain(&leaf, &i().without(INTERMEDIATE).having(LEAF, false, &[5, 0])))
        }),
        row("another mark on the leaf", Fault::Marker, {
            with_leaf(l().without(LEAF).having("1.2.840.113635.100.6.11.2", false, &[5, 0]))
        }),
        row("another mark above", Fault::Marker, {
            with_above(i().without(INTERMEDIATE).having("1.2.840.113635.100.6.2.2", false, &[5, 0]))
        }),
        row("a leaf that is an authority", Fault::Constraints, with_leaf(l().having(CONSTRAINTS, true, &CA))),
        row("a leaf with a path length", Fault::Constraints, {
            with_leaf(l().having(CONSTRAINTS, true, &[0x30, 3, 2, 1, 0]))
        }),
        row("no authority above", Fault::Constraints, with_above(i().having(CONSTRAINTS, true, &NO_CA))),
        row("no constraints above", Fault::Constraints, with_above(i().without(CONSTRAINTS))),
        row("a leaf that may not sign", Fault::KeyUsage, with_leaf(l().having(USAGE, true, &[3, 2, 5, 0x20]))),
        row("a leaf that may certify too", Fault::KeyUsage, with_leaf(l().having(USAGE, true, &[3, 2, 2, 0x84]))),
        row("no usage on the leaf", Fault::KeyUsage, with_leaf(l().without(USAGE))),
        row("above, what may not certify", Fault::KeyUsage, with_above(i().having(USAGE, true, &DIGITAL_SIGNATURE))),
        row("no usage above", Fault::KeyUsage, with_above(i().without(USAGE))),
        row(
            "SHA-512",
            Fault::CertificateAlg,
            with_leaf(l().with(|cert| {
                cert.inner_algorithm = sequence(&[&oid(SHA512)]);
                cert.outer_algorithm = cert.inner_algorithm.clone();
            })),
        ),
        row("two algorithms in one certificate", Fault::CertificateAlg, {
            with_leaf(l().with(|cert| cert.inner_algorithm = sequence(&[&oid(SHA256)])))
        }),
        row(
            "an algorithm with a parameter",
            Fault::CertificateAlg,
            with_leaf(l().with(|cert| {
                cert.inner_algorithm = sequence(&[&oid(SHA384), &[5, 0]]);
                cert.outer_algorithm = cert.inner_algorithm.clone();
            })),
        ),
        row(
            "RSA's algorithm",
            Fault::CertificateAlg,
            with_above(i().with(|cert| {
                cert.inner_algorithm = sequence(&[&oid("1.2.840.113549.1.1.12"), &[5, 0]]);
                cert.outer_algorithm = cert.inner_algorithm.clone();
            })),
        ),
    ]
}

fn keys(house: &House) -> Vec<Row> {
    let (leaf, above) = (house.leaf_cert(), house.intermediate_cert());
    let with_leaf = |info: Vec<u8>| house.under(&house.chain(&leaf.clone().with(|cert| cert.info = info), &above));
    let with_above = |info: Vec<u8>| house.under(&house.chain(&leaf, &above.clone().with(|cert| cert.info = info)));
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap().public_key().as_der().unwrap().as_ref().to_vec();
    let p521 = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
    let p521 = info("1.3.132.0.35", p521.public_key().as_ref());
    let point = house.leaf.point();
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let off_the_curve = [&point[..64], &[point[64] ^ 1]].concat();
    let p256 = "1.2.840.10045.3.1.7";
    let weak = Pair::seeded(31);
    let weak_above = above.clone().with(|cert| cert.info = weak.info()).having(KEY_ID, false, &tlv(4, &[&weak.id()]));
    let below_weak = leaf.clone().having(ISSUER_KEY, false, &names_key(&weak.id()));
    let by_weak =
        |leaf: &Cert| house.under(&[leaf.signed(&weak), weak_above.signed(&house.root), house.root_der.clone()]);
    assert!(trusting(house).verify(&by_weak(&below_weak), NOW).is_ok());
    vec![
        row("an RSA leaf", Fault::Key, with_leaf(rsa.clone())),
        row("a P-384 leaf", Fault::Key, with_leaf(house.intermediate.info())),
        row("a P-521 leaf", Fault::Key, with_leaf(p521.clone())),
        row("an RSA intermediate", Fault::Key, with_above(rsa)),
        row("a P-521 intermediate", Fault::Key, with_above(p521)),
        row("a compressed point", Fault::Key, with_leaf(info(p256, &compressed))),
        row("a point that is not on the curve", Fault::Key, with_leaf(info(p256, &off_the_curve))),
        row("the point at infinity", Fault::Key, with_leaf(info(p256, &[0]))),
        row("a key under another curve's name", Fault::Key, with_leaf(info("1.3.132.0.10", &point))),
        row("another key in the leaf", Fault::Signature, with_leaf(Pair::seeded(32).info())),
        row("a P-256 intermediate with SHA-1", Fault::CertificateAlg, by_weak(&below_weak.clone().hashed(SHA1))),
        row("a P-256 intermediate with SHA-512", Fault::CertificateAlg, by_weak(&below_weak.hashed(SHA512))),
    ]
}

fn links(house: &House) -> Vec<Row> {
    let (leaf, above) = (house.leaf_cert(), house.intermediate_cert());
    let other = Pair::p384();
    let root = || house.root_der.clone();
    let look_alike = house.root_cert().with(|cert| cert.info = other.info()).signed(&other);
    let own_above = above.clone().with(|cert| cert.info = other.info());
    let sub = above.clone().with(|cert| (cert.subject, cert.issuer) = ("Below", "Intermediate"));
    let sub = sub.having(ISSUER_KEY, false, &names_key(&house.intermediate.id()));
    let below = leaf.clone().with(|cert| cert.issuer = "Below");
    let by_leaf = leaf.clone().with(|cert| (cert.issuer, cert.subject) = ("Leaf", "Below"));
    let by_leaf = by_leaf.having(ISSUER_KEY, false, &names_key(&house.leaf.id())).hashed(SHA256);
    let flipped = |der: &[u8]| [&der[..der.len() - 1], &[der[der.len() - 1] ^ 1]].concat();
    let [good_leaf, good_above, _] = house.good_chain();
    let names = |id: &Pair| names_key(&id.id());
    let serial = sequence(&[&tlv(0x80, &[&house.intermediate.id()]), &[0x82, 1, 99]]);
    let issuer = sequence(&[&tlv(0x80, &[&house.intermediate.id()]), &tlv(0xa1, &[&tlv(0xa4, &[&name("Another")])])]);
    let with_leaf = |cert: Cert| house.under(&house.chain(&cert, &above));
    let with_above = |cert: Cert| house.under(&house.chain(&leaf, &cert));
    vec![
        row("a root that looks alike", Fault::Untrusted, {
            house.under(&[good_leaf.clone(), above.signed(&other), look_alike.clone()])
        }),
        row("a whole chain that looks alike", Fault::Untrusted, {
            house.under(&[leaf.signed(&other), own_above.signed(&other), look_alike])
        }),
        row(
            "an own intermediate",
            Fault::Untrusted,
            house.under(&[leaf.signed(&other), own_above.signed(&other), root()]),
        ),
        row(
            "a leaf that somebody else signed",
            Fault::Untrusted,
            house.under(&[leaf.signed(&other), good_above.clone(), root()]),
        ),
        row(
            "a leaf that the root signed",
            Fault::Untrusted,
            house.under(&[leaf.signed(&house.root), good_above.clone(), root()]),
        ),
        row(
            "a bit of the leaf's signature",
            Fault::Untrusted,
            house.under(&[flipped(&good_leaf), good_above.clone(), root()]),
        ),
        row("a bit of the intermediate's signature", Fault::Untrusted, {
            house.under(&[good_leaf.clone(), flipped(&good_above), root()])
        }),
        row("a leaf used as an authority", Fault::Constraints, {
            house.under(&[by_leaf.signed(&house.leaf), good_leaf.clone(), root()])
        }),
        row("an authority too many, path length 0", Fault::Chain, {
            house.under(&[below.signed(&house.intermediate), sub.signed(&house.intermediate), good_above])
        }),
        row("another issuer of the leaf", Fault::Chain, with_leaf(leaf.clone().with(|cert| cert.issuer = "Another"))),
        row(
            "the issuer in other letters",
            Fault::Chain,
            with_leaf(leaf.clone().with(|cert| cert.issuer = "INTERMEDIATE")),
        ),
        row(
            "another issuer of the intermediate",
            Fault::Chain,
            with_above(above.clone().with(|cert| cert.issuer = "Another")),
        ),
        row("another name above", Fault::Chain, with_above(above.clone().with(|cert| cert.subject = "Another"))),
        row(
            "another issuer's key on the leaf",
            Fault::Chain,
            with_leaf(leaf.clone().having(ISSUER_KEY, false, &names(&other))),
        ),
        row(
            "another issuer's key above",
            Fault::Chain,
            with_above(above.clone().having(ISSUER_KEY, false, &names(&other))),
        ),
        row(
            "another key's name above",
            Fault::Chain,
            with_above(above.clone().having(KEY_ID, false, &tlv(4, &[&other.id()]))),
        ),
        row("another issuer's serial", Fault::Chain, with_leaf(leaf.clone().having(ISSUER_KEY, false, &serial))),
        row("another issuer's issuer", Fault::Chain, with_leaf(leaf.clone().having(ISSUER_KEY, false, &issuer))),
        row("no issuer's key on the leaf", Fault::Chain, with_leaf(leaf.clone().without(ISSUER_KEY))),
        row("an issuer's key without a name", Fault::Chain, with_leaf(leaf.clone().having(ISSUER_KEY, false, &NO_CA))),
        row("no issuer's key above", Fault::Chain, with_above(above.clone().without(ISSUER_KEY))),
        row("no key's name above", Fault::Chain, with_above(above.clone().without(KEY_ID))),
    ]
}

fn times(house: &House) -> Vec<Row> {
    let leaf = |from, until| house.leaf_cert().with(|cert| (cert.from, cert.until) = (years(from), years(until)));
    let above =
        |from, until| house.intermediate_cert().with(|cert| (cert.from, cert.until) = (years(from), years(until)));
    let now = |leaf: Cert, above: Cert| house.at(&house.chain(&leaf, &above), NOW);
    let at = |time: i64| house.at(&house.chain(&leaf(-40, 40), &above(-40, 40)), years(time));
    let good = house.good_chain();
    let second = |at: At, millis: i64| house.at(&good, at.plus(Span::millis(millis)));
    let dated = |payload: String| house.with_payload(payload.as_bytes());
    vec![
        row("an expired leaf", Fault::Expired, now(leaf(-3, -1), above(-5, 10))),
        row("a leaf not valid yet", Fault::NotYetValid, now(leaf(1, 2), above(-5, 10))),
        row("an expired intermediate", Fault::Expired, now(leaf(-1, 1), above(-5, -1))),
        row("an intermediate not valid yet", Fault::NotYetValid, now(leaf(-1, 1), above(1, 10))),
        row("an expired root", Fault::Expired, at(16)),
        row("a root not valid yet", Fault::NotYetValid, at(-11)),
        row("a leaf that ends before it begins", Fault::NotYetValid, now(leaf(1, -1), above(-5, 10))),
        row("a second before the leaf", Fault::NotYetValid, second(years(-1), -1)),
        row("a second after the leaf", Fault::Expired, second(years(1), 1_000)),
        row("signed before all", Fault::NotYetValid, dated(r#"{"signedDate":-9223372036854775808}"#.into())),
        row("signed after all", Fault::Expired, dated(r#"{"signedDate":9223372036854775807}"#.into())),
        row("created after the leaf", Fault::Expired, dated(format!(r#"{{"receiptCreationDate":{}}}"#, years(2).0))),
        row("signed after the leaf, created within", Fault::Expired, {
            dated(format!(r#"{{"signedDate":{},"receiptCreationDate":{}}}"#, years(2).0, NOW.0))
        }),
    ]
}

fn signatures(house: &House) -> Vec<Row> {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
        0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let good = house.good();
    let (message, _) = good.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let raw = house.leaf.raw(message.as_bytes());
    let (r, s) = raw.split_at(32);
    let with = |signature: &[u8]| format!("{message}.{}", url(signature));
    let text = url(&raw);
    let der = p256::ecdsa::Signature::from_slice(&raw).unwrap().to_der();
    let flipped = |text: &str| {
        let (first, rest) = text.split_at(20);
        let other = if rest.starts_with('A') { 'B' } else { 'A' };
        format!("{first}{other}{}", &rest[1..])
    };
    let last = text.chars().last().unwrap();
    // The last character stands for two bits; the four others are to be zeros.
    let unused = format!("{}{}", &text[..85], if last == 'A' { 'B' } else { char::from(last as u8 + 1) });
    let another = url(&payload(NOW.plus(Span::millis(1))));
    let with_alphabet = |text: &str| text.replacen(|c: char| c.is_ascii_alphanumeric(), "+", 1);
    vec![
        row("no signature", Fault::Signature, format!("{message}.")),
        row("r is 0", Fault::Signature, with(&[&[0; 32], s].concat())),
        row("s is 0", Fault::Signature, with(&[r, &[0; 32]].concat())),
        row("r and s are 0", Fault::Signature, with(&[0; 64])),
        row("r is n", Fault::Signature, with(&[&N, s].concat())),
        row("s is n", Fault::Signature, with(&[r, &N].concat())),
        row("all bits set", Fault::Signature, with(&[0xff; 64])),
        row("r and s exchanged", Fault::Signature, with(&[s, r].concat())),
        row("a signature in DER", Fault::Signature, with(der.as_bytes())),
        row("63 bytes", Fault::Signature, with(&raw[..63])),
        row("65 bytes", Fault::Signature, with(&[&raw[..], &[0]].concat())),
        row("96 bytes, as of P-384", Fault::Signature, with(&[&raw[..], &[0; 32]].concat())),
        row("signed by another key", Fault::Signature, {
            compact(header(&base64_of(&house.good_chain())).as_bytes(), &payload(NOW), &Pair::seeded(33))
        }),
        row("another payload's signature", Fault::Signature, format!("{head}.{another}.{text}")),
        row("a bit of the payload", Fault::Signature, format!("{head}.{}.{text}", flipped(body))),
        row("a bit of the signature", Fault::Signature, format!("{message}.{}", flipped(&text))),
        row("a bit of the signature's last byte", Fault::Signature, with(&[&raw[..63], &[raw[63] ^ 1]].concat())),
        row("nothing", Fault::Shape, String::new()),
        row("one segment", Fault::Shape, head.to_owned()),
        row("two segments", Fault::Shape, message.to_owned()),
        row("four segments", Fault::Shape, format!("{good}.{text}")),
        row("a segment before the header", Fault::Shape, format!(".{good}")),
        row("a dot at the end", Fault::Shape, format!("{good}.")),
        row("a newline at the end", Fault::Shape, format!("{good}\n")),
        row("a space at the beginning", Fault::Shape, format!(" {good}")),
        row("a padded signature", Fault::Shape, format!("{good}==")),
        row("a padded payload", Fault::Shape, format!("{head}.{body}=.{text}")),
        row("unused bits in the signature", Fault::Shape, format!("{message}.{unused}")),
        row("base64 instead of base64url", Fault::Shape, format!("{message}.{}", with_alphabet(&text))),
        row("a cut text", Fault::Shape, good[..good.len() - 1].to_owned()),
        row("letters that are not ASCII", Fault::Shape, good.replacen('A', "Ａ", 1)),
    ]
}

fn payloads(house: &House) -> Vec<Row> {
    let with = |payload: &[u8]| house.with_payload(payload);
    vec![
        row("an empty payload", Fault::Payload, with(b"")),
        row("a payload that is no JSON", Fault::Payload, with(b"{")),
        row("a list", Fault::Payload, with(b"[1795000000000,1795000000000]")),
        row("a text", Fault::Payload, with(br#""{}""#)),
        row("null", Fault::Payload, with(b"null")),
        row("no UTF-8", Fault::Payload, with(b"{\"a\":\"\xc3\x28\"}")),
        row("two objects", Fault::Payload, with(b"{}{}")),
        row("a date in a text", Fault::Payload, with(br#"{"signedDate":"1795000000000"}"#)),
        row("two dates", Fault::Payload, with(br#"{"signedDate":1795000000000,"signedDate":1795000000000}"#)),
    ]
}
