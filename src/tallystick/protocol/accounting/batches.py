"""What the ledger keeps of a batch, a release and a bond, and what its functions are given and give back."""

from __future__ import annotations

from dataclasses import dataclass
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
    moved_at_cancel: int = 0
    """µ moved when it was cancelled; only the invariants read it."""

    @property
    def flags(self) -> int:
        """Bit 0: not in flight; 1: a self-post; 2: posted by anyone with full signatures; 3: cancelled."""
        bits = (self.retired, self.self_post, self.signed, self.cancelled_at > 0)
        return sum(1 << place for place, on in enumerate(bits) if on)


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


class SignedVerdict(NamedTuple):
    """A verdict as shown: the verifier that it names, and whose key signed it ("valid")."""

    verifier: int
    key: Address


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
