"""What can be done in a dispute, decided before anything is sent. Pure: a case as it stands in, transactions out.

Each planner returns the transactions with a sentence for each, or raises OperatorRefusal with the reason.
`dispute_desk` reads cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tallystick.chain.contracts import load
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action
from tallystick.chain.sentences import utc
from tallystick.protocol.amounts import format_amount
from tallystick.protocol.enums import DisputeKind, DisputeState, Outcome
from tallystick.protocol.keys import ZERO_ADDRESS

__all__ = [
    "Case", "Chamber", "Purse", "Seat", "appeal", "describe", "execute", "open_dispute", "respond", "reveal", "vote",
]  # fmt: skip

_OPEN_STATES = (DisputeState.CONTEST, DisputeState.EVIDENCE)
NO_ITEM: tuple[Any, ...] = ((0, 0, 0, 0, bytes(32), False), b"", "0x" + ZERO_ADDRESS.hex(), b"", b"", [])
NO_CLAIM: tuple[Any, ...] = (0, 0, bytes(18), bytes(32), [], NO_ITEM)
"""What a lease's clock is disputed with."""


@dataclass(frozen=True)
class Purse:
    """Whoever acts, and its money in µ. `allowance`: what the Court may pull."""

    owner: str
    court: str
    currency: str
    symbol: str
    wallet: int
    allowance: int

    def money(self, micro: int) -> str:
        """An amount with the currency's symbol."""
        return format_amount(micro, self.symbol)


@dataclass(frozen=True)
class Seat:
    """The seat of whoever acts. `commitment` is zeros before the vote."""

    commitment: bytes
    revealed: bool


@dataclass(frozen=True)
class Chamber:
    """The jury of the present round. Times in seconds; 0 while they are not known. `drawn`: seats are known."""

    jury: str
    drawn: bool
    commit_until: int
    reveal_until: int
    seat: Seat | None


@dataclass(frozen=True)
class Case:
    """A dispute as it stands at `now` (seconds), and what whoever acts is in it. Money is µ, times are seconds.

    `challenging`, `accused`: whether it acts for that side by right (challenger or customer; owner of the operator).
    `may_contest`: it is customer's, funder's or operator's owner. `ruled`: the present arbiter has answered.
    """

    number: int
    now: int
    purse: Purse
    kind: DisputeKind
    state: DisputeState
    outcome: Outcome
    round: int
    policy: int
    agreement: int
    operator: int
    challenger: str
    attacked: int
    claimed: int
    ruling: int
    deadline: int
    challenging: bool = False
    accused: bool = False
    may_contest: bool = False
    ruled: bool = False
    appeal_needed: int = 0
    appeal_paid: int = 0
    chamber: Chamber | None = None


def open_dispute(
    purse: Purse,
    agreement: int,
    units: int,
    bond: int,
    claim: tuple[Any, ...] = NO_CLAIM,
    *,
    reason: int = 0,
    evidence: bytes = bytes(32),
    uri: str = "",
) -> list[Action]:
    """Opens a work dispute: only `units` of the claimed figure stand (of a lease: so many payable seconds). `bond`
    in µ."""
    _afford(purse, bond)
    values = (agreement, units, claim, purse.owner, reason, evidence, uri)
    says = f"dispute agreement {agreement}: {units} units stand; bond {purse.money(bond)}"
    return [*_allow(purse, bond), Action(says, purse.court, load("Court").encode("open", *values))]


def respond(
    case: Case, *, evidence: bytes | None = None, uri: str = "", for_challenger: bool | None = None
) -> list[Action]:
    """Contests a proposal that can still be contested, and shows evidence when there is some.

    :param for_challenger: which side the evidence is for; by default one's own.
    """
    actions: list[Action] = []
    if case.state == DisputeState.CONTEST and case.may_contest:
        says = f"contest dispute {case.number}: an arbiter will rule, instead of the verifiers' word alone"
        actions.append(Action(says, case.purse.court, load("Court").encode("contest", case.number)))
    elif case.state == DisputeState.CONTEST and evidence is None:
        raise OperatorRefusal(
            "not_party", f"{case.purse.owner} is no party of dispute {case.number}: it cannot contest"
        )
    if evidence is not None:
        actions.append(_evidence(case, evidence, uri, for_challenger))
    if not actions:
        _wrong_state(case, "there is nothing to contest; show evidence with --evidence")
    return actions


def vote(case: Case, units: int, commitment: bytes) -> list[Action]:
    """Commits to a vote for `units`, as a juror. The commitment hides it until it is revealed."""
    chamber, seat = _seat(case)
    low, high = sorted((case.attacked, case.claimed))
    if not low <= units <= high:
        raise OperatorRefusal("bad_value", f"a vote lies between {low} and {high} units, not {units}")
    if seat.revealed:
        raise OperatorRefusal(
            "wrong_state", f"{case.purse.owner} has revealed in dispute {case.number} already"
        )
    if chamber.commit_until and case.now >= chamber.commit_until:
        raise OperatorRefusal("too_late", f"votes could be committed until {utc(chamber.commit_until)}")
    again = " instead of the one before" if any(seat.commitment) else ""
    says = f"commit to a vote in round {case.round} of dispute {case.number}{again}; reveal it later"
    return [
        Action(says, chamber.jury, load("Jury").encode("commitVote", case.number, case.round, commitment))
    ]


def reveal(case: Case, salt: bytes, votes: list[int], hash_of: Callable[[int], bytes]) -> list[Action]:
    """Reveals the vote that was committed to.

    :param votes: those that were ever committed to under this salt. `hash_of`: what a vote's commitment is.
    """
    chamber, seat = _seat(case)
    if seat.revealed:
        raise OperatorRefusal(
            "wrong_state", f"{case.purse.owner} has revealed in dispute {case.number} already"
        )
    units = next((one for one in votes if hash_of(one) == seat.commitment), None)
    if units is None:
        raise OperatorRefusal(
            "no_vote", f"no vote that was kept here opens the commitment in dispute {case.number}"
        )
    if chamber.reveal_until and case.now >= chamber.reveal_until:
        raise OperatorRefusal("too_late", f"votes could be revealed until {utc(chamber.reveal_until)}")
    if chamber.commit_until and case.now < chamber.commit_until:
        raise OperatorRefusal("too_early", f"votes are revealed from {utc(chamber.commit_until)} on")
    says = f"reveal the vote for {units} units in round {case.round} of dispute {case.number}"
    values = (case.number, case.round, units, salt)
    return [Action(says, chamber.jury, load("Jury").encode("revealVote", *values))]


def appeal(case: Case, amount: int | None = None) -> list[Action]:
    """Pays into the bond of an appeal, all that is missing when `amount` (µ) is None."""
    if case.state != DisputeState.APPEALABLE:
        _wrong_state(case, "there is no first ruling to appeal against")
    missing = case.appeal_needed - case.appeal_paid
    wanted = missing if amount is None else min(amount, missing)
    if wanted <= 0:
        raise OperatorRefusal("bad_value", "the amount must be above zero")
    _afford(case.purse, wanted)
    money = case.purse.money
    says = f"pay {money(wanted)} into the appeal of dispute {case.number}"
    says += ", which raises it" if wanted == missing else f"; {money(missing - wanted)} are missing then"
    data = load("Court").encode("appeal", case.number, wanted)
    return [*_allow(case.purse, wanted), Action(says, case.purse.court, data)]


def execute(case: Case) -> list[Action]:
    """Moves a dispute on by whatever is due: takes the arbiter's ruling, carries it out, lets the agreement run on."""
    court = load("Court")
    if case.state in (DisputeState.RULING, DisputeState.SECOND):
        if not case.ruled:
            raise OperatorRefusal(
                "not_ruled",
                f"the arbiter has not ruled on dispute {case.number}; it has until {utc(case.deadline)}",
            )
        says = f"take the arbiter's ruling on dispute {case.number}"
        return [Action(says, case.purse.court, court.encode("rule", case.number))]
    if case.state == DisputeState.RULED:
        says = f"carry out dispute {case.number}: {case.ruling} units stand"
        return [Action(says, case.purse.court, court.encode("execute", case.number))]
    if case.state == DisputeState.COOLING:
        if case.now < case.deadline:
            text = f"agreement {case.agreement} is frozen until {utc(case.deadline)}: newer figures may be disputed"
            raise OperatorRefusal("too_early", text)
        says = f"let agreement {case.agreement} run on"
        return [Action(says, case.purse.court, court.encode("clear", case.number))]
    _wrong_state(case, "nothing is due")
    return []


def describe(case: Case) -> list[str]:
    """A case in lines."""
    deadline = "" if case.state == DisputeState.OVER else f", until {utc(case.deadline)}"
    lines = [
        f"dispute {case.number}: {case.kind.name.lower()}, {case.state.name.lower()}{deadline}",
        f"  agreement     {case.agreement}, operator {case.operator}, policy {case.policy}",
        f"  challenger    {case.challenger}",
        f"  attacked      {case.attacked} units",
        f"  claimed       {case.claimed} units",
        f"  round         {case.round}",
    ]
    if case.state >= DisputeState.APPEALABLE and case.state != DisputeState.SECOND:
        outcome = f": {case.outcome.name.lower()}" if case.outcome else ""
        lines.append(f"  ruling        {case.ruling} units stand{outcome}")
    if case.state == DisputeState.APPEALABLE:
        paid, needed = case.purse.money(case.appeal_paid), case.purse.money(case.appeal_needed)
        lines.append(f"  appeal        {paid} of {needed} are paid")
    if case.chamber is not None:
        lines += _chamber_lines(case.chamber)
    roles = [
        name for name, has in (("challenger's side", case.challenging), ("accused", case.accused)) if has
    ]
    if roles:
        lines.append(f"  {case.purse.owner} is {', '.join(roles)}")
    return lines


def _chamber_lines(chamber: Chamber) -> list[str]:
    if not chamber.drawn:
        return [f"  jury          {chamber.jury}: not drawn yet"]
    lines = [f"  jury          {chamber.jury}: commit until {utc(chamber.commit_until)}, "
             f"reveal until {utc(chamber.reveal_until)}"]  # fmt: skip
    if chamber.seat is not None:
        done = (
            "revealed"
            if chamber.seat.revealed
            else "committed"
            if any(chamber.seat.commitment)
            else "to vote yet"
        )
        lines.append(f"  your seat     {done}")
    return lines


def _evidence(case: Case, evidence: bytes, uri: str, for_challenger: bool | None) -> Action:
    if case.state not in _OPEN_STATES:
        _wrong_state(case, "no evidence is taken any more")
    side = for_challenger
    if side is None:
        if case.challenging == case.accused:
            text = f"{case.purse.owner} is no party of dispute {case.number}: say whose side, with --side"
            raise OperatorRefusal("not_party", text)
        side = case.challenging
    whose = "the challenger's" if side else "the provider's"
    says = f"show evidence 0x{evidence.hex()} for {whose} side of dispute {case.number}"
    data = load("Court").encode("submitEvidence", case.number, side, evidence, uri)
    return Action(says, case.purse.court, data)


def _seat(case: Case) -> tuple[Chamber, Seat]:
    chamber = case.chamber
    if chamber is None:
        raise OperatorRefusal("no_jury", f"no jury hears dispute {case.number} in round {case.round}")
    if not chamber.drawn:
        raise OperatorRefusal("too_early", f"the jury of dispute {case.number} is not drawn yet")
    if chamber.seat is None:
        raise OperatorRefusal(
            "no_seat", f"{case.purse.owner} has no seat in round {case.round} of dispute {case.number}"
        )
    return chamber, chamber.seat


def _wrong_state(case: Case, why: str) -> None:
    text = f"dispute {case.number} is in the state {case.state.name.lower()}: {why}"
    raise OperatorRefusal("wrong_state", text)


def _afford(purse: Purse, amount: int) -> None:
    if purse.wallet < amount:
        text = f"{purse.owner} has {purse.money(purse.wallet)}, but {purse.money(amount)} are wanted"
        raise OperatorRefusal("not_enough_currency", text)


def _allow(purse: Purse, amount: int) -> list[Action]:
    if purse.allowance >= amount:
        return []
    says = f"allow the Court to take {purse.money(amount)}"
    return [Action(says, purse.currency, load("TestDollar").encode("approve", purse.court, amount))]
