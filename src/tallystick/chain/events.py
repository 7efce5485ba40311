"""Raw JSON-RPC logs into event objects, fast: one table look-up, then one slice of hex digits a field.

The readers of each event are made once from its ABI and its class in `event_types`. About 10 µs an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from functools import cache
from typing import Any, get_type_hints

import eth_abi

from tallystick.chain import dispute_events, event_types, token_events
from tallystick.chain.abi import EventType, Parameter
from tallystick.chain.contracts import load
from tallystick.chain.errors import BadArtifact
from tallystick.chain.event_types import Event, Place
from tallystick.chain.registry import Deployment

__all__ = ["Event", "EventDecoder", "Place", "event_classes", "field_name"]

_CONTRACTS = (
    "Challenges",
    "Council",
    "Court",
    "BisectionReferee",
    "Credentials",
    "Directory",
    "DividendVault",
    "Escrow",
    "FeeSplitter",
    "InsurancePool",
    "JackpotPool",
    "Jury",
    "PolicyBook",
    "ReceiptLedger",
    "SessionKeys",
    "Staking",
    "SupplierRewards",
)
_HOMES = (event_types, dispute_events, token_events)
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")

Words = str
"""The data of a log as hex digits, without 0x: 64 a word."""
Reader = Callable[[Sequence[str], Words], Any]
Decoder = Callable[[Mapping[str, Any]], Event]


def field_name(name: str) -> str:
    """A parameter's name as ours: `stopAt` -> `stop_at`; `from`, which Python keeps for itself, ->
    `sender`."""
    return "sender" if name == "from" else _CAPITAL.sub("_", name).lower()


@cache
def event_classes() -> Mapping[tuple[str, str], type[Event]]:
    """(contract, event) -> class."""
    found: dict[tuple[str, str], type[Event]] = {}
    for contract in _CONTRACTS:
        for event in load(contract).events:
            name = contract + event
            cls = next((getattr(home, name) for home in _HOMES if hasattr(home, name)), None)
            if cls is not None:
                found[contract, event] = cls
    return found


class EventDecoder:
    """Decodes the logs of one deployment. What it does not know (addresses, events) it passes over."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """`addresses`: contract's name -> address, as 0x-text."""
        self._table: dict[tuple[str, str], Decoder] = {}
        self.addresses: list[str] = []
        """Lower case; what to ask `eth_getLogs` for."""
        for (contract, event), cls in event_classes().items():
            if contract in addresses:
                address = addresses[contract].lower()
                kind = load(contract).events[event]
                self._table[address, "0x" + kind.digest.hex()] = _decoder(kind, cls)
                if address not in self.addresses:
                    self.addresses.append(address)

    @classmethod
    def of(cls, deployment: Deployment) -> EventDecoder:
        """For the contracts of a deployment."""
        return cls({name: record.address for name, record in deployment.contracts.items()})

    def decode(self, log: Mapping[str, Any]) -> Event | None:
        """One log as the node gives it. None when it is none of ours."""
        topics = log["topics"]
        if not topics:
            return None
        decoder = self._table.get((log["address"], topics[0])) or self._table.get(
            (log["address"].lower(), topics[0].lower())
        )
        return decoder(log) if decoder is not None else None

    def decode_all(self, logs: Iterable[Mapping[str, Any]]) -> list[Event]:
        """All that are ours, in order."""
        return [event for event in map(self.decode, logs) if event is not None]


def _place(log: Mapping[str, Any]) -> Place:
    return Place(
        int(log["blockNumber"], 16), log["blockHash"], log["transactionHash"], int(log["logIndex"], 16)
    )


@cache
def _decoder(kind: EventType, cls: type[Event]) -> Decoder:
    hints = {name: hint for name, hint in get_type_hints(cls).items() if name != "place"}
    names = [field_name(part.name) for part in kind.inputs]
    if list(hints) != names:
        raise BadArtifact(f"{cls.__name__} has the fields {list(hints)}, but {kind.name} {names}")
    plain = [part for part in kind.inputs if not part.indexed]
    if any(_is_dynamic(part) for part in plain):
        return _slow_decoder(kind, cls, hints)
    readers: list[Reader] = []
    topic, offset = 1, 0
    for part, hint in zip(kind.inputs, hints.values(), strict=True):
        if part.indexed:
            readers.append(_topic_reader(topic, _converter(part, hint)))
            topic += 1
        else:
            reader, offset = _data_reader(part, hint, offset)
            readers.append(reader)

    def decode(log: Mapping[str, Any]) -> Event:
        topics, words = log["topics"], log["data"][2:]
        return cls(_place(log), *[read(topics, words) for read in readers])

    return decode


def _topic_reader(place: int, convert: Callable[[str], Any]) -> Reader:
    return lambda topics, _: convert(topics[place][2:])


def _data_reader(part: Parameter, hint: Any, offset: int) -> tuple[Reader, int]:
    """A reader of a static value at a word, and the word after it."""
    if not part.components:
        convert, start, end = _converter(part, hint), 64 * offset, 64 * offset + 64
        return lambda _, words: convert(words[start:end]), offset + 1
    inner = get_type_hints(hint)
    if list(inner) != [field_name(piece.name) for piece in part.components]:
        raise BadArtifact(f"{hint.__name__} does not have the fields of {part.name}: {part.components}")
    readers: list[Reader] = []
    for piece in part.components:
        reader, offset = _data_reader(piece, inner[field_name(piece.name)], offset)
        readers.append(reader)
    return lambda topics, words: hint(*[read(topics, words) for read in readers]), offset


def _converter(part: Parameter, hint: Any) -> Callable[[str], Any]:
    """From the 64 digits of a word to a value."""
    kind = part.type
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        members = {f"{member.value:064x}": member for member in hint}
        return lambda word: members[word] if word in members else hint(int(word, 16))
    if kind == "address":
        return lambda word: bytes.fromhex(word[24:])
    if kind == "bool":
        return lambda word: word[63] == "1"
    if kind.startswith("uint"):
        return lambda word: int(word, 16)
    if kind.startswith("bytes"):
        digits = 2 * int(kind[5:])
        return lambda word: bytes.fromhex(word[:digits])
    raise BadArtifact(f"no event of ours has a field of the type {kind}")


def _is_dynamic(part: Parameter) -> bool:
    if part.type in ("bytes", "string") or part.type.endswith("[]"):
        return True
    return any(_is_dynamic(piece) for piece in part.components)


def _slow_decoder(kind: EventType, cls: type[Event], hints: Mapping[str, Any]) -> Decoder:
    """With eth_abi, for events with lists in them: they are rare."""
    plain = [part for part in kind.inputs if not part.indexed]
    types = [part.type for part in plain]

    def decode(log: Mapping[str, Any]) -> Event:
        values = iter(eth_abi.decode(types, bytes.fromhex(log["data"][2:])))
        fields, topic = [], 1
        for part, hint in zip(kind.inputs, hints.values(), strict=True):
            if part.indexed:
                fields.append(_converter(part, hint)(log["topics"][topic][2:]))
                topic += 1
            else:
                fields.append(_struct(part, hint, next(values)))
        return cls(_place(log), *fields)

    return decode


def _struct(part: Parameter, hint: Any, value: Any) -> Any:
    if part.type == "address[]":
        return tuple(bytes.fromhex(one[2:]) for one in value)
    if not part.components:
        return bytes.fromhex(value[2:]) if part.type == "address" else value
    inner = get_type_hints(hint)
    items: dict[str, Any] = {}
    for piece, item in zip(part.components, value, strict=True):
        name = field_name(piece.name)
        kind = inner.get(name)
        if piece.components:
            items[name] = _struct(piece, kind, item)
        elif isinstance(kind, type) and issubclass(kind, IntEnum):
            items[name] = kind(item)
        else:
            items[name] = tuple(item) if isinstance(item, list | tuple) else item
    return hint(**items)
