"""What a verifier can do, decided before anything is sent. Pure; staking is as a provider's (`provider_ops`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tallystick.chain.contracts import load
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.provider_ops import Action, Position
from tallystick.chain.sentences import utc
from tallystick.protocol.eip712 import Domain, Verdict, digest
from tallystick.protocol.enums import HardwareClass, KeyKind, Role
from tallystick.protocol.keys import PrivateKey

__all__ = [
    "JurorView", "authorise_key", "describe_juror", "enlist", "register", "resign", "signed_verdict", "withdraw_seat",
]  # fmt: skip


@dataclass(frozen=True)
class JurorView:
    """The jury as the owner of a verifier sees it, money in µ. `allowance`: what it may pull; `leaves_at` 0: it
    stays."""

    jury: str
    least: int
    most: int
    allowance: int
    deposit: int = 0
    operator: int = 0
    seats: int = 0
    leaves_at: int = 0


def register(position: Position, metadata: bytes = bytes(32), another: bool = False) -> list[Action]:
    """Registers a verifier. `another`: also when the owner has one already."""
    known = [one.operator for one in position.stakes if one.roles & Role.VERIFIER]
    if known and not another:
        text = f"{position.owner} is verifier {known[0]} already; a second one needs --another"
        raise OperatorRefusal("already_registered", text)
    arguments = (int(Role.VERIFIER), int(HardwareClass.NONE), 0, 0, metadata)
    says = f"register {position.owner} as a verifier"
    return [Action(says, position.addresses.staking, load("Staking").encode("register", *arguments))]


def authorise_key(position: Position, key: str, known: bool, operator: int) -> list[Action]:
    """Lets a key sign verdicts. `known`: it was authorised for this operator before."""
    if known:
        text = f"{key} was authorised for operator {operator} before; a revoked key cannot come back"
        raise OperatorRefusal("key_known", text)
    data = load("Staking").encode("authoriseKey", operator, int(KeyKind.VERIFIER), key)
    says = f"let {key} sign verdicts for operator {operator}, from now on"
    return [Action(says, position.addresses.staking, data)]


def enlist(position: Position, juror: JurorView, amount: int, operator: int) -> list[Action]:
    """Adds `amount` µ to the owner's deposit in the jury: it can be drawn from tomorrow on."""
    after = juror.deposit + amount
    if amount <= 0:
        raise OperatorRefusal("bad_value", "the amount must be above zero")
    if not juror.least <= after <= juror.most:
        span = f"{position.money(juror.least)} to {position.money(juror.most)}"
        raise OperatorRefusal("bad_value", f"a juror deposits {span}, not {position.money(after)}")
    if position.wallet < amount:
        text = (
            f"{position.owner} has {position.money(position.wallet)}, but {position.money(amount)} are wanted"
        )
        raise OperatorRefusal("not_enough_currency", text)
    actions = []
    if juror.allowance < amount:
        data = load("TestDollar").encode("approve", juror.jury, amount)
        actions.append(
            Action(f"allow the jury to take {position.money(amount)}", position.addresses.currency, data)
        )
    says = (
        f"deposit {position.money(amount)} in the jury for verifier {operator}: {position.money(after)} then"
    )
    return [*actions, Action(says, juror.jury, load("Jury").encode("deposit", operator, amount))]


def resign(position: Position, juror: JurorView) -> list[Action]:
    """Leaves the jury: not drawn from tomorrow on, the deposit after its delay."""
    if juror.deposit == 0:
        raise OperatorRefusal("no_deposit", f"{position.owner} has no deposit in the jury")
    if juror.leaves_at:
        text = f"{position.owner} leaves the jury already; its deposit is free at {utc(juror.leaves_at)}"
        raise OperatorRefusal("already_leaving", text)
    return [Action("leave the jury", juror.jury, load("Jury").encode("resign"))]


def withdraw_seat(position: Position, juror: JurorView) -> list[Action]:
    """Takes the deposit back, once the delay is over and no panel needs it."""
    if juror.leaves_at == 0 or position.now < juror.leaves_at or juror.seats:
        when = utc(juror.leaves_at) if juror.leaves_at else "a delay after `ape run verifier resign`"
        seats = f", and {juror.seats} panels are not settled" if juror.seats else ""
        raise OperatorRefusal("too_early", f"the deposit of {position.owner} is free at {when}{seats}")
    money = position.money(juror.deposit)
    return [
        Action(f"end the deposit of {money} in the jury", juror.jury, load("Jury").encode("withdraw")),
        Action(
            f"claim {money} from the jury", juror.jury, load("Jury").encode("claimCredit", position.owner)
        ),
    ]


def describe_juror(position: Position, juror: JurorView | None) -> list[str]:
    """What a verifier has in the jury, in lines."""
    if juror is None:
        return ["this deployment has no jury"]
    if juror.deposit == 0:
        return [f"no deposit in the jury {juror.jury}: enlist with `ape run verifier enlist`"]
    leaves = f", leaves at {utc(juror.leaves_at)}" if juror.leaves_at else ""
    return [
        f"juror for verifier {juror.operator}{leaves}",
        f"  deposit       {position.money(juror.deposit)}",
        f"  seats         {juror.seats}",
    ]


def signed_verdict(domain: Domain, key: PrivateKey, verdict: Verdict) -> dict[str, Any]:
    """A verdict as `POST /v1/verdicts` takes it."""
    return {
        "agreement": str(verdict.agreement),
        "units": str(verdict.units),
        "outputRoot": "0x" + verdict.output_root.hex(),
        "valid": verdict.valid,
        "verifierVersion": verdict.verifier_version,
        "confidence": verdict.confidence,
        "signature": "0x" + key.sign(digest(domain, verdict.hash_struct())).hex(),
    }
