"""The executable specification: what the contracts' accounting must come to, in pure integers.

`Model` holds one object a contract, with the contract's functions in snake_case. The caller is passed as
`caller`, the block's time as `now` (seconds); signatures are abstracted to whether they are good. Where the
contract reverts, `Refused` is raised with the Solidity error's name and nothing has changed. Tests drive it
beside the bytecode, and `tallystick replay` holds the chain against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import constants
from .accounting import invariants
from .accounting.accounts import Account, Allowance
from .accounting.agreements import Escrow
from .accounting.batches import Batch, Leaf, ReleaseRequest, SignedReceipt, SignedVerdict
from .accounting.credentials import Credentials, SignedCredential, SignedRevocation
from .accounting.dividends import DividendVault, Stream
from .accounting.fees import FeeSplitter, InsurancePool
from .accounting.ledger import ReceiptLedger
from .accounting.operators import Operator, StakingParameters
from .accounting.policies import DisputeTerms, Policy, PolicyBook
from .accounting.records import (
    Agreement,
    Opening,
    ReplaceSigned,
    Settlement,
    SettleOrder,
    SignedFigure,
    SignedTerms,
    Step,
)
from .accounting.rewards import SupplierRewards
from .accounting.sessions import SessionKeys
from .accounting.slashing import RulingOrder, RulingOutcome, SlashOrder, SlashOutcome
from .accounting.staking import Staking
from .accounting.tokens import ZERO_ADDRESS, Address, Currency, Tally
from .errors import InvariantBroken, Refused

__all__ = [
    "ZERO_ADDRESS",
    "Account",
    "Address",
    "Addresses",
    "Agreement",
    "Allowance",
    "Batch",
    "DisputeTerms",
    "InvariantBroken",
    "Leaf",
    "Model",
    "ModelParameters",
    "Opening",
    "Operator",
    "Policy",
    "Refused",
    "ReleaseRequest",
    "ReplaceSigned",
    "RulingOrder",
    "RulingOutcome",
    "SettleOrder",
    "Settlement",
    "SignedCredential",
    "SignedFigure",
    "SignedReceipt",
    "SignedRevocation",
    "SignedTerms",
    "SignedVerdict",
    "SlashOrder",
    "SlashOutcome",
    "StakingParameters",
    "Step",
]


@dataclass(frozen=True)
class Addresses:
    """Where the contracts are, and who plays the outer parts. Any distinct texts will do."""

    escrow: Address = "Escrow"
    ledger: Address = "ReceiptLedger"
    staking: Address = "Staking"
    court: Address = "Court"
    challenges: Address = "Challenges"
    fee_splitter: Address = "FeeSplitter"
    insurance_pool: Address = "InsurancePool"
    dividend_vault: Address = "DividendVault"
    admin: Address = "admin"
    treasury: Address = "treasury"
    supplier_rewards: Address = "SupplierRewards"


@dataclass(frozen=True)
class ModelParameters:
    """Constructor parameters, in seconds, µ and basis points; PROTOCOL section 13 by default."""

    addresses: Addresses = field(default_factory=Addresses)
    staking: StakingParameters = field(default_factory=StakingParameters)
    post_grace: int = constants.POST_GRACE
    settle_grace: int = constants.SETTLE_GRACE
    fee_provider: int = constants.FEE_PROVIDER_BPS
    fee_customer: int = constants.FEE_CUSTOMER_BPS
    dividends_bps: int = constants.DIVIDENDS_BPS
    insurance_bps: int = constants.INSURANCE_BPS
    treasury_bps: int = constants.TREASURY_BPS
    exit_delay: int = constants.EXIT_DELAY
    emission_rate: int = constants.EMISSION_RATE
    emission_halving: int = constants.EMISSION_HALVING
    emission_daily_fees: int = constants.EMISSION_DAILY_FEES
    emission_vesting: int = constants.EMISSION_VESTING
    created_at: int = 0


@dataclass
class Seen:
    """What the books said when the invariants were last checked, of what must never fall or change."""

    figures: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Paid, budget and downtime of every agreement."""
    resting: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Figures of agreements whose money may not move."""
    reserved: dict[object, tuple[int, int]] = field(default_factory=dict)
    """Releases and bonds of frozen agreements: whose they are, and in which freeze."""
    floors: dict[int, int] = field(default_factory=dict)
    revoked: dict[tuple[object, ...], int] = field(default_factory=dict)
    """When operators' and sessions' keys end, by their places."""
    policies: list[Policy] = field(default_factory=list)
    retired: set[int] = field(default_factory=set)


class Model:
    """All contracts of one deployment, and the wallets around them."""

    def __init__(self, parameters: ModelParameters | None = None) -> None:
        p = self.parameters = parameters or ModelParameters()
        at = p.addresses
        self.currency = Currency()
        self.token = Tally(at.supplier_rewards)
        self.policy_book = PolicyBook(at.admin, p.staking.max_liability, p.post_grace)
        self.credentials = Credentials()
        self.staking = Staking(
            self.currency,
            at.admin,
            at.staking,
            escrow=at.escrow,
            ledger=at.ledger,
            court=at.court,
            challenges=at.challenges,
            insurance=at.insurance_pool,
            parameters=p.staking,
        )
        self.escrow = Escrow(
            currency=self.currency,
            address=at.escrow,
            ledger=at.ledger,
            court=at.court,
            fee_splitter=at.fee_splitter,
            admin=at.admin,
            staking=self.staking,
            policy_book=self.policy_book,
            credentials=self.credentials,
            post_grace=p.post_grace,
            settle_grace=p.settle_grace,
            max_pause=p.staking.max_pause,
            fee_provider=p.fee_provider,
            fee_customer=p.fee_customer,
        )
        self.session_keys = SessionKeys(self.escrow, at.ledger)
        self.ledger = ReceiptLedger(
            address=at.ledger,
            admin=at.admin,
            court=at.court,
            challenges=at.challenges,
            escrow=self.escrow,
            staking=self.staking,
            policy_book=self.policy_book,
            credentials=self.credentials,
            sessions=self.session_keys,
            max_pause=p.staking.max_pause,
        )
        self.fee_splitter = FeeSplitter(
            currency=self.currency,
            admin=at.admin,
            address=at.fee_splitter,
            escrow=self.escrow,
            dividend_vault=at.dividend_vault,
            insurance_pool=at.insurance_pool,
            treasury=at.treasury,
            dividends_bps=p.dividends_bps,
            insurance_bps=p.insurance_bps,
            treasury_bps=p.treasury_bps,
        )
        self.insurance_pool = InsurancePool(
            address=at.insurance_pool, fee_splitter=self.fee_splitter, staking=self.staking
        )
        self.dividend_vault = DividendVault(
            currency=self.currency,
            token=self.token,
            address=at.dividend_vault,
            fee_splitter=self.fee_splitter,
            stream_state=Stream(p.created_at),
            exit_delay=p.exit_delay,
        )
        self.rewards = SupplierRewards(
            token=self.token,
            admin=at.admin,
            address=at.supplier_rewards,
            escrow=self.escrow,
            dividend_vault=self.dividend_vault,
            rate=p.emission_rate,
            halving=p.emission_halving,
            daily_fees=p.emission_daily_fees,
            vesting=p.emission_vesting,
        )
        self.seen = Seen()

    def check_invariants(self) -> dict[str, bool]:
        """Checks PROTOCOL section 11 as far as the contracts exist; returns each invariant's name with True.

        Raises:
            InvariantBroken: The first one that does not hold, with its numbers.
        """
        for invariant in invariants.ALL:
            invariant(self)
        return {invariant.__name__: True for invariant in invariants.ALL}
