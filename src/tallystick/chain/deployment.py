"""What a deployment consists of: contracts, arguments and setup steps as data, checked before anything is
sent.

A plan is a YAML file (`tallystick/networks/<network>.yaml`): `chains`, `parameters`, `contracts` in order,
`setup`,
`policies`, `fees`. A text that starts with `$` refers to a parameter, to a contract of the plan, to
`$Directory` or to `$deployer`; `$Escrow.setFees` is a function's selector. A setup step with `last: true` waits
until policies and fees are done. Addresses follow from the Directory's (CREATE, nonce = place in the plan), so
contracts may refer to later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Self

import yaml

from tallystick.chain.abi import checksum, from_hex
from tallystick.chain.contracts import Contract, load
from tallystick.chain.errors import BadArgument, BadPlan, ChainError
from tallystick.protocol.hashing import keccak256

__all__ = ["Condition", "Creation", "Plan", "PlannedCall", "Step", "create_address", "networks"]

_SECTIONS = {"chains", "parameters", "contracts", "setup", "policies", "fees"}
# Stand-ins while a plan is checked and the real addresses are not known.
_SOMEBODY = "0x" + "11" * 20
_SOMEWHERE = "0x" + "22" * 20


@dataclass(frozen=True)
class Creation:
    """A contract to create through the Directory, everything resolved. `arguments` are in the ABI's order."""

    index: int
    contract: Contract
    address: str
    arguments: tuple[Any, ...]
    init_code: bytes

    @property
    def name(self) -> str:
        return self.contract.name


@dataclass(frozen=True)
class PlannedCall:
    """A resolved call of a setup step."""

    contract: str
    function: str
    to: str
    data: bytes


@dataclass(frozen=True)
class Condition:
    """Holds when a view's result (or its `field`) equals a value, or reaches one."""

    call: PlannedCall
    field: str | None
    at_least: int | None
    equals: Any

    def holds(self, result: Any) -> bool:
        """Judges the decoded result of `call`. Raises BadPlan when it has no such field."""
        value = result
        if self.field is not None:
            if not isinstance(result, Mapping) or self.field not in result:
                raise BadPlan(f"{self.call.contract}.{self.call.function} has no result called {self.field}")
            value = result[self.field]
        if self.at_least is not None:
            return isinstance(value, int) and value >= self.at_least
        expected = tuple(self.equals) if isinstance(self.equals, list) else self.equals
        if isinstance(value, str) and isinstance(expected, str):
            return value.lower() == expected.lower()  # addresses, with checksum or without
        return bool(value == expected)


@dataclass(frozen=True)
class Step:
    """Something to do once the contracts exist, unless one of `done` holds already."""

    title: str
    calls: tuple[PlannedCall, ...]
    done: tuple[Condition, ...]


def networks() -> tuple[str, ...]:
    """Names of the plans in the package."""
    folder = resources.files("tallystick") / "networks"
    return tuple(sorted(e.name.removesuffix(".yaml") for e in folder.iterdir() if e.name.endswith(".yaml")))


def create_address(creator: str, nonce: int) -> str:
    """Address of the contract that `creator` makes with `nonce`: the last 20 bytes of
    keccak256(rlp([creator, nonce]))."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    encoded = number if len(number) == 1 and nonce < 0x80 else bytes([0x80 + len(number)]) + number
    payload = b"\x94" + from_hex(creator, "creator") + encoded
    return checksum(keccak256(bytes([0xC0 + len(payload)]) + payload)[12:])


class Plan:
    """A deployment as data. Make it with `from_yaml` or `from_data`; both check all of it against the
    ABIs."""

    def __init__(self, network: str, data: Mapping[str, Any]) -> None:
        self.network = network
        self._data = data
        self.chains: tuple[int, ...] = tuple(data.get("chains") or ())
        self._parameters: Mapping[str, Any] = data.get("parameters") or {}
        self.names: tuple[str, ...] = tuple(data["contracts"])

    def __repr__(self) -> str:
        return f"Plan({self.network}, {len(self.names)} contracts)"

    @classmethod
    def from_yaml(cls, network: str | Path, overrides: Mapping[str, Any] | None = None) -> Self:
        """A plan of the package by name (`local`, `sepolia`, `base-sepolia`), or a file.

        `overrides` replace parameters (`{"feeProvider": 300}`) or whole sections (`{"policies": […],
        "setup": []}`).
        Raises BadPlan.
        """
        if isinstance(network, Path):
            source: Any = network
        elif network in networks():
            source = resources.files("tallystick") / "networks" / f"{network}.yaml"
        else:
            raise BadPlan(f"there is no plan for {network!r}; there are {', '.join(networks())}")
        try:
            data = yaml.safe_load(source.read_text("utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise BadPlan(f"the plan {network} cannot be read: {error}") from None
        return cls.from_data(str(network), data, overrides)

    @classmethod
    def from_data(cls, network: str, data: Any, overrides: Mapping[str, Any] | None = None) -> Self:
        """As `from_yaml`, from what such a file holds. Raises BadPlan."""
        if not isinstance(data, Mapping) or not isinstance(data.get("contracts"), Mapping):
            raise BadPlan(f"the plan {network} has no `contracts`")
        merged = {**data, "parameters": dict(data.get("parameters") or {})}
        for name, value in (overrides or {}).items():
            if name in _SECTIONS - {"parameters", "contracts"}:
                merged[name] = value
            elif name in merged["parameters"]:
                merged["parameters"][name] = value
            else:
                known = ", ".join(merged["parameters"])
                raise BadPlan(f"the plan {network} has no parameter {name}; it has {known}")
        unknown = set(merged) - _SECTIONS
        if unknown:
            raise BadPlan(f"the plan {network} has sections that nobody reads: {', '.join(sorted(unknown))}")
        plan = cls(network, merged)
        plan.creations(_SOMEBODY, _SOMEWHERE)
        plan.steps(_SOMEBODY, _SOMEWHERE)
        plan.parameters(_SOMEBODY, _SOMEWHERE)
        return plan

    def addresses(self, directory: str) -> dict[str, str]:
        """Every contract's address, the Directory's included."""
        numbered = enumerate(self.names, 1)
        return {
            "Directory": directory,
            **{name: create_address(directory, place) for place, name in numbered},
        }

    def parameters(self, deployer: str, directory: str) -> dict[str, Any]:
        """All parameters with their references resolved. Raises BadPlan."""
        scope = self._scope(deployer, directory)
        return {
            name: self._resolve(value, scope, f"parameters.{name}")
            for name, value in self._parameters.items()
        }

    def directory_code(self, deployer: str) -> bytes:
        """Creation code of the Directory, whose owner is the deployer."""
        return load("Directory").init_code({"initialOwner": deployer})

    def creations(self, deployer: str, directory: str) -> tuple[Creation, ...]:
        """What the Directory is to create, in order. Raises BadPlan when an argument does not fit the ABI."""
        scope = self._scope(deployer, directory)
        listed = []
        for index, name in enumerate(self.names, 1):
            try:
                contract = load(name)
                given = self._resolve(self._data["contracts"][name] or {}, scope, name)
                arguments = contract.arrange_constructor(given)
                code = contract.init_code(given)
            except (BadArgument, ChainError) as error:
                raise BadPlan(f"in the plan {self.network}: {error.message}") from None
            listed.append(Creation(index, contract, scope[name], arguments, code))
        return tuple(listed)

    def steps(self, deployer: str, directory: str) -> tuple[Step, ...]:
        """What to do once the contracts exist: `setup`, then `policies`, then `fees`, then what of `setup` comes
        last. Raises BadPlan."""
        scope = self._scope(deployer, directory)
        setup = [(entry, _is_last(entry)) for entry in self._data.get("setup") or ()]
        first = [entry for entry, last in setup if not last]
        final = [entry for entry, last in setup if last]
        entries = [*first, *self._policy_entries(), *self._fee_entries(), *final]
        return tuple(self._step(entry, scope) for entry in entries)

    def _policy_entries(self) -> list[dict[str, Any]]:
        return [
            {
                "title": f"Policy {number} is in the book",
                "calls": [{"PolicyBook.add": {"terms": terms}}],
                "done": {"read": "PolicyBook.count", "at_least": number},
            }
            for number, terms in enumerate(self._data.get("policies") or (), 1)
        ]

    def _fee_entries(self) -> list[dict[str, Any]]:
        fees = self._data.get("fees")
        if not fees:
            return []
        if not isinstance(fees, Mapping) or set(fees) != {"provider", "customer"}:
            raise BadPlan(
                f"in the plan {self.network}: fees are given as provider and customer, in basis points"
            )
        done = {"read": "Escrow.fees", "equals": [fees["provider"], fees["customer"]]}
        return [{"title": "Fees are as planned", "calls": [{"Escrow.setFees": dict(fees)}], "done": done}]

    def _step(self, entry: Any, scope: Mapping[str, Any]) -> Step:
        try:
            title, done = str(entry["title"]), entry["done"]
            calls = [
                self._call(str(name), given, scope) for one in entry["calls"] for name, given in one.items()
            ]
            either = done if isinstance(done, list) else [done]
            conditions = tuple(self._condition(title, one, scope) for one in either)
            if not conditions:
                raise BadPlan(f"in the plan {self.network}: {title!r} is done when nothing holds")
        except (KeyError, TypeError, AttributeError) as error:
            raise BadPlan(
                f"in the plan {self.network}: a step has `title`, `calls` and `done`: {error!r}"
            ) from None
        return Step(title, tuple(calls), conditions)

    def _condition(self, title: str, done: Any, scope: Mapping[str, Any]) -> Condition:
        view = self._call(str(done["read"]), done.get("with") or (), scope)
        least, exactly = done.get("at_least"), done.get("equals")
        if (least is None) == (exactly is None):
            raise BadPlan(f"in the plan {self.network}: {title!r} needs either at_least or equals")
        where = f"{title}.done"
        return Condition(
            call=view,
            field=done.get("field"),
            at_least=self._resolve(least, scope, where),
            equals=self._resolve(exactly, scope, where),
        )

    def _call(self, name: str, arguments: Any, scope: Mapping[str, Any]) -> PlannedCall:
        contract, _, function = name.partition(".")
        if contract not in (*self.names, "Directory"):
            raise BadPlan(f"in the plan {self.network}: {name} is of a contract that the plan does not have")
        try:
            data = load(contract).encode_checked(function, self._resolve(arguments, scope, name))
        except BadArgument as error:
            raise BadPlan(f"in the plan {self.network}: {error.message}") from None
        return PlannedCall(contract, function, scope[contract], data)

    def _scope(self, deployer: str, directory: str) -> dict[str, Any]:
        addresses = self.addresses(checksum(directory, "directory"))
        clash = sorted(set(addresses) & set(self._parameters))
        if clash:
            raise BadPlan(
                f"in the plan {self.network}: parameters have names of contracts: {', '.join(clash)}"
            )
        return {**self._parameters, **addresses, "deployer": checksum(deployer, "deployer")}

    def _resolve(self, value: Any, scope: Mapping[str, Any], where: str, seen: Sequence[str] = ()) -> Any:
        if isinstance(value, Mapping):
            return {key: self._resolve(item, scope, f"{where}.{key}", seen) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._resolve(item, scope, f"{where}[{i}]", seen) for i, item in enumerate(value)]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name = value[1:]
        if name in seen:
            raise BadPlan(f"in the plan {self.network}: ${name} refers to itself ({where})")
        contract, _, function = name.partition(".")
        if function and contract in (*self.names, "Directory"):
            return self._selector(contract, function, where)
        if name not in scope:
            raise BadPlan(f"in the plan {self.network}: {where} refers to ${name}, which is nothing")
        return self._resolve(scope[name], scope, where, (*seen, name))

    def _selector(self, contract: str, function: str, where: str) -> bytes:
        """Selector of a contract's function. Raises BadPlan."""
        try:
            return load(contract).function(function).selector
        except ChainError as error:
            raise BadPlan(f"in the plan {self.network}: {where}: {error.message}") from None


def _is_last(entry: Any) -> bool:
    """Whether a setup step waits for policies and fees."""
    return isinstance(entry, Mapping) and bool(entry.get("last", False))
