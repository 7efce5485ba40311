"""Reads what a plan needs to know of challenges and disputes, and sends the plan's steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tallystick.chain.contracts import load
from tallystick.chain.errors import ChainError, ContractRefused
from tallystick.chain.sender import KeySender
from tallystick.protocol.enums import DisputeState
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import ZERO_ADDRESS
from tallystick.protocol.reasons import DisputeReason

from .judging import Finding, Standing
from .ledger import RANGE, BatchState, Ledger, Posted
from .plan import Challenge, Deed, DisputeStep, Situation, Step

__all__ = ["Actor", "Done"]

CREDITORS: Final = ("Challenges", "Court", "Staking")
"""Whoever may owe the watcher: bonds, rewards of disputes, rewards of slashes."""

_NO_ITEM: Final[tuple[Any, ...]] = (
    (0, 0, 0, 0, bytes(32), False),
    b"",
    "0x" + ZERO_ADDRESS.hex(),
    b"",
    b"",
    [],
)


class Done(NamedTuple):
    """A step that was taken, or refused by the contract. `amount`: µ put down as a bond, or credited and claimed."""

    deed: str
    batch: int = 0
    idx: int = 0
    agreement: int = 0
    number: int = 0
    amount: int = 0
    transaction: str = ""
    gas: int = 0
    problem: str = ""


class Actor:
    """One account that challenges. `purse`: µ that it may have in bonds at a time; None: whatever its wallet holds."""

    def __init__(self, ledger: Ledger, sender: KeySender, purse: int | None = None) -> None:
        self._ledger = ledger
        self._sender = sender
        self._purse = purse
        self._has_court = "Court" in ledger.deployment.contracts
        self._seen_to = ledger.deployment.first_block - 1
        self._tried: set[tuple[int, int]] = set()
        self._mine: dict[int, int] = {}
        self._agreements: dict[tuple[int, int], int] = {}

    @property
    def address(self) -> str:
        """Whose money it is."""
        return self._sender.address

    # What the chain says

    def situation(
        self,
        findings: Sequence[Finding],
        batches: Mapping[int, tuple[Posted, BatchState]],
        now: int,
        block: int,
    ) -> Situation:
        """Everything that `plan` needs, at block number `block`."""
        self._catch_up(block)
        wrong = [one for one in findings if one.bad]
        running = self._running()
        disputes, disputed, dispute_bonds = self._disputes(wrong)
        locked = sum(one.bond for one in running.values() if one.mine)
        wallet = int(self._token("balanceOf", self.address))
        purse = wallet if self._purse is None else min(wallet, max(self._purse - locked, 0))
        blocked = {
            (number, place)
            for number, (_, state) in batches.items()
            for place in range(256)
            if state.blocked >> place & 1
        }
        terms = {one.policy: self._ledger.terms(one.policy) for one in wrong}
        return Situation(
            now=now,
            windows={
                number: (state.window_ends, state.window_ends - posted.posted_at)
                for number, (posted, state) in batches.items()
            },
            cancelled=frozenset(number for number, (_, state) in batches.items() if state.cancelled),
            blocked=frozenset(blocked),
            tried=frozenset(self._tried),
            running=running,
            moot=frozenset(place for place, one in running.items() if one.mine and self._is_moot(place)),
            disputed=disputed,
            disputes=disputes,
            bonds={policy: one.backing_bond for policy, one in terms.items()},
            dispute_bonds=dispute_bonds,
            purse=purse,
        )

    def _catch_up(self, block: int) -> None:
        """Challenges that were ever made, and disputes that this account opened, from their events."""
        start = self._seen_to + 1
        for first in range(start, block + 1, RANGE):
            last = min(first + RANGE - 1, block)
            topic = load("Challenges").events["Challenged"].digest.hex()
            for log in self._logs("Challenges", ["0x" + topic], first, last):
                self._tried.add((int(log["topics"][1], 16), int(log["topics"][2], 16)))
            if self._has_court:
                opened = "0x" + load("Court").events["Opened"].digest.hex()
                me = "0x" + self.address[2:].lower().zfill(64)
                for log in self._logs("Court", [opened, None, None, me], first, last):
                    self._mine[int(log["topics"][1], 16)] = int(log["topics"][2], 16)
        self._seen_to = max(block, self._seen_to)

    def _running(self) -> dict[tuple[int, int], Challenge]:
        found: dict[tuple[int, int], Challenge] = {}
        for place in sorted(self._tried):
            who, agreement, bond, ends = self._ledger.read("Challenges", "challengeOf", *place)
            if int(who, 16):
                mine = who.lower() == self.address.lower()
                found[place] = Challenge(mine, int(bond), int(ends))
                self._agreements[place] = int(agreement)
        return found

    def _is_moot(self, place: tuple[int, int]) -> bool:
        if self._ledger.read("ReceiptLedger", "cancelledAt", place[0]):
            return True
        agreement = self._ledger.agreement(self._agreements[place])
        return agreement is None or not agreement.open

    def _disputes(
        self, wrong: Sequence[Finding]
    ) -> tuple[dict[tuple[int, int], DisputeStep], frozenset[int], dict[int, int]]:
        if not self._has_court:
            return {}, frozenset(), {}
        disputes: dict[tuple[int, int], DisputeStep] = {}
        for number, agreement in self._mine.items():
            view = self._ledger.read("Court", "disputeOf", number)
            disputes[agreement, view["attacked"]] = DisputeStep(number, view["state"])
        overstated = {one.leaf.agreement for one in wrong if one.standing is Standing.OVERSTATED}
        frozen = {one for one in overstated if self._is_disputed(one)}
        bonds = {one: int(self._ledger.read("Court", "bondFor", one)) for one in overstated - frozen}
        return disputes, frozenset(frozen), bonds

    def _is_disputed(self, agreement: int) -> bool:
        """Whether a dispute that is not decided freezes it; one whose ruling cools makes way for another."""
        active = self._ledger.read("Court", "activeOf", agreement)
        return (
            bool(active) and self._ledger.read("Court", "disputeOf", active)["state"] != DisputeState.COOLING
        )

    # What is sent

    def take(self, steps: Collection[Step], batches: Mapping[int, tuple[Posted, BatchState]]) -> list[Done]:
        """Sends the steps one after the other; one that fails keeps no other from its turn."""
        done: list[Done] = []
        for step in steps:
            try:
                done.append(self._take(step, batches))
            except ChainError as error:
                done.append(_named(step)._replace(problem=f"{error.code}: {error.message}"))
        return done

    def _take(self, step: Step, batches: Mapping[int, tuple[Posted, BatchState]]) -> Done:
        name, data = self._call(step, batches)
        if step.bond:
            self._allow(name, step.bond)
        refusal = self._ledger.refusal(name, data, self.address)
        if refusal is not None:
            raise refusal
        receipt = self._sender.send(self._ledger.deployment.address(name), data)
        return _named(step)._replace(amount=step.bond, transaction=receipt.transaction, gas=receipt.gas_used)

    def _call(self, step: Step, batches: Mapping[int, tuple[Posted, BatchState]]) -> tuple[str, bytes]:
        if step.deed is Deed.EXECUTE:
            return "Court", load("Court").encode("execute", step.number)
        if step.deed in (Deed.VOID, Deed.DISMISS):
            return "Challenges", load("Challenges").encode(step.deed.value, *step.place)
        assert step.finding is not None
        leaf = step.finding.leaf
        shown = batches[leaf.batch][0].argument(leaf.idx)
        if step.deed is Deed.CHALLENGE:
            return "Challenges", load("Challenges").encode("challenge", shown)
        assert step.finding.truth is not None
        evidence = keccak256(f"{leaf.agreement}:{step.finding.truth}".encode())
        values: tuple[Any, ...] = (leaf.agreement, step.finding.truth, (*shown, _NO_ITEM), self.address)
        reason = int(DisputeReason.UNITS_OVERSTATED)
        return "Court", load("Court").encode("open", *values, reason, evidence, "")

    def claim(self) -> list[Done]:
        """Has everything paid out that is credited to the account."""
        done: list[Done] = []
        for name in CREDITORS:
            if name not in self._ledger.deployment.contracts:
                continue
            amount = int(self._ledger.read(name, "credits", self.address))
            if amount == 0:
                continue
            try:
                to = self._ledger.deployment.address(name)
                receipt = self._sender.send(to, load(name).encode("claimCredit", self.address))
                one = Done(f"claim {name}", amount=amount, transaction=receipt.transaction)
                done.append(one._replace(gas=receipt.gas_used))
            except ContractRefused as error:
                done.append(Done(f"claim {name}", problem=f"{error.code}: {error.message}"))
        return done

    def _allow(self, name: str, amount: int) -> None:
        to = self._ledger.deployment.address(name)
        if int(self._token("allowance", self.address, to)) < amount:
            currency = self._ledger.read("Escrow", "CURRENCY")
            self._sender.send(currency, load("TestDollar").encode("approve", to, amount))

    def _token(self, function: str, *values: Any) -> Any:
        currency = self._ledger.read("Escrow", "CURRENCY")
        return self._ledger.node.read(load("TestDollar"), currency, function, *values)

    def _logs(self, name: str, topics: Sequence[Any], first: int, last: int) -> list[dict[str, Any]]:
        return self._ledger.node.logs(self._ledger.deployment.address(name), topics, first, last)


def _named(step: Step) -> Done:
    agreement = step.finding.leaf.agreement if step.finding is not None else 0
    return Done(step.deed.value, *step.place, agreement, step.number)
