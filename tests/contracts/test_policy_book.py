"""PolicyBook: append-only, checked once, read in one go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.evm import account, reverts
from tests.support.system import System, deploy_system, dispute_terms, policy_terms

NONE, ATTESTED, QUORUM, TEE = 0, 1, 2, 3
EVE = account("eve")
ISSUER = account("issuer").address
ZERO = "0x" + "00" * 20
MEASUREMENT = b"\7" * 32
KYC_PROVIDER, KYC_CUSTOMER, REGION, TEE_KIND, AUDIT = 1 << 0, 1 << 1, 1 << 3, 1 << 9, 1 << 10
# Seconds to contest that just fit: 14 days less window 259 200, response 21 600, cooling, evidence and appeal 86 400
# each, two rulings of 172 800.
LONGEST_CONTEST = 324_000
ALL_BUT_TEE = (1 << 11) - 1 - TEE_KIND


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def what(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def test_add__a_policy__is_numbered_kept_and_told(system: System) -> None:
    book = system.policy_book
    terms = policy_terms(
        kind=QUORUM,
        quorum=2,
        relayer=7,
        instantRelease=False,
        funderWaived=True,
        coverageBps=1_500,
        grossCap=10**9,
        notice=0,
        silence=7_200,
        customerCredentials=KYC_CUSTOMER,
        operatorCredentials=KYC_PROVIDER | AUDIT,
        issuer=ISSUER,
        verifierVersion=12,
        minConfidence=9_500,
        dispute=(1, 2, 3, 4, 5, 6, 7, 60, 9, 10, 11, 12, 13, 14, 15, 16, EVE.address, ISSUER),
        verifiers=[3, 5, 9],
    )
    receipt = book.transact("add", terms, sender=system.admin)
    assert receipt.result == 1
    assert book.call("get", 1) == {
        "kind": QUORUM,
        "quorum": 2,
        "relayer": 7,
        "instantRelease": False,
        "funderWaived": True,
        "coverageBps": 1_500,
        "stakeMultiple": 10,
        "valueCap": 10**12,
        "grossCap": 10**9,
        "selfPostBond": 100_000_000,
        "challengeWindow": 86_400,
        "selfPostWindow": 259_200,
        "responseWindow": 21_600,
        "notice": 0,
        "reportTime": 86_400,
        "silence": 7_200,
        "customerCredentials": 2,
        "operatorCredentials": 1_025,
        "issuer": ISSUER,
        "measurement": bytes(32),
        "verifierVersion": 12,
        "minConfidence": 9_500,
        "dispute": {
            "contestTime": 1,
            "evidenceTime": 2,
            "rulingTime": 3,
            "appealTime": 4,
            "backingBond": 5,
            "voidPenalty": 6,
            "penaltyCap": 7,
            "minBond": 60,
            "bondBps": 9,
            "slashBps": 10,
            "slashCap": 11,
            "slashDayCap": 12,
            "rewardBps": 13,
            "accusedBps": 14,
            "arbiterFee": 15,
            "appealFee": 16,
            "arbiter": EVE.address,
            "secondArbiter": ISSUER,
        },
        "verifiers": [3, 5, 9],
    }
    assert book.call("disputeTerms", 1) == book.call("get", 1)["dispute"]
    assert receipt.event("PolicyAdded").args == {"policy": 1, "terms": book.call("get", 1)}
    assert system.add_policy() == 2
    assert book.call("count") == 2
    assert book.call("get", 1)["verifiers"] == [3, 5, 9]


def opening(openable: bool, *, kind: int = NONE, coverage: int = 1_000, **more: Any) -> dict[str, Any]:
    return {
        "openable": openable,
        "kind": kind,
        "coverageBps": coverage,
        "customerCredentials": 0,
        "operatorCredentials": 0,
        "issuer": ZERO,
    } | more


def windows(
    challenge: int, longest: int, self_post: int, response: int, notice: int, report: int
) -> dict[str, int]:
    return {
        "challenge": challenge,
        "longest": longest,
        "selfPost": self_post,
        "response": response,
        "notice": notice,
        "reportTime": report,
    }


USUAL = windows(86_400, 259_200, 259_200, 21_600, 3_600, 86_400)


def test_reads__one_policy__give_what_each_caller_needs(system: System) -> None:
    book = system.policy_book
    added = system.evm.now
    number = system.add_policy(
        kind=TEE,
        relayer=7,
        challengeWindow=250_000,
        selfPostWindow=200_000,
        notice=60,
        reportTime=50,
        grossCap=9,
        silence=40,
        selfPostBond=77,
        customerCredentials=REGION,
        issuer=ISSUER,
        measurement=MEASUREMENT,
    )
    system.evm.warp(5)
    assert book.call("openingTerms", number) == opening(True, kind=TEE, customerCredentials=8, issuer=ISSUER)
    assert book.call("postingTerms", number) == {
        "relayer": 7,
        "stakeMultiple": 10,
        "valueCap": 10**12,
        "grossCap": 9,
        "silentAfter": 40,
        "addedAt": added,
    }
    assert book.call("windows", number) == windows(250_000, 250_000, 200_000, 21_600, 60, 50)
    assert book.call("receiptTerms", number) == {
        "kind": TEE,
        "quorum": 0,
        "instantRelease": True,
        "funderWaived": False,
        "issuer": ISSUER,
        "measurement": MEASUREMENT,
        "verifierVersion": 0,
        "minConfidence": 0,
        "verifiers": [],
    }
    assert (book.call("coverageOf", number), book.call("selfPostBond", number)) == (1_000, 77)
    assert book.call("windows", system.add_policy()) == USUAL
    third = system.add_policy(kind=QUORUM, quorum=1, verifiers=[2, 9], funderWaived=True)
    terms = book.call("receiptTerms", third)
    assert (terms["quorum"], terms["verifiers"], terms["funderWaived"]) == (1, [2, 9], True)


@pytest.mark.parametrize("number", [0, 2, 65_535])
def test_reads__unknown_policy__are_zero_or_refused(system: System, number: int) -> None:
    book = system.policy_book
    system.add_policy()
    assert book.call("openingTerms", number) == opening(False, coverage=0)
    assert set(book.call("postingTerms", number).values()) == {0}
    assert set(book.call("windows", number).values()) == {0}
    assert book.call("receiptTerms", number)["verifiers"] == []
    assert book.call("selfPostBond", number) == book.call("coverageOf", number) == 0
    for function in ("get", "isRetired"):
        with reverts("PolicyBook_UnknownPolicy", policy=number):
            book.call(function, number)
    with reverts("PolicyBook_UnknownPolicy", policy=number):
        book.transact("retire", number, sender=system.admin)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"relayer": 0}, "relayer"),
        ({"coverageBps": 10_001}, "coverageBps"),
        ({"challengeWindow": 0}, "challengeWindow"),
        ({"selfPostWindow": 0}, "selfPostWindow"),
        ({"responseWindow": 0}, "responseWindow"),
        ({"notice": 1_209_601}, "notice"),
        ({"dispute": dispute_terms(contestTime=LONGEST_CONTEST + 1)}, "liability"),
        ({"challengeWindow": 2**32 - 1}, "liability"),
        ({"dispute": dispute_terms(rulingTime=2**32 - 1), "responseWindow": 2**32 - 1}, "liability"),
        ({"minConfidence": 10_001}, "minConfidence"),
        ({"dispute": dispute_terms(evidenceTime=0)}, "evidenceTime"),
        ({"dispute": dispute_terms(rulingTime=0)}, "rulingTime"),
        ({"dispute": dispute_terms(appealTime=0)}, "appealTime"),
        ({"dispute": dispute_terms(bondBps=10_001)}, "bondBps"),
        ({"dispute": dispute_terms(slashBps=10_001)}, "slashBps"),
        ({"dispute": dispute_terms(rewardBps=3_001)}, "rewardBps"),
        ({"dispute": dispute_terms(accusedBps=10_001)}, "accusedBps"),
        ({"dispute": dispute_terms(minBond=24_999_999)}, "arbiterFee"),
        ({"dispute": dispute_terms(minBond=27_499_999)}, "appealFee"),
        (
            {
                "kind": ATTESTED,
                "quorum": 1,
                "verifiers": [1],
                "dispute": dispute_terms(contestTime=0),
            },
            "contestTime",
        ),
        ({"quorum": 1}, "quorum"),
        ({"verifiers": [1]}, "verifiers"),
        ({"kind": TEE, "issuer": ISSUER, "quorum": 1}, "quorum"),
        ({"kind": TEE, "issuer": ISSUER, "verifiers": [1]}, "verifiers"),
        ({"reportTime": 86_400 + 259_200 - 86_400 + 1}, "reportTime"),
        ({"reportTime": 2**32 - 1}, "reportTime"),
        ({"selfPostWindow": 1, "reportTime": 86_401}, "reportTime"),
        ({"silence": 0}, "silence"),
        ({"silence": 1_209_601}, "silence"),
        ({"customerCredentials": TEE_KIND, "issuer": ISSUER}, "credentials"),
        ({"operatorCredentials": TEE_KIND | AUDIT, "issuer": ISSUER}, "credentials"),
        ({"customerCredentials": 1 << 11, "issuer": ISSUER}, "credentials"),
        ({"operatorCredentials": 1 << 15, "issuer": ISSUER}, "credentials"),
        ({"customerCredentials": KYC_CUSTOMER}, "issuer"),
        ({"operatorCredentials": KYC_PROVIDER}, "issuer"),
        ({"kind": TEE}, "issuer"),
        ({"issuer": ISSUER}, "issuer"),
        ({"measurement": MEASUREMENT}, "measurement"),
        ({"operatorCredentials": AUDIT, "issuer": ISSUER, "measurement": MEASUREMENT}, "measurement"),
        ({"kind": ATTESTED, "quorum": 1}, "verifiers"),
        ({"kind": ATTESTED, "quorum": 1, "verifiers": [1, 2]}, "verifiers"),
        ({"kind": ATTESTED, "quorum": 0, "verifiers": [1]}, "quorum"),
        ({"kind": ATTESTED, "quorum": 2, "verifiers": [1]}, "quorum"),
        ({"kind": ATTESTED, "quorum": 1, "verifiers": [0]}, "verifiers"),
        ({"kind": QUORUM, "quorum": 1}, "verifiers"),
        ({"kind": QUORUM, "quorum": 1, "verifiers": list(range(1, 18))}, "verifiers"),
        ({"kind": QUORUM, "quorum": 0, "verifiers": [1, 2]}, "quorum"),
        ({"kind": QUORUM, "quorum": 3, "verifiers": [1, 2]}, "quorum"),
        ({"kind": QUORUM, "quorum": 1, "verifiers": [2, 1]}, "verifiers"),
        ({"kind": QUORUM, "quorum": 1, "verifiers": [2, 2]}, "verifiers"),
        ({"kind": QUORUM, "quorum": 1, "verifiers": [0, 2]}, "verifiers"),
    ],
)
def test_add__figures_that_do_not_fit__are_refused(
    system: System, changes: dict[str, Any], fault: str
) -> None:
    with reverts("PolicyBook_BadPolicy", what=what(fault)):
        system.add_policy(**changes)
    assert system.policy_book.call("count") == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"coverageBps": 10_000},
        {"coverageBps": 0},
        {"dispute": dispute_terms(contestTime=LONGEST_CONTEST)},
        {"dispute": dispute_terms(contestTime=0, minBond=27_500_000)},
        {"dispute": dispute_terms(bondBps=10_000, slashBps=10_000, rewardBps=3_000, accusedBps=10_000)},
        {"minConfidence": 10_000},
        {"kind": TEE, "issuer": ISSUER},
        {"kind": TEE, "issuer": ISSUER, "measurement": MEASUREMENT},
        {"reportTime": 86_400 + 259_200 - 86_400},
        {"selfPostWindow": 1, "reportTime": 86_400},
        {"reportTime": 0},
        {"silence": 1},
        {"silence": 1_209_600},
        {"notice": 1_209_600},
        {"customerCredentials": ALL_BUT_TEE, "operatorCredentials": ALL_BUT_TEE, "issuer": ISSUER},
        {"selfPostBond": 0, "grossCap": 2**64 - 1, "valueCap": 2**64 - 1, "stakeMultiple": 2**16 - 1},
        {"kind": ATTESTED, "quorum": 1, "verifiers": [2**32 - 1]},
        {"kind": QUORUM, "quorum": 16, "verifiers": list(range(1, 17))},
        {"kind": QUORUM, "quorum": 1, "verifiers": [4]},
    ],
)
def test_add__figures_on_the_bounds__are_taken(system: System, changes: dict[str, Any]) -> None:
    assert system.add_policy(**changes) == 1


def test_retire__stops_openings_and_nothing_else(system: System) -> None:
    book = system.policy_book
    number = system.add_policy()
    before = book.call("get", number)
    assert not book.call("isRetired", number)
    assert book.transact("retire", number, sender=system.admin).event("PolicyRetired").args == {
        "policy": number
    }
    assert book.call("openingTerms", number) == opening(False)
    assert book.call("postingTerms", number)["relayer"] == 1
    assert book.call("windows", number) == USUAL
    assert book.call("receiptTerms", number)["instantRelease"] is True
    assert book.call("selfPostBond", number) == 100_000_000
    assert (book.call("coverageOf", number), book.call("get", number)) == (1_000, before)
    assert book.call("isRetired", number)
    with reverts("PolicyBook_AlreadyRetired", policy=number):
        book.transact("retire", number, sender=system.admin)


def test_writes__without_the_role__are_refused(system: System) -> None:
    system.add_policy()
    with reverts("AccessManagedUnauthorized", caller=EVE.address):
        system.policy_book.transact("add", policy_terms(), sender=EVE)
    with reverts("AccessManagedUnauthorized", caller=EVE.address):
        system.policy_book.transact("retire", 1, sender=EVE)
