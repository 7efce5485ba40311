"""docs/comparison.md names only functions of ours and rows of the gas table that exist, and leaves no cell open.

What it says of others was read in their sources and cannot be tested here.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "comparison.md"
PEERS: Final = ["Filecoin Pay", "Graph Horizon", "iExec PoCo", "Akash", "Prime Intellect", "Sablier Flow"]
PARTS: Final = {  # interfaces that are one contract to those who call it
    "IEscrowExtension": "Escrow",
    "IEscrowRulings": "Escrow",
    "IReceiptLedgerExtension": "ReceiptLedger",
    "IReceiptLedgerDisputes": "ReceiptLedger",
    "IOperatorRegistry": "Staking",
    "IStakeReserves": "Staking",
}


@cache
def _functions() -> Mapping[str, frozenset[str]]:
    """Names of each contract's functions, out of the interfaces."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "contracts" / "interfaces").glob("I*.sol"):
        contract = PARTS.get(path.stem, path.stem.removeprefix("I"))
        found[contract] |= {*re.findall(r"^    function (\w+)\(", path.read_text("utf-8"), re.MULTILINE)}
    return {contract: frozenset(names) for contract, names in found.items()}


def _tables() -> Iterator[tuple[str, list[list[str]]]]:
    """(heading, rows of cells, the header's first) of each table."""
    for part in re.split(r"^## ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE):
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in part.splitlines()
            if line[:1] == "|"
        ]
        if rows:
            yield part.splitlines()[0], [rows[0], *rows[2:]]


def test_ours__every_function_named__exists() -> None:
    named = re.findall(r"`([A-Z]\w+)\.(\w+)`", DOCUMENT.read_text("utf-8"))
    ours = {(contract, function) for contract, function in named if contract in _functions()}
    assert len(ours) > 50
    for contract, function in sorted(ours):
        assert function in _functions()[contract], (
            f"docs/comparison.md names {contract}.{function}, which there is not"
        )


def test_ours__every_way_to_pay_and_to_end__is_named() -> None:
    """What a party calls to be paid, to agree, to end or to get out belongs into a comparison."""
    text = DOCUMENT.read_text("utf-8")
    for contract, functions in {
        "Escrow": "open topUp topUpSigned replace close refund refundMany refundEarly withdraw claim claimShare",
        "ReceiptLedger": "post settle settleOne collect selfPost postSigned release finalise reportDowntime cancel",
        "Staking": "unstake cancelThaw withdraw resign registerSource authoriseKeys",
        "SessionKeys": "grant revoke",
        "Credentials": "post revoke",
    }.items():
        for function in functions.split():
            assert f"`{contract}.{function}`" in text, (
                f"docs/comparison.md does not name {contract}.{function}"
            )


def test_tables__each_row__says_something_of_each_system() -> None:
    compared = [(heading, rows) for heading, rows in _tables() if rows[0][:2] == ["feature", "Tallystick"]]
    assert len(compared) == 10
    for heading, rows in compared:
        assert rows[0] == ["feature", "Tallystick", *PEERS], heading
        for row in rows[1:]:
            assert len(row) == len(PEERS) + 2, f"{heading}: '{row[0]}' has {len(row)} cells"
            assert all(row), f"{heading}: '{row[0]}' has an empty cell"


def test_gas__rows_that_it_points_to__are_in_the_gas_table() -> None:
    measured = json.loads((ROOT / "docs" / "gas.json").read_text("utf-8"))
    rows = next(rows for heading, rows in _tables() if heading.startswith("11."))
    pointed = [name.removeprefix("and ") for row in rows[1:] for name in row[3].split("; ") if name]
    assert len(pointed) > 8
    for name in pointed:
        assert name in measured, f"docs/gas.json has no row '{name}'"


def test_gas__of_peers__is_what_docs_gas_says_too() -> None:
    """Both documents quote the same measurements; a figure in two places must be one figure."""
    ours = DOCUMENT.read_text("utf-8")
    for figure in re.findall(
        r"(?:Pay|Flow|iExec|Horizon|Livepeer|Golem|Intellect|Morpho|Synthetix)[^|;]* (\d{1,3}(?: \d{3})+)",
        (ROOT / "docs" / "gas.md").read_text("utf-8"),
    ):
        assert figure in ours, f"docs/gas.md quotes {figure} of a peer; docs/comparison.md does not"
