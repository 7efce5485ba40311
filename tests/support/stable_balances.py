"""Every µ of the currency on a chain, by whom it belongs to, as one text; and whom the payments' transactions call.

canonical(payments_of(world, numbers, first_block) | fees_of(world))     # bytes to be compared
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tallystick.chain.contracts import load
from tallystick.replay.world import World

__all__ = ["calls_of", "canonical", "fees_of", "payments_of"]


def canonical(balances: Mapping[str, Any]) -> bytes:
    """One text for one content."""
    return json.dumps(balances, sort_keys=True, separators=(",", ":")).encode()


def payments_of(world: World, numbers: Sequence[int], first_block: int) -> dict[str, Any]:
    """Every µ that the payments' side holds for anybody. Agreements are in the order of their opening, as their numbers
    hold a hash over the time; operators go by their owners, as they register side by side in any order."""
    people = holders_of(world, first_block)
    accounts = range(1, int(world.read("Escrow", "accountCount")) + 1)
    operators = range(1, int(world.read("Staking", "count")) + 1)
    agreements = world.read_many("Escrow", "agreementOf", [(one,) for one in numbers])
    every_account = zip(
        world.read_many("Escrow", "ownerOf", [(one,) for one in accounts]),
        world.read_many("Escrow", "balanceOf", [(one,) for one in accounts]),
        world.read_many("Escrow", "earningsOf", [(one,) for one in accounts]),
        world.read_many("Escrow", "overturned", [(one,) for one in accounts]),
        strict=True,
    )
    stakes = world.read_many("Staking", "get", [(one,) for one in operators])
    return {
        "currency": dict(zip(people, _of_each(world, "TestDollar", "balanceOf", people), strict=True)),
        "credits": {
            name: dict(zip(people, _of_each(world, name, "credits", people), strict=True))
            for name in ("Staking", "Court", "Challenges", "JackpotPool")
        },
        "accounts": [
            {
                "owner": owner,
                "free": free,
                "locked": locked,
                "received": received,
                "claimed": claimed,
                "rewardBase": base,
                "overturned": bad,
            }
            for owner, (free, locked), (received, claimed, base), bad in every_account
        ],
        "agreements": [[one["paid"], one["budget"], one["status"]] for one in agreements],
        "operators": {
            one["owner"]: {part: one[part] for part in ("free", "pledged", "reserved", "thawing")}
            for one in stakes
        },
        "stake": [world.read("Staking", "totalStake"), world.read("Staking", "totalCredits")],
        "bonds": {
            name: [world.read(name, "totalBonds"), world.read(name, "totalCredits")]
            for name in ("Court", "Challenges")
        },
        "feesAccrued": world.read("Escrow", "feeTotals")[0],
        "liabilities": world.read("Escrow", "liabilities") + _collected(world),
    }


def fees_of(world: World) -> dict[str, Any]:
    """Where the fees lie, in µ: with splitter, insurance and vault."""
    shares = {
        name: world.read("FeeSplitter", "creditOf", world.address(name))
        for name in ("DividendVault", "InsurancePool")
    }
    treasury = world.read("FeeSplitter", "creditOf", world.read("FeeSplitter", "treasury"))
    insurance = ("feesReceived", "slashesReceived", "money", "totalCredits")
    return {
        "feesCollected": _collected(world),
        "splitter": shares | {"treasury": treasury, "all": world.read("FeeSplitter", "totalCredited")},
        "insurance": {view: world.read("InsurancePool", view) for view in insurance},
        "vault": dict(zip(("received", "claimed"), world.read("DividendVault", "totals"), strict=True)),
    }


def calls_of(world: World, first_block: int) -> dict[str, list[str]]:
    """Which contracts each kind of transaction to Escrow, ReceiptLedger and Staking has called, by the node's traces. A
    contract's extensions run in its place, under their own names."""
    names = {address.lower(): name for name, address in world.addresses.items()}
    kinds: dict[bytes, str] = {}
    for name in ("Escrow", "ReceiptLedger", "Staking"):
        kinds |= {
            bytes.fromhex(world.address(name)[2:]) + one.selector: f"{name}.{one.name}"
            for one in load(name).functions.values()
        }
    found: dict[str, set[str]] = {}
    for block in range(first_block, world.node.block_number() + 1):
        for sent in world.node.request("eth_getBlockByNumber", [hex(block), True])["transactions"]:
            to, data = bytes.fromhex((sent["to"] or "0x")[2:]), bytes.fromhex(sent["input"][2:])
            kind = kinds.get(to + data[:4])
            if kind is not None:
                trace = world.node.request("debug_traceTransaction", [sent["hash"], {"tracer": "callTracer"}])
                found.setdefault(kind, set()).update(names.get(one, one) for one in _called(trace))
    return {kind: sorted(called) for kind, called in sorted(found.items())}


def _called(call: Mapping[str, Any]) -> Iterator[str]:
    yield str(call["to"]).lower()
    for inner in call.get("calls", ()):
        yield from _called(inner)


def holders_of(world: World, first_block: int) -> list[str]:
    """Everybody who ever sent or received a µ of the currency, and every operator's owner."""
    logs = world.logs("TestDollar", "Transfer", first_block, world.node.block_number())
    seen = {"0x" + topic[-40:].lower() for log in logs for topic in log["topics"][1:3]}
    for operator in range(1, int(world.read("Staking", "count")) + 1):
        seen.add(str(world.read("Staking", "get", operator)["owner"]).lower())
    return sorted(seen - {"0x" + "00" * 20})


def _of_each(world: World, contract: str, view: str, people: Sequence[str]) -> list[Any]:
    return list(world.read_many(contract, view, [(one,) for one in people]))


def _collected(world: World) -> int:
    return int(world.read("Escrow", "feeTotals")[1])
