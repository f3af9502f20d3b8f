"""What Apple's own library sends when it is told of a purchase whose refund is asked for. Standard input has a question on
each line, as JSON; standard output gets the path and the body of each, as the text of a JSON object in JSON.

    {"key": PEM, "api": "v1" or "v2", "id", "delivery", "sample", "consumed": thousandths of a percent or null,
     "preference": text or null, "minutes": number or null, "days": number or null, "token"}
"""

import json
import sys

from appstoreserverlibrary.api_client import AppStoreServerAPIClient
from appstoreserverlibrary.models.AccountTenure import AccountTenure
from appstoreserverlibrary.models.ConsumptionRequest import ConsumptionRequest
from appstoreserverlibrary.models.ConsumptionRequestV1 import ConsumptionRequestV1
from appstoreserverlibrary.models.ConsumptionStatus import ConsumptionStatus
from appstoreserverlibrary.models.DeliveryStatus import DeliveryStatus
from appstoreserverlibrary.models.DeliveryStatusV1 import DeliveryStatusV1
from appstoreserverlibrary.models.Environment import Environment
from appstoreserverlibrary.models.LifetimeDollarsPurchased import LifetimeDollarsPurchased
from appstoreserverlibrary.models.LifetimeDollarsRefunded import LifetimeDollarsRefunded
from appstoreserverlibrary.models.Platform import Platform
from appstoreserverlibrary.models.PlayTime import PlayTime
from appstoreserverlibrary.models.RefundPreference import RefundPreference
from appstoreserverlibrary.models.RefundPreferenceV1 import RefundPreferenceV1
from appstoreserverlibrary.models.UserStatus import UserStatus

OLD_DELIVERIES = {
    "DELIVERED": DeliveryStatusV1.DELIVERED_AND_WORKING_PROPERLY,
    "UNDELIVERED_QUALITY_ISSUE": DeliveryStatusV1.DID_NOT_DELIVER_DUE_TO_QUALITY_ISSUE,
    "UNDELIVERED_WRONG_ITEM": DeliveryStatusV1.DELIVERED_WRONG_ITEM,
    "UNDELIVERED_SERVER_OUTAGE": DeliveryStatusV1.DID_NOT_DELIVER_DUE_TO_SERVER_OUTAGE,
    "UNDELIVERED_OTHER": DeliveryStatusV1.DID_NOT_DELIVER_FOR_OTHER_REASON,
}
OLD_PREFERENCES = {
    "DECLINE": RefundPreferenceV1.PREFER_DECLINE,
    "GRANT_FULL": RefundPreferenceV1.PREFER_GRANT,
    "GRANT_PRORATED": RefundPreferenceV1.PREFER_GRANT,
}
# Below so many, in the unit of the question.
TENURES = [
    (3, AccountTenure.ZERO_TO_THREE_DAYS),
    (10, AccountTenure.THREE_DAYS_TO_TEN_DAYS),
    (30, AccountTenure.TEN_DAYS_TO_THIRTY_DAYS),
    (90, AccountTenure.THIRTY_DAYS_TO_NINETY_DAYS),
    (180, AccountTenure.NINETY_DAYS_TO_ONE_HUNDRED_EIGHTY_DAYS),
    (365, AccountTenure.ONE_HUNDRED_EIGHTY_DAYS_TO_THREE_HUNDRED_SIXTY_FIVE_DAYS),
    (None, AccountTenure.GREATER_THAN_THREE_HUNDRED_SIXTY_FIVE_DAYS),
]
PLAY_TIMES = [
    (5, PlayTime.ZERO_TO_FIVE_MINUTES),
    (60, PlayTime.FIVE_TO_SIXTY_MINUTES),
    (6 * 60, PlayTime.ONE_TO_SIX_HOURS),
    (24 * 60, PlayTime.SIX_HOURS_TO_TWENTY_FOUR_HOURS),
    (4 * 24 * 60, PlayTime.ONE_DAY_TO_FOUR_DAYS),
    (16 * 24 * 60, PlayTime.FOUR_DAYS_TO_SIXTEEN_DAYS),
    (None, PlayTime.OVER_SIXTEEN_DAYS),
]


def within(ranges, number, unknown):
    if number is None:
        return unknown
    return next(name for end, name in ranges if end is None or number < end)


def consumed(part):
    if part is None:
        return ConsumptionStatus.UNDECLARED
    return {0: ConsumptionStatus.NOT_CONSUMED, 100_000: ConsumptionStatus.FULLY_CONSUMED}.get(
        part, ConsumptionStatus.PARTIALLY_CONSUMED
    )


def v1(question):
    return ConsumptionRequestV1(
        customerConsented=True,
        consumptionStatus=consumed(question["consumed"]),
        platform=Platform.APPLE,
        sampleContentProvided=question["sample"],
        deliveryStatus=OLD_DELIVERIES[question["delivery"]],
        appAccountToken=question["token"],
        accountTenure=within(TENURES, question["days"], AccountTenure.UNDECLARED),
        playTime=within(PLAY_TIMES, question["minutes"], PlayTime.UNDECLARED),
        lifetimeDollarsRefunded=LifetimeDollarsRefunded.UNDECLARED,
        lifetimeDollarsPurchased=LifetimeDollarsPurchased.UNDECLARED,
        userStatus=UserStatus.UNDECLARED,
        refundPreference=OLD_PREFERENCES.get(question["preference"]),
    )


def v2(question):
    preference = question["preference"]
    return ConsumptionRequest(
        customerConsented=True,
        deliveryStatus=DeliveryStatus(question["delivery"]),
        sampleContentProvided=question["sample"],
        consumptionPercentage=question["consumed"],
        refundPreference=RefundPreference(preference) if preference else None,
    )


class Accepted:
    status_code = 202
    headers = {}


def answer(question):
    sent = {}
    client = AppStoreServerAPIClient(question["key"].encode(), "KEY", "issuer", "bundle", Environment.LOCAL_TESTING)

    def execute(method, url, params, headers, body, data):
        sent.update(method=method, path="/" + url.split("/", 3)[3], body=body)
        return Accepted()

    client._execute_request = execute
    if question["api"] == "v1":
        client.send_consumption_data(question["id"], v1(question))
    else:
        client.send_consumption_information(question["id"], v2(question))
    return json.dumps(sent)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
