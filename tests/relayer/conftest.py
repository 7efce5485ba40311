"""One chain a module; every test gets it as it was staged, with mining by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relayer.scene import Scene, staged


@pytest.fixture(scope="module")
def staged_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with staged(tmp_path_factory.mktemp("scene")) as scene:
        scene.anvil.node.request("evm_setAutomine", [False])
        yield scene


@pytest.fixture
def scene(staged_scene: Scene) -> Iterator[Scene]:
    snapshot = staged_scene.anvil.snapshot()
    yield staged_scene
    staged_scene.anvil.revert(snapshot)
    staged_scene.anvil.node.request("anvil_dropAllTransactions")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "relayer.sqlite3"
