"""JackpotPool: forced errors, sealed flags, and a jackpot that halves.

Ledger, Staking and their batches are the real ones; MockCourt credits the pool. Flags cost 5 dollars, the pot holds
3 000 unless a test says otherwise, so that the first jackpot is 1 000. The chain begins 32 hours into a round.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.chain.contracts import explain_revert, load
from tallystick.protocol import figures
from tallystick.protocol.eip712 import Receipt as Claim
from tallystick.protocol.enums import KeyKind
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, Desk, Posted, open_desk
from tests.support.evm import Account, Bound, Evm, Receipt, Snapshot, account, reverts
from tests.support.receipts import DEVICE, sign_receipt
from tests.support.system import DOLLAR, WEEK, Role, deploy_system, dispute_terms

TESTER: Final = account("tester")
OWNERS: Final = tuple(account(f"owner of verifier {number}") for number in range(6))
FUNDER: Final = account("funder of jackpots")
BOND: Final = 5 * DOLLAR
TAIL: Final = WEEK // 2
ZERO: Final = "0x" + "00" * 20
SALT: Final = b"\x01" * 32
NONE, COMMITTED, ERROR, NO_ERROR = range(4)


@dataclass
class Hall:
    """The pool, its testers and verifiers; `verifiers` are the operators of OWNERS."""

    desk: Desk
    court: Bound
    pool: Bound
    verifiers: tuple[int, ...]

    @property
    def evm(self) -> Evm:
        return self.desk.evm

    @property
    def round(self) -> int:
        return int(self.pool.call("currentRound"))

    # Time

    def to_end(self, round_: int, tails: int = 0, seconds: int = 0) -> None:
        """To so many times 3.5 days after a round's end."""
        self.evm.warp_to((round_ + 1) * WEEK + tails * TAIL + seconds)

    # Testers

    def commit(self, posted: Posted | None, round_: int, index: int = 0, salt: bytes = SALT) -> None:
        """To a leaf, or to none."""
        figure, output = (posted.figure(index), posted.output(index)) if posted else (bytes(18), bytes(32))
        self.commit_to(figure, output, round_, salt)

    def commit_to(self, figure: bytes, output: bytes, round_: int, salt: bytes = SALT) -> None:
        commitment = self.pool.call("commitmentOf", round_, figure, output, salt)
        self.pool.transact("commit", round_, commitment, sender=TESTER)

    def reveal(self, posted: Posted, round_: int, index: int = 0, salt: bytes = SALT) -> Receipt:
        return self.pool.transact("reveal", round_, leaf(posted, index), salt, sender=MALLORY)

    def error(self, units: int = 100) -> tuple[Posted, int]:
        """Commits to a figure, which is posted a second later; returns it and its round."""
        round_ = self.round
        expected = planned(units)
        self.commit(expected, round_)
        self.evm.warp(1)
        posted = self.desk.post([(1, units)])
        assert (posted.figures, posted.outputs) == (expected.figures, expected.outputs)
        return posted, round_

    # Verifiers

    def seal(self, place: int, posted: Posted, round_: int, salt: bytes | None = None) -> int:
        """The flag of OWNERS[place] on the first leaf."""
        return self.seal_figure(place, posted.figure(0), posted.output(0), round_, salt)

    def seal_figure(
        self, place: int, figure: bytes, output: bytes, round_: int, salt: bytes | None = None
    ) -> int:
        verifier = self.verifiers[place]
        commitment = self.pool.call("flagOf", round_, verifier, figure, output, salt or salt_of(place))
        return int(self.pool.transact("seal", round_, verifier, commitment, sender=OWNERS[place]).result)

    def open(self, flag: int, place: int, salt: bytes | None = None) -> Receipt:
        return self.pool.transact("open", flag, salt or salt_of(place), sender=MALLORY)

    def settle(self, *flags: int) -> Receipt:
        return self.pool.transact("settle", list(flags), sender=MALLORY)

    # Money

    def credit(self, place: int) -> int:
        return int(self.pool.call("credits", OWNERS[place].address))

    @property
    def pot(self) -> int:
        return int(self.pool.call("pot"))

    def check_money(self, outside: int = 0) -> None:
        """Currency = bonds + credits; bonds are the pot and `outside`: open jackpots, shares, flags' bonds."""
        bonds, credits_ = self.pool.call("totalBonds"), self.pool.call("totalCredits")
        assert self.desk.system.balance(self.pool) == bonds + credits_
        assert bonds == self.pot + outside


def salt_of(place: int) -> bytes:
    return bytes([0xA0 + place]) * 32


def planned(units: int, agreement: int = 1) -> Posted:
    """What `desk.post([(agreement, units)])` will post."""
    output = figures.chain_output(b"\x5a" * 32, b"\0")
    return Posted(0, figures.encode_figure(agreement, units), output)


def leaf(posted: Posted, at: int = 0, **changes: Any) -> tuple[Any, ...]:
    """A Leaf in the ABI's order, or with these changes."""
    parts = {
        "batch": posted.number,
        "index": at,
        "figure": posted.figure(at),
        "output": posted.output(at),
        "proof": posted.proof(at),
    }
    return tuple((parts | changes).values())


def build(desk: Desk, pot: int = 3_000 * DOLLAR) -> Hall:
    system = desk.system
    court = system.evm.deploy("MockCourt", system.currency.address)
    pool = system.evm.deploy(
        "JackpotPool",
        authority=system.authority.address,
        currency=system.currency.address,
        court=court.address,
        ledger=system.ledger.address,
        staking=system.staking.address,
        flagBond=BOND,
    )
    selector = load("JackpotPool").function("commit").selector
    system.authority.transact("setTargetFunctionRole", pool.address, [selector], 3, sender=system.admin)
    system.authority.transact("grantRole", 3, TESTER.address, 0, sender=system.admin)
    verifiers = []
    for owner in OWNERS:
        verifiers.append(system.register(owner, Role.VERIFIER, free=2_000 * DOLLAR))
        system.fund(owner, 1_000 * DOLLAR, pool)
    system.fund(FUNDER, 10_000_000 * DOLLAR, pool)
    if pot:
        pool.transact("fund", pot, sender=FUNDER)
    return Hall(desk, court, pool, tuple(verifiers))


@cache
def _pristine() -> tuple[Hall, Snapshot]:
    hall = build(open_desk(evm=Evm()))
    return hall, hall.evm.snapshot()


@pytest.fixture
def hall() -> Hall:
    hall, snapshot = _pristine()
    hall.evm.revert(snapshot)
    return hall


def win(hall: Hall, places: int) -> tuple[int, list[int]]:
    """A round with an error that so many verifiers flag and open; returns it and their flags, ready to settle."""
    posted, round_ = hall.error()
    flags = [hall.seal(place, posted, round_) for place in range(places)]
    hall.to_end(round_, 1)
    hall.reveal(posted, round_)
    for place, flag in enumerate(flags):
        hall.open(flag, place)
    hall.to_end(round_, 3)
    return round_, flags


# The jackpot halves


@pytest.mark.parametrize(
    ("claimants", "each", "left"),
    [
        (0, 0, 1_000_000_000),
        (1, 1_000_000_000, 0),
        (2, 500_000_000, 0),
        (3, 250_000_000, 250_000_000),
        (4, 125_000_000, 500_000_000),
        (6, 31_250_000, 812_500_000),
    ],
)
def test_jackpot__of_1_000_dollars__halves_with_each_further_claimant(
    hall: Hall, claimants: int, each: int, left: int
) -> None:
    round_, flags = win(hall, claimants)
    hall.check_money(1_000 * DOLLAR + claimants * BOND)
    receipt = hall.pool.transact("closeRound", round_, sender=MALLORY)
    told = receipt.event("RoundClosed").args
    assert told == {"round": round_, "claimants": claimants, "share": each, "left": left}
    assert hall.pot == 2_000 * DOLLAR + left
    if flags:
        assert hall.settle(*flags).result == claimants
    assert [hall.credit(place) for place in range(claimants)] == [each + BOND] * claimants
    hall.check_money()


def test_jackpot__a_pair_of_one_person__never_gets_more_than_it_would_alone() -> None:
    """n claimants share n x J / 2^(n-1). With m others, k of one person get k x J / 2^(m+k-1) together: for k = 1 and 2
    the same, for more less; and each needs a verifier's stake of its own."""
    jackpot = 10**9
    for others in range(12):
        together = [k * (jackpot >> (others + k - 1)) for k in range(1, 12)]
        assert together[1] <= together[0]
        assert all(more < fewer for fewer, more in pairwise(together[1:]) if fewer)


def test_jackpot__two_of_one_person__get_together_what_one_alone_gets(hall: Hall) -> None:
    _, flags = win(hall, 2)
    hall.settle(*flags)
    assert hall.credit(0) + hall.credit(1) - 2 * BOND == 1_000 * DOLLAR


def test_jackpot__shares__are_floored_and_the_rest_stays_in_the_pot() -> None:
    hall = build(open_desk(evm=Evm()), pot=23)
    _, flags = win(hall, 3)  # floor(23 / 3) = 7, each 7 >> 2 = 1
    assert hall.settle(*flags).event("RoundClosed").args["left"] == 4
    assert [hall.credit(place) for place in range(3)] == [BOND + 1] * 3
    assert hall.pot == 20


def test_jackpot__one_at_a_time__the_next_is_a_third_of_what_is_left(hall: Hall) -> None:
    """The second reveal comes when the first one's flags can no longer be opened, and closes it by itself."""
    posted, first = hall.error()
    flags = [hall.seal(place, posted, first) for place in range(3)]
    hall.to_end(first, 0, 10)
    again, second = hall.error(units=200)
    assert second == first + 1
    hall.to_end(first, 1)
    assert hall.reveal(posted, first).result == 1_000 * DOLLAR
    for place, flag in enumerate(flags):
        hall.open(flag, place)
    hall.to_end(second, 1, -1)
    with reverts("JackpotPool_WrongTime", round=second):
        hall.reveal(again, second)
    hall.evm.warp(1)
    receipt = hall.reveal(again, second)
    # 750 went out, 250 came back: a third of 2 250.
    assert receipt.event("RoundClosed").args["round"] == first
    assert receipt.result == receipt.event("ErrorRevealed").args["jackpot"] == 750 * DOLLAR
    hall.check_money(750 * DOLLAR + 750 * DOLLAR + 3 * BOND)
    assert hall.settle(*flags).result == 3
    hall.check_money(750 * DOLLAR)


def test_jackpot__of_an_empty_pot__is_nothing_and_bonds_come_back() -> None:
    hall = build(open_desk(evm=Evm()), pot=2)
    _, flags = win(hall, 1)
    hall.settle(*flags)
    assert (hall.credit(0), hall.pot) == (BOND, 2)


# Flags that win nothing


def test_flag__on_no_forced_error__loses_its_bond_to_the_pool(hall: Hall) -> None:
    posted, round_ = hall.error()
    good = hall.seal(0, posted, round_)
    wrong = hall.seal_figure(1, planned(101).figures, planned(101).outputs, round_)
    asleep = hall.seal(2, posted, round_)
    hall.to_end(round_, 1)
    hall.reveal(posted, round_)
    hall.open(good, 0)
    with reverts("JackpotPool_WrongFlag", flag=wrong):
        hall.open(wrong, 1)
    hall.to_end(round_, 3)
    receipt = hall.settle(good, wrong, asleep)
    told = [tuple(log.args.values()) for log in receipt.events("FlagSettled")]
    assert told == [(good, round_, 1_005 * DOLLAR, 0), (wrong, round_, 0, BOND), (asleep, round_, 0, BOND)]
    assert hall.pot == 2_010 * DOLLAR
    hall.check_money()


def test_flag__when_there_was_no_error__loses_its_bond_to_the_pool(hall: Hall) -> None:
    round_ = hall.round
    hall.commit(None, round_)
    flag = hall.seal(0, planned(100), round_)
    hall.to_end(round_, 1)
    receipt = hall.pool.transact("revealNone", round_, SALT, sender=MALLORY)
    assert receipt.event("NoErrorRevealed").args == {"round": round_}
    with reverts("JackpotPool_NoError", round=round_):
        hall.open(flag, 0)
    hall.to_end(round_, 3)
    hall.settle(flag)
    assert (hall.credit(0), hall.pot) == (0, 3_005 * DOLLAR)


@pytest.mark.parametrize("committed", [True, False])
def test_flag__when_the_tester_stayed_silent__gets_its_bond_back(hall: Hall, committed: bool) -> None:
    round_ = hall.round
    if committed:
        posted, _ = hall.error()
    else:
        posted = planned(100)
    flag = hall.seal(0, posted, round_)
    hall.to_end(round_, 2)
    with reverts("JackpotPool_NoError"):
        hall.open(flag, 0)
    hall.to_end(round_, 3)
    hall.settle(flag)
    assert (hall.credit(0), hall.pot) == (BOND, 3_000 * DOLLAR)
    hall.check_money()


def test_settle__what_is_unknown_settled_or_young__is_left_out(hall: Hall) -> None:
    posted, first = hall.error()
    old = hall.seal(0, posted, first)
    hall.to_end(first, 0)
    young = hall.seal(1, posted, first + 1)
    hall.to_end(first, 3, -1)
    with reverts("JackpotPool_NothingToSettle"):
        hall.settle(old, young)
    hall.evm.warp(1)
    assert hall.settle(99, old, young, old).result == 1
    with reverts("JackpotPool_NothingToSettle"):
        hall.settle(old, young, 0)
    with reverts("JackpotPool_TooManyItems", items=257):
        hall.settle(*range(257))
    assert hall.pool.call("flagAt", old) == (ZERO, 0, 0, 0, False, bytes(32))
    assert hall.credit(0) == BOND


# Testers


def test_commit__without_the_role__is_refused(hall: Hall) -> None:
    for caller in (MALLORY, OWNERS[0]):
        with reverts("AccessManagedUnauthorized", caller=caller.address):
            hall.pool.transact("commit", hall.round, b"\1" * 32, sender=caller)


def test_commit__once_a_round__and_only_for_this_and_the_next(hall: Hall) -> None:
    now = hall.round
    for round_ in (0, now - 1, now + 2):
        with reverts("JackpotPool_WrongTime", round=round_):
            hall.commit(None, round_)
    with reverts("JackpotPool_ZeroCommitment"):
        hall.pool.transact("commit", now, bytes(32), sender=TESTER)
    hall.commit(None, now)
    hall.commit(None, now + 1)
    for round_ in (now, now + 1):
        with reverts("JackpotPool_AlreadyCommitted", round=round_):
            hall.commit(planned(100), round_)


def test_reveal__early_or_late__is_refused(hall: Hall) -> None:
    """Not while flags can still be sealed, whatever the batch's own window: nobody copies what was revealed."""
    posted, round_ = hall.error()
    end = (round_ + 1) * WEEK
    bounds = {"round": round_, "from": end + TAIL, "until": end + 2 * TAIL}
    for tails, seconds in ((0, 0), (1, -1), (2, 0), (9, 0)):
        hall.to_end(round_, tails, seconds)
        with reverts("JackpotPool_WrongTime", **bounds):
            hall.reveal(posted, round_)
    hall.to_end(round_, 2, -1)
    assert hall.reveal(posted, round_).result == 1_000 * DOLLAR


def test_reveal_none__early__is_refused(hall: Hall) -> None:
    round_ = hall.round
    hall.commit(None, round_)
    hall.to_end(round_, 1, -1)
    with reverts("JackpotPool_WrongTime"):
        hall.pool.transact("revealNone", round_, SALT, sender=TESTER)


def test_reveal__of_something_else_than_was_committed_to__is_refused(hall: Hall) -> None:
    round_ = hall.round
    hall.commit(planned(100), round_)
    hall.evm.warp(1)
    posted = hall.desk.post([(1, 100), (2, 100)])
    other = hall.desk.post([(1, 101)])
    hall.to_end(round_, 1)
    with reverts("JackpotPool_WrongReveal", round=round_):
        hall.reveal(other, round_)
    with reverts("JackpotPool_WrongReveal"):
        hall.reveal(posted, round_, index=1)
    with reverts("JackpotPool_WrongReveal"):
        hall.reveal(posted, round_, salt=b"\2" * 32)
    with reverts("JackpotPool_WrongReveal"):
        changed = leaf(posted, output=posted.output(1))
        hall.pool.transact("reveal", round_, changed, SALT, sender=TESTER)
    with reverts("JackpotPool_WrongReveal"):
        hall.pool.transact("revealNone", round_, SALT, sender=TESTER)
    hall.reveal(posted, round_)
    with reverts("JackpotPool_AlreadyRevealed", round=round_):
        hall.reveal(posted, round_)
    with reverts("JackpotPool_NothingCommitted", round=round_ + 1):
        hall.reveal(posted, round_ + 1)


def test_reveal__of_a_commitment_to_none__is_no_error_even_if_figure_0_was_posted(hall: Hall) -> None:
    round_ = hall.round
    hall.commit(None, round_)
    hall.to_end(round_, 1)
    empty = (1, 0, bytes(18), bytes(32), [])
    with reverts("JackpotPool_WrongReveal"):
        hall.pool.transact("reveal", round_, empty, SALT, sender=TESTER)
    hall.pool.transact("revealNone", round_, SALT, sender=TESTER)


@pytest.mark.parametrize("later", [0, 1, 3_600])
def test_reveal__of_a_figure_that_was_posted_before_the_commitment__is_refused(
    hall: Hall, later: int
) -> None:
    """In the same second too: within it nobody can tell which came first."""
    round_ = hall.round
    posted = hall.desk.post([(1, 100)])
    at = hall.evm.now
    hall.evm.warp(later)
    hall.commit(posted, round_)
    hall.to_end(round_, 1)
    with reverts(
        "JackpotPool_UnfitBatch", round=round_, batch=posted.number, postedAt=at, committedAt=at + later
    ):
        hall.reveal(posted, round_)


def test_reveal__of_a_figure_of_another_round_or_of_no_batch__is_refused(hall: Hall) -> None:
    round_ = hall.round
    hall.commit(planned(100), round_)
    hall.to_end(round_, 0)
    posted = hall.desk.post([(1, 100)])
    hall.to_end(round_, 1)
    with reverts("JackpotPool_UnfitBatch"):
        hall.reveal(posted, round_)
    with reverts("JackpotPool_UnfitBatch", postedAt=0):
        unknown = leaf(posted, batch=posted.number + 1)
        hall.pool.transact("reveal", round_, unknown, SALT, sender=TESTER)


@pytest.mark.parametrize(("path", "silence"), [("selfPost", 0), ("postSigned", DAY)])
def test_reveal__of_a_post_that_stands_on_signatures__is_refused(hall: Hall, path: str, silence: int) -> None:
    """What stands on signatures can be posted a second time by anybody, so after the commitment."""
    desk = hall.desk
    desk.system.staking.transact("authoriseKey", 1, int(KeyKind.DEVICE), DEVICE.address, sender=OTTO)
    agreement = desk.opened(expiry=desk.now + 10 * DAY)
    desk.evm.warp(3_600 + silence)
    claim = figures.encode_figure(agreement, 100)
    round_, output = hall.round, b"\x33" * 32
    hall.commit_to(claim, output, round_)
    hall.evm.warp(1)
    item = sign_receipt(
        desk.evm,
        desk.ledger,
        Claim(agreement, 100, desk.now - 60, desk.now, output, True),
        customer=ANN,
    )
    what = [[item]] if path == "selfPost" else [1, [item]]
    number = desk.ledger.transact(path, *what, sender=OTTO).event("BatchPosted").args["batch"]
    hall.to_end(round_, 1)
    with reverts("JackpotPool_UnfitBatch", batch=number):
        hall.reveal(Posted(number, claim, output), round_)


def test_reveal__with_a_proof_of_another_leaf__is_refused(hall: Hall) -> None:
    round_ = hall.round
    hall.commit(planned(100), round_)
    hall.evm.warp(1)
    posted = hall.desk.post([(1, 100), (2, 5), (3, 5)])
    hall.to_end(round_, 1)
    for changes in ({"proof": posted.proof(1)}, {"proof": []}, {"index": 1}, {"index": 3}, {"index": 65_535}):
        with reverts("JackpotPool_BadProof", batch=posted.number):
            hall.pool.transact("reveal", round_, leaf(posted, **changes), SALT, sender=TESTER)
    hall.reveal(posted, round_)


def test_reveal__before_the_batchs_window_is_over__is_refused() -> None:
    """A policy with a window of five days, and a figure posted in the last second of the round."""
    quick = dispute_terms(contestTime=3_600, evidenceTime=3_600, rulingTime=3_600, appealTime=3_600)
    five = 5 * DAY
    desk = open_desk(evm=Evm(), challengeWindow=five, selfPostWindow=five, dispute=quick)
    hall = build(desk)
    round_ = hall.round
    hall.commit(planned(100), round_)
    hall.to_end(round_, 0, -1)
    posted = hall.desk.post([(1, 100)])
    ends = hall.evm.now + five
    hall.to_end(round_, 1)
    with reverts("JackpotPool_WindowOpen", batch=posted.number, endsAt=ends):
        hall.reveal(posted, round_)
    hall.evm.warp_to(ends)
    hall.reveal(posted, round_)


def test_reveal__by_anybody_who_knows_the_salt__for_a_tester_who_lost_its_role(hall: Hall) -> None:
    posted, round_ = hall.error()
    hall.desk.system.authority.transact("revokeRole", 3, TESTER.address, sender=hall.desk.system.admin)
    hall.to_end(round_, 1)
    assert hall.reveal(posted, round_).result == 1_000 * DOLLAR


# Verifiers


def test_seal__by_others_than_owners_of_active_verifiers__is_refused(hall: Hall) -> None:
    desk, round_ = hall.desk, hall.round
    one = hall.verifiers[0]
    seal = ("seal", round_, one, b"\1" * 32)
    with reverts("JackpotPool_NotVerifier", verifier=one, caller=OWNERS[1].address):
        hall.pool.transact(*seal, sender=OWNERS[1])
    with reverts("JackpotPool_NotVerifier", verifier=1):  # a provider
        hall.pool.transact("seal", round_, 1, b"\1" * 32, sender=OTTO)
    with reverts("JackpotPool_NotVerifier", verifier=999):
        hall.pool.transact("seal", round_, 999, b"\1" * 32, sender=OTTO)
    desk.system.staking.transact("unstake", one, 1, sender=OWNERS[0])
    with reverts("JackpotPool_NotVerifier", verifier=one, caller=OWNERS[0].address):
        hall.pool.transact(*seal, sender=OWNERS[0])


def test_seal__outside_its_time_or_of_nothing__is_refused(hall: Hall) -> None:
    round_, posted = hall.round, planned(100)
    with reverts("JackpotPool_WrongTime", round=round_ + 1):
        hall.seal(0, posted, round_ + 1)
    with reverts("JackpotPool_ZeroCommitment"):
        hall.pool.transact("seal", round_, hall.verifiers[0], bytes(32), sender=OWNERS[0])
    hall.to_end(round_, 1, -1)
    flag = hall.seal(0, posted, round_)
    assert hall.pool.call("flagAt", flag)[:5] == (
        OWNERS[0].address, hall.verifiers[0], round_, (round_ + 1) * WEEK + TAIL - 1, False,
    )  # fmt: skip
    hall.evm.warp(1)
    with reverts("JackpotPool_WrongTime", **{"round": round_, "from": round_ * WEEK}):
        hall.seal(0, posted, round_)


def test_seal__without_the_money__is_refused(hall: Hall) -> None:
    hall.desk.system.currency.transact("approve", hall.pool.address, 0, sender=OWNERS[0])
    with reverts("ERC20InsufficientAllowance"):
        hall.seal(0, planned(100), hall.round)


def test_open__of_a_flag_sealed_after_the_window__is_refused(hall: Hall) -> None:
    posted, round_ = hall.error()
    ends = hall.evm.now + DAY
    hall.evm.warp_to(ends - 1)
    timely = hall.seal(0, posted, round_)
    hall.evm.warp(1)
    late = hall.seal(1, posted, round_)
    hall.to_end(round_, 1)
    assert hall.reveal(posted, round_).event("ErrorRevealed").args["windowEnd"] == ends
    hall.open(timely, 0)
    with reverts("JackpotPool_SealedTooLate", flag=late, sealedAt=ends, windowEnd=ends):
        hall.open(late, 1)


def test_open__before_the_reveal_or_after_its_time__is_refused(hall: Hall) -> None:
    posted, round_ = hall.error()
    flag = hall.seal(0, posted, round_)
    with reverts("JackpotPool_NoError", round=round_):
        hall.open(flag, 0)
    with reverts("JackpotPool_UnknownFlag", flag=flag + 1):
        hall.open(flag + 1, 0)
    hall.to_end(round_, 1)
    hall.reveal(posted, round_)
    hall.to_end(round_, 3)
    with reverts("JackpotPool_WrongTime", until=(round_ + 1) * WEEK + 3 * TAIL):
        hall.open(flag, 0)


def test_open__of_a_copied_flag__is_refused(hall: Hall) -> None:
    """The copier learns the salt when the original is opened, and still has a flag of somebody else."""
    posted, round_ = hall.error()
    mine = hall.seal(0, posted, round_)
    commitment = hall.pool.call("flagAt", mine)[5]
    copy = hall.pool.transact("seal", round_, hall.verifiers[1], commitment, sender=OWNERS[1]).result
    tester = hall.pool.call("roundOf", round_)["commitment"]
    tests = hall.pool.transact("seal", round_, hall.verifiers[2], tester, sender=OWNERS[2]).result
    hall.to_end(round_, 1)
    hall.reveal(posted, round_)
    hall.open(mine, 0)
    for flag, salt in ((copy, salt_of(0)), (tests, SALT)):
        with reverts("JackpotPool_WrongFlag", flag=flag):
            hall.open(flag, 0, salt=salt)


def test_open__two_flags_of_one_verifier_or_one_twice__counts_once(hall: Hall) -> None:
    posted, round_ = hall.error()
    one, two = hall.seal(0, posted, round_), hall.seal(0, posted, round_, salt=b"\7" * 32)
    hall.to_end(round_, 1)
    hall.reveal(posted, round_)
    assert hall.open(one, 0).event("FlagOpened").args["claimants"] == 1
    for flag, salt in ((one, None), (two, b"\7" * 32)):
        with reverts("JackpotPool_AlreadyOpened", round=round_, verifier=hall.verifiers[0]):
            hall.open(flag, 0, salt)
    hall.to_end(round_, 3)
    hall.settle(one, two)
    assert (hall.credit(0), hall.pot) == (1_005 * DOLLAR, 2_005 * DOLLAR)


def test_close_round__too_early_or_without_an_error__is_refused_and_twice_does_nothing(hall: Hall) -> None:
    posted, round_ = hall.error()
    hall.to_end(round_, 1)
    hall.reveal(posted, round_)
    hall.to_end(round_, 3, -1)
    with reverts("JackpotPool_WrongTime", round=round_):
        hall.pool.transact("closeRound", round_, sender=MALLORY)
    hall.evm.warp(1)
    with reverts("JackpotPool_NoError", round=round_ - 1):
        hall.pool.transact("closeRound", round_ - 1, sender=MALLORY)
    assert len(hall.pool.transact("closeRound", round_, sender=MALLORY).logs) == 1
    assert hall.pool.transact("closeRound", round_, sender=MALLORY).logs == ()
    assert hall.pot == 3_000 * DOLLAR


# Money in


def test_pull__takes_what_the_court_credited__and_nothing_else(hall: Hall) -> None:
    assert hall.pool.transact("pull", sender=MALLORY).result == 0
    hall.desk.system.fund(FUNDER, 20 * DOLLAR, hall.court)
    hall.court.transact("payFee", 1, 1, hall.pool.address, 20 * DOLLAR, sender=FUNDER)
    hall.desk.system.mint(hall.pool.address, 7)  # a donation by plain transfer stays where it is
    receipt = hall.pool.transact("pull", sender=MALLORY)
    assert receipt.result == 20 * DOLLAR
    assert receipt.event("JackpotFunded").args == {"from": hall.court.address, "amount": 20 * DOLLAR}
    assert hall.pot == hall.pool.call("totalBonds") == 3_020 * DOLLAR
    assert hall.pool.transact("pull", sender=MALLORY).result == 0


def test_fund__by_anybody__is_the_pots(hall: Hall) -> None:
    with reverts("JackpotPool_ZeroAmount"):
        hall.pool.transact("fund", 0, sender=FUNDER)
    receipt = hall.pool.transact("fund", 5, sender=FUNDER)
    assert receipt.event("JackpotFunded").args == {"from": FUNDER.address, "amount": 5}
    assert hall.pot == 3_000 * DOLLAR + 5


def test_money__with_a_currency_that_takes_a_fee__is_refused() -> None:
    system = deploy_system(currency="FeeOnTransferDollar")
    token = system.currency
    token.transact("setFee", 0, sender=MALLORY)
    hall = build(Desk(system, system.escrow), pot=0)
    hall.desk.system.fund(FUNDER, 100_000, hall.pool, hall.court)
    hall.court.transact("payFee", 1, 1, hall.pool.address, 10_000, sender=FUNDER)
    token.transact("setFee", 100, sender=MALLORY)
    with reverts("BondBook_WrongAmountReceived", expected=10_000, received=9_900):
        hall.pool.transact("pull", sender=MALLORY)
    with reverts("BondBook_WrongAmountReceived", expected=10_000, received=9_900):
        hall.pool.transact("fund", 10_000, sender=FUNDER)
    with reverts("BondBook_WrongAmountReceived", expected=BOND):
        hall.seal(0, planned(1), hall.round)


def test_money__with_a_currency_that_calls_back__lets_nothing_in() -> None:
    hall = build(open_desk(evm=Evm(), currency="ReentrantDollar"), pot=3_000 * DOLLAR)
    token, pool = hall.desk.system.currency, hall.pool
    _, flags = win(hall, 1)
    inside = (
        pool.encode("fund", 1), pool.encode("pull"), pool.encode("settle", flags), pool.encode("open", 1, SALT),
        pool.encode("claimCredit", MALLORY.address), pool.encode("closeRound", hall.round - 2),
        pool.encode("seal", hall.round, hall.verifiers[0], SALT), pool.encode("revealNone", hall.round, SALT),
    )  # fmt: skip
    for data in inside:
        before = hall.evm.snapshot()
        token.transact("arm", pool.address, data, False, sender=MALLORY)
        pool.transact("fund", 1, sender=FUNDER)
        assert (token.call("calls"), token.call("succeeded")) == (1, False)
        assert explain_revert(token.call("returned")).code == "ReentrancyGuardReentrantCall"
        hall.evm.revert(before)


def test_constructor__nobody_or_no_bond__is_refused(hall: Hall) -> None:
    parameters = ("authority", "currency", "court", "ledger", "staking", "flagBond")
    assert tuple(part.name for part in load("JackpotPool").constructor) == parameters
    good = dict.fromkeys(parameters, hall.desk.system.currency.address) | {"flagBond": 1}
    for missing in ("court", "ledger", "staking"):
        with reverts("JackpotPool_ZeroAddress"):
            hall.evm.deploy("JackpotPool", **(good | {missing: ZERO}))
    with reverts("JackpotPool_ZeroBond"):
        hall.evm.deploy("JackpotPool", **(good | {"flagBond": 0}))
    with reverts("BondBook_UnfitCurrency"):
        hall.evm.deploy("JackpotPool", **(good | {"currency": MALLORY.address}))


# Many rounds against a book kept by hand


FLAG = st.tuples(st.integers(0, 5), st.booleans(), st.booleans())  # who, on the error, opened when it can be
WEEKS = st.lists(
    st.fixed_dictionaries({
        "tester": st.sampled_from(("error", "error", "none", "silent", "absent")),
        "flags": st.lists(FLAG, max_size=7),
        "fund": st.integers(0, 10**9),
        "prompt": st.booleans(),
    }),
    min_size=1,
    max_size=4,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(WEEKS)
def test_any_rounds__money_is_conserved_and_everybody_gets_what_the_rules_say(
    weeks: list[dict[str, Any]],
) -> None:
    hall, snapshot = _pristine()
    hall.evm.revert(snapshot)
    base = hall.round + 1
    plan: list[tuple[int, int, Any]] = []
    pot, credits_ = 3_000 * DOLLAR, [0] * len(OWNERS)
    late: list[int] = []
    state: dict[int, dict[str, Any]] = {}

    def prepare(week: int) -> None:
        nonlocal pot
        wanted, round_ = weeks[week], base + week
        figure = planned(100 + week)
        if wanted["tester"] in ("error", "silent"):
            hall.commit(figure, round_)
        elif wanted["tester"] == "none":
            hall.commit(None, round_)
        hall.evm.warp(1)
        posted = hall.desk.post([(1, 100 + week)])
        flags = []
        for number, (who, right, opens) in enumerate(wanted["flags"]):
            salt = bytes([number + 1]) * 32
            on = posted if right else planned(7)
            flags.append((hall.seal(who, on, round_, salt), who, right, opens, salt))
        if wanted["fund"]:
            hall.pool.transact("fund", wanted["fund"], sender=FUNDER)
            pot += wanted["fund"]
        state[week] = {"posted": posted, "flags": flags, "jackpot": 0, "opened": {}}

    def reveal(week: int) -> None:
        nonlocal pot
        wanted, now = weeks[week], state[week]
        if wanted["tester"] == "none":
            hall.pool.transact("revealNone", base + week, SALT, sender=MALLORY)
        elif wanted["tester"] == "error":
            for earlier in range(week):  # closed by this reveal at the latest
                back(earlier)
            now["jackpot"] = pot // 3
            assert hall.reveal(now["posted"], base + week).result == now["jackpot"]
            pot -= now["jackpot"]
            for flag, who, right, opens, salt in now["flags"]:
                if right and opens and who not in now["opened"].values():
                    hall.open(flag, who, salt)
                    now["opened"][flag] = who

    def back(week: int) -> None:
        """What claimants do not get of a jackpot is in the pot again, once."""
        nonlocal pot
        now = state[week]
        n = len(now["opened"])
        now.setdefault("share", now["jackpot"] // 2 ** (n - 1) if n else 0)
        if not now.get("closed"):
            now["closed"] = True
            pot += now["jackpot"] - n * now["share"]

    def settle(week: int) -> None:
        nonlocal pot
        now = state[week]
        if now["flags"]:
            back(week)
            hall.settle(*(flag for flag, *_ in now["flags"]))
        for flag, who, *_ in now["flags"]:
            if flag in now["opened"]:
                credits_[who] += BOND + now["share"]
            elif weeks[week]["tester"] in ("error", "none"):
                pot += BOND
            else:
                credits_[who] += BOND

    for week, wanted in enumerate(weeks):
        start = (base + week) * WEEK
        plan.append((start + 1_000, week, prepare))
        plan.append((start + WEEK + TAIL + 10, week, reveal))
        if wanted["prompt"]:
            plan.append((start + WEEK + 3 * TAIL + 5, week, settle))
        else:
            late.append(week)
    for at, week, step in sorted(plan, key=lambda one: one[0]):
        hall.evm.warp_to(at)
        step(week)
        bonds = hall.pool.call("totalBonds")
        assert hall.desk.system.balance(hall.pool) == bonds + hall.pool.call("totalCredits")
    hall.evm.warp(10 * WEEK)
    for week in late:
        settle(week)
    for week in range(len(weeks)):
        if weeks[week]["tester"] == "error":
            hall.pool.transact("closeRound", base + week, sender=MALLORY)
            back(week)
    assert [hall.credit(place) for place in range(len(OWNERS))] == credits_
    assert hall.pot == hall.pool.call("totalBonds") == pot
    assert hall.desk.system.balance(hall.pool) == pot + sum(credits_)


# Gas


def test_gas__of_each_step(hall: Hall) -> None:
    """docs/insurance.md has these figures; they may fall."""

    def gas(function: str, *values: Any, sender: Account = MALLORY) -> int:
        return hall.pool.transact(function, *values, sender=sender, measure=True).gas

    round_, figure = hall.round, planned(100)
    found = {}
    commitment = hall.pool.call("commitmentOf", round_, figure.figures, figure.outputs, SALT)
    found["commit"] = gas("commit", round_, commitment, sender=TESTER)
    hall.evm.warp(1)
    posted = hall.desk.post([(1, 100)] + [(number, 1) for number in range(2, 257)])
    flag = hall.pool.call("flagOf", round_, hall.verifiers[0], figure.figures, figure.outputs, salt_of(0))
    found["seal"] = gas("seal", round_, hall.verifiers[0], flag, sender=OWNERS[0])
    hall.seal(1, posted, round_)
    hall.to_end(round_, 1)
    found["reveal, of 256 leaves"] = gas("reveal", round_, leaf(posted), SALT)
    found["open"] = gas("open", 1, salt_of(0))
    hall.to_end(round_, 3)
    found["settle two"] = gas("settle", [1, 2])
    found["claim"] = gas("claimCredit", MALLORY.address, sender=OWNERS[0])
    goals = {
        "commit": 82_500,
        "seal": 129_500,
        "reveal, of 256 leaves": 98_500,
        "open": 63_500,
        "settle two": 95_500,
        "claim": 60_000,
    }
    assert all(found[name] <= goals[name] for name in goals), found
