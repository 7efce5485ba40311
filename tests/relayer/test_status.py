"""`tallystick relayer status`: what a database holds, beside a relayer that runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tallystick.relayer.command import app
from tests.relayer.driver import Driver
from tests.relayer.scene import Scene

pytestmark = pytest.mark.node


def test_status__batch_under_way__counts_by_state(scene: Scene, database: Path) -> None:
    driver = Driver(scene, database)
    driver.round()
    driver.deliver([(scene.agreements[0], 1_000_000), (scene.agreements[1], 1_000_000)])
    driver.block(later=60)
    driver.round()
    result = CliRunner().invoke(app, ["status", "--database", f"sqlite:///{database}"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["receipts"], found["verdicts"], found["agreements"]) == (2, 2, 8)
    assert (found["batches"], found["transactions"]) == ({"planned": 1}, {"sent": 1})
    assert (found["figuresWaiting"], found["deadLetters"], found["chainId"]) == (0, 0, 31337)
    assert found["chainTime"] == scene.anvil.node.timestamp()
    driver.stop()


def test_status__no_database__says_so_and_makes_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", "--database", str(tmp_path / "none.sqlite3")])
    assert result.exit_code == 3
    assert "[bad_database]" in result.stderr
    assert list(tmp_path.iterdir()) == []
