"""The provider's self-post: always possible, behind a bond that comes back, and nobody can cancel it."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol.enums import ReceiptFault
from tallystick.protocol.figures import encode_figure, leaf_hash
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, RITA
from tests.support.evm import Account, account, reverts
from tests.support.receipts import NONE, OUTPUT, QUORUM, Bench, faults, open_bench
from tests.support.system import DOLLAR

BOND = 100 * DOLLAR
MINIMUM = 1_000 * DOLLAR  # a provider's
STRANGER = account("stranger")
FREE, PLEDGE, CURRENCY = 1, 2, 3


def test_self_post__a_batch_of_one_leaf_with_its_own_number_and_longer_window() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    receipt = bench.self_post(bench.signed(7, 400, verdicts=[3, 4]))
    number = (1 << 48) | 0
    assert receipt.result == [number]
    figure = encode_figure(7, 400)
    assert bench.ledger.call("batchOf", number) == {
        "postedAt": bench.now, "policy": QUORUM, "leaves": 1, "relayer": 1, "value": 2**64 - 1, "moved": 0, "flags": 2,
        "root": leaf_hash(0, figure, OUTPUT), "figuresHash": keccak256(figure),
    }  # fmt: skip
    assert receipt.event("SelfPosted").args == {"batch": number, "operator": 1, "agreement": 7, "bond": BOND}
    assert receipt.event("BatchPosted").args["batch"] == number
    assert bench.ledger.call("nextNonce", 0, 1) == 1
    assert bench.ledger.call("inFlight", 1) == 0
    ends = bench.now + 3 * DAY
    assert bench.ledger.call("settleableAt", number) == ends
    bench.evm.warp_to(ends - 1)
    for name, values in (("settle", (figure,)), ("retire", ())):
        with reverts("ReceiptLedger_WindowOpen", batch=number, endsAt=ends):
            bench.ledger.transact(name, number, *values, sender=MALLORY)
    bench.evm.warp_to(ends)
    assert bench.settle_posted(number, 7, 400).result == 400


def test_self_post__many__one_result_for_each() -> None:
    bench = open_bench()
    for number in (7, 8):
        bench.agree(number)
    bench.agree(9, policy=QUORUM)
    bench.agree(10, operator=3)
    items = [
        bench.signed(8, 1),
        bench.signed(7, 5, device=STRANGER),
        bench.signed(9, 5, verdicts=[3]),
        bench.signed(10, 5),
        bench.signed(11, 5),
        bench.signed(7, 6),
        bench.signed(7, 7),
    ]
    receipt = bench.self_post(*items)
    assert receipt.result == [1 << 48, 0, 0, 0, 0, (1 << 48) + 1, (1 << 48) + 2]
    assert faults(receipt) == [
        (1, ReceiptFault.BAD_DEVICE_SIGNATURE),
        (2, ReceiptFault.NOT_ENOUGH_VERDICTS),
        (3, ReceiptFault.NOT_OPERATOR),
        (4, ReceiptFault.UNKNOWN_AGREEMENT),
    ]
    assert bench.stake_of(1)["reserved"] == 3 * BOND
    with reverts("ReceiptLedger_TooManyItems", items=65):
        bench.self_post(*[items[0]] * 65)


@pytest.mark.parametrize("who", [ANN, PAULA, RITA, MALLORY])
def test_self_post__by_anybody_but_the_operators_owner__refused(who: Account) -> None:
    bench = open_bench()
    bench.agree(7)
    receipt = bench.self_post(bench.signed(7, 5), sender=who)
    assert (receipt.result, faults(receipt)) == ([0], [(0, ReceiptFault.NOT_OPERATOR)])
    assert bench.stake_of(1)["reserved"] == 0


def test_self_post__a_leases_downtime__is_a_figure_like_any_other() -> None:
    bench = open_bench()
    bench.agree(7, mode=1)
    receipt = bench.self_post(bench.signed(7, 30))
    assert faults(receipt) == []
    bench.evm.warp(3 * DAY)
    settled = bench.settle_posted(receipt.result[0], 7, 30).event("Settle").args
    assert settled["figures"] == encode_figure(7, 30)
    assert settled["order"]["postedAt"] == bench.now - 3 * DAY


# The bond


def bond_of(bench: Bench, batch: int) -> tuple[int, int, int]:
    agreement, amount, source = bench.ledger.call("bondOf", batch)
    return agreement, amount, source


def test_bond__from_free_stake_above_the_minimum__and_back_once() -> None:
    bench = open_bench()
    bench.set_free(1, OTTO, MINIMUM + BOND)
    bench.agree(7)
    (batch,) = bench.self_post(bench.signed(7, 5)).result
    assert bench.stake_of(1) == {
        "free": MINIMUM, "pledged": 0, "reserved": BOND, "thawing": 100_000 * DOLLAR - MINIMUM - BOND,
    }  # fmt: skip
    assert bond_of(bench, batch) == (7, BOND, FREE)
    bench.evm.warp(3 * DAY)
    receipt = bench.ledger.transact("retire", batch, sender=MALLORY)
    assert receipt.events("BatchRetired") == []  # it was in nobody's flight
    (returned,) = [log for log in receipt.events("BondReturned") if log.address == bench.ledger.address]
    assert returned.args == {"batch": batch, "operator": 1, "bond": BOND}
    assert bench.stake_of(1)["free"] == MINIMUM + BOND
    assert bench.stake_of(1)["reserved"] == 0
    assert bond_of(bench, batch) == (0, 0, 0)
    with reverts("ReceiptLedger_AlreadyRetired", batch=batch):
        bench.ledger.transact("retire", batch, sender=MALLORY)
    receipt = bench.settle_posted(batch, 7, 5)
    assert (receipt.result, receipt.events("BondReturned")) == (5, [])


def test_bond__from_the_currency__pulled_from_the_caller_and_free_stake_afterwards() -> None:
    bench = open_bench()
    bench.set_free(1, OTTO, MINIMUM + BOND - 1)
    bench.agree(7, budget=10 * (BOND - 1))  # pledges just too little
    bench.system.fund(OTTO, BOND, bench.staking)
    (batch,) = bench.self_post(bench.signed(7, 5)).result
    assert bond_of(bench, batch) == (7, BOND, CURRENCY)
    assert bench.system.balance(OTTO) == 0
    assert bench.stake_of(1)["reserved"] == BOND
    bench.evm.warp(3 * DAY)
    bench.settle_posted(batch, 7, 5)
    assert bench.stake_of(1)["free"] == MINIMUM + 2 * BOND - 1
    assert bench.stake_of(1)["reserved"] == 0


def test_bond__nowhere_to_be_had__only_that_item_is_refused() -> None:
    bench = open_bench()
    bench.set_free(1, OTTO, MINIMUM + BOND)
    bench.agree(7)
    receipt = bench.self_post(bench.signed(7, 5), bench.signed(7, 6))
    assert receipt.result == [1 << 48, 0]
    assert faults(receipt) == [(1, ReceiptFault.NO_BOND)]
    assert bench.ledger.call("nextNonce", 0, 1) == 1
    assert bench.stake_of(1)["reserved"] == BOND


def test_bond__of_nothing__where_the_policy_asks_for_none() -> None:
    bench = open_bench()
    policy = bench.system.add_policy(relayer=2, selfPostBond=0)
    bench.agree(7, policy=policy)
    receipt = bench.self_post(bench.signed(7, 5))
    assert receipt.event("SelfPosted").args["bond"] == 0
    assert receipt.events("BondTaken") == []
    bench.evm.warp(3 * DAY)
    receipt = bench.settle_posted(receipt.result[0], 7, 5)
    assert (receipt.result, receipt.events("BondReturned")) == (5, [])


# Nobody can stop it


def test_self_post__cannot_be_cancelled_and_goes_on_while_posting_is_paused() -> None:
    bench = open_bench()
    bench.agree(7)
    admin = bench.system.admin
    bench.ledger.transact("pausePosting", 259_200, sender=admin)
    (batch,) = bench.self_post(bench.signed(7, 5)).result
    assert batch != 0
    with reverts("ReceiptLedger_NotCancellable", batch=batch):
        bench.ledger.transact("cancel", batch, sender=admin)
    bench.evm.warp(DAY)
    signed = bench.ledger.transact("postSigned", NONE, [bench.signed(7, 5)], sender=MALLORY).result
    with reverts("ReceiptLedger_NotCancellable", batch=signed):
        bench.ledger.transact("cancel", signed, sender=admin)


def test_self_post__of_a_paid_figure__moves_nothing() -> None:
    bench = open_bench()
    bench.agree(7)
    assert bench.collect(bench.signed(7, 50, customer=ANN)).result == 50
    batches = bench.self_post(bench.signed(7, 50), bench.signed(7, 50)).result
    bench.evm.warp(3 * DAY)
    for batch in batches:
        assert bench.settle_posted(batch, 7, 50).result == 0


def test_self_post__may_be_released_at_once__inside_its_own_window() -> None:
    bench = open_bench()
    bench.agree(7)
    (batch,) = bench.self_post(bench.signed(7, 50)).result
    bench.evm.warp(2 * DAY)
    request: dict[str, Any] = {
        "batch": batch,
        "index": 0,
        "figure": encode_figure(7, 50),
        "output": OUTPUT,
        "proof": [],
    }
    assert bench.ledger.transact("release", [tuple(request.values())], sender=OTTO).result == 50
