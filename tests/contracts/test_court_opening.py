"""Opening work disputes and proposals: who may, against what, with which bond; what a freeze keeps from
moving."""

from __future__ import annotations

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import TopUp
from tallystick.protocol.enums import SkipReason
from tests.support.court import (
    ATTESTED,
    BARE_QUORUM,
    BOND,
    CAROL,
    CLOCK,
    DAY,
    FRED,
    NO_ARBITER,
    NOBODY,
    QUORUM,
    State,
    open_bar,
    seat,
)
from tests.support.escrow import ANN, MALLORY, OTTO, skips
from tests.support.evm import account, reverts
from tests.support.receipts import VERIFIERS
from tests.support.system import DOLLAR


def test_open__on_a_posted_leaf__freezes_and_says_everything() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 700_000)
    hash_ = b"\xe1" * 32
    receipt = bar.court.transact(
        "open", task, 300_000, claim, FRED.address, 4, hash_, "ipfs://proof", sender=CAROL
    )
    assert receipt.result == bar.court.call("count") == bar.court.call("activeOf", task) == 1
    assert receipt.event("Opened").args == {
        "dispute": 1,
        "agreement": task,
        "challenger": FRED.address,
        "attacked": 700_000,
        "claimed": 300_000,
        "outputRoot": claim[3],
        "bond": BOND,
        "reason": 4,
    }
    assert receipt.event("Evidence").args == {
        "dispute": 1,
        "by": CAROL.address,
        "forChallenger": True,
        "hash": hash_,
        "uri": "ipfs://proof",
    }
    assert bar.view(1) == {
        "kind": 1,
        "state": State.EVIDENCE,
        "outcome": 0,
        "round": 1,
        "upward": False,
        "appealed": False,
        "policy": 1,
        "reason": 4,
        "operator": 1,
        "agreement": task,
        "challenger": FRED.address,
        "attacked": 700_000,
        "claimed": 300_000,
        "ruling": 0,
        "outputRoot": claim[3],
        "openedAt": bar.now,
        "rulingStart": bar.now + DAY,
        "deadline": bar.now + DAY,
    }
    assert bar.system.balance(bar.court) == bar.court.call("totalBonds") == BOND
    assert bar.agreement(task)["frozen"]


def test_open__on_a_receipt_that_the_device_signed__is_enough() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    bar.attack(task, 0, bar.shown(task, 5))
    assert bar.view(1)["attacked"] == 5


def test_open__without_evidence__says_nothing_of_it() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 5)
    receipt = bar.court.transact("open", task, 0, claim, NOBODY, 1, bytes(32), "x", sender=CAROL)
    assert receipt.events("Evidence") == []
    assert receipt.event("Opened").args["challenger"] == CAROL.address


@pytest.mark.parametrize(
    ("units", "budget", "fee", "bond"),
    [
        (0, 100 * DOLLAR, 0, 50 * DOLLAR),  # 5 % of 100 is 5: the least
        (0, 2_000 * DOLLAR, 0, 100 * DOLLAR),
        (0, 2_000 * DOLLAR + 1, 0, 100 * DOLLAR + 1),  # rounded up
        (5_000_000, 2_000 * DOLLAR, 0, 75 * DOLLAR),  # 500 of it are paid
        (0, 2_000 * DOLLAR, 1_000, 110 * DOLLAR),  # the customer's fee is frozen too
        (5_000_000, 2_000 * DOLLAR, 1_000, 82_500_000),
    ],
)
def test_bond__is_a_share_of_what_is_frozen(units: int, budget: int, fee: int, bond: int) -> None:
    bar = open_bar()
    bar.desk.escrow.transact("setFees", 500, fee, sender=bar.system.admin)
    task = bar.task(budget=budget)
    if units:
        bar.pay(task, units)
    claim = bar.leaf(task, 15_000_000)
    assert bar.court.call("bondFor", task) == bond
    bar.attack(task, 0, claim)
    assert bar.court.call("totalBonds") == bond


def test_open__of_what_is_not_open__is_refused() -> None:
    bar = open_bar()
    with reverts("Court_AgreementNotOpen", agreement=99):
        bar.attack(99, 0)
    task = bar.task()
    claim = bar.leaf(task, 5)
    bar.decide(bar.attack(task, 0, claim), 0)
    bar.execute(1)
    with reverts("Court_AgreementNotOpen", agreement=task):
        bar.attack(task, 0, claim)


def test_open__with_a_bad_claim__is_refused_with_the_fault() -> None:
    bar = open_bar()
    task, other = bar.task(), bar.task()
    leaf = bar.leaf(task, 500)
    with reverts("Court_BadClaim", fault=1):  # of another agreement
        bar.attack(other, 0, leaf)
    wrong = (*leaf[:2], leaf[2][:-1] + b"\x01", *leaf[3:])
    with reverts("Court_BadClaim", fault=17):  # not posted
        bar.attack(task, 0, wrong)
    with reverts("Court_BadClaim", fault=17):
        bar.attack(task, 0, (leaf[0], 1, *leaf[2:]))
    with reverts("ReceiptLedger_UnknownBatch"):
        bar.ledger.call("settleableAt", 77)
    with reverts("Court_BadClaim", fault=17):
        bar.attack(task, 0, (77, *leaf[1:]))
    with reverts("Court_BadClaim", fault=9):  # not by a device of the operator
        bar.attack(task, 0, bar.shown(task, 500, device=MALLORY))
    with reverts("Court_NothingDisputed", attacked=500, claimed=500):
        bar.attack(task, 500, leaf)
    with reverts("Court_NothingDisputed", attacked=500, claimed=501):
        bar.attack(task, 501, leaf)


def test_open__on_a_leaf_of_a_cancelled_batch__is_refused() -> None:
    bar = open_bar()
    task = bar.task()
    leaf = bar.leaf(task, 500)
    bar.ledger.transact("cancel", leaf[0], sender=bar.system.admin)
    with reverts("Court_BadClaim", fault=18):
        bar.attack(task, 0, leaf)


def test_open__below_what_is_paid__is_refused() -> None:
    """500 000 units are paid. An older figure of 300 000 is contained in that; whoever lost on it would
    have closed the agreement at 300 000."""
    bar = open_bar()
    task = bar.task()
    old = bar.leaf(task, 300_000)
    newest = bar.pay(task, 500_000)
    with reverts("Court_BelowPaid", agreement=task, units=300_000, paid=50 * DOLLAR):
        bar.attack(task, 0, old)
    bar.attack(task, 0, newest)


def test_open__while_another_runs__is_refused() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 500)
    bar.attack(task, 0, claim)
    with reverts("Court_AlreadyDisputed", agreement=task, dispute=1):
        bar.attack(task, 0, claim)
    bar.decide(1, 500)
    with reverts("Court_AlreadyDisputed", agreement=task, dispute=1):
        bar.attack(task, 0, claim)


def test_open__on_a_newer_figure_while_an_older_ruling_cools__takes_over_the_freeze() -> None:
    bar = open_bar()
    task = bar.task()
    older, newer = bar.leaf(task, 500), bar.leaf(task, 600)
    bar.attack(task, 0, older)
    bar.decide(1, 500)
    bar.execute(1)
    with reverts("Court_StoodBefore", agreement=task, units=500):
        bar.attack(task, 0, older)
    assert bar.attack(task, 550, newer) == 2 == bar.court.call("activeOf", task)
    assert bar.agreement(task)["frozen"]
    assert bar.view(1)["state"] == State.OVER
    with reverts("Court_WrongState", dispute=1, state=State.OVER):
        bar.court.transact("clear", 1, sender=OTTO)
    bar.decide(2, 550)
    assert bar.execute(2)["paid"] == 5_000


def test_open__without_an_arbiter__is_refused() -> None:
    """Silence would decide, and take unpaid work from its provider for nothing."""
    bar = open_bar()
    for policy in (NO_ARBITER, BARE_QUORUM):
        task = bar.task(policy)
        with reverts("Court_NoArbiter", policy=policy):
            bar.attack(task, 0, bar.leaf(task, 500))


def test_open__without_the_money__changes_nothing() -> None:
    bar = open_bar()
    task = bar.task()
    claim = bar.leaf(task, 500)
    with reverts("ERC20InsufficientAllowance"):
        bar.attack(task, 0, claim, by=account("beggar"))
    assert not bar.agreement(task)["frozen"]
    assert bar.court.call("count") == 0


def test_freeze__keeps_everything_but_the_ruling_from_moving() -> None:
    bar = open_bar()
    task = bar.task()
    batch = bar.post(task, 500_000)
    bar.attack(task, 200_000, bar.claim_of(batch))
    bar.evm.warp(DAY)
    assert skips(bar.desk.settle(batch)) == [(task, 500_000, SkipReason.FROZEN)]
    countersigned = bar.item(task, 500_000, customer=ANN)
    assert bar.ledger.transact("collect", [countersigned], sender=OTTO).result == 0
    signed = OTTO.sign(
        eip712.digest(bar.desk.domain(), TopUp(task, 200 * DOLLAR, bar.now + 60).hash_struct())
    )
    with reverts("Escrow_Held", agreement=task):
        bar.desk.escrow.transact("topUpSigned", task, 200 * DOLLAR, bar.now + 60, signed, sender=ANN)
    bar.desk.escrow.transact("close", task, sender=ANN)
    bar.evm.warp(40 * DAY)
    # Long past its refund time it is still the ruling alone that moves its money: nobody ruled, and 200
    # 000 were not disputed.
    with reverts("Escrow_Held", agreement=task):
        bar.desk.escrow.transact("refund", task, sender=ANN)
    with reverts("Escrow_Held", agreement=task):
        bar.desk.escrow.transact("refundEarly", task, bar.now + 60, b"", sender=OTTO)
    moved = bar.execute(1)
    assert (moved["paid"], moved["refunded"]) == (20 * DOLLAR, 80 * DOLLAR)


# Proposals


def test_propose__reserves_the_bond_of_each_verifier_and_freezes() -> None:
    """5 % of 2 001 dollars is 100.05, so 50.025 of each."""
    bar = open_bar()
    task = bar.task(QUORUM, budget=2_001 * DOLLAR)
    claim = bar.leaf(task, 700_000)
    signed = bar.verdicts(task, 300_000, 3, 5, root=claim[3])
    receipt = bar.court.transact("propose", task, 300_000, claim, signed, 2, sender=MALLORY)
    assert receipt.event("Proposed").args == {
        "dispute": 1,
        "agreement": task,
        "attacked": 700_000,
        "validUnits": 300_000,
        "outputRoot": claim[3],
        "verifiers": [3, 5],
        "bond": 50_025_000,
        "reason": 2,
    }
    view = bar.view(1)
    assert (view["kind"], view["state"], view["deadline"]) == (2, State.CONTEST, bar.now + DAY)
    assert view["challenger"] == VERIFIERS[3].address
    assert [bar.stake(n)["reserved"] for n in (3, 4, 5)] == [50_025_000, 0, 50_025_000]
    assert bar.court.call("totalBonds") == 0
    assert bar.agreement(task)["frozen"]


def test_propose__an_odd_bond__is_rounded_up_in_each_part() -> None:
    """5 % of 2 000.00002 dollars, rounded up, is 100.000001; half of it rounded up is 50.000001."""
    bar = open_bar()
    task = bar.task(QUORUM, budget=2_000 * DOLLAR + 20)
    bar.propose(task, 0, bar.leaf(task, 10))
    assert bar.stake(3)["reserved"] == bar.stake(4)["reserved"] == 50_000_001


def test_propose__under_attested__by_the_one_attester() -> None:
    bar = open_bar()
    task = bar.task(ATTESTED)
    bar.propose(task, 0, bar.shown(task, 10), 3)
    assert bar.stake(3)["reserved"] == BOND


def test_propose__without_a_quorum__is_refused() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    claim = bar.leaf(task, 700)
    root = claim[3]
    for signed in (
        bar.verdicts(task, 300, 3, root=root),  # one of two
        bar.verdicts(task, 300, 3, 3, root=root),  # the same twice
        bar.verdicts(task, 300, 4, 3, root=root),  # falling
        bar.verdicts(task, 299, 3, 4, root=root),  # of other units
        bar.verdicts(task, 300, 3, 4, root=bytes(32)),  # of another output
        bar.verdicts(task, 300, 3, 4, root=root, valid=True),  # "valid"
        bar.verdicts(task + 1, 300, 3, 4, root=root),  # of another agreement
        [],
    ):
        with reverts("Court_NotEnoughVerdicts"):
            bar.court.transact("propose", task, 300, claim, signed, 2, sender=MALLORY)
    none = bar.task()
    leaf = bar.leaf(none, 700)
    with reverts("Court_NotEnoughVerdicts"):  # NONE has no verifiers
        bar.propose(none, 300, leaf)


def test_propose__below_the_policys_version_or_confidence__does_not_count() -> None:
    bar = open_bar()
    policy = bar.system.add_policy(
        relayer=2, kind=2, quorum=2, verifiers=[3, 4, 5], verifierVersion=8, minConfidence=9_500
    )
    task = bar.task(policy)
    claim = bar.leaf(task, 700)
    for version, confidence, good in ((7, 9_500, False), (8, 9_499, False), (8, 9_500, True)):
        signed = bar.verdicts(task, 0, 3, 4, root=claim[3], version=version, confidence=confidence)
        if good:
            bar.court.transact("propose", task, 0, claim, signed, 2, sender=MALLORY)
            continue
        with reverts("Court_NotEnoughVerdicts"):
            bar.court.transact("propose", task, 0, claim, signed, 2, sender=MALLORY)


def test_propose__by_a_verifier_without_stake__is_refused() -> None:
    """Its role keeps 2 000 dollars of its 3 000; the bond is 1 500 of each."""
    bar = open_bar()
    task = bar.task(QUORUM, budget=60_000 * DOLLAR, unit_price=60_000 * DOLLAR)
    claim = bar.leaf(task, 700)
    with reverts("Court_NotEnoughStake", verifier=3, bond=1_500 * DOLLAR):
        bar.propose(task, 0, claim)
    assert not bar.agreement(task)["frozen"]
    # One who has given its role up signs nothing that counts.
    small = bar.task(QUORUM)
    leaf = bar.leaf(small, 700)
    bar.staking.transact("unstake", 3, 1_001 * DOLLAR, sender=VERIFIERS[3])
    with reverts("Court_NotEnoughVerdicts"):
        bar.propose(small, 0, leaf)
    bar.propose(small, 0, leaf, 4, 5)


def test_propose__of_a_lease__is_refused() -> None:
    bar = open_bar()
    lease = bar.lease(QUORUM)
    with reverts("Court_NothingDisputed"):
        bar.court.transact("propose", lease, 0, CLOCK, [], 2, sender=MALLORY)


def test_propose__the_same_rejection_again__accuses_only_once() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    root = b"\x33" * 32
    dispute = bar.propose(task, 300, bar.shown(task, 700, root=root))
    bar.court.transact("contest", dispute, sender=OTTO)
    bar.decide(dispute, 700)
    bar.execute(dispute)
    bar.clear(dispute)
    higher = bar.shown(task, 900, root=root)
    with reverts("Court_NotEnoughVerdicts"):
        bar.propose(task, 300, higher)
    with reverts("Court_NotEnoughVerdicts"):  # other signers of the same word
        bar.propose(task, 300, higher, 4, 5)
    bar.propose(task, 301, higher)


def test_propose__of_what_is_disputed_already__is_refused() -> None:
    bar = open_bar()
    task = bar.task(QUORUM)
    claim = bar.leaf(task, 700)
    bar.attack(task, 0, claim)
    with reverts("Court_AlreadyDisputed", agreement=task, dispute=1):
        bar.propose(task, 0, claim)
    assert bar.stake(3)["reserved"] == 0


def test_court__built_for_another_address__does_not_stand() -> None:
    bar = seat()
    with reverts("Court_NotHere"):
        bar.evm.deploy(
            "Court",
            p={
                "court": MALLORY.address,
                "extension": bar.system.at["CourtExecution"],
                "currency": bar.system.currency.address,
                "escrow": bar.system.escrow.address,
                "ledger": bar.ledger.address,
                "staking": bar.staking.address,
                "policyBook": bar.system.policy_book.address,
                "insurance": bar.system.insurance.address,
                "jackpot": MALLORY.address,
            },
        )
