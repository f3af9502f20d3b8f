"""What Apple's own library signs. Standard input has a question on each line, as JSON; standard output gets the
signature or the token of each, as JSON.

    {"kind": "v1", "key": PEM, "key_id", "bundle_id", "product_id", "offer_id", "app_account_token", "nonce",
     "at": milliseconds}
    {"kind": "promotional", "key", "key_id", "issuer", "bundle_id", "product_id", "offer_id",
     "transaction_id": text or null, "nonce", "at"}
    {"kind": "introductory", "key", "key_id", "issuer", "bundle_id", "product_id", "allowed", "transaction_id", "nonce",
     "at"}
"""

import datetime
import json
import sys
import types
import uuid

from appstoreserverlibrary import jws_signature_creator as library
from appstoreserverlibrary.promotional_offer import PromotionalOfferSignatureCreator


def v1(question, nonce):
    made = PromotionalOfferSignatureCreator(*signer(question, "key_id", "bundle_id"))
    names = (question[name] for name in ("product_id", "offer_id", "app_account_token"))
    return made.create_signature(*names, nonce, question["at"])


def promotional(question, nonce):
    made = library.PromotionalOfferV2SignatureCreator(*signer(question, "key_id", "issuer", "bundle_id"))
    return made.create_signature(*(question[name] for name in ("product_id", "offer_id", "transaction_id")))


def introductory(question, nonce):
    made = library.IntroductoryOfferEligibilitySignatureCreator(*signer(question, "key_id", "issuer", "bundle_id"))
    return made.create_signature(*(question[name] for name in ("product_id", "allowed", "transaction_id")))


def signer(question, *names):
    return question["key"].encode(), *(question[name] for name in names)


KINDS = {"v1": v1, "promotional": promotional, "introductory": introductory}
START = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def answer(question):
    nonce, now = uuid.UUID(question["nonce"]), START + datetime.timedelta(milliseconds=question["at"])
    # A token takes both by itself.
    library.uuid = types.SimpleNamespace(uuid4=lambda: nonce)
    clock = types.SimpleNamespace(now=lambda zone: now)
    library.datetime = types.SimpleNamespace(datetime=clock, timezone=datetime.timezone)
    return KINDS[question["kind"]](question, nonce)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
