//! Where the two verdicts differ, and why ours is right.

/// One explanation. Each of its classes has to need it.
#[derive(Debug)]
pub struct Rule {
    /// What was changed, as the corpus names it.
    pub classes: &'static [&'static str],
    ours: &'static str,
    theirs: &'static str,
    /// Read by people only.
    _why: &'static str,
}

impl Rule {
    pub fn explains(&self, class: &str, ours: &str, theirs: &str) -> bool {
        self.classes.contains(&class) && (self.ours, self.theirs) == (ours, theirs)
    }
}

/// Ours is the stricter one.
const fn refused(ours: &'static str, classes: &'static [&'static str], why: &'static str) -> Rule {
    Rule { classes, ours, theirs: "accepted", _why: why }
}

/// Theirs is the stricter one.
const fn accepted(theirs: &'static str, classes: &'static [&'static str], why: &'static str) -> Rule {
    Rule { classes, ours: "accepted", theirs, _why: why }
}

pub const RULES: &[Rule] = &[
    // Texts.
    refused(
        "shape",
        &["a segment that is padded"],
        "Base64url has no padding in a JWS (RFC 7515, section 2). PyJWT takes it for the sake of another issuer.",
    ),
    refused(
        "size",
        &["a long header", "a long payload"],
        "Apple signs nothing that long, and the cap comes before every cost.",
    ),
    // Headers.
    refused(
        "header",
        &["a member twice"],
        "Readers differ on which of the two counts, so neither does (RFC 7515, section 4). Python takes the last.",
    ),
    refused(
        "header",
        &["a crit that Apple's library knows", "a b64 that is no truth value"],
        "Both change how the rest is read, and Apple sends neither. PyJWT knows b64, and asks only whether it is false.",
    ),
    refused(
        "header",
        &[
            "no number",
            "half a surrogate",
            "a mark of UTF-8",
            "UTF-16 or UTF-32",
            "a number too large",
            "a deep header",
        ],
        "JSON has no such numbers, is UTF-8 without a mark between systems (RFC 8259, sections 6 and 8), and the depth \
         is capped. Python guesses the encoding.",
    ),
    refused(
        "header",
        &["a third entry that is no text"],
        "x5c is a list of texts (RFC 7515, section 4.1.6). Apple's library does not look at the third one at all.",
    ),
    accepted(
        "InvalidTokenError",
        &["a kid that is no text"],
        "Nothing reads a kid here: the key is the leaf's. Apple sends none.",
    ),
    // How certificates are written.
    refused(
        "certificate",
        &["bits left over in a certificate", "more behind a certificate"],
        "One text for one certificate: what is left over could carry anything. Python's base64 drops the bits, and \
         pyOpenSSL what is behind the certificate.",
    ),
    refused(
        "certificate",
        &[
            "leaf: key usage with noughts at its end",
            "intermediate: key usage with noughts at its end",
            "leaf: a serial number of 100 bytes",
            "intermediate: a serial number of 100 bytes",
            "leaf: no subject",
            "leaf: version 1",
            "intermediate: version 1",
            "leaf: a bit",
            "intermediate: a bit",
        ],
        "RFC 5280 (sections 4.1.2 and 4.2.1.3) and DER forbid each of them. OpenSSL lets them pass where it does not \
         need the part; the bits make identifiers that x509-cert does not read.",
    ),
    refused(
        "certificate",
        &["leaf: an extension of 9 KB", "intermediate: an extension of 9 KB"],
        "Apple's certificates have some 1 KB, and the cap comes before every cost.",
    ),
    // What certificates say.
    refused(
        "extension",
        &[
            "leaf: a use in TLS, critical",
            "intermediate: a use in TLS, critical",
            "leaf: any use, critical",
            "intermediate: any use, critical",
            "leaf: policy constraints, critical",
            "intermediate: policy constraints, critical",
            "leaf: no other policy, critical",
            "intermediate: no other policy, critical",
            "leaf: names that are allowed, critical",
            "intermediate: names that are allowed, critical",
            "leaf: names that are forbidden, critical",
            "leaf: another name, critical",
            "intermediate: another name, critical",
            "leaf: no other name, critical",
            "intermediate: no other name, critical",
            "leaf: where revocations are, critical",
            "intermediate: where revocations are, critical",
        ],
        "What is critical and not acted on is refused (RFC 5280, section 4.2). OpenSSL acts on these; Apple has none.",
    ),
    refused(
        "extension",
        &["leaf: names that are allowed", "leaf: names that are forbidden", "intermediate: names that are allowed"],
        "Constraints of names are not acted on, so they are refused even where they are not critical, as they have to \
         be (RFC 5280, section 4.2.1.10).",
    ),
    refused(
        "constraints",
        &[
            "leaf: an authority",
            "leaf: an authority, not critical",
            "leaf: an authority of leafs",
            "leaf: an authority of leafs, not critical",
            "leaf: an authority with a long path",
        ],
        "What may issue certificates is no leaf. Apple's library asks for the mark only.",
    ),
    refused(
        "key-usage",
        &[
            "leaf: no key usage",
            "leaf: key usage nonRepudiation",
            "leaf: key usage keyEncipherment",
            "leaf: key usage dataEncipherment",
            "leaf: key usage keyAgreement",
            "leaf: key usage keyCertSign",
            "leaf: key usage keyCertSign, not critical",
            "leaf: key usage cRLSign",
            "leaf: key usage digitalSignature, keyCertSign",
            "leaf: key usage keyCertSign, cRLSign",
            "leaf: key usage all",
        ],
        "A leaf signs payloads and no certificates (RFC 5280, section 4.2.1.3). Apple's library tells OpenSSL no \
         purpose, so it does not ask.",
    ),
    refused(
        "chain",
        &[
            "leaf: the issuer in capitals",
            "intermediate: the issuer in capitals",
            "leaf: the issuer with spaces",
            "intermediate: the issuer with spaces",
            "intermediate: the subject in capitals",
            "leaf: a bit",
            "intermediate: a bit",
        ],
        "Names are compared as they are written, and Apple's are written alike. OpenSSL passes over case and spaces \
         (RFC 5280, section 7.1).",
    ),
    refused(
        "certificate-alg",
        &["leaf: certified with SHA-1", "leaf: certified with SHA-512"],
        "Apple certifies with SHA-384, its test authority with SHA-256 too; SHA-1 is broken.",
    ),
    refused(
        "key",
        &["leaf: a compressed key", "leaf: a hybrid key", "intermediate: a bit"],
        "Apple's keys are points that are written out, in whole bytes (RFC 5480, section 2.2). OpenSSL reads the other \
         forms.",
    ),
    refused(
        "root",
        &["root: certified by another", "root: version 1"],
        "Whoever configures a root that did not sign itself gave the wrong file. OpenSSL does not look.",
    ),
    accepted(
        "X509StoreContextError",
        &["leaf: no other name", "intermediate: no other name"],
        "The other names of a certificate are not read, and only its issuer can have written them.",
    ),
    accepted(
        "ValueError",
        &[
            "leaf: policies with no DER",
            "intermediate: policies with no DER",
            "leaf: policies with no DER, critical",
            "intermediate: policies with no DER, critical",
        ],
        "No policy is asked for, so policies are not read, and only the issuer can have written them. Python's \
         cryptography reads all extensions to find the mark.",
    ),
    accepted(
        "Error",
        &["leaf: a bit"],
        "The leaf's own name is a text of another type: it names nobody's issuer, and is not read.",
    ),
    accepted(
        "X509StoreContextError",
        &["leaf: the subject in capitals", "leaf: the subject of the intermediate"],
        "Below the test root, without key identifiers, OpenSSL takes a leaf with its issuer's name for one that \
         certified itself. Ours checks the signature by the intermediate's key, and it holds.",
    ),
    // Payloads.
    refused(
        "payload",
        &["no number", "half a surrogate", "a mark of UTF-8", "UTF-16 or UTF-32", "no UTF-8"],
        "As in headers. The bytes that Python takes for UTF-8 stand for half a surrogate.",
    ),
    refused(
        "payload",
        &["a date in a text", "a date twice", "no date that is read"],
        "Validity hangs on this number, so there is one and it is a number, as Apple writes it. Python makes one of \
         a text, and takes the last of two.",
    ),
    accepted(
        "ExpiredSignatureError",
        &["a claim of a JWT"],
        "Apple's payloads are no JWTs: exp would be a member like any other. What they say of time is signedDate.",
    ),
    accepted("ImmatureSignatureError", &["a claim of a JWT"], "The same of nbf and iat."),
    accepted("DecodeError", &["a claim of a JWT"], "The same of exp that is no number."),
    accepted("InvalidIssuedAtError", &["a claim of a JWT"], "The same of iat that is no number."),
    accepted("InvalidAudienceError", &["a claim of a JWT"], "The same of aud; bundleId says for whom it is."),
    accepted("InvalidSubjectError", &["a claim of a JWT"], "The same of sub."),
    accepted("InvalidJTIError", &["a claim of a JWT"], "The same of jti."),
    // What payloads say.
    accepted(
        "ClassValidationError",
        &[
            "notification: data.status",
            "notification: summary.storefrontCountryCodes",
            "notification: summary.succeededCount",
            "notification: summary.failedCount",
            "notification: externalPurchaseToken.tokenCreationDate",
            "transaction: purchaseDate",
            "transaction: originalPurchaseDate",
            "transaction: expiresDate",
            "transaction: quantity",
            "transaction: price",
            "transaction: offerType",
            "renewal: renewalDate",
            "renewal: renewalPrice",
            "renewal: recentSubscriptionStartDate",
            "app transaction: originalPurchaseDate",
            "app transaction: versionExternalIdentifier",
        ],
        "A member that is not as Apple describes it counts as missing: the rest is signed, and refusing it would lose \
         the purchase. None of these ties a payload to an app.",
    ),
    refused(
        "undated",
        &[
            "notification: signedDate",
            "transaction: signedDate",
            "renewal: signedDate",
            "app transaction: receiptCreationDate",
        ],
        "Its age and its order among others hang on the date. Apple's library takes now for it.",
    ),
    refused(
        "incomplete",
        &[
            "renewal: originalTransactionId",
            "renewal: autoRenewStatus",
            "app transaction: appTransactionId",
            "transaction for renewal",
        ],
        "Without it the payload says nothing that could be kept. In Apple's library every member may be missing.",
    ),
    refused("nested-incomplete", &["a transaction for a renewal"], "The same, inside of a notification."),
    refused(
        "nested-subscription",
        &["a transaction of another subscription", "a renewal of another subscription"],
        "Two parts of one notification are of one subscription. Apple's library leaves that to its user.",
    ),
    refused(
        "parts",
        &["two parts"],
        "A notification has one of them (Apple, responseBodyV2DecodedPayload). Apple's library takes the first.",
    ),
    refused(
        "from-the-future",
        &["signed in a month"],
        "It would come before everything that is signed until then. Apple's library asks the certificates only.",
    ),
    refused(
        "app",
        &["the app as a float", "the app as a fraction", "the app in a strange text"],
        "The id is digits, as Apple writes it. Python makes a number of all of these, even by cutting off a fraction.",
    ),
];
