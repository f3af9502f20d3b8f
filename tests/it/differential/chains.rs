//! Which certificates are in the header, and how they are written there.

use super::corpus::Corpus;
use super::forge::*;
use super::texts::lists;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

pub fn all(corpus: &mut Corpus, house: &House) {
    listed(corpus, house);
    odd_entries(corpus, house);
    encoded(corpus, house);
    damaged(corpus, house);
    related(corpus, house);
}

/// Up to three of some certificates in any order, and four as chance has it.
fn listed(corpus: &mut Corpus, house: &House) {
    let [leaf, intermediate, root] = house.good_chain();
    let another = House::of_tests().root_der;
    let parts = base64_of(&[leaf, intermediate, root, another]);
    let parts: Vec<String> = parts.into_iter().chain(["AAAA".to_owned(), String::new()]).collect();
    let mut four = lists(parts.len(), 4).split_off(1 + 6 + 36 + 216);
    let four: Vec<_> = (0..100).map(|_| four.swap_remove(corpus.rng.below(four.len()))).collect();
    for list in lists(parts.len(), 3).into_iter().chain(four) {
        let x5c: Vec<_> = list.iter().map(|at| parts[*at].clone()).collect();
        let class = match list.as_slice() {
            [0, 1, 2] => "good",
            [0, 1, _] => "another third certificate",
            _ => "other certificates",
        };
        let x5c = if x5c.is_empty() { "[]".to_owned() } else { format!("[\"{}\"]", x5c.join("\",\"")) };
        corpus.signature(class, house.headed(&format!(r#"{{"alg":"ES256","x5c":{x5c}}}"#)));
    }
}

/// What is no list of texts.
fn odd_entries(corpus: &mut Corpus, house: &House) {
    let x5c = base64_of(&house.good_chain());
    let [leaf, intermediate, root] = [0, 1, 2].map(|at| format!("\"{}\"", x5c[at]));
    let of = |list: &str| house.headed(&format!(r#"{{"alg":"ES256","x5c":{list}}}"#));
    for odd in ["null", "7", "true", "[]", "{}", "[\"AAAA\"]"] {
        corpus.signature("a third entry that is no text", of(&format!("[{leaf},{intermediate},{odd}]")));
        corpus.signature("an entry that is no text", of(&format!("[{leaf},{odd},{root}]")));
        corpus.signature("an entry that is no text", of(&format!("[{odd},{intermediate},{root}]")));
        corpus.signature("no list of certificates", of(odd));
    }
    for odd in [r#""abc""#, &leaf, r#"{"0":"a","1":"b","2":"c"}"#] {
        corpus.signature("no list of certificates", of(odd));
    }
    corpus.signature("no list of certificates", of(&format!("[[{leaf},{intermediate},{root}]]")));
}

fn encoded(corpus: &mut Corpus, house: &House) {
    // Serial numbers of some length give each length that padding depends on.
    for n in 1..=6_u8 {
        let grown = |cert: Cert| cert.with(|cert| cert.serial = [&[2, n][..], &vec![0x7b; n.into()]].concat());
        let x5c = base64_of(&house.chain(&grown(house.leaf_cert()), &grown(house.intermediate_cert())));
        corpus.signature("good", house.headed(&header(&x5c)));
        for at in 0..3 {
            for (class, text) in encodings(&x5c[at]) {
                let mut x5c = x5c.clone();
                x5c[at] = text;
                let class = if at == 2 { "another third certificate" } else { class };
                corpus.signature(class, house.headed(&header(&x5c)));
            }
        }
    }
}

/// Texts as they stand in JSON.
fn encodings(text: &str) -> Vec<(&'static str, String)> {
    let (first, rest) = text.split_at(text.len() / 2);
    let bare = text.trim_end_matches('=');
    let mut all = Vec::new();
    for odd in ["\\n", " ", "\\t", "\\r\\n", "*", "é", "\\u0000", "-", "."] {
        all.push(("a strange character in a certificate", format!("{first}{odd}{rest}")));
        all.push(("a strange character in a certificate", format!("{odd}{text}")));
        all.push(("a strange character in a certificate", format!("{text}{odd}")));
    }
    if bare != text {
        all.push(("a certificate that is not padded", bare.to_owned()));
        all.push(("a certificate with more padding", format!("{text}===")));
        let last = bare.chars().last().unwrap();
        let next = char::from(last as u8 + 1);
        all.push((
            "bits left over in a certificate",
            format!("{}{next}{}", &bare[..bare.len() - 1], &text[bare.len()..]),
        ));
    }
    if text.contains(['+', '/']) {
        all.push(("the other alphabet in a certificate", text.replace('+', "-").replace('/', "_")));
    }
    all.push(("PEM", format!("-----BEGIN CERTIFICATE-----\\n{text}\\n-----END CERTIFICATE-----\\n")));
    let der = BASE64_STANDARD.decode(text).unwrap();
    for tail in [&[0][..], &[0; 16], &der] {
        all.push(("more behind a certificate", BASE64_STANDARD.encode([&der[..], tail].concat())));
    }
    all
}

/// Bytes of certificates that nobody certified again, under a signature that holds.
fn damaged(corpus: &mut Corpus, house: &House) {
    let good = house.good_chain();
    for n in 0..450 {
        let (mut chain, which) = (good.clone(), n % 3);
        let der = &mut chain[which];
        let at = corpus.rng.below(der.len());
        match n % 9 / 3 {
            0 => der[at] ^= 1 << corpus.rng.below(8),
            1 => der[at] = corpus.rng.next() as u8,
            _ => der.truncate(at),
        }
        if chain == good {
            continue;
        }
        let class = if which == 2 { "another third certificate" } else { "a damaged certificate" };
        corpus.signature(class, house.under(&chain));
    }
}

/// Chains of other shapes, and of other houses.
fn related(corpus: &mut Corpus, house: &House) {
    let (leaf, above) = (house.leaf_cert(), house.intermediate_cert());
    let [leaf_der, above_der, root_der] = house.good_chain();
    let stranger = Pair::seeded(40);
    let stranger_info = |cert: Cert| cert.with(|cert| cert.info = stranger.info());
    let own_root = stranger_info(house.root_cert()).signed(&stranger);
    let own_above = stranger_info(above.clone());
    let chains: [(&str, [Vec<u8>; 3]); 9] = [
        ("a root of the same name", [leaf_der.clone(), above.signed(&stranger), own_root.clone()]),
        ("an intermediate of the same name", [leaf.signed(&stranger), own_above.signed(&stranger), root_der.clone()]),
        ("a whole chain of the same names", [leaf.signed(&stranger), own_above.signed(&stranger), own_root]),
        ("a leaf that another certified", [leaf.signed(&stranger), above_der.clone(), root_der.clone()]),
        ("a leaf that certified itself", [leaf.signed(&house.leaf), above_der.clone(), root_der.clone()]),
        (
            "an intermediate that certified itself",
            [leaf_der.clone(), above.signed(&house.intermediate), root_der.clone()],
        ),
        ("a leaf below the root", [below_root(house).signed(&house.root), above_der.clone(), root_der.clone()]),
        ("a leaf below the root", [below_root(house).signed(&house.root), root_der.clone(), root_der.clone()]),
        ("a leaf that is the root", [root_der.clone(), above_der, root_der]),
    ];
    for (class, chain) in chains {
        corpus.signature(class, house.under(&chain));
    }
    for other in [House::apples(), House::of_tests()] {
        corpus.signature("another root", other.good());
    }
}

fn below_root(house: &House) -> Cert {
    let names_root = names_key(&house.root.id());
    house.leaf_cert().with(|cert| cert.issuer = "Root").having(ISSUER_KEY, false, &names_root)
}
