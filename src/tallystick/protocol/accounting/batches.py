"""What the ledger keeps of a batch, a release and a bond, and what its functions are given and give back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import constants
from ..eip712 import Receipt
from ..enums import BondSource, ReceiptFault, SkipReason
from .records import Step
from .tokens import ZERO_ADDRESS, Address

ANY_VALUE = constants.UINT64_MAX
"""What a batch of signed receipts declares: nothing of it stands on a relayer's word."""


@dataclass
class Batch:
    """A posted batch; `value` and `moved` in µ of gross + customer fee. `relayer` 0: posted by anyone."""

    posted_at: int
    policy: int
    leaves: int
    relayer: int
    value: int
    root: bytes
    figures_hash: bytes
    moved: int = 0
    retired: bool = False
    self_post: bool = False
    signed: bool = False
    cancelled_at: int = 0
    challenged: bool = False
    """Whether any of its leaves ever was under challenge."""
    open: dict[int, int] = field(default_factory=dict)
    """Leaves under challenge, and their agreements."""
    void: dict[int, int] = field(default_factory=dict)
    """Leaves that nobody could answer for, which never pay; and µ they had moved before."""
    broken_at: int = 0
    """When the tenth void leaf cancelled it; no guardian did."""
    settled: Counter[int] = field(default_factory=Counter)
    """µ moved by leaf, releases aside."""
    settled_when_blocked: int = 0
    """µ settled when the tenth leaf came under challenge; these three only for the invariants."""
    moved_at_cancel: int = 0
    """µ moved when it was cancelled; only the invariants read it."""

    @property
    def flags(self) -> int:
        """Bit 0: not in flight; 1: self-post; 2: posted by anyone, full signatures; 3: cancelled; 4: challenged."""
        bits = (self.retired, self.self_post, self.signed, self.cancelled_at > 0, self.challenged)
        return sum(1 << place for place, on in enumerate(bits) if on)

    def is_blocked(self, leaf: int) -> bool:
        """Whether a leaf is under challenge or void."""
        return leaf in self.open or leaf in self.void

    @property
    def mask(self) -> int:
        """Bit i: leaf i is under challenge or void."""
        return sum(1 << leaf for leaf in self.open.keys() | self.void)


@dataclass
class Release:
    """An instant release that is not over."""

    agreement: int
    units: int
    amount: int
    fees: int
    operator: int
    answered: bool = False


class Bond(NamedTuple):
    """What stands behind a self-post until its window is over."""

    agreement: int
    operator: int
    amount: int
    source: BondSource


@dataclass
class Recovery:
    """What is left to recover of an agreement that was ruled bad, from what is reserved of it, in µ."""

    due: int = 0
    done: int = 0
    done_fees: int = 0


class Leaf(NamedTuple):
    """One posted leaf, with its proof."""

    batch: int
    leaf: int
    figure: bytes
    output: bytes
    proof: tuple[bytes, ...] = ()


class SignedVerdict(NamedTuple):
    """A verdict as shown: the verifier that it names, whose key signed it, and by which software how surely."""

    verifier: int
    key: Address
    version: int = 0
    confidence: int = 0


class SignedReceipt(NamedTuple):
    """A receipt with what its signatures recover to: the zero address for a bad or an empty one.

    `acceptance` None: left empty, so that verdicts stand in for it. An owner's signature recovers to the owner.
    """

    receipt: Receipt
    device: Address = ZERO_ADDRESS
    session_key: Address = ZERO_ADDRESS
    acceptance: Address | None = None
    funder_acceptance: Address = ZERO_ADDRESS
    verdicts: tuple[SignedVerdict, ...] = ()
    device_empty: bool = False
    """Whether the device's signature was left out, where it is told from a bad one."""


class ReleaseRequest(NamedTuple):
    """One leaf to be released at once, with its proof."""

    batch: int
    leaf: int
    figure: bytes
    output: bytes
    proof: tuple[bytes, ...] = ()


class Collected(NamedTuple):
    """What became of one signed receipt: a fault of it, else what its figure did."""

    agreement: int
    fault: ReceiptFault
    step: Step | None = None


class Released(NamedTuple):
    """What became of one request; `reason` NONE: released."""

    reason: SkipReason
    amount: int = 0
