"""What the chain shows of the relayer's work, and what to do while waiting for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tallystick.chain.contracts import load
from tallystick.protocol.amounts import gross
from tallystick.protocol.figures import decode_figures
from tallystick.replay.world import World, topic_int

__all__ = ["Move", "Watch", "next_move", "relayer_gas"]

BLOCKS_AT_ONCE = 2_000


@dataclass(slots=True)
class Watch:
    """Reads the logs of posts and settlements, block after block.

    `wanted` is the last figure of each agreement that has something to pay: number -> (units, gross in µ);
    `unit_price` is in µ per 1e6 units.
    """

    world: World
    wanted: Mapping[int, tuple[int, int]]
    next_block: int
    unit_price: int
    posted: dict[int, int] = field(default_factory=dict)
    paid: dict[int, int] = field(default_factory=dict)
    last_post_time: int = 0
    last_event_block: int = 0
    posts: dict[str, int] = field(default_factory=dict)
    settlements: dict[str, int] = field(default_factory=dict)

    def look(self) -> bool:
        """Takes in what is new up to the latest block. Returns whether anything was."""
        end = self.world.node.block_number()
        news = False
        while self.next_block <= end:
            last = min(end, self.next_block + BLOCKS_AT_ONCE - 1)
            news = self._look_between(self.next_block, last) or news
            self.next_block = last + 1
        return news

    def _look_between(self, start: int, end: int) -> bool:
        posts = self.world.logs("ReceiptLedger", "BatchPosted", start, end)
        settled = self.world.logs("ReceiptLedger", "BatchSettled", start, end)
        payments = self.world.logs("Escrow", "Settled", start, end)
        for log in posts:
            transaction, block = str(log["transactionHash"]), int(log["blockNumber"], 16)
            self.posts[transaction] = block
            found = self.world.node.request("eth_getTransactionByHash", [transaction])
            for agreement, units in figures_of_post(bytes.fromhex(found["input"][2:])):
                self.posted[agreement] = max(units, self.posted.get(agreement, 0))
            self.last_post_time = max(self.last_post_time, self.world.node.timestamp(block))
        for log in settled:
            self.settlements[str(log["transactionHash"])] = int(log["blockNumber"], 16)
        for log in payments:
            self.paid[topic_int(log, 1)] = int(log["data"][-64:], 16)
        for log in (*posts, *settled, *payments):
            self.last_event_block = max(self.last_event_block, int(log["blockNumber"], 16))
        return bool(posts or settled or payments)

    @property
    def unposted(self) -> int:
        """Agreements of whose money a part is in no batch yet; last units worth less than 1 µ need none."""
        return sum(
            gross(self.posted.get(agreement, 0), self.unit_price, total) < total
            for agreement, (_, total) in self.wanted.items()
        )

    @property
    def unpaid(self) -> int:
        """Agreements that are not paid in full yet."""
        return sum(self.paid.get(agreement, 0) < total for agreement, (_, total) in self.wanted.items())


def figures_of_post(data: bytes) -> Sequence[tuple[int, int]]:
    """(agreement, units) out of the calldata of `ReceiptLedger.post`; nothing when it is another call."""
    post = load("ReceiptLedger").function("post")
    if data[:4] != post.selector:
        return ()
    # post(header (4 words), figures, outputs, signatures): the fifth word is where the figures begin.
    body = data[4:]
    at = int.from_bytes(body[128:160], "big")
    length = int.from_bytes(body[at : at + 32], "big")
    return decode_figures(body[at + 32 : at + 32 + length])


class Move(Enum):
    """What to do next while waiting."""

    DONE = "done"
    WAIT = "wait"
    BATCH_AGE = "let the batch age pass"
    WINDOW = "let the challenge window pass"


def next_move(unposted: int, unpaid: int, now: int, window_ends: int, idle: float, can_jump: bool) -> Move:
    """Decides, from what the chain shows. `now` and `window_ends` are chain seconds, `idle` real seconds
    without news.

    The clock is moved only after a moment without news, so that everything that can be posted together is.
    """
    if unpaid == 0:
        return Move.DONE
    if not can_jump or idle < 0.5:
        return Move.WAIT
    if unposted:
        return Move.BATCH_AGE
    if now < window_ends:
        return Move.WINDOW
    # Everything is posted and its window is over; the relayer is settling. Time may still pass slowly.
    return Move.WAIT


def relayer_gas(watch: Watch, relayer: str, first_block: int) -> tuple[int, int]:
    """(gas of posts, gas of settlements), by the receipts of the relayer's own transactions.

    When it sent more than the logs show, some failed: those are looked for block by block, and count as well.
    """
    node = watch.world.node
    post, settle = dict(watch.posts), dict(watch.settlements)
    if node.nonce(relayer, "latest") != len({*post, *settle}):
        selector = "0x" + load("ReceiptLedger").function("post").selector.hex()
        for block in range(first_block, node.block_number() + 1):
            found = node.request("eth_getBlockByNumber", [hex(block), True])
            for one in found["transactions"]:
                if str(one["from"]).lower() == relayer.lower() and one["hash"] not in post | settle:
                    (post if one["input"].startswith(selector) else settle)[one["hash"]] = block
    return _gas_of(watch.world, list(post)), _gas_of(watch.world, list(settle))


def _gas_of(world: World, transactions: Sequence[str]) -> int:
    total = 0
    for start in range(0, len(transactions), 100):
        for receipt in world.node.receipts(transactions[start : start + 100]):
            if receipt is not None:
                total += receipt.gas_used
    return total
