"""A real Anvil for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.chain.anvil import DEV_KEYS, Anvil
from tallystick.chain.deployer import Outcome, deploy
from tallystick.chain.deployment import Plan
from tallystick.chain.registry import Registry
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="module")
def chain() -> Iterator[Anvil]:
    """A running Anvil."""
    with Anvil() as anvil:
        yield anvil


@pytest.fixture
def anvil(chain: Anvil) -> Iterator[Anvil]:
    """The module's Anvil, put back after each test."""
    snapshot = chain.snapshot()
    yield chain
    chain.revert(snapshot)


@pytest.fixture
def deployer(anvil: Anvil) -> KeySender:
    """Anvil's first account."""
    return KeySender(anvil.node, KeySigner.from_hex(DEV_KEYS[0]))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty registry."""
    return Registry(tmp_path / "deployments")


@pytest.fixture
def deployed(anvil: Anvil, deployer: KeySender, registry: Registry) -> Outcome:
    """The whole local network."""
    return deploy(Plan.from_yaml("local"), anvil.node, deployer, registry)
