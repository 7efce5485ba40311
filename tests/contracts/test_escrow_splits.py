"""Split accounts: one account of many members, each of whom pulls floor(received * weight / sum) - what it has."""

from __future__ import annotations

import random

import eth_abi
import pytest

from tallystick.protocol.enums import OpenRefusal
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, MALLORY, PAULA, SAM, Desk, open_desk, open_solo, refusals
from tests.support.evm import Account, Receipt, account, reverts
from tests.support.system import DOLLAR

IDA, JON, KIM = (account(name) for name in ("ida", "jon", "kim"))
ZERO = "0x" + "00" * 20
REF = b"\x11" * 32


def split(desk: Desk, *parts: tuple[Account, int]) -> int:
    """The account of these members and weights, made by somebody who is none of them."""
    return int(desk.escrow.transact("createSplit", *lists(parts), sender=MALLORY).result)


def lists(parts: tuple[tuple[Account, int], ...]) -> tuple[list[str], list[int]]:
    return [who.address for who, _ in parts], [weight for _, weight in parts]


def pull(
    desk: Desk, number: int, parts: tuple[tuple[Account, int], ...], index: int, to: Account | None = None
) -> Receipt:
    """Member `index` pulls its share to itself, or to somebody."""
    who = parts[index][0]
    return desk.escrow.transact("claimShare", number, index, *lists(parts), (to or who).address, sender=who)


def check_books(desk: Desk) -> None:
    """What is there is what is owed, counted by the contract and from the views."""
    desk.check_solvent()
    assert desk.escrow.call("liabilities") == desk.liabilities()


# What it is


def test_split__700_to_300_of_500_500__is_350_350_and_150_150() -> None:
    desk = open_desk()
    parts = ((IDA, 700), (JON, 300))
    number = split(desk, *parts)
    agreement = desk.opened(payee=number)
    # 526 842 gross, 500 bps: fee floor(26 342.1) = 26 342, net 500 500.
    desk.pay([(agreement, 526_842)])
    assert desk.escrow.call("earningsOf", number) == (500_500, 0, 26_342)
    receipt = pull(desk, number, parts, 0)
    assert receipt.result == 350_350
    assert receipt.event("ShareClaimed").args == {
        "account": number,
        "index": 0,
        "to": IDA.address,
        "amount": 350_350,
    }
    assert pull(desk, number, parts, 1, to=KIM).result == 150_150
    assert [desk.system.balance(who) for who in (IDA, JON, KIM)] == [350_350, 0, 150_150]
    assert [desk.escrow.call("sharePaid", number, index) for index in (0, 1)] == [350_350, 150_150]
    assert desk.escrow.call("earningsOf", number) == (500_500, 500_500, 26_342)
    check_books(desk)


def test_create_split__same_list_same_account__another_order_or_weight_another() -> None:
    desk = open_desk()
    receipt = desk.escrow.transact("createSplit", [IDA.address, JON.address], [700, 300], sender=MALLORY)
    content = keccak256(eth_abi.encode(["address[]", "uint32[]"], [[IDA.address, JON.address], [700, 300]]))
    number = receipt.result
    assert number == 4 == desk.escrow.call("accountCount")
    assert receipt.event("SplitCreated").args == {
        "account": 4,
        "content": content,
        "members": [IDA.address, JON.address],
        "weights": [700, 300],
    }
    assert desk.escrow.call("splitContent", 4) == content
    assert desk.escrow.call("splitAccount", content) == 4
    assert desk.escrow.call("ownerOf", 4) == ZERO
    again = desk.escrow.transact("createSplit", [IDA.address, JON.address], [700, 300], sender=PAULA)
    assert (again.result, again.logs) == (4, ())
    others = [
        split(desk, (JON, 300), (IDA, 700)),
        split(desk, (IDA, 300), (JON, 700)),
        split(desk, (IDA, 7), (JON, 3)),
        split(desk, (IDA, 700), (KIM, 300)),
        split(desk, (IDA, 700)),
    ]
    assert others == [5, 6, 7, 8, 9]
    assert desk.escrow.call("splitContent", 1) == bytes(32)
    assert desk.escrow.call("splitAccount", bytes(32)) == 0


def test_create_split__of_one__pays_it_all() -> None:
    desk = open_desk()
    parts = ((IDA, 2**32 - 1),)
    number = split(desk, *parts)
    desk.pay([(desk.opened(payee=number), 1_000)])
    assert pull(desk, number, parts, 0).result == 950
    check_books(desk)


@pytest.mark.parametrize(
    ("members", "weights"),
    [
        ([], []),
        ([IDA.address], []),
        ([], [1]),
        ([IDA.address, JON.address], [1]),
        ([IDA.address], [1, 1]),
        ([IDA.address, JON.address], [1, 0]),
        ([IDA.address, JON.address], [0, 1]),
        ([IDA.address, ZERO], [1, 1]),
        ([ZERO], [1]),
        ([account(f"member {i}").address for i in range(65)], [1] * 65),
        ([account(f"member {i}").address for i in range(64)], [1] * 65),
    ],
    ids=[
        "nobody", "no weight", "no member", "a weight short", "a weight too many", "last weight zero",
        "first weight zero", "a member zero", "the only member zero", "65 members", "64 members of 65 weights",
    ],
)  # fmt: skip
def test_create_split__no_good_list__refused_and_no_number_spent(
    members: list[str], weights: list[int]
) -> None:
    desk = open_desk()
    with reverts("Escrow_BadSplit"):
        desk.escrow.transact("createSplit", members, weights, sender=MALLORY)
    assert desk.escrow.call("accountCount") == 3


def test_split__64_members__each_pulls_and_the_dust_is_below_a_micro_each() -> None:
    desk = open_desk()
    parts = tuple((account(f"member {i}"), i + 1) for i in range(64))
    number = split(desk, *parts)
    desk.pay([(desk.opened(payee=number), 105_263)])
    # Fee floor(5 263.15) = 5 263, net 100 000; the weights 1 to 64 add up to 2 080.
    taken = [pull(desk, number, parts, index).result for index in range(64)]
    assert taken[0] == 48  # 100 000 / 2 080 = 48.07…
    assert taken[63] == 3_076  # 6 400 000 / 2 080 = 3 076.92…
    assert taken[31] == 1_538  # 3 200 000 / 2 080 = 1 538.46…
    received, claimed, _ = desk.escrow.call("earningsOf", number)
    assert (received, claimed) == (100_000, sum(taken))
    assert 0 < received - claimed < 64
    check_books(desk)


# Pulling


def test_claim_share__in_any_order_and_rhythm__always_the_floor_of_all_that_came() -> None:
    desk, _ = open_solo(fee_provider=0)
    parts = ((IDA, 1), (JON, 3), (KIM, 7))
    number = split(desk, *parts)
    agreement = desk.opened(payee=number)
    dice, units, paid = random.Random(7), 0, [0, 0, 0]
    for _ in range(60):
        if dice.random() < 0.5:
            units += dice.randint(1, 40)
            desk.settle_directly([(agreement, units)])
        index = dice.randrange(3)
        due = units * parts[index][1] // 11 - paid[index]
        if due == 0:
            with reverts("Escrow_NothingToClaim", account=number):
                pull(desk, number, parts, index)
            continue
        assert pull(desk, number, parts, index).result == due
        paid[index] += due
        check_books(desk)
    assert [desk.system.balance(who) for who, _ in parts] == paid
    for index in range(3):
        if units * parts[index][1] // 11 > paid[index]:
            paid[index] += pull(desk, number, parts, index).result
    assert paid == [units // 11, units * 3 // 11, units * 7 // 11]
    assert desk.escrow.call("earningsOf", number)[1] == sum(paid)


def test_claim_share__small_steps__round_once_and_not_at_every_step() -> None:
    """Cumulative: ten receipts of 1 µ at 1:1 are 5 µ each, though each by itself would be a half."""
    desk, _ = open_solo(fee_provider=0)
    parts = ((IDA, 1), (JON, 1))
    number = split(desk, *parts)
    agreement = desk.opened(payee=number)
    taken = 0
    for units in range(1, 11):
        desk.settle_directly([(agreement, units)])
        if units % 2:
            with reverts("Escrow_NothingToClaim", account=number):
                pull(desk, number, parts, 0)
        else:
            taken += pull(desk, number, parts, 0).result
    assert taken == 5
    assert pull(desk, number, parts, 1).result == 5
    assert desk.escrow.call("earningsOf", number)[:2] == (10, 10)


def test_claim_share__wrong_list_index_caller_or_address__refused() -> None:
    desk = open_desk()
    parts = ((IDA, 700), (JON, 300))
    number, other = split(desk, *parts), split(desk, (MALLORY, 1))
    desk.pay([(desk.opened(payee=number), 1_000)])
    people, shares = lists(parts)
    claim = desk.escrow

    for wrong in (
        ([JON.address, IDA.address], [300, 700]),
        (people, [999, 1]),
        (people, [7, 3]),
        ([IDA.address, MALLORY.address], shares),
        (people, [*shares, 1]),
        ([IDA.address], [700]),
        ([], []),
    ):
        with reverts("Escrow_WrongSplit", account=number):
            claim.transact("claimShare", number, 0, *wrong, IDA.address, sender=IDA)
    # The right list of another split; an account that is no split; one that does not exist.
    for place in (other, 1, 2, 0, 99):
        with reverts("Escrow_WrongSplit", account=place):
            claim.transact("claimShare", place, 0, people, shares, IDA.address, sender=IDA)
        if place != other:
            with reverts("Escrow_WrongSplit", account=place):
                claim.transact("claimShare", place, 0, [], [], IDA.address, sender=IDA)
    for index, caller in ((1, IDA), (0, JON), (2, IDA), (2**256 - 1, IDA), (0, MALLORY), (1, MALLORY)):
        with reverts("Escrow_NotMember", account=number, index=index, caller=caller.address):
            claim.transact("claimShare", number, index, people, shares, caller.address, sender=caller)
    with reverts("Escrow_ZeroAddress"):
        claim.transact("claimShare", number, 0, people, shares, ZERO, sender=IDA)
    assert desk.escrow.call("earningsOf", number)[:2] == (950, 0)
    assert [pull(desk, number, parts, index).result for index in (0, 1)] == [665, 285]
    check_books(desk)


def test_claim_share__nothing_came_or_nothing_new__refused() -> None:
    desk = open_desk()
    parts = ((IDA, 1), (JON, 1))
    number = split(desk, *parts)
    with reverts("Escrow_NothingToClaim", account=number):
        pull(desk, number, parts, 0)
    agreement = desk.opened(payee=number)
    desk.pay([(agreement, 100)])
    assert pull(desk, number, parts, 0).result == 47  # of 95
    with reverts("Escrow_NothingToClaim", account=number):
        pull(desk, number, parts, 0)
    desk.pay([(agreement, 120)])  # fee 6, received 114
    assert pull(desk, number, parts, 0).result == 10
    assert pull(desk, number, parts, 1).result == 57


def test_split__a_blacklisted_member__delays_only_itself() -> None:
    desk = open_desk()
    parts = ((IDA, 700), (JON, 300))
    number = split(desk, *parts)
    agreement = desk.opened(payee=number)
    desk.pay([(agreement, 1_000)])
    desk.system.currency.transact("blacklist", IDA.address, True, sender=desk.system.admin)
    with reverts("TestDollar_Blacklisted", holder=IDA.address):
        pull(desk, number, parts, 0)
    assert pull(desk, number, parts, 1).result == 285
    desk.pay([(agreement, 2_000)])
    assert pull(desk, number, parts, 1).result == 285
    assert desk.escrow.call("sharePaid", number, 0) == 0
    assert pull(desk, number, parts, 0, to=KIM).result == 1_330
    assert desk.system.balance(KIM) == 1_330
    check_books(desk)


def test_split__one_person_as_two_members__pulls_each_place_by_itself() -> None:
    desk = open_desk()
    parts = ((IDA, 100), (IDA, 300), (JON, 600))
    number = split(desk, *parts)
    desk.pay([(desk.opened(payee=number), 1_000)])
    assert pull(desk, number, parts, 1).result == 285
    assert pull(desk, number, parts, 0).result == 95
    for index in (0, 1):
        with reverts("Escrow_NothingToClaim", account=number):
            pull(desk, number, parts, index)
    assert pull(desk, number, parts, 2).result == 570
    assert desk.system.balance(IDA) == 380
    check_books(desk)


def test_split__64_of_the_largest_weights_and_the_largest_budgets__overflow_nowhere() -> None:
    desk, _ = open_solo()
    most = 2**56 - 1
    desk.system.fund(ANN, 3 * most, desk.escrow)
    desk.escrow.transact("deposit", 1, 3 * most, sender=ANN)
    parts = tuple((account(f"member {i}"), 2**32 - 1) for i in range(64))
    number = split(desk, *parts)
    agreements = [desk.opened(payee=number, budget=most) for _ in range(3)]
    for agreement in agreements:
        desk.settle_directly([(agreement, most)])
    # 72 057 594 037 927 935 a budget; fee floor of a twentieth 3 602 879 701 896 396; net 68 454 714 336 031 539.
    assert desk.escrow.call("earningsOf", number)[0] == 3 * 68_454_714_336_031_539
    # A 64th of 205 364 143 008 094 617 is 3 208 814 734 501 478, rest 25.
    taken = [pull(desk, number, parts, index).result for index in range(64)]
    assert taken == [3_208_814_734_501_478] * 64
    received, claimed, _ = desk.escrow.call("earningsOf", number)
    assert received - claimed == 25
    check_books(desk)


# What it cannot be


def test_split__is_no_customer_and_no_funder_and_holds_no_money() -> None:
    desk = open_desk()
    number = split(desk, (ANN, 1), (SAM, 1))
    for terms in (
        desk.terms(customer=number, funder=number),
        desk.terms(customer=number, funder=3),
        desk.terms(funder=number),
    ):
        for signer in (ANN, SAM):
            receipt = desk.open_with([(terms, desk.signed(terms, customer=signer))], sender=signer)
            assert refusals(receipt) == [(0, OpenRefusal.UNKNOWN_ACCOUNT)]
    desk.system.fund(MALLORY, 10 * DOLLAR, desk.escrow)
    with reverts("Escrow_UnknownAccount", account=number):
        desk.escrow.transact("deposit", number, 1, sender=MALLORY)
    with reverts("Escrow_UnknownAccount", account=number):
        desk.escrow.transact("depositFor", number, 1, REF, sender=MALLORY)
    for caller in (ANN, SAM):
        for function, values in (
            ("claim", (number, caller.address)),
            ("withdraw", (number, 1, caller.address)),
            ("allow", (number, 1, 1, 5, REF)),
            ("revoke", (number, 1, 1)),
        ):
            with reverts("Escrow_NotOwner", account=number, caller=caller.address):
                desk.escrow.transact(function, *values, sender=caller)
    with reverts("Escrow_UnknownAccount", account=number):
        desk.escrow.transact("allow", 3, number, 1, 5, REF, sender=SAM)
    assert desk.escrow.call("balanceOf", number) == (0, 0)


def test_split__as_payee__its_members_close_nothing() -> None:
    desk = open_desk()
    agreement = desk.opened(payee=split(desk, (IDA, 1)))
    with reverts("Escrow_NotParty", agreement=agreement, caller=IDA.address):
        desk.escrow.transact("close", agreement, sender=IDA)
