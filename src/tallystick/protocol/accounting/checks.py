"""How an invariant says that it does not hold: by its name, with the numbers."""

from __future__ import annotations

from ..errors import InvariantBroken


def equal(name: str, left: object, right: object, what: str) -> None:
    """Raises InvariantBroken unless both are the same."""
    if left != right:
        raise InvariantBroken(name, f"{what}: {left} != {right}.")


def at_most(name: str, left: int, right: int, what: str) -> None:
    """Raises InvariantBroken when `left` is above `right`."""
    if left > right:
        raise InvariantBroken(name, f"{what}: {left} > {right}.")
