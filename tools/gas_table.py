#!/usr/bin/env python3
"""Measure gas, and write the table that the repository keeps.

    tools/gas_table.py            measure, write docs/gas.json and docs/gas.md
    tools/gas_table.py --check    measure, write nothing, print a diff and exit 1 when a figure changed

Gas is exact: whole transactions on the compiled contracts, hardfork Prague, calldata floor included. `make test` runs
the check.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.gas.scenario import measure  # noqa: E402

JSON = ROOT / "docs" / "gas.json"
MARKDOWN = ROOT / "docs" / "gas.md"

# name of the row -> (our goal, what peers need for the like of it): whole transactions of their own code under Prague,
# measured in November 2026.
GOALS: dict[str, tuple[int | None, str]] = {
    "open one agreement": (
        None,
        "Filecoin Pay createRail 212 235; Sablier Flow create 139 108; iExec match 648 384",
    ),
    "open, batch of 100, each": (72_000, "Filecoin Pay createRail 212 235; Sablier Flow create 139 108"),
    "post + settle, batch of 256, steady, each": (
        11_500,
        "Golem batch push 9 637 (no escrow, no dispute); Livepeer ticket in a batch of ten 90 761; "
        "Filecoin Pay settleRail 91 755; Graph Horizon collect 154 915",
    ),
    "claim earnings": (None, "Morpho URD claim again 62 149; ERC-20 transfer alone 34 513"),
    "claim dividends": (60_000, "Synthetix StakingRewards getReward 76 432"),
    "stake TALLY, the first time": (None, "Synthetix StakingRewards stake more 123 469"),
    "slash, three parties credited": (150_000, "Prime Intellect invalidate + slash 381 622"),
    "open leases, batch of 100, each": (
        72_000,
        "Filecoin Pay createRail 212 235; Sablier Flow create 139 108; iExec match 648 384",
    ),
    "settle a lease by the clock, alone": (
        50_000,
        "Sablier Flow withdraw 87 450; Filecoin Pay settleRail 91 755, with a validator 103 968",
    ),
    "settle leases by the clock, batch of 100, each": (12_000, "Sablier Flow withdraw 87 450"),
    "collect one countersigned receipt": (
        65_000,
        "Graph Horizon collect 154 915; Livepeer ticket 182 500; Filecoin Pay one-off payment 96 920",
    ),
    "collect countersigned receipts, batch of 100, each": (
        25_000,
        "Livepeer ticket in a batch of ten 90 761",
    ),
    "self-post one receipt": (None, "Prime Intellect submitWork 234 530"),
    "create a split of 8 members": (None, "Superfluid GDA, change of one member's units 245 720"),
    "claim a share of a split of 8": (
        None,
        "EigenLayer processClaim 91 943; Morpho URD claim again 62 149; Superfluid GDA distribute 270 654",
    ),
    "close an agreement by a ruling: recover, slash, refund, three parties credited": (
        150_000,
        "Prime Intellect invalidate + slash 381 622",
    ),
}


def main() -> int:
    """0 when written or unchanged, 1 when --check found a change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with docs/gas.json and write nothing")
    check = parser.parse_args().check
    found = measure()
    if check:
        changes = differences(json.loads(JSON.read_text()), found)
        print("\n".join(changes) or "Gas is as in docs/gas.json.")
        return 1 if changes else 0
    JSON.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    MARKDOWN.write_text(markdown(found))
    print(f"Wrote {JSON.relative_to(ROOT)} and {MARKDOWN.relative_to(ROOT)}.")
    return 0


def differences(kept: dict[str, int], found: dict[str, int]) -> list[str]:
    """One line a row that changed, came or went."""
    lines = []
    for name in [*kept, *(name for name in found if name not in kept)]:
        before, after = kept.get(name), found.get(name)
        if before is None or after is None:
            lines.append(f"{name}: {before} -> {after}")
        elif before != after:
            lines.append(
                f"{name}: {before} -> {after} ({after - before:+d}, {(after - before) / before:+.1%})"
            )
    return lines


def markdown(found: dict[str, int]) -> str:
    """The table for people, with goals and peers."""
    rows = []
    for name, gas in found.items():
        goal, peers = GOALS.get(name, (None, ""))
        against = "" if goal is None else f"{_grouped(goal)} ({gas / goal:.0%})"
        rows.append(f"| {name} | {_grouped(gas)} | {against} | {peers} |")
    body = "\n".join(rows)
    return f"""# Gas

Written by `make gas`; `make test` fails with a diff when a figure changes. Whole transactions, exact, on the compiled
contracts under Prague (calldata floor of EIP-7623 included), in the scenarios of `tests/gas`: 5 customers, 20 providers
with an account each and 300 agreements (`scenario.py`); one of each for leases, signatures, splits, releases,
credentials, and for what challenges and disputes do to leaves and agreements (`paths.py`); a dispute before arbiters
(`arbiters.py`). "Each" divides a batch by its items and rounds up. "Steady" means that the slots were written before;
collecting, releasing and the clock are steady too. The share in brackets is ours of the goal: above 100 % the goal is
missed. Peers are the like operation on their own code, measured in November 2026; the operations differ in what they
promise.

The Azure conversation trace (19 366 receipts, 50 customers x 20 providers) takes 559.0 gas per receipt from post to
settled against a goal of 620; `tallystick replay` measures that, not this table.

| what | gas | goal | peers |
| --- | ---: | ---: | --- |
{body}
"""


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


if __name__ == "__main__":
    sys.exit(main())
