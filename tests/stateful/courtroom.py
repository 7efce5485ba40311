"""The real Court and the real Challenges on the real core: what is asked of them, and what must be true of the money.

Nothing here knows how they do it. Every call's events are kept by dispute, so that each bond and each µ of a slash is
followed from where it came in to who was credited; `finish` lets time alone bring everything to its end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple, Self

from tallystick.protocol.amounts import ceil_bps, fee, gross, refund_of
from tests.support.court import CAROL, CLOCK, FRED, ISSUER, NOBODY, Bar, State, seat
from tests.support.escrow import ANN, MALLORY, OTTO, PAULA, RITA, SAM, Desk, Posted
from tests.support.evm import Account, Bound, Log, Receipt, Reverted, Snapshot, account
from tests.support.receipts import VERIFIERS
from tests.support.system import DOLLAR

DAY: Final = 86_400
WANDA: Final = account("wanda")
PEOPLE: Final = (ANN, SAM, OTTO, CAROL, FRED, MALLORY, RITA, WANDA)
TERMS: Final[dict[str, Any]] = {"slashDayCap": 25 * DOLLAR, "penaltyCap": 250 * DOLLAR}
ACCUSED_BPS, REWARD_BPS, BACKING_BOND = 6_000, 2_000, 20 * DOLLAR
ROUNDS: Final = (1 + 1 + 2 + 1 + 2) * DAY
"""Contest, evidence, both arbiters and the appeal between them."""
OPEN, CLOSED = 1, 2
METERED = 0
WORK, PROPOSAL = 1, 2
UPHELD, REJECTED, SILENT = 1, 2, 3
GENERIC: Final = {"Panic", "Error", "Halt", "reverted"}
"""What a contract never answers on purpose."""


class Figure(NamedTuple):
    """A posted leaf."""

    batch: Posted
    leaf: int
    agreement: int
    units: int


@dataclass
class Held:
    """What a dispute holds until it is executed."""

    kind: int
    opened_at: int
    bond: int = 0
    """µ pulled at the opening; a proposal's are reserved stake."""
    verifiers: tuple[int, ...] = ()
    parts: int = 0
    """µ paid into its appeal."""
    executed: bool = False


@dataclass
class Courtroom:
    """The bar of `tests.support.court`, with Challenges, and the books of what was seen."""

    bar: Bar
    challenges: Bound
    agreements: list[int] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    posts: list[int] = field(default_factory=list)
    """Batches of self-posts."""
    disputes: dict[int, Held] = field(default_factory=dict)
    challenged: list[tuple[int, int]] = field(default_factory=list)
    slashed: Counter[tuple[int, int]] = field(default_factory=Counter)
    """µ by operator and day."""
    resting: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    ok: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    broken: bool = False

    @classmethod
    def enter(cls) -> Self:
        """The one room, as it was when it was made."""
        bar, challenges, snapshot = _pristine()
        bar.evm.revert(snapshot)
        fresh = Bar(bar.system, Desk(bar.system, bar.system.escrow), bar.court, bar.first, bar.second)
        return cls(fresh, challenges)

    @property
    def now(self) -> int:
        return self.bar.now

    # Figures

    def can_open(self) -> bool:
        """Whether the provider's stake is enough for another pledge."""
        return self.bar.stake()["free"] >= 1_250 * DOLLAR

    def post(self, agreement: int, units: int) -> Figure | None:
        """The relayer posts a figure, unless its stake is too small."""
        policy = self.bar.agreement(agreement)["policy"]
        try:
            batch = self.bar.desk.post([(agreement, units)], policy=policy, value=3_000 * DOLLAR)
        except Reverted as error:
            if error.name not in ("ReceiptLedger_RelayerNotActive", "ReceiptLedger_ValueAboveLimit"):
                raise
            return None
        self.figures.append(Figure(batch, 0, agreement, units))
        return self.figures[-1]

    def post_many(self, leaves: int) -> list[Figure]:
        """The relayer posts 1 000 units of so many new agreements, in one batch."""
        desk = self.bar.desk
        offers = [desk.terms(unit_price=DOLLAR, expiry=self.now + 60 * DAY) for _ in range(leaves)]
        agreements = sorted(desk.opened_many(offers))
        self.agreements += agreements
        self.bar.evm.warp(60)
        batch = desk.post([(number, 1_000) for number in agreements], value=DOLLAR)
        mine = [Figure(batch, place, number, 1_000) for place, number in enumerate(agreements)]
        self.figures += mine
        return mine

    def secured(self, agreement: int) -> int:
        """µ that are reserved for what of an agreement was paid at once and is not final."""
        mine = [(f.batch.number, f.leaf) for f in self.figures if f.agreement == agreement]
        return sum(self.bar.ledger.call("releaseOf", *leaf)["amount"] for leaf in mine)

    # Calls

    def act(self, contract: Bound, function: str, *values: Any, sender: Account) -> Receipt | None:
        """A call that goes through, or is refused by a name that somebody can look up."""
        name = f"{contract.name}.{function}"
        try:
            receipt = contract.transact(function, *values, sender=sender)
        except Reverted as error:
            if error.name in GENERIC or "_" not in error.name:
                self.broken = True
                raise AssertionError(f"{name}{values} by {sender.address}: {error}") from error
            self.refused[name] += 1
            self.reached[error.name] += 1
            return None
        self.ok[name] += 1
        try:
            self._read(receipt)
        except Exception:
            self.broken = True
            raise
        return receipt

    def must(self, contract: Bound, function: str, *values: Any) -> Receipt:
        """A call that anyone can make now, and which must go through."""
        receipt = self.act(contract, function, *values, sender=MALLORY)
        assert receipt is not None, f"{contract.name}.{function}{values}: {self.reached.most_common(3)}"
        return receipt

    def _read(self, receipt: Receipt) -> None:
        court = self.bar.court.address
        for log in receipt.logs:
            if log.address != court:
                continue
            if log.name == "Opened":
                self.disputes[log.args["dispute"]] = Held(WORK, self.now, log.args["bond"])
            elif log.name == "Proposed":
                who = tuple(log.args["verifiers"])
                self.disputes[log.args["dispute"]] = Held(PROPOSAL, self.now, log.args["bond"], who)
            elif log.name == "AppealFunded":
                self.disputes[log.args["dispute"]].parts += log.args["amount"]
            elif log.name == "BondReturned" and not receipt.events("Executed"):
                self.disputes[log.args["dispute"]].parts -= log.args["amount"]

    # Execution

    def execute(self, dispute: int, sender: Account) -> bool:
        """Carries a ruling out and follows each µ of it."""
        court = self.bar.court
        if dispute not in self.disputes:
            return self.act(court, "execute", dispute, sender=sender) is not None
        view = self.bar.view(dispute)
        before, stake = self.bar.agreement(view["agreement"]), self.bar.stake(view["operator"])
        recovery = self.bar.ledger.call("recoveryOf", view["agreement"])
        secured = self.secured(view["agreement"])
        receipt = self.act(court, "execute", dispute, sender=sender)
        if receipt is None:
            return False
        held = self.disputes[dispute]
        try:
            log = receipt.event("Executed")
            moved, slash = dict(log.args["moved"]), dict(log.args["moved"]["slash"])
            self._follow_money(receipt, held, log, slash)
            self._follow_slash(view, before, moved, slash, stake)
            self._follow_ruling(view, before, moved, recovery["done"], secured)
        except Exception:
            self.broken = True
            raise
        held.executed, held.parts = True, 0
        outcome = {UPHELD: "upheld", REJECTED: "rejected", SILENT: "silent"}[view["outcome"]]
        kind = "proposal" if held.kind == PROPOSAL else "lease" if before["mode"] else "work"
        upward = " upward" if view["upward"] else ""
        self.reached[f"{kind}{upward} {outcome}{' on appeal' if view['appealed'] else ''}"] += 1
        return True

    def _follow_money(self, receipt: Receipt, held: Held, log: Log, slash: dict[str, int]) -> None:
        """11.7: a dispute's inflow is its outflow; a lost bond pays fees, other side and pool."""
        lost = [event.args for event in receipt.events("BondLost")]
        for args in lost:
            assert args["fee"] + args["toOther"] + args["toJackpot"] == args["bond"]
            assert args["toOther"] == (args["bond"] - args["fee"]) * ACCUSED_BPS // 10_000
        stake_lost = held.kind == PROPOSAL and log.args["outcome"] == REJECTED
        own = held.bond * len(held.verifiers) if stake_lost else held.bond if held.kind == WORK else 0
        inflow = own + held.parts + slash["toChallenger"] + slash["fee"]
        credited = [event for event in receipt.events("Credited") if event.address == self.bar.court.address]
        outflow = sum(event.args["amount"] for event in credited)
        assert inflow == outflow, (inflow, outflow, held)
        if log.args["outcome"] == SILENT:
            assert not lost, "bonds return when nobody ruled"
        self.checked["a dispute's inflow is its outflow"] += 1

    def _follow_slash(
        self,
        view: dict[str, Any],
        before: dict[str, Any],
        moved: dict[str, Any],
        slash: dict[str, int],
        stake: dict[str, int],
    ) -> None:
        parts = slash["toVictim"] + slash["toChallenger"] + slash["toInsurance"]
        assert parts == slash["slashed"]
        assert slash["recovered"] + slash["toVictim"] <= moved["overpaid"]
        assert slash["toChallenger"] <= ceil_bps(slash["slashed"], REWARD_BPS)
        pledge = before["budget"] // 10 + (before["budget"] % 10 > 0)
        assert max(slash["slashed"], slash["recovered"]) <= pledge
        after = self.bar.stake(view["operator"])
        left = sum(stake.values()) - sum(after.values())
        taken = slash["recovered"] + slash["slashed"] + slash["fee"]
        assert left == taken, (left, taken)
        won = view["outcome"] == UPHELD and not view["upward"]
        if not won:
            assert slash["slashed"] == slash["recovered"] == 0, slash
        self.slashed[view["operator"], self.now // DAY] += slash["slashed"]
        assert self.slashed[view["operator"], self.now // DAY] <= TERMS["slashDayCap"]
        self.checked["slash = victim + challenger + insurance"] += 1

    def _follow_ruling(
        self, view: dict[str, Any], before: dict[str, Any], moved: dict[str, Any], done: int, secured: int
    ) -> None:
        """Section 7: what stands is paid, what was paid beyond it owed back, the rest of a closed one refunded."""
        after = self.bar.agreement(view["agreement"])
        assert after["paid"] == before["paid"] + moved["paid"] <= after["budget"]
        won = view["outcome"] == UPHELD and not view["upward"]
        # Verifiers take back what was paid at once and is not final, by silence too; nothing else falls unruled.
        most = secured if view["kind"] == PROPOSAL and view["outcome"] != REJECTED else 0
        if not won or view["kind"] == PROPOSAL:
            assert moved["overpaid"] <= most, (moved, most)
        if after["status"] == CLOSED:
            whole = refund_of(after["budget"], after["paid"], after["feeCustomer"])
            assert (moved["refunded"], after["frozen"]) == (whole, False)
        else:
            assert after["frozen"], "it cools"
            assert moved["refunded"] == moved["overpaid"] == 0
        if view["kind"] == WORK and before["mode"] == METERED and view["outcome"] != SILENT:
            stands = gross(view["ruling"], before["unitPrice"], before["budget"])
            assert after["paid"] == max(before["paid"], stands)
            assert (after["status"] == CLOSED) == (view["ruling"] < view["attacked"])
            if won:
                beyond = max(0, before["paid"] - stands)
                fees = fee(before["paid"], before["feeCustomer"]) - fee(
                    before["paid"] - beyond, before["feeCustomer"]
                )
                assert moved["overpaid"] == max(0, beyond + fees - done), (moved, beyond, done)
        self.checked["a ruling pays what stands"] += 1

    # After every step

    def check(self) -> None:
        """Each contract's money, and what may not have moved."""
        try:
            self._check_money()
            self._check_states()
        except Exception:
            self.broken = True
            raise

    def _check_money(self) -> None:
        bar, system = self.bar, self.bar.system
        bar.check()
        self.checked["Court's, Staking's and Escrow's currency is what they owe"] += 1
        own = self.challenges.call("totalBonds")
        assert system.balance(self.challenges) == own + self.challenges.call("totalCredits")
        running = sum(self.challenges.call("challengeOf", *leaf)[2] for leaf in self.challenged)
        assert own == running
        self.checked["Challenges' currency is bonds of running challenges and credits"] += 1
        waiting = [held for held in self.disputes.values() if not held.executed]
        bonds = sum(held.parts + (held.bond if held.kind == WORK else 0) for held in waiting)
        assert bar.court.call("totalBonds") == bonds, (bar.court.call("totalBonds"), waiting)
        self.checked["Court's bonds are those of disputes not executed"] += 1
        reserved: Counter[int] = Counter()
        for held in waiting:
            reserved.update(dict.fromkeys(held.verifiers, held.bond))
        for verifier in VERIFIERS:
            assert bar.stake(verifier)["reserved"] == reserved[verifier], verifier
        self.checked["verifiers' reserved stake is their proposals' bonds"] += 1

    def _check_states(self) -> None:
        """11.8 and 11.9: frozen is in dispute, and rests; each dispute is ruled when its rounds are over."""
        court = self.bar.court
        resting: dict[int, tuple[Any, ...]] = {}
        for number in self.agreements:
            found, active = self.bar.agreement(number), court.call("activeOf", number)
            assert found["frozen"] == (active != 0), number
            if found["frozen"]:
                executed = self.disputes[active].executed
                figures = (active, executed, found["paid"], found["budget"], found["status"])
                resting[number] = figures
                then = self.resting.get(number, figures)
                assert then[:2] != figures[:2] or then == figures, (number, then, figures)
        self.resting = resting
        self.checked["frozen agreements move only by execute"] += 1
        for dispute, held in self.disputes.items():
            if not held.executed and self.now >= held.opened_at + ROUNDS:
                assert self.bar.view(dispute)["state"] == State.RULED, dispute
        self.checked["every dispute is ruled in time"] += 1

    # The end

    def finish(self) -> None:
        """Time alone, and calls that anyone can make, end everything; then nobody is owed anything."""
        if self.broken:
            return
        self._end_challenges()
        self._end_disputes()
        self.check()
        assert self.bar.court.call("totalBonds") == self.challenges.call("totalBonds") == 0
        self._end_reservations()
        self._end_agreements()
        for operator in range(1, self.bar.staking.call("count") + 1):
            stake = self.bar.stake(operator)
            assert (stake["pledged"], stake["reserved"]) == (0, 0), (operator, stake)
        self._claim_all()
        self.checked["everything ends"] += 1

    def _end_challenges(self) -> None:
        for _ in range(3 * len(self.challenged) + 1):
            for batch, leaf in self.challenged:
                challenger, _, _, ends_at = self.challenges.call("challengeOf", batch, leaf)
                if challenger == NOBODY or ends_at == 0:
                    continue
                if self.now < ends_at:
                    self.bar.evm.warp_to(ends_at)
                if self.act(self.challenges, "dismiss", batch, leaf, sender=MALLORY) is None:
                    self.must(self.challenges, "void", batch, leaf)
        for place in self.challenged:
            assert self.challenges.call("challengeOf", *place)[0] == NOBODY, place

    def _end_disputes(self) -> None:
        for dispute in self.disputes:
            for _ in range(8):
                view = self.bar.view(dispute)
                if view["state"] == State.OVER:
                    break
                if view["state"] == State.RULED:
                    assert self.execute(dispute, MALLORY), f"{dispute}: {self.reached.most_common(3)}"
                    continue
                self.bar.evm.warp_to(max(self.now, view["deadline"]))
                if view["state"] == State.COOLING:
                    self.must(self.bar.court, "clear", dispute)
            assert self.bar.view(dispute)["state"] == State.OVER, dispute

    def _end_reservations(self) -> None:
        ledger = self.bar.ledger
        self.bar.evm.warp(4 * DAY)
        for figure in self.figures:
            if ledger.call("releaseOf", figure.batch.number, figure.leaf)["amount"]:
                cancelled = ledger.call("cancelledAt", figure.batch.number)
                row = (
                    (figure.batch.number, figure.leaf) if cancelled else (figure.batch.number, [figure.leaf])
                )
                self.must(ledger, "makeGood" if cancelled else "finalise", *row)
        for batch in self.posts:
            if not ledger.call("batchOf", batch)["flags"] & 1:
                self.must(ledger, "retire", batch)

    def _end_agreements(self) -> None:
        escrow = self.bar.system.escrow
        for number in self.agreements:
            if self.bar.agreement(number)["status"] == OPEN:
                self.bar.evm.warp_to(max(self.now, escrow.call("refundableAt", number)))
                self.must(escrow, "refund", number)

    def _claim_all(self) -> None:
        """The Court's and Challenges' last µ goes to who is owed it; the jackpot pool's waits for it."""
        bar = self.bar
        people = {who.address: who for who in (*PEOPLE, PAULA, *VERIFIERS.values(), ISSUER)}
        for book in (bar.court, self.challenges):
            for address, who in people.items():
                if book.call("credits", address):
                    assert self.act(book, "claimCredit", address, sender=who) is not None
        for arbiter in (bar.first, bar.second):
            if bar.credit(arbiter):
                self.must(arbiter, "claim", bar.court.address, MALLORY.address)
        pool = bar.credit("JackpotPool")
        assert bar.court.call("totalCredits") == pool
        assert bar.system.balance(bar.court) + bar.owed(bar.court) == pool
        assert bar.system.balance(self.challenges) == self.challenges.call("totalCredits") == 0


@cache
def _pristine() -> tuple[Bar, Bound, Snapshot]:
    bar = seat(**TERMS)
    system = bar.system
    challenges = system.challenges = system.create(
        "Challenges",
        currency=system.currency.address,
        escrow=system.escrow.address,
        ledger=system.ledger.address,
        staking=system.staking.address,
        policyBook=system.policy_book.address,
    )
    for who in PEOPLE:
        system.fund(who, 20_000 * DOLLAR, bar.court, challenges, system.staking)
    return bar, challenges, bar.evm.snapshot()


__all__ = ["CLOCK", "DAY", "PEOPLE", "WANDA", "Courtroom", "Figure"]
