"""Backing challenges, step by step: what each step asks for, moves, and leaves behind."""

from __future__ import annotations

import pytest

from tallystick.protocol.enums import SkipReason
from tests.support.challenges import BOND, QUORUM, RESPONSE, WALT, WANDA, Room, open_room
from tests.support.escrow import ANN, CUSTOMER, DAY, MALLORY, OTTO, PAYEE, RELAYER, RITA, skips
from tests.support.evm import account, reverts
from tests.support.receipts import DEVICE, release_request
from tests.support.system import DOLLAR, dispute_terms

NOBODY = "0x" + "00" * 20


@pytest.fixture
def room() -> Room:
    return open_room()


# Challenge


def test_challenge__inside_the_window__bond_is_pulled_and_the_leaf_blocked(room: Room) -> None:
    batch = room.posted(3)
    receipt = room.challenge(batch, 1)
    assert receipt.event("Challenged").args == {
        "batch": batch.number,
        "index": 1,
        "agreement": room.agreement_at(batch, 1),
        "challenger": WANDA.address,
        "relayer": RELAYER,
        "bond": 20_000_000,
        "startsAt": room.now,
    }
    assert room.challenges.call("challengeOf", batch.number, 1) == (
        WANDA.address,
        room.agreement_at(batch, 1),
        20_000_000,
        room.now + 21_600,
    )
    assert room.load() == (1, 0)
    assert room.system.balance(WANDA) == 9_980_000_000
    assert room.challenges.call("totalBonds") == 20_000_000
    assert room.ledger.call("blockedOf", batch.number) == (0b010, 1, 0)
    assert room.agreement(room.agreement_at(batch, 1))["holds"] == 1
    room.check_bonds()


def test_challenge__of_one_leaf__the_others_settle(room: Room) -> None:
    batch = room.posted(3)
    room.challenge(batch, 1)
    room.evm.warp(DAY)
    receipt = room.settle(batch)
    assert skips(receipt) == [(room.agreement_at(batch, 1), 100_000, SkipReason.VOID)]
    # Two of 100 000 µ gross, less 5 %.
    assert room.received(PAYEE) == 190_000


def test_challenge__in_the_last_second__blocks(room: Room) -> None:
    batch = room.posted(2)
    room.evm.warp(DAY - 1)
    room.challenge(batch, 0)
    room.evm.warp(1)
    room.settle(batch)
    assert room.received(PAYEE) == 95_000
    # The time to answer goes beyond the window, and the answer is paid all the same.
    room.evm.warp(RESPONSE - 2)
    room.answer(batch, 0)
    room.settle_one(batch, 0)
    assert room.received(PAYEE) == 190_000


def test_challenge__at_the_end_of_the_window__refused(room: Room) -> None:
    batch = room.posted(1)
    room.evm.warp(DAY)
    with reverts("ReceiptLedger_WindowOver", batch=batch.number, endedAt=room.now):
        room.challenge(batch, 0)


def test_challenge__twice__refused_open_or_over(room: Room) -> None:
    batch = room.posted(3)
    for index in range(3):
        room.challenge(batch, index)
    for sender in (WANDA, WALT):
        with reverts("Challenges_AlreadyChallenged", batch=batch.number, index=0):
            room.challenge(batch, 0, sender=sender)
    room.answer(batch, 0)
    with reverts("Challenges_AlreadyChallenged", batch=batch.number, index=0):
        room.challenge(batch, 0, sender=WALT)
    room.evm.warp(RESPONSE)
    room.void(batch, 1)
    with reverts("Challenges_AlreadyChallenged", batch=batch.number, index=1):
        room.challenge(batch, 1)
    room.rule_closed(room.agreement_at(batch, 2))
    room.dismiss(batch, 2)
    with reverts("Challenges_AlreadyChallenged", batch=batch.number, index=2):
        room.challenge(batch, 2)


def test_challenge__wrong_figure_output_proof_or_index__refused(room: Room) -> None:
    batch = room.posted(3)
    good = room.leaf(batch, 1)
    other = room.leaf(batch, 2)
    for leaf in (
        (*good[:2], other[2], *good[3:]),
        (*good[:3], other[3], good[4]),
        (*good[:4], other[4]),
        (good[0], 0, *good[2:]),
        (good[0], 257, *good[2:]),
        (good[0], 3, *good[2:]),
    ):
        with reverts("ReceiptLedger_BadProof", batch=batch.number):
            room.challenges.transact("challenge", leaf, sender=WANDA)
    with reverts("ReceiptLedger_UnknownBatch"):
        room.challenges.transact("challenge", (batch.number + 1, *good[1:]), sender=WANDA)


def test_challenge__self_post_and_signed_post__not_challengeable(room: Room) -> None:
    # A self-post: the chain has seen its signatures. Of one leaf, so the root is the leaf and the proof empty.
    agreement = room.opened()
    room.evm.warp(600)
    item = room.signed_receipt(agreement, 5_000)
    (number,) = room.ledger.transact("selfPost", [item], sender=OTTO).result
    figure = agreement.to_bytes(8, "big") + (5_000).to_bytes(10, "big")
    with reverts("ReceiptLedger_NotChallengeable", batch=number):
        room.challenges.transact("challenge", (number, 0, figure, b"\x5a" * 32, []), sender=WANDA)
    # A signed post, of anybody, after a day of the relayer's silence.
    room.evm.warp(DAY)
    number = room.ledger.transact("postSigned", 1, [item], sender=MALLORY).result
    with reverts("ReceiptLedger_NotChallengeable", batch=number):
        room.challenges.transact("challenge", (number, 0, figure, b"\x5a" * 32, []), sender=WANDA)


def test_challenge__cancelled_batch__refused(room: Room) -> None:
    batch = room.posted(1)
    room.ledger.transact("cancel", batch.number, sender=room.system.admin)
    with reverts("ReceiptLedger_NotChallengeable", batch=batch.number):
        room.challenge(batch, 0)


def test_challenge__closed_agreement__refused(room: Room) -> None:
    batch = room.posted(1)
    room.rule_closed(room.agreement_at(batch, 0))
    with reverts("Escrow_NotOpen", agreement=room.agreement_at(batch, 0)):
        room.challenge(batch, 0)


def test_challenge__without_money__nothing_happens(room: Room) -> None:
    batch = room.posted(1)
    poor = account("poor")
    room.system.fund(poor, BOND - 1, room.challenges)
    with reverts("ERC20InsufficientBalance"):
        room.challenge(batch, 0, sender=poor)
    assert room.ledger.call("blockedOf", batch.number) == (0, 0, 0)
    assert room.load() == (0, 0)


# Answer


def test_answer__by_the_relayer__gets_the_bond_and_the_leaf_settles(room: Room) -> None:
    batch = room.posted(2)
    room.challenge(batch, 0)
    receipt = room.answer(batch, 0, sender=RITA)
    assert receipt.event("Answered").args == {
        "batch": batch.number,
        "index": 0,
        "by": RITA.address,
        "bond": 20_000_000,
    }
    assert receipt.event("Credited").args == {"holder": RITA.address, "amount": 20_000_000}
    assert room.credit(RITA) == 20_000_000
    assert room.challenges.call("totalBonds") == 0
    assert room.challenges.call("challengeOf", batch.number, 0) == (NOBODY, 0, 0, 0)
    assert room.load() == (0, 0)
    assert room.ledger.call("blockedOf", batch.number) == (0, 0, 0)
    # No stake was touched.
    assert room.stake_of(RELAYER) == (20_000 * DOLLAR, 0)
    room.evm.warp(DAY)
    assert skips(room.settle(batch)) == []
    assert room.received(PAYEE) == 190_000
    assert room.challenges.transact("claimCredit", RITA.address, sender=RITA).result == 20_000_000
    assert room.system.balance(RITA) == 20_000_000
    room.check_bonds()


def test_answer__by_anybody__gets_the_bond(room: Room) -> None:
    batch = room.posted(1)
    room.challenge(batch, 0)
    room.answer(batch, 0, sender=MALLORY)
    assert (room.credit(MALLORY), room.credit(WANDA), room.credit(RITA)) == (20_000_000, 0, 0)


def test_answer__more_units_than_posted__good_and_fewer_not(room: Room) -> None:
    batch = room.posted(1)
    agreement, output = room.agreement_at(batch, 0), batch.output(0)
    room.challenge(batch, 0)
    fewer = room.signed_receipt(agreement, 99_999, output_root=output)
    with reverts("Challenges_BadAnswer", batch=batch.number, index=0, fault=15):
        room.answer(batch, 0, fewer)
    other_output = room.signed_receipt(agreement, 100_000, output_root=b"\1" * 32)
    with reverts("Challenges_BadAnswer", fault=15):
        room.answer(batch, 0, other_output)
    more = room.signed_receipt(agreement, 100_001, output_root=output)
    room.answer(batch, 0, more)
    assert room.credit(RITA) == 20_000_000


def test_answer__for_another_agreement_or_by_a_strange_device__refused(room: Room) -> None:
    batch = room.posted(2)
    room.challenge(batch, 0)
    with reverts("Challenges_BadAnswer", fault=1):
        room.answer(batch, 0, room.backed[batch.number, 1])
    agreement, output = room.agreement_at(batch, 0), batch.output(0)
    forged = room.signed_receipt(agreement, 100_000, output_root=output, device=account("stranger"))
    with reverts("Challenges_BadAnswer", fault=9):
        room.answer(batch, 0, forged)


def test_answer__signed_for_another_chain__refused(room: Room) -> None:
    batch = room.posted(1)
    room.challenge(batch, 0)
    agreement, output = room.agreement_at(batch, 0), batch.output(0)
    elsewhere = room.signed_receipt(agreement, 100_000, output_root=output, chain_id=1)
    with reverts("Challenges_BadAnswer", fault=9):
        room.answer(batch, 0, elsewhere)


def test_answer__quorum__needs_the_verdicts(room: Room) -> None:
    batch = room.posted(1, policy=QUORUM)
    room.challenge(batch, 0)
    agreement, output = room.agreement_at(batch, 0), batch.output(0)
    for verdicts in ((), (3,)):
        short = room.signed_receipt(agreement, 100_000, output_root=output, verdicts=verdicts)
        with reverts("Challenges_BadAnswer", fault=14):
            room.answer(batch, 0, short)
    room.answer(batch, 0)
    assert room.credit(RITA) == 20_000_000


def test_answer__quorum__customers_acceptance_stands_in_for_the_verdicts(room: Room) -> None:
    batch = room.posted(1, policy=QUORUM)
    room.challenge(batch, 0)
    agreement, output = room.agreement_at(batch, 0), batch.output(0)
    room.answer(batch, 0, room.signed_receipt(agreement, 100_000, output_root=output, customer=ANN))
    assert room.credit(RITA) == 20_000_000


def test_answer__device_revoked_before_posting__refused_and_after__good(room: Room) -> None:
    room.system.staking.transact("revokeKey", 1, 0, DEVICE.address, sender=OTTO)  # good for a day
    room.evm.warp(DAY - 700)
    batch = room.posted(1)  # 600 s later, 100 s before the key ends
    room.challenge(batch, 0)
    room.evm.warp(RESPONSE - 1)
    room.answer(batch, 0)
    late = room.posted(1)
    room.challenge(late, 0)
    with reverts("Challenges_BadAnswer", fault=9):
        room.answer(late, 0)


def test_answer__in_the_last_second__good_and_then_not(room: Room) -> None:
    batch = room.posted(2)
    for index in range(2):
        room.challenge(batch, index)
    room.evm.warp(RESPONSE - 1)
    room.answer(batch, 0)
    room.evm.warp(1)
    # Whether or not it was voided yet: late is late.
    with reverts("Challenges_ResponseOver", batch=batch.number, index=1, endedAt=room.now):
        room.answer(batch, 1)
    room.void(batch, 1)
    with reverts("Challenges_NotChallenged", batch=batch.number, index=1):
        room.answer(batch, 1)


def test_answer__twice__refused(room: Room) -> None:
    batch = room.posted(1)
    room.challenge(batch, 0)
    room.answer(batch, 0)
    with reverts("Challenges_NotChallenged", batch=batch.number, index=0):
        room.answer(batch, 0, sender=MALLORY)


def test_answer__lease_downtime__the_receipt_backs_it(room: Room) -> None:
    lease = room.lease(budget=10_000_000)
    room.evm.warp(7_200)
    batch = room.post([(lease, 3_600)])
    room.challenge(batch, 0)
    item = room.signed_receipt(lease, 3_600, output_root=batch.output(0), exclusive=False)
    less = room.signed_receipt(lease, 3_599, output_root=batch.output(0), exclusive=False)
    with reverts("Challenges_BadAnswer", fault=15):
        room.answer(batch, 0, less)
    room.answer(batch, 0, item)
    room.evm.warp(DAY)
    room.settle(batch)
    assert room.agreement(lease)["downtime"] == 3_600


# Void


def test_void__nobody_answers__bond_back_and_the_relayer_pays(room: Room) -> None:
    batch = room.posted(2)
    room.challenge(batch, 0)
    room.evm.warp(RESPONSE)
    receipt = room.void(batch, 0, sender=MALLORY)
    # 100 USDC of Rita's stake: a fifth to Wanda, the rest to the insurance, nothing to Mallory, who called.
    assert receipt.event("Voided").args == {
        "batch": batch.number,
        "index": 0,
        "penalty": 100_000_000,
        "toChallenger": 20_000_000,
    }
    slashed = receipt.event("Slashed").args
    assert (slashed["operator"], slashed["reason"], slashed["fromFree"]) == (RELAYER, 1, 100_000_000)
    assert (slashed["victim"], slashed["toVictim"]) == (NOBODY, 0)
    assert room.stake_of(RELAYER) == (19_900 * DOLLAR, 0)
    assert (room.reward(WANDA), room.insured(), room.reward(MALLORY)) == (20_000_000, 80_000_000, 0)
    assert (room.credit(WANDA), room.credit(MALLORY)) == (20_000_000, 0)
    assert room.challenges.call("penaltiesToday", RELAYER) == 100_000_000
    assert room.ledger.call("blockedOf", batch.number) == (0b01, 0, 1)
    # Blocked for good.
    room.evm.warp(DAY)
    assert skips(room.settle(batch)) == [(room.agreement_at(batch, 0), 100_000, SkipReason.VOID)]
    assert room.received(PAYEE) == 95_000
    room.check_bonds()


def test_void__before_the_end_or_twice__refused(room: Room) -> None:
    batch = room.posted(1)
    with reverts("Challenges_NotChallenged", batch=batch.number, index=0):
        room.void(batch, 0)
    room.challenge(batch, 0)
    room.evm.warp(RESPONSE - 1)
    with reverts("Challenges_ResponseOpen", batch=batch.number, index=0, endsAt=room.now + 1):
        room.void(batch, 0)
    room.evm.warp(1)
    room.void(batch, 0)
    with reverts("Challenges_NotChallenged", batch=batch.number, index=0):
        room.void(batch, 0)


def test_void__nobody_comes_for_a_month__still_possible(room: Room) -> None:
    batch = room.posted(1)
    room.challenge(batch, 0)
    room.evm.warp(30 * DAY)
    room.void(batch, 0)
    assert room.credit(WANDA) == 20_000_000
    assert room.agreement(room.agreement_at(batch, 0))["holds"] == 0


def test_void__of_a_released_leaf__reservation_goes_to_the_funder(room: Room) -> None:
    batch = room.posted(2)
    requests = [release_request(batch, index) for index in range(2)]
    assert room.ledger.transact("release", requests, sender=OTTO).result == 200_000
    room.challenge(batch, 0)
    assert room.agreement(room.agreement_at(batch, 0))["holds"] == 2
    room.evm.warp(RESPONSE)
    receipt = room.void(batch, 0)
    # What Ann's account paid comes back to Ann, from Otto's reservation: 100 000 µ gross, no customer fee.
    assert receipt.event("MadeGood").args["amount"] == 100_000
    assert room.reward(ANN) == 100_000
    assert room.agreement(room.agreement_at(batch, 0))["holds"] == 0
    row = room.system.staking.call("get", 1)
    assert row["reserved"] == 100_000
    # The other release is final after the window; that one is gone.
    room.evm.warp(DAY)
    room.ledger.transact("finalise", batch.number, [0, 1], sender=MALLORY)
    assert room.system.staking.call("get", 1)["reserved"] == 0
    room.check_bonds()


def test_challenge__of_a_released_leaf__not_final_until_answered(room: Room) -> None:
    batch = room.posted(1)
    room.ledger.transact("release", [release_request(batch, 0)], sender=OTTO)
    room.evm.warp(DAY - 1)
    room.challenge(batch, 0)
    room.evm.warp(1)
    with reverts("ReceiptLedger_NothingToFinalise", batch=batch.number):
        room.ledger.transact("finalise", batch.number, [0], sender=OTTO)
    room.answer(batch, 0)
    room.ledger.transact("finalise", batch.number, [0], sender=OTTO)
    assert room.system.staking.call("get", 1)["reserved"] == 0
    assert room.reward(ANN) == 0


def test_void__penalty__is_capped_a_day_and_starts_afresh(room: Room) -> None:
    # Twelve batches of one leaf, so that none is cancelled; at most 1 000 USDC a day. Both rounds end on one day.
    batches = [room.posted(1) for _ in range(12)]
    for batch in batches:
        room.challenge(batch, 0)
    # To the first second of a day, beyond the response window.
    room.evm.warp_to((room.now // DAY + 1) * DAY)
    penalties = [room.void(batch, 0).event("Voided").args["penalty"] for batch in batches[:11]]
    assert penalties == [100 * DOLLAR] * 10 + [0]
    assert room.stake_of(RELAYER)[0] == 19_000 * DOLLAR
    assert room.challenges.call("penaltiesToday", RELAYER) == 1_000 * DOLLAR
    # The eleventh is void all the same, and its bond is back.
    assert room.credit(WANDA) == 11 * BOND
    assert room.reward(WANDA) == 200 * DOLLAR
    room.evm.warp(DAY - 1)
    assert room.challenges.call("penaltiesToday", RELAYER) == 1_000 * DOLLAR
    room.evm.warp(1)
    assert room.challenges.call("penaltiesToday", RELAYER) == 0
    assert room.void(batches[11], 0).event("Voided").args["penalty"] == 100 * DOLLAR


def test_void__penalty__last_one_is_cut_to_the_cap() -> None:
    room = open_room(dispute=dispute_terms(penaltyCap=250 * DOLLAR))
    batches = [room.posted(1) for _ in range(4)]
    for batch in batches:
        room.challenge(batch, 0)
    room.evm.warp_to((room.now // DAY + 1) * DAY)
    voided = [room.void(batch, 0).event("Voided").args for batch in batches]
    assert [each["penalty"] for each in voided] == [100 * DOLLAR, 100 * DOLLAR, 50 * DOLLAR, 0]
    assert [each["toChallenger"] for each in voided] == [20 * DOLLAR, 20 * DOLLAR, 10 * DOLLAR, 0]


def test_void__relayer_has_thawed_or_has_nothing__takes_what_there_is(room: Room) -> None:
    batch = room.posted(3)
    for index in range(3):
        room.challenge(batch, index)
    # All but 30 USDC thaw, in the block of the challenge: what thaws is liable.
    room.system.staking.transact("unstake", RELAYER, 19_970 * DOLLAR, sender=RITA)
    room.evm.warp(RESPONSE)
    slashed = room.void(batch, 0).event("Slashed").args
    assert (slashed["fromFree"], slashed["fromThawing"]) == (30 * DOLLAR, 70 * DOLLAR)
    # After the thaw she is gone with the rest, and the leaves are void without a penalty.
    room.evm.warp(1_814_400)
    room.system.staking.transact("withdraw", RELAYER, RITA.address, sender=RITA)
    receipt = room.void(batch, 1)
    assert receipt.event("Voided").args["penalty"] == 0
    assert room.credit(WANDA) == 2 * BOND
    assert room.challenges.call("penaltiesToday", RELAYER) == 0


# Dismiss


def test_dismiss__agreement_closed_by_a_ruling__bond_returns_without_a_penalty(room: Room) -> None:
    batch = room.posted(2)
    room.challenge(batch, 0)
    with reverts("Challenges_NotMoot", batch=batch.number, index=0):
        room.dismiss(batch, 0)
    room.rule_closed(room.agreement_at(batch, 0))
    # Nobody can answer for it any more, so nobody pays for silence either.
    with reverts("Challenges_Moot", batch=batch.number, index=0):
        room.answer(batch, 0)
    room.evm.warp(RESPONSE)
    with reverts("Challenges_Moot", batch=batch.number, index=0):
        room.void(batch, 0)
    receipt = room.dismiss(batch, 0)
    assert receipt.event("Dismissed").args == {"batch": batch.number, "index": 0}
    assert room.credit(WANDA) == 20_000_000
    assert room.stake_of(RELAYER) == (20_000 * DOLLAR, 0)
    assert room.ledger.call("blockedOf", batch.number) == (0, 0, 0)
    assert room.load() == (0, 0)
    with reverts("Challenges_NotChallenged"):
        room.dismiss(batch, 0)
    room.check_bonds()


def test_dismiss__batch_cancelled_by_the_guardian__bond_returns(room: Room) -> None:
    batch = room.posted(2)
    room.challenge(batch, 0)
    room.ledger.transact("cancel", batch.number, sender=room.system.admin)
    with reverts("Challenges_Moot", batch=batch.number, index=0):
        room.answer(batch, 0)
    room.dismiss(batch, 0)
    assert (room.credit(WANDA), room.credit(RITA)) == (20_000_000, 0)
    assert room.agreement(room.agreement_at(batch, 0))["holds"] == 0


def test_dismiss__nobody_comes_for_a_month__still_possible(room: Room) -> None:
    batch = room.posted(1)
    agreement = room.agreement_at(batch, 0)
    room.challenge(batch, 0)
    room.rule_closed(agreement)
    room.evm.warp(30 * DAY)
    assert (room.load(), room.agreement(agreement)["holds"]) == ((1, 0), 1)
    room.dismiss(batch, 0)
    assert (room.load(), room.agreement(agreement)["holds"]) == ((0, 0), 0)
    assert room.credit(WANDA) == BOND
    assert room.stake_of(RELAYER) == (20_000 * DOLLAR, 0)


def test_dismiss__nothing_there__refused(room: Room) -> None:
    batch = room.posted(1)
    for index in (0, 1, 256, 2**255):
        with reverts("Challenges_NotChallenged", batch=batch.number, index=index):
            room.dismiss(batch, index)
        assert room.challenges.call("challengeOf", batch.number, index) == (NOBODY, 0, 0, 0)
    room.challenge(batch, 0)
    # 256 is not 0 again.
    for function in ("dismiss", "void"):
        with reverts("Challenges_NotChallenged", batch=batch.number, index=256):
            room.challenges.transact(function, batch.number, 256, sender=MALLORY)
    with reverts("Challenges_NotChallenged", batch=batch.number, index=256):
        room.challenges.transact("answer", batch.number, 256, room.backed[batch.number, 0], sender=MALLORY)


# The tenth


def test_ten_under_challenge__none_of_the_batch_settles_until_one_ends(room: Room) -> None:
    batch = room.posted(12)
    for index in range(10):
        room.challenge(batch, index)
    room.evm.warp(DAY)
    with reverts("ReceiptLedger_UnderChallenge", batch=batch.number, open=10):
        room.settle(batch)
    # Nine may be under challenge; their time was over long ago, but voids are counted, not lateness.
    room.void(batch, 0)
    room.settle(batch)
    assert room.received(PAYEE) == 190_000


def test_tenth_void__cancels_the_batch_and_the_rest_is_moot(room: Room) -> None:
    batch = room.posted(12)
    for index in range(11):
        room.challenge(batch, index)
    room.evm.warp(RESPONSE)
    for index in range(9):
        assert not room.void(batch, index).events("BatchCancelled")
    receipt = room.void(batch, 9)
    assert receipt.event("BatchCancelled").args == {"batch": batch.number, "cancelledAt": room.now}
    assert room.ledger.call("blockedOf", batch.number) == (0b111_1111_1111, 1, 10)
    with reverts("Challenges_Moot", batch=batch.number, index=10):
        room.void(batch, 10)
    room.dismiss(batch, 10)
    assert room.credit(WANDA) == 11 * BOND
    # Ten penalties of 100 USDC, a fifth of each hers.
    assert room.stake_of(RELAYER)[0] == 19_000 * DOLLAR
    assert room.reward(WANDA) == 200 * DOLLAR
    with reverts("ReceiptLedger_Cancelled", batch=batch.number):
        room.settle(batch)
    # The work of the twelfth, which was good, is payable by signatures: the device's and Ann's.
    agreement = room.agreement_at(batch, 11)
    item = room.signed_receipt(agreement, 100_000, output_root=batch.output(11), customer=ANN)
    room.ledger.transact("collect", [item], sender=MALLORY)
    assert room.received(PAYEE) == 95_000
    # No refund before there was time for it: post grace, self-post window, settle grace.
    room.escrow.transact("close", agreement, sender=OTTO)
    floor = receipt.event("BatchCancelled").args["cancelledAt"] + DAY + 3 * DAY + DAY
    assert room.escrow.call("refundableAt", agreement) >= floor
    room.check_bonds()


# Refunds


def test_refund__waits_while_a_leaf_is_under_challenge(room: Room) -> None:
    agreement = room.opened()
    room.evm.warp(600)
    room.escrow.transact("close", agreement, sender=OTTO)
    end = room.now
    # Posted in the last second of the grace after the end, challenged in the last second of its window.
    room.evm.warp_to(end + DAY)
    batch = room.post([(agreement, 100_000)])
    room.evm.warp(DAY - 1)
    room.challenge(batch, 0)
    # end + POST_GRACE + longest window (a self-post's three days) + SETTLE_GRACE; nobody has voided it by then.
    assert room.escrow.call("refundableAt", agreement) == end + 5 * DAY
    room.evm.warp_to(end + 5 * DAY)
    with reverts("Escrow_Held", agreement=agreement):
        room.escrow.transact("refund", agreement, sender=ANN)
    room.void(batch, 0)
    room.escrow.transact("refund", agreement, sender=ANN)
    assert room.locked(CUSTOMER) == 0


def test_refund__after_an_answer__not_before_the_settle_grace() -> None:
    room = open_room(selfPostWindow=DAY)
    agreement = room.opened()
    room.evm.warp(600)
    started = room.now
    room.escrow.transact("close", agreement, sender=OTTO)
    end = room.now
    room.evm.warp_to(end + DAY)
    batch = room.post([(agreement, 100_000)])
    room.evm.warp(DAY - 1)
    room.challenge(batch, 0)
    assert room.escrow.call("refundableAt", agreement) == end + 3 * DAY
    room.evm.warp(RESPONSE - 1)
    item = room.signed_receipt(
        agreement, 100_000, output_root=batch.output(0), period_start=started - 60, period_end=started
    )
    room.answer(batch, 0, item)
    # Three days less two seconds and a quarter after the end, where there would have been 3 d - 2.25 d otherwise.
    payable_until = room.now + DAY
    assert payable_until == end + 3 * DAY + RESPONSE - 2
    room.evm.warp_to(end + 3 * DAY)
    with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=payable_until):
        room.escrow.transact("refund", agreement, sender=ANN)
    room.evm.warp_to(payable_until - 1)
    room.settle_one(batch, 0)
    assert room.received(PAYEE) == 95_000
    room.evm.warp(1)
    room.escrow.transact("refund", agreement, sender=ANN)
    assert room.free(CUSTOMER) == 100_000 * DOLLAR - 100_000
