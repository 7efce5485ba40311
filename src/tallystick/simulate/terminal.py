"""What a person sees at the end of a simulation: the tables, and the checks that do not hold."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from tallystick.simulate.result import Result, Table

__all__ = ["print_results"]


def print_results(results: Sequence[Result], console: Console) -> None:
    """Each scenario's sentences and tables, and the verdict."""
    for result in results:
        console.print(f"\n[bold]{escape(result.title)}[/]", soft_wrap=True)
        for line in result.story:
            console.print(escape(line), style="dim")
        for table in result.tables:
            console.print(_table(table))
    checks = [check for result in results for check in result.checks]
    failed = [check for check in checks if not check.ok]
    for check in failed:
        console.print(
            f"[bold red]does not hold[/]: {escape(check.name)}: {escape(check.says)}:"
            f" expected {escape(str(check.expected))}, found {escape(str(check.found))}",
            soft_wrap=True,
        )
    verdict = f"{len(checks) - len(failed)} of {len(checks)} checks hold"
    console.print(f"\n[bold {'red' if failed else 'green'}]{verdict}[/]", soft_wrap=True)


def _table(table: Table) -> RichTable:
    drawn = RichTable(title=escape(table.title), title_justify="left", box=box.SIMPLE_HEAD)
    for place in table.columns():
        drawn.add_column(escape(table.head[place]), justify="right" if place else "left")
    for row in table.rows:
        drawn.add_row(*(escape(row[place]) for place in table.columns()))
    return drawn
