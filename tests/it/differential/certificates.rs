//! Certificates of which one property is another, certified as they are.

use super::corpus::Corpus;
use super::forge::*;
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use referd::domain::at::Span;

type Change = Box<dyn Fn(Cert) -> Cert>;

pub fn all(corpus: &mut Corpus, house: &House) {
    let (leaf, above) = (house.leaf_cert(), house.intermediate_cert());
    for (name, change) in changes(house) {
        let under = house.under(&house.chain(&change(leaf.clone()), &above));
        corpus.signature(&format!("leaf: {name}"), under);
        let under = house.under(&house.chain(&leaf, &change(above.clone())));
        corpus.signature(&format!("intermediate: {name}"), under);
    }
    exchanged(corpus, house);
    hashes(corpus, house);
    keys(corpus, house);
    roots(corpus, house);
    bits(corpus, house);
}

fn change(name: impl Into<String>, change: impl Fn(Cert) -> Cert + 'static) -> (String, Change) {
    (name.into(), Box::new(change))
}

fn has(cert: &Cert, oid: &str) -> bool {
    cert.extensions.iter().any(|extension| extension.oid == oid)
}

fn changes(house: &House) -> Vec<(String, Change)> {
    let mut all = Vec::new();
    dates(&mut all);
    constraints(&mut all);
    usages(&mut all);
    key_ids(&mut all, house);
    marks(&mut all);
    others(&mut all);
    names(&mut all);
    forms(&mut all);
    all
}

fn dates(all: &mut Vec<(String, Change)>) {
    let second = Span::seconds(1);
    all.extend([
        change("valid from now", |cert| cert.with(|cert| cert.from = NOW)),
        change("valid a second later", move |cert| cert.with(|cert| cert.from = NOW.plus(second))),
        change("valid next year", |cert| cert.with(|cert| cert.from = years(1))),
        change("valid until now", |cert| cert.with(|cert| cert.until = NOW)),
        change("valid until a second before", move |cert| cert.with(|cert| cert.until = NOW.minus(second))),
        change("valid until last year", |cert| cert.with(|cert| cert.until = years(-1))),
        change("valid the wrong way round", |cert| cert.with(|cert| std::mem::swap(&mut cert.from, &mut cert.until))),
        change("valid past 2050", |cert| cert.with(|cert| cert.until = years(40))),
        change("valid since 1970", |cert| cert.with(|cert| cert.from = years(-50))),
    ]);
}

fn constraints(all: &mut Vec<(String, Change)>) {
    let values: [(&'static str, bool, &'static [u8]); 13] = [
        ("no authority", true, &NO_CA),
        ("no authority, not critical", false, &NO_CA),
        ("an authority", true, &CA),
        ("an authority, not critical", false, &CA),
        ("an authority of leafs", true, &CA_OF_LEAFS),
        ("an authority of leafs, not critical", false, &CA_OF_LEAFS),
        ("an authority with a long path", true, &[0x30, 6, 1, 1, 0xff, 2, 1, 9]),
        ("an authority with a path below nothing", true, &[0x30, 6, 1, 1, 0xff, 2, 1, 0xff]),
        ("a path length and no authority", true, &[0x30, 3, 2, 1, 0]),
        ("constraints with a default written out", true, &[0x30, 3, 1, 1, 0]),
        ("constraints with a strange TRUE", true, &[0x30, 3, 1, 1, 1]),
        ("constraints with more behind them", true, &[0x30, 0, 0]),
        ("empty constraints", true, &[]),
    ];
    all.push(change("no constraints", |cert| cert.without(CONSTRAINTS)));
    for (name, is_critical, value) in values {
        all.push(change(name, move |cert| cert.having(CONSTRAINTS, is_critical, value)));
    }
}

fn usages(all: &mut Vec<(String, Change)>) {
    all.push(change("no key usage", |cert| cert.without(USAGE)));
    // From digitalSignature to decipherOnly (RFC 5280, section 4.2.1.3).
    let values: [(&'static str, &'static [u8]); 14] = [
        ("key usage digitalSignature", &[3, 2, 7, 0x80]),
        ("key usage nonRepudiation", &[3, 2, 6, 0x40]),
        ("key usage keyEncipherment", &[3, 2, 5, 0x20]),
        ("key usage dataEncipherment", &[3, 2, 4, 0x10]),
        ("key usage keyAgreement", &[3, 2, 3, 0x08]),
        ("key usage keyCertSign", &[3, 2, 2, 0x04]),
        ("key usage cRLSign", &[3, 2, 1, 0x02]),
        ("key usage encipherOnly", &[3, 2, 0, 0x01]),
        ("key usage decipherOnly", &[3, 3, 7, 0, 0x80]),
        ("key usage digitalSignature, keyCertSign", &[3, 2, 2, 0x84]),
        ("key usage keyCertSign, cRLSign", &[3, 2, 1, 0x06]),
        ("key usage all", &[3, 3, 7, 0xff, 0x80]),
        ("key usage none", &[3, 1, 0]),
        ("key usage with noughts at its end", &[3, 2, 0, 0x84]),
    ];
    for (name, value) in values {
        all.push(change(name, move |cert| cert.having(USAGE, true, value)));
    }
    all.push(change("key usage digitalSignature, not critical", |cert| cert.having(USAGE, false, &DIGITAL_SIGNATURE)));
    all.push(change("key usage keyCertSign, not critical", |cert| cert.having(USAGE, false, &KEY_CERT_SIGN)));
    all.push(change("key usage that is a number", |cert| cert.having(USAGE, true, &[2, 1, 4])));
}

fn key_ids(all: &mut Vec<(String, Change)>, house: &House) {
    let (root, above) = (house.root.id(), house.intermediate.id());
    let directory = |common: &str| tlv(0xa1, &[&tlv(0xa4, &[&name(common)])]);
    let serial = house.intermediate_cert().serial[2..].to_vec();
    let naming = |id: &[u8], issuer: &str, serial: &[u8]| {
        sequence(&[&tlv(0x80, &[id]), &directory(issuer), &tlv(0x82, &[serial])])
    };
    let values: [(&'static str, bool, Vec<u8>); 7] = [
        ("the issuer's key named as the root's", false, names_key(&root)),
        ("the issuer's key named as the intermediate's", false, names_key(&above)),
        ("the issuer's key named as another", false, names_key(&[7; 20])),
        ("the issuer's key named, critical", true, names_key(&root)),
        ("the issuer's key not named in its extension", false, sequence(&[])),
        ("the issuer named too", false, naming(&above, "Root", &serial)),
        ("the issuer named with another serial", false, naming(&above, "Root", &[9])),
    ];
    all.push(change("the issuer's key not named", |cert| cert.without(ISSUER_KEY)));
    for (name, is_critical, value) in values {
        all.push(change(name, move |cert| cert.having(ISSUER_KEY, is_critical, &value)));
    }
    all.push(change("no key identifier", |cert| cert.without(KEY_ID)));
    for (name, is_critical, value) in [
        ("another key identifier", false, &[4, 3, 1, 2, 3][..]),
        ("an empty key identifier", false, &[4, 0]),
        ("a key identifier, critical", true, &[4, 3, 1, 2, 3]),
        ("a key identifier that is a number", false, &[2, 1, 4]),
    ] {
        all.push(change(name, move |cert| cert.having(KEY_ID, is_critical, value)));
    }
}

fn marks(all: &mut Vec<(String, Change)>) {
    const NEAR: [&str; 5] = [
        "1.2.840.113635.100.6.11",
        "1.2.840.113635.100.6.11.2",
        "1.2.840.113635.100.6.11.1.1",
        "1.2.840.113635.100.6.2",
        "1.2.840.113635.100.6.2.14",
    ];
    all.push(change("no mark", |cert| cert.without(LEAF).without(INTERMEDIATE)));
    all.push(change("the leaf's mark", |cert| cert.without(INTERMEDIATE).having(LEAF, false, &[5, 0])));
    all.push(change("the intermediate's mark", |cert| cert.without(LEAF).having(INTERMEDIATE, false, &[5, 0])));
    all.push(change("both marks", |cert| cert.having(LEAF, false, &[5, 0]).having(INTERMEDIATE, false, &[5, 0])));
    for oid in NEAR {
        all.push(change("a mark that is near", move |cert| {
            cert.without(LEAF).without(INTERMEDIATE).having(oid, false, &[5, 0])
        }));
    }
    let both = |cert: Cert, is_critical: bool, value: &[u8]| {
        let oid = if has(&cert, LEAF) { LEAF } else { INTERMEDIATE };
        cert.having(oid, is_critical, value)
    };
    all.push(change("a mark with a text", move |cert| both(cert, false, b"\x0c\x02hi")));
    all.push(change("a mark with nothing", move |cert| both(cert, false, b"")));
    all.push(change("a mark with no DER", move |cert| both(cert, false, b"\xff\xff\xff")));
    all.push(change("a mark, critical", move |cert| both(cert, true, &[5, 0])));
    all.push(change("a mark twice", |cert| {
        cert.with(|cert| {
            let mark = cert.extensions.iter().find(|extension| [LEAF, INTERMEDIATE].contains(&extension.oid)).cloned();
            cert.extensions.extend(mark);
        })
    }));
}

fn others(all: &mut Vec<(String, Change)>) {
    let any = |common: &str| sequence(&[&tlv(0xa4, &[&name(common)])]);
    let values: Vec<(&'static str, &'static str, Vec<u8>)> = vec![
        ("an unknown extension", "1.2.3.4", vec![5, 0]),
        ("a use in TLS", "2.5.29.37", sequence(&[&oid("1.3.6.1.5.5.7.3.1")])),
        ("any use", "2.5.29.37", sequence(&[&oid("2.5.29.37.0")])),
        ("policies", "2.5.29.32", sequence(&[&sequence(&[&oid("1.2.840.113635.100.5.6.1")])])),
        ("policies with no DER", "2.5.29.32", vec![0xff]),
        ("policy constraints", "2.5.29.36", sequence(&[&[0x80, 1, 0]])),
        ("no other policy", "2.5.29.54", vec![2, 1, 0]),
        ("names that are allowed", "2.5.29.30", sequence(&[&tlv(0xa0, &[&sequence(&[&tlv(0xa4, &[&name("Leaf")])])])])),
        (
            "names that are forbidden",
            "2.5.29.30",
            sequence(&[&tlv(0xa1, &[&sequence(&[&tlv(0xa4, &[&name("Leaf")])])])]),
        ),
        ("another name", "2.5.29.17", sequence(&[&tlv(0x82, &[b"example.com"])])),
        ("no other name", "2.5.29.17", sequence(&[])),
        ("another name of the issuer", "2.5.29.18", any("Root")),
        ("where revocations are", "2.5.29.31", sequence(&[])),
        (
            "whom to ask",
            "1.3.6.1.5.5.7.1.1",
            sequence(&[&sequence(&[&oid("1.3.6.1.5.5.7.48.1"), &tlv(0x86, &[b"http://127.0.0.1"])])]),
        ),
    ];
    for (name, oid, value) in values {
        let critical = value.clone();
        all.push(change(name, move |cert| cert.having(oid, false, &value)));
        all.push(change(format!("{name}, critical"), move |cert| cert.having(oid, true, &critical)));
    }
}

fn names(all: &mut Vec<(String, Change)>) {
    for (name, common) in [
        ("another issuer", "Another"),
        ("no issuer", ""),
        ("the issuer in capitals", "INTERMEDIATE"),
        ("the issuer in capitals", "ROOT"),
        ("the issuer with spaces", " Intermediate "),
        ("the issuer with spaces", "Root  "),
        ("an issuer that goes on", "Intermediate\0"),
    ] {
        all.push(change(name, move |cert| cert.with(|cert| cert.issuer = common)));
    }
    for (name, common) in [
        ("another subject", "Another"),
        ("no subject", ""),
        ("the subject in capitals", "INTERMEDIATE"),
        ("the subject of the root", "Root"),
        ("the subject of the intermediate", "Intermediate"),
    ] {
        all.push(change(name, move |cert| cert.with(|cert| cert.subject = common)));
    }
}

fn forms(all: &mut Vec<(String, Change)>) {
    all.push(change("version 1", |cert| cert.with(|cert| cert.version = Vec::new())));
    for (name, number) in [("version 1, written out", 0), ("version 2", 1), ("version 4", 3)] {
        all.push(change(name, move |cert| cert.with(|cert| cert.version[4] = number)));
    }
    for (name, serial) in [
        ("the serial number 0", vec![2, 1, 0]),
        ("a serial number below 0", vec![2, 1, 0x80]),
        ("a serial number of 20 bytes", [&[2, 20][..], &[0x7f; 20]].concat()),
        ("a serial number of 21 bytes", [&[2, 21][..], &[0x7f; 21]].concat()),
        ("a serial number of 100 bytes", [&[2, 100][..], &[0x7f; 100]].concat()),
        ("a serial number that is not the shortest", vec![2, 2, 0, 1]),
        ("a serial number of no bytes", vec![2, 0]),
    ] {
        all.push(change(name, move |cert| cert.with(|cert| cert.serial = serial.clone())));
    }
    let null = |algorithm: &str| sequence(&[&oid(algorithm), &[5, 0]]);
    all.push(change("two algorithms", |cert| cert.with(|cert| cert.inner_algorithm = sequence(&[&oid(SHA256)]))));
    all.push(change("the other of two algorithms", |cert| {
        cert.with(|cert| cert.outer_algorithm = sequence(&[&oid(SHA256)]))
    }));
    all.push(change("an algorithm with a parameter", move |cert| {
        cert.with(|cert| (cert.inner_algorithm, cert.outer_algorithm) = (null(SHA384), null(SHA384)))
    }));
    all.push(change("the algorithm of another key", move |cert| {
        let rsa = null("1.2.840.113549.1.1.12");
        cert.with(|cert| (cert.inner_algorithm, cert.outer_algorithm) = (rsa.clone(), rsa.clone()))
    }));
    all.push(change("an unknown algorithm", move |cert| {
        let unknown = sequence(&[&oid("1.2.3.4")]);
        cert.with(|cert| (cert.inner_algorithm, cert.outer_algorithm) = (unknown.clone(), unknown.clone()))
    }));
    all.push(change("an extension critical by a strange TRUE", |cert| {
        cert.extended(verbatim(
            "2.5.29.32",
            &[&[1, 1, 1][..], &tlv(4, &[&sequence(&[&sequence(&[&oid("1.2.3")])])])].concat(),
        ))
    }));
    all.push(change("an extension's default written out", |cert| {
        cert.extended(verbatim("1.2.3.4", &[1, 1, 0, 4, 2, 5, 0]))
    }));
    all.push(change("an extension twice", |cert| {
        cert.with(|cert| {
            cert.extensions.extend([extension("1.2.3.4", false, &[5, 0]), extension("1.2.3.4", false, &[5, 0])])
        })
    }));
    all.push(change("an extension of 9 KB", |cert| cert.having("1.2.3.4", false, &tlv(4, &[&[0; 9_000]]))));
    all.push(change("no extension", |cert| cert.with(|cert| cert.extensions.clear())));
}

/// Marks of one on the other, and a leaf and an intermediate that take each other's place.
fn exchanged(corpus: &mut Corpus, house: &House) {
    let leaf = house.leaf_cert().without(LEAF).having(INTERMEDIATE, false, &[5, 0]);
    let above = house.intermediate_cert().without(INTERMEDIATE).having(LEAF, false, &[5, 0]);
    corpus.signature("marks exchanged", house.under(&house.chain(&leaf, &above)));
    // A leaf that certifies another leaf.
    let deep =
        house.leaf_cert().with(|cert| cert.issuer = "Leaf").having(ISSUER_KEY, false, &names_key(&house.leaf.id()));
    let authority = house.leaf_cert().having(INTERMEDIATE, false, &[5, 0]);
    let chain = [deep.signed(&house.leaf), authority.signed(&house.intermediate), house.root_der.clone()];
    corpus.signature("a leaf below a leaf", house.under(&chain));
}

/// Issuers of P-256 can sign with any hash here.
fn hashes(corpus: &mut Corpus, house: &House) {
    let issuer = Pair::seeded(21);
    let renamed = |cert: Cert, oid, id: Vec<u8>| if has(&cert, oid) { cert.having(oid, false, &id) } else { cert };
    let above = house.intermediate_cert().with(|cert| cert.info = issuer.info());
    let above = renamed(above, KEY_ID, tlv(4, &[&issuer.id()])).signed(&house.root);
    for (class, algorithm) in [
        ("leaf: certified with SHA-1", SHA1),
        ("good", SHA256),
        ("good", SHA384),
        ("leaf: certified with SHA-512", SHA512),
    ] {
        let leaf = renamed(house.leaf_cert().hashed(algorithm), ISSUER_KEY, names_key(&issuer.id()));
        corpus.signature(class, house.under(&[leaf.signed(&issuer), above.clone(), house.root_der.clone()]));
    }
}

fn keys(corpus: &mut Corpus, house: &House) {
    let point = house.leaf.point();
    let coordinates = &point[1..];
    let p256 = "1.2.840.10045.3.1.7";
    let ec = || oid("1.2.840.10045.2.1");
    let compressed = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    let hybrid = [&[6 + (point[64] & 1)], coordinates].concat();
    let of = |algorithm: Vec<u8>, key: &[u8]| sequence(&[&algorithm, &tlv(3, &[&[0], key])]);
    let infos: Vec<(&str, Vec<u8>)> = vec![
        ("leaf: a compressed key", info(p256, &compressed)),
        ("leaf: a hybrid key", info(p256, &hybrid)),
        ("leaf: a key off the curve", info(p256, &[&point[..64], &[point[64] ^ 1]].concat())),
        ("leaf: a key at infinity", info(p256, &[0])),
        ("leaf: a key of 0", info(p256, &[&[4][..], &[0; 64]].concat())),
        ("leaf: a short key", info(p256, &point[..64])),
        ("leaf: no key", info(p256, &[])),
        ("leaf: a key of P-384", Pair::p384().info()),
        ("leaf: a key on another curve", info("1.3.132.0.10", &point)),
        ("leaf: a key on no curve", info("1.2.3.4", &point)),
        ("leaf: a key without a curve", of(sequence(&[&ec()]), &point)),
        ("leaf: a key whose curve is NULL", of(sequence(&[&ec(), &[5, 0]]), &point)),
        ("leaf: a key of ECDH", of(sequence(&[&oid("1.3.132.1.12"), &oid(p256)]), &point)),
        ("leaf: a key of Ed25519", of(sequence(&[&oid("1.3.101.112")]), &point[1..33])),
        (
            "leaf: a key of RSA",
            of(
                sequence(&[&oid("1.2.840.113549.1.1.1"), &[5, 0]]),
                &sequence(&[&tlv(2, &[&[0], &[0xd1; 256]]), &[2, 3, 1, 0, 1]]),
            ),
        ),
        (
            "leaf: a key with bits left over",
            sequence(&[&sequence(&[&ec(), &oid(p256)]), &tlv(3, &[&[1], &point[..64], &[point[64] & 0xfe]])]),
        ),
        ("leaf: another's key", Pair::seeded(50).info()),
    ];
    for (class, info) in infos {
        let leaf = house.leaf_cert().with(|cert| cert.info = info);
        corpus.signature(class, house.under(&house.chain(&leaf, &house.intermediate_cert())));
    }
}

/// The trusted root itself is another.
fn roots(corpus: &mut Corpus, house: &House) {
    let is_strict = has(&house.root_cert(), KEY_ID);
    let long = |cert: Cert| cert.with(|cert| (cert.from, cert.until) = (years(-20), years(20)));
    let (leaf, above) = (long(house.leaf_cert()), long(house.intermediate_cert()));
    let chain = [leaf.signed(&house.intermediate), above.signed(&house.root)];
    let root = house.root_cert();
    let with = |root: &Cert| root.signed(&house.root);
    let changed: Vec<(&str, Vec<u8>)> = vec![
        ("good", with(&root)),
        ("root: expired", with(&root.clone().with(|cert| cert.until = NOW.minus(Span::seconds(1))))),
        ("root: not valid yet", with(&root.clone().with(|cert| cert.from = NOW.plus(Span::seconds(1))))),
        ("root: valid until now", with(&root.clone().with(|cert| cert.until = NOW))),
        ("root: no authority", with(&root.clone().having(CONSTRAINTS, true, &NO_CA))),
        ("root: no constraints", with(&root.clone().without(CONSTRAINTS))),
        ("root: an authority of leafs", with(&root.clone().having(CONSTRAINTS, true, &CA_OF_LEAFS))),
        ("root: an authority, not critical", with(&root.clone().having(CONSTRAINTS, false, &CA))),
        ("root: no key usage", with(&root.clone().without(USAGE))),
        ("root: key usage digitalSignature", with(&root.clone().having(USAGE, true, &DIGITAL_SIGNATURE))),
        ("root: another name", with(&root.clone().with(|cert| (cert.subject, cert.issuer) = ("Other", "Other")))),
        ("root: issued by another", with(&root.clone().with(|cert| cert.issuer = "Other"))),
        ("root: certified by another", root.signed(&house.intermediate)),
        ("root: an intermediate", above.signed(&house.root)),
        ("root: version 1", with(&root.clone().with(|cert| cert.version = Vec::new()))),
        ("root: an unknown critical extension", with(&root.clone().having("1.2.3.4", true, &[5, 0]))),
    ];
    for (class, der) in changed {
        corpus.of(&der, is_strict);
        corpus.signature(class, house.under(&[chain[0].clone(), chain[1].clone(), der]));
    }
    corpus.of(&house.root_der, is_strict);
}

/// A bit of each byte that the issuer certifies, certified as it is then; every bit where that costs little.
fn bits(corpus: &mut Corpus, house: &House) {
    let [leaf, above, root] = house.good_chain();
    let of = |der: &[u8], by: &Pair| {
        let is_costly = matches!(by, Pair::P384(_));
        let bits = (0..certified(der).len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
        let bits = bits.filter(|(at, bit)| !is_costly || at % 8 == *bit);
        bits.map(|(at, bit)| recertified(der, by, |inner| inner[at] ^= 1 << bit)).collect::<Vec<_>>()
    };
    for leaf in of(&leaf, &house.intermediate) {
        corpus.signature("leaf: a bit", house.under(&[leaf, above.clone(), root.clone()]));
    }
    for above in of(&above, &house.root) {
        corpus.signature("intermediate: a bit", house.under(&[leaf.clone(), above, root.clone()]));
    }
}

/// What the issuer signs: the first part, with its tag and length.
fn certified(der: &[u8]) -> &[u8] {
    let inner = &der[content(der).0..];
    let (start, length) = content(inner);
    &inner[..start + length]
}

/// Where the content begins behind tag and length, and how long it is.
fn content(der: &[u8]) -> (usize, usize) {
    match der[1] {
        short @ 0..0x80 => (2, short.into()),
        long => {
            let bytes = &der[2..2 + usize::from(long & 0x7f)];
            (2 + bytes.len(), bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
        }
    }
}

fn recertified(der: &[u8], by: &Pair, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut inner = certified(der).to_vec();
    change(&mut inner);
    let signature = match by {
        Pair::P256(key) => {
            let hash = digest::digest(&digest::SHA384, &inner);
            let signature: Signature = key.sign_prehash(hash.as_ref()).unwrap();
            signature.to_der().as_bytes().to_vec()
        }
        Pair::P384(pair) => pair.sign(&SystemRandom::new(), &inner).unwrap().as_ref().to_vec(),
    };
    sequence(&[&inner, &sequence(&[&oid(SHA384)]), &tlv(3, &[&[0], &signature])])
}
