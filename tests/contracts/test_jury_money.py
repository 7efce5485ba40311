"""Any sequence of steps: the Jury holds what its books say, to the µ, and in the end everybody gets out."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.escrow import DAY, MALLORY, OTTO
from tests.support.evm import Account, Log, Receipt, Reverted, reverts
from tests.support.jury import (
    APPEALABLE,
    CHALLENGER,
    DRAW_BOND,
    EVIDENCE,
    PENALTY,
    RULED,
    RULING,
    SECOND,
    T,
    open_bench,
    salt,
)
from tests.support.system import DOLLAR

JURORS, DISPUTES = 14, 2
NEXT = {EVIDENCE: RULING, RULING: APPEALABLE, APPEALABLE: SECOND, SECOND: RULED}

whom = st.integers(0, JURORS - 1)
which = st.integers(1, DISPUTES)
rounds = st.integers(1, 2)
votes = st.sampled_from([200, 210, 600, 1_000, 1_001])


class Books:
    """The balances that the events tell, as docs/events.md says."""

    def __init__(self, deposits: dict[str, int]) -> None:
        self.deposits = deposits
        self.draw_bonds = self.carried = self.fees_held = 0
        self.credits: dict[str, int] = {}
        self.paid: dict[tuple[int, int], int] = {}

    def enter(self, log: Log) -> None:
        a = log.args
        match log.name:
            case "Deposited":
                self.deposits[a["juror"]] = a["deposit"]
            case "Left":
                self.deposits[a["juror"]] = 0
            case "Penalised":
                self.deposits[a["juror"]] -= a["amount"]
            case "Sealed":
                self.draw_bonds += a["bond"]
            case "DrawBondReturned" | "DrawBondLost":
                self.draw_bonds -= a["amount"]
            case "Settled":
                self.carried = a["carried"]
                self.paid[a["dispute"], a["round"]] = a["paid"]
            case "FeesTaken":
                self.fees_held += a["amount"]
            case "FeeShared":
                self.fees_held -= a["amount"]
                self.carried += a["amount"] - self.paid[a["dispute"], a["round"]] * a["each"]
            case "Credited":
                self.credits[a["holder"]] = self.credits.get(a["holder"], 0) + a["amount"]
            case "CreditClaimed":
                self.credits[a["holder"]] -= a["amount"]


class JuryMachine(RuleBasedStateMachine):
    """Each rule tries one step; the contract may refuse it."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = open_bench(JURORS)
        self.jury = self.bench.jury
        self.states = dict.fromkeys(range(1, DISPUTES + 1), EVIDENCE)
        self.starts = dict.fromkeys(self.states, self.bench.now)
        for number in self.states:
            self.say(number)
        self.votes: dict[tuple[int, int, Account], int] = {}
        self.paid_in = JURORS * 1_000 * DOLLAR
        self.taken_out = 0
        self.books = Books({who.address: 1_000 * DOLLAR for who in self.bench.jurors})

    def say(self, number: int) -> None:
        self.bench.dispute(number, state=self.states[number], rulingStart=self.starts[number])

    def attempt(self, function: str, *values: Any, sender: Account = MALLORY) -> Receipt | None:
        try:
            receipt = self.jury.transact(function, *values, sender=sender)
        except Reverted as error:
            if error.name.startswith(("Jury_", "BondBook_")):
                return None
            raise
        for log in receipt.logs:
            if log.address == self.jury.address:
                self.books.enter(log)
        return receipt

    # The Court and the clock

    @rule(seconds=st.sampled_from([60, T // 32, T // 8, T // 2, DAY]))
    def wait(self, seconds: int) -> None:
        self.bench.evm.warp(seconds)

    @rule(count=st.sampled_from([4, 300]))
    def mine(self, count: int) -> None:
        self.bench.blocks(count, seconds=1)

    @rule(number=which)
    def advance(self, number: int) -> None:
        self.states[number] = NEXT.get(self.states[number], RULED)
        self.starts[number] = self.bench.now
        self.say(number)

    @rule(number=which, round_=rounds, amount=st.integers(1, 60 * DOLLAR))
    def pay_fee(self, number: int, round_: int, amount: int) -> None:
        self.bench.pay_fee(amount, number, round_)

    # Jurors

    @rule(who=whom, amount=st.integers(1, 21_000 * DOLLAR))
    def deposit(self, who: int, amount: int) -> None:
        juror = self.bench.jurors[who]
        self.bench.desk.system.mint(juror, amount)
        if self.attempt("deposit", self.bench.juror(juror)["operator"], amount, sender=juror):
            self.paid_in += amount

    @rule(who=whom)
    def resign(self, who: int) -> None:
        self.attempt("resign", sender=self.bench.jurors[who])

    @rule(who=whom)
    def withdraw(self, who: int) -> None:
        self.attempt("withdraw", sender=self.bench.jurors[who])

    @rule(who=whom)
    def claim(self, who: int) -> None:
        juror = self.bench.jurors[who]
        receipt = self.attempt("claimCredit", MALLORY.address, sender=juror)
        self.taken_out += int(receipt.result) if receipt else 0

    # Panels

    @rule(number=which, round_=rounds, side=st.sampled_from([OTTO, CHALLENGER]))
    def seal(self, number: int, round_: int, side: Account) -> None:
        hashed = self.jury.call("sealHash", number, round_, side.address, b"\7" * 32)
        self.bench.desk.system.fund(side, DRAW_BOND, self.jury)
        if self.attempt("seal", number, round_, hashed, sender=side):
            self.paid_in += DRAW_BOND

    @rule(number=which, round_=rounds, side=st.sampled_from([OTTO, CHALLENGER]))
    def show(self, number: int, round_: int, side: Account) -> None:
        self.attempt("showSecret", number, round_, b"\7" * 32, sender=side)

    @rule(number=which, round_=rounds, step=st.sampled_from(["fixBlock", "catchBlock", "draw", "settle"]))
    def step(self, number: int, round_: int, step: str) -> None:
        self.attempt(step, number, round_)

    @rule(number=which, round_=rounds)
    def fix_and_draw(self, number: int, round_: int) -> None:
        """Luck alone seldom gets so far."""
        self.bench.evm.warp(T // 32)
        self.attempt("fixBlock", number, round_)
        self.bench.blocks(4)
        self.attempt("draw", number, round_)

    @rule(number=which, round_=rounds, units=st.lists(votes, min_size=1, max_size=11))
    def vote(self, number: int, round_: int, units: list[int]) -> None:
        for seat, chosen in zip(self.jury.call("seatsOf", number, round_), units, strict=False):
            juror = self.named(seat["juror"])
            hashed = self.bench.commitment(juror, chosen, number, round_)
            if self.attempt("commitVote", number, round_, hashed, sender=juror):
                self.votes[number, round_, juror] = chosen

    @rule(number=which, round_=rounds, most=st.integers(0, 11))
    def reveal(self, number: int, round_: int, most: int) -> None:
        for seat in self.jury.call("seatsOf", number, round_)[:most]:
            juror = self.named(seat["juror"])
            chosen = self.votes.get((number, round_, juror), 200)
            self.attempt("revealVote", number, round_, chosen, salt(juror), sender=juror)

    @rule(
        number=which,
        units=st.lists(votes, min_size=1, max_size=11),
        most=st.integers(0, 11),
        sides=st.lists(st.sampled_from([OTTO, CHALLENGER]), max_size=2, unique=True),
        shown=st.integers(0, 2),
        fee=st.integers(1, 60 * DOLLAR),
    )
    def play(
        self, number: int, units: list[int], most: int, sides: list[Account], shown: int, fee: int
    ) -> None:
        """A whole round, from seals to fees, by whoever still can."""
        while self.states[number] not in (RULING, SECOND, RULED):
            self.advance(number)
        round_ = 1 if self.states[number] == RULING else 2
        for side in sides:
            self.seal(number, round_, side)
        self.fix_and_draw(number, round_)
        for side in sides[:shown]:
            self.show(number, round_, side)
        self.bench.evm.warp(T // 16)
        self.step(number, round_, "draw")
        self.vote(number, round_, units)
        self.bench.evm.warp(5 * T // 8)
        self.reveal(number, round_, most)
        self.bench.evm.warp(T // 4)
        self.step(number, round_, "settle")
        self.pay_fee(number, round_, fee)
        self.share(number, round_)
        self.advance(number)

    @rule(number=which, round_=rounds)
    def share(self, number: int, round_: int) -> None:
        receipt = self.attempt("shareFee", number, round_)
        if receipt:
            self.paid_in += sum(log.args["amount"] for log in receipt.events("FeesTaken"))

    # What always holds

    @invariant()
    def books_balance(self) -> None:
        held = self.bench.desk.system.balance(self.jury)
        assert held == self.jury.call("totalBonds") + self.jury.call("totalCredits")
        assert held == self.paid_in - self.taken_out
        assert self.bench.books()[1] + self.open_draw_bonds() == held

    @invariant()
    def events_tell_every_balance(self) -> None:
        books, jury = self.books, self.jury
        kept = {who.address: self.bench.juror(who)["deposit"] for who in self.bench.jurors}
        assert books.deposits == kept
        assert books.draw_bonds == self.open_draw_bonds()
        assert (books.carried, books.fees_held) == (jury.call("carried"), jury.call("feesHeld"))
        assert sum(books.credits.values()) == jury.call("totalCredits")
        assert all(jury.call("credits", who) == amount for who, amount in books.credits.items())

    @invariant()
    def credits_are_their_sum(self) -> None:
        people = [*self.bench.jurors, OTTO, CHALLENGER]
        assert sum(self.bench.credit(who) for who in people) == self.jury.call("totalCredits")

    @invariant()
    def seats_are_those_of_open_panels_and_covered(self) -> None:
        open_seats = [
            seat["juror"]
            for number, round_ in self.panels()
            if not self.jury.call("panelOf", number, round_)["settled"]
            for seat in self.jury.call("seatsOf", number, round_)
        ]
        for who in self.bench.jurors:
            kept = self.bench.juror(who)
            assert kept["seats"] == open_seats.count(who.address)
            assert kept["deposit"] >= PENALTY * kept["seats"]

    @invariant()
    def weights_are_their_sum(self) -> None:
        own = [self.jury.call("weights", who.address) for who in self.bench.jurors]
        assert {total for total, _ in own} == {sum(weight for _, weight in own)}

    def teardown(self) -> None:
        """Time and strangers end everything; then everybody leaves with all that is its own."""
        self.bench.evm.warp(2 * T)
        for number in self.states:
            self.states[number] = RULED
            self.say(number)
        for number, round_ in self.panels():
            self.attempt("settle", number, round_)
        self.books_balance()
        assert self.open_draw_bonds() == 0
        for who in self.bench.jurors:
            assert self.bench.juror(who)["seats"] == 0
            self.attempt("resign", sender=who)
        self.bench.evm.warp(7 * DAY)
        for who in [*self.bench.jurors, OTTO, CHALLENGER]:
            self.attempt("withdraw", sender=who)
            self.attempt("claimCredit", who.address, sender=who)
            with reverts("BondBook_NothingToClaim"):
                self.jury.transact("claimCredit", who.address, sender=who)
        left = self.jury.call("carried") + self.jury.call("feesHeld")
        assert self.bench.desk.system.balance(self.jury) == left

    def panels(self) -> list[tuple[int, int]]:
        return [(number, round_) for number in self.states for round_ in (1, 2)]

    def open_draw_bonds(self) -> int:
        """µ of secrets that are neither shown nor settled."""
        waiting = 0
        for number, round_ in self.panels():
            if self.jury.call("panelOf", number, round_)["settled"]:
                continue
            for one in self.jury.call("sealsOf", number, round_):
                waiting += DRAW_BOND * (int(one["by"], 16) != 0 and not one["revealed"])
        return waiting

    def named(self, address: str) -> Account:
        return next(who for who in self.bench.jurors if who.address == address)


def test_money__any_sequence__is_what_the_books_say_and_everybody_gets_out() -> None:
    run_state_machine_as_test(
        JuryMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
