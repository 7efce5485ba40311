"""A short run of the state machine; `make fuzz` runs the same one for as long as it is told."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Market


def test_market__random_actors__model_and_bytecode_agree_on_every_step() -> None:
    run_state_machine_as_test(
        Market,
        settings=settings(
            max_examples=40,
            stateful_step_count=35,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
