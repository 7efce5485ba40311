#!/usr/bin/env python3
"""Drive the market's state machine, model and bytecode side by side, or quarrels before the Court, for as long as told.

    tools/fuzz.py --steps 1000000 [--seed N] [--machine market|quarrels] [--report build/fuzz/report.json]

Writes {"steps": n, "seed": n, "rules": {name: {"ok": n, "refused": n}}, "invariants": {name: times checked},
"reached": {reason: n}, "failures": [text]} and exits 1 when something differed. Functions count as rules: `ok` that
both worlds carried out, `refused` that both refused with the same error; `reached` counts what single items of calls
that went through met. Ctrl-C stops early and still writes the report.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hypothesis import HealthCheck, Phase, seed, settings  # noqa: E402
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test  # noqa: E402
from tests.stateful.machine import Market  # noqa: E402
from tests.stateful.quarrels import Quarrels  # noqa: E402

STEPS_AN_EXAMPLE = 60
EXAMPLES_A_ROUND = 50
MACHINES = {"market": Market, "quarrels": Quarrels}


class Tally:
    """What all examples did together."""

    def __init__(self) -> None:
        self.steps = 0
        self.ok: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        self.failures: list[str] = []

    def machine(self, name: str) -> type[RuleBasedStateMachine]:
        """A state machine, counting into this tally."""
        tally, base = self, MACHINES[name]

        def teardown(machine: RuleBasedStateMachine) -> None:
            base.teardown(machine)
            world = getattr(machine, "twin", None) or getattr(machine, "room", None)
            if world is not None:
                tally.ok += world.ok
                tally.refused += world.refused
                tally.checked += world.checked
                tally.reached += world.reached
                tally.steps += max(world.checked.values(), default=0)

        return type("Counted", (base,), {"teardown": teardown})

    def report(self, first_seed: int) -> dict[str, Any]:
        """The report's JSON."""
        names = sorted({*self.ok, *self.refused})
        return {
            "steps": self.steps,
            "seed": first_seed,
            "rules": {name: {"ok": self.ok[name], "refused": self.refused[name]} for name in names},
            "invariants": dict(sorted(self.checked.items())),
            "reached": dict(sorted(self.reached.items())),
            "failures": self.failures,
        }


def main() -> int:
    """0 when both worlds agreed throughout, 1 otherwise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000, help="steps to take at least (20000)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run; drawn at random otherwise")
    parser.add_argument("--machine", choices=sorted(MACHINES), default="market")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "fuzz" / "report.json")
    wanted = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if wanted.seed is None else wanted.seed
    tally, began, round_seed = Tally(), time.monotonic(), first
    try:
        while tally.steps < wanted.steps and not tally.failures:
            _round(tally, wanted.machine, round_seed)
            round_seed += 1
            rate = tally.steps / (time.monotonic() - began)
            print(f"{tally.steps} of {wanted.steps} steps, {rate:.0f} a second", flush=True)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    wanted.report.parent.mkdir(parents=True, exist_ok=True)
    wanted.report.write_text(json.dumps(tally.report(first), indent=2) + "\n")
    print(f"{tally.steps} steps, seed {first}, {len(tally.failures)} failures: {wanted.report}")
    for failure in tally.failures:
        print(failure, file=sys.stderr)
    return 1 if tally.failures else 0


def _round(tally: Tally, name: str, round_seed: int) -> None:
    machine = seed(round_seed)(tally.machine(name))
    chosen = settings(
        max_examples=EXAMPLES_A_ROUND,
        stateful_step_count=STEPS_AN_EXAMPLE,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except Exception as error:  # noqa: BLE001 - whatever it is goes into the report
        found = error.exceptions if isinstance(error, ExceptionGroup) else [error]
        for one in found:
            notes = "\n".join(getattr(one, "__notes__", []))
            tally.failures.append(f"seed {round_seed}: {type(one).__name__}: {one}\n{notes}")


if __name__ == "__main__":
    sys.exit(main())
