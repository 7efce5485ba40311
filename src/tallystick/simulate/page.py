"""The HTML report of a simulation: every scenario with its sentences, charts and tables, and all checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tallystick.reports.charts import Line, lines
from tallystick.reports.page import Chart, page_template
from tallystick.simulate.result import Drawing, Result

__all__ = ["render", "short"]


def render(results: Sequence[Result], subtitle: str) -> str:
    """The whole page."""
    checks = [check for result in results for check in result.checks]
    return page_template("tallystick.simulate", "report.html.j2").render(
        kind="simulation",
        title="What the token does, and what it cannot touch",
        subtitle=subtitle,
        good=all(check.ok for check in checks),
        checks=checks,
        failed=[check for check in checks if not check.ok],
        scenarios=[_section(result) for result in results],
    )


def short(value: int, scale: int) -> str:
    """A value of an axis in few characters: 1 500 000 dollars become `1.5M`, half a dollar `0.5`."""
    for letter, factor in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if abs(value) >= factor * scale:
            return _decimal(value, factor * scale) + letter
    return _decimal(value, scale)


def _decimal(value: int, scale: int) -> str:
    """Exactly when four decimals are enough, cut off otherwise."""
    whole, rest = divmod(value, scale)
    tail = f"{rest * 10_000 // scale:04d}".rstrip("0")
    return f"{whole}{'.' + tail if tail else ''}"


def _section(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "title": result.title,
        "ok": result.ok,
        "checks": len(result.checks),
        "story": result.story,
        "charts": [_chart(drawing) for drawing in result.drawings],
        "tables": result.tables,
    }


def _chart(drawing: Drawing) -> Chart:
    say: Callable[[int], str] = lambda value: short(value, drawing.scale)  # noqa: E731 - a closure over one name
    svg = lines(
        [Line(one.name, one.values, one.kind, one.dots) for one in drawing.series],
        title=drawing.title,
        across=drawing.across,
        xs=drawing.xs,
        say=say,
    )
    return Chart(
        drawing.title,
        svg,
        keys=[(one.kind, one.name) for one in drawing.series],
        note=f"In {drawing.unit}. {drawing.note}".strip(),
    )
