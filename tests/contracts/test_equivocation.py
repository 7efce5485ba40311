"""Two receipts of one device that cannot both be true: which they are, whom it costs what, and who gets it."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.hashing import keccak256
from tests.support.challenges import WALT, WANDA, Room, open_room
from tests.support.escrow import CUSTOMER, DAY, MALLORY, OTTO, PROVIDER, RITA
from tests.support.evm import Evm, Receipt, account, reverts
from tests.support.receipts import DEVICE
from tests.support.system import DOLLAR, Role, dispute_terms

NOBODY = "0x" + "00" * 20
A, B, C = b"\xaa" * 32, b"\xbb" * 32, b"\xcc" * 32  # outputs
OLGA = account("olga")  # a second provider


@pytest.fixture
def room() -> Room:
    return open_room()


def tell(room: Room, a: tuple[Any, ...], b: tuple[Any, ...], sender: Any = WANDA, **how: Any) -> Receipt:
    return room.challenges.transact("equivocation", a, b, sender=sender, **how)


def two_agreements(room: Room, **changes: Any) -> tuple[int, int]:
    """Of budgets 300 and 500 USDC, so pledges of 30 and 50; in rising order."""
    first = room.opened(budget=300 * DOLLAR, **changes)
    second = room.opened(budget=500 * DOLLAR, **changes)
    room.evm.warp(1_000)
    assert first < second
    return first, second


def sold_twice(room: Room, **changes: Any) -> tuple[int, int, tuple[Any, ...], tuple[Any, ...]]:
    """Two agreements, and a receipt of each for the same minute."""
    first, second = two_agreements(room, **changes)
    return first, second, room.signed_receipt(first, 60), room.signed_receipt(second, 60)


def receipt_id(item: tuple[Any, ...], device: str = DEVICE.address) -> bytes:
    """As the contract keeps convictions: keccak256(struct hash, device)."""
    return keccak256(Claim(*item[0]).hash_struct() + bytes(12) + bytes.fromhex(device[2:]))


# Sold twice


def test_sold_twice__later_agreements_pledge_is_slashed(room: Room) -> None:
    _, second, a, b = sold_twice(room)
    free, _ = room.stake_of(PROVIDER)
    receipt = tell(room, a, b)
    # All of the later pledge, 10 % of 500 USDC: a fifth to Wanda, the rest to the insurance.
    assert receipt.event("Equivocated").args == {
        "operator": PROVIDER,
        "device": DEVICE.address,
        "agreement": second,
        "by": WANDA.address,
        "slashed": 50_000_000,
        "toChallenger": 10_000_000,
    }
    slashed = receipt.event("Slashed").args
    assert (slashed["operator"], slashed["reason"], slashed["victim"]) == (PROVIDER, 2, NOBODY)
    assert (room.reward(WANDA), room.insured()) == (10_000_000, 40_000_000)
    # From free stake: the pledges stand, and both agreements run on.
    assert room.stake_of(PROVIDER) == (free - 50_000_000, 0)
    assert room.pledged() == 80_000_000
    assert room.challenges.call("slashedToday", PROVIDER) == 50_000_000
    assert room.challenges.call("convictionOf", b[0], DEVICE.address) == (True, 0)
    assert room.challenges.call("convictionOf", a[0], DEVICE.address) == (False, 0)


def test_sold_twice__order_of_the_receipts_does_not_matter(room: Room) -> None:
    _, second, a, b = sold_twice(room)
    assert tell(room, b, a).event("Equivocated").args["agreement"] == second
    with reverts("Challenges_AlreadyConvicted", receipt=receipt_id(b)):
        tell(room, a, b)


@pytest.mark.parametrize(
    ("first", "second", "guilty"),
    [
        ((100, 200), (200, 300), False),  # half-open: they only touch
        ((100, 200), (199, 300), True),
        ((200, 300), (100, 200), False),
        ((200, 300), (100, 201), True),
        ((100, 300), (150, 151), True),
        ((150, 151), (100, 300), True),
        ((100, 200), (100, 200), True),
        ((150, 150), (100, 200), False),  # an empty period is no second
        ((100, 200), (150, 150), False),
        ((180, 120), (100, 200), False),  # nor is one that ends before it begins
    ],
)
def test_sold_twice__periods_must_share_a_second(
    room: Room, first: tuple[int, int], second: tuple[int, int], guilty: bool
) -> None:
    one, two = two_agreements(room)
    base = room.now - 500
    a, b = (
        room.signed_receipt(number, 60, period_start=base + start, period_end=base + end)
        for number, (start, end) in ((one, first), (two, second))
    )
    if guilty:
        assert tell(room, a, b).events("Equivocated")
    else:
        with reverts("Challenges_NoEquivocation"):
            tell(room, a, b)


@pytest.mark.parametrize("exclusive", [(True, False), (False, True), (False, False)])
def test_sold_twice__shared_on_purpose__is_no_equivocation(room: Room, exclusive: tuple[bool, bool]) -> None:
    first, second = two_agreements(room)
    a, b = (
        room.signed_receipt(number, 60, exclusive=each)
        for number, each in zip((first, second), exclusive, strict=True)
    )
    with reverts("Challenges_NoEquivocation"):
        tell(room, a, b)


def test_sold_twice__two_devices__is_no_equivocation(room: Room) -> None:
    other = account("second device")
    room.system.staking.transact("authoriseKey", PROVIDER, 0, other.address, sender=OTTO)
    first, second = two_agreements(room)
    with reverts("Challenges_NotOneDevice"):
        tell(room, room.signed_receipt(first, 60), room.signed_receipt(second, 60, device=other))


def test_sold_four_times__three_convictions_each_of_its_own_pledge(room: Room) -> None:
    agreements = [room.opened(budget=budget * DOLLAR) for budget in (100, 200, 300, 400)]
    room.evm.warp(1_000)
    items = [room.signed_receipt(number, 60) for number in agreements]
    taken = [
        tell(room, items[3], items[2]).event("Equivocated").args["slashed"],
        tell(room, items[2], items[1]).event("Equivocated").args["slashed"],
        tell(room, items[0], items[1]).event("Equivocated").args["slashed"],
    ]
    assert taken == [40_000_000, 30_000_000, 20_000_000]
    for a in items:
        for b in items:
            if a != b:
                with reverts("Challenges_AlreadyConvicted"):
                    tell(room, a, b)


def test_sold_twice__self_report_with_a_puppets_small_agreement__does_not_absolve(room: Room) -> None:
    """The cheat sold one minute to two customers, and shows an even later puppet's receipt first."""
    _, second, a, b = sold_twice(room)
    puppet = room.opened(budget=10)
    p = room.signed_receipt(puppet, 1, period_start=room.now - 60, period_end=room.now)
    assert tell(room, b, p, sender=OTTO).event("Equivocated").args["agreement"] == puppet
    # The true conviction takes what it would have taken.
    args = tell(room, a, b).event("Equivocated").args
    assert (args["agreement"], args["slashed"]) == (second, 50_000_000)


def test_sold_twice__closed_agreements__still_slashed(room: Room) -> None:
    first, second, a, b = sold_twice(room)
    for number in (first, second):
        room.rule_closed(number)
    assert room.pledged() == 0
    assert tell(room, a, b).event("Equivocated").args["slashed"] == 50_000_000


# Said twice


def test_said_twice__same_units_and_period_other_output__slashed(room: Room) -> None:
    first, _ = two_agreements(room)
    a = room.signed_receipt(first, 60, output_root=A)
    b = room.signed_receipt(first, 60, output_root=B)
    args = tell(room, a, b).event("Equivocated").args
    assert (args["agreement"], args["slashed"]) == (first, 30_000_000)
    # The one with the higher outputRoot is convicted, whichever is shown first.
    assert room.challenges.call("convictionOf", b[0], DEVICE.address) == (True, 0)
    with reverts("Challenges_AlreadyConvicted", receipt=receipt_id(b)):
        tell(room, b, a)
    c = room.signed_receipt(first, 60, output_root=C)
    tell(room, b, c)
    with reverts("Challenges_AlreadyConvicted", receipt=receipt_id(c)):
        tell(room, a, c)


def test_said_twice__anything_else_differs_or_nothing__is_no_equivocation(room: Room) -> None:
    first, _ = two_agreements(room)
    start, end = room.now - 60, room.now
    a = room.signed_receipt(first, 60, output_root=A, period_start=start, period_end=end)
    for units, period_start, period_end, output in (
        (61, start, end, B),
        (60, start + 1, end, B),
        (60, start, end + 1, B),
        (60, start, end, A),
    ):
        b = room.signed_receipt(
            first, units, output_root=output, period_start=period_start, period_end=period_end
        )
        with reverts("Challenges_NoEquivocation"):
            tell(room, a, b)


def test_said_twice__need_not_be_exclusive(room: Room) -> None:
    first, _ = two_agreements(room)
    a = room.signed_receipt(first, 60, output_root=A, exclusive=False)
    b = room.signed_receipt(first, 60, output_root=B, exclusive=True)
    assert tell(room, a, b).event("Equivocated").args["slashed"] == 30_000_000


def test_one_receipt__against_itself__is_none(room: Room) -> None:
    first, _ = two_agreements(room)
    a = room.signed_receipt(first, 60)
    with reverts("Challenges_NoEquivocation"):
        tell(room, a, a)


# Keys


def test_key__unknown_or_not_a_device__refused(room: Room) -> None:
    first, second = two_agreements(room)
    stranger = account("stranger")
    for key in (stranger, OTTO, b"", b"\1" * 65):
        with reverts("Challenges_NotOneDevice"):
            tell(room, *(room.signed_receipt(n, 60, device=key) for n in (first, second)))
    # A verifier key of the same operator is no device.
    room.system.staking.transact("authoriseKey", PROVIDER, 1, stranger.address, sender=OTTO)
    with reverts("Challenges_NotOneDevice"):
        tell(room, *(room.signed_receipt(n, 60, device=stranger) for n in (first, second)))


def test_key__revoked__good_for_a_day_and_then_not(room: Room) -> None:
    first, second, a, b = sold_twice(room)
    third = room.opened(budget=700 * DOLLAR)
    c = room.signed_receipt(third, 60)
    room.system.staking.transact("revokeKey", PROVIDER, 0, DEVICE.address, sender=OTTO)
    room.evm.warp(DAY - 1)
    assert tell(room, a, b).events("Equivocated")
    room.evm.warp(1)
    with reverts("Challenges_NotOneDevice"):
        tell(room, a, c)
    assert first < second < third


def second_provider(room: Room) -> tuple[int, int]:
    """Olga's operator, and an agreement of it with a budget of 900 USDC, opened now."""
    operator = room.system.register(OLGA, Role.PROVIDER, free=50_000 * DOLLAR)
    terms = room.terms(operator=operator, budget=900 * DOLLAR)
    (number,) = room.open_with([(terms, room.signed(terms, operator=OLGA))]).result
    assert number
    return operator, int(number)


def test_key__of_one_operator_alone__its_word_for_anothers_agreement_is_nobodys(room: Room) -> None:
    """Olga cannot be accused with a key that she never authorised, nor be the other half of an accusation."""
    first, _ = two_agreements(room)
    _, hers = second_provider(room)
    room.evm.warp(1_000)
    with reverts("Challenges_NotOneDevice"):
        tell(room, room.signed_receipt(first, 60), room.signed_receipt(hers, 60))
    # Nor Otto, by Olga, who authorises a key of her own and shows what it signed "for" his later agreement.
    key = account("olga's device")
    room.system.staking.transact("authoriseKey", 6, 0, key.address, sender=OLGA)
    later = room.opened(budget=DOLLAR)
    room.evm.warp(1_000)
    with reverts("Challenges_NotOneDevice"):
        tell(room, *(room.signed_receipt(n, 60, device=key) for n in (hers, later)), sender=OLGA)
    # Nor by what his own device signed for hers: nobody can be paid for that.
    with reverts("Challenges_NotOneDevice"):
        tell(room, *(room.signed_receipt(n, 60) for n in (hers, later)))


def test_key__of_two_operators__one_second_sold_under_both_is_slashed(room: Room) -> None:
    first, _ = two_agreements(room)
    operator, hers = second_provider(room)
    room.system.staking.transact("authoriseKey", operator, 0, DEVICE.address, sender=OLGA)
    room.evm.warp(1_000)
    args = tell(room, room.signed_receipt(first, 60), room.signed_receipt(hers, 60)).event("Equivocated").args
    assert (args["operator"], args["slashed"]) == (operator, 90_000_000)
    assert room.stake_of(operator)[0] == 50_000 * DOLLAR - 90 * DOLLAR - 90 * DOLLAR  # pledge and slash


def test_agreement__that_never_was__refused(room: Room) -> None:
    first, _ = two_agreements(room)
    with reverts("Challenges_NotOneDevice"):
        tell(room, room.signed_receipt(first, 60), room.signed_receipt(2**64 - 1, 60))


def test_signatures__of_another_chain_or_ledger__refused(room: Room) -> None:
    first, second = two_agreements(room)
    with reverts("Challenges_NotOneDevice"):
        tell(room, *(room.signed_receipt(n, 60, chain_id=1) for n in (first, second)))
    domain = eip712.ledger_domain(room.evm.chain_id, bytes.fromhex(room.escrow.address[2:]))
    items = []
    for item in (room.signed_receipt(n, 60) for n in (first, second)):
        signature = DEVICE.sign(eip712.digest(domain, Claim(*item[0]).hash_struct()))
        items.append((item[0], signature, *item[2:]))
    with reverts("Challenges_NotOneDevice"):
        tell(room, *items)


def test_signature__with_the_high_s__is_none(room: Room) -> None:
    _, _, a, b = sold_twice(room)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = b[1]
    s = order - int.from_bytes(signature[32:64], "big")
    flipped = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with reverts("Challenges_NotOneDevice"):
        tell(room, a, (b[0], flipped, *b[2:]))


def test_domain__is_the_ledgers_own() -> None:
    """The contract writes the domain down by itself: the ledger says the same."""
    for chain in (31_337, 1):
        room = open_room(evm=Evm(chain_id=chain)) if chain != 31_337 else open_room()
        _, name, version, chain_id, ledger, _, _ = room.ledger.call("eip712Domain")
        assert (name, version, chain_id, ledger) == (
            "Tallystick ReceiptLedger",
            "1",
            chain,
            room.ledger.address,
        )
        _, _, a, b = sold_twice(room)
        assert tell(room, a, b).events("Equivocated")


# How much


def slashes(changes: dict[str, Any], *budgets: int, coverage: int = 1_000) -> list[int]:
    """What the agreements of these budgets are slashed of, each against one before them all, on one day."""
    room = open_room(dispute=dispute_terms(**changes), coverageBps=coverage)
    room.evm.warp_to((room.now // DAY + 1) * DAY)
    base = room.opened(budget=1_000)
    numbers = [room.opened(budget=budget) for budget in budgets]
    room.evm.warp(1_000)
    first = room.signed_receipt(base, 60)
    return [
        int(tell(room, first, room.signed_receipt(number, 60)).event("Equivocated").args["slashed"])
        for number in numbers
    ]


def test_amount__share_of_the_pledge_rounded_up() -> None:
    # Pledges: ceil(10 % of 1 001 µ) = 101 µ, and 50 USDC. Of them 33.33 %, up: ceil(33.6633) = 34 µ, and 16.665 USDC.
    assert slashes({"slashBps": 3_333}, 1_001, 500 * DOLLAR) == [34, 16_665_000]


def test_amount__nothing_pledged__the_fixed_penalty() -> None:
    assert slashes({}, 500 * DOLLAR, coverage=0) == [100 * DOLLAR]


def test_amount__at_most_the_incidents_cap() -> None:
    assert slashes({"slashCap": 20 * DOLLAR}, 500 * DOLLAR, 100 * DOLLAR) == [20 * DOLLAR, 10 * DOLLAR]
    assert slashes({"slashCap": 20 * DOLLAR}, 500 * DOLLAR, coverage=0) == [20 * DOLLAR]


def test_amount__days_cap__what_is_left_is_taken_the_next_day() -> None:
    room = open_room(dispute=dispute_terms(slashDayCap=70 * DOLLAR))
    room.evm.warp_to((room.now // DAY + 1) * DAY)
    numbers = [room.opened(budget=budget * DOLLAR) for budget in (1, 500, 500, 500)]
    room.evm.warp(1_000)
    first, *others = (room.signed_receipt(number, 60) for number in numbers)
    taken = [tell(room, first, item).event("Equivocated").args["slashed"] for item in others[:2]]
    assert taken == [50_000_000, 20_000_000]
    assert room.challenges.call("convictionOf", others[1][0], DEVICE.address) == (True, 30_000_000)
    for item in others[1:]:
        with reverts("Challenges_NothingToSlash", operator=PROVIDER):
            tell(room, first, item)
    # The third is not convicted for nothing.
    assert room.challenges.call("convictionOf", others[2][0], DEVICE.address) == (False, 0)
    room.evm.warp(DAY)
    taken = [tell(room, first, item, sender=WALT).event("Equivocated").args["slashed"] for item in others[1:]]
    assert taken == [30_000_000, 40_000_000]
    with reverts("Challenges_AlreadyConvicted"):
        tell(room, first, others[1])
    room.evm.warp(DAY)
    args = tell(room, first, others[2]).event("Equivocated").args
    assert (args["slashed"], args["toChallenger"]) == (10_000_000, 2_000_000)


def test_amount__no_stake_to_reach__is_left_until_there_is(room: Room) -> None:
    """Whoever convicts itself while there is nothing to take is not absolved."""
    _, _, a, b = sold_twice(room)
    free, _ = room.stake_of(PROVIDER)
    room.system.staking.transact("unstake", PROVIDER, free - 5 * DOLLAR, sender=OTTO)
    room.evm.warp(1_814_400)
    room.system.staking.transact("withdraw", PROVIDER, OTTO.address, sender=OTTO)
    assert tell(room, a, b, sender=OTTO).event("Equivocated").args["slashed"] == 5 * DOLLAR
    with reverts("Challenges_NothingToSlash", operator=PROVIDER, due=45 * DOLLAR):
        tell(room, a, b)
    room.system.fund(OTTO, 0, room.system.staking)
    room.system.staking.transact("stake", PROVIDER, 1_000 * DOLLAR, sender=OTTO)
    assert tell(room, a, b).event("Equivocated").args["slashed"] == 45 * DOLLAR
    assert room.pledged() == 80 * DOLLAR


def test_amount__thawing_stake_is_reached(room: Room) -> None:
    _, _, a, b = sold_twice(room)
    free, _ = room.stake_of(PROVIDER)
    room.system.staking.transact("unstake", PROVIDER, free, sender=OTTO)
    tell(room, a, b)
    assert room.stake_of(PROVIDER) == (0, free - 50 * DOLLAR)


def test_amount__policy_that_slashes_nothing__says_so() -> None:
    room = open_room(dispute=dispute_terms(slashBps=0))
    _, _, a, b = sold_twice(room)
    with reverts("Challenges_NothingToSlash", operator=PROVIDER, due=0):
        tell(room, a, b)


# Whom it pays


@pytest.mark.parametrize("reward", [0, 2_000, 3_000])
def test_self_report__loses_at_least_seven_tenths(reward: int) -> None:
    room = open_room(dispute=dispute_terms(rewardBps=reward))
    _, _, a, b = sold_twice(room)
    free, _ = room.stake_of(PROVIDER)
    tell(room, a, b, sender=OTTO)
    lost = free - room.stake_of(PROVIDER)[0] - room.reward(OTTO)
    assert lost == 50_000_000 * (10_000 - reward) // 10_000
    assert lost >= 35_000_000


def test_front_run__reward_goes_to_the_first_and_the_slash_is_the_same(room: Room) -> None:
    _, _, a, b = sold_twice(room)
    tell(room, a, b, sender=MALLORY)
    with reverts("Challenges_AlreadyConvicted"):
        tell(room, a, b, sender=WANDA)
    assert (room.reward(MALLORY), room.reward(WANDA)) == (10_000_000, 0)


def test_equivocation__touches_no_bond_no_customer_and_no_agreement(room: Room) -> None:
    first, second, a, b = sold_twice(room)
    before = [room.agreement(n) for n in (first, second)]
    free, locked = room.free(CUSTOMER), room.locked(CUSTOMER)
    tell(room, a, b, sender=RITA)
    assert [room.agreement(n) for n in (first, second)] == before
    assert (room.free(CUSTOMER), room.locked(CUSTOMER)) == (free, locked)
    assert room.challenges.call("totalBonds") == room.challenges.call("totalCredits") == 0
    # It is not used up by being known: the work is still payable, and disputed elsewhere if it is bad.
    assert room.system.staking.call("totalStake") + room.system.staking.call(
        "totalCredits"
    ) == room.system.balance(room.system.staking)
