"""Compiled contracts: their artefacts, calldata, results and refusals. No web3 contract objects.

Artefacts are written by `tools/compile.py` and ship inside the package:
`{"contractName","sourceName","abi","bytecode","deployedBytecode","immutableReferences","codeHash"}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, cast

import eth_abi
from eth_abi.exceptions import DecodingError

from tallystick.chain.abi import ErrorType, EventType, Function, Parameter, arrange
from tallystick.chain.errors import BadArgument, BadArtifact, ContractRefused
from tallystick.chain.sentences import sentence
from tallystick.protocol.hashing import keccak256

__all__ = ["Contract", "artifact_names", "explain_revert", "known_errors", "load"]

_PANICS = {
    0x01: "an assertion failed",
    0x11: "an amount over- or underflowed",
    0x12: "a division by zero",
    0x21: "a value is no member of its enumeration",
    0x31: "an empty list was shortened",
    0x32: "a list was read beyond its end",
    0x41: "too much memory was asked for",
}


@dataclass(frozen=True)
class Contract:
    """One compiled contract. Get it by `load(name)`."""

    name: str
    source: str
    abi: Sequence[Mapping[str, Any]]
    creation_code: bytes
    runtime_code: bytes
    immutables: tuple[tuple[int, int], ...]
    code_hash: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Contract:
        """Raises BadArtifact when a field is missing or code still needs linking."""
        name = str(data.get("contractName", "?"))
        try:
            creation, runtime = (_code(data[key]) for key in ("bytecode", "deployedBytecode"))
            places = data["immutableReferences"]
            immutables = tuple(sorted((int(place["start"]), int(place["length"])) for place in places))
            source, code_hash = str(data["sourceName"]), str(data["codeHash"])
            return cls(name, source, data["abi"], creation, runtime, immutables, code_hash)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadArtifact(f"the artefact of {name} is malformed: {error!r}") from error

    @cached_property
    def constructor(self) -> tuple[Parameter, ...]:
        """Parameters of the constructor; none when it has none."""
        for entry in self._entries("constructor"):
            return tuple(Parameter.from_json(part) for part in entry["inputs"])
        return ()

    @cached_property
    def functions(self) -> dict[str, Function]:
        """By signature, and by bare name where that is not overloaded."""
        every = [Function.from_json(entry) for entry in self._entries("function")]
        names = [function.name for function in every]
        table = {function.signature: function for function in every}
        table.update({one.name: one for one in every if names.count(one.name) == 1})
        return table

    @cached_property
    def errors(self) -> dict[str, ErrorType]:
        """Custom errors by name."""
        return {str(entry["name"]): ErrorType.from_json(entry) for entry in self._entries("error")}

    @cached_property
    def events(self) -> dict[str, EventType]:
        """Events by name."""
        return {str(entry["name"]): EventType.from_json(entry) for entry in self._entries("event")}

    def function(self, name: str) -> Function:
        """Raises BadArgument for an unknown function, or a bare name that is overloaded."""
        try:
            return self.functions[name]
        except KeyError:
            raise BadArgument(f"{self.name} has no function {name!r} (give overloads by signature)") from None

    def encode(self, name: str, *values: Any) -> bytes:
        """Calldata of `name(values…)`, unchecked but by the codec: the fast way."""
        return self.function(name).encode(*values)

    def encode_checked(self, name: str, values: Mapping[str, Any] | Sequence[Any]) -> bytes:
        """Calldata for values by name or place, checked against the ABI. Raises BadArgument."""
        return self.function(name).encode_checked(values, f"{self.name}.{name}")

    def decode(self, name: str, data: bytes) -> Any:
        """A result: structs as dicts, one output alone, several as a tuple. Raises DeploymentMismatch."""
        return self.function(name).decode_named(data)

    def arrange_constructor(self, values: Mapping[str, Any] | Sequence[Any]) -> tuple[Any, ...]:
        """Constructor arguments in order; a single struct's fields may be given flat. Raises BadArgument."""
        where = f"{self.name}.constructor"
        if len(self.constructor) == 1 and self.constructor[0].components and isinstance(values, Mapping):
            only = self.constructor[0]
            if set(values) != {only.name}:
                return (arrange(only.components, values, where),)
        return arrange(self.constructor, values, where)

    def init_code(self, values: Mapping[str, Any] | Sequence[Any] = ()) -> bytes:
        """Creation code with checked and encoded constructor arguments. Raises BadArgument."""
        types = [part.type for part in self.constructor]
        return self.creation_code + eth_abi.encode(types, self.arrange_constructor(values))

    def mask(self, code: bytes) -> bytes:
        """Runtime code with the places of immutables set to zero, as the compiler leaves them."""
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(len(masked[start : start + length]))
        return bytes(masked)

    def masked_hash(self, code: bytes) -> str:
        """keccak-256 of masked runtime code, to be held against `code_hash`."""
        return "0x" + keccak256(self.mask(code)).hex()

    def _entries(self, kind: str) -> Iterator[Mapping[str, Any]]:
        return (entry for entry in self.abi if entry["type"] == kind)


def _code(text: Any) -> bytes:
    digits = str(text).removeprefix("0x")
    if "_" in digits:
        raise ValueError("its code has places for libraries that were not linked")
    return bytes.fromhex(digits)


def _folder() -> Any:
    return resources.files("tallystick") / "artifacts"


@cache
def artifact_names() -> tuple[str, ...]:
    """Names of all artefacts in the package, sorted."""
    folder = _folder()
    if not folder.is_dir():
        return ()
    names = (entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))
    return tuple(sorted(name for name in names if name != "manifest"))


@cache
def load(name: str) -> Contract:
    """The contract called `name`, e.g. `Escrow`. Raises BadArtifact when the package does not have it."""
    if name not in artifact_names():
        known = ", ".join(artifact_names()) or "none: run `make setup`, which compiles the contracts"
        raise BadArtifact(f"the package has no artefact of a contract {name!r}; it has {known}")
    return Contract.from_json(json.loads((_folder() / f"{name}.json").read_text("utf-8")))


@cache
def known_errors() -> Mapping[bytes, ErrorType]:
    """Every custom error of every artefact, by selector."""
    every = (error for name in artifact_names() for error in load(name).errors.values())
    return {error.selector: error for error in every}


def explain_revert(data: bytes, errors: Mapping[bytes, ErrorType] | None = None) -> ContractRefused:
    """Revert data as an error with the custom error's name, its arguments by name, and a sentence.

    `errors` are by selector; all of the package's when left out. Never raises.
    """
    if not data:
        return ContractRefused("reverted", "the contract reverted without saying why", {})
    selector, rest = data[:4], data[4:]
    try:
        if selector == b"\x08\xc3\x79\xa0":
            text = cast(str, eth_abi.decode(["string"], rest)[0])
            return ContractRefused("Error", f"the contract refused: {text}", {"reason": text}, data)
        if selector == b"\x4e\x48\x7b\x71":
            number = cast(int, eth_abi.decode(["uint256"], rest)[0])
            why = _PANICS.get(number, "an internal check failed")
            text = f"the contract stopped: {why} (panic {number:#04x})"
            return ContractRefused("Panic", text, {"code": number}, data)
        error = (known_errors() if errors is None else errors).get(selector)
        if error is not None:
            return _explain(error, rest, data, errors)
    except (DecodingError, UnicodeDecodeError, OverflowError):
        pass
    text = f"the contract refused with data that no artefact explains: 0x{data[:68].hex()}"
    return ContractRefused("unknown_error", text, {"data": "0x" + data.hex()}, data)


def _explain(
    error: ErrorType, rest: bytes, data: bytes, errors: Mapping[bytes, ErrorType] | None
) -> ContractRefused:
    arguments = error.decode(rest)
    if error.name == "Directory_CreationFailed":
        inner = explain_revert(arguments["reason"], errors)
        name = arguments["name"].rstrip(b"\0").decode("ascii", "replace")
        text = f"the Directory could not create {name}: {inner.message}"
        return ContractRefused(error.name, text, {**arguments, "inner": inner.code}, data)
    return ContractRefused(error.name, sentence(error.name, arguments), arguments, data)
