"""The `tallystick replay` command without its flags: checks, runs, writes the reports, says what came of
it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tallystick.replay.guard import ignore_interrupts
from tallystick.replay.options import ReplayOptions
from tallystick.replay.outcome import Outcome, write_text
from tallystick.replay.page import render
from tallystick.replay.plan import Survey
from tallystick.replay.run import Replay
from tallystick.replay.terminal import Terminal, print_outcome

__all__ = ["replay_trace", "write_reports"]


def replay_trace(options: ReplayOptions, work: Path | None = None, console: Console | None = None) -> bool:
    """Runs one replay and writes its reports. Returns whether every figure agreed.

    Raises:
        TallystickError: when it could not be run to its end; nothing is written then.
    """
    options.check_numbers()
    options.check_files()
    with Terminal() as terminal, Replay(options, terminal, work=work) as session:
        outcome = session.run()
        found = session.survey
        ignore_interrupts()
        write_reports(options, outcome, found, kind="replay")
    out = console or Console(highlight=False)
    print_outcome(outcome, out)
    out.print(escape(f"reports: {options.report} and {options.html}"), soft_wrap=True)
    return outcome.conserved


def write_reports(
    options: ReplayOptions, outcome: Outcome, found: Survey, *, kind: str, story: tuple[str, ...] = ()
) -> None:
    """Writes the JSON, then the HTML beside it.

    Raises:
        OSError: when one cannot be written.
    """
    outcome.write_json(options.report)
    page = render(
        outcome,
        found.bins,
        kind=kind,
        trace=options.trace.name,
        customers=options.customers,
        providers=options.providers,
        unit_price=options.unit_price,
        fee_bps=options.fee_bps,
        story=story,
    )
    write_text(options.html, page)
