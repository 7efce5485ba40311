"""What an ABI says: parameters, functions, errors and events, and checked values for them.

Checking happens before encoding, so a wrong name, count, type or range becomes a sentence that names
the place, not an exception from the depths of a codec.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import eth_abi
from eth_abi.exceptions import DecodingError
from eth_utils.address import is_checksum_address, to_checksum_address

from tallystick.chain.errors import BadArgument, BadArtifact, DeploymentMismatch
from tallystick.protocol.hashing import keccak256

__all__ = [
    "ErrorType",
    "EventType",
    "Function",
    "Parameter",
    "arrange",
    "checksum",
    "from_hex",
    "named",
    "short_string",
]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_NUMBER = re.compile(r"(u?int)(\d+)")
_BYTES = re.compile(r"bytes(\d+)")
_ARRAY = re.compile(r"(.*)\[(\d*)\]")


@dataclass(frozen=True)
class Parameter:
    """One input, output or field. `type` is canonical: structs are written as `(uint32,address)`."""

    name: str
    type: str
    components: tuple[Parameter, ...] = ()
    indexed: bool = False

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Parameter:
        components = tuple(cls.from_json(part) for part in entry.get("components", ()))
        kind = str(entry["type"])
        if kind.startswith("tuple"):
            kind = f"({','.join(part.type for part in components)}){kind[5:]}"
        return cls(str(entry.get("name", "")), kind, components, bool(entry.get("indexed", False)))


def _parameters(entry: Mapping[str, Any], key: str) -> tuple[Parameter, ...]:
    return tuple(Parameter.from_json(part) for part in entry.get(key, ()))


@dataclass(frozen=True)
class _Signed:
    name: str
    inputs: tuple[Parameter, ...]

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Canonical types of the inputs."""
        return tuple(part.type for part in self.inputs)

    @cached_property
    def signature(self) -> str:
        """As hashed for the selector: `stake(uint32,uint64)`."""
        return f"{self.name}({','.join(self.types)})"

    @cached_property
    def digest(self) -> bytes:
        return keccak256(self.signature.encode())

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of the signature's hash."""
        return self.digest[:4]


@dataclass(frozen=True)
class Function(_Signed):
    """A function of a contract."""

    outputs: tuple[Parameter, ...] = ()
    mutability: str = "nonpayable"

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Function:
        outputs = _parameters(entry, "outputs")
        return cls(str(entry["name"]), _parameters(entry, "inputs"), outputs, str(entry["stateMutability"]))

    @cached_property
    def output_types(self) -> tuple[str, ...]:
        return tuple(part.type for part in self.outputs)

    def encode(self, *values: Any) -> bytes:
        """Calldata for plain positional values, unchecked but by the codec: the fast way."""
        return self.selector + eth_abi.encode(self.types, values)

    def encode_checked(self, values: Mapping[str, Any] | Sequence[Any], where: str | None = None) -> bytes:
        """Calldata for values by name or place. Raises BadArgument with the place of the first mistake."""
        return self.encode(*arrange(self.inputs, values, where or self.name))

    def decode_inputs(self, calldata: bytes) -> tuple[Any, ...]:
        """The arguments in calldata of this function, as eth_abi gives them. Raises BadArgument when it is
        not."""
        if calldata[:4] != self.selector:
            raise BadArgument(f"this is no calldata of {self.signature}")
        try:
            return eth_abi.decode(self.types, calldata[4:])
        except DecodingError as error:
            raise BadArgument(f"the calldata of {self.name} is malformed") from error

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Plain values as eth_abi gives them; addresses are lower case. Raises DeploymentMismatch."""
        try:
            return eth_abi.decode(self.output_types, data)
        except DecodingError as error:
            what = "nothing" if not data else f"{len(data)} bytes that do not fit"
            raise DeploymentMismatch(
                f"{self.name}() answered {what}: the address holds no contract, or another one than expected"
            ) from error

    def decode_named(self, data: bytes) -> Any:
        """As `decode`, structs as dicts by field; a single output stands alone, several are a tuple."""
        values = tuple(
            named(part, value) for part, value in zip(self.outputs, self.decode(data), strict=True)
        )
        return values[0] if len(values) == 1 else values


@dataclass(frozen=True)
class ErrorType(_Signed):
    """A custom error."""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ErrorType:
        return cls(str(entry["name"]), _parameters(entry, "inputs"))

    def decode(self, data: bytes) -> dict[str, Any]:
        """The error's arguments by name; `data` is without the selector. Raises DecodingError."""
        values = eth_abi.decode(self.types, data)
        return {
            part.name or str(place): named(part, value)
            for place, (part, value) in enumerate(zip(self.inputs, values, strict=True))
        }


@dataclass(frozen=True)
class EventType(_Signed):
    """An event; its `digest` is topic 0."""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> EventType:
        if entry.get("anonymous"):
            raise BadArtifact(f"event {entry['name']} is anonymous: it could not be told from others")
        return cls(str(entry["name"]), _parameters(entry, "inputs"))


def named(parameter: Parameter, value: Any) -> Any:
    """`value` as eth_abi gives it, with structs turned into dicts by field."""
    if not parameter.components:
        return list(value) if isinstance(value, tuple) else value
    array = _ARRAY.fullmatch(parameter.type)
    if array is not None:
        inner = Parameter(parameter.name, array[1], parameter.components)
        return [named(inner, item) for item in value]
    return {part.name: named(part, item) for part, item in zip(parameter.components, value, strict=True)}


def arrange(
    parameters: Sequence[Parameter], values: Mapping[str, Any] | Sequence[Any], where: str
) -> tuple[Any, ...]:
    """Values in the ABI's order and types, ready to encode.

    By name, each must be given and none besides; by place, the count must agree.
    Raises BadArgument, naming `where`.
    """
    if isinstance(values, Mapping):
        wanted = [part.name for part in parameters]
        missing = [name for name in wanted if name not in values]
        unknown = [str(name) for name in values if name not in wanted]
        if missing or unknown:
            parts = [f"misses {', '.join(missing)}"] if missing else []
            parts += [f"does not know {', '.join(unknown)}"] if unknown else []
            raise BadArgument(f"{where} {' and '.join(parts)}; it takes ({', '.join(wanted)})")
        ordered = [values[name] for name in wanted]
    else:
        ordered = list(values)
        if len(ordered) != len(parameters):
            raise BadArgument(f"{where} takes {len(parameters)} arguments, not {len(ordered)}")
    return tuple(
        _checked(part, value, f"{where}.{part.name or place}")
        for place, (part, value) in enumerate(zip(parameters, ordered, strict=True))
    )


def _checked(parameter: Parameter, value: Any, where: str) -> Any:
    kind = parameter.type
    array = _ARRAY.fullmatch(kind)
    if array is not None:
        return _checked_array(Parameter("", array[1], parameter.components), array[2], value, where)
    if parameter.components:
        if isinstance(value, str | bytes) or not isinstance(value, Mapping | Sequence):
            raise BadArgument(f"{where} must be a struct, not {value!r}")
        return arrange(parameter.components, value, where)
    number = _NUMBER.fullmatch(kind)
    if number is not None:
        return _checked_number(number[1] == "int", int(number[2]), value, where)
    if kind == "bool":
        if not isinstance(value, bool):
            raise BadArgument(f"{where} must be true or false, not {value!r}")
        return value
    if kind == "address":
        return checksum(value, where)
    if kind == "string":
        if not isinstance(value, str):
            raise BadArgument(f"{where} must be a text, not {value!r}")
        return value
    if kind.startswith("bytes"):
        return _checked_bytes(kind, value, where)
    raise BadArgument(f"{where} has the type {kind}, which no contract of ours uses")


def _checked_array(inner: Parameter, size: str, value: Any, where: str) -> list[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise BadArgument(f"{where} must be a list, not {value!r}")
    if size and len(value) != int(size):
        raise BadArgument(f"{where} must have {size} items, not {len(value)}")
    return [_checked(inner, item, f"{where}[{place}]") for place, item in enumerate(value)]


def _checked_number(signed: bool, bits: int, value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadArgument(f"{where} must be a whole number, not {value!r}")
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        raise BadArgument(f"{where} must lie between {low} and {high}, not {value}")
    return int(value)


def _checked_bytes(kind: str, value: Any, where: str) -> bytes:
    data = value if isinstance(value, bytes) else from_hex(value, where)
    size = _BYTES.fullmatch(kind)
    if size is not None and len(data) != int(size[1]):
        raise BadArgument(f"{where} must have {size[1]} bytes, not {len(data)}")
    return data


def checksum(value: Any, where: str = "address") -> str:
    """An address (0x and 40 digits, or 20 bytes) with its checksum. Raises BadArgument."""
    if isinstance(value, bytes) and len(value) == 20:
        return to_checksum_address(value)
    if not isinstance(value, str) or _ADDRESS.fullmatch(value) is None:
        raise BadArgument(f"{where} must be an address (0x and 40 hex digits), not {value!r}")
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(value):
        raise BadArgument(f"{where} has a wrong checksum: {value} (a digit may be mistyped)")
    return to_checksum_address(value)


def from_hex(value: Any, where: str = "value") -> bytes:
    """Bytes from 0x and an even number of hex digits. Raises BadArgument."""
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise BadArgument(f"{where} must be 0x and an even number of hex digits, not {value!r}")
    return bytes.fromhex(value[2:])


def short_string(text: str) -> bytes:
    """A name as `Directory` keeps it: ASCII, left-aligned in 32 bytes. Raises BadArgument."""
    data = text.encode("ascii", "replace")
    if not data or len(data) > 32 or data.decode() != text:
        raise BadArgument(f"a name has 1 to 32 ASCII characters: {text!r}")
    return data.ljust(32, b"\0")
