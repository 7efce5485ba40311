"""The frame of every HTML report: one file, styles and charts inline, readable in the dark and on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

__all__ = ["CURRENCY", "Chart", "page_template"]

CURRENCY = "tUSD"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in its card: `keys` are (class, word) of what its colours mean."""

    title: str
    svg: str
    keys: Sequence[tuple[str, str]] = ()
    note: str = ""


def page_template(package: str, name: str) -> jinja2.Template:
    """The template `name` of a package, which may extend `frame.html.j2` and import `parts.html.j2`."""
    shared = {part: _text("tallystick.reports", part) for part in ("frame.html.j2", "parts.html.j2")}
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader({**shared, name: _text(package, name)}),
    )
    return environment.get_template(name)


def _text(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")
