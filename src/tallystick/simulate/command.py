"""The `tallystick simulate` command without its flags: plays, checks, writes the reports, says what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from tallystick.protocol import constants
from tallystick.protocol.amounts import format_amount
from tallystick.reports.files import write_text
from tallystick.reports.page import CURRENCY
from tallystick.simulate.courses import crash, decline, growth
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.page import render
from tallystick.simulate.pictures import draw
from tallystick.simulate.result import Result
from tallystick.simulate.sweeper import sweeper
from tallystick.simulate.terminal import print_results
from tallystick.simulate.wash import wash
from tallystick.simulate.whale import whale

__all__ = ["report_of", "run_simulation"]

PLAYS: Final[Mapping[str, Callable[[SimulateOptions], Result]]] = {
    "growth": growth,
    "decline": decline,
    "crash": crash,
    "wash": wash,
    "whale": whale,
    "sweeper": sweeper,
}


def run_simulation(options: SimulateOptions, console: Console | None = None) -> bool:
    """Plays the scenarios and writes `report.json`, `report.html` and a PNG for each. Returns whether all checks hold.

    Raises:
        UsageProblem: when what was asked cannot be played; nothing is written then.
        OSError: when a report cannot be written.
    """
    options.check()
    results = [PLAYS[name](options) for name in options.scenarios]
    text = json.dumps(report_of(options, results), indent=2, ensure_ascii=False) + "\n"
    write_text(options.out / "report.json", text)
    write_text(options.out / "report.html", render(results, _subtitle(options)))
    for result in results:
        draw(result, options.out / f"{result.name}.png")
    out = console or Console(highlight=False)
    print_results(results, out)
    out.print(
        escape(f"reports: {options.out / 'report.json'} and report.html, charts beside them"), soft_wrap=True
    )
    return all(result.ok for result in results)


def report_of(options: SimulateOptions, results: Sequence[Result]) -> dict[str, Any]:
    """`report.json`: money in µ, rewards in TALLY-wei. Names are an interface; no time and no path is in it."""
    return {
        "parameters": _parameters(options),
        "scenarios": {result.name: {"title": result.title, **result.figures} for result in results},
        "checks": [check.to_json() for result in results for check in result.checks],
    }


def _parameters(options: SimulateOptions) -> dict[str, Any]:
    return {
        "scenarios": list(options.scenarios),
        "weeks": options.weeks,
        "seed": options.seed,
        "fees_of_first_week": options.fees,
        "price": options.price,
        "suppliers": options.suppliers,
        "block_seconds": options.block,
        "provider_fee_bps": constants.FEE_PROVIDER_BPS,
        "dividends_bps": constants.DIVIDENDS_BPS,
        "insurance_bps": constants.INSURANCE_BPS,
        "treasury_bps": constants.TREASURY_BPS,
        "emission_rate": constants.EMISSION_RATE,
        "emission_halving": constants.EMISSION_HALVING,
        "emission_daily_fees": constants.EMISSION_DAILY_FEES,
        "emission_vesting": constants.EMISSION_VESTING,
        "exit_delay": constants.EXIT_DELAY,
        "tally_cap": constants.TALLY_CAP,
    }


def _subtitle(options: SimulateOptions) -> str:
    return (
        f"{options.weeks} weeks, {options.suppliers} suppliers, {format_amount(options.fees, CURRENCY)} of fees in the"
        f" growing market's first week, {format_amount(options.price, CURRENCY)} per TALLY, seed {options.seed}"
    )
