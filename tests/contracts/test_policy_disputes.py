"""What a policy says of challenges and disputes: kept as given, and only when every quarrel ends in time.

The default policy's longest way after a posting: self-post window 259 200, response 21 600, contest 86 400,
evidence 86 400, two rulings of 172 800, appeal 86 400 and a cooling as long as the challenge window, 86 400:
972 000 s of MAX_LIABILITY's 1 209 600, so 237 600 are to spare.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.support.evm import account, reverts
from tests.support.system import DOLLAR, System, deploy_system, dispute_terms, policy_terms

SPARE: Final = 237_600
BIG: Final = 2**32 - 1
ARBITER, SECOND = account("arbiter").address, account("second arbiter").address
QUORUM: Final = {"kind": 2, "quorum": 1, "verifiers": [4]}


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def what(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def test_dispute_terms__every_figure_at_its_most__comes_back_as_it_was_given(system: System) -> None:
    most: dict[str, Any] = {
        "contestTime": 11,
        "evidenceTime": 12,
        "rulingTime": 13,
        "appealTime": 14,
        "backingBond": 2**64 - 1,
        "voidPenalty": 2**64 - 2,
        "penaltyCap": 2**64 - 3,
        "minBond": 2**64 - 4,
        "bondBps": 10_000,
        "slashBps": 9_999,
        "slashCap": 2**64 - 5,
        "slashDayCap": 2**64 - 6,
        "rewardBps": 3_000,
        "accusedBps": 9_998,
        "arbiterFee": 2**64 - 7,
        "appealFee": 2**64 - 8,
        "arbiter": ARBITER,
        "secondArbiter": SECOND,
    }
    policy = system.add_policy(dispute=dispute_terms(**most), verifierVersion=BIG, minConfidence=10_000)
    book = system.policy_book
    assert book.call("disputeTerms", policy) == most
    whole = book.call("get", policy)
    assert whole["dispute"] == most
    assert (whole["verifierVersion"], whole["minConfidence"]) == (BIG, 10_000)
    receipts = book.call("receiptTerms", policy)
    assert (receipts["verifierVersion"], receipts["minConfidence"]) == (BIG, 10_000)
    # A second policy and the end of this one change nothing of it.
    other = system.add_policy()
    book.transact("retire", policy, sender=system.admin)
    assert book.call("disputeTerms", policy) == most
    assert book.call("disputeTerms", other)["minBond"] == 50 * DOLLAR


@pytest.mark.parametrize("number", [0, 2, 65_535])
def test_dispute_terms__unknown_policy__are_zero(system: System, number: int) -> None:
    system.add_policy()
    terms = system.policy_book.call("disputeTerms", number)
    nobody = "0x" + "00" * 20
    assert (terms.pop("arbiter"), terms.pop("secondArbiter")) == (nobody, nobody)
    assert set(terms.values()) == {0}


def test_policy_added__tells_all_of_it(system: System) -> None:
    receipt = system.policy_book.transact(
        "add", policy_terms(dispute=dispute_terms(arbiter=ARBITER)), sender=system.admin
    )
    told = receipt.event("PolicyAdded").args["terms"]
    assert told == system.policy_book.call("get", 1)
    assert told["dispute"]["arbiter"] == ARBITER


@pytest.mark.parametrize(
    ("policy", "dispute", "fault"),
    [
        (QUORUM, {"contestTime": 0}, "contestTime"),
        ({"kind": 1, "quorum": 1, "verifiers": [4]}, {"contestTime": 0}, "contestTime"),
        ({}, {"evidenceTime": 0}, "evidenceTime"),
        ({}, {"rulingTime": 0}, "rulingTime"),
        ({}, {"appealTime": 0}, "appealTime"),
        ({}, {"bondBps": 10_001}, "bondBps"),
        ({}, {"slashBps": 10_001}, "slashBps"),
        ({}, {"rewardBps": 3_001}, "rewardBps"),
        ({}, {"accusedBps": 10_001}, "accusedBps"),
        ({}, {"bondBps": 2**16 - 1}, "bondBps"),
        ({}, {"arbiterFee": 50 * DOLLAR + 1}, "arbiterFee"),
        ({}, {"appealFee": 100 * DOLLAR + 1}, "appealFee"),
        ({}, {"minBond": 25 * DOLLAR - 1}, "arbiterFee"),
        ({}, {"minBond": 27 * DOLLAR, "appealFee": 54 * DOLLAR + 1}, "appealFee"),
        ({}, {"minBond": 0}, "arbiterFee"),
        ({}, {"appealFee": 2**64 - 1}, "appealFee"),
        ({"minConfidence": 10_001}, {}, "minConfidence"),
        ({"minConfidence": 2**16 - 1}, {}, "minConfidence"),
    ],
)
def test_add__dispute_figures_that_do_not_fit__are_refused(
    system: System, policy: dict[str, Any], dispute: dict[str, Any], fault: str
) -> None:
    with reverts("PolicyBook_BadPolicy", what=what(fault)):
        system.add_policy(**policy, dispute=dispute_terms(**dispute))
    assert system.policy_book.call("count") == 0


@pytest.mark.parametrize(
    ("policy", "dispute"),
    [
        ({}, {"contestTime": 0}),  # nobody could propose
        (QUORUM, {"contestTime": 1}),
        ({}, {"evidenceTime": 1, "rulingTime": 1, "appealTime": 1}),
        ({}, {"bondBps": 10_000, "slashBps": 10_000, "rewardBps": 3_000, "accusedBps": 10_000}),
        ({}, {"bondBps": 0, "slashBps": 0, "rewardBps": 0, "accusedBps": 0}),
        ({}, {"arbiterFee": 50 * DOLLAR, "appealFee": 100 * DOLLAR}),
        ({}, {"minBond": 0, "arbiterFee": 0, "appealFee": 0}),
        ({}, {"minBond": 2**64 - 1, "arbiterFee": 2**64 - 1, "appealFee": 2**64 - 1}),
        ({}, {"backingBond": 0, "voidPenalty": 0, "penaltyCap": 0}),
        ({"minConfidence": 10_000, "verifierVersion": BIG}, {}),
    ],
)
def test_add__dispute_figures_on_the_bounds__are_taken(
    system: System, policy: dict[str, Any], dispute: dict[str, Any]
) -> None:
    assert system.add_policy(**policy, dispute=dispute_terms(**dispute)) == 1


@pytest.mark.parametrize(
    ("policy", "dispute"),
    [
        (lambda more: {}, lambda more: {"contestTime": 86_400 + SPARE + more}),
        (lambda more: {}, lambda more: {"evidenceTime": 86_400 + SPARE + more}),
        # Both arbiters have that time.
        (lambda more: {}, lambda more: {"rulingTime": 172_800 + SPARE // 2 + more}),
        (lambda more: {}, lambda more: {"appealTime": 86_400 + SPARE + more}),
        (lambda more: {"responseWindow": 21_600 + SPARE + more}, lambda more: {}),
        (lambda more: {"selfPostWindow": 259_200 + SPARE + more}, lambda more: {}),
        # The challenge window is the cooling as well: 172 800 more of it, 64 800 of the longer self-post window,
        (lambda more: {"challengeWindow": 259_200 + more, "selfPostWindow": 324_000}, lambda _: {}),
        # and counts twice when it is the longest itself: 626 400 s are the others', so 2 x 291 600.
        (lambda more: {"challengeWindow": 291_600 + more, "selfPostWindow": 1}, lambda more: {}),
    ],
    ids=["contest", "evidence", "ruling", "appeal", "response", "self-post", "cooling", "challenge twice"],
)
def test_liability__just_fits__and_one_second_more_does_not(
    system: System, policy: Any, dispute: Any
) -> None:
    with reverts("PolicyBook_BadPolicy", what=what("liability")):
        system.add_policy(**policy(1), dispute=dispute_terms(**dispute(1)))
    assert system.add_policy(**policy(0), dispute=dispute_terms(**dispute(0))) == 1


@pytest.mark.parametrize("name", ["contestTime", "evidenceTime", "rulingTime", "appealTime"])
def test_liability__greatest_times__are_refused_and_nothing_wraps(system: System, name: str) -> None:
    with reverts("PolicyBook_BadPolicy", what=what("liability")):
        system.add_policy(dispute=dispute_terms(**{name: BIG}))
    every = dict.fromkeys(("contestTime", "evidenceTime", "rulingTime", "appealTime"), BIG)
    with reverts("PolicyBook_BadPolicy", what=what("liability")):
        system.add_policy(
            challengeWindow=BIG, selfPostWindow=BIG, responseWindow=BIG, dispute=dispute_terms(**every)
        )
