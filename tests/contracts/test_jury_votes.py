"""Votes: who commits and reveals what, when, and what the panel says. Attacked 1 000 units, claimed 200."""

from __future__ import annotations

import pytest

from tests.support.escrow import MALLORY
from tests.support.evm import reverts
from tests.support.jury import RULED, SECOND, open_bench, salt


def test_vote__each_step__is_possible_in_its_time_only() -> None:
    bench = open_bench(5)
    start = bench.dispute()["rulingStart"]
    juror = bench.draw()[0]
    commit_end, reveal_end = start + 108_000, start + 151_200  # 5 T / 8, 7 T / 8
    bench.commit(juror, 200)
    for when in (bench.now, commit_end - 1):
        bench.evm.warp_to(when)
        with reverts("Jury_NotNow", **{"from": commit_end, "until": reveal_end}):
            bench.reveal(juror, 200)
    bench.commit(juror, 200)
    bench.evm.warp_to(commit_end)
    with reverts("Jury_NotNow", until=commit_end):
        bench.commit(juror, 1_000)
    snapshot = bench.evm.snapshot()
    bench.reveal(juror, 200)
    bench.evm.revert(snapshot)
    bench.evm.warp_to(reveal_end)
    with reverts("Jury_NotNow", until=reveal_end):
        bench.reveal(juror, 200)


def test_commit__before_the_draw_or_by_strangers_or_of_nothing__is_refused() -> None:
    bench = open_bench(12)
    bench.dispute()
    bench.catch()
    with reverts("Jury_NotDrawn", dispute=1, round=1):
        bench.commit(bench.jurors[0], 200)
    seated = bench.seated(bench.jury.transact("draw", 1, 1, sender=MALLORY))
    standing = next(who for who in bench.jurors if who not in seated)
    for who in (standing, MALLORY):
        with reverts("Jury_NotJuror", dispute=1, round=1, caller=who.address):
            bench.commit(who, 200)
    with reverts("Jury_ZeroHash"):
        bench.jury.transact("commitVote", 1, 1, bytes(32), sender=seated[0])


def test_commit__again__replaces_the_vote_and_counts_once() -> None:
    bench = open_bench(5)
    bench.dispute()
    juror = bench.draw()[0]
    bench.commit(juror, 1_000)
    receipt = bench.commit(juror, 200)
    assert receipt.event("VoteCommitted").args["commitment"] == bench.commitment(juror, 200)
    assert bench.jury.call("panelOf", 1, 1)["committed"] == 1
    bench.to(step="commit")
    with reverts("Jury_WrongVote", caller=juror.address):
        bench.reveal(juror, 1_000)
    bench.reveal(juror, 200)


def test_reveal__a_copied_commitment__cannot_be_opened_by_the_copier() -> None:
    """The lazy juror copies the commitment, and after the reveal units and salt as well."""
    bench = open_bench(5)
    bench.dispute()
    honest, lazy, *_ = bench.draw()
    bench.commit(honest, 200)
    copied = bench.commitment(honest, 200)
    bench.jury.transact("commitVote", 1, 1, copied, sender=lazy)
    bench.to(step="commit")
    bench.reveal(honest, 200)
    with reverts("Jury_WrongVote", caller=lazy.address):
        bench.jury.transact("revealVote", 1, 1, 200, salt(honest), sender=lazy)
    bench.to(step="reveal")
    receipt = bench.jury.transact("settle", 1, 1, sender=MALLORY)
    assert lazy.address in [log.args["juror"] for log in receipt.events("Penalised")]


def test_reveal__a_commitment_of_another_dispute_or_round__does_not_open() -> None:
    bench = open_bench(20)
    bench.dispute(1)
    bench.dispute(2)
    first, second = bench.draw(1), bench.draw(2)
    juror = next(who for who in first if who in second)
    bench.jury.transact("commitVote", 2, 1, bench.commitment(juror, 200, 1, 1), sender=juror)
    bench.to(2, step="commit")
    with reverts("Jury_WrongVote", dispute=2, caller=juror.address):
        bench.reveal(juror, 200, 2)
    assert bench.commitment(juror, 200, 1, 1) != bench.commitment(juror, 200, 1, 2)


def test_reveal__twice_or_without_a_commitment__is_refused() -> None:
    bench = open_bench(5)
    bench.dispute()
    one, other, *_ = bench.draw()
    bench.commit(one, 200)
    bench.to(step="commit")
    bench.reveal(one, 200)
    with reverts("Jury_WrongVote", caller=one.address):
        bench.reveal(one, 200)
    with reverts("Jury_WrongVote", caller=other.address):
        bench.reveal(other, 200)
    assert bench.jury.call("panelOf", 1, 1)["revealed"] == 1


@pytest.mark.parametrize(("attacked", "claimed"), [(1_000, 200), (200, 1_000)])
def test_reveal__units_that_no_side_claims__are_refused_and_the_juror_is_silent(
    attacked: int, claimed: int
) -> None:
    bench = open_bench(5)
    bench.dispute(attacked=attacked, claimed=claimed)
    low, high, edge, other, middle = bench.draw()
    votes = [(low, 199), (high, 1_001), (edge, 200), (other, 1_000), (middle, 600)]
    for who, units in votes:
        bench.commit(who, units)
    bench.to(step="commit")
    for who, units in votes[:2]:
        with reverts("Jury_VoteOutOfRange", units=units, attacked=attacked, claimed=claimed):
            bench.reveal(who, units)
    for who, units in votes[2:]:
        bench.reveal(who, units)
    bench.to(step="reveal")
    receipt = bench.jury.transact("settle", 1, 1, sender=MALLORY)
    assert [log.args["juror"] for log in receipt.events("Penalised")] == [low.address, high.address]
    assert receipt.event("Settled").args["units"] == 600


# What the panel says


@pytest.mark.parametrize(
    ("votes", "ruling"),
    [
        ([200, 200, 200, 200, 200], 200),
        ([200, 200, 200, 1_000, 1_000], 200),
        ([200, 200, 1_000, 1_000, 1_000], 1_000),
        ([1_000, 200, 1_000, 200, 1_000], 1_000),
        # Honest votes that scatter are not beaten by two that agree: a plurality would say 1 000.
        ([500, 510, 520, 1_000, 1_000], 520),
        ([200, 300, 400, 500, 600], 400),
        ([600, 500, 400, 300, 200], 400),
        # An even number: the middle one nearer to the attacked figure.
        ([200, 200, 1_000, 1_000], 1_000),
        ([200, 200, 200, 1_000], 200),
        ([200, 400, 600, 1_000], 600),
        ([200, 400, 1_000], 400),
    ],
)
def test_rule__revealed_votes__is_their_median(votes: list[int], ruling: int) -> None:
    bench = open_bench(5)
    bench.dispute()
    seated = bench.draw()
    bench.vote(list(zip(seated, votes, strict=False)))
    assert bench.ask() == (True, ruling)
    assert bench.jury.call("rulingOf", 1, 1) == ruling
    assert bench.settle()["units"] == ruling
    assert bench.ask() == (True, ruling)


def test_rule__upward__an_even_number_goes_to_the_attacked_figure_too() -> None:
    """A lease: the provider says that 1 000 seconds are payable, not 200."""
    bench = open_bench(5)
    bench.dispute(attacked=200, claimed=1_000, upward=True)
    seated = bench.draw()
    bench.vote(list(zip(seated, [200, 300, 900, 1_000], strict=False)))
    assert bench.ask() == (True, 300)


def test_rule__eleven_seats__needs_six_votes() -> None:
    bench = open_bench(20)
    bench.dispute(state=SECOND)
    seated = bench.draw(1, 2)
    bench.vote([(who, 200) for who in seated[:6]], 1, 2, silent=seated[5:6])
    bench.to(1, 2, step="reveal")
    assert bench.ask() == (False, 0)
    with reverts("Jury_NoQuorum", dispute=1, round=2, revealed=5):
        bench.jury.call("rulingOf", 1, 2)


def test_rule__six_of_eleven__is_a_ruling() -> None:
    bench = open_bench(20)
    bench.dispute(state=SECOND)
    seated = bench.draw(1, 2)
    bench.vote([(who, 200 + 10 * i) for i, who in enumerate(seated[:6])], 1, 2)
    assert bench.ask() == (True, 230)
    settled = bench.settle(1, 2)
    assert (settled["ruled"], settled["units"]) == (True, 230)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_rule__fewer_than_three_of_five__is_none(count: int) -> None:
    bench = open_bench(5)
    bench.dispute()
    seated = bench.draw()
    bench.vote([(who, 200) for who in seated[:count]])
    assert bench.ask() == (False, 0)
    with reverts("Jury_NoQuorum", revealed=count):
        bench.jury.call("rulingOf", 1, 1)
    assert bench.settle()["ruled"] is False


def test_rule__before_everything_is_revealed__is_none_until_the_time_is_over() -> None:
    bench = open_bench(5)
    bench.dispute()
    seated = bench.draw()
    bench.vote([(who, 200) for who in seated], silent=seated[4:])
    for read in ("rulingOf", "settle"):
        with reverts("Jury_Undecided", dispute=1, round=1):
            bench.jury.call(read, 1, 1)
    assert bench.ask() == (False, 0)
    bench.to(step="reveal")
    assert bench.ask() == (True, 200)


def test_rule__all_that_was_committed_is_revealed__does_not_wait() -> None:
    bench = open_bench(5)
    start = bench.dispute()["rulingStart"]
    seated = bench.draw()
    bench.vote([(who, 200) for who in seated[:3]])
    assert bench.now == start + 108_000
    assert bench.ask() == (True, 200)


def test_rule__all_committed_and_none_revealed__is_none_before_the_reveal() -> None:
    bench = open_bench(5)
    bench.dispute()
    for who in bench.draw():
        bench.commit(who, 200)
    with reverts("Jury_Undecided"):
        bench.settle()


def test_rule__another_round_than_the_courts_present_one__is_not_answered() -> None:
    """One jury hears both rounds: each panel answers for its own."""
    bench = open_bench(20)
    bench.dispute()
    bench.vote([(who, 1_000) for who in bench.draw()])
    assert bench.ask() == (True, 1_000)
    bench.dispute(state=SECOND)
    assert bench.ask() == (False, 0)
    second = bench.draw(1, 2)
    assert len(second) == 11
    bench.vote([(who, 200) for who in second], 1, 2)
    assert bench.ask() == (True, 200)
    assert (bench.jury.call("rulingOf", 1, 1), bench.jury.call("rulingOf", 1, 2)) == (1_000, 200)
    bench.dispute(state=RULED)
    assert bench.ask() == (False, 0)


def test_rule__eleven_votes__fits_the_courts_gas() -> None:
    bench = open_bench(20)
    bench.dispute(state=SECOND)
    seated = bench.draw(1, 2)
    bench.vote([(who, 200 + i) for i, who in enumerate(reversed(seated))], 1, 2)
    ruled, units, used = bench.court.call("ask", bench.jury.address, 1)
    assert (ruled, units) == (True, 205)
    assert used < 250_000  # of 500 000


def test_rule__zero_units__are_a_ruling() -> None:
    bench = open_bench(5)
    bench.dispute(claimed=0)
    bench.vote([(who, 0) for who in bench.draw()])
    assert bench.ask() == (True, 0)
