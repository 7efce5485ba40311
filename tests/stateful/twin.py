"""All steps together: what the state machine and the long campaign drive."""

from tests.stateful.change_steps import ChangeSteps
from tests.stateful.comparing import Comparing
from tests.stateful.justice_steps import JusticeSteps
from tests.stateful.money_steps import MoneySteps
from tests.stateful.reward_steps import RewardSteps
from tests.stateful.stake_steps import StakeSteps
from tests.stateful.trust_steps import TrustSteps
from tests.stateful.worlds import ACTORS, SPLIT, Pristine

__all__ = ["ACTORS", "SPLIT", "Pristine", "Twin"]


class Twin(Comparing, JusticeSteps, ChangeSteps, TrustSteps, StakeSteps, MoneySteps, RewardSteps):
    """The executable specification and the compiled bytecode, side by side."""
