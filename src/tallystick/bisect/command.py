"""The `tallystick bisect-demo` command without its flags: computes, plays, checks the outcome, writes the report."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from tallystick.bisect.options import BisectOptions
from tallystick.bisect.scene import UNITS
from tallystick.bisect.stage import Stage
from tallystick.chain.anvil import Anvil
from tallystick.protocol.bisection.game import (
    LyingChallenger,
    Outcome,
    WorkChallenger,
    WorkSolver,
    most_rounds,
    play,
)
from tallystick.protocol.bisection.work import Fault, Work, network_order
from tallystick.protocol.errors import TallystickError
from tallystick.replay.guard import Guard, ignore_interrupts
from tallystick.reports.files import write_text

__all__ = ["BisectionWrong", "play_bisection"]


class BisectionWrong(TallystickError):
    """The game did not end as it must. Code `bisection_wrong`."""

    def __init__(self, message: str) -> None:
        super().__init__("bisection_wrong", message)


@dataclass(frozen=True)
class _Played:
    """What came of a game."""

    outcome: Outcome
    stage: Stage
    winner: str
    ruling: int
    seconds: float


def play_bisection(options: BisectOptions, console: Console | None = None) -> None:
    """Plays one dispute and writes its report.

    Raises:
        UsageProblem: when what was asked cannot be played; nothing was started.
        BisectionWrong: when the wrong side won, at another operation or in too many rounds; nothing is written.
        TallystickError: when it could not be played to its end; nothing is written.
    """
    options.check()
    out = console or Console(highlight=False)
    began = time.monotonic()
    order = network_order(options.checkpoints, options.operations, options.seed)
    honest = Work(order)
    faulty = options.faulty
    work = honest if faulty is None else Work(order, Fault(faulty), like=honest)
    challenger = LyingChallenger(honest, options.lying) if faulty is None else WorkChallenger(honest)
    computed = time.monotonic() - began
    out.print(
        f"{options.checkpoints} checkpoints x {options.operations} operations computed by both sides"
        f" in {computed:.1f} s.",
        soft_wrap=True,
    )
    with Guard() as guard, Anvil(spawned=guard.watch) as anvil:
        played = _played(options, anvil, work, challenger)
    _check(options, played)
    ignore_interrupts()
    report = _report(options, played, computed)
    write_text(options.report, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    who = "The solver cheated" if faulty is not None else "The challenger lied"
    gas = f"{played.stage.gas:,}".replace(",", " ")
    out.print(
        f"{who} at operation {played.outcome.operation}: found in {played.outcome.rounds} rounds, the"
        f" {played.winner} won, {gas} gas.",
        soft_wrap=True,
    )
    out.print(escape(f"report: {options.report}"), soft_wrap=True)


def _played(options: BisectOptions, anvil: Anvil, work: Work, challenger: WorkChallenger) -> _Played:
    began = time.monotonic()
    solver = WorkSolver(work)
    statement = solver.statement
    stage = Stage(anvil.node, work.order.hash, statement.output_root())
    stage.open()
    stage.state(statement, work.checkpoint_proof(options.checkpoints))
    outcome = play(stage, solver, challenger, options.checkpoints, options.operations)
    ruling = stage.ruling()
    if stage.rounds() != outcome.rounds:
        raise BisectionWrong(f"The referee counted {stage.rounds()} rounds, the players {outcome.rounds}.")
    winner = "solver" if ruling == UNITS else "challenger"
    return _Played(outcome, stage, winner, ruling, time.monotonic() - began)


def _check(options: BisectOptions, played: _Played) -> None:
    """Holds the chain's word against what is known here."""
    faulty = options.faulty
    place, winner = (options.lying, "solver") if faulty is None else (faulty, "challenger")
    found = (played.winner, played.outcome.operation)
    if found != (winner, place):
        raise BisectionWrong(f"The {found[0]} won at operation {found[1]}, not the {winner} at {place}.")
    most = most_rounds(options.checkpoints, options.operations)
    if played.outcome.rounds > most:
        raise BisectionWrong(f"It took {played.outcome.rounds} rounds, and {most} are the most.")


def _report(options: BisectOptions, played: _Played, computed: float) -> dict[str, Any]:
    stage = played.stage
    names = dict.fromkeys(move.name for move in stage.moves)
    by_move = {name: [move.gas for move in stage.moves if move.name == name] for name in names}
    return {
        "rounds": played.outcome.rounds,
        "winner": played.winner,
        "disputed_operation": played.outcome.operation,
        "gas": stage.gas,
        "checkpoints": options.checkpoints,
        "operations": options.operations,
        "fault": options.faulty if options.faulty is not None else "none",
        "seed": options.seed,
        "ruling_units": played.ruling,
        "most_rounds": most_rounds(options.checkpoints, options.operations),
        "gas_by_move": {
            name: {"count": len(gas), "least": min(gas), "most": max(gas), "sum": sum(gas)}
            for name, gas in by_move.items()
        },
        "gas_to_register": stage.registering,
        "seconds_to_compute": round(computed, 3),
        "seconds_to_play": round(played.seconds, 3),
    }
