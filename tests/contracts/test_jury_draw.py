"""The draw: by the weights of a day, from randomness that neither side chose, and what an interested party can try."""

from __future__ import annotations

from random import Random
from typing import Final

import pyrevm
import pytest

from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA
from tests.support.evm import Account, account, reverts
from tests.support.jury import (
    CHALLENGER,
    COUNCIL_POLICY,
    JURY_POLICY,
    MIXED_POLICY,
    PENALTY,
    SECOND,
    Bench,
    T,
    expected_draw,
    jury_parameters,
    open_bench,
)
from tests.support.system import DOLLAR, dispute_terms, policy_terms

# EIP-2935's contract, as the EIP gives it: it answers from its storage, slot = height modulo 8 191.
HISTORY: Final = "0x0000f90827f1c53a10cb7a02335b175320002935"
HISTORY_CODE: Final = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311"
    "604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)


def row_of(bench: Bench) -> list[tuple[str, int]]:
    """(juror, weight today), in the order of the leaves."""
    leaves = range(1, bench.jury.call("jurorCount") + 1)
    names = [bench.jury.call("jurorAt", leaf) for leaf in leaves]
    return [(name, bench.jury.call("weights", name)[1]) for name in names]


def drawn_by_call(bench: Bench, number: int = 1, round_: int = 1) -> list[str]:
    """Who would be drawn now."""
    return list(bench.jury.call("draw", number, round_))


def block_hash(height: int) -> bytes:
    """What pyrevm says that a block's hash is."""
    return keccak256(str(height).encode())


# The draw against a list


@pytest.mark.parametrize("count", [5, 6, 7, 8, 9, 16, 17, 33])
def test_draw__any_number_of_jurors__is_that_of_a_plain_list(count: int) -> None:
    """The tree grows at 2, 3, 5, 9, 17 and 33 leaves; weights change on several days before the draw."""
    bench, dice = open_bench(), Random(count)
    operators = {}
    for i in range(count):
        who = account(f"juror {i}")
        operators[who] = bench.enlist(who, dice.randrange(500, 9_000) * DOLLAR + dice.randrange(1_000))
        if dice.random() < 0.3:
            bench.evm.warp(dice.choice([3_600, DAY, 3 * DAY]))
    for _ in range(count // 2):
        who = dice.choice(bench.jurors)
        if bench.juror(who)["leavesAt"] == 0:
            if count > 8 and dice.random() < 0.3:
                bench.jury.transact("resign", sender=who)
            else:
                amount = dice.randrange(1, 500 * DOLLAR)
                bench.desk.system.mint(who, amount)
                bench.jury.transact("deposit", operators[who], amount, sender=who)
        bench.evm.warp(dice.choice([60, DAY]))
    bench.evm.warp(DAY)
    row = row_of(bench)
    assert sum(weight for _, weight in row) == bench.jury.call("weights", MALLORY.address)[0]
    for number in range(1, 9):
        bench.dispute(number)
    bench.evm.warp(T // 32)
    targets = [bench.jury.transact("fixBlock", number, 1, sender=MALLORY).result for number in range(1, 9)]
    bench.blocks(4)
    for number, target in enumerate(targets, 1):
        wanted = expected_draw(row, frozenset(), 5, entropy=block_hash(target), dispute=number)
        assert drawn_by_call(bench, number) == wanted
        assert len(set(wanted)) == 5


def test_draw__weights_of_a_few_units__is_that_of_a_plain_list_at_every_edge() -> None:
    """With twelve weights of 1 to 3 µ a position falls on the beginning of somebody's stretch in most draws."""
    bench = open_bench()
    parameters = jury_parameters(
        bench.desk,
        court=bench.court.address,
        policyBook=bench.desk.system.policy_book.address,
        minDeposit=1,
        maxDeposit=3,
        penalty=1,
    )
    bench.jury = bench.evm.deploy("Jury", tuple(parameters.values()))
    terms = dispute_terms(arbiter=bench.jury.address)
    policy = bench.desk.system.add_policy(relayer=2, dispute=terms)
    for i in range(12):
        bench.enlist(account(f"juror {i}"), i % 3 + 1)
    bench.evm.warp(DAY)
    for number in range(1, 31):
        bench.dispute(number, policy=policy)
    bench.evm.warp(T // 32)
    targets = [bench.jury.transact("fixBlock", number, 1, sender=MALLORY).result for number in range(1, 31)]
    bench.blocks(4)
    for number, target in enumerate(targets, 1):
        wanted = expected_draw(row_of(bench), frozenset(), 5, entropy=block_hash(target), dispute=number)
        assert drawn_by_call(bench, number) == wanted


def test_draw__second_round__seats_eleven_by_its_own_seed() -> None:
    bench = open_bench(20)
    bench.dispute(7, state=SECOND)
    entropy = bench.catch(7, 2)
    receipt = bench.jury.transact("draw", 7, 2, sender=MALLORY)
    wanted = expected_draw(row_of(bench), frozenset(), 11, entropy=entropy, dispute=7, round_=2)
    assert [who.address for who in bench.seated(receipt)] == wanted
    assert len(set(wanted)) == 11
    assert bench.jury.call("panelOf", 7, 2)["seats"] == 11
    assert sum(bench.juror(who)["seats"] for who in bench.jurors) == 11


def test_draw__many_times__seats_by_weight() -> None:
    """First seats of 600 draws from 10 jurors, of whom the first five weigh 500 and the others 2 000 dollars each,
    so 4 and 16 in a hundred: expected 24 and 96 times. Four standard deviations are 20 and 36; seeds are fixed, so
    it never fails by chance."""
    bench = open_bench()
    for i in range(10):
        bench.enlist(account(f"juror {i}"), (500 if i < 5 else 2_000) * DOLLAR)
    bench.evm.warp(DAY)
    for number in range(1, 601):
        bench.dispute(number)
    bench.evm.warp(T // 32)
    for number in range(1, 601):
        bench.jury.transact("fixBlock", number, 1, sender=MALLORY)
    bench.blocks(4)
    first = [drawn_by_call(bench, number)[0] for number in range(1, 601)]
    counts = [first.count(who.address) for who in bench.jurors]
    assert all(abs(found - 24) <= 20 for found in counts[:5]), counts
    assert all(abs(found - 96) <= 36 for found in counts[5:]), counts
    assert 67 <= sum(counts[:5]) <= 173  # 120 expected, +- 5.4 deviations of 9.8


# Who does not sit


def test_draw__parties_and_the_policys_verifiers__never_sit() -> None:
    """They have nearly all of the weight: 6 x 20 000 of 125 000 dollars."""
    bench = open_bench(5)
    parties = [OTTO, ANN, PAULA, CHALLENGER, account("attester"), account("second attester")]
    operators = [bench.enlist(who, 20_000 * DOLLAR) for who in parties]
    terms = dispute_terms(arbiter=bench.jury.address, secondArbiter=bench.jury.address)
    policy = bench.desk.system.add_policy(relayer=2, kind=2, quorum=1, verifiers=operators[4:], dispute=terms)
    bench.evm.warp(DAY)
    for number in range(1, 6):
        bench.dispute(number, policy=policy)
        entropy = bench.catch(number)
        unfit = frozenset(who.address for who in parties)
        wanted = expected_draw(row_of(bench), unfit, 5, entropy=entropy, dispute=number)
        assert drawn_by_call(bench, number) == wanted
        assert not unfit & set(wanted)
    # The same people sit in a quarrel that is not theirs.
    bench.dispute(9, challenger=MALLORY.address)
    bench.catch(9)
    seated = set(drawn_by_call(bench, 9))
    assert seated & {CHALLENGER.address, parties[4].address, parties[5].address}
    assert not seated & {OTTO.address, ANN.address, PAULA.address}


def test_draw__a_funder__never_sits() -> None:
    bench = open_bench(5)
    sam = account("sam")
    bench.enlist(sam, 20_000 * DOLLAR)
    bench.evm.warp(DAY)
    bench.desk.escrow.transact("allow", 3, 1, 1, 10 * DOLLAR, bytes(32), sender=sam)
    sponsored = bench.desk.opened(funder=3)
    for number in range(1, 4):
        bench.dispute(number, agreement=sponsored)
        bench.catch(number)
        assert sam.address not in drawn_by_call(bench, number)
    bench.dispute(4)
    bench.catch(4)
    assert sam.address in drawn_by_call(bench, 4)


def test_draw__who_is_no_active_verifier__gives_its_seat_to_the_next() -> None:
    bench = open_bench(12)
    bench.dispute()
    entropy = bench.catch()
    row = row_of(bench)
    before = drawn_by_call(bench)
    idle = before[1]
    owner = next(who for who in bench.jurors if who.address == idle)
    bench.desk.system.staking.transact("unstake", bench.juror(owner)["operator"], 1, sender=owner)
    after = drawn_by_call(bench)
    assert after == expected_draw(row, frozenset({idle}), 5, entropy=entropy)
    assert after[:4] == [before[0], *before[2:]]


def test_draw__whose_deposit_covers_no_further_seat__does_not_sit() -> None:
    """500 dollars cover 20 seats of 25."""
    bench = open_bench()
    for i in range(5):
        bench.enlist(account(f"juror {i}"), 500 * DOLLAR)
    bench.evm.warp(DAY)
    for number in range(1, 22):
        bench.dispute(number)
    bench.evm.warp(T // 32)
    for number in range(1, 22):
        bench.jury.transact("fixBlock", number, 1, sender=MALLORY)
    bench.blocks(4)
    for number in range(1, 21):
        bench.jury.transact("draw", number, 1, sender=MALLORY)
    assert [bench.juror(who)["seats"] for who in bench.jurors] == [20] * 5
    assert 20 * PENALTY == 500 * DOLLAR
    with reverts("Jury_TooFewJurors", dispute=21, found=0):
        bench.jury.transact("draw", 21, 1, sender=MALLORY)
    bench.enlist(account("latecomer"), 20_000 * DOLLAR)
    with reverts("Jury_TooFewJurors", found=0):
        bench.jury.transact("draw", 21, 1, sender=MALLORY)


def test_draw__four_jurors__is_refused_and_round_one_stays_silent() -> None:
    bench = open_bench(4)
    bench.dispute()
    bench.catch()
    with reverts("Jury_TooFewJurors", dispute=1, round=1, found=4):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)
    assert bench.ask() == (False, 0)
    bench.to(step="draw")
    assert bench.settle()["ruled"] is False
    assert bench.ask() == (False, 0)


def test_draw__nobody_enlisted__is_refused() -> None:
    bench = open_bench()
    bench.dispute()
    bench.catch()
    with reverts("Jury_TooFewJurors", found=0):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)


# Knowing the hash before the draw


def test_draw__deposits_and_resignations_after_the_hash_is_known__change_nothing() -> None:
    bench = open_bench(9)
    bench.dispute()
    bench.catch()
    before = drawn_by_call(bench)
    bench.enlist(account("whale"), 20_000 * DOLLAR)
    leaver = next(who for who in bench.jurors if who.address == before[2])
    bench.jury.transact("resign", sender=leaver)
    adder = bench.jurors[0]
    bench.desk.system.mint(adder, 5_000 * DOLLAR)
    bench.jury.transact("deposit", bench.juror(adder)["operator"], 5_000 * DOLLAR, sender=adder)
    assert drawn_by_call(bench) == before
    assert [who.address for who in bench.seated(bench.jury.transact("draw", 1, 1, sender=MALLORY))] == before


def test_draw__the_day_after__goes_by_the_weights_of_the_blocks_day() -> None:
    """The block is fixed in the last minutes of a day; whoever knows its hash can still deposit before midnight."""
    bench = open_bench(9)
    midnight = (bench.now // DAY + 1) * DAY
    bench.evm.warp_to(midnight - T // 32 - 120)
    bench.dispute()
    bench.catch()
    before = drawn_by_call(bench)
    assert bench.now < midnight
    bench.enlist(account("whale"), 20_000 * DOLLAR)
    bench.jury.transact("resign", sender=bench.jurors[0])
    bench.evm.warp_to(midnight + 60)
    assert bench.jury.call("weights", account("whale").address)[1] == 20_000 * DOLLAR
    bench.jury.transact("resign", sender=bench.jurors[1])
    assert drawn_by_call(bench) == before


def test_draw__making_oneself_unfit_when_the_hash_is_known__never_wins_a_seat() -> None:
    """Somebody with six of twelve jurors sees the hash and may retire any of them: every choice, over three hashes,
    leaves it with no more seats than it had."""
    bench = open_bench(12)
    staking = bench.desk.system.staking
    for number in range(1, 4):
        bench.dispute(number)
        bench.catch(number)
        own = bench.jurors[:6]
        names = {who.address for who in own}
        seats = len(names & set(drawn_by_call(bench, number)))
        start = bench.evm.snapshot()
        for choice in range(1, 64):
            for i, who in enumerate(own):
                if choice >> i & 1:
                    staking.transact("unstake", bench.juror(who)["operator"], 1, sender=who)
            assert len(names & set(drawn_by_call(bench, number))) <= seats
            bench.evm.revert(start)


# The block


def test_fix_block__too_early_or_too_late__is_refused() -> None:
    bench = open_bench(5)
    view = bench.dispute()
    start = view["rulingStart"]
    bench.evm.warp_to(start + 5_399)  # T / 32 = 5 400
    with reverts("Jury_NotNow", **{"from": start + 5_400, "until": start + 21_600}):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.evm.warp_to(start + 21_600)  # T / 8
    with reverts("Jury_NotNow", **{"from": start + 5_400, "until": start + 21_600}):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.evm.warp_to(start + 21_599)
    target = bench.jury.transact("fixBlock", 1, 1, sender=MALLORY).result
    assert target == bench.evm._number + 3


def test_fix_block__deadlines__are_counted_from_the_rounds_start() -> None:
    bench = open_bench(5)
    start = bench.dispute()["rulingStart"]
    assert set(bench.jury.call("deadlinesOf", 1, 1).values()) == {0}
    bench.fix()
    found = bench.jury.call("deadlinesOf", 1, 1)
    assert found == {
        "seal": start + 5_400, "hash": start + 21_600, "secrets": 0, "draw": start + 43_200,
        "commit": start + 108_000, "reveal": start + 151_200,
    }  # fmt: skip
    bench.blocks(4)
    bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    assert bench.jury.call("deadlinesOf", 1, 1)["secrets"] == bench.now + 10_800
    assert start + 151_200 < start + T


def test_catch_block__before_it_is_past__is_refused() -> None:
    bench = open_bench(5)
    bench.dispute()
    with reverts("Jury_NoBlock", target=0):
        bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    target = bench.fix()
    bench.blocks(3)
    assert bench.evm._number == target
    with reverts("Jury_NoBlock", target=target):
        bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    with reverts("Jury_BlockFixed", target=target):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.blocks(1)
    receipt = bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    assert receipt.event("BlockCaught").args["entropy"] == block_hash(target)


def test_catch_block__after_its_time__is_refused() -> None:
    bench = open_bench(5)
    bench.dispute()
    bench.fix()
    bench.to(step="hash")
    bench.blocks(4)
    for step in ("catchBlock", "draw"):
        with reverts("Jury_NotNow"):
            bench.jury.transact(step, 1, 1, sender=MALLORY)


def test_fix_block__while_a_hash_is_known_or_caught__is_refused() -> None:
    """Nobody can throw away a block because its hash does not please."""
    bench = open_bench(5)
    bench.dispute()
    target = bench.fix()
    bench.blocks(4)
    with reverts("Jury_BlockFixed", target=target):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.blocks(255, seconds=1)
    assert bench.evm._number == target + 256
    with reverts("Jury_BlockFixed", target=target):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    bench.blocks(300, seconds=1)
    for step in ("fixBlock", "catchBlock"):
        with reverts("Jury_BlockFixed", target=target):
            bench.jury.transact(step, 1, 1, sender=MALLORY)
    assert len(drawn_by_call(bench)) == 5


def test_fix_block__expired__is_fixed_again_three_times_in_all() -> None:
    bench = open_bench(5)
    bench.dispute()
    bench.fix()
    for _ in range(2):
        bench.blocks(260, seconds=1)
        with reverts("Jury_NoBlock"):
            bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.blocks(260, seconds=1)
    with reverts("Jury_NoBlockLeft", dispute=1, round=1):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.to(step="draw")
    assert bench.settle()["ruled"] is False


def test_fix_block__expired__goes_by_the_weights_of_the_new_day() -> None:
    bench = open_bench(5)
    midnight = (bench.now // DAY + 1) * DAY
    bench.evm.warp_to(midnight - T // 32 - 100)
    bench.dispute()
    bench.fix()
    bench.enlist(account("whale"), 20_000 * DOLLAR)
    bench.blocks(260, seconds=1)
    assert bench.now > midnight
    target = bench.jury.transact("fixBlock", 1, 1, sender=MALLORY).result
    bench.blocks(4)
    row = row_of(bench)
    assert row[5] == (account("whale").address, 20_000 * DOLLAR)
    assert drawn_by_call(bench) == expected_draw(row, frozenset(), 5, entropy=block_hash(target))


def test_catch_block__where_the_chain_keeps_its_history__works_for_8191_blocks() -> None:
    bench = open_bench(5, fresh=True)
    revm = bench.evm._revm
    revm.insert_account_info(HISTORY, pyrevm.AccountInfo(code=HISTORY_CODE))
    bench.dispute()
    target = bench.fix()
    kept = b"\x2a" * 32
    revm.insert_account_storage(HISTORY, target % 8_191, int.from_bytes(kept, "big"))
    bench.evm._number = target + 8_190
    bench.evm.warp(60)
    with reverts("Jury_BlockFixed", target=target):
        bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    snapshot = bench.evm.snapshot()
    receipt = bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    assert receipt.event("BlockCaught").args["entropy"] == kept
    bench.evm.revert(snapshot)
    bench.evm.warp(1)
    with reverts("Jury_NoBlock", target=target):
        bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)


def test_fix_block__a_round_of_others_or_not_running__is_refused() -> None:
    bench = open_bench(5)
    bench.dispute(1, policy=COUNCIL_POLICY)
    bench.dispute(2, policy=MIXED_POLICY)
    bench.dispute(3, state=2)
    bench.dispute(4, state=4)
    bench.dispute(5, policy=JURY_POLICY)
    bench.evm.warp(T // 32)
    for number, round_ in ((1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (5, 0), (5, 3), (99, 1)):
        with reverts("Jury_NotArbiter", dispute=number, round=round_):
            bench.jury.transact("fixBlock", number, round_, sender=MALLORY)
    bench.dispute(2, policy=MIXED_POLICY, state=SECOND)
    bench.evm.warp(T // 32)
    bench.jury.transact("fixBlock", 2, 2, sender=MALLORY)


# When the draw is possible


def test_draw__without_secrets__catches_the_block_by_itself_and_once() -> None:
    bench = open_bench(5)
    bench.dispute()
    target = bench.fix()
    bench.blocks(4)
    receipt = bench.jury.transact("draw", 1, 1, sender=MALLORY)
    assert receipt.event("BlockCaught").args["target"] == target
    with reverts("Jury_AlreadyDrawn", dispute=1, round=1):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)


def test_draw__after_its_time__is_refused() -> None:
    bench = open_bench(5)
    start = bench.dispute()["rulingStart"]
    bench.catch()
    bench.evm.warp_to(start + T // 4 - 1)
    assert len(drawn_by_call(bench)) == 5
    bench.evm.warp(1)
    with reverts("Jury_NotNow", until=start + 43_200):
        bench.jury.transact("draw", 1, 1, sender=MALLORY)


def test_draw__of_a_very_long_ruling_time__ends_with_the_day_after_the_block() -> None:
    """The weights of a day are known for two days; a quarter of 10 days would be longer."""
    bench = open_bench(5)
    long = dispute_terms(arbiter=bench.jury.address, rulingTime=10 * DAY)
    short = {"challengeWindow": 3_600, "selfPostWindow": 3_600, "responseWindow": 3_600, "reportTime": 3_600}
    with reverts("PolicyBook_BadPolicy"):  # the real book allows less than 7 days
        bench.desk.system.policy_book.transact(
            "add", policy_terms(relayer=2, dispute=long, **short), sender=bench.desk.system.admin
        )
    terms = dispute_terms(
        arbiter=bench.jury.address, rulingTime=6 * DAY, evidenceTime=60, appealTime=60, contestTime=60
    )
    policy = bench.desk.system.add_policy(relayer=2, dispute=terms, **short)
    midnight = (bench.now // DAY + 1) * DAY
    bench.evm.warp_to(midnight - 6 * DAY // 32 - 3_600)
    bench.dispute(1, policy=policy)
    bench.evm.warp(6 * DAY // 32)
    bench.jury.transact("fixBlock", 1, 1, sender=MALLORY)
    bench.blocks(4)
    bench.jury.transact("catchBlock", 1, 1, sender=MALLORY)
    assert bench.jury.call("deadlinesOf", 1, 1)["draw"] == midnight + DAY
    bench.evm.warp_to(midnight + DAY - 1)
    before: list[Account] = bench.seated(bench.jury.transact("draw", 1, 1, sender=MALLORY))
    assert len(before) == 5
