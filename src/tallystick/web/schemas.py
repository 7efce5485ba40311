"""The shapes of answers, for OpenAPI and for the read API. Ingest answers are encoded from `Outcome`."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_HASH: Final = "0x" + "5c" * 32
_ROOT: Final = "0x" + "11" * 32


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ItemAnswer(_Model):
    """What became of one item."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "accepted", "id": _HASH}]})

    status: str = Field(description="accepted, duplicate (taken before: nothing to do) or rejected")
    id: str = Field(description="EIP-712 struct hash")


class ErrorAnswer(_Model):
    """Why something was not done."""

    status: str = "rejected"
    code: str = Field(description="stable, for programs")
    message: str = Field(description="a sentence, for people")


class LineAnswer(_Model):
    """What became of one line."""

    line: int = Field(description="from 1; blank lines count but get no answer")
    status: str
    id: str | None = None
    code: str | None = None
    message: str | None = None


class LinesAnswer(_Model):
    """What became of an NDJSON body."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[LineAnswer] = Field(description="in the order of the lines")


class Loop(_Model):
    """One loop of the service."""

    age: float = Field(description="seconds since its last whole round")
    limit: float = Field(description="seconds that it may take")
    stale: bool


class Ready(_Model):
    """Whether the service does its work."""

    ready: bool
    chain_reachable: bool
    posting_paused_until: int | None = Field(
        description="the guardian's pause of `post`, chain seconds; or null"
    )
    opening_paused_until: int | None = Field(
        description="the guardian's pause of `open`, chain seconds; or null"
    )
    loops: dict[str, Loop]


class ReceiptRecord(_Model):
    """An accepted receipt."""

    id: str
    units: int
    period_start: int
    period_end: int
    output_root: str
    exclusive: bool
    signer: str
    received_at: int = Field(description="the chain's time, seconds")


class FigureRecord(_Model):
    """The newest figure that may be paid."""

    units: int
    output_root: str
    receipt_id: str | None = Field(description="null: a lease's downtime that verdicts alone vouch for")
    ready_at: int = Field(description="since when the agreement waits, the chain's time, seconds")
    batched_units: int = Field(description="highest units in a batch so far")
    waiting: bool


class AgreementRecord(_Model):
    """One agreement as far as final blocks tell, and what is known of it here. Money in µ."""

    agreement: str = Field(description="decimal: it has 64 bits")
    customer: int
    funder: int
    operator: int
    payee: int
    mode: str
    policy: int
    unit_price: int = Field(description="µ per 1e6 units; of a lease per 1e6 seconds")
    budget: int
    fee_provider: int = Field(description="basis points")
    fee_customer: int = Field(description="basis points")
    start: int
    end: int = Field(description="the asked stop, else the expiry; of a lease also when its money runs out")
    downtime: int = Field(description="of a lease: seconds not served that count, by final blocks")
    status: str
    paid: int = Field(description="gross µ paid by final settlements")
    newest_receipt: ReceiptRecord | None
    figure: FigureRecord | None


class BatchRecord(_Model):
    """One batch. Money in µ, times by the chain, in seconds."""

    batch: str = Field(description="decimal: it has 96 bits")
    policy: int
    operator: int
    nonce: int
    state: str = Field(description="planned, posted, settling, settled, lost or cancelled")
    criterion: str = Field(description="which limit closed it: age, size, gas or value")
    leaves: int
    value: int
    moved: int
    root: str
    deadline: int
    posted_at: int | None
    created_at: int
    problem: str


class Batches(_Model):
    """Batches, the newest first."""

    batches: list[BatchRecord]
    next_offset: int | None = Field(description="offset of the next page; null on the last")


class SignedReceiptRecord(_Model):
    """An accepted receipt as it was handed in."""

    agreement: str
    units: str
    period_start: int
    period_end: int
    output_root: str
    exclusive: bool
    signature: str


class SignedVerdictRecord(_Model):
    """An accepted verdict as it was handed in, and whose it is."""

    agreement: str
    units: str
    output_root: str
    valid: bool
    verifier_version: int
    confidence: int
    signature: str
    verifier: int = Field(description="its operator; who checks takes it from the signature")


class LeafRecord(_Model):
    """One leaf of a batch, and the signed evidence behind it, for anybody to check. Numbers above 32 bits are
    decimal."""

    batch: str
    index: int
    agreement: str
    units: str
    output_root: str
    root: str
    proof: list[str] = Field(description="siblings from the leaf up to the root")
    state: str = Field(description="the batch's state")
    challenge: str | None = Field(
        description="open, answered, void or dismissed; null: it was never challenged"
    )
    receipts: list[SignedReceiptRecord] = Field(
        description="of this output, for as many units or more; newest first"
    )
    verdicts: list[SignedVerdictRecord] = Field(
        description="valid ones on this output for as many units or more"
    )


class CredentialRecord(_Model):
    """What became of an accepted credential or revocation. Times by the chain, in seconds."""

    id: str
    type: str = Field(description="credential or revocation")
    issuer: str
    kind: int
    subject: str
    binding: str
    value: str | None = Field(description="null for a revocation")
    expires_at: int | None = Field(description="null for a revocation")
    nonce: str = Field(description="decimal")
    state: str = Field(
        description="waiting, posting (in a transaction), posted (finally) or refused (for good)"
    )
    reason: str | None = Field(
        description="why it was refused: a CredentialFault in lower case, or not_posted"
    )
    received_at: int
    transaction: str | None = Field(description="hash of the transaction that it was put into, once mined")


class RewardsRecord(_Model):
    """The fees that a payee's final work brought, and what of them counts for rewards. Money in µ; the TALLY that they
    bring stand in `SupplierRewards.lifetimeOf`."""

    account: int
    fees: int = Field(description="of both sides, ever; those of a release once it was good")
    overturned: int = Field(description="of work that was ruled bad later, ever")
    counted: int = Field(description="by checkpoints, less what was forfeited")
    waiting: int = Field(description="what a checkpoint would count")
    waiting_since: int | None = Field(description="seconds by the chain; null: nothing waits")
    forfeiting: int = Field(
        description="of what counts, what a checkpoint would take back for work ruled bad since the last"
    )
    transaction: str | None = Field(
        description="hash of this relayer's newest checkpoint of it, once mined; others make them too"
    )


class ChainStatus(_Model):
    """Where the follower is."""

    chain_id: int | None
    time: int = Field(description="of the newest block, seconds")
    followed_block: int | None = Field(description="everything up to it is final and read")


class AgreementTotals(_Model):
    """Sums over agreements. Money in µ."""

    open: int
    closed: int
    budget: int = Field(description="of open agreements")
    paid: int


class FigureTotals(_Model):
    """What waits to be posted."""

    waiting: int
    oldest_ready_at: int | None


class GasTotals(_Model):
    """Gas used by mined transactions."""

    post: int
    settle: int
    other: int
    per_receipt: float | None = Field(description="(post + settle) / accepted receipts")


class RewardTotals(_Model):
    """Fees of final work, and what of them counts for rewards; of all payees, in µ."""

    fees: int = Field(description="ever")
    counted: int = Field(description="by checkpoints, less what was forfeited")
    waiting: int
    accounts: int = Field(description="payees of which something waits")


class DividendTotals(_Model):
    """What holders of TALLY got of all fees, in µ, since this database follows the vault."""

    received: int = Field(description="by the vault")
    claimed: int


class ProviderTotals(_Model):
    """One provider's share. Money in µ."""

    operator: int
    agreements: int
    paid: int


class Status(_Model):
    """The service at a glance."""

    ready: bool
    chain: ChainStatus
    receipts: int = Field(description="accepted so far")
    verdicts: int = Field(description="accepted so far")
    agreements: AgreementTotals
    figures: FigureTotals
    batches: dict[str, int] = Field(description="how many in each state")
    credentials: dict[str, int] = Field(description="credentials and revocations, how many in each state")
    gas: GasTotals
    rewards: RewardTotals
    dividends: DividendTotals
    dead_letters: int
    providers: list[ProviderTotals] = Field(description="those who earned most, at most 20")


RECEIPT_EXAMPLE: Final[dict[str, Any]] = {
    "agreement": "4295122157",
    "units": 1203441,
    "periodStart": 1700158546,
    "periodEnd": 1700158551,
    "outputRoot": _ROOT,
    "exclusive": False,
    "signature": "0x" + "ab" * 64 + "1b",
}
VERDICT_EXAMPLE: Final[dict[str, Any]] = {
    "agreement": "4295122157",
    "units": 1203441,
    "outputRoot": _ROOT,
    "valid": True,
    "verifierVersion": 1,
    "confidence": 10000,
    "signature": "0x" + "cd" * 64 + "1c",
}

CREDENTIAL_EXAMPLE: Final[dict[str, Any]] = {
    "type": "credential",
    "issuer": "0x" + "1a" * 20,
    "kind": 1,
    "subject": "0x" + "2b" * 20,
    "binding": "0x" + "00" * 32,
    "value": "0x" + "00" * 32,
    "expiresAt": 1731694546,
    "nonce": 1,
    "signature": "0x" + "ef" * 64 + "1b",
}
REVOCATION_EXAMPLE: Final[dict[str, Any]] = {
    "type": "revocation",
    "issuer": "0x" + "1a" * 20,
    "kind": 1,
    "subject": "0x" + "2b" * 20,
    "binding": "0x" + "00" * 32,
    "nonce": 2,
    "signature": "0x" + "fe" * 64 + "1b",
}

_NUMBER: Final = {
    "oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+$"}],
    "description": "an integer, or its decimal digits as a string",
}
_BYTES32: Final = {"type": "string", "pattern": "^0x[0-9a-fA-F]{64}$"}
_SIGNATURE: Final = {"type": "string", "pattern": "^0x[0-9a-fA-F]{130}$", "description": "r, s, v (27 or 28)"}
_UINT32: Final = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_UNITS: Final = _NUMBER | {"description": "delivered so far, in all: 1 to 2^63 - 1"}

RECEIPT_FIELDS: Final[dict[str, Any]] = {
    "agreement": _NUMBER,
    "units": _UNITS,
    "periodStart": _UINT32,
    "periodEnd": _UINT32,
    "outputRoot": _BYTES32,
    "exclusive": {"type": "boolean"},
    "signature": _SIGNATURE,
}
VERDICT_FIELDS: Final[dict[str, Any]] = {
    "agreement": _NUMBER,
    "units": _UNITS,
    "outputRoot": _BYTES32,
    "valid": {"type": "boolean"},
    "verifierVersion": _UINT32,
    "confidence": {"type": "integer", "minimum": 0, "maximum": 65535, "description": "basis points"},
    "signature": _SIGNATURE,
}
_ADDRESS: Final = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}
_RECORD: Final[dict[str, Any]] = {
    "issuer": _ADDRESS | {"description": "whose key signs"},
    "kind": {"type": "integer", "minimum": 0, "maximum": 10, "description": "CredentialKind"},
    "subject": _ADDRESS,
    "binding": _BYTES32 | {"description": "TEE (9): the agreement's number; any other kind: zeros"},
}
_NONCE: Final = _NUMBER | {
    "description": "1 to 2^63 - 1, above that of any statement of this record before it"
}

CREDENTIAL_FIELDS: Final[dict[str, Any]] = {
    "type": {"const": "credential"},
    **_RECORD,
    "value": _BYTES32 | {"description": "region, hardware class, measurement or a hash; never personal data"},
    "expiresAt": {"type": "integer", "minimum": 0, "maximum": 2**40 - 1},
    "nonce": _NONCE,
    "signature": _SIGNATURE,
}
REVOCATION_FIELDS: Final[dict[str, Any]] = {
    "type": {"const": "revocation"},
    **_RECORD,
    "nonce": _NONCE,
    "signature": _SIGNATURE,
}
