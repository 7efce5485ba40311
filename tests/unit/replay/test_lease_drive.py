"""Playing the script: one block a second, each act by who may do it, everything that was said kept."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.chain.contracts import load
from tallystick.chain.errors import ContractRefused, TransactionFailed
from tallystick.chain.event_types import EscrowClosed, EscrowSettled
from tallystick.chain.sender import Call, Sent
from tallystick.replay.lease.drive import Stagehand, held_clock
from tallystick.replay.lease.script import Act, Kind

BASE = 1_800_000_000
ESCROW = "0x" + "ab" * 20
NUMBERS = [11, 22, 33]


def log(event, number, *words):
    """A raw log of the Escrow with an indexed agreement and plain words."""
    return {
        "address": ESCROW,
        "topics": ["0x" + load("Escrow").events[event].digest.hex(), f"0x{number:064x}"],
        "data": "0x" + "".join(f"{word:064x}" for word in words),
        "blockNumber": "0x1",
        "blockHash": "0x" + "00" * 32,
        "transactionHash": "0x" + "00" * 32,
        "logIndex": "0x0",
    }


class Theatre:
    """A node and its senders in one: what was sent, what was mined with what in it, and when."""

    def __init__(self, fails: bool = False) -> None:
        self.said: list[tuple[str, Any]] = []
        self.pending: list[str] = []
        self.blocks: list[tuple[int, list[str]]] = []
        self.fails = fails
        self.mines = True
        node = SimpleNamespace(request=self.request, receipts=self.receipts, call=self.refuse)
        self.world: Any = SimpleNamespace(node=node, addresses={"Escrow": ESCROW}, call=self.call)

    def call(self, name: str, function: str, argument: Any, gas: int) -> Call:
        numbers = argument if isinstance(argument, list) else [argument]
        return Call(name, f"{function} {','.join(map(str, numbers))}".encode(), 0, gas)

    def refuse(self, *_: Any) -> bytes:
        raise ContractRefused("Escrow_TooManyItems", "257 items; 256 at most", {})

    def request(self, method: str, params: Any) -> None:
        if method == "evm_mine" and not self.mines:
            return
        if method == "evm_mine":
            self.blocks.append((params[0]["timestamp"] - BASE, self.pending))
            self.pending = []
        else:
            self.said.append((method, params))

    def sender(self, name: str) -> Any:
        def post_many(calls: list[Call]) -> list[Sent]:
            self.pending += [f"{name}: {one.data.decode()}" for one in calls]
            return [Sent(one, one.gas or 0, one.data.decode()) for one in calls]

        return SimpleNamespace(post_many=post_many, address=name)

    def receipts(self, hashes: list[str]) -> list[Any]:
        return [self.receipt(one) for one in hashes]

    def receipt(self, sent: str) -> Any:
        function, _, numbers = sent.partition(" ")
        if sent in [one.partition(": ")[2] for one in self.pending]:
            return None
        each = [int(number) for number in numbers.split(",")]
        logs = {
            "close": [],
            "poke": [log("Settled", number, 100 * number) for number in each],
            "refundMany": [log("Closed", number, 100 * number, 7, 3) for number in each],
        }[function]
        ok = not (self.fails and function == "poke")
        return SimpleNamespace(
            transaction=sent, ok=ok, gas_used=1_000 * len(each), block=7, logs=logs if ok else []
        )

    def stagehand(self) -> Stagehand:
        owners = [self.sender(f"owner {place}") for place in range(3)]
        return Stagehand(self.world, BASE, NUMBERS, owner_of=owners.__getitem__, anyone=self.sender("anyone"))


ACTS = [
    Act(5, Kind.CLOSE, (0,)),
    Act(9, Kind.CLOSE, (1,)),
    Act(9, Kind.CLOSE, (2,)),
    Act(9, Kind.POKE, (0, 2)),
    Act(40, Kind.REFUND, (0, 1, 2)),
]


def test_play__script__is_mined_second_by_second_by_who_may():
    theatre, heard = Theatre(), []
    theatre.stagehand().play(ACTS, heard.append)
    assert theatre.blocks == [
        (5, ["owner 0: close 11"]),
        (9, ["owner 1: close 22", "owner 2: close 33", "anyone: poke 11,33"]),
        (40, ["anyone: refundMany 11,22,33"]),
    ]
    assert heard == [1, 4, 5]
    assert theatre.pending == []


def test_play__what_the_chain_said__is_kept_with_the_gas_of_each_kind():
    hand = Theatre().stagehand()
    hand.play(ACTS, lambda _: None)
    assert hand.gas == {Kind.CLOSE: 3_000, Kind.POKE: 2_000, Kind.REFUND: 3_000}
    assert [(type(one), one.agreement) for one in hand.events] == [
        (EscrowSettled, 11),
        (EscrowSettled, 33),
        (EscrowClosed, 11),
        (EscrowClosed, 22),
        (EscrowClosed, 33),
    ]
    assert [one.paid for one in hand.events] == [1_100, 3_300, 1_100, 2_200, 3_300]


@pytest.mark.parametrize("fails", [False, True])
def test_play__ends_well_or_not__lets_the_chain_mine_by_itself_again(fails):
    theatre = Theatre(fails)
    with pytest.raises(ContractRefused, match="257 items") if fails else nullcontext():
        theatre.stagehand().play(ACTS, lambda _: None)
    assert theatre.said == [("evm_setAutomine", [False]), ("evm_setAutomine", [True])]


def test_play__act_that_is_in_no_block__is_an_error_and_no_wait():
    theatre = Theatre()
    theatre.mines = False
    with pytest.raises(TransactionFailed, match="close 11 is not in the block of its second"):
        theatre.stagehand().play(ACTS, lambda _: None)


def test_held_clock__inside__nothing_is_mined_by_itself():
    theatre = Theatre()
    with held_clock(theatre.world.node):
        assert theatre.said == [("evm_setAutomine", [False])]
