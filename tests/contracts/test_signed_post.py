"""Full signatures, by kind of policy, and posting by anyone when the relayer is silent."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol.enums import KeyKind, ReceiptFault
from tallystick.protocol.figures import batch_root, encode_figures
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, SAM
from tests.support.evm import Account, Receipt, account, reverts
from tests.support.receipts import (
    ATTESTED,
    DEVICE,
    NONE,
    OUTPUT,
    QUORUM,
    VERIFIER_KEYS,
    VERIFIERS,
    Bench,
    faults,
    open_bench,
)
from tests.support.system import DOLLAR

SESSION = account("session")
STRANGER = account("stranger")
VALUE = 2**64 - 1


def fault_of(bench: Bench, item: tuple[Any, ...]) -> ReceiptFault:
    return ReceiptFault(bench.ledger.call("faultOf", item))


def post_signed(bench: Bench, policy: int, *items: tuple[Any, ...], sender: Account = MALLORY) -> Receipt:
    return bench.ledger.transact("postSigned", policy, list(items), sender=sender)


# What full signatures are


def test_none__the_devices_signature_alone() -> None:
    bench = open_bench()
    bench.agree(7)
    assert fault_of(bench, bench.signed(7, 5)) == ReceiptFault.NONE
    assert fault_of(bench, bench.signed(7, 5, device=STRANGER)) == ReceiptFault.BAD_DEVICE_SIGNATURE
    assert fault_of(bench, bench.signed(7, 5, verdicts=[3])) == ReceiptFault.NOT_ENOUGH_VERDICTS


def test_attested__the_named_attester_and_nobody_else() -> None:
    bench = open_bench()
    bench.agree(7, policy=ATTESTED)
    assert fault_of(bench, bench.signed(7, 5)) == ReceiptFault.NOT_ENOUGH_VERDICTS
    assert fault_of(bench, bench.signed(7, 5, verdicts=[4])) == ReceiptFault.NOT_ENOUGH_VERDICTS
    assert fault_of(bench, bench.signed(7, 5, verdicts=[3])) == ReceiptFault.NONE
    assert fault_of(bench, bench.signed(7, 5, device=None, verdicts=[3])) == ReceiptFault.BAD_DEVICE_SIGNATURE


@pytest.mark.parametrize(
    ("verdicts", "good"),
    [
        ([3, 4], True),
        ([3, 5], True),
        ([4, 5], True),
        ([3, 4, 5], True),
        ([], False),
        ([3], False),
        ([5], False),
        ([3, 3], False),  # one twice
        ([3, 3, 3], False),
        ([4, 3], False),  # falling
        ([3, (6, VERIFIER_KEYS[4])], False),  # no verifier of the policy
        ([3, 4, 5, 5], False),  # more than there are verifiers
        ([(3, VERIFIER_KEYS[4]), 4], False),  # a key of another
        ([(3, VERIFIER_KEYS[3]), (4, VERIFIER_KEYS[3])], False),
        ([(3, VERIFIERS[3]), 4], False),  # an owner is no key
        ([(3, STRANGER), 4, 5], True),  # a bad one does no harm beside enough good ones
    ],
)
def test_quorum__two_of_three(verdicts: list[Any], good: bool) -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    expected = ReceiptFault.NONE if good else ReceiptFault.NOT_ENOUGH_VERDICTS
    assert fault_of(bench, bench.signed(7, 5, verdicts=verdicts)) == expected


def test_quorum__verdict_that_says_invalid__does_not_count() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    item = bench.signed(7, 5, verdicts=[3, 4], valid=False)
    assert fault_of(bench, item) == ReceiptFault.NOT_ENOUGH_VERDICTS


@pytest.mark.parametrize("field", [1, 2])
def test_quorum__version_or_confidence_changed__does_not_count(field: int) -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    item = bench.signed(7, 5, verdicts=[3, 4])
    first = list(item[5][0])
    first[field] += 1
    assert fault_of(bench, (*item[:5], [tuple(first), item[5][1]])) == ReceiptFault.NOT_ENOUGH_VERDICTS


def test_quorum__verdicts_of_another_figure_or_output__do_not_count() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    good = bench.signed(7, 5, verdicts=[3, 4])
    for other in (
        bench.signed(7, 4, verdicts=[3, 4]),
        bench.signed(7, 5, output_root=bytes(32), verdicts=[3, 4]),
    ):
        assert fault_of(bench, (*good[:5], other[5])) == ReceiptFault.NOT_ENOUGH_VERDICTS


def test_quorum__verifier_below_its_minimum__does_not_count() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    item = bench.signed(7, 5, verdicts=[3, 4])
    bench.set_free(4, VERIFIERS[4], 2_000 * DOLLAR)
    assert fault_of(bench, item) == ReceiptFault.NONE
    bench.set_free(4, VERIFIERS[4], 2_000 * DOLLAR - 1)
    assert fault_of(bench, item) == ReceiptFault.NOT_ENOUGH_VERDICTS


def test_quorum__revoked_verifier_key__does_not_count_from_then_on() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    item = bench.signed(7, 5, verdicts=[3, 4])
    key = VERIFIER_KEYS[4].address
    bench.staking.transact("revokeKey", 4, int(KeyKind.VERIFIER), key, sender=VERIFIERS[4])
    assert fault_of(bench, item) == ReceiptFault.NOT_ENOUGH_VERDICTS


def test_acceptance__stands_in_for_verdicts_and_is_judged_alone() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    assert fault_of(bench, bench.signed(7, 5, customer=ANN)) == ReceiptFault.NONE
    bad = bench.signed(7, 5, customer=SAM, verdicts=[3, 4])
    assert fault_of(bench, bad) == ReceiptFault.BAD_ACCEPTANCE
    bench.agree(8, policy=QUORUM, funder=3)
    assert fault_of(bench, bench.signed(8, 5, customer=ANN)) == ReceiptFault.BAD_FUNDER_ACCEPTANCE
    assert fault_of(bench, bench.signed(8, 5, customer=ANN, funder=SAM)) == ReceiptFault.NONE
    assert fault_of(bench, bench.signed(8, 5, verdicts=[3, 4])) == ReceiptFault.NONE


def test_session_key__in_a_batch__only_one_for_listed_agreements() -> None:
    """What a figure moves is known when it is settled: a key with a total could be made to accept more than that."""
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    keys, total = bench.system.session_keys, account("key with a total")
    keys.transact("grant", 1, SESSION.address, bench.now + DAY, 0, [7], sender=ANN)
    keys.transact("grant", 1, total.address, bench.now + DAY, 10**9, [], sender=ANN)
    assert fault_of(bench, bench.signed(7, 5, session=SESSION)) == ReceiptFault.NONE
    assert fault_of(bench, bench.signed(7, 5, session=total)) == ReceiptFault.SESSION_NOT_GOOD
    assert fault_of(bench, bench.signed(7, 5, session=STRANGER)) == ReceiptFault.SESSION_NOT_GOOD


# Posting them


def test_silence__to_the_second__counted_from_the_relayers_last_post() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.post([(7, 1)])
    silent = bench.now + DAY
    assert bench.ledger.call("silentAt", NONE) == silent
    bench.evm.warp_to(silent - 1)
    with reverts("ReceiptLedger_RelayerNotSilent", policy=NONE, silentAt=silent):
        post_signed(bench, NONE, bench.signed(7, 5))
    bench.evm.warp_to(silent)
    post_signed(bench, NONE, bench.signed(7, 5))
    # A signed post is no sign of life of the relayer.
    assert bench.ledger.call("silentAt", NONE) == silent
    post_signed(bench, NONE, bench.signed(7, 6))


def test_silence__of_a_new_policy__counts_from_its_addition() -> None:
    bench = open_bench()
    policy = bench.system.add_policy(relayer=2, silence=500)
    added = bench.now
    bench.post([(7, 1)])  # under another policy
    assert bench.ledger.call("silentAt", policy) == added + 500
    bench.agree(7, policy=policy)
    bench.evm.warp_to(added + 499)
    with reverts("ReceiptLedger_RelayerNotSilent"):
        post_signed(bench, policy, bench.signed(7, 5))
    bench.evm.warp_to(added + 500)
    assert post_signed(bench, policy, bench.signed(7, 5)).result == policy << 80


@pytest.mark.parametrize("policy", [0, 4, 65_535])
def test_signed_post__unknown_policy__refused(policy: int) -> None:
    bench = open_bench()
    for run in (bench.ledger.call, bench.ledger.transact):
        with reverts("ReceiptLedger_UnknownPolicy", policy=policy):
            if run == bench.ledger.call:
                bench.ledger.call("silentAt", policy)
            else:
                post_signed(bench, policy)


def test_signed_post__good_items_only__become_a_batch_in_nobodys_flight() -> None:
    bench = open_bench()
    for number in (5, 7, 8, 9, 10):
        bench.agree(number, budget=100)
    bench.agree(11, policy=QUORUM)
    items = [
        bench.signed(7, 40),
        bench.signed(5, 1),  # not rising
        bench.signed(8, 50, device=STRANGER),
        bench.signed(9, 60, output_root=b"\1" * 32),
        bench.signed(9, 61),  # not rising
        bench.signed(11, 3, verdicts=[3, 4]),  # of another policy
        bench.signed(12, 1),
        bench.signed(10, 7),
    ]
    receipt = post_signed(bench, NONE, *items)
    number = NONE << 80
    assert receipt.result == number
    assert faults(receipt) == [
        (1, ReceiptFault.NOT_RISING),
        (2, ReceiptFault.BAD_DEVICE_SIGNATURE),
        (4, ReceiptFault.NOT_RISING),
        (5, ReceiptFault.OTHER_POLICY),
        (6, ReceiptFault.UNKNOWN_AGREEMENT),
    ]
    packed = encode_figures([(7, 40), (9, 60), (10, 7)])
    outputs = OUTPUT + b"\1" * 32 + OUTPUT
    root = batch_root(packed, outputs)
    assert bench.ledger.call("batchOf", number) == {
        "postedAt": bench.now, "policy": NONE, "leaves": 3, "relayer": 0, "value": VALUE, "moved": 0, "flags": 1 | 4,
        "root": root, "figuresHash": keccak256(packed),
    }  # fmt: skip
    posted = receipt.event("BatchPosted").args
    assert (posted["batch"], posted["relayer"], posted["leaves"], posted["root"]) == (number, 0, 3, root)
    assert bench.ledger.call("inFlight", 0) == bench.ledger.call("inFlight", 2) == 0
    assert bench.ledger.call("nextNonce", NONE, 0) == 1
    assert bench.ledger.call("nextNonce", NONE, 2) == 0
    assert bench.ledger.call("settleableAt", number) == bench.now + DAY


@pytest.mark.parametrize("count", [1, 2, 3, 5, 127, 128])
def test_signed_post__of_any_size__has_the_relayers_root_and_settles(count: int) -> None:
    bench = open_bench()
    rows = [(100 + i, 1_000 + i) for i in range(count)]
    for number, _ in rows:
        bench.agree(number)
    receipt = post_signed(bench, NONE, *[bench.signed(*row) for row in rows])
    packed = encode_figures(rows)
    assert bench.ledger.call("batchOf", receipt.result)["root"] == batch_root(packed, OUTPUT * count)
    with reverts("ReceiptLedger_WindowOpen", endsAt=bench.now + DAY):
        bench.ledger.transact("settle", receipt.result, packed, sender=MALLORY)
    bench.evm.warp(DAY)
    settled = bench.ledger.transact("settle", receipt.result, packed, sender=MALLORY)
    assert settled.result == sum(units for _, units in rows)
    assert settled.events("BatchRetired") == []
    with reverts("ReceiptLedger_AlreadyRetired"):
        bench.ledger.transact("retire", receipt.result, sender=MALLORY)


def test_signed_post__nothing_good_or_too_many__refused() -> None:
    bench = open_bench()
    bench.agree(7)
    with reverts("ReceiptLedger_NothingToPost"):
        post_signed(bench, NONE)
    with reverts("ReceiptLedger_NothingToPost"):
        post_signed(bench, NONE, bench.signed(7, 5, device=STRANGER))
    with reverts("ReceiptLedger_TooManyItems", items=129):
        post_signed(bench, NONE, *[bench.signed(7, 5)] * 129)
    assert bench.ledger.call("nextNonce", NONE, 0) == 0


def test_signed_post__frozen_agreement__is_posted_and_waits() -> None:
    """While frozen an agreement's money does not move; what is posted meanwhile is not lost."""
    bench = open_bench()
    bench.agree(7, frozen=True)
    assert faults(post_signed(bench, NONE, bench.signed(7, 5))) == []


def test_signed_post__judged_by_what_was_good_when_it_was_posted() -> None:
    bench = open_bench()
    bench.agree(7, policy=QUORUM)
    receipt = post_signed(bench, QUORUM, bench.signed(7, 5, verdicts=[3, 4]))
    for number in (3, 4):
        key = VERIFIER_KEYS[number].address
        bench.staking.transact("revokeKey", number, int(KeyKind.VERIFIER), key, sender=VERIFIERS[number])
    bench.staking.transact("revokeKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    bench.evm.warp(3 * DAY)
    assert bench.settle_posted(receipt.result, 7, 5).result == 5


# Downtime


def report(bench: Bench, *items: tuple[Any, ...]) -> Receipt:
    return bench.ledger.transact("reportDowntime", list(items), sender=MALLORY)


def test_downtime__by_the_providers_own_receipt__under_every_kind() -> None:
    bench = open_bench()
    for number, policy in ((7, NONE), (8, ATTESTED), (9, QUORUM)):
        bench.agree(number, policy=policy, mode=1)
        receipt = report(bench, bench.signed(number, 30))
        assert receipt.event("SetDowntime").args == {"agreement": number, "units": 30}
        assert faults(receipt) == []


def test_downtime__by_verdicts__where_the_policy_has_verifiers() -> None:
    bench = open_bench()
    for number, policy in ((7, NONE), (8, ATTESTED), (9, QUORUM)):
        bench.agree(number, policy=policy, mode=1)
    items = [
        bench.signed(7, 30, device=None, verdicts=[3]),
        bench.signed(8, 30, device=None, verdicts=[3]),
        bench.signed(9, 30, device=None, verdicts=[3]),
        bench.signed(9, 30, device=None, verdicts=[3, 5]),
        bench.signed(9, 31, device=STRANGER, verdicts=[3, 5]),
        bench.signed(7, 30, device=None, customer=ANN),
    ]
    receipt = report(bench, *items)
    assert [log.args["agreement"] for log in receipt.events("SetDowntime")] == [8, 9]
    assert faults(receipt) == [
        (0, ReceiptFault.BAD_DEVICE_SIGNATURE),
        (2, ReceiptFault.NOT_ENOUGH_VERDICTS),
        (4, ReceiptFault.BAD_DEVICE_SIGNATURE),
        (5, ReceiptFault.BAD_DEVICE_SIGNATURE),
    ]


def test_downtime__metered_closed_early_or_not_above_the_last__refused() -> None:
    bench = open_bench()
    bench.agree(7)
    bench.agree(8, mode=1, status=2)
    bench.agree(9, mode=1, downtime=30)
    items = [
        bench.signed(7, 30),
        bench.signed(8, 30),
        bench.signed(9, 31, period_end=bench.now + 1),
        bench.signed(9, 30),
        bench.signed(9, 31),
    ]
    receipt = report(bench, *items)
    assert faults(receipt) == [
        (0, ReceiptFault.NOT_A_LEASE),
        (1, ReceiptFault.CLOSED),
        (2, ReceiptFault.OUTSIDE_PERIOD),
        (3, ReceiptFault.NOTHING_DUE),
    ]
    with reverts("ReceiptLedger_TooManyItems", items=129):
        report(bench, *[items[4]] * 129)
