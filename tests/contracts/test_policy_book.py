"""PolicyBook: append-only, checked once, read in one go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.evm import account, reverts
from tests.support.system import System, deploy_system, policy_terms

ATTESTED, QUORUM, TEE = 1, 2, 3
EVE = account("eve")


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def what(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def test_add__a_policy__is_numbered_kept_and_told(system: System) -> None:
    book = system.policy_book
    terms = policy_terms(kind=QUORUM, quorum=2, relayer=7, verifiers=[3, 5, 9], coverageBps=1_500, notice=0)
    receipt = book.transact("add", terms, sender=system.admin)
    assert receipt.result == 1
    assert book.call("get", 1) == {
        "kind": QUORUM,
        "quorum": 2,
        "relayer": 7,
        "coverageBps": 1_500,
        "stakeMultiple": 10,
        "valueCap": 10**12,
        "challengeWindow": 86_400,
        "selfPostWindow": 259_200,
        "responseWindow": 21_600,
        "disputeTime": 691_200,
        "notice": 0,
        "verifiers": [3, 5, 9],
    }
    assert receipt.event("PolicyAdded").args == {"policy": 1, "terms": book.call("get", 1)}
    assert system.add_policy() == 2
    assert book.call("count") == 2
    assert book.call("get", 1)["verifiers"] == [3, 5, 9]


def test_reads__one_policy__give_what_each_caller_needs(system: System) -> None:
    book = system.policy_book
    number = system.add_policy(relayer=7, challengeWindow=300_000, selfPostWindow=200_000, notice=60)
    assert book.call("openingTerms", number) == (True, 1_000)
    assert book.call("postingTerms", number) == (7, 10, 10**12)
    assert book.call("windows", number) == (300_000, 300_000, 60)
    assert book.call("coverageOf", number) == 1_000
    assert book.call("windows", system.add_policy()) == (86_400, 259_200, 3_600)


@pytest.mark.parametrize("number", [0, 2, 65_535])
def test_reads__unknown_policy__are_zero_or_refused(system: System, number: int) -> None:
    book = system.policy_book
    system.add_policy()
    assert book.call("openingTerms", number) == (False, 0)
    assert book.call("postingTerms", number) == (0, 0, 0)
    assert book.call("windows", number) == (0, 0, 0)
    assert book.call("coverageOf", number) == 0
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
        ({"disputeTime": 1_209_600 - 259_200 - 21_600 + 1}, "liability"),
        ({"challengeWindow": 2**32 - 1}, "liability"),
        ({"disputeTime": 2**32 - 1, "responseWindow": 2**32 - 1}, "liability"),
        ({"quorum": 1}, "quorum"),
        ({"verifiers": [1]}, "verifiers"),
        ({"kind": TEE, "quorum": 1}, "quorum"),
        ({"kind": TEE, "verifiers": [1]}, "verifiers"),
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
        {"disputeTime": 1_209_600 - 259_200 - 21_600},
        {"kind": TEE},
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
    assert book.call("openingTerms", number) == (False, 1_000)
    assert book.call("postingTerms", number) == (1, 10, 10**12)
    assert book.call("windows", number) == (86_400, 259_200, 3_600)
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
