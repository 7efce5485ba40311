"""A short run of quarrels before the real Court and Challenges; `tools/fuzz.py --machine quarrels` runs longer ones."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.quarrels import Quarrels


def test_courtroom__random_quarrels__all_end_and_all_money_is_accounted_for() -> None:
    run_state_machine_as_test(
        Quarrels,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
