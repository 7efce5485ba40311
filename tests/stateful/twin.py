"""All steps together: what the state machine and the long campaign drive."""

from tests.stateful.money_steps import MoneySteps
from tests.stateful.work_steps import WorkSteps
from tests.stateful.worlds import ACTORS, Pristine

__all__ = ["ACTORS", "Pristine", "Twin"]


class Twin(WorkSteps, MoneySteps):
    """The executable specification and the compiled bytecode, side by side."""
