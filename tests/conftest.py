"""What holds for every test: those in tests/unit open no socket, and none writes outside the checkout."""

from pathlib import Path

import pytest
from hypothesis import configuration

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "tests" / "unit"

configuration.set_hypothesis_home_dir(ROOT / ".cache" / "hypothesis")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.disable_socket)
