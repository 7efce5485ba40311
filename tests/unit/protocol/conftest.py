"""Fixtures of the protocol's tests."""

import pytest
from tests.unit.protocol.world import World


@pytest.fixture
def world() -> World:
    """A market in which one offer after another opens."""
    return World()
