"""The charts as PNG files, one picture a scenario. Drawn without a display; matplotlib is loaded only here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.simulate.page import short
from tallystick.simulate.result import Drawing, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

COLOURS: Final = {"net": "#2f6fde", "fee": "#e08a1e", "good": "#1f8f5f", "bad": "#c8374a"}
TICKS: Final = 6


def draw(result: Result, path: Path) -> None:
    """Writes the picture of one scenario.

    Raises:
        OSError: when it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    many = len(result.drawings)
    across = 1 if many == 1 else 2
    down = -(-many // across)
    figure = Figure(figsize=(5.2 * across, 3.4 * down), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(result.title, fontsize=12)
    for place, drawing in enumerate(result.drawings):
        _plot(figure.add_subplot(down, across, place + 1), drawing)
    aside = path.with_name(f".{path.name}.tmp")
    try:
        figure.savefig(aside, format="png", dpi=90, metadata={"Software": None})
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _plot(axes: Axes, drawing: Drawing) -> None:
    places = range(len(drawing.xs))
    for series in drawing.series:
        values = [value / drawing.scale for value in series.values]
        style = {"linestyle": "none", "marker": "o", "markersize": 4} if series.dots else {"linewidth": 1.8}
        axes.plot(places, values, label=series.name, color=COLOURS[series.kind], **style)
    axes.set_title(drawing.title, fontsize=10)
    axes.set_xlabel(drawing.across, fontsize=8)
    axes.set_ylabel(drawing.unit, fontsize=8)
    last = len(drawing.xs) - 1
    ticks = sorted({last * step // (TICKS - 1) for step in range(TICKS)})
    axes.set_xticks(ticks, [drawing.xs[tick] for tick in ticks], fontsize=8)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _place: short(round(value * 10_000), 10_000))
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, linewidth=0.4, alpha=0.6)
    axes.legend(fontsize=8, frameon=False)
