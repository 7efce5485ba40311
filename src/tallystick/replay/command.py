"""The `tallystick replay` command without its flags: checks, runs, writes the reports, says what came of
it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tallystick.replay.bins import Bins
from tallystick.replay.guard import ignore_interrupts
from tallystick.replay.lease.run import LeaseReplay
from tallystick.replay.options import ReplayOptions
from tallystick.replay.outcome import Outcome
from tallystick.replay.page import render
from tallystick.replay.run import Replay
from tallystick.replay.terminal import Terminal, print_outcome
from tallystick.reports.files import write_text

__all__ = ["replay_trace", "write_reports"]


def replay_trace(options: ReplayOptions, work: Path | None = None, console: Console | None = None) -> bool:
    """Runs one replay and writes its reports. Returns whether every figure agreed.

    Raises:
        TallystickError: when it could not be run to its end; nothing is written then.
    """
    options.check_numbers()
    options.check_files()
    kind = LeaseReplay if options.mode == "lease" else Replay
    with Terminal() as terminal, kind(options, terminal, work=work) as session:
        outcome = session.run()
        ignore_interrupts()
        write_reports(options, outcome, session.bins, kind="replay")
    out = console or Console(highlight=False)
    print_outcome(outcome, out)
    out.print(escape(f"reports: {options.report} and {options.html}"), soft_wrap=True)
    return outcome.conserved


def write_reports(
    options: ReplayOptions, outcome: Outcome, bins: Bins, *, kind: str, story: tuple[str, ...] = ()
) -> None:
    """Writes the JSON, then the HTML beside it.

    Raises:
        OSError: when one cannot be written.
    """
    outcome.write_json(options.report)
    page = render(
        outcome,
        bins,
        kind=kind,
        trace=options.trace.name,
        subtitle=subtitle_of(options, outcome),
        customers=options.customers,
        providers=options.providers,
        story=story,
    )
    write_text(options.html, page)


def subtitle_of(options: ReplayOptions, outcome: Outcome) -> str:
    """Under which terms everything on the page came about, in one line."""
    fee = f"provider fee {options.fee_bps} basis points"
    if options.nodes is None:
        who = f"{options.customers} customers x {options.providers} providers"
        return f"{who}, {options.unit_price} µ per 1e6 units, {fee}"
    nodes = len({line.provider for line in outcome.leases or ()})
    who = f"{options.customers} customers, {nodes} nodes of {options.nodes.name} with a job"
    price = f"{options.unit_price} µ per GPU and 1e6 seconds"
    seconds = options.budget_seconds
    funds = "budgets for the whole job" if seconds is None else f"budgets for at most {seconds} s"
    return f"{who}, {price}, {funds}, {fee}"
