"""Settling batches: the window to the second, whole or by a proof, again and again."""

from __future__ import annotations

from typing import Any

import pytest
from Crypto.Hash import keccak as other_keccak

from tallystick.protocol import merkle
from tallystick.protocol.enums import SkipReason
from tallystick.protocol.figures import encode_figure, leaf_hash, leaves
from tests.support.escrow import DAY, MALLORY, Desk, Posted, open_desk, skips
from tests.support.evm import Reverted, reverts
from tests.support.system import slash_order


def h(data: bytes) -> bytes:
    return other_keccak.new(digest_bits=256, data=data).digest()


# The whole batch


def test_settle__a_second_before_the_window_ends__refused_whole_and_by_proof() -> None:
    desk = open_desk()
    agreement = desk.opened()
    batch = desk.post([(agreement, 50)])
    ends = desk.now + DAY
    for moment in (desk.now, ends - 1):
        desk.evm.warp_to(moment)
        with reverts("ReceiptLedger_WindowOpen", batch=batch.number, endsAt=ends):
            desk.settle(batch)
        with reverts("ReceiptLedger_WindowOpen", batch=batch.number, endsAt=ends):
            settle_one(desk, batch, 0)
    desk.evm.warp_to(ends)
    assert desk.settle(batch).event("BatchSettled").args == {"batch": batch.number, "moved": 50}


@pytest.mark.parametrize("count", [1, 2, 255, 256])
def test_settle__again__is_stale_and_moves_nothing(count: int) -> None:
    desk = open_desk()
    agreements = desk.opened_many([desk.terms(budget=100) for _ in range(count)])
    batch = desk.post([(agreement, 40) for agreement in agreements])
    desk.evm.warp(DAY)
    receipt = desk.settle(batch)
    assert (receipt.result, len(receipt.events("Settled"))) == (40 * count, count)
    picture = desk.picture()
    for _ in range(2):
        receipt = desk.settle(batch)
        assert receipt.result == 0
        assert skips(receipt) == [(agreement, 40, SkipReason.STALE) for agreement in agreements]
        assert receipt.event("BatchSettled").args["moved"] == 40 * count
    assert desk.picture() == picture
    assert desk.received(2) == 38 * count
    desk.check_solvent()


def test_settle__wrong_figures__refused() -> None:
    desk = open_desk()
    agreement = desk.opened()
    batch = desk.post([(agreement, 50), (agreement + 5, 1)])
    desk.evm.warp(DAY)
    good = batch.figures
    for wrong in (b"", good[:18], good[18:] + good[:18], good + bytes(18), good + b"\0", good[:-1] + b"\2"):
        with reverts("ReceiptLedger_WrongFigures", batch=batch.number):
            desk.ledger.transact("settle", batch.number, wrong, sender=MALLORY)
    assert desk.settle(batch).result == 50


@pytest.mark.parametrize("number", [0, 1, (1 << 80) | (2 << 48) | 1, 2**96 - 1])
def test_settle__unknown_batch__refused(number: int) -> None:
    desk = open_desk()
    desk.post([(5, 1)])
    desk.evm.warp(DAY)
    for name, values in (
        ("settle", (encode_figure(5, 1),)),
        ("settleOne", (0, encode_figure(5, 1), bytes(32), [])),
        ("retire", ()),
        ("settleableAt", ()),
    ):
        with reverts("ReceiptLedger_UnknownBatch", batch=number):
            desk.ledger.transact(name, number, *values, sender=MALLORY)


def test_settle__older_batch_after_the_newer__moves_nothing_more() -> None:
    desk = open_desk()
    agreement = desk.opened()
    old, new = desk.post([(agreement, 50)]), desk.post([(agreement, 80)])
    desk.evm.warp(DAY)
    assert desk.settle(new).result == 80
    assert skips(desk.settle(old)) == [(agreement, 50, SkipReason.STALE)]


def test_settle__declared_value__is_never_exceeded_by_any_sum_of_calls() -> None:
    desk = open_desk()
    a, b = sorted((desk.opened(), desk.opened()))
    batch = desk.post([(a, 60), (b, 50)], value=100)
    desk.evm.warp(DAY)
    receipt = desk.settle(batch)
    assert receipt.result == 60
    assert skips(receipt) == [(b, 50, SkipReason.ABOVE_DECLARED_VALUE)]
    for _ in range(2):
        assert settle_one(desk, batch, 1) == 0
        assert desk.settle(batch).result == 0
    assert desk.ledger.call("batchOf", batch.number)["moved"] == 60
    assert desk.agreement(b)["paid"] == 0
    # A newer, smaller figure makes room for what is left of it: 40 come from elsewhere, 10 from here.
    desk.pay([(b, 40)])
    assert settle_one(desk, batch, 1) == 10
    assert desk.ledger.call("batchOf", batch.number)["moved"] == 70
    desk.check_solvent()


def test_settle__agreements_of_another_policy__are_left_alone() -> None:
    desk = open_desk()
    other = desk.system.add_policy(relayer=2)
    mine, foreign = desk.opened(), desk.opened(policy=other)
    receipt = desk.pay([(mine, 50), (foreign, 50), (2**64 - 1, 9)])
    assert receipt.result == 50
    assert skips(receipt) == [
        (foreign, 50, SkipReason.OTHER_POLICY),
        (2**64 - 1, 9, SkipReason.UNKNOWN_AGREEMENT),
    ]


# One leaf


def settle_one(desk: Desk, batch: Posted, leaf: int, **changes: Any) -> int:
    values = {
        "index": leaf,
        "figure": batch.figure(leaf),
        "output": batch.output(leaf),
        "proof": batch.proof(leaf),
    } | changes
    return int(desk.ledger.transact("settleOne", batch.number, *values.values(), sender=MALLORY).result)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 256])
def test_settle_one__every_leaf__pays_its_own_once(count: int) -> None:
    desk = open_desk()
    agreements = desk.opened_many([desk.terms(budget=1_000) for _ in range(count)])
    batch = desk.post([(agreement, 10 + i) for i, agreement in enumerate(agreements)])
    desk.evm.warp(DAY)
    chosen = range(count) if count < 8 else (0, 1, 127, 128, 254, 255)
    for i in chosen:
        assert settle_one(desk, batch, i) == 10 + i
        assert settle_one(desk, batch, i) == 0
    assert desk.ledger.call("batchOf", batch.number)["moved"] == sum(10 + i for i in chosen)
    assert desk.settle(batch).result == sum(10 + i for i in range(count) if i not in chosen)
    desk.check_solvent()


def test_settle_one__wrong_index_figure_output_or_proof__refused() -> None:
    desk = open_desk()
    a, b, c = desk.opened_many([desk.terms() for _ in range(3)])
    batch = desk.post([(a, 1), (b, 2), (c, 3)])
    desk.evm.warp(DAY)
    hashes = leaves(batch.figures, batch.outputs)
    proof = batch.proof(0)
    wrong: list[dict[str, Any]] = [
        {"index": 1},
        {"index": 3},
        {"index": 2**16},  # its low 16 bits are those of leaf 0
        {"index": 2**256 - 1},
        {"figure": batch.figure(1)},
        {"figure": encode_figure(a, 2)},
        {"output": batch.output(1)},
        {"proof": proof[:-1]},
        {"proof": proof[1:]},
        {"proof": []},
        {"proof": proof[::-1]},
        {"proof": [*proof, hashes[0]]},
        {"proof": [*proof, bytes(32)]},
        {"proof": batch.proof(1)},
    ]
    assert len(proof) == 2
    for changes in wrong:
        index = changes.get("index", 0)
        with reverts("ReceiptLedger_BadProof", batch=batch.number, index=index):
            settle_one(desk, batch, 0, **changes)
    assert settle_one(desk, batch, 0) == 1


def test_settle_one__inner_node_or_root_as_a_leaf__refused() -> None:
    """A leaf hashes 52 bytes, an inner node 64: no figure and output can be read as a node's children."""
    desk = open_desk()
    a, b, c = desk.opened_many([desk.terms() for _ in range(3)])
    batch = desk.post([(a, 1), (b, 2), (c, 3)])
    desk.evm.warp(DAY)
    nodes = merkle.tree(leaves(batch.figures, batch.outputs))
    inner = nodes[1]
    # The node's 64 bytes of preimage, cut to what the call takes: index 2 bytes, figure 18, output 32.
    preimage = b"".join(sorted((nodes[3], nodes[4])))
    assert h(preimage) == inner
    index = int.from_bytes(preimage[:2], "big")
    tries = [
        (index, preimage[2:20], preimage[20:52], [nodes[2]]),
        (0, preimage[2:20], preimage[32:], [nodes[2]]),
    ]
    tries += [(0, inner[:18], nodes[2], []), (0, batch.figure(0), inner, [nodes[2]])]
    for place, figure, output, proof in tries:
        with reverts("ReceiptLedger_BadProof", batch=batch.number, index=place):
            desk.ledger.transact("settleOne", batch.number, place, figure, output, proof, sender=MALLORY)


def test_settle_one__leaf_of_another_batch__refused() -> None:
    desk = open_desk()
    agreement = desk.opened()
    small, large = desk.post([(agreement, 1)]), desk.post([(agreement, 900)])
    desk.evm.warp(DAY)
    with reverts("ReceiptLedger_BadProof", batch=small.number, index=0):
        settle_one(desk, small, 0, figure=large.figure(0))
    assert small.proof(0) == []
    assert leaf_hash(0, small.figure(0), small.output(0)) == desk.ledger.call("batchOf", small.number)["root"]


def test_settle_one__dirty_or_cut_calldata__reverts() -> None:
    desk = open_desk()
    agreement = desk.opened()
    batch = desk.post([(agreement, 9)])
    desk.evm.warp(DAY)
    data = desk.ledger.encode("settleOne", batch.number, 0, batch.figure(0), batch.output(0), [])
    dirty_figure = data[: 4 + 64 + 31] + b"\1" + data[4 + 96 :]  # behind the 18 bytes
    dirty_batch = data[:4] + b"\1" + data[5:]  # above the 96 bits
    for bad in (dirty_figure, dirty_batch, data[:-1], data[:100], data[:4]):
        with pytest.raises(Reverted):
            desk.evm.transact(desk.ledger.address, bad, sender=MALLORY)
    assert desk.agreement(agreement)["paid"] == 0
    desk.evm.transact(desk.ledger.address, data, sender=MALLORY)
    assert desk.agreement(agreement)["paid"] == 9


def test_settle__newest_first_by_a_stranger__delays_but_another_batch_makes_it_good() -> None:
    """A relayer declares what each batch adds to those before it. Whoever settles the newer first makes its value run
    out on one leaf: the other is skipped, never underpaid for good, and no more than the sum of values moves."""
    desk = open_desk()
    a, b = sorted((desk.opened(), desk.opened()))
    old = desk.post([(a, 10)], value=10)
    new = desk.post([(a, 60), (b, 60)], value=110)
    desk.evm.warp(DAY)
    receipt = desk.settle(new)
    assert (receipt.result, skips(receipt)) == (60, [(b, 60, SkipReason.ABOVE_DECLARED_VALUE)])
    assert desk.settle(old).result == 0
    assert desk.settle(new).result == 0
    assert desk.pay([(b, 60)], value=60).result == 60
    assert [desk.agreement(agreement)["paid"] for agreement in (a, b)] == [60, 60]
    desk.check_solvent()


def test_settle__relayer_slashed_to_nothing_meanwhile__what_it_posted_is_paid_all_the_same() -> None:
    """Its values in flight are then above every limit: they still come down, and nothing new goes up."""
    desk = open_desk()
    agreement = desk.opened()
    batch, other = desk.post([(agreement, 50)], value=10**11), desk.post([(agreement, 60)], value=10)
    desk.system.staking.transact("slash", slash_order(2, 2**64 - 1), sender=desk.system.court)
    with reverts("ReceiptLedger_RelayerNotActive", operator=2):
        desk.post([(agreement, 70)], value=0)
    desk.evm.warp(DAY)
    assert (desk.settle(batch).result, desk.settle(other).result) == (50, 10)
    assert desk.ledger.call("inFlight", 2) == 0
