"""The Python side says what the Solidity sources say: enums by number, errors by name."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from tallystick.protocol import accounting, eip712, enums
from tallystick.protocol.reasons import DisputeReason

ROOT = Path(__file__).parents[3]
SOLIDITY = "\n".join(path.read_text() for path in sorted((ROOT / "contracts").rglob("*.sol")))
TYPES = "\n".join(
    path.read_text()
    for room in ("types", "interfaces")
    for path in sorted((ROOT / "contracts" / room).rglob("*.sol"))
)
OPENZEPPELIN = {
    "AccessManagedUnauthorized",
    "ERC20InsufficientBalance",
    "ERC20InvalidReceiver",
    "Panic",
    "SafeCastOverflowedUintDowncast",
}


@pytest.mark.parametrize(
    "mirror",
    [
        cls
        for cls in vars(enums).values()
        if isinstance(cls, type) and issubclass(cls, IntEnum) and cls is not IntEnum
    ],
)
def test_enum__of_data_types__same_names_in_the_same_order(mirror: type[IntEnum]) -> None:
    body = re.search(rf"enum {mirror.__name__} \{{([^}}]*)\}}", TYPES)
    assert body is not None
    assert [name.strip() for name in body[1].split(",")] == [member.name for member in mirror]
    assert [member.value for member in mirror] == list(range(len(mirror)))


def test_role__of_data_types__same_bits() -> None:
    body = re.search(r"library Role \{([^}]*)\}", SOLIDITY)
    assert body is not None
    declared = dict(re.findall(r"uint8 internal constant (\w+) = (\d+);", body[1]))
    assert {role.name: str(role.value) for role in enums.Role} | {
        "ALL": str(int(enums.ROLES_ALL))
    } == declared


def test_refused__every_code_of_the_model__is_an_error_of_the_contracts() -> None:
    sources = Path(accounting.__file__).parent.glob("*.py")
    used = {code for path in sources for code in re.findall(r'Refused\(\s*"(\w+)"', path.read_text())}
    declared = set(re.findall(r"\berror (\w+)\(", SOLIDITY))
    assert len(used) > 40
    assert used - declared - OPENZEPPELIN == set()


@pytest.mark.parametrize(
    "declaration",
    [text for name, text in vars(eip712).items() if name.endswith("_TYPE") and not name.startswith("_")],
)
def test_type_string__of_the_python_side__stands_in_the_contracts(declaration: str) -> None:
    assert f'"{declaration}"' in SOLIDITY


def test_reasons__of_challenges__same_numbers() -> None:
    declared = dict(re.findall(r"uint16 public constant REASON_(\w+) = (\d+);", SOLIDITY))
    assert declared == {name: str(int(DisputeReason[name])) for name in declared}
    assert len(declared) == 2
