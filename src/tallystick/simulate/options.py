"""What a simulation is asked to play, and the checks that run before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.protocol.amounts import parse_amount
from tallystick.protocol.constants import MICRO
from tallystick.protocol.errors import AmountError
from tallystick.reports.files import UsageProblem, make_folder

__all__ = ["SCENARIOS", "SimulateOptions", "amount_of"]

SCENARIOS: Final = ("growth", "decline", "crash", "wash", "whale", "sweeper")
MIN_WEEKS, MAX_WEEKS = 8, 260
MIN_FEES, MAX_FEES = 100 * MICRO, 100_000 * MICRO
MAX_PRICE: Final = 1_000_000 * MICRO
MAX_SUPPLIERS: Final = 20
MAX_SEED: Final = 2**64 - 1
MIN_BLOCK, MAX_BLOCK = 1, 86_400


def amount_of(flag: str, text: str) -> int:
    """µ that a flag says.

    Raises:
        UsageProblem: when it is no amount.
    """
    try:
        return parse_amount(text)
    except AmountError as error:
        raise UsageProblem(f"{flag}: {error.message}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """One run. `fees`: µ of the growing market's first week; `price`: µ per TALLY; `block`: seconds between blocks."""

    scenarios: tuple[str, ...] = SCENARIOS
    out: Path = Path("build/simulate")
    weeks: int = 104
    seed: int = 0
    fees: int = 20_000 * MICRO
    price: int = MICRO // 20
    suppliers: int = 3
    block: int = 12

    def check(self) -> None:
        """Checks everything, and makes the folder.

        Raises:
            UsageProblem: with one sentence about the first thing that is wrong.
        """
        for name in self.scenarios:
            if name not in SCENARIOS:
                raise UsageProblem(f"There is no scenario {name!r}: choose of {', '.join(SCENARIOS)}.")
            if self.scenarios.count(name) > 1:
                raise UsageProblem(f"The scenario {name} is asked for twice.")
        if not self.scenarios:
            raise UsageProblem(f"No scenario is asked for: choose of {', '.join(SCENARIOS)}.")
        ranges = (
            ("--weeks", self.weeks, MIN_WEEKS, MAX_WEEKS, ""),
            ("--seed", self.seed, 0, MAX_SEED, ""),
            ("--fees", self.fees, MIN_FEES, MAX_FEES, " µ"),
            ("--price", self.price, 1, MAX_PRICE, " µ"),
            ("--suppliers", self.suppliers, 1, MAX_SUPPLIERS, ""),
            ("--block", self.block, MIN_BLOCK, MAX_BLOCK, " seconds"),
        )
        for flag, value, least, most, unit in ranges:
            if not least <= value <= most:
                raise UsageProblem(f"{flag} must be from {least} to {most}{unit}, not {value}.")
        make_folder(self.out)
