"""Posted batches with their figures, out of the chain alone: what a `BatchPosted` event and its transaction say.

Figures and outputs are nowhere in the contract's state. They are in the calldata of the posting transaction, and
must hash to what the contract emitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tallystick.chain.contracts import load
from tallystick.chain.errors import BadArgument
from tallystick.chain.event_types import ReceiptLedgerBatchPosted
from tallystick.chain.events import EventDecoder
from tallystick.chain.node import Node
from tallystick.chain.registry import Deployment
from tallystick.protocol.backing import Leaf
from tallystick.protocol.errors import EncodingError
from tallystick.protocol.figures import batch_root, decode_figures, figures_hash, leaves
from tallystick.protocol.merkle import proof

__all__ = ["Posted", "derive", "figures_in", "posted_batch"]


@dataclass(frozen=True)
class Posted:
    """A batch as it was posted, with the figures that its transaction carried; None when they cannot be found there."""

    number: int
    policy: int
    relayer: int
    posted_at: int
    root: bytes
    figures: bytes | None
    outputs: bytes | None

    @property
    def signed(self) -> bool:
        """Whether it stands on signatures that the chain has seen: nobody needs to ask for them again."""
        return self.number >> 80 == 0 or (self.number >> 48) & 0xFFFFFFFF == 0

    def leaves(self) -> list[Leaf]:
        """Its leaves; none while its figures are unknown."""
        if self.figures is None or self.outputs is None:
            return []
        return [
            Leaf(
                self.number,
                place,
                each.agreement,
                each.units,
                self.outputs[32 * place : 32 * place + 32],
                self.posted_at,
            )
            for place, each in enumerate(decode_figures(self.figures))
        ]

    def proof(self, place: int) -> list[bytes]:
        """The Merkle proof of a leaf."""
        assert self.figures is not None
        assert self.outputs is not None
        return proof(leaves(self.figures, self.outputs), place)

    def argument(self, place: int) -> tuple[Any, ...]:
        """A leaf as the ABI wants it: (batch, index, figure, output, proof)."""
        assert self.figures is not None
        assert self.outputs is not None
        figure = self.figures[18 * place : 18 * place + 18]
        return (self.number, place, figure, self.outputs[32 * place : 32 * place + 32], self.proof(place))


def posted_batch(node: Node, deployment: Deployment, number: int) -> Posted | None:
    """The batch of that number; None when it was not posted. Raises what the node raises."""
    address = deployment.address("ReceiptLedger")
    topics = ["0x" + load("ReceiptLedger").events["BatchPosted"].digest.hex(), f"0x{number:064x}"]
    decoder = EventDecoder({"ReceiptLedger": address})
    for event in decoder.decode_all(node.logs(address, topics, deployment.first_block)):
        assert isinstance(event, ReceiptLedgerBatchPosted)
        return derive(node, event)
    return None


def derive(node: Node, event: ReceiptLedgerBatchPosted) -> Posted:
    """A batch with its figures, as far as its transaction carries them in a form that is understood."""
    transaction = node.request("eth_getTransactionByHash", [event.place.transaction])
    data = bytes.fromhex(transaction["input"][2:]) if transaction else b""
    figures, outputs = figures_in(data, event.figures_hash, event.root) or (None, None)
    posted_at = node.timestamp(event.place.block)
    return Posted(event.batch, event.policy, event.relayer, posted_at, event.root, figures, outputs)


def figures_in(data: bytes, figures_digest: bytes, root: bytes) -> tuple[bytes, bytes] | None:
    """Figures and outputs of the `post` in a transaction's calldata that hash to these; None when it has none.

    The call may be wrapped by another one, of a wallet or a multicall: arguments of type bytes keep it in one piece.
    """
    post = load("ReceiptLedger").function("post")
    at = data.find(post.selector)
    while at >= 0:
        try:
            _, figures, outputs, _ = post.decode_inputs(data[at:])
        except BadArgument:
            figures = outputs = b""
        if figures and figures_hash(figures) == figures_digest:
            try:
                if batch_root(figures, outputs) == root:
                    return figures, outputs
            except EncodingError:
                pass
        at = data.find(post.selector, at + 1)
    return None
