#!/usr/bin/env python3
"""Settle one trace again and again, each time with something else the matter with the token: nobody's money may differ.

    tools/bifurcation.py [TRACE] [--limit N] [--variants normal,paused,…] [--out build/bifurcation]

Every variant has a chain, a deployment and a relayer process of its own, as `tallystick replay` has. Writes
OUT/report.json
    {"trace", "equal", "differences": [text], "variants": [{"variant", "what", "sha256", "sha256_payments", "receipts",
     "agreements", "settled", "tally_supply", "dividends", "token_actions": [{"action", "by", "outcome"}], …}]}
and OUT/<variant>.json, the balances themselves, whose SHA-256 is `sha256`: all that anybody has or is owed in the
currency, in µ, when the fees lie with vault, insurance and treasury. `sha256_payments` is that of the same before they
were pulled, without these three. Exits with 0 when all are byte for byte those of the first variant and nothing failed
that its variant does not break, with 1 when not, with 2 when the trace cannot be played.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from tests.support.bifurcation import VARIANTS, Run, differences, play  # noqa: E402

from tallystick.demo.command import CUSTOMERS, FEE_BPS, PROVIDERS, UNIT_PRICE, format_of  # noqa: E402
from tallystick.protocol.amounts import format_amount  # noqa: E402
from tallystick.protocol.errors import TallystickError  # noqa: E402
from tallystick.replay.errors import UsageProblem  # noqa: E402
from tallystick.replay.options import ReplayOptions  # noqa: E402
from tallystick.replay.page import CURRENCY  # noqa: E402
from tallystick.replay.terminal import Terminal  # noqa: E402
from tallystick.reports.files import write_text  # noqa: E402

FAILED, USAGE = 1, 2


def main() -> int:
    """See the exit codes above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    ours = resources.files("tallystick.demo") / "trace.csv"
    parser.add_argument("trace", nargs="?", type=Path, default=Path(str(ours)), help="the project's own")
    parser.add_argument("--limit", type=int, default=None, help="rows of it to play (all)")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="the first is what others are held to")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bifurcation")
    wanted = parser.parse_args()
    try:
        return compare(wanted.trace, wanted.limit, wanted.variants.split(","), wanted.out)
    except TallystickError as error:
        print(f"bifurcation: {error.message} [{error.code}]", file=sys.stderr)
        return USAGE if isinstance(error, UsageProblem) else FAILED


def compare(trace: Path, limit: int | None, names: list[str], out: Path) -> int:
    """Plays every variant and writes what came of it. Raises TallystickError."""
    unknown = [name for name in names if name not in VARIANTS]
    if unknown or not names:
        raise UsageProblem(f"There is no variant {', '.join(unknown)}: there are {', '.join(VARIANTS)}.")
    options = ReplayOptions(
        trace=trace,
        format=format_of(trace),
        report=out / "report.json",
        unit_price=UNIT_PRICE,
        fee_bps=FEE_BPS,
        customers=CUSTOMERS,
        providers=PROVIDERS,
        limit=limit,
    )
    options.check_numbers()
    options.check_files()
    console, runs = Console(highlight=False), list[Run]()
    for name in names:
        with Terminal() as terminal:
            runs.append(play(options, VARIANTS[name], terminal))
        console.print(sentence_of(runs[-1], runs[0]), soft_wrap=True)
        write_text(out / f"{name}.json", runs[-1].everything.decode())
    found = differences(runs)
    report = {
        "trace": trace.name,
        "equal": not found,
        "differences": found,
        "variants": [run.to_json() for run in runs],
    }
    write_text(options.report, json.dumps(report, indent=2) + "\n")
    for line in found:
        console.print(line, style="red", soft_wrap=True)
    verdict = "every balance is the same to the last byte" if not found else f"{len(found)} difference(s)"
    console.print(f"{len(runs)} variants: {verdict}. report: {options.report}", soft_wrap=True)
    return FAILED if found else 0


def sentence_of(run: Run, first: Run) -> str:
    """What one variant came to, against the first."""
    same = "the same balances" if run.everything == first.everything else "OTHER BALANCES"
    digest = run.to_json()["sha256"][:16]
    failed = sum(not one.ok for one in run.attempts)
    dividends = " + ".join(map(str, run.dividends))
    return (
        f"{run.variant.name}: {run.variant.says}. {run.receipts:,} receipts,"
        f" {format_amount(run.paid, CURRENCY)} settled under {run.agreements} agreements, {same} ({digest}…);"
        f" {failed} of {len(run.attempts)} token actions failed, dividends {dividends} µ; {run.seconds:.0f} s."
    )


if __name__ == "__main__":
    sys.exit(main())
