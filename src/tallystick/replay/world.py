"""The deployed contracts as the replay uses them: reads, calls to send, logs. Thin; no decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tallystick.chain.contracts import load
from tallystick.chain.node import Node, TransactionReceipt
from tallystick.chain.sender import Call

__all__ = ["World", "events", "topic_int"]

READS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class World:
    """One deployment on one chain: addresses (0x-text) by contract name."""

    node: Node
    addresses: Mapping[str, str]

    def address(self, name: str) -> str:
        """Address of a contract as 0x-text."""
        return self.addresses[name]

    def raw_address(self, name: str) -> bytes:
        """Its 20 bytes."""
        return bytes.fromhex(self.addresses[name][2:])

    def call(self, name: str, function: str, *values: Any, gas: int | None = None) -> Call:
        """A transaction to send to contract `name`."""
        return Call(self.addresses[name], load(name).encode(function, *values), gas=gas)

    def read(self, name: str, function: str, *values: Any, block: int | str = "latest") -> Any:
        """A view's result; structs as dicts by field."""
        return self.node.read(load(name), self.addresses[name], function, *values, block=block)

    def read_many(
        self, name: str, function: str, arguments: Sequence[Sequence[Any]], block: int | str = "latest"
    ) -> Iterator[Any]:
        """The same view for many arguments, all at one block."""
        contract, to = load(name), self.addresses[name]
        tag = hex(block) if isinstance(block, int) else block
        for start in range(0, len(arguments), READS_AT_ONCE):
            requests = [
                ("eth_call", [{"to": to, "data": "0x" + contract.encode(function, *values).hex()}, tag])
                for values in arguments[start : start + READS_AT_ONCE]
            ]
            for answer in self.node.batch(requests):
                yield contract.decode(function, bytes.fromhex(answer[2:]))

    def logs(self, name: str, event: str, start: int, end: int) -> list[dict[str, Any]]:
        """Raw logs of one event in blocks `start` to `end`."""
        digest = load(name).events[event].digest
        return self.node.logs(self.addresses[name], ["0x" + digest.hex()], start, end)


def events(
    world: World, name: str, event: str, receipts: Sequence[TransactionReceipt]
) -> Iterator[Mapping[str, Any]]:
    """Raw logs of one event in the receipts of our own transactions, in order."""
    topic, address = "0x" + load(name).events[event].digest.hex(), world.addresses[name].lower()
    for receipt in receipts:
        for log in receipt.logs:
            if log["topics"][0] == topic and str(log["address"]).lower() == address:
                yield log


def topic_int(log: Mapping[str, Any], place: int) -> int:
    """An indexed number of a log; place 1 is the first indexed argument."""
    return int(log["topics"][place], 16)
