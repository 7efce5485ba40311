"""What holds for every test: those in tests/unit open no socket, none writes outside the checkout, and none
plays on the chain that the developer's own environment names."""

import os
from pathlib import Path

import pytest
from hypothesis import configuration

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "tests" / "unit"

for _name in ("TALLYSTICK_RPC_URL", "TALLYSTICK_RPC_URL_FILE"):
    os.environ.pop(_name, None)

configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.disable_socket)
