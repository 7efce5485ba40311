"""What a person sees: a bar for each phase while it runs, and a table at the end. Progress goes to stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from tallystick.protocol.amounts import format_amount
from tallystick.replay.outcome import Outcome
from tallystick.replay.page import CURRENCY, lease_figures, noun, reason_lines

__all__ = ["Terminal", "print_outcome"]


class Terminal:
    """Progress on stderr: bars where that is a terminal, one line a phase elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, sentence: str) -> None:
        """A sentence above the bars."""
        self.console.print(f"  {escape(sentence)}", style="dim", soft_wrap=True)

    @contextmanager
    def phase(self, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """One phase; the function that it gives takes how much is done. A phase of 0 is done at once."""
        task = self._bars.add_task(title, total=total)
        began = time.monotonic()
        done = 0

        def set_done(completed: int) -> None:
            nonlocal done
            done = completed
            self._bars.update(task, completed=completed)

        yield set_done
        whole = total if total is not None else max(done, 1)
        self._bars.update(task, completed=whole, total=whole)
        if not self.console.is_terminal:
            count = f" ({done:,})" if done else ""
            self.console.print(f"{title}{count}: {time.monotonic() - began:.1f} s", soft_wrap=True)


def print_outcome(outcome: Outcome, console: Console) -> None:
    """The final table, the rejected rows by reason, and the verdict."""
    table = Table(title="What was settled", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(justify="right")
    gas = outcome.gas
    leases = outcome.leases
    rows = [
        (f"{noun(outcome)} accepted", f"{outcome.receipts:,}"),
        ("rows rejected", f"{len(outcome.rejected):,}"),
        *(
            [("agreements with receipts", f"{len(outcome.per_agreement):,} of {outcome.opened:,}")]
            if leases is None
            else lease_figures(leases)
        ),
        ("units", f"{outcome.units:,}"),
        ("customers paid (gross)", format_amount(outcome.gross, CURRENCY)),
        ("fees", format_amount(outcome.fees, CURRENCY)),
        ("providers earned (net)", format_amount(outcome.net, CURRENCY)),
        ("gas: deploy, open", f"{gas.deploy:,}, {gas.open:,}"),
        *(
            [
                ("gas: post, settle", f"{gas.post:,}, {gas.settle:,}"),
                ("gas per receipt (post + settle)", f"{gas.per_receipt(outcome.receipts):,.1f}"),
            ]
            if leases is None
            else [("gas: " + ", ".join(gas.parts), ", ".join(f"{amount:,}" for amount in gas.parts.values()))]
        ),
        ("seconds", f"{outcome.seconds:,.1f}"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    for reason, many, lines in reason_lines(outcome.rejected):
        console.print(f"rejected {many:,} x {reason}: line{'s' if many > 1 else ''} {lines}", soft_wrap=True)
    if outcome.conserved:
        console.print("[bold green]conserved[/]: chain, model and trace agree to the last µ", soft_wrap=True)
        return
    console.print(f"[bold red]NOT conserved[/]: {len(outcome.differences)} difference(s)", soft_wrap=True)
    for line in outcome.differences[:20]:
        console.print(f"  {escape(line)}", soft_wrap=True)
    if len(outcome.differences) > 20:
        console.print(f"  … and {len(outcome.differences) - 20} more, in the HTML report", soft_wrap=True)
