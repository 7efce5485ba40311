"""Posting, settling, ending and refunding on the model, with hand-worked figures."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import DAY, START, World

from tallystick.protocol import merkle
from tallystick.protocol.constants import MICRO, NOTICE, POST_GRACE, SELF_POST_WINDOW, SETTLE_GRACE
from tallystick.protocol.eip712 import BatchHeader
from tallystick.protocol.enums import KeyKind, SkipReason, Status, VerificationKind
from tallystick.protocol.errors import Refused
from tallystick.protocol.figures import encode_figures, leaves
from tallystick.protocol.model import Model, ModelParameters, Policy, SettleOrder

WAIT = POST_GRACE + SELF_POST_WINDOW + SETTLE_GRACE
"""Seconds between the end of an agreement and its refund."""


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


def test_settle__worked_task_of_the_protocol__net_and_fee_to_the_micro(world: World) -> None:
    """PROTOCOL section 9: a task of 100 000 000 µ at 500 bps pays 95 000 000 net and 5 000 000 in fees."""
    task = world.open(unit_price=100_000_000, budget=100_000_000, max_budget=100_000_000)
    assert world.settle((task, 1_000_000)).moved == 100_000_000
    assert world.model.escrow.earnings_of(world.payee) == (95_000_000, 0, 5_000_000)
    assert world.model.escrow.fee_totals() == (5_000_000, 0)
    world.model.check_invariants()


def test_settle__cumulative_figures__rounding_never_adds_up(world: World) -> None:
    """19 µ a step at 500 bps: after 20 steps 380 gross, 19 fee (PROTOCOL section 9)."""
    agreement = world.open(unit_price=1_000_000)
    moved = [world.settle((agreement, 19 * step)).moved for step in range(1, 21)]
    assert moved == [19] * 20
    assert world.model.escrow.earnings_of(world.payee)[0] == 380 - 19
    assert world.model.escrow.fee_totals()[0] == 19


def test_settle__both_fees__customer_pays_on_top() -> None:
    world = World(Model(ModelParameters(fee_provider=1_000, fee_customer=1_000)))
    agreement = world.open(max_fee_provider=1_000, max_fee_customer=1_000, unit_price=1_000_000)
    settlement = world.settle((agreement, 1_009))
    assert settlement.moved == 1_009 + 100
    assert settlement.steps[0][3:] == (1_009, 100, 100)
    assert world.model.escrow.earnings_of(world.payee) == (909, 0, 200)
    refund = world.model.escrow.refund(agreement, now=world.model.escrow.refundable_at(agreement))
    assert refund == 1_100 * MICRO - 1_109
    world.model.check_invariants()


def test_settle__stale_repeated_or_lower__nothing_moves(world: World) -> None:
    agreement = world.open()
    assert world.settle((agreement, 1_000_000)).moved == 600_000
    for units in (1_000_000, 999_999, 0, 1_000_001):  # one unit more is 600 000.6 µ, floored
        assert world.settle((agreement, units)).steps[0].reason == SkipReason.STALE
    assert world.settle((agreement, 1_000_002)).moved == 1


def test_settle__above_the_budget__pays_up_to_it_once(world: World) -> None:
    agreement = world.open()
    step = world.settle((agreement, 2**80 - 1)).steps[0]
    assert (step.reason, step.gross) == (SkipReason.CAPPED_AT_BUDGET, 1_000 * MICRO)
    assert world.settle((agreement, 2**80 - 1)).steps[0].reason == SkipReason.STALE


def test_settle__above_the_declared_value__skipped_whole_and_others_go_on(world: World) -> None:
    first, second, third = (world.open() for _ in range(3))
    settlement = world.settle((first, 10), (second, 1_000), (third, 20), value=6 + 12)
    assert [step.reason for step in settlement.steps] == [0, SkipReason.ABOVE_DECLARED_VALUE, 0]
    assert settlement.moved == 18
    world.model.check_invariants()


def test_settle__one_of_each_reason__each_is_named(world: World) -> None:
    escrow = world.model.escrow
    other = world.model.policy_book.add(Policy(VerificationKind.NONE, 0, world.relayer), caller="admin")
    closed, foreign, frozen, good = world.open(), world.open(policy=other), world.open(), world.open()
    world.now = escrow.refundable_at(closed)
    escrow.refund(closed, now=world.now)
    escrow.agreements[frozen].frozen = True
    reasons = [
        step.reason for step in world.settle((5, 1), (closed, 9), (foreign, 9), (frozen, 9), (good, 9)).steps
    ]
    assert [reason.name for reason in reasons] == [
        "UNKNOWN_AGREEMENT",
        "CLOSED",
        "OTHER_POLICY",
        "FROZEN",
        "NONE",
    ]


def test_settle__void_by_mask__void_comes_first(world: World) -> None:
    agreement = world.open()
    figures = [(5, 1), (agreement, 100)]
    steps = world.model.escrow.settle(
        SettleOrder(world.policy, START, 10**9), figures, 0b01, caller="ReceiptLedger"
    ).steps
    assert [step.reason for step in steps] == [SkipReason.VOID, SkipReason.NONE]


def test_settle__anyone_but_the_ledger__refused(world: World) -> None:
    with refused("Escrow_NotLedger"):
        world.model.escrow.settle(SettleOrder(world.policy, START, 0), [], caller="relayer")


def test_ledger_settle__inside_the_window__refused_until_its_last_second(world: World) -> None:
    agreement = world.open()
    batch, data = world.post([(agreement, 10)])
    assert world.model.ledger.settleable_at(batch) == START + DAY
    for call in (world.model.ledger.settle, lambda b, _, now: world.model.ledger.retire(b, now=now)):
        with refused("ReceiptLedger_WindowOpen"):
            call(batch, data, now=START + DAY - 1)
    assert world.model.ledger.settle(batch, data, now=START + DAY).moved == 6
    assert world.model.ledger.settle(batch, data, now=START + DAY).moved == 0
    with refused("ReceiptLedger_AlreadyRetired"):
        world.model.ledger.retire(batch, now=START + DAY)


def test_ledger_settle__other_figures_or_unknown_batch__refused(world: World) -> None:
    batch, _ = world.post([(world.open(), 10)])
    with refused("ReceiptLedger_WrongFigures"):
        world.model.ledger.settle(batch, encode_figures([(1, 1)]), now=START + DAY)
    with refused("ReceiptLedger_UnknownBatch"):
        world.model.ledger.settle(batch + 1, b"", now=START + DAY)


def test_settle_one__every_leaf_by_its_proof__same_as_settle(world: World) -> None:
    agreements = [world.open() for _ in range(3)]
    batch, data = world.post([(agreement, 100) for agreement in agreements])
    hashes = leaves(data, bytes(96))
    for index in (2, 0, 1):
        figure = data[18 * index : 18 * index + 18]
        proof = merkle.proof(hashes, index)
        with refused("ReceiptLedger_BadProof"):
            world.model.ledger.settle_one(batch, index + 1, figure, bytes(32), proof, now=START + DAY)
        moved = world.model.ledger.settle_one(batch, index, figure, bytes(32), proof, now=START + DAY).moved
        assert moved == 60
    assert world.model.ledger.settle(batch, data, now=START + DAY).moved == 0
    world.model.check_invariants()


def header(world: World, **changes: int) -> BatchHeader:
    return BatchHeader(world.policy, 1_000, 0, START)._replace(**changes)


def test_post__every_fault__in_the_contracts_order(world: World) -> None:
    """Each call has the fault named and all that come after it."""
    ledger, good, outputs = world.model.ledger, encode_figures([(1, 1)]), bytes(32)
    wrong = header(world, nonce=1, value=200_000 * MICRO + 1)
    nowhere = wrong._replace(policy=9)
    calls = [
        ("ReceiptLedger_DeadlinePassed", nowhere._replace(deadline=START - 1), good[:-1], "stranger"),
        ("ReceiptLedger_BadLength", nowhere, good[:-1], "stranger"),
        ("ReceiptLedger_NotRising", nowhere, bytes(18), "stranger"),
        ("ReceiptLedger_UnknownPolicy", nowhere, good, "stranger"),
        ("ReceiptLedger_BadSignatures", wrong, good, "stranger"),
        ("ReceiptLedger_ValueAboveLimit", wrong, good, "signer"),
        ("ReceiptLedger_WrongNonce", header(world, nonce=1), good, "signer"),
    ]
    for code, head, figures, caller in calls:
        with refused(code):
            ledger.post(head, figures, outputs, caller=caller, now=START)
    world.model.staking.unstake(world.relayer, 10_000 * MICRO + 1, caller="relayer", now=START)
    with refused("ReceiptLedger_RelayerNotActive"):
        ledger.post(wrong, good, outputs, caller="stranger", now=START)
    assert ledger.batches == {}


def test_post__signers__each_counts_once_and_rising(world: World) -> None:
    staking, ledger = world.model.staking, world.model.ledger
    for key in ("0xaa", "0xbb"):
        staking.authorise_key(world.relayer, KeyKind.SIGNER, key, caller="relayer", now=START)
    staking.set_signer_threshold(world.relayer, 2, caller="relayer")
    figures = encode_figures([(1, 1)])

    def post(*signers: str, caller: str = "stranger") -> int:
        nonce = ledger.next_nonce(world.policy, world.relayer)
        return ledger.post(header(world, nonce=nonce), figures, bytes(32), signers, caller=caller, now=START)

    zero = "0x" + "0" * 40
    for signers in ((), ("0xaa",), ("0xbb", "0xaa"), ("0xaa", "0xaa"), ("0xaa", "0xcc"), (zero, "0xaa")):
        with refused("ReceiptLedger_BadSignatures"):
            post(*signers)
    with refused("ReceiptLedger_BadSignatures"):
        post("0xaa", "0xbb", caller="0xaa")
    numbers = [post("0xaa", "0xbb"), post("0xBB".lower(), caller="0xaa"), post("0xaa", caller="signer")]
    assert numbers == [world.policy << 80 | world.relayer << 48 | nonce for nonce in range(3)]
    staking.revoke_key(world.relayer, KeyKind.SIGNER, "0xbb", caller="relayer", now=START)
    with refused("ReceiptLedger_BadSignatures"):
        post("0xaa", "0xbb")


def test_post__values_in_flight__free_again_after_the_window(world: World) -> None:
    """Limit: ten times the 20 000 of free stake."""
    agreement = world.open()
    first, _ = world.post([(agreement, 10)], value=150_000 * MICRO)
    with refused("ReceiptLedger_ValueAboveLimit"):
        world.post([(agreement, 20)], value=50_000 * MICRO + 1)
    world.post([(agreement, 20)], value=50_000 * MICRO)
    world.now += DAY
    world.model.ledger.retire(first, now=world.now)
    assert world.model.ledger.in_flight(world.relayer) == 50_000 * MICRO
    world.post([(agreement, 30)], value=150_000 * MICRO)
    world.model.check_invariants()


def test_close__customer__after_the_notice_and_never_later(world: World) -> None:
    agreement = world.open()
    assert world.model.escrow.close(agreement, caller="customer", now=START + 5) == START + 5 + NOTICE
    with refused("Escrow_AlreadyEnding"):
        world.model.escrow.close(agreement, caller="customer", now=START + 6)
    assert world.model.escrow.close(agreement, caller="provider", now=START + 9) == START + 9
    assert world.model.escrow.refundable_at(agreement) == START + 9 + WAIT


def test_close__before_the_start__ends_at_the_start(world: World) -> None:
    agreement = world.open(start=START + DAY, expiry=START + 2 * DAY)
    assert world.model.escrow.close(agreement, caller="provider", now=START) == START + DAY


def test_close__stranger_or_no_agreement__refused(world: World) -> None:
    with refused("Escrow_NotParty"):
        world.model.escrow.close(world.open(), caller="sponsor", now=START)
    with refused("Escrow_NotOpen"):
        world.model.escrow.close(1, caller="customer", now=START)


def test_refund__waiting_over__returns_the_rest_and_releases_the_pledge(world: World) -> None:
    agreement = world.open()
    world.settle((agreement, 1_000_000))
    due = START + 30 * DAY + WAIT
    with refused("Escrow_NotRefundableYet"):
        world.model.escrow.refund(agreement, now=due - 1)
    assert world.model.escrow.refund(agreement, now=due) == 1_000 * MICRO - 600_000
    assert world.model.staking.operators[0].pledged == 0
    with refused("Escrow_NotOpen"):
        world.model.escrow.refund(agreement, now=due)
    with refused("Escrow_PledgeNotStuck"):
        world.model.escrow.retry_release(agreement)
    world.model.check_invariants()


@pytest.mark.parametrize(("field", "value"), [("frozen", True), ("holds", 1)])
def test_refund__frozen_or_held__refused(world: World, field: str, value: int) -> None:
    agreement = world.open()
    setattr(world.model.escrow.agreements[agreement], field, value)
    with refused("Escrow_Held"):
        world.model.escrow.refund(agreement, now=START + 100 * DAY)


def test_refund__release_fails__exit_happens_and_the_pledge_follows_later(world: World) -> None:
    agreement = world.open()
    due = world.model.escrow.refundable_at(agreement)
    assert world.model.escrow.refund(agreement, now=due, release_fails=True) == 1_000 * MICRO
    assert world.model.escrow.agreements[agreement].status == Status.CLOSED
    assert world.model.staking.operators[0].pledged == 100 * MICRO
    world.model.check_invariants()
    assert world.model.escrow.retry_release(agreement) == 100 * MICRO
    assert world.model.staking.operators[0].pledged == 0
    world.model.check_invariants()


def test_accounts__deposits_withdrawals_and_claims__by_hand(world: World) -> None:
    escrow, currency = world.model.escrow, world.model.currency
    escrow.deposit_for(world.customer, 5, b"r" * 32, caller="sponsor")
    with refused("Escrow_ReferenceUsed"):
        escrow.deposit_for(world.customer, 5, b"r" * 32, caller="sponsor")
    escrow.deposit_for(world.customer, 5, b"r" * 32, caller="provider")
    assert escrow.balance_of(world.customer) == (10_000 * MICRO + 10, 0)
    escrow.withdraw(world.customer, 10, "shop", caller="customer")
    assert currency.balance_of("shop") == 10
    with refused("Escrow_NotEnoughFree"):
        escrow.withdraw(world.customer, 10_000 * MICRO + 1, "shop", caller="customer")
    agreement = world.open()
    world.settle((agreement, 1_000_000))
    assert escrow.claim(world.payee, "bank", caller="provider") == 570_000
    assert currency.balance_of("bank") == 570_000
    with refused("Escrow_NothingToClaim"):
        escrow.claim(world.payee, "bank", caller="provider")
    world.model.check_invariants()


def test_accounts__wrong_calls__refused_by_name(world: World) -> None:
    escrow, zero = world.model.escrow, "0x" + "0" * 40
    calls = {
        "Escrow_NotOwner": [
            lambda: escrow.withdraw(1, 1, "x", caller="sponsor"),
            lambda: escrow.claim(99, "x", caller="sponsor"),
            lambda: escrow.allow(1, 1, 1, 1, caller="sponsor"),
            lambda: escrow.revoke(1, 1, 1, caller="sponsor"),
        ],
        "Escrow_ZeroAddress": [
            lambda: escrow.create_account(zero),
            lambda: escrow.withdraw(1, 1, zero, caller="customer"),
            lambda: escrow.claim(1, zero, caller="customer"),
        ],
        "Escrow_ZeroAmount": [
            lambda: escrow.deposit(99, 0, caller="customer"),
            lambda: escrow.withdraw(1, 0, "x", caller="customer"),
        ],
        "Escrow_UnknownAccount": [
            lambda: escrow.deposit(99, 1, caller="customer"),
            lambda: escrow.allow(1, 99, 1, 1, caller="customer"),
        ],
        "ERC20InsufficientBalance": [lambda: escrow.deposit(1, 1, caller="pauper")],
    }
    for code, attempts in calls.items():
        for attempt in attempts:
            with refused(code):
                attempt()


def test_blacklist__one_payee__only_it_waits(world: World) -> None:
    """B13."""
    agreement = world.open()
    world.settle((agreement, 1_000_000))
    world.model.currency.blacklist("provider")
    with refused("TestDollar_Blacklisted"):
        world.model.escrow.claim(world.payee, "provider", caller="provider")
    assert world.settle((agreement, 2_000_000)).moved == 600_000
    assert world.model.escrow.claim(world.payee, "elsewhere", caller="provider") == 1_140_000
    world.model.escrow.withdraw(world.customer, 1, "customer", caller="customer")
    world.model.check_invariants()
