//! The text of a JWS, its header, its payload and its signature.

use super::corpus::Corpus;
use super::forge::*;
use referd::domain::at::{At, Span};

pub fn all(corpus: &mut Corpus, house: &House) {
    corpus.signature("good", house.good());
    on_the_way(corpus, house);
    arranged(corpus, house);
    encoded(corpus, house);
    headers(corpus, house);
    signatures(corpus, house);
    payloads(corpus, house);
    dated(corpus, house);
    misspelt(corpus, house);
}

/// Changes of a text that nobody signs again.
fn on_the_way(corpus: &mut Corpus, house: &House) {
    let good = house.good();
    let signature = good.rfind('.').unwrap();
    for n in 0..600 {
        let mut text = good.clone().into_bytes();
        // A third of them in the signature, which is short.
        let at = if n % 3 == 0 { signature + corpus.rng.below(87) } else { corpus.rng.below(text.len()) };
        let class = match n % 6 {
            0 | 1 => {
                text[at] ^= 1 << corpus.rng.below(7);
                "a bit of the text"
            }
            2 => {
                text.truncate(at);
                "a cut text"
            }
            3 => {
                text.remove(at);
                "a character lost"
            }
            4 => {
                text.insert(at, text[corpus.rng.below(text.len())]);
                "a character more"
            }
            _ => {
                let last = text.len() - 1;
                text.swap(at, last.min(at + 1));
                "two characters exchanged"
            }
        };
        let text = String::from_utf8(text).unwrap();
        if text != good {
            corpus.signature(class, text);
        }
    }
}

/// Up to four of its segments, in any order, any of them several times or empty.
fn arranged(corpus: &mut Corpus, house: &House) {
    let good = house.good();
    let segments: Vec<&str> = good.split('.').chain([""]).collect();
    for list in lists(segments.len(), 4) {
        let text = list.iter().map(|at| segments[*at]).collect::<Vec<_>>().join(".");
        if text != good {
            corpus.signature("segments", text);
        }
    }
}

/// All lists of numbers below `n`, up to a length.
pub fn lists(n: usize, longest: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    let mut from = 0;
    for _ in 0..longest {
        let next: Vec<_> = all[from..].iter().flat_map(|list| (0..n).map(|at| [&list[..], &[at]].concat())).collect();
        from = all.len();
        all.extend(next);
    }
    all
}

fn sealed(message: &str, house: &House) -> String {
    format!("{message}.{}", url(&house.leaf.raw(message.as_bytes())))
}

/// Other ways to write the same bytes; what they stand in is signed as it is written.
fn encoded(corpus: &mut Corpus, house: &House) {
    let spaces = |n: usize| " ".repeat(n);
    // Of each length that asks for other padding, with characters in which the two alphabets differ.
    for n in 0..3 {
        let head = url(format!("{}{}", header(&base64_of(&house.good_chain())), spaces(n)).as_bytes());
        let body = url(format!(r#"{{"signedDate":{},"x":"?????~~~~~"}}{}"#, NOW.0, spaces(n)).as_bytes());
        assert!(body.contains('_') && body.contains('-'));
        corpus.signature("good", sealed(&format!("{head}.{body}"), house));
        for (class, head) in encodings(&head) {
            corpus.signature(class, sealed(&format!("{head}.{body}"), house));
        }
        for (class, body) in encodings(&body) {
            corpus.signature(class, sealed(&format!("{head}.{body}"), house));
        }
    }
    let good = house.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    for (class, signature) in encodings(signature) {
        corpus.signature(class, format!("{message}.{signature}"));
    }
}

fn encodings(segment: &str) -> Vec<(&'static str, String)> {
    let missing = (4 - segment.len() % 4) % 4;
    let (first, rest) = segment.split_at(segment.len() / 2);
    let mut all: Vec<_> = (1..=4)
        .map(|n| {
            let class = if n == missing { "a segment that is padded" } else { "a segment with wrong padding" };
            (class, format!("{segment}{}", "=".repeat(n)))
        })
        .collect();
    for odd in ["\n", " ", "\t", "\r\n", "*", "é", "\0", "\u{feff}", "%2B"] {
        all.push(("a strange character", format!("{first}{odd}{rest}")));
        all.push(("a strange character", format!("{odd}{segment}")));
        all.push(("a strange character", format!("{segment}{odd}")));
    }
    if segment.contains(['-', '_']) {
        all.push(("the other alphabet", segment.replace('-', "+").replace('_', "/")));
    }
    if missing > 0 {
        let last = segment.chars().last().unwrap();
        // The bits that are left over are noughts, so the next character of the alphabet sets one.
        let next = char::from(last as u8 + 1);
        all.push(("bits left over", format!("{}{next}", &segment[..segment.len() - 1])));
    }
    all
}

fn headers(corpus: &mut Corpus, house: &House) {
    let x5c = base64_of(&house.good_chain());
    let list = format!("[\"{}\"]", x5c.join("\",\""));
    let of = |alg: &str| format!(r#"{{"alg":{alg},"x5c":{list}}}"#);
    let algs = [
        "none",
        "None",
        "NONE",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "PS256",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\\u0000",
        "",
        "ES",
        "ES2560",
        "ＥＳ２５６",
        "ecdsa-with-SHA256",
    ];
    for alg in algs {
        corpus.signature("another alg", house.headed(&of(&format!("\"{alg}\""))));
    }
    for alg in ["null", "true", "256", "[]", "{}", r#"["ES256"]"#, r#"{"0":"ES256"}"#] {
        corpus.signature("another alg", house.headed(&of(alg)));
    }
    let good = of("\"ES256\"");
    let more = |member: &str| format!("{},{member}}}", &good[..good.len() - 1]);
    let bytes = |bytes: &[u8]| compact(bytes, &payload(NOW), &house.leaf);
    for member in [
        r#""typ":"JWT""#,
        r#""typ":7"#,
        r#""cty":"json""#,
        r#""kid":"key""#,
        r#""jku":"https://example.com/keys""#,
        r#""jwk":{"kty":"EC"}"#,
        r#""x5u":"https://example.com/chain""#,
        r#""x5t":"AAAA""#,
        r#""x5t#S256":"AAAA""#,
        r#""b64":true"#,
        r#""ALG":"none""#,
        r#""X5C":[]"#,
        r#""":"""#,
        r#""deep":[[[[[[[[{"a":[]}]]]]]]]]"#,
        r#""text":"\ud83c\udf4f""#,
    ] {
        corpus.signature("another member", house.headed(&more(member)));
    }
    for (class, member) in [
        ("a kid that is no text", r#""kid":7"#),
        ("a kid that is no text", r#""kid":null"#),
        ("a crit", r#""crit":["exp"],"exp":1"#),
        ("a crit", r#""crit":[]"#),
        ("a crit", r#""crit":null"#),
        ("a crit", r#""crit":"b64","b64":true"#),
        ("a crit that Apple's library knows", r#""crit":["b64"],"b64":true"#),
        ("a b64", r#""b64":false"#),
        ("a b64", r#""crit":["b64"],"b64":false"#),
        ("a b64 that is no truth value", r#""b64":null"#),
        ("a b64 that is no truth value", r#""b64":0"#),
        ("a member twice", r#""alg":"ES256""#),
        ("a member twice", r#""\u0061lg":"ES256""#),
        ("a member twice", r#""typ":"JWT","typ":"JWT""#),
        ("a member twice, the last one wrong", r#""alg":"none""#),
        ("a member twice, the last one wrong", r#""x5c":[]"#),
        ("a number too large", r#""x":1e400"#),
        ("no number", r#""x":NaN"#),
        ("no number", r#""x":-Infinity"#),
        ("half a surrogate", r#""x":"\ud800""#),
    ] {
        corpus.signature(class, house.headed(&more(member)));
    }
    corpus.signature("a member twice", house.headed(&format!(r#"{{"alg":"none",{}"#, &good[1..])));
    corpus.signature("a deep header", house.headed(&more(&format!(r#""x":{}{}"#, "[".repeat(200), "]".repeat(200)))));
    corpus.signature("a long header", house.headed(&more(&format!(r#""x":"{}""#, "x".repeat(40_000)))));
    for text in ["", "{}", "[]", "null", "7", "\"\"", "{", r#"{"alg":"ES256"}"#] {
        corpus.signature("no header", house.headed(text));
    }
    corpus.signature("no header", house.headed(&format!("[{good}]")));
    corpus.signature("no header", house.headed(&format!("{good}{good}")));
    corpus.signature("no header", house.headed(&format!("{good},")));
    corpus.signature("no header", house.headed(&good.replace('"', "'")));
    corpus.signature("no header", house.headed(&good.replace("\"x5c\"", "x5c")));
    corpus.signature("no header", house.headed(&format!("{good}//")));
    corpus.signature("a comma too many", house.headed(&good.replace(']', ",]")));
    corpus.signature("another x5c name", house.headed(&good.replace("x5c", "X5C")));
    for (from, to) in [(":", " :\n"), ("\"alg\"", "\"\\u0061lg\""), ("/", "\\/"), (",\"x5c", "\t,\r\n\"x5c")] {
        corpus.signature("another way to write the header", house.headed(&good.replace(from, to)));
    }
    corpus.signature("a mark of UTF-8", house.headed(&format!("\u{feff}{good}")));
    for wide in [good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), utf32(&good)] {
        corpus.signature("UTF-16 or UTF-32", bytes(&wide));
    }
    let (open, brace) = good.split_at(good.len() - 1);
    corpus.signature("no UTF-8", bytes(&[open.as_bytes(), b",\"x\":\"\xff\"", brace.as_bytes()].concat()));
    corpus.signature("a control character", house.headed(&more("\"x\":\"\u{1}\"")));
}

fn utf32(text: &str) -> Vec<u8> {
    text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()
}

fn signatures(corpus: &mut Corpus, house: &House) {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
        0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let good = house.good();
    let message = good.rsplit_once('.').unwrap().0;
    let raw = house.leaf.raw(message.as_bytes());
    let (r, s) = raw.split_at(32);
    let one = [&[0; 31][..], &[1]].concat();
    let der = p256::ecdsa::Signature::from_slice(&raw).unwrap().to_der().as_bytes().to_vec();
    let values: [&[u8]; 7] = [r, s, &[0; 32], &one, &N, &[0xff; 32], &[]];
    for r in values {
        for s in values {
            let both = [r, s].concat();
            if both != raw {
                corpus.signature("another signature", format!("{message}.{}", url(&both)));
            }
        }
    }
    for n in 0..64 {
        let mut bytes = raw;
        bytes[n] ^= 1 << corpus.rng.below(8);
        corpus.signature("a bit of the signature", format!("{message}.{}", url(&bytes)));
    }
    for length in [1, 31, 32, 63, 65, 66, 96, 128, 132] {
        let bytes: Vec<u8> = raw.iter().copied().cycle().take(length).collect();
        corpus.signature("a signature of another length", format!("{message}.{}", url(&bytes)));
    }
    corpus.signature("a signature in DER", format!("{message}.{}", url(&der)));
    let (r, s) = p256::ecdsa::Signature::from_slice(&raw).unwrap().split_scalars();
    let negated = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    corpus.signature("n - s for s", format!("{message}.{}", url(&negated.to_bytes())));
    for key in [Pair::seeded(33), Pair::seeded(8), Pair::seeded(9)] {
        let text = compact(header(&base64_of(&house.good_chain())).as_bytes(), &payload(NOW), &key);
        corpus.signature("signed by another key", text);
    }
    let another = format!("{}.{}", message.split('.').next().unwrap(), url(&payload(NOW.plus(Span::millis(1)))));
    corpus.signature("another payload's signature", format!("{another}.{}", url(&raw)));
}

fn payloads(corpus: &mut Corpus, house: &House) {
    let with = |payload: &[u8]| house.with_payload(payload);
    let date = format!(r#""signedDate":{}"#, NOW.0);
    for text in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "[1]",
        "null",
        "true",
        "7",
        "\"\"",
        "\"{}\"",
        "{}{}",
        "{},",
        "{}x",
        "x{}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":0x1}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x41\"}",
        "{\"a\":tru}",
        "{/**/}",
    ] {
        corpus.signature("no object", with(text.as_bytes()));
    }
    corpus.signature("no object", with(format!("[{{{date}}}]").as_bytes()));
    for text in [
        "{}",
        " {}",
        "{}\n",
        "\t{ }\r\n",
        "{\"\":0}",
        "{\"a\":1e400}",
        "{\"a\":-0}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud83c\\udf4f\"}",
        "{\"é\":\"🍏\"}",
    ] {
        corpus.signature("another object", with(text.as_bytes()));
    }
    corpus.signature(
        "another object",
        with(format!("{{\"a\":{}{},{date}}}", "[".repeat(200), "]".repeat(200)).as_bytes()),
    );
    for text in ["{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":-Infinity}"] {
        corpus.signature("no number", with(text.as_bytes()));
    }
    corpus.signature("half a surrogate", with(br#"{"a":"\ud800"}"#));
    corpus.signature("half a surrogate", with(br#"{"\ud800":1}"#));
    corpus.signature("half a surrogate", with(br#"{"a":"\udf4f\ud83c"}"#));
    let object = format!("{{{date}}}");
    corpus.signature("a mark of UTF-8", with(format!("\u{feff}{object}").as_bytes()));
    corpus.signature("UTF-16 or UTF-32", with(&object.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()));
    corpus.signature("UTF-16 or UTF-32", with(&utf32(&object)));
    for odd in [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80"] {
        corpus.signature("no UTF-8", with(&[b"{\"a\":\"", odd, b"\"}"].concat()));
    }
    corpus.signature("a long payload", with(format!("{{{date},\"a\":\"{}\"}}", "x".repeat(200_000)).as_bytes()));
    corpus.signature("another object", with(format!("{{{date},\"a\":\"{}\"}}", "x".repeat(100_000)).as_bytes()));
    for claim in [
        r#""exp":1"#,
        r#""nbf":99999999999"#,
        r#""iat":99999999999"#,
        r#""aud":"referd""#,
        r#""sub":7"#,
        r#""jti":7"#,
        r#""exp":"soon""#,
        r#""iat":[]"#,
    ] {
        corpus.signature("a claim of a JWT", with(format!("{{{date},{claim}}}").as_bytes()));
    }
    for claim in [r#""exp":99999999999"#, r#""nbf":1"#, r#""iat":1"#, r#""iss":"x""#, r#""sub":"x""#, r#""jti":"x""#] {
        corpus.signature("another object", with(format!("{{{date},{claim}}}").as_bytes()));
    }
}

/// Dates of every type, and around those of the chain.
fn dated(corpus: &mut Corpus, house: &House) {
    let now = NOW.0;
    for name in ["signedDate", "receiptCreationDate"] {
        let with = |value: &str| house.with_payload(format!(r#"{{"{name}":{value}}}"#).as_bytes());
        for value in
            [format!("{now}"), format!("{now}.0"), format!("{now}.75"), format!("{}e3", now / 1000), "null".to_owned()]
        {
            corpus.signature("another number for a date", with(&value));
        }
        for value in [
            "0",
            "-1",
            "1",
            "1e300",
            "-1e300",
            "99999999999999999999",
            "1e400",
            "253402300800000",
            "-62135596800001",
            "1.5",
            "-0",
            "999",
        ] {
            corpus.signature("a date out of the chain's", with(value));
        }
        for value in ["[]", "{}", "\"\"", "\"now\"", "[1]", "\"2026-11-18\"", "\"1e3\""] {
            corpus.signature("no date", with(value));
        }
        for value in ["true", "false"] {
            corpus.signature("a truth value for a date", with(value));
        }
        for value in [format!("\"{now}\""), format!("\" {now} \""), format!("\"{}_000\"", now / 1000)] {
            corpus.signature("a date in a text", with(&value));
        }
    }
    let of = |text: String| house.with_payload(text.as_bytes());
    corpus.signature("another object", of(format!(r#"{{"signedDate":{now},"receiptCreationDate":1}}"#)));
    corpus.signature("a date out of the chain's", of(format!(r#"{{"signedDate":1,"receiptCreationDate":{now}}}"#)));
    corpus.signature("another object", of(format!(r#"{{"signedDate":null,"receiptCreationDate":{now}}}"#)));
    corpus.signature("no date that is read", of(format!(r#"{{"signedDate":{now},"receiptCreationDate":"x"}}"#)));
    corpus.signature("a date twice", of(format!(r#"{{"signedDate":{now},"signedDate":{now}}}"#)));
    corpus.signature("a date twice", of(format!(r#"{{"signedDate":1,"signedDate":{now}}}"#)));
    corpus.signature("a date twice, the last one wrong", of(format!(r#"{{"signedDate":{now},"signedDate":1}}"#)));
    corpus.signature("another object", of(format!(r#"{{"a":1,"a":2,"signedDate":{now}}}"#)));
    corpus.signature("another object", of(format!(r#"{{"data":{{"signedDate":1}},"signedDate":{now}}}"#)));
    let chain = house.good_chain();
    for end in [-10, -5, -1, 1, 10, 15] {
        for millis in [-1_001, -1_000, -999, -1, 0, 1, 999, 1_000, 1_001, 86_400_000] {
            corpus.signature("signed at an end of the chain's time", house.at(&chain, At(years(end).0 + millis)));
        }
    }
}

/// A payload of which a byte is another, signed as it is.
fn misspelt(corpus: &mut Corpus, house: &House) {
    let good = format!(r#"{{"signedDate":{},"receiptCreationDate":{0},"a":[1.5,true,null,"\u0041"]}}"#, NOW.0);
    for n in 0..300 {
        let mut bytes = good.clone().into_bytes();
        let at = corpus.rng.below(bytes.len());
        match n % 3 {
            0 => bytes[at] ^= 1 << corpus.rng.below(8),
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, b" {}[],:\"\\0"[corpus.rng.below(10)]),
        }
        corpus.signature("a byte of the payload", house.with_payload(&bytes));
    }
}
