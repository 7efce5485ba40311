"""A Jury and a Council in front of a Court that says what a test wants, and jurors to draw.

    bench = open_bench(jurors=20)           # named "juror 0" …, 1 000 dollars each, counting already
    bench.dispute()                         # dispute 1 stands in RULING, round 1, of Otto's work, by "challenger"
    bench.draw()                            # fixes and catches a block, draws: the jurors
    bench.vote([(who, 200), …])             # commits, waits, reveals
    bench.settle()

Attacked are 1 000 units, claimed 200. The rest of the cast is that of tests/support/escrow.py. Policy 2 gives round
1 to the Jury and round 2 too; policy 3 both to the Council; policy 4 round 1 to the Council, round 2 to the Jury.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import eth_abi

from tallystick.protocol.hashing import keccak256
from tests.support.escrow import DAY, MALLORY, Desk, open_desk
from tests.support.evm import Account, Bound, Evm, Receipt, Snapshot, account
from tests.support.system import DOLLAR, UINT256_MAX, Role, dispute_terms

__all__ = [
    "APPEALABLE",
    "ATTACKED",
    "CHALLENGER",
    "CLAIMED",
    "CONTEST",
    "COUNCIL_POLICY",
    "DRAW_BOND",
    "EVIDENCE",
    "JURY_POLICY",
    "MEMBERS",
    "MIN_DEPOSIT",
    "MIXED_POLICY",
    "PENALTY",
    "RULED",
    "RULING",
    "SECOND",
    "Bench",
    "T",
    "expected_draw",
    "jury_parameters",
    "open_bench",
    "salt",
]

CONTEST, EVIDENCE, RULING, APPEALABLE, SECOND, RULED = 1, 2, 3, 4, 5, 6  # DisputeState
T: Final = 172_800  # seconds; the default ruling time
MIN_DEPOSIT: Final = 500 * DOLLAR
MAX_DEPOSIT: Final = 20_000 * DOLLAR
PENALTY: Final = 25 * DOLLAR
DRAW_BOND: Final = 50 * DOLLAR
EXIT_DELAY: Final = 7 * DAY
ATTACKED, CLAIMED = 1_000, 200  # units
CHALLENGER: Final = account("challenger")
MEMBERS: Final = sorted((account(f"member {i}") for i in range(5)), key=lambda who: who.address)
BLOCK: Final = 12  # seconds

JURY_POLICY, COUNCIL_POLICY, MIXED_POLICY = 2, 3, 4


@dataclass
class Bench:
    """Everything, and the few steps that most tests begin with."""

    desk: Desk
    court: Bound
    jury: Bound
    council: Bound
    agreement: int
    jurors: list[Account] = field(default_factory=list)

    @property
    def evm(self) -> Evm:
        return self.desk.evm

    @property
    def now(self) -> int:
        return self.desk.now

    # The Court

    def dispute(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        """Says what the Court says of a dispute; what is not named as by default."""
        view: dict[str, Any] = {
            "kind": 1,
            "state": RULING,
            "outcome": 0,
            "round": 2 if changes.get("state", RULING) >= SECOND else 1,
            "upward": False,
            "appealed": False,
            "policy": JURY_POLICY,
            "reason": 0,
            "operator": 1,
            "agreement": self.agreement,
            "challenger": CHALLENGER.address,
            "attacked": ATTACKED,
            "claimed": CLAIMED,
            "ruling": 0,
            "outputRoot": bytes(32),
            "openedAt": self.now,
            "rulingStart": self.now,
            "deadline": self.now + T,
        } | changes
        self.court.transact("setDispute", number, tuple(view.values()), sender=MALLORY)
        return view

    def pay_fee(self, amount: int, number: int = 1, round_: int = 1, arbiter: Bound | None = None) -> None:
        """The Court credits a fee."""
        self.desk.system.fund(MALLORY, amount, self.court)
        to = (arbiter or self.jury).address
        self.court.transact("payFee", number, round_, to, amount, sender=MALLORY)

    def ask(self, number: int = 1, arbiter: Bound | None = None) -> tuple[bool, int]:
        """What the Court would hear: whether there is a ruling, and the units."""
        ruled, units, _ = self.court.call("ask", (arbiter or self.jury).address, number)
        return bool(ruled), int(units)

    # Jurors

    def verifier(self, owner: Account) -> int:
        """Registers an active verifier for somebody, who lets the Jury pull; returns its number."""
        system = self.desk.system
        operator = system.register(owner, Role.VERIFIER, free=2_000 * DOLLAR)
        system.currency.transact("approve", self.jury.address, UINT256_MAX, sender=owner)
        return operator

    def enlist(self, owner: Account, amount: int = 1_000 * DOLLAR) -> int:
        """Makes somebody a juror, from tomorrow on; returns its verifier's number."""
        operator = self.verifier(owner)
        self.desk.system.mint(owner, amount)
        self.jury.transact("deposit", operator, amount, sender=owner)
        self.jurors.append(owner)
        return operator

    def juror(self, owner: Account) -> dict[str, Any]:
        return dict(self.jury.call("jurorOf", owner.address))

    def credit(self, who: Account, arbiter: Bound | None = None) -> int:
        return int((arbiter or self.jury).call("credits", who.address))

    # A panel

    def blocks(self, count: int, seconds: int = BLOCK) -> None:
        for _ in range(count):
            self.evm.warp(seconds)

    def to(self, number: int = 1, round_: int = 1, *, step: str) -> None:
        """Goes to the time at which a step is no longer possible."""
        self.evm.warp_to(self.jury.call("deadlinesOf", number, round_)[step])

    def fix(self, number: int = 1, round_: int = 1) -> int:
        """Lets the time for seals pass and fixes a block; returns it."""
        self.evm.warp(T // 32)
        return int(self.jury.transact("fixBlock", number, round_, sender=MALLORY).result)

    def catch(self, number: int = 1, round_: int = 1) -> bytes:
        """Fixes a block and catches its hash."""
        self.fix(number, round_)
        self.blocks(4)
        receipt = self.jury.transact("catchBlock", number, round_, sender=MALLORY)
        return bytes(receipt.event("BlockCaught").args["entropy"])

    def draw(self, number: int = 1, round_: int = 1) -> list[Account]:
        """Draws without secrets; returns who sits, in order."""
        self.catch(number, round_)
        return self.seated(self.jury.transact("draw", number, round_, sender=MALLORY))

    def seated(self, receipt: Receipt) -> list[Account]:
        known = {who.address: who for who in self.jurors}
        return [known[address] for address in receipt.event("Drawn").args["jurors"]]

    def commitment(self, who: Account, units: int, number: int = 1, round_: int = 1) -> bytes:
        return bytes(self.jury.call("voteHash", number, round_, who.address, units, salt(who)))

    def commit(self, who: Account, units: int, number: int = 1, round_: int = 1) -> Receipt:
        hashed = self.commitment(who, units, number, round_)
        return self.jury.transact("commitVote", number, round_, hashed, sender=who)

    def reveal(self, who: Account, units: int, number: int = 1, round_: int = 1) -> Receipt:
        return self.jury.transact("revealVote", number, round_, units, salt(who), sender=who)

    def vote(
        self,
        votes: Sequence[tuple[Account, int]],
        number: int = 1,
        round_: int = 1,
        silent: Sequence[Account] = (),
    ) -> None:
        """Commits all votes, and reveals those of who is not silent when it is time."""
        for who, units in votes:
            self.commit(who, units, number, round_)
        self.to(number, round_, step="commit")
        for who, units in votes:
            if who not in silent:
                self.reveal(who, units, number, round_)

    def settle(self, number: int = 1, round_: int = 1) -> Mapping[str, Any]:
        """Settles a panel; what the event says."""
        return self.jury.transact("settle", number, round_, sender=MALLORY).event("Settled").args

    # Secrets

    def seal(self, who: Account, secret: bytes, number: int = 1, round_: int = 1) -> Receipt:
        hashed = self.jury.call("sealHash", number, round_, who.address, secret)
        self.desk.system.fund(who, DRAW_BOND, self.jury)
        return self.jury.transact("seal", number, round_, hashed, sender=who)

    def show(self, who: Account, secret: bytes, number: int = 1, round_: int = 1) -> Receipt:
        return self.jury.transact("showSecret", number, round_, secret, sender=who)

    # Money

    def books(self) -> tuple[int, int]:
        """µ that the Jury holds, and µ that its books say it owes or keeps: deposits, open draw bonds, pots,
        credits."""
        jury = self.jury
        deposits = sum(self.juror(who)["deposit"] for who in self.jurors)
        kept = deposits + jury.call("carried") + jury.call("feesHeld") + jury.call("totalCredits")
        return self.desk.system.balance(jury), kept


def salt(who: Account) -> bytes:
    return keccak256(b"salt" + who.address.encode())


_made: dict[int, tuple[Bench, Snapshot]] = {}


def open_bench(jurors: int = 0, *, fresh: bool = False) -> Bench:
    """A bench with so many jurors of 1 000 dollars each, who count already; as it was made the first time, or a new
    one."""
    if fresh:
        return _with_jurors(jurors)
    if jurors not in _made:
        bench = _with_jurors(jurors)
        _made[jurors] = bench, bench.evm.snapshot()
    made, snapshot = _made[jurors]
    made.evm.revert(snapshot)
    return Bench(made.desk, made.court, made.jury, made.council, made.agreement, list(made.jurors))


def _with_jurors(jurors: int) -> Bench:
    bench = _build()
    for i in range(jurors):
        bench.enlist(account(f"juror {i}"))
    bench.evm.warp(DAY)
    return bench


def _build() -> Bench:
    desk = open_desk(evm=Evm())
    evm, system = desk.evm, desk.system
    court = evm.deploy("MockCourt", system.currency.address)
    common = {
        "currency": system.currency.address,
        "court": court.address,
        "policyBook": system.policy_book.address,
    }
    jury = evm.deploy("Jury", tuple(jury_parameters(desk, **common).values()))
    members = [who.address for who in MEMBERS]
    council = evm.deploy("Council", **common, members_=members, threshold=3)
    for first, second in ((jury, jury), (council, council), (council, jury)):
        terms = dispute_terms(arbiter=first.address, secondArbiter=second.address)
        system.add_policy(relayer=2, dispute=terms)
    agreement = desk.opened()
    return Bench(desk, court, jury, council, agreement)


def jury_parameters(desk: Desk, **changes: Any) -> dict[str, Any]:
    """The members of JuryParameters, in order."""
    return {
        "currency": desk.system.currency.address,
        "court": "",
        "policyBook": desk.system.policy_book.address,
        "staking": desk.system.staking.address,
        "escrow": desk.system.escrow.address,
        "minDeposit": MIN_DEPOSIT,
        "maxDeposit": MAX_DEPOSIT,
        "penalty": PENALTY,
        "drawBond": DRAW_BOND,
        "exitDelay": EXIT_DELAY,
    } | changes


def expected_draw(
    row: Sequence[tuple[str, int]],
    unfit: frozenset[str],
    seats: int,
    *,
    entropy: bytes,
    secrets: tuple[bytes, bytes] = (bytes(32), bytes(32)),
    dispute: int = 1,
    round_: int = 1,
) -> list[str]:
    """Who is drawn out of a row of (juror, weight), without a tree: from a list that grows shorter."""
    packed = eth_abi.encode(
        ["bytes32", "bytes32", "bytes32", "uint64", "uint8"], [entropy, *secrets, dispute, round_]
    )
    seed = keccak256(packed)
    left = [pair for pair in row if pair[1]]
    drawn: list[Any] = []
    for i in range(4 * seats):
        if not left or len(drawn) == seats:
            break
        number = int.from_bytes(keccak256(eth_abi.encode(["bytes32", "uint256"], [seed, i])), "big")
        position = number % sum(weight for _, weight in left)
        place = 0
        while position >= left[place][1]:
            position -= left[place][1]
            place += 1
        name, _ = left.pop(place)
        if name not in unfit:
            drawn.append(name)
    return drawn
