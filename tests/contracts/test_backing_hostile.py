"""What somebody may try with backing challenges, and what it brings."""

from __future__ import annotations

import pytest

from tests.support.challenges import BOND, MONEY, RESPONSE, WALT, WANDA, Room, open_room
from tests.support.escrow import ANN, DAY, MALLORY, RELAYER, RITA
from tests.support.evm import Evm, Reverted, account, reverts
from tests.support.system import DOLLAR

NOBODY = "0x" + "00" * 20


@pytest.fixture
def room() -> Room:
    return open_room()


def test_front_run__of_ones_own_challenge__costs_nothing_and_the_leaf_is_void_all_the_same(
    room: Room,
) -> None:
    batch = room.posted(1)
    room.system.fund(MALLORY, BOND, room.challenges)
    room.challenge(batch, 0, sender=MALLORY)
    with reverts("Challenges_AlreadyChallenged"):
        room.challenge(batch, 0, sender=WANDA)
    assert room.system.balance(WANDA) == MONEY
    room.evm.warp(RESPONSE)
    room.void(batch, 0)
    assert (room.credit(MALLORY), room.reward(MALLORY)) == (BOND, 20 * DOLLAR)
    assert (room.credit(WANDA), room.reward(WANDA)) == (0, 0)


def test_relayer__answers_for_one_and_withholds_from_another__each_leaf_by_itself(room: Room) -> None:
    batch = room.posted(4)
    for index in range(4):
        room.challenge(batch, index, sender=(WANDA, WALT)[index % 2])
    room.answer(batch, 0)
    room.answer(batch, 2)  # Wanda's
    room.evm.warp(RESPONSE)
    room.void(batch, 1)
    room.void(batch, 3)  # Walt's
    assert (room.credit(WANDA), room.credit(WALT), room.credit(RITA)) == (0, 2 * BOND, 2 * BOND)
    assert (room.reward(WANDA), room.reward(WALT)) == (0, 40 * DOLLAR)
    room.evm.warp(DAY)
    room.settle(batch)
    paid = [room.agreement(room.agreement_at(batch, index))["paid"] for index in range(4)]
    assert paid == [100_000, 0, 100_000, 0]


def test_relayer__challenges_its_own_bad_leaf__pays_eighty_of_a_hundred_and_the_leaf_is_void(
    room: Room,
) -> None:
    batch = room.posted(1)
    room.system.fund(RITA, BOND, room.challenges)
    before = room.stake_of(RELAYER)[0]
    room.challenge(batch, 0, sender=RITA)
    room.evm.warp(RESPONSE)
    room.void(batch, 0, sender=RITA)
    lost = before - room.stake_of(RELAYER)[0] - room.reward(RITA) - (room.credit(RITA) - BOND)
    assert lost == 80 * DOLLAR
    room.evm.warp(DAY)
    room.settle(batch)
    assert room.received(2) == 0


def test_relayer__challenges_itself_as_a_shield__the_leaf_stays_blocked_until_it_shows_signatures(
    room: Room,
) -> None:
    """One challenge a leaf: a puppet's keeps the true challenger out, but it asks the same question."""
    agreement = room.opened()
    room.evm.warp(600)
    batch = room.post([(agreement, 900_000)])  # nobody signed that
    room.system.fund(RITA, BOND, room.challenges)
    room.challenge(batch, 0, sender=RITA)
    for item in (
        room.signed_receipt(agreement, 900_000, output_root=batch.output(0), device=RITA),
        room.signed_receipt(agreement, 899_999, output_root=batch.output(0)),
    ):
        with pytest.raises(Reverted, match="Challenges_BadAnswer"):
            room.answer(batch, 0, item)
    room.evm.warp(30 * DAY)
    room.settle(batch)
    assert room.agreement(agreement)["paid"] == 0


def test_challenger__answers_itself__has_blocked_a_leaf_for_a_while_and_gained_nothing(room: Room) -> None:
    batch = room.posted(1)
    room.challenge(batch, 0)
    room.evm.warp(RESPONSE - 1)
    room.answer(batch, 0, sender=WANDA)
    assert room.credit(WANDA) == BOND
    with reverts("Challenges_AlreadyChallenged"):
        room.challenge(batch, 0, sender=WALT)
    room.evm.warp(DAY)
    room.settle(batch)
    assert room.received(2) == 95_000


def test_blacklisted__challenger_and_answerer__only_they_wait(room: Room) -> None:
    batch = room.posted(3)
    room.challenge(batch, 0, sender=WANDA)
    room.challenge(batch, 1, sender=WANDA)
    room.challenge(batch, 2, sender=WALT)
    for who in (WANDA, RITA):
        room.system.currency.transact("blacklist", who.address, True, sender=room.system.admin)
    room.answer(batch, 0, sender=RITA)
    room.evm.warp(RESPONSE)
    room.void(batch, 1)
    room.void(batch, 2)
    for who in (WANDA, RITA):
        with reverts("TestDollar_Blacklisted", holder=who.address):
            room.challenges.transact("claimCredit", who.address, sender=who)
        assert room.credit(who) == BOND
    room.challenges.transact("claimCredit", WALT.address, sender=WALT)
    assert room.system.balance(WALT) == MONEY
    # To an address of the owner's choice it goes at once; the other waits until it is off the list.
    room.challenges.transact("claimCredit", account("wanda's vault").address, sender=WANDA)
    room.system.currency.transact("blacklist", RITA.address, False, sender=room.system.admin)
    room.challenges.transact("claimCredit", RITA.address, sender=RITA)
    assert room.system.balance(room.challenges) == 0


def test_blacklisted__challenges_itself__stops_new_challenges_and_no_end(room: Room) -> None:
    batch = room.posted(3)
    for index in range(2):
        room.challenge(batch, index)
    room.system.currency.transact("blacklist", room.challenges.address, True, sender=room.system.admin)
    with reverts("TestDollar_Blacklisted"):
        room.challenge(batch, 2)
    room.answer(batch, 0)
    room.evm.warp(RESPONSE)
    room.void(batch, 1)
    assert (room.credit(WANDA), room.credit(RITA)) == (BOND, BOND)
    assert room.load() == (0, 0)


def test_guardian__cancels_after_a_challenge__challenger_has_its_bond_and_no_reward(room: Room) -> None:
    batch = room.posted(1)
    room.challenge(batch, 0)
    room.evm.warp(RESPONSE)
    room.ledger.transact("cancel", batch.number, sender=room.system.admin)
    with reverts("Challenges_Moot"):
        room.void(batch, 0)
    room.dismiss(batch, 0)
    assert (room.credit(WANDA), room.reward(WANDA)) == (BOND, 0)


def test_frozen_by_a_dispute__challenge_goes_its_own_way(room: Room) -> None:
    batch = room.posted(2)
    for index in range(2):
        room.challenge(batch, index)
        room.escrow.transact("freeze", room.agreement_at(batch, index), sender=account("court"))
    room.answer(batch, 0)
    room.evm.warp(RESPONSE)
    room.void(batch, 1)
    assert (room.credit(WANDA), room.credit(RITA)) == (BOND, BOND)


def test_replay__answer_of_one_leaf_for_the_same_agreements_next__refused(room: Room) -> None:
    """An answer shows the units of the leaf or more: one of yesterday backs nothing that was posted beyond it."""
    batch = room.posted(1)
    agreement = room.agreement_at(batch, 0)
    later = room.post([(agreement, 200_000)])
    for each in (batch, later):
        room.challenge(each, 0)
    room.answer(batch, 0)
    with reverts("Challenges_BadAnswer", fault=15):
        room.answer(later, 0, room.backed[batch.number, 0])
    room.evm.warp(RESPONSE)
    room.void(later, 0)
    room.evm.warp(DAY)
    room.settle(batch)
    room.settle(later)
    assert room.agreement(agreement)["paid"] == 100_000


def test_replay__leaf_of_another_chains_batch__is_no_leaf_here(room: Room) -> None:
    here = room.posted(1)
    there = open_room(evm=Evm(chain_id=1))
    foreign = there.posted(1, budget=2_000_000)
    assert foreign.number == here.number
    with reverts("ReceiptLedger_BadProof"):
        room.challenges.transact("challenge", there.leaf(foreign, 0), sender=WANDA)
    room.challenge(here, 0)
    there.challenge(foreign, 0)
    # The receipts of one chain are no signatures on the other, though the leaf is the same but for the chain.
    agreement, output = there.agreement_at(foreign, 0), foreign.output(0)
    item = there.signed_receipt(agreement, 100_000, output_root=output, chain_id=room.evm.chain_id)
    with reverts("Challenges_BadAnswer", fault=9):
        there.answer(foreign, 0, item)
    there.answer(foreign, 0)


def test_only_challenges__may_hold_and_let_go(room: Room) -> None:
    batch = room.posted(1)
    with reverts("ReceiptLedger_NotCourt", caller=MALLORY.address):
        room.ledger.transact("hold", room.leaf(batch, 0), sender=MALLORY)
    room.challenge(batch, 0)
    for end in range(3):
        with reverts("ReceiptLedger_NotCourt", caller=RITA.address):
            room.ledger.transact("unhold", batch.number, 0, room.agreement_at(batch, 0), end, sender=RITA)


def test_donation__is_nobodys_and_distorts_nothing(room: Room) -> None:
    batch = room.posted(1)
    room.system.mint(room.challenges.address, 7)
    room.challenge(batch, 0)
    room.answer(batch, 0)
    room.challenges.transact("claimCredit", RITA.address, sender=RITA)
    assert room.system.balance(room.challenges) == 7
    assert (room.challenges.call("totalBonds"), room.challenges.call("totalCredits")) == (0, 0)


def test_currency__that_takes_a_fee__bond_refused() -> None:
    room = open_room(currency="FeeOnTransferDollar")
    batch = room.posted(1)
    room.system.currency.transact("setFee", 100, sender=MALLORY)
    with reverts("BondBook_WrongAmountReceived", expected=20_000_000, received=19_800_000):
        room.challenge(batch, 0)
    assert room.load() == (0, 0)
    assert room.ledger.call("blockedOf", batch.number) == (0, 0, 0)


@pytest.mark.parametrize("early", [True, False])
def test_currency__that_calls_back__finds_every_sibling_shut(early: bool) -> None:
    room = open_room(currency="ReentrantDollar")
    token, target = room.system.currency, room.challenges.address
    batch = room.posted(4)
    for index in (1, 2):
        room.challenge(batch, index)
    room.evm.warp(RESPONSE)
    encode = room.challenges.encode
    inner = {
        "challenge": encode("challenge", room.leaf(batch, 3)),
        "answer": encode("answer", batch.number, 1, room.backed[batch.number, 1]),
        "void": encode("void", batch.number, 1),
        "dismiss": encode("dismiss", batch.number, 1),
        "claimCredit": encode("claimCredit", MALLORY.address),
        "equivocation": encode("equivocation", *[room.backed[batch.number, i] for i in (0, 1)]),
    }
    for name, data in inner.items():
        snapshot = room.evm.snapshot()
        token.transact("arm", target, data, early, sender=MALLORY)
        room.challenge(batch, 0)
        assert (token.call("calls"), token.call("succeeded")) == (1, False), name
        refused = token.call("returned")
        assert refused.hex() == "3ee5aeb5", name  # ReentrancyGuardReentrantCall()
        room.evm.revert(snapshot)
    room.void(batch, 1)
    token.transact("arm", target, inner["void"], early, sender=MALLORY)
    room.challenges.transact("claimCredit", WANDA.address, sender=WANDA)
    assert (token.call("calls"), token.call("succeeded")) == (1, False)
    room.check_bonds()


def test_construction__zero_addresses_and_no_currency__refused(room: Room) -> None:
    good = {
        "currency": room.system.currency.address,
        "escrow": room.escrow.address,
        "ledger": room.ledger.address,
        "staking": room.system.staking.address,
        "policyBook": room.system.policy_book.address,
    }
    for name in ("escrow", "ledger", "staking", "policyBook"):
        with reverts("BondBook_ZeroAddress"):
            room.evm.deploy("Challenges", p=good | {name: NOBODY})
    with reverts("BondBook_UnfitCurrency", currency=ANN.address):
        room.evm.deploy("Challenges", p=good | {"currency": ANN.address})
    assert room.evm.deploy("Challenges", p=good).call("MAX_OPEN") == 16


def test_paused_opening_and_posting__hold_up_no_step(room: Room) -> None:
    batch = room.posted(3)
    room.escrow.transact("pauseOpening", 3 * DAY, sender=room.system.admin)
    room.ledger.transact("pausePosting", 3 * DAY, sender=room.system.admin)
    for index in range(3):
        room.challenge(batch, index)
    room.answer(batch, 0)
    room.rule_closed(room.agreement_at(batch, 2))
    room.dismiss(batch, 2)
    room.evm.warp(RESPONSE)
    room.void(batch, 1)
    room.challenges.transact("claimCredit", WANDA.address, sender=WANDA)
    assert room.system.balance(WANDA) == MONEY - BOND
