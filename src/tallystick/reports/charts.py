"""Charts as inline SVG: no script, no font, no address of anybody's; colours come from the page's style
sheet.

Every function is pure and returns one `<svg>` whose text is readable at the width of a phone (the view box is
440 wide). Classes used: `net`, `fee`, `good`, `bad`, `bar` for filled shapes and, with `line`, for drawn ones;
`grid`, `tick`, `label`, `value` for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

__all__ = ["Bar", "Line", "bars", "columns", "curve", "heatmap", "lines", "nice_ceiling"]

WIDTH = 440


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar: parts as (amount, class), `note` is written behind it."""

    label: str
    parts: Sequence[tuple[int, str]]
    note: str

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return sum(amount for amount, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, in the order given; `dots`: its points alone."""

    name: str
    values: Sequence[int]
    kind: str
    dots: bool = False


def nice_ceiling(value: int) -> int:
    """The least of 1, 2, 2.5 or 5 x 10^n that is not below `value` (at least 1), in whole numbers."""
    power = 1
    while power * 10 < value:
        power *= 10
    for tenths in (10, 20, 25, 50, 100):
        top = power * tenths // 10
        if top >= value and top * 10 == power * tenths:
            return max(top, 1)
    return power * 10


def bars(rows: Sequence[Bar], *, title: str) -> str:
    """Horizontal bars, stacked parts, one line each."""
    line, label_width, note_width = 26, 96, 96
    top = max((row.total for row in rows), default=0) or 1
    room = WIDTH - label_width - note_width
    parts: list[str] = []
    for index, row in enumerate(rows):
        y = index * line + 4
        parts.append(_text(label_width - 8, y + 14, row.label, "label", "end"))
        x = float(label_width)
        for amount, kind in row.parts:
            width = amount / top * room
            if amount:
                parts.append(
                    f'<rect class="{kind}" x="{x:.2f}" y="{y}" width="{max(width, 0.5):.2f}" height="18"'
                    ' rx="2">'
                    f"<title>{escape(row.label)}: {escape(row.note)}</title></rect>"
                )
            x += width
        parts.append(_text(x + 6, y + 14, row.note, "value"))
    return _svg(parts, len(rows) * line + 6, title)


def columns(
    lower: Sequence[int],
    upper: Sequence[int],
    *,
    title: str,
    label: Callable[[int], str],
    classes: tuple[str, str],
) -> str:
    """Two stacked series; `label` says where column n begins."""
    left, bottom, height = 44, 158, 140
    top = nice_ceiling(max((a + b for a, b in zip(lower, upper, strict=True)), default=1))
    count = max(len(lower), 1)
    step = (WIDTH - left - 8) / count
    wide = max(step - 0.8, 0.4)
    parts = _grid(left, bottom, height, top, str)
    for index, (first, second) in enumerate(zip(lower, upper, strict=True)):
        x, y = left + index * step, float(bottom)
        for amount, kind in ((first, classes[0]), (second, classes[1])):
            if not amount:
                continue
            tall = amount / top * height
            y -= tall
            parts.append(
                f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{wide:.2f}" height="{tall:.2f}">'
                f"<title>{escape(label(index))}: {first} and {second}</title></rect>"
            )
    parts.append(_text(left, bottom + 18, label(0), "tick"))
    parts.append(_text(WIDTH - 8, bottom + 18, label(count), "tick", "end"))
    return _svg(parts, bottom + 26, title)


def heatmap(
    values: Sequence[Sequence[int]], *, title: str, rows: str, across: str, say: Callable[[int], str]
) -> str:
    """A table of squares, the darker the more; `values[row][column]`."""
    left, above = 34, 18
    wide, tall = max((len(row) for row in values), default=1), max(len(values), 1)
    cell = min((WIDTH - left - 4) / wide, 30.0)
    high = min(cell, 22.0)
    top = max((value for row in values for value in row), default=0) or 1
    parts = [_text(left, 12, f"{across} 0 to {wide - 1} →", "tick")]
    every = max(1, ceil(11 / high))
    for r, row in enumerate(values):
        y = above + r * high
        if r % every == 0:
            parts.append(_text(left - 6, y + min(high, 14) - 2, str(r), "tick", "end"))
        for c, value in enumerate(row):
            shade = 0.06 + 0.94 * value / top if value else 0.0
            parts.append(
                f'<rect class="cell" x="{left + c * cell:.2f}" y="{y:.2f}" width="{max(cell - 1, 0.5):.2f}"'
                f' height="{max(high - 1, 0.5):.2f}" fill-opacity="{shade:.3f}">'
                f"<title>{rows} {r}, {across} {c}: {escape(say(value))}</title></rect>"
            )
    return _svg(parts, ceil(above + tall * high + 4), title)


def curve(
    values: Sequence[int], *, title: str, unit: str, say: Callable[[int], str], points: int = 400
) -> str:
    """An area under values in the order given; long series are thinned to `points` by their largest
    neighbours."""
    left, bottom, height = 64, 158, 140
    thin = max(1, ceil(len(values) / points))
    kept = [max(values[i : i + thin]) for i in range(0, len(values), thin)] or [0]
    top = nice_ceiling(max(kept))
    step = (WIDTH - left - 8) / max(len(kept) - 1, 1)
    path = " ".join(f"L{left + i * step:.2f} {bottom - v / top * height:.2f}" for i, v in enumerate(kept))
    end = left + (len(kept) - 1) * step
    parts = _grid(left, bottom, height, top, say)
    parts.append(f'<path class="area" d="M{left} {bottom} {path} L{end:.2f} {bottom} Z"/>')
    parts.append(_text(left, bottom + 18, f"{unit} 1", "tick"))
    parts.append(_text(WIDTH - 8, bottom + 18, f"{unit} {len(values)}", "tick", "end"))
    return _svg(parts, bottom + 26, title)


def lines(
    series: Sequence[Line], *, title: str, across: str, xs: Sequence[str], say: Callable[[int], str]
) -> str:
    """Lines over the same points, from zero up; `xs` are the points' labels, `across` says what they count."""
    left, bottom, height = 64, 158, 140
    top = nice_ceiling(max((value for line in series for value in line.values), default=1))
    step = (WIDTH - left - 12) / max(len(xs) - 1, 1)
    parts = _grid(left, bottom, height, top, say)
    for line in series:
        points = [(left + i * step, bottom - v / top * height) for i, v in enumerate(line.values)]
        if line.dots:
            for (x, y), label, value in zip(points, xs, line.values, strict=True):
                said = escape(f"{line.name}, {across} {label}: {say(value)}")
                parts.append(
                    f'<circle class="{line.kind}" cx="{x:.2f}" cy="{y:.2f}" r="3"><title>{said}</title></circle>'
                )
            continue
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        parts.append(
            f'<polyline class="line {line.kind}" points="{path}"><title>{escape(line.name)}</title></polyline>'
        )
    parts.append(_text(left, bottom + 18, f"{across} {xs[0]}", "tick"))
    parts.append(_text(WIDTH - 8, bottom + 18, f"{across} {xs[-1]}", "tick", "end"))
    return _svg(parts, bottom + 26, title)


def _grid(left: int, bottom: int, height: int, top: int, say: Callable[[int], str]) -> list[str]:
    parts = []
    for share in (0, 1, 2):
        y = bottom - height * share / 2
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        if share * top % 2 == 0:
            parts.append(_text(left - 6, y + 4, say(top * share // 2), "tick", "end"))
    return parts


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(parts: Sequence[str], height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
