"""The verdicts of Apple's own library. Standard input has a question on each line, as JSON; standard output gets the
answer to each: "accepted", or the name of the error that refused.

    {"jws", "kind": "signature" | "notification" | "transaction" | "renewal" | "app transaction", "now": milliseconds,
     "root": base64 of its DER, "is_strict", "bundle_id", "apple_id", "environment"}
"""

import base64
import functools
import json
import sys
import types

from appstoreserverlibrary import signed_data_verifier as library
from appstoreserverlibrary.models.Environment import Environment


@functools.cache
def verifier(root, is_strict, bundle_id, apple_id, environment):
    made = library.SignedDataVerifier([base64.b64decode(root)], False, Environment(environment), bundle_id, apple_id)
    # A chain like that of the library's test data has no key identifiers.
    made._chain_verifier.enable_strict_checks = is_strict
    return made


def notification(made, jws):
    """With all that is signed inside: the library leaves those calls to its user."""
    decoded = made.verify_and_decode_notification(jws)
    data, app_data = decoded.data, decoded.appData
    if data and data.signedTransactionInfo is not None:
        made.verify_and_decode_signed_transaction(data.signedTransactionInfo)
    if data and data.signedRenewalInfo is not None:
        made.verify_and_decode_renewal_info(data.signedRenewalInfo)
    if app_data and app_data.signedAppTransactionInfo is not None:
        made.verify_and_decode_app_transaction(app_data.signedAppTransactionInfo)


KINDS = {
    # The part that all public functions share.
    "signature": lambda made, jws: made._decode_signed_object(jws),
    "notification": notification,
    "transaction": lambda made, jws: made.verify_and_decode_signed_transaction(jws),
    "renewal": lambda made, jws: made.verify_and_decode_renewal_info(jws),
    "app transaction": lambda made, jws: made.verify_and_decode_app_transaction(jws),
}


def answer(question):
    # Asked for only where a payload has no date.
    library.time = types.SimpleNamespace(time=lambda: question["now"] / 1000)
    made = verifier(*(question[name] for name in ("root", "is_strict", "bundle_id", "apple_id", "environment")))
    try:
        KINDS[question["kind"]](made, question["jws"])
        return "accepted"
    except Exception as error:
        while error.__cause__ is not None:
            error = error.__cause__
        return error.status.name if isinstance(error, library.VerificationException) else type(error).__name__


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
