"""The payment paths of section 5 that stand on signatures, on the model, with hand-worked figures."""

from __future__ import annotations

import pytest
from tests.unit.protocol.world import DAY, START, World

from tallystick.protocol.constants import MICRO
from tallystick.protocol.enums import BondSource, KeyKind, ReceiptFault, Role, SkipReason, VerificationKind
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import Policy, RulingOrder, SignedReceipt, SignedVerdict

ZERO = "0x" + "0" * 40


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.raises(Refused, check=lambda error: error.code == code)


def bare(item: SignedReceipt) -> SignedReceipt:
    """Without acceptance: verdicts stand in for it."""
    return item._replace(acceptance=None, funder_acceptance=ZERO)


def collect(world: World, *items: SignedReceipt) -> list[ReceiptFault]:
    return [one.fault for one in world.model.ledger.collect(items, now=world.now)[1]]


def test_collect__countersigned__paid_at_once_and_once(world: World) -> None:
    """0.6 µ a unit: 1 000 003 units are 600 001 µ, 30 000 of them fee."""
    agreement = world.open()
    world.now += 60
    item = world.receipt(agreement, 1_000_003)
    moved, done = world.model.ledger.collect([item, item], now=world.now)
    assert (moved, [one.fault for one in done]) == (600_001, [ReceiptFault.NONE, ReceiptFault.NOTHING_DUE])
    assert world.model.escrow.earnings_of(world.payee) == (570_001, 0, 30_000)
    world.model.check_invariants()


def test_collect__each_fault__named_and_the_others_are_paid(world: World) -> None:
    agreement = world.open()
    world.now += 60
    good = world.receipt(agreement, 1_000)
    period = good.receipt
    cases = [
        (good._replace(receipt=period._replace(agreement=9)), ReceiptFault.UNKNOWN_AGREEMENT),
        (good._replace(receipt=period._replace(period_end=world.now + 1)), ReceiptFault.OUTSIDE_PERIOD),
        (good._replace(receipt=period._replace(period_start=START - 1)), ReceiptFault.OUTSIDE_PERIOD),
        (good._replace(receipt=period._replace(period_end=START)), ReceiptFault.OUTSIDE_PERIOD),
        (good._replace(device="mallory"), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (good._replace(device=ZERO), ReceiptFault.BAD_DEVICE_SIGNATURE),
        (good._replace(acceptance="mallory"), ReceiptFault.BAD_ACCEPTANCE),
        (bare(good), ReceiptFault.BAD_ACCEPTANCE),
        (good._replace(session_key="key", acceptance="key"), ReceiptFault.SESSION_NOT_GOOD),
        (good, ReceiptFault.NONE),
    ]
    assert collect(world, *(item for item, _ in cases)) == [fault for _, fault in cases]
    with refused("ReceiptLedger_TooManyItems"):
        world.model.ledger.collect([good] * 129, now=world.now)
    world.model.check_invariants()


def test_collect__revoked_device__good_within_the_delay_only(world: World) -> None:
    agreement = world.open()
    world.now += 60
    item = world.receipt(agreement, 1_000)
    world.model.staking.revoke_key(world.operator, KeyKind.DEVICE, "device", caller="provider", now=world.now)
    world.now += DAY
    assert collect(world, item) == [ReceiptFault.BAD_DEVICE_SIGNATURE]
    world.now -= 1
    assert collect(world, item) == [ReceiptFault.NONE]


@pytest.mark.parametrize(
    ("waived", "fault"), [(False, ReceiptFault.BAD_FUNDER_ACCEPTANCE), (True, ReceiptFault.NONE)]
)
def test_collect__sponsored__needs_the_sponsor_unless_the_policy_waives_it(
    world: World, waived: bool, fault: ReceiptFault
) -> None:
    policy = world.model.policy_book.add(
        Policy(VerificationKind.NONE, 0, world.relayer, funder_waived=waived), caller="admin"
    )
    world.model.escrow.allow(world.sponsor, world.customer, policy, 2_000 * MICRO, caller="sponsor")
    agreement = world.open(funder=world.sponsor, policy=policy)
    world.now += 60
    assert collect(world, world.receipt(agreement, 10, funder_acceptance=ZERO)) == [fault]


def test_session_key__up_to_a_total__accepts_so_much_and_ends_within_the_hour(world: World) -> None:
    """A total of 700 µ: 600 are accepted, the next 300 are above it, then 100 more are not."""
    keys, agreement = world.model.session_keys, world.open()
    keys.grant(world.customer, "key", START + 30 * DAY, 700, [], caller="customer", now=START)
    world.now += 60
    by_key = {"session_key": "key", "acceptance": "key"}
    items = [world.receipt(agreement, units, **by_key) for units in (1_000, 1_500, 1_166)]
    moved, done = world.model.ledger.collect(items, now=world.now)
    assert moved == 600 + 99
    assert [one.step.reason for one in done if one.step] == [
        SkipReason.NONE,
        SkipReason.ABOVE_DECLARED_VALUE,
        SkipReason.NONE,
    ]
    keys.revoke(world.customer, "key", caller="customer", now=world.now)
    assert keys.acceptable(world.customer, "key", agreement, world.now + 3_599) == 1
    assert keys.acceptable(world.customer, "key", agreement, world.now + 3_600) == 0
    with refused("SessionKeys_AlreadyGranted"):
        keys.grant(world.customer, "key", START + 30 * DAY, 700, [], caller="customer", now=START)
    world.model.check_invariants()


def test_session_key__listed__accepts_for_its_agreements_alone(world: World) -> None:
    keys, first, second = world.model.session_keys, world.open(), world.open()
    keys.grant(world.customer, "key", START + DAY, 0, [first], caller="customer", now=START)
    world.now += 60
    by_key = {"session_key": "key", "acceptance": "key"}
    items = [world.receipt(number, 1_000, **by_key) for number in (first, second)]
    assert collect(world, *items) == [ReceiptFault.NONE, ReceiptFault.SESSION_NOT_GOOD]
    keys.list(world.customer, "key", [second], caller="customer")
    assert collect(world, items[1]) == [ReceiptFault.NONE]
    for total, listed in ((0, []), (5, [first])):
        with refused("SessionKeys_BadGrant"):
            keys.grant(world.customer, "k", START + DAY, total, listed, caller="customer", now=START)


@pytest.fixture
def judged(world: World) -> int:
    """A policy of two out of three verifiers, operators 3 to 5, whose keys are v3 to v5."""
    staking = world.model.staking
    for number in (3, 4, 5):
        world.model.currency.mint(f"vera{number}", 2_000 * MICRO)
        staking.register(Role.VERIFIER, 0, caller=f"vera{number}")  # type: ignore[arg-type]
        staking.stake(number, 2_000 * MICRO, caller=f"vera{number}")
        staking.authorise_key(number, KeyKind.VERIFIER, f"v{number}", caller=f"vera{number}", now=START)
    policy = Policy(VerificationKind.QUORUM, 2, world.relayer, self_post_bond=7 * MICRO, verifiers=(3, 4, 5))
    return world.model.policy_book.add(policy, caller="admin")


@pytest.mark.parametrize(
    ("verdicts", "good"),
    [
        ([(3, "v3"), (5, "v5")], True),
        ([(3, "v3"), (4, "v3"), (5, "v5")], True),  # one that does not count does no harm
        ([(3, "v3")], False),
        ([(3, "v3"), (3, "v3")], False),
        ([(5, "v5"), (3, "v3")], False),
        ([(3, "v3"), (4, "v5")], False),
        ([(2, "signer"), (3, "v3")], False),
    ],
)
def test_fault_of__quorum_of_two__only_two_different_verifiers_by_their_own_keys(
    world: World, judged: int, verdicts: list[tuple[int, str]], good: bool
) -> None:
    agreement = world.open(policy=judged)
    world.now += 60
    shown = tuple(SignedVerdict(*pair) for pair in verdicts)
    item = bare(world.receipt(agreement, 10, verdicts=shown))
    fault = ReceiptFault.NONE if good else ReceiptFault.NOT_ENOUGH_VERDICTS
    assert world.model.ledger.fault_of(item, now=world.now) == fault
    world.model.staking.unstake(3, 1, caller="vera3", now=world.now)  # below the minimum it cannot attest
    assert world.model.ledger.fault_of(item, now=world.now) == ReceiptFault.NOT_ENOUGH_VERDICTS


def test_self_post__bond_from_free_then_pledge_then_currency__back_after_the_window(
    world: World, judged: int
) -> None:
    """5 000 of stake, 1 000 of it kept: with 3 994 pledged 6 are spare, less than the bond of 7."""
    m, escrow = world.model, world.model.escrow
    m.currency.mint("customer", 50_000 * MICRO)
    escrow.deposit(world.customer, 50_000 * MICRO, caller="customer")
    small, big = (
        world.open(policy=judged, budget=60 * MICRO, max_budget=60 * MICRO),
        world.open(policy=judged, budget=39_880 * MICRO, max_budget=39_880 * MICRO),
    )
    world.now += 60
    m.staking.stake(world.operator, 7 * MICRO, caller="provider")
    posts = [world.receipt(number, 1_000) for number in (big, big, small, big)]
    done = m.ledger.self_post(posts, caller="provider", now=world.now)
    numbers = [number for number, _ in done]
    sources = [m.ledger.bonds[number].source for number in numbers]
    assert sources == [BondSource.FREE, BondSource.PLEDGE, BondSource.CURRENCY, BondSource.PLEDGE]
    assert m.staking.operators[0].reserved == 28 * MICRO
    m.check_invariants()
    with refused("ReceiptLedger_NotCancellable"):
        m.ledger.cancel(numbers[0], caller="admin", now=world.now)
    with refused("ReceiptLedger_WindowOpen"):
        m.ledger.retire(numbers[0], now=world.now + 3 * DAY - 1)
    for number in numbers:
        m.ledger.retire(number, now=world.now + 3 * DAY)
    operator = m.staking.operators[0]
    assert (operator.reserved, operator.pledged, operator.lent) == (0, 3_994 * MICRO, 0)
    assert operator.free == 1_020 * MICRO  # 1 013 with the first, and the currency's
    m.check_invariants()


def test_self_post__agreement_over_before_its_bond_is_back__no_other_pledge_suffers(
    world: World, judged: int
) -> None:
    m, escrow = world.model, world.model.escrow
    own = world.open(policy=judged, budget=100 * MICRO, max_budget=100 * MICRO)
    other = world.open()
    m.staking.unstake(
        world.operator, m.staking.operators[0].free - 1_000 * MICRO, caller="provider", now=START
    )
    world.now += 60
    ((number, _),) = m.ledger.self_post([world.receipt(own, 1_000)], caller="provider", now=world.now)
    assert m.ledger.bonds[number].source == BondSource.PLEDGE
    escrow.freeze(own, caller="Court")
    lent = m.ledger.pledge_bonds(own)
    escrow.execute_ruling(RulingOrder(own, 0, closes=True, lent=lent), caller="Court")
    m.check_invariants()
    m.ledger.retire(number, now=world.now + 3 * DAY)
    operator = m.staking.operators[0]
    assert (operator.pledged, operator.lent) == (escrow.pledge_of(escrow.agreements[other]), 0)
    assert operator.free == 1_010 * MICRO
    m.check_invariants()


def test_self_post__somebody_else_or_nobody_has_the_bond__refused(world: World, judged: int) -> None:
    m, agreement = world.model, world.open(policy=judged, budget=MICRO, max_budget=MICRO)
    world.now += 60
    item = world.receipt(agreement, 10)
    assert m.ledger.self_post([item], caller="customer", now=world.now) == [(0, ReceiptFault.NOT_OPERATOR)]
    m.staking.unstake(
        world.operator, m.staking.operators[0].free - 1_000 * MICRO, caller="provider", now=START
    )
    m.currency.transfer("bank", m.currency.balance_of("provider"), caller="provider")
    assert m.ledger.self_post([item], caller="provider", now=world.now) == [(0, ReceiptFault.NO_BOND)]
    m.check_invariants()


def test_post_signed__silent_relayer__anyone_posts_and_it_settles_after_the_window(world: World) -> None:
    m, agreement = world.model, world.open()
    world.now += 60
    world.post([(agreement, 10)])
    item = bare(world.receipt(agreement, 1_000))
    with refused("ReceiptLedger_RelayerNotSilent"):
        m.ledger.post_signed(world.policy, [item], now=world.now + DAY - 1)
    world.now += DAY
    number, faults = m.ledger.post_signed(world.policy, [item, item], now=world.now)
    assert faults == [ReceiptFault.NONE, ReceiptFault.NOT_RISING]
    assert number == world.policy << 80
    assert m.ledger.in_flight(0) == 0
    with refused("ReceiptLedger_NotCancellable"):
        m.ledger.cancel(number, caller="admin", now=world.now)
    with refused("ReceiptLedger_NothingToPost"):
        m.ledger.post_signed(world.policy, [], now=world.now)
    figures = agreement.to_bytes(8, "big") + (1_000).to_bytes(10, "big")
    assert m.ledger.settle(number, figures, now=world.now + DAY).moved == 600
    m.check_invariants()


@pytest.fixture
def released(world: World) -> tuple[int, int]:
    """(agreement, batch): 1 000 units, 600 µ, released within the window."""
    agreement = world.open()
    batch, _ = world.post([(agreement, 1_000)])
    (done,) = world.model.ledger.release(
        [world.request(batch, [(agreement, 1_000)])], caller="provider", now=world.now
    )
    assert done == (SkipReason.NONE, 600)
    return agreement, batch


def test_release__posted_leaf__paid_against_free_stake_and_fees_wait(
    world: World, released: tuple[int, int]
) -> None:
    m, (agreement, batch) = world.model, released
    assert m.escrow.earnings_of(world.payee) == (570, 0, 0)
    assert (m.staking.operators[0].reserved, m.escrow.agreements[agreement].holds) == (600, 1)
    with refused("Escrow_Held"):
        m.escrow.refund(agreement, now=world.now)
    with refused("ReceiptLedger_WindowOpen"):
        m.ledger.finalise(batch, [0], now=START + DAY - 1)
    assert m.ledger.finalise(batch, [0, 0, 5], now=START + DAY) == [0]
    assert m.escrow.earnings_of(world.payee) == (570, 0, 30)
    assert (m.staking.operators[0].reserved, m.escrow.agreements[agreement].holds) == (0, 0)
    with refused("ReceiptLedger_NothingToFinalise"):
        m.ledger.finalise(batch, [0], now=START + DAY)
    m.check_invariants()


def test_make_good__cancelled_and_not_answered__funder_is_paid_out_of_the_reservation(
    world: World, released: tuple[int, int]
) -> None:
    m, (agreement, batch) = world.model, released
    with refused("ReceiptLedger_NotCancelled"):
        m.ledger.make_good(batch, 0, now=world.now)
    m.ledger.cancel(batch, caller="admin", now=world.now)
    with refused("ReceiptLedger_ResponseOpen"):
        m.ledger.make_good(batch, 0, now=START + 21_599)
    assert m.ledger.make_good(batch, 0, now=START + 21_600) == 600
    assert m.staking.credits == {"customer": 600}
    assert m.escrow.earnings_of(world.payee) == (570, 0, 0)  # overturned work earns no reward
    assert m.escrow.agreements[agreement].holds == 0
    m.check_invariants()


def test_answer_release__full_signatures_in_time__reservation_is_free_again(
    world: World, released: tuple[int, int]
) -> None:
    m, (agreement, batch) = world.model, released
    m.staking.authorise_key(world.operator, KeyKind.DEVICE, "device", caller="provider", now=START)
    world.now += 60
    m.ledger.cancel(batch, caller="admin", now=world.now)
    with refused("ReceiptLedger_NothingToFinalise"):
        m.ledger.finalise(batch, [0], now=world.now)
    for units, changes in ((999, {}), (1_000, {"device": "mallory"})):
        with refused("ReceiptLedger_BadAnswer"):
            m.ledger.answer_release(batch, 0, world.receipt(agreement, units, **changes), now=world.now)
    m.ledger.answer_release(batch, 0, world.receipt(agreement, 1_000), now=world.now)
    with refused("ReceiptLedger_Answered"):
        m.ledger.make_good(batch, 0, now=world.now + DAY)
    assert m.ledger.finalise(batch, [0], now=world.now) == [0]
    assert m.escrow.earnings_of(world.payee) == (570, 0, 30)
    m.check_invariants()


def test_release__payee_and_others__only_with_the_operators_consent(world: World) -> None:
    m = world.model
    payee = m.escrow.create_account("payee")
    agreement = world.open(payee=payee)
    figures = [(agreement, 1_000)]
    batch, _ = world.post(figures)
    ask = world.request(batch, figures)
    reasons = []
    for caller, consents in (("payee", False), ("customer", True), ("payee", True)):
        m.staking.set_release_consent(world.operator, payee, consents, caller="provider")
        reasons.append(m.ledger.release([ask], caller=caller, now=world.now)[0].reason)
    assert reasons == [SkipReason.NOT_RELEASABLE, SkipReason.NOT_RELEASABLE, SkipReason.NONE]
    assert m.ledger.release([ask], caller="provider", now=world.now)[0].reason == SkipReason.NOT_RELEASABLE


def test_cancel__twice_in_30_days_in_one_policy__and_refunds_wait(world: World) -> None:
    m, agreement = world.model, world.open()
    first, second, third = (world.post([(agreement, units)], value=100)[0] for units in (1, 2, 3))
    m.ledger.cancel(first, caller="admin", now=START)
    m.ledger.cancel(second, caller="admin", now=START + 5)
    with refused("ReceiptLedger_TooManyCancels"):
        m.ledger.cancel(third, caller="admin", now=START + 6)
    assert m.ledger.in_flight(world.relayer) == 100
    assert m.escrow.refund_floor(world.policy) == START + 5 + DAY + 3 * DAY + DAY
    with refused("ReceiptLedger_Cancelled"):
        m.ledger.settle(first, agreement.to_bytes(8, "big") + (1).to_bytes(10, "big"), now=START + DAY)
    with refused("ReceiptLedger_WindowOver"):
        m.ledger.cancel(third, caller="admin", now=START + DAY)
    m.check_invariants()


def test_report_downtime__by_the_device_or_the_verdicts__counts_at_once(world: World, judged: int) -> None:
    m = world.model
    lease = world.open(policy=judged, mode=1, unit_price=100 * MICRO, budget=MICRO, max_budget=MICRO)
    metered = world.open(policy=judged)
    world.now += 1_000
    verdicts = tuple(SignedVerdict(number, f"v{number}") for number in (3, 4))
    by_verdicts = bare(world.receipt(lease, 300, device=ZERO, device_empty=True, verdicts=verdicts))
    items = [
        bare(world.receipt(lease, 200)),
        by_verdicts,
        by_verdicts._replace(verdicts=()),
        bare(world.receipt(lease, 1_001)),
        bare(world.receipt(metered, 5)),
        bare(world.receipt(lease, 900, device="mallory")),
    ]
    faults = [fault for fault, _ in m.ledger.report_downtime(items, now=world.now)]
    assert faults == [
        ReceiptFault.NONE,
        ReceiptFault.NONE,
        ReceiptFault.NOT_ENOUGH_VERDICTS,
        ReceiptFault.NOTHING_DUE,
        ReceiptFault.NOT_A_LEASE,
        ReceiptFault.BAD_DEVICE_SIGNATURE,
    ]
    assert m.escrow.agreements[lease].downtime == 300
    m.check_invariants()
