"""Split accounts: unchangeable, content-addressed, pulled by cumulative weight, floor by floor."""

from __future__ import annotations

import random

import eth_abi
import pytest

from tallystick.protocol.enums import OpenRefusal
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, MALLORY, OTTO, PAULA, RITA, SAM, Desk, open_desk, open_solo, refusals
from tests.support.evm import Account, Receipt, account, reverts

ZERO = "0x" + "00" * 20
GONE = account("gone")


def create(desk: Desk, members: list[Account], weights: list[int], sender: Account = MALLORY) -> Receipt:
    return desk.escrow.transact("createSplit", [one.address for one in members], weights, sender=sender)


def claim(
    desk: Desk, split: int, index: int, members: list[Account], weights: list[int], to: str | None = None,
    sender: Account | None = None,
) -> int:  # fmt: skip
    """µ that a member gets; by itself and to itself unless said otherwise."""
    addresses = [one.address for one in members]
    who = sender or members[index]
    receipt = desk.escrow.transact(
        "claimShare", split, index, addresses, weights, to or who.address, sender=who
    )
    return int(receipt.result)


def earn(desk: Desk, split: int, amount: int) -> None:
    """Lets an account earn that much, without fees."""
    desk.settle_directly([(desk.opened(payee=split, budget=amount), amount)])


# Creation


def test_create__same_lists__same_account_for_ever() -> None:
    desk = open_desk()
    members, weights = [PAULA, SAM], [700, 300]
    receipt = create(desk, members, weights)
    content = keccak256(eth_abi.encode(["address[]", "uint32[]"], [[PAULA.address, SAM.address], weights]))
    assert receipt.result == 4 == desk.escrow.call("accountCount")
    assert receipt.event("SplitCreated").args == {
        "account": 4,
        "content": content,
        "members": [PAULA.address, SAM.address],
        "weights": [700, 300],
    }
    assert (desk.escrow.call("splitContent", 4), desk.escrow.call("splitAccount", content)) == (content, 4)
    again = create(desk, members, weights, sender=ANN)
    assert (again.result, again.logs) == (4, ())
    for other in (
        ([SAM, PAULA], [700, 300]),
        ([PAULA, SAM], [300, 700]),
        ([PAULA, SAM], [7, 3]),
        ([PAULA], [700]),
    ):
        assert create(desk, *other).result == desk.escrow.call("accountCount")
    assert desk.escrow.call("accountCount") == 8


def test_create__lists_that_no_split_can_have__refused() -> None:
    desk = open_desk()
    for members, weights in (
        ([], []),
        ([PAULA] * 65, [1] * 65),
        ([PAULA, SAM], [1]),
        ([PAULA], [1, 1]),
        ([PAULA, SAM], [1, 0]),
    ):
        with reverts("Escrow_BadSplit"):
            create(desk, members, weights)
    with reverts("Escrow_BadSplit"):
        desk.escrow.transact("createSplit", [PAULA.address, ZERO], [1, 1], sender=ANN)
    assert desk.escrow.call("accountCount") == 3


def test_split__has_no_owner__is_no_customer_and_no_funder_and_takes_no_deposit() -> None:
    desk = open_desk()
    split = create(desk, [ANN, SAM], [1, 1]).result
    assert desk.escrow.call("ownerOf", split) == ZERO
    for changes in (
        {"customer": split, "funder": 1},
        {"customer": split, "funder": split},
        {"funder": split},
    ):
        assert refusals(desk.open(desk.terms(**changes))) == [(0, OpenRefusal.UNKNOWN_ACCOUNT)]
    desk.system.fund(MALLORY, 100, desk.escrow)
    for name, values in (
        ("deposit", (split, 10)),
        ("depositFor", (split, 10, bytes(32))),
        ("depositWithPermit", (split, 10, 2**40, 27, bytes(32), bytes(32))),
        (
            "depositWithAuthorization",
            (MALLORY.address, split, 10, bytes(32), 0, 2**40, 27, bytes(32), bytes(32)),
        ),
    ):
        with reverts("Escrow_UnknownAccount", account=split):
            desk.escrow.transact(name, *values, sender=MALLORY)
    for who in (ANN, SAM, MALLORY):
        with reverts("Escrow_NotOwner", account=split, caller=who.address):
            desk.escrow.transact("claim", split, who.address, sender=who)
        with reverts("Escrow_NotOwner", account=split, caller=who.address):
            desk.escrow.transact("withdraw", split, 1, who.address, sender=who)
    with reverts("Escrow_UnknownAccount", account=split):
        desk.escrow.transact("allow", 3, split, 1, 5, bytes(32), sender=SAM)


# Shares


def test_split__section_9__700_to_300_of_500_500() -> None:
    desk, _ = open_solo(fee_provider=0)
    members, weights = [PAULA, SAM], [700, 300]
    split = create(desk, members, weights).result
    earn(desk, split, 500_500)
    assert [claim(desk, split, index, members, weights) for index in (0, 1)] == [350_350, 150_150]
    assert [desk.system.balance(one) for one in members] == [350_350, 150_150]
    assert [desk.escrow.call("sharePaid", split, index) for index in (0, 1)] == [350_350, 150_150]
    assert desk.escrow.call("earningsOf", split) == (500_500, 500_500, 0)
    desk.check_solvent()


def test_share__pulled_in_steps__is_the_floor_of_the_whole() -> None:
    """Weights 1 : 2 of 10, then of 11: 3 and 6, then nothing and 1 (floor(7.33) - 6)."""
    desk, _ = open_solo(fee_provider=0)
    members, weights = [PAULA, SAM], [1, 2]
    split = create(desk, members, weights).result
    earn(desk, split, 10)
    assert [claim(desk, split, index, members, weights) for index in (0, 1)] == [3, 6]
    earn(desk, split, 1)
    with reverts("Escrow_NothingToClaim", account=split):
        claim(desk, split, 0, members, weights)
    assert claim(desk, split, 1, members, weights) == 1
    earn(desk, split, 1)
    assert [claim(desk, split, index, members, weights) for index in (0, 1)] == [1, 1]
    assert desk.escrow.call("earningsOf", split) == (12, 12, 0)
    desk.check_solvent()


@pytest.mark.parametrize("seed", range(4))
def test_shares__of_any_split__add_up_but_for_less_than_a_micro_each(seed: int) -> None:
    dice = random.Random(seed)
    count = dice.choice([1, 2, 7, 64])
    members = [account(f"member {seed} {index}") for index in range(count)]
    weights = [dice.choice([1, 3, 2**32 - 1, dice.randrange(1, 2**32)]) for _ in members]
    desk, _ = open_solo(fee_provider=0)
    split = create(desk, members, weights).result
    received, got = 0, [0] * count
    for _ in range(6):
        amount = dice.randrange(1, 10**6)
        earn(desk, split, amount)
        received += amount
        for index in dice.sample(range(count), min(count, 10)):
            due = received * weights[index] // sum(weights)
            if due > got[index]:
                assert claim(desk, split, index, members, weights) == due - got[index]
                got[index] = due
    for index in range(count):
        due = received * weights[index] // sum(weights)
        if due > got[index]:
            got[index] += claim(desk, split, index, members, weights)
    assert got == [received * weight // sum(weights) for weight in weights]
    assert 0 <= received - sum(got) < count
    assert desk.escrow.call("earningsOf", split) == (received, sum(got), 0)
    desk.check_solvent()


def test_share__member_twice_in_the_list__has_two_shares() -> None:
    desk, _ = open_solo(fee_provider=0)
    members, weights = [PAULA, SAM, PAULA], [1, 1, 2]
    split = create(desk, members, weights).result
    earn(desk, split, 400)
    assert [claim(desk, split, index, members, weights) for index in (0, 2, 1)] == [100, 200, 100]
    for index in range(3):
        with reverts("Escrow_NothingToClaim", account=split):
            claim(desk, split, index, members, weights)


def test_share__by_another_or_with_other_lists__refused() -> None:
    desk, _ = open_solo(fee_provider=0)
    members, weights = [PAULA, SAM], [700, 300]
    split = create(desk, members, weights).result
    earn(desk, split, 1_000)
    for index, who in ((0, SAM), (1, PAULA), (0, MALLORY), (2, PAULA), (2**256 - 1, PAULA), (0, OTTO)):
        with reverts("Escrow_NotMember", account=split, index=index, caller=who.address):
            claim(desk, split, index, members, weights, sender=who)
    lies: list[tuple[list[Account], list[int]]] = [
        ([SAM, PAULA], weights),
        (members, [999, 1]),
        ([PAULA], [1]),
        ([MALLORY, SAM], weights),
        ([], []),
    ]
    for listed, shares in lies:
        with reverts("Escrow_WrongSplit", account=split):
            claim(desk, split, 0, listed, shares, sender=PAULA)
    for number in (0, 1, 2, split + 1):  # nobody's, and accounts that are no splits
        with reverts("Escrow_WrongSplit", account=number):
            claim(desk, number, 0, members, weights)
    with reverts("Escrow_ZeroAddress"):
        claim(desk, split, 0, members, weights, to=ZERO)
    assert desk.escrow.call("earningsOf", split) == (1_000, 0, 0)


def test_share__of_a_blacklisted_member__waits_alone() -> None:
    desk, _ = open_solo(fee_provider=0)
    members, weights = [GONE, PAULA], [1, 1]
    split = create(desk, members, weights).result
    earn(desk, split, 100)
    desk.system.currency.transact("blacklist", GONE.address, True, sender=desk.system.admin)
    with reverts("TestDollar_Blacklisted", holder=GONE.address):
        claim(desk, split, 0, members, weights)
    assert claim(desk, split, 1, members, weights) == 50
    assert claim(desk, split, 0, members, weights, to=RITA.address) == 50
    assert desk.system.balance(RITA) == 50
    desk.check_solvent()


def test_share__with_fees__is_of_the_net_and_the_reward_base_is_the_account_s() -> None:
    desk, _ = open_solo(fee_provider=2_000)
    members, weights = [PAULA, SAM], [3, 1]
    split = create(desk, members, weights).result
    earn(desk, split, 1_000)
    assert desk.escrow.call("earningsOf", split) == (800, 0, 200)
    assert [claim(desk, split, index, members, weights) for index in (0, 1)] == [600, 200]


def test_split__a_dropped_member__keeps_what_was_delivered_before() -> None:
    """The cluster's operator replaces the split in the next agreement; the old one goes on paying its members."""
    desk, _ = open_solo(fee_provider=0)
    old, new = create(desk, [PAULA, SAM], [1, 1]).result, create(desk, [PAULA], [1]).result
    earn(desk, old, 100)
    earn(desk, new, 60)
    assert claim(desk, old, 1, [PAULA, SAM], [1, 1]) == 50
    assert claim(desk, new, 0, [PAULA], [1]) == 60
    assert claim(desk, old, 0, [PAULA, SAM], [1, 1]) == 50
