"""Follows the chain: final events, block by block, into the mirror tables.

Rows and cursor are committed together, so a crash between two steps repeats nothing and leaves nothing out.
What is not final yet is never read: the mirror does not know reorgs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tallystick.chain.engine import Notice
from tallystick.chain.errors import ChainError, NodeRefused, NodeUnreachable
from tallystick.chain.events import EventDecoder
from tallystick.chain.node import answer_error
from tallystick.chain.rpc import Head, RpcPool, head_of
from tallystick.protocol.keys import to_checksum
from tallystick.store.database import Database, get_meta, set_meta

from .apply import apply_events

__all__ = ["CHAIN_TIME", "FOLLOWED_BLOCK", "ChainRewritten", "Follower"]

FOLLOWED_BLOCK: Final = "followed_block"
FOLLOWED_HASH: Final = "followed_hash"
CHAIN_TIME: Final = "chain_time"
"""Meta key: the newest block's time, for all who decide by the chain's clock."""

_FEW_BLOCKS: Final = 16


class ChainRewritten(ChainError):
    """A block that was final has changed: the database belongs to another chain. Code `wrong_chain`."""

    def __init__(self, message: str) -> None:
        super().__init__("wrong_chain", message)


class Follower:
    """Keeps the mirror at the chain's newest final block."""

    def __init__(
        self,
        pool: RpcPool,
        database: Database,
        addresses: Mapping[str, bytes],
        first_block: int,
        *,
        log_range: int = 2_000,
        notice: Notice,
        reached: Callable[[str], None],
    ) -> None:
        """`first_block` is the first that can hold events; `log_range` the most blocks in one request."""
        self._pool = pool
        self._database = database
        self._addresses = [to_checksum(address) for address in addresses.values()]
        self._decoder = EventDecoder(dict(zip(addresses, self._addresses, strict=True)))
        self._first_block = first_block
        self._log_range = self._most = log_range
        self._notice = notice
        self._reached = reached
        self._checked: str | None = None

    def step(self, head: Head, ranges: int = 10) -> bool:
        """Reads at most `ranges` ranges of new final blocks. Returns whether it has caught up.

        Raises ChainError when the chain cannot be read, ChainRewritten when a final block has changed.
        """
        final = self._pool.head("finalized")
        with self._database.read() as connection:
            cursor, known = get_meta(connection, FOLLOWED_BLOCK), get_meta(connection, FOLLOWED_HASH)
            time_known = get_meta(connection, CHAIN_TIME)
        at = self._first_block - 1 if cursor is None else int(cursor)
        if known is not None and self._checked != known:
            self._check_history(at, known)
        for _ in range(ranges):
            if at >= final.number:
                break
            at = self._read_range(at + 1, min(at + self._log_range, final.number), self._checked, head)
        else:
            return at >= final.number
        if time_known != str(head.timestamp):
            with self._database.write() as connection:
                set_meta(connection, CHAIN_TIME, str(head.timestamp))
        return True

    def _read_range(self, start: int, end: int, known: str | None, head: Head) -> int:
        """Returns the block up to which it came: less than `end` when the node gives only smaller ranges.

        `known` is the hash of the block before `start`.
        """
        try:
            last, logs = self._logs(start, end, known)
        except NodeRefused:
            if end - start < _FEW_BLOCKS:
                raise
            self._halve(start, end)
            return start - 1
        except NodeUnreachable:
            self._halve(start, end)  # silence may mean that so much takes too long: ask for less next time
            raise
        events = self._decoder.decode_all(logs)
        self._reached("follow.before")
        with self._database.write() as connection:
            count = apply_events(connection, events, head.timestamp)
            set_meta(connection, FOLLOWED_BLOCK, str(end))
            set_meta(connection, FOLLOWED_HASH, "0x" + last.hash.hex())
            set_meta(connection, CHAIN_TIME, str(head.timestamp))
        self._reached("follow.after")
        self._checked = "0x" + last.hash.hex()
        self._log_range = min(self._log_range * 2, self._most)
        self._notice("followed", block=end, events=count)
        return end

    def _halve(self, start: int, end: int) -> None:
        self._log_range = max((end - start) // 2, 1)

    def _logs(self, start: int, end: int, known: str | None) -> tuple[Head, list[dict[str, Any]]]:
        """The last block and the logs of a range, from one endpoint: one that lags would leave logs out.

        Its block before the range must be the one that was read last, or two chains would mix.
        """
        wanted = {"address": self._addresses, "fromBlock": hex(start), "toBlock": hex(end)}
        before, block, logs = self._pool.exchange(
            [
                ("eth_getBlockByNumber", [hex(max(start - 1, 0)), False]),
                ("eth_getBlockByNumber", [hex(end), False]),
                ("eth_getLogs", [wanted]),
            ]
        )
        for answer, method in ((block, "eth_getBlockByNumber"), (logs, "eth_getLogs")):
            if answer.get("error"):
                raise answer_error(answer["error"], method, self._pool.name)
        if block["result"] is None or logs["result"] is None:
            raise NodeUnreachable(f"{self._pool.name} has no block {end} yet, which is final elsewhere")
        if known is not None and before.get("result") and before["result"]["hash"] != known:
            raise _rewritten(start - 1)
        if any(log.get("removed") for log in logs["result"]):
            raise NodeUnreachable(f"{self._pool.name} gave logs that a reorg removed")
        return head_of(block["result"]), list(logs["result"])

    def _check_history(self, block: int, known: str) -> None:
        """Once a start: the block that was read last must be what it was."""
        found = "0x" + self._pool.head(block).hash.hex()
        if found != known:
            raise _rewritten(block)
        self._checked = known


def _rewritten(block: int) -> ChainRewritten:
    return ChainRewritten(
        f"block {block}, which was final, has changed: the chain is another one; give a new database"
    )
