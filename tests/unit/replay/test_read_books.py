"""Reading the books: all figures are of one block, also while the chain moves."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from tallystick.replay.audit import read_books

PARTIES: Any = SimpleNamespace(customer_accounts=[1], provider_accounts=[2])


class MovingWorld:
    """A chain on which a new block comes after each of the first `moves` reads; figures are the block's number."""

    def __init__(self, moves: int) -> None:
        self.block, self.moves, self.tags = 100, moves, set[int | str]()
        self.node = SimpleNamespace(block_number=lambda: self.block)

    def address(self, name: str) -> str:
        return "0x" + "11" * 20

    def _answer(self, function: str, tag: int | str) -> Any:
        self.tags.add(tag)
        figure = self.block if tag == "latest" else int(tag)
        if self.moves:
            self.moves -= 1
            self.block += 1
        return {
            "agreementOf": {"paid": figure, "budget": figure, "status": 1},
            "balanceOf": (figure, figure),
            "earningsOf": (figure, figure, figure),
            "feeTotals": (figure, figure),
        }[function]

    def read(self, name: str, function: str, *values: Any, block: int | str = "latest") -> Any:
        answer = self._answer(function, block)
        return answer[0] if name == "TestDollar" else answer

    def read_many(
        self, name: str, function: str, arguments: Sequence[Any], block: int | str = "latest"
    ) -> list[Any]:
        return [self._answer(function, block) for _ in arguments]


def figures(world: MovingWorld) -> tuple[int, set[int]]:
    books = read_books(world, PARTIES, [7])  # type: ignore[arg-type]
    lists = (books.paid, books.free, books.locked, books.received, books.claimed, books.reward_base)
    single = {books.fees_accrued, books.fees_collected, books.currency}
    return books.block, single | {figure for figures in lists for figure in figures}


def test_read_books__quiet_chain__reads_latest_once() -> None:
    world = MovingWorld(moves=0)
    assert figures(world) == (100, {100})
    assert world.tags == {"latest"}


def test_read_books__block_in_between__reads_again_and_mixes_nothing() -> None:
    world = MovingWorld(moves=1)
    assert figures(world) == (101, {101})


def test_read_books__chain_that_never_rests__is_asked_by_number() -> None:
    world = MovingWorld(moves=10**6)
    block, found = figures(world)
    assert found == {block}
    assert block in world.tags
