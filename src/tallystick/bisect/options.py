"""What a bisection demo is asked to play, and the checks that run before anything starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tallystick.protocol.hashing import keccak256
from tallystick.reports.files import UsageProblem, make_folder

__all__ = ["MAX_TOTAL", "BisectOptions"]

#: Each operation costs about 3 µs here, and twice that when the solver cheats at the first.
MAX_TOTAL = 2**24
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectOptions:
    """One dispute. `fault` is the operation at which the solver cheats, 0-based over all checkpoints, or "none": the
    solver is honest then, and the challenger lies from operation `lie` on (None: `seed` decides)."""

    checkpoints: int
    operations: int
    fault: str
    report: Path
    lie: int | None = None
    seed: int = 0

    @property
    def total(self) -> int:
        """Operations in all."""
        return self.checkpoints * self.operations

    @property
    def faulty(self) -> int | None:
        """Where the solver cheats; None when it is honest.

        Raises:
            UsageProblem: when --fault is no number.
        """
        if self.fault.strip().lower() == NONE:
            return None
        try:
            # int() takes more than digits: signs, underscores and other alphabets' digits.
            if not (self.fault.isascii() and self.fault.removeprefix("-").isdigit()):
                raise ValueError
            return int(self.fault)
        except ValueError:
            raise UsageProblem(
                f'--fault is the number of an operation, or "none" for an honest solver, not {self.fault!r}.'
            ) from None

    @property
    def lying(self) -> int:
        """Where the challenger lies about an honest solver."""
        if self.lie is not None:
            return self.lie
        return int.from_bytes(keccak256(b"lie %d" % self.seed), "big") % self.total

    def check(self) -> None:
        """Checks everything, and makes the report's folder.

        Raises:
            UsageProblem: with one sentence about the first thing that is wrong.
        """
        for flag, count in (("--checkpoints", self.checkpoints), ("--operations", self.operations)):
            if count < 1:
                raise UsageProblem(f"{flag} must be at least 1, not {count}.")
        if self.total > MAX_TOTAL:
            raise UsageProblem(
                f"{self.checkpoints} checkpoints x {self.operations} operations are {self.total} in all;"
                f" the demo computes at most {MAX_TOTAL}."
            )
        if self.faulty is not None and self.lie is not None:
            raise UsageProblem("--lie belongs to --fault none: only there the challenger lies.")
        for flag, place in (("--fault", self.faulty), ("--lie", self.lie)):
            if place is not None and not 0 <= place < self.total:
                raise UsageProblem(
                    f"{flag} must be an operation from 0 to {self.total - 1}"
                    f" ({self.checkpoints} checkpoints x {self.operations} operations), not {place}."
                )
        if self.report.is_dir():
            raise UsageProblem(f"The report cannot be written: {self.report} is a folder.")
        make_folder(self.report.parent)
        if self.report.exists() and not os.access(self.report, os.W_OK):
            raise UsageProblem(f"The report cannot be written: no permission for {self.report}.")
