"""What a contract can reach: by its sources' imports, and by the selectors in its bytecode.

reached("contracts/escrow/Escrow.sol")     # every source that it imports, directly or not
constants(code)                            # what its PUSH instructions push, widths 1 to 32
knows(code, selector)                      # whether it can call, or be called by, that selector
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["PAYMENTS", "TOKEN_SIDE", "constants", "guarded", "knows", "reached", "sources"]

ROOT: Final = Path(__file__).resolve().parents[2]

TOKEN_SIDE: Final = ("TallyToken", "TestTally", "PausedTally", "DividendVault", "SupplierRewards")
"""Contracts of the token. Everything else that is deployed takes part in paying for work, or governs it."""

PAYMENTS: Final = (
    "Escrow", "EscrowExtension", "EscrowRulings",
    "ReceiptLedger", "ReceiptLedgerExtension", "ReceiptLedgerDisputes", "SessionKeys",
    "Staking", "PolicyBook", "Credentials", "FeeSplitter", "InsurancePool",
    "Court", "CourtExecution", "Challenges", "JackpotPool", "Council", "Jury", "BisectionReferee",
)  # fmt: skip

PUSH1, PUSH32 = 0x60, 0x7F
_IMPORT: Final = re.compile(r'^import\s[^;]*?"([^"]+)";', re.MULTILINE | re.DOTALL)
_RESTRICTED: Final = re.compile(r"function\s+(\w+)\s*\([^)]*\)([^{;]*)\{", re.DOTALL)


@cache
def sources() -> dict[str, str]:
    """Texts of our own contracts by path from the project's folder, mocks left out."""
    paths = sorted((ROOT / "contracts").rglob("*.sol"))
    kept = [path for path in paths if not {"mocks", ".cache"} & set(path.parts)]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in kept}


@cache
def reached(source: str) -> frozenset[str]:
    """Paths of every source of ours that this one imports, itself included."""
    found: set[str] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path in found or path.startswith("@"):
            continue
        found.add(path)
        for target in _IMPORT.findall((ROOT / path).read_text("utf-8")):
            if target.startswith("."):
                target = ((ROOT / path).parent / target).resolve().relative_to(ROOT).as_posix()
            waiting.append(target)
    return frozenset(found)


def guarded() -> set[tuple[str, str]]:
    """(source's file name, function) of every function behind AccessManager's `restricted`."""
    return {
        (Path(path).stem, name)
        for path, text in sources().items()
        for name, modifiers in _RESTRICTED.findall(text)
        if re.search(r"\brestricted\b", modifiers)
    }


def constants(code: bytes) -> Iterator[bytes]:
    """The data of every PUSH1 to PUSH32, in order; what they push is no instruction, and is passed over."""
    place = 0
    while place < len(code):
        width = code[place] - PUSH1 + 1 if PUSH1 <= code[place] <= PUSH32 else 0
        if width:
            yield code[place + 1 : place + 1 + width]
        place += 1 + width


def knows(code: bytes, selector: bytes) -> bool:
    """Whether a PUSH holds the selector: alone, or at the upper end of a word as calldata begins with it. Leading zero
    bytes of a constant are not pushed, and trailing ones may be shifted in."""
    short = selector.lstrip(b"\0")
    return any(
        data in (selector, short) or (len(data) > len(selector) and data.startswith(selector))
        for data in constants(code)
    )
