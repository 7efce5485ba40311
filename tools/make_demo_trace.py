"""Writes the small trace of our own that `tallystick demo` plays: 500 requests in the Azure LLM format.

Nothing in it comes from anybody's data. The numbers are drawn from a fixed linear congruential generator, so
every machine and every Python writes the same bytes, and a test compares them with what the package ships.

    python tools/make_demo_trace.py src/tallystick/demo/trace.csv
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 500
SEED = 20_261_122
START = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)


def draws(seed: int) -> Iterator[int]:
    """Numbers from 0 to 2**32 - 1: Knuth's MMIX generator, the upper half of each state."""
    state = seed
    while True:
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        yield state >> 32


def skewed(number: Iterator[int], smallest: int, largest: int) -> int:
    """An integer of [smallest, largest] that is more often small: the least of two even draws, squared."""
    even = min(next(number), next(number))
    return smallest + (largest - smallest) * even * even // 2**64


def trace(rows: int = ROWS, seed: int = SEED) -> str:
    """The whole file: a header and `rows` requests that come in bursts, prompts longer than answers."""
    number = draws(seed)
    at = START
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for _ in range(rows):
        at += timedelta(microseconds=skewed(number, 20_000, 9_000_000))
        context = skewed(number, 16, 7_400)
        generated = skewed(number, 4, 1_100)
        # Seven digits of a second, as in the Azure files.
        lines.append(f"{at:%Y-%m-%d %H:%M:%S.%f}0,{context},{generated}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the trace to the path given on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: make_demo_trace.py OUT.csv")
    Path(sys.argv[1]).write_text(trace(), encoding="utf-8")


if __name__ == "__main__":
    main()
