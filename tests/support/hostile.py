"""Calls as an administrator would make them who wants what others are owed.

for bound, function, values in guarded_calls(hall): …     # every function behind a role, so that it goes through
for values in hostile_values(shape, who): …               # arguments for any function, by their types
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tallystick.chain.abi import Function, Parameter
from tests.support.evm import Bound, Reverted
from tests.support.hall import Hall
from tests.support.system import policy_terms

__all__ = ["attack", "guarded_calls", "hostile_values"]

NOBODY: Final = "0x" + "00" * 20
ROUNDS: Final = 4
"""Sets of arguments for each function."""


def guarded_calls(hall: Hall) -> list[tuple[Bound, str, tuple[Any, ...]]]:
    """One call that goes through for every function behind a role. There are a posted batch 2 and a µ that is nobody's
    in Escrow and Staking for that."""
    system, me = hall.system, hall.system.admin.address
    agreement = hall.desk.opened(policy=1)
    batch = hall.desk.post([(agreement, 1)], policy=1)
    for place in (system.escrow, system.staking):
        system.mint(place.address, 1)
    jackpot = system.evm.at("JackpotPool", system.at["JackpotPool"])
    money = system.currency.address
    return [
        (system.escrow, "setFees", (1_000, 1_000)),
        (system.escrow, "pauseOpening", (259_200,)),
        (system.escrow, "resumeOpening", ()),
        (system.escrow, "recoverSurplus", (money, me)),
        (system.staking, "recoverSurplus", (money, me)),
        (system.ledger, "cancel", (batch.number,)),
        (system.ledger, "pausePosting", (259_200,)),
        (system.ledger, "resumePosting", ()),
        (system.policy_book, "add", (policy_terms(relayer=2),)),
        (system.policy_book, "retire", (1,)),
        (system.splitter, "setShares", (5_000, 4_000, 1_000)),
        (system.splitter, "setTreasury", (me,)),
        (system.rewards, "lowerRate", (0,)),
        (jackpot, "commit", (jackpot.call("currentRound"), b"\1" * 32)),
    ]


def hostile_values(shape: Function, me: str, others: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Some sets of arguments: zeros, ones, the largest, with oneself as every address; then with `others`."""
    for turn in range(ROUNDS):
        yield tuple(_value(part, turn, (me, *others)) for part in shape.inputs)


def attack(bound: Bound, hall: Hall, others: Sequence[str]) -> Iterator[str]:
    """Calls every function of a contract that changes anything, as the administrator; names those that went through."""
    seen = set()
    for shape in bound.contract.functions.values():
        if shape.mutability in ("view", "pure") or shape.signature in seen:
            continue
        seen.add(shape.signature)
        for values in hostile_values(shape, hall.system.admin.address, others):
            try:
                bound.transact(shape.signature, *values, sender=hall.system.admin)
            except Reverted:
                continue
            yield f"{bound.name}.{shape.signature}"


def _value(part: Parameter, turn: int, addresses: Sequence[str]) -> Any:
    kind = part.type
    if kind.endswith("]"):
        inner = Parameter(part.name, kind[: kind.rindex("[")], part.components)
        fixed = kind[kind.rindex("[") + 1 : -1]
        return [_value(inner, turn, addresses)] * (int(fixed) if fixed else min(turn, 1))
    if kind.startswith("("):
        return tuple(_value(one, turn, addresses) for one in part.components)
    if kind == "address":
        return addresses[turn % len(addresses)]
    if kind == "bool":
        return bool(turn % 2)
    if kind in ("string", "bytes"):
        return "" if kind == "string" else b""
    if kind.startswith("bytes"):
        return bytes([turn]) * int(kind[5:])
    bits = int(kind.removeprefix("u").removeprefix("int") or 256)
    return (0, 1, 2**bits - 1 if kind.startswith("u") else 1, 2)[turn]
