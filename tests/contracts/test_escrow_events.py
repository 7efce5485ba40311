"""Invariant 11: the events alone rebuild every balance of the Escrow, after a random life of many agreements."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Replacement, TopUp
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM, Desk, open_desk
from tests.support.evm import Log, Receipt, Reverted

OWNERS = {1: ANN, 2: PAULA, 3: SAM}
SPLIT = 4


@dataclass
class Books:
    """What an indexer knows who reads logs and never calls a view. µ by account; fees as floors of `paid`."""

    free: Counter[int] = field(default_factory=Counter)
    locked: Counter[int] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    claimed: Counter[int] = field(default_factory=Counter)
    base: Counter[int] = field(default_factory=Counter)
    accrued: int = 0
    collected: int = 0
    pledged: int = 0
    agreements: dict[int, dict[str, Any]] = field(default_factory=dict)

    def read(self, logs: Iterable[Log]) -> None:
        for log in logs:
            handler = getattr(self, f"_{log.name.lower()}", None)
            if handler is not None:
                handler(log.args)

    def _deposited(self, args: Any) -> None:
        self.free[args["account"]] += args["amount"]

    _depositedfor = _deposited

    def _withdrawn(self, args: Any) -> None:
        self.free[args["account"]] -= args["amount"]

    def _claimed(self, args: Any) -> None:
        self.claimed[args["account"]] += args["amount"]

    def _feescollected(self, args: Any) -> None:
        self.collected += args["amount"]

    def _opened(self, args: Any) -> None:
        terms, provider, customer = args["terms"], args["fees"] >> 16, args["fees"] & 0xFFFF
        locked = terms["budget"] + terms["budget"] * customer // 10_000
        self.agreements[args["agreement"]] = {
            "funder": terms["funder"], "payee": terms["payee"], "paid": 0, "locked": locked,
            "fees": (provider, customer), "pledge": -(-terms["budget"] * 1_000 // 10_000),
            "open": True,
        }  # fmt: skip
        self.free[terms["funder"]] -= locked
        self.locked[terms["funder"]] += locked
        self.pledged += self.agreements[args["agreement"]]["pledge"]

    def _settled(self, args: Any) -> None:
        record = self.agreements[args["agreement"]]
        before, after = record["paid"], args["paid"]
        steps = [after * bps // 10_000 - before * bps // 10_000 for bps in record["fees"]]
        self.received[record["payee"]] += after - before - steps[0]
        self.base[record["payee"]] += sum(steps)
        self.accrued += sum(steps)
        record["paid"] = after

    def _toppedup(self, args: Any) -> None:
        record, budget = self.agreements[args["agreement"]], args["budget"]
        locked = budget + budget * record["fees"][1] // 10_000
        pledge = -(-budget * 1_000 // 10_000)
        self.free[record["funder"]] -= locked - record["locked"]
        self.locked[record["funder"]] += locked - record["locked"]
        self.pledged += pledge - record["pledge"]
        record["locked"], record["pledge"] = locked, pledge

    def _shareclaimed(self, args: Any) -> None:
        self.claimed[args["account"]] += args["amount"]

    def _closed(self, args: Any) -> None:
        record = self.agreements[args["agreement"]]
        record["open"] = False
        assert args["paid"] == record["paid"]
        self.free[record["funder"]] += args["refunded"]
        self.locked[record["funder"]] -= record["locked"]
        self.pledged -= record["pledge"]


def live(desk: Desk, dice: random.Random, books: Books) -> Iterable[str]:
    """One random step after the other; yields what was tried. Steps that revert leave no logs."""
    escrow, running, posted = desk.escrow, [0], []
    shared = ([PAULA.address, SAM.address], [2, 1])
    receipt = escrow.transact("createSplit", *shared, sender=MALLORY)
    assert receipt.result == SPLIT
    for sponsor in (1, 2):
        escrow.transact("allow", 3, sponsor, 1, 10**12, bytes(32), sender=SAM)
    for step in range(250):
        kind = dice.choice(
            [
                "open",
                "open",
                "post",
                "settle",
                "close",
                "refund",
                "money",
                "fees",
                "warp",
                "warp",
                "poke",
                "top up",
                "replace",
                "share",
            ]
        )
        agreement = running[-1] if kind == "close" else dice.choice(running)
        try:
            if kind == "open":
                terms = desk.terms(
                    funder=dice.choice([1, 3]),
                    payee=dice.choice([1, 2, 3, SPLIT]),
                    mode=dice.choice([0, 0, 1]),
                    unit_price=dice.choice([1_000_000, 33_333_333]),
                    budget=dice.randrange(1, 10**7),
                )
                receipt = desk.open(terms)
                running += [number for number in receipt.result if number]
            elif kind == "post":
                numbers = {number or 1 for number in dice.choices(running, k=4)}
                rows = [(number, dice.randrange(10**7)) for number in sorted(numbers)]
                posted.append(desk.post(rows, value=dice.randrange(10**7)))
                continue
            elif kind == "settle":
                receipt = desk.settle(dice.choice(posted))
            elif kind in ("close", "refund"):
                receipt = escrow.transact(kind, agreement, sender=dice.choice([ANN, OTTO]))
            elif kind == "money":
                number = dice.choice([1, 2, 3])
                owner, amount = OWNERS[number], dice.randrange(1, 10**6)
                if dice.random() < 0.5:
                    desk.system.fund(MALLORY, amount, escrow)
                    values = (number, amount, step.to_bytes(32, "big"))
                    receipt = escrow.transact("depositFor", *values, sender=MALLORY)
                elif dice.random() < 0.5:
                    receipt = escrow.transact("withdraw", number, amount, owner.address, sender=owner)
                else:
                    receipt = escrow.transact("claim", number, owner.address, sender=owner)
            elif kind == "poke":
                receipt = escrow.transact("poke", running[1:], sender=MALLORY)
            elif kind == "share":
                values = (SPLIT, 1, *shared, SAM.address)
                receipt = escrow.transact("claimShare", *values, sender=SAM)
            elif kind == "top up":
                receipt = top_up(desk, running[-1], dice.randrange(1, 2 * 10**7))
            elif kind == "replace":
                receipt = replace(desk, running[-1], dice.randrange(10**4), dice.randrange(1, 10**7))
                running.append(receipt.result)
                desk.known.append(receipt.result)
            elif kind == "fees":
                receipt = escrow.transact("collectFees", sender=MALLORY)
                fees = dice.randrange(1_000), dice.randrange(1_000)
                escrow.transact("setFees", *fees, sender=desk.system.admin)
            else:
                desk.evm.warp(dice.choice([3_600, DAY, 3 * DAY]))
                continue
        except (Reverted, LookupError):
            continue
        books.read(receipt.logs)
        yield kind


def top_up(desk: Desk, agreement: int, budget: int) -> Receipt:
    """By whoever funds it, with Otto's signature."""
    funder = OWNERS[desk.agreement(agreement)["funder"]]
    message = TopUp(agreement, budget, desk.now)
    signature = OTTO.sign(eip712.digest(desk.domain(), message.hash_struct()))
    return desk.escrow.transact("topUpSigned", agreement, budget, desk.now, signature, sender=funder)


def replace(desk: Desk, old: int, units: int, budget: int) -> Receipt:
    """By the same parties, at another price."""
    terms = desk.terms(funder=desk.agreement(old)["funder"], budget=budget, unit_price=777_777)
    digest = eip712.digest(desk.domain(), Replacement(old, units, terms).hash_struct())
    signatures = tuple(who.sign(digest) for who in (ANN, SAM, OTTO, OTTO))
    return desk.escrow.transact("replace", old, units, tuple(terms), signatures, sender=MALLORY)


@pytest.mark.parametrize("seed", range(4))
def test_events__alone__rebuild_every_balance(seed: int) -> None:
    desk = open_desk()
    books = Books(free=Counter({1: 10**11, 3: 10**11}))  # the desk's own two deposits
    done: Counter[str] = Counter()
    for kind in live(desk, random.Random(seed), books):
        done[kind] += 1
        for number in (1, 2, 3, SPLIT):
            earned = (books.received[number], books.claimed[number], books.base[number])
            assert desk.escrow.call("balanceOf", number) == (books.free[number], books.locked[number])
            assert desk.escrow.call("earningsOf", number) == earned
        assert desk.escrow.call("feeTotals") == (books.accrued, books.collected)
        assert desk.pledged() == books.pledged
    desk.check_solvent()
    kinds = ("open", "settle", "close", "refund", "money", "fees", "poke", "top up", "replace", "share")
    assert all(done[kind] for kind in kinds), done
