"""The five ways to get paid of PROTOCOL section 5, on the real contracts, each by its promise, to the µ.

Fees are 500 bps on the provider and 100 bps on the customer, so every sum below can be worked out by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.enums import KeyKind, ReceiptFault, SkipReason
from tallystick.protocol.figures import encode_figure
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM, Desk, Posted, open_desk
from tests.support.evm import Account, Evm, Receipt, account, reverts
from tests.support.receipts import DEVICE, VERIFIER_KEYS, VERIFIERS, faults, release_request, sign_receipt
from tests.support.system import DOLLAR, Parameters, Role

OUTPUT = b"\x5a" * 32
MINIMUM = 1_000 * DOLLAR  # of a provider
BOND = 100 * DOLLAR
RESPONSE = 21_600
FROZEN = 1 << 11  # bit of the hot slot
FREE, PLEDGE, CURRENCY = 1, 2, 3


def seat(desk: Desk) -> Desk:
    """Otto's device key; a minute goes by, so that receipts have a period."""
    desk.system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    return desk


@pytest.fixture
def desk() -> Desk:
    return seat(open_desk(Parameters(fee_customer=100), evm=Evm()))


def signed(desk: Desk, agreement: int, units: int, **how: Any) -> tuple[Any, ...]:
    """A signed receipt of the last second."""
    start, end = how.pop("start", desk.now - 1), how.pop("end", desk.now)
    claim = Claim(agreement, units, start, end, OUTPUT, exclusive=True)
    return sign_receipt(desk.evm, desk.ledger, claim, **how)


def collect(desk: Desk, *items: tuple[Any, ...]) -> Receipt:
    return desk.ledger.transact("collect", list(items), sender=MALLORY)


def self_post(desk: Desk, *items: tuple[Any, ...], sender: Account = OTTO) -> Receipt:
    return desk.ledger.transact("selfPost", list(items), sender=sender)


def settle(desk: Desk, batch: int, agreement: int, units: int) -> int:
    """Settles a batch of one leaf; µ moved."""
    packed = encode_figure(agreement, units)
    return int(desk.ledger.transact("settle", batch, packed, sender=MALLORY).result)


def release(desk: Desk, batch: Posted, *indices: int, sender: Account = OTTO) -> Receipt:
    requests = [release_request(batch, index) for index in indices]
    return desk.ledger.transact("release", requests, sender=sender)


def opened(desk: Desk, **changes: Any) -> int:
    """Opens an agreement; ten seconds of it go by."""
    number = desk.opened(**changes)
    desk.evm.warp(10)
    return number


def earned(desk: Desk, account_number: int = 2) -> tuple[int, int]:
    """µ received net, and the reward base."""
    received, _, reward_base = desk.escrow.call("earningsOf", account_number)
    return received, reward_base


def stake(desk: Desk, operator: int = 1) -> dict[str, int]:
    row = desk.system.staking.call("get", operator)
    return {part: row[part] for part in ("free", "pledged", "reserved", "thawing")}


def check_books(desk: Desk) -> None:
    """The Escrow holds just what it owes; Staking just the stakes and the credits; parts make up the whole."""
    desk.check_solvent()
    staking = desk.system.staking
    operators = range(1, staking.call("count") + 1)
    total = sum(sum(stake(desk, operator).values()) for operator in operators)
    assert total == staking.call("totalStake")
    assert desk.system.balance(staking) == total + staking.call("totalCredits")


# Countersigned: anyone holding them, at once, final


def test_countersigned__a_task__is_paid_whole_at_once() -> None:
    """PROTOCOL section 9: 100 000 000 µ at 500 bps: net 95 000 000, fee 5 000 000."""
    desk = seat(open_desk(evm=Evm()))
    task = opened(desk, unit_price=100 * DOLLAR, budget=100 * DOLLAR)
    assert collect(desk, signed(desk, task, 1_000_000, customer=ANN)).result == 100_000_000
    assert earned(desk) == (95_000_000, 5_000_000)
    assert desk.escrow.call("feeTotals") == (5_000_000, 0)
    check_books(desk)


def test_countersigned__partial_then_whole__differences_of_cumulative_floors(desk: Desk) -> None:
    agreement = opened(desk)
    # 19 µ at a time, as in section 9: after 20 steps paid 380, provider's fee 19, customer's floor(380 x 1 %) = 3.
    moved = 0
    for step in range(1, 21):
        moved += collect(desk, signed(desk, agreement, 19 * step, customer=ANN)).result
    assert moved == 383
    assert earned(desk) == (361, 22)
    check_books(desk)


def test_countersigned__replayed_reordered_or_above_the_budget(desk: Desk) -> None:
    agreement = opened(desk, budget=1_000)
    old, new = signed(desk, agreement, 300, customer=ANN), signed(desk, agreement, 5_000, customer=ANN)
    receipt = collect(desk, new, old, new)
    assert receipt.result == 1_010
    assert faults(receipt) == [(1, ReceiptFault.NOTHING_DUE), (2, ReceiptFault.NOTHING_DUE)]
    assert collect(desk, old, new).result == 0
    assert desk.agreement(agreement)["paid"] == 1_000
    check_books(desk)


def test_countersigned__sponsored__needs_the_sponsor_and_refunds_it(desk: Desk) -> None:
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    agreement = opened(desk, funder=3, budget=1_000)
    refused = collect(desk, signed(desk, agreement, 400, customer=ANN))
    assert faults(refused) == [(0, ReceiptFault.BAD_FUNDER_ACCEPTANCE)]
    free = desk.free(3)
    assert collect(desk, signed(desk, agreement, 400, customer=ANN, funder=SAM)).result == 404
    desk.evm.warp(100_000 + 5 * DAY)
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    # 1 000 + 10 were locked, 400 + 4 are spent.
    assert desk.free(3) - free == 606
    check_books(desk)


def test_countersigned__session_key_with_a_total__is_booked_by_what_moved(desk: Desk) -> None:
    session = account("session")
    keys = desk.system.session_keys
    keys.transact("grant", 1, session.address, desk.now + DAY, 500, [], sender=ANN)
    agreement = opened(desk)
    # The customer's fee is not its matter: gross counts.
    receipt = collect(desk, signed(desk, agreement, 500, session=session))
    assert (receipt.result, keys.call("sessionOf", 1, session.address)["spent"]) == (505, 500)
    fault = faults(collect(desk, signed(desk, agreement, 501, session=session)))
    assert fault == [(0, ReceiptFault.SESSION_NOT_GOOD)]


def test_countersigned__more_than_is_left_of_a_total__moves_nothing(desk: Desk) -> None:
    session = account("session")
    desk.system.session_keys.transact("grant", 1, session.address, desk.now + DAY, 500, [], sender=ANN)
    agreement = opened(desk)
    receipt = collect(desk, signed(desk, agreement, 501, session=session))
    assert (receipt.result, faults(receipt)) == (0, [(0, ReceiptFault.NOTHING_DUE)])
    assert desk.agreement(agreement)["paid"] == 0


def test_countersigned__frozen__waits(desk: Desk) -> None:
    agreement = opened(desk)
    desk.set_bits(agreement, hot=FROZEN)
    receipt = collect(desk, signed(desk, agreement, 5, customer=ANN))
    assert faults(receipt) == [(0, ReceiptFault.FROZEN)]


def test_countersigned__after_the_end_until_it_is_closed(desk: Desk) -> None:
    agreement = opened(desk)
    end = desk.agreement(agreement)["end"]
    desk.evm.warp_to(end + 5 * DAY)
    assert collect(desk, signed(desk, agreement, 400, customer=ANN, start=end - 1, end=end)).result == 404
    late = signed(desk, agreement, 500, customer=ANN, start=end, end=end + 1)
    assert faults(collect(desk, late)) == [(0, ReceiptFault.OUTSIDE_PERIOD)]
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    again = signed(desk, agreement, 500, customer=ANN, start=end - 1, end=end)
    assert faults(collect(desk, again)) == [(0, ReceiptFault.CLOSED)]
    check_books(desk)


def test_countersigned__a_lease__pays_up_to_the_accepted_second(desk: Desk) -> None:
    """100 µ a second: 1 000 s less 100 s of downtime are 90 000 µ, with 900 of the customer's fee."""
    lease = desk.opened(mode=1, unit_price=100 * DOLLAR, budget=10 * DOLLAR, expiry=desk.now + 50_000)
    start = desk.now
    desk.evm.warp(2_000)
    item = signed(desk, lease, 100, customer=ANN, start=start, end=start + 1_000)
    assert collect(desk, item).result == 90_900
    assert desk.agreement(lease)["downtime"] == 100
    assert earned(desk) == (85_500, 5_400)
    ahead = signed(desk, lease, 100, customer=ANN, start=start, end=desk.now + 1)
    assert faults(collect(desk, ahead)) == [(0, ReceiptFault.OUTSIDE_PERIOD)]
    check_books(desk)


# Posted batch


def test_posted_batch__by_the_relayer__anyone_settles_after_the_window(desk: Desk) -> None:
    agreement = opened(desk)
    batch = desk.post([(agreement, 400)])
    with reverts("ReceiptLedger_WindowOpen"):
        desk.settle(batch)
    desk.evm.warp(DAY)
    assert desk.settle(batch).result == 404
    assert earned(desk) == (380, 24)
    check_books(desk)


# Instant release


def test_instant_release__at_once_and_the_reward_base_waits_for_the_end(desk: Desk) -> None:
    agreement = opened(desk)
    batch = desk.post([(agreement, 400)])
    before = stake(desk)
    receipt = release(desk, batch, 0)
    assert receipt.result == 404
    assert earned(desk) == (380, 0)
    assert (stake(desk)["reserved"], stake(desk)["free"]) == (404, before["free"] - 404)
    assert desk.agreement(agreement)["holds"] == 1
    check_books(desk)
    desk.evm.warp(DAY)
    assert desk.settle(batch).result == 0  # paid already
    desk.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    assert earned(desk) == (380, 24)
    assert stake(desk) == before
    assert desk.agreement(agreement)["holds"] == 0
    check_books(desk)


def test_instant_release__holds_the_refund_until_it_is_final(desk: Desk) -> None:
    agreement = opened(desk)
    batch = desk.post([(agreement, 400)])
    release(desk, batch, 0)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    with reverts("Escrow_Held", agreement=agreement):
        desk.escrow.transact("refund", agreement, sender=MALLORY)
    desk.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    check_books(desk)


def test_instant_release__of_a_cancelled_batch_unanswered__the_funder_gets_the_reservation(
    desk: Desk,
) -> None:
    agreement = opened(desk)
    batch = desk.post([(agreement, 400)])
    release(desk, batch, 0)
    whole = sum(stake(desk).values())
    desk.ledger.transact("cancel", batch.number, sender=desk.system.admin)
    desk.evm.warp(RESPONSE)
    desk.ledger.transact("makeGood", batch.number, 0, sender=MALLORY)
    # The payee keeps its 380, the provider's stake makes the customer whole, and no reward comes of it.
    assert earned(desk) == (380, 0)
    assert desk.system.staking.call("credits", ANN.address) == 404
    assert sum(stake(desk).values()) == whole - 404
    assert stake(desk)["reserved"] == 0
    assert desk.agreement(agreement)["holds"] == 0
    check_books(desk)
    desk.system.staking.transact("claimCredit", ANN.address, sender=ANN)
    check_books(desk)


def test_instant_release__of_a_cancelled_batch_answered__is_good(desk: Desk) -> None:
    agreement = opened(desk)
    item = signed(desk, agreement, 400)
    batch = desk.post([(agreement, 400)])
    release(desk, batch, 0)
    desk.ledger.transact("cancel", batch.number, sender=desk.system.admin)
    desk.ledger.transact("answerRelease", batch.number, 0, item, sender=MALLORY)
    desk.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    assert earned(desk) == (380, 24)
    assert stake(desk)["reserved"] == 0
    check_books(desk)


def test_instant_release__as_far_as_the_free_stake_reaches(desk: Desk) -> None:
    a, b = sorted((opened(desk), opened(desk)))
    batch = desk.post([(a, 400), (b, 500)])
    spare = 404 + 505
    staking = desk.system.staking
    staking.transact("unstake", 1, stake(desk)["free"] - MINIMUM - spare, sender=OTTO)
    assert release(desk, batch, 0, 1).result == spare
    assert stake(desk)["free"] == MINIMUM
    more = desk.post([(a, 401)])
    receipt = release(desk, more, 0)
    assert [log.args["reason"] for log in receipt.events("ReleaseRefused")] == [SkipReason.NOT_RELEASABLE]
    assert desk.agreement(a)["paid"] == 400


def test_instant_release__200_of_one_agreement__and_not_one_more(desk: Desk) -> None:
    agreement = opened(desk)
    for units in range(1, 201):
        assert release(desk, desk.post([(agreement, units)], value=10), 0).result in (1, 2)
    assert desk.agreement(agreement)["holds"] == 200
    receipt = release(desk, desk.post([(agreement, 201)], value=10), 0)
    assert [log.args["reason"] for log in receipt.events("ReleaseRefused")] == [SkipReason.NOT_RELEASABLE]
    check_books(desk)


# Self-post


def test_self_post__always_and_paid_after_the_longer_window(desk: Desk) -> None:
    desk.ledger.transact("pausePosting", 259_200, sender=desk.system.admin)
    agreement = opened(desk)
    before = stake(desk)
    (batch,) = self_post(desk, signed(desk, agreement, 400)).result
    assert stake(desk)["reserved"] == BOND
    check_books(desk)
    desk.evm.warp(3 * DAY - 1)
    with reverts("ReceiptLedger_WindowOpen"):
        settle(desk, batch, agreement, 400)
    desk.evm.warp(1)
    assert settle(desk, batch, agreement, 400) == 404
    assert stake(desk) == before
    check_books(desk)


def test_self_post__in_the_last_second_of_post_grace__is_paid_before_a_refund_can_run(desk: Desk) -> None:
    agreement = opened(desk)
    end = desk.agreement(agreement)["end"]
    desk.evm.warp_to(end + DAY)
    (batch,) = self_post(desk, signed(desk, agreement, 400, start=end - 1, end=end)).result
    due = desk.escrow.call("refundableAt", agreement)
    assert due == end + DAY + 3 * DAY + DAY
    desk.evm.warp_to(due - 1)
    with reverts("Escrow_NotRefundableYet"):
        desk.escrow.transact("refund", agreement, sender=MALLORY)
    assert settle(desk, batch, agreement, 400) == 404
    desk.evm.warp(1)
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    check_books(desk)


def pledged_desk(budgets: Sequence[int]) -> tuple[Desk, list[int]]:
    """A provider with its minimum free and everything else pledged; its agreements."""
    desk = seat(open_desk(Parameters(fee_customer=100), evm=Evm(), stake=MINIMUM + sum(budgets) // 10))
    numbers = [opened(desk, budget=budget) for budget in budgets]
    assert stake(desk)["free"] == MINIMUM
    return desk, numbers


def test_self_post__bond_of_the_agreements_own_pledge__once_each_and_back() -> None:
    desk, (agreement,) = pledged_desk([2_500 * DOLLAR])
    # A pledge of 250 has room for two bonds of 100; for the third there is nothing.
    receipt = self_post(desk, *[signed(desk, agreement, units) for units in (1, 2, 3)])
    assert [batch != 0 for batch in receipt.result] == [True, True, False]
    assert faults(receipt) == [(2, ReceiptFault.NO_BOND)]
    assert stake(desk) == {"free": MINIMUM, "pledged": 50 * DOLLAR, "reserved": 2 * BOND, "thawing": 0}
    assert desk.ledger.call("pledgeBonds", agreement) == 2 * BOND
    assert desk.ledger.call("bondOf", receipt.result[0]) == (agreement, BOND, PLEDGE)
    check_books(desk)
    desk.evm.warp(3 * DAY)
    for batch, units in zip(receipt.result[:2], (1, 2), strict=True):
        assert settle(desk, batch, agreement, units) == 1
    assert stake(desk) == {"free": MINIMUM, "pledged": 250 * DOLLAR, "reserved": 0, "thawing": 0}
    assert desk.ledger.call("pledgeBonds", agreement) == 0


def test_self_post__bonds_up_to_the_agreements_own_pledge__whatever_others_pledge() -> None:
    desk, (agreement, _other) = pledged_desk([2_500 * DOLLAR, 50_000 * DOLLAR])
    receipt = self_post(desk, *[signed(desk, agreement, units) for units in (1, 2, 3)])
    assert faults(receipt) == [(2, ReceiptFault.NO_BOND)]
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("retire", receipt.result[0], sender=MALLORY)
    end = desk.agreement(agreement)["end"]
    more = [signed(desk, agreement, units, start=end - 1, end=end) for units in (3, 4)]
    assert faults(self_post(desk, *more)) == [(1, ReceiptFault.NO_BOND)]


def test_self_post__of_another_agreements_pledge__is_no_bond() -> None:
    desk, (small, _large) = pledged_desk([500 * DOLLAR, 5_000 * DOLLAR])
    receipt = self_post(desk, signed(desk, small, 1))
    assert faults(receipt) == [(0, ReceiptFault.NO_BOND)]
    # With the currency at hand it is pulled, and stays as free stake.
    desk.system.fund(OTTO, BOND, desk.system.staking)
    (batch,) = self_post(desk, signed(desk, small, 1)).result
    assert desk.ledger.call("bondOf", batch) == (small, BOND, CURRENCY)
    check_books(desk)
    desk.evm.warp(3 * DAY)
    desk.ledger.transact("retire", batch, sender=MALLORY)
    assert stake(desk)["free"] == MINIMUM + BOND
    check_books(desk)


@pytest.mark.parametrize("budgets", [[2_500 * DOLLAR], [2_500 * DOLLAR, 1_000 * DOLLAR]])
@pytest.mark.parametrize("bond_first", [True, False])
def test_self_post__pledge_lent_while_its_agreement_closes__every_pledge_is_whole_in_the_end(
    budgets: list[int], bond_first: bool
) -> None:
    """With or without others' pledges beside it, and whether the bond or the release comes first."""
    desk, numbers = pledged_desk(budgets)
    agreement, others = numbers[0], sum(budgets[1:]) // 10
    whole = sum(stake(desk).values())
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement) - 3 * DAY)
    end = desk.agreement(agreement)["end"]
    (batch,) = self_post(desk, signed(desk, agreement, 400, start=end - 1, end=end)).result
    desk.evm.warp(3 * DAY)
    if bond_first:
        desk.ledger.transact("retire", batch, sender=MALLORY)
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    if not bond_first:
        assert sum(stake(desk).values()) == whole
        desk.ledger.transact("retire", batch, sender=MALLORY)
    if desk.agreement(agreement)["pledgeStuck"]:
        desk.escrow.transact("retryRelease", agreement, sender=MALLORY)
    assert stake(desk) == {"free": whole - others, "pledged": others, "reserved": 0, "thawing": 0}
    check_books(desk)


def test_self_post__currency_that_calls_back_during_the_bond__enters_nothing() -> None:
    """Every entry of the ledger, its own half and the extension's, while the bond is being pulled."""
    desk, (agreement,) = reentrant_desk()
    hostile, staking = desk.system.currency, desk.system.staking
    entries = [
        desk.ledger.encode("selfPost", []),
        desk.ledger.encode("collect", []),
        desk.ledger.encode("reportDowntime", []),
        desk.ledger.encode("postSigned", 1, []),
        desk.ledger.encode("release", []),
        desk.ledger.encode("finalise", 1, []),
        desk.ledger.encode("makeGood", 1, 0),
        desk.ledger.encode("settle", 1, b""),
        desk.ledger.encode("retire", 1),
        staking.encode("stake", 1, 1),
    ]
    snapshot = desk.evm.snapshot()
    for data in entries:
        desk.evm.revert(snapshot)
        target = staking.address if data == entries[-1] else desk.ledger.address
        hostile.transact("arm", target, data, True, sender=MALLORY)
        (batch,) = self_post(desk, signed(desk, agreement, 5)).result
        assert batch != 0
        assert hostile.call("calls") == 1
        assert hostile.call("succeeded") is False


def reentrant_desk() -> tuple[Desk, list[int]]:
    """As `pledged_desk`, without pledges, in a hostile currency of which Otto has a bond."""
    policy = {"coverageBps": 0}
    desk = seat(open_desk(evm=Evm(), currency="ReentrantDollar", stake=MINIMUM, **policy))
    desk.system.fund(OTTO, BOND, desk.system.staking)
    return desk, [opened(desk)]


# Lease clock


def test_lease_clock__anyone_up_to_the_horizon_less_reported_downtime(desk: Desk) -> None:
    lease = desk.opened(mode=1, unit_price=100 * DOLLAR, budget=500 * DOLLAR, expiry=desk.now + 30 * DAY)
    start = desk.now
    desk.evm.warp(DAY)
    item = signed(desk, lease, 1_000, start=start, end=desk.now)
    receipt = desk.ledger.transact("reportDowntime", [item], sender=MALLORY)
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 1_000}
    # LAG is 259 200 s: two days later nothing of it is due, a further day and 2 000 s later 1 000 s are.
    desk.evm.warp(2 * DAY)
    assert desk.escrow.transact("poke", [lease], sender=MALLORY).result == 0
    desk.evm.warp(2_000)
    assert desk.escrow.transact("poke", [lease], sender=MALLORY).result == 101_000
    check_books(desk)


def test_downtime__more_than_has_elapsed_or_less_than_counts__changes_nothing(desk: Desk) -> None:
    lease = desk.opened(mode=1, unit_price=100 * DOLLAR, budget=500 * DOLLAR, expiry=desk.now + 30 * DAY)
    desk.evm.warp(100)
    items = [signed(desk, lease, units) for units in (101, 100, 100, 99)]
    receipt = desk.ledger.transact("reportDowntime", items, sender=MALLORY)
    assert faults(receipt) == [(index, ReceiptFault.NOTHING_DUE) for index in (0, 2, 3)]
    assert [log.args["reason"] for log in receipt.events("FigureSkipped")] == [
        SkipReason.DOWNTIME_ABOVE_ELAPSED, SkipReason.STALE, SkipReason.STALE,
    ]  # fmt: skip
    assert desk.agreement(lease)["downtime"] == 100


def test_downtime__self_posted__counts_as_of_its_posting(desk: Desk) -> None:
    lease = desk.opened(mode=1, unit_price=100 * DOLLAR, budget=500 * DOLLAR, expiry=desk.now + 30 * DAY)
    desk.evm.warp(100)
    good, bad = self_post(desk, signed(desk, lease, 100), signed(desk, lease, 101)).result
    desk.evm.warp(3 * DAY)
    assert settle(desk, bad, lease, 101) == 0
    assert desk.agreement(lease)["downtime"] == 0
    assert settle(desk, good, lease, 100) == 0
    assert desk.agreement(lease)["downtime"] == 100


# Anyone, when the relayer is silent


def test_silent_relayer__anyone_posts_with_full_signatures_and_all_is_paid() -> None:
    desk = seat(open_desk(Parameters(fee_customer=100), evm=Evm()))
    system = desk.system
    for number, owner in VERIFIERS.items():
        assert system.register(owner, Role.VERIFIER, free=3_000 * DOLLAR) == number
        key = VERIFIER_KEYS[number].address
        system.staking.transact("authoriseKey", number, int(KeyKind.VERIFIER), key, sender=owner)
    policy = system.add_policy(relayer=2, kind=2, quorum=2, verifiers=[3, 4, 5])
    a, b, c = sorted(opened(desk, policy=policy) for _ in range(3))
    desk.evm.warp(DAY)
    items = [
        signed(desk, a, 400, verdicts=[3, 4]),
        signed(desk, b, 500, verdicts=[3]),
        signed(desk, c, 600, customer=ANN),
    ]
    receipt = desk.ledger.transact("postSigned", policy, items, sender=MALLORY)
    assert faults(receipt) == [(1, ReceiptFault.NOT_ENOUGH_VERDICTS)]
    desk.evm.warp(DAY)
    packed = encode_figure(a, 400) + encode_figure(c, 600)
    assert desk.ledger.transact("settle", receipt.result, packed, sender=MALLORY).result == 404 + 606
    check_books(desk)


def test_gross_cap__binds_the_relayers_word_and_not_full_signatures() -> None:
    # 400 units cost 400 µ gross and 4 µ of customer fee; the policy lets a relayer move 399 µ an agreement and batch.
    desk = seat(open_desk(Parameters(fee_customer=100), evm=Evm(), grossCap=399))
    relayed, own, silent = sorted(opened(desk) for _ in range(3))
    posted = desk.post([(relayed, 400)], value=1_000)
    (batch,) = self_post(desk, signed(desk, own, 400)).result
    kept = signed(desk, silent, 400)
    desk.evm.warp(2 * DAY)
    assert desk.ledger.transact("settle", posted.number, posted.figures, sender=MALLORY).result == 0
    by_anyone = desk.ledger.transact("postSigned", 1, [kept], sender=MALLORY).result
    desk.evm.warp(DAY)
    assert settle(desk, batch, own, 400) == 404
    assert settle(desk, by_anyone, silent, 400) == 404


# Cancelling


def test_cancel__no_refund_of_that_policy_before_the_leaves_could_be_paid_otherwise(desk: Desk) -> None:
    agreement = opened(desk)
    due = desk.escrow.call("refundableAt", agreement)
    desk.evm.warp_to(due - 10)
    batch = desk.post([(agreement, 400)])
    desk.ledger.transact("cancel", batch.number, sender=desk.system.admin)
    floor = desk.now + DAY + 3 * DAY + DAY
    assert desk.escrow.call("refundFloor", 1) == floor
    end = desk.agreement(agreement)["end"]
    desk.evm.warp(DAY)
    (again,) = self_post(desk, signed(desk, agreement, 400, start=end - 1, end=end)).result
    desk.evm.warp_to(floor - 1)
    with reverts("Escrow_NotRefundableYet"):
        desk.escrow.transact("refund", agreement, sender=MALLORY)
    assert settle(desk, again, agreement, 400) == 404
    desk.evm.warp(1)
    desk.escrow.transact("refund", agreement, sender=MALLORY)
    check_books(desk)


def test_paths__one_after_the_other__add_up_to_the_highest_figure(desk: Desk) -> None:
    """Cumulative figures: whatever the order of paths, what is paid is the newest, once."""
    agreement = opened(desk)
    batch = desk.post([(agreement, 500)])
    (own,) = self_post(desk, signed(desk, agreement, 700)).result
    assert collect(desk, signed(desk, agreement, 300, customer=ANN)).result == 303
    assert release(desk, batch, 0).result == 202
    desk.evm.warp(3 * DAY)
    assert desk.settle(batch).result == 0
    assert settle(desk, own, agreement, 700) == 202
    desk.ledger.transact("finalise", batch.number, [0], sender=MALLORY)
    assert desk.agreement(agreement)["paid"] == 700
    assert earned(desk) == (665, 42)
    desk.escrow.transact("claim", 2, PAULA.address, sender=PAULA)
    assert desk.system.balance(PAULA) == 665
    check_books(desk)
