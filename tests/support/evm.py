"""The compiled contracts in a process of our own: pyrevm behind names, decoded values and an own clock.

    evm = Evm()
    alice = account("alice")
    dollar = evm.deploy("TestDollar", alice.address)
    dollar.transact("mint", alice.address, 5, sender=alice).event("Transfer").args["value"]  # 5
    dollar.call("balanceOf", alice.address)                                                  # 5
    with reverts("ERC20InsufficientBalance", balance=5): dollar.transact("transfer", bob, 6, sender=alice)

All addresses are lower-case hex strings, as eth_abi decodes them, so `==` works everywhere.

pyrevm keeps one journal for its whole life: slots stay warm, and their original values those of the beginning, from one
message to the next, and it does not charge the floor of EIP-7623. So its gas figures are not those of transactions.
`transact(..., measure=True)` runs the same message also in py-evm, on a copy of the whole state; `Receipt.gas` is then
exact: max(21 000 + calldata + execution - refund, 21 000 + 10 a token of calldata), as after Prague.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import eth_abi
import pyrevm

from tallystick.chain.abi import EventType, named
from tallystick.chain.contracts import Contract, artifact_names, explain_revert, load
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import PrivateKey

__all__ = ["Account", "Bound", "Evm", "Log", "Receipt", "Reverted", "Snapshot", "account", "reverts"]

CHAIN_ID: Final = 31_337
GENESIS: Final = 1_800_000_000  # seconds; 604 800 x 2 976 + 115 200, so 32 hours into a week
BLOCK_GAS: Final = 2**40  # far beyond a block: limits are tested by measuring, not by running out

_PADDING: Final = 33
_COINBASE: Final = "0x" + "00" * 20

_REVERT: Final = re.compile(r"^Revert \{ gas_used: (\d+), output: 0x([0-9a-f]*) \}$")
_STATE: Final = re.compile(
    r"(0x[0-9a-f]{40}): Account \{ info: AccountInfo \{ balance: (\d+), nonce: (\d+).*?storage: \{(.*?)\}, status:"
)
_SLOT: Final = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+) \}")


class Reverted(Exception):
    """A message reverted. `name` is the custom error's (or Error, Panic, Halt, reverted), with `arguments` by name."""

    def __init__(self, name: str, arguments: Mapping[str, Any], data: bytes = b"") -> None:
        super().__init__(f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")
        self.name = name
        self.arguments = dict(arguments)
        self.data = data


@contextmanager
def reverts(name: str, /, **arguments: Any) -> Iterator[None]:
    """The block must revert with this custom error, and with these of its arguments."""
    caught: Reverted | None = None
    try:
        yield
    except Reverted as error:
        caught = error
    assert caught is not None, f"expected {name}, but nothing reverted"
    found = {key: caught.arguments.get(key) for key in arguments}
    assert (caught.name, found) == (name, arguments), f"expected {name}({arguments}), got {caught}"


@dataclass(frozen=True)
class Account:
    """Somebody with a key."""

    address: str
    key: PrivateKey

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a 32-byte digest."""
        return self.key.sign(digest)


@cache
def account(label: str) -> Account:
    """The account of that name, the same in every run."""
    key = PrivateKey.from_seed("tests", label)
    return Account("0x" + key.address.hex(), key)


@dataclass(frozen=True)
class Log:
    """One decoded event. An event that no artefact knows has the name "" and its raw topics and data."""

    address: str
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What a transaction did."""

    result: Any
    logs: tuple[Log, ...]
    measured: int | None = None

    @property
    def gas(self) -> int:
        """Gas used by the whole transaction; only of one run with `measure=True`."""
        assert self.measured is not None, "run it with measure=True"
        return self.measured

    def events(self, name: str) -> list[Log]:
        """The events of that name, in order."""
        return [log for log in self.logs if log.name == name]

    def event(self, name: str) -> Log:
        """The one event of that name."""
        (log,) = self.events(name)
        return log


@dataclass
class Snapshot:
    """A state to come back to, as often as one likes, as long as no older one was come back to."""

    checkpoint: Any
    now: int
    number: int


@dataclass(frozen=True)
class Bound:
    """A contract at an address."""

    evm: Evm = field(repr=False)
    contract: Contract = field(repr=False)
    address: str

    @property
    def name(self) -> str:
        return self.contract.name

    def call(self, function: str, *values: Any, sender: Account | str | None = None) -> Any:
        """The decoded result; structs as dicts, several results as a tuple. Changes nothing. Raises Reverted."""
        shape = self.contract.function(function)
        data = shape.encode(*values)
        static = shape.mutability in ("view", "pure")
        return shape.decode_named(self.evm.call(self.address, data, sender=sender, static=static))

    def transact(
        self,
        function: str,
        *values: Any,
        sender: Account | str,
        measure: bool = False,
        limit: int | None = None,
    ) -> Receipt:
        """Runs it for good, with `limit` gas for the message alone if that is given. Raises Reverted."""
        shape = self.contract.function(function)
        data, logs, gas = self.evm.transact(
            self.address, shape.encode(*values), sender=sender, measure=measure, limit=limit
        )
        return Receipt(shape.decode_named(data) if shape.outputs else None, logs, gas)

    def encode(self, function: str, *values: Any) -> bytes:
        """Calldata, for contracts that pass it on."""
        return self.contract.encode(function, *values)


class Evm:
    """One chain in this process. Time moves only by `warp`; gas costs nobody anything."""

    def __init__(self, *, chain_id: int = CHAIN_ID, now: int = GENESIS, spec: str = "PRAGUE") -> None:
        self.chain_id = chain_id
        self._spec = spec
        self._revm = self._fresh()
        self._now, self._number = now, 1
        self._bound: dict[str, Contract] = {}
        self._set_block(self._revm)

    # Time and snapshots

    @property
    def now(self) -> int:
        """block.timestamp, in seconds."""
        return self._now

    def warp(self, seconds: int) -> int:
        """Lets time pass and a block go by; returns the new time."""
        return self.warp_to(self._now + seconds)

    def warp_to(self, timestamp: int) -> int:
        """Goes to a time, which may be earlier only in tests of the clock itself."""
        self._now = timestamp
        self._number += 1
        self._set_block(self._revm)
        return timestamp

    def snapshot(self) -> Snapshot:
        return Snapshot(self._revm.snapshot(), self._now, self._number)

    def revert(self, snapshot: Snapshot) -> None:
        """Everything, the clock included, as it was; the snapshot stays good."""
        self._revm.revert(snapshot.checkpoint)
        snapshot.checkpoint = self._revm.snapshot()
        self._now, self._number = snapshot.now, snapshot.number
        self._set_block(self._revm)

    # Contracts

    def deploy(
        self, artifact: str, *values: Any, sender: Account | str | None = None, **named_values: Any
    ) -> Bound:
        """Creates a contract from its artefact; arguments by place or by name. Raises Reverted."""
        contract = load(artifact)
        code = contract.init_code(named_values or values)
        try:
            address = self._revm.deploy(_address(sender or _DEPLOYER), code)
        except RuntimeError as error:
            raise _reverted(error) from None
        return self.at(artifact, address)

    def next_address(self, ahead: int = 0, sender: Account | str | None = None) -> str:
        """Where `deploy` will put the next contract of a sender, or the one `ahead` of it; for nonces below 128."""
        creator = _address(sender or _DEPLOYER)
        nonce = int(self._revm.basic(creator).nonce) + ahead
        assert nonce < 128
        packed = b"\xd6\x94" + bytes.fromhex(creator[2:]) + bytes([nonce or 0x80])
        return "0x" + keccak256(packed)[12:].hex()

    def at(self, artifact: str, address: str) -> Bound:
        """The contract of that artefact at an address; its events are decoded from now on."""
        contract = load(artifact)
        self._bound[address.lower()] = contract
        return Bound(self, contract, address.lower())

    def code(self, address: str) -> bytes:
        """Run-time code; empty when there is none. pyrevm gives it with 33 STOPs behind, or one STOP for none."""
        padded = bytes(self._revm.get_code(address) or b"")
        return padded[:-_PADDING] if len(padded) > _PADDING else b""

    def storage(self, address: str, slot: int) -> int:
        return int(self._revm.storage(address, slot))

    # Messages

    def call(
        self, to: str, data: bytes, *, sender: Account | str | None = None, static: bool = False
    ) -> bytes:
        """The returned bytes; nothing is changed. Raises Reverted."""
        caller = _address(sender or _DEPLOYER)
        if static:
            return self._message(self._revm, caller, to, data)
        checkpoint = self._revm.snapshot()
        try:
            return self._message(self._revm, caller, to, data)
        finally:
            self._revm.revert(checkpoint)

    def transact(
        self,
        to: str,
        data: bytes,
        *,
        sender: Account | str,
        measure: bool = False,
        limit: int | None = None,
    ) -> tuple[bytes, tuple[Log, ...], int | None]:
        """The returned bytes, decoded logs, and the gas when measured. Raises Reverted."""
        caller = _address(sender)
        gas = None
        if measure:
            assert isinstance(sender, Account), "measuring needs a sender with a key"
            gas = self._measure(sender, to, data)
        returned = self._message(self._revm, caller, to, data, limit)
        return returned, tuple(self._decode(log) for log in self._revm.result.logs), gas

    # Internals

    def _fresh(self) -> Any:
        config = pyrevm.CfgEnv(chain_id=self.chain_id, limit_contract_code_size=24_576)
        return pyrevm.EVM(pyrevm.Env(cfg=config), spec_id=self._spec, gas_limit=BLOCK_GAS)

    def _set_block(self, revm: Any) -> None:
        block = pyrevm.BlockEnv(number=self._number, timestamp=self._now, basefee=0, gas_limit=BLOCK_GAS)
        revm.set_block_env(block)

    def _message(self, revm: Any, caller: str, to: str, data: bytes, limit: int | None = None) -> bytes:
        try:
            returned: bytes = revm.message_call(caller, to, data, gas=limit)
        except RuntimeError as error:
            raise _reverted(error) from None
        finally:
            revm.reset_transient_storage()
        return returned

    def _measure(self, sender: Account, to: str, data: bytes) -> int:
        """Gas of the message as a transaction of its own."""
        from tests.support.gas import AccountState, transaction_gas

        accounts = {
            address: AccountState(
                balance=int(balance),
                nonce=int(nonce),
                code=self.code(address),
                storage={int(slot): int(value) for slot, value in _SLOT.findall(slots)},
            )
            for address, balance, nonce, slots in _STATE.findall(self._revm.journal_str)
            if address != _COINBASE
        }
        return transaction_gas(
            accounts, secret=sender.key.secret, to=to, data=data, chain_id=self.chain_id, now=self._now
        )

    def _decode(self, log: Any) -> Log:
        address = log.address.lower()
        topics, data = log.data
        event = _events(self._bound[address].name).get(topics[0]) if address in self._bound else None
        event = event or _every_event().get(topics[0])
        if event is None:
            return Log(address, "", {"topics": topics, "data": data})
        indexed = [part for part in event.inputs if part.indexed]
        plain = [part for part in event.inputs if not part.indexed]
        values: dict[str, Any] = {}
        for part, topic in zip(indexed, topics[1:], strict=True):
            values[part.name] = eth_abi.decode([part.type], topic)[0]
        for part, value in zip(plain, eth_abi.decode([part.type for part in plain], data), strict=True):
            values[part.name] = named(part, value)
        return Log(address, event.name, {part.name: values[part.name] for part in event.inputs})


_DEPLOYER: Final = account("deployer")


def _address(who: Account | str) -> str:
    return who if isinstance(who, str) else who.address


def _reverted(error: RuntimeError) -> Reverted:
    match = _REVERT.match(str(error))
    if match is None:
        return Reverted("Halt", {"reason": str(error)})
    refused = explain_revert(bytes.fromhex(match[2]))
    return Reverted(refused.code, refused.arguments, bytes.fromhex(match[2]))


@cache
def _events(artifact: str) -> Mapping[bytes, EventType]:
    return {event.digest: event for event in load(artifact).events.values()}


@cache
def _every_event() -> Mapping[bytes, EventType]:
    return {digest: event for name in artifact_names() for digest, event in _events(name).items()}
