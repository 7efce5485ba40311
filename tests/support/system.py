"""The whole system on an `Evm`, created through the Directory as a deployment would.

    system = deploy_system()
    provider = system.register(account("gpu farm"), Role.PROVIDER, free=5_000 * DOLLAR)
    policy = system.add_policy(relayer=…)

`deploy_system(Parameters(thaw=…), escrow="MockEscrow")` changes a figure or an artefact. Court and Challenges are plain
accounts, from which a test sends what they would, unless it asks for the real ones: `deploy_system(justice=True)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Final

from tallystick.chain.abi import short_string
from tallystick.chain.contracts import load
from tests.support.evm import Account, Bound, Evm, account

__all__ = [
    "DOLLAR",
    "TALLY",
    "WEEK",
    "Parameters",
    "Role",
    "System",
    "deploy_system",
    "dispute_terms",
    "slash_order",
]

DOLLAR: Final = 10**6  # µ
TALLY: Final = 10**18  # TALLY-wei
WEEK: Final = 604_800  # seconds
UINT256_MAX: Final = 2**256 - 1
_NOBODY: Final = "0x" + "00" * 20

# Creation order; the Directory's index is the place, from 1.
_ORDER: Final = (
    "AccessManager",
    "currency",
    "PolicyBook",
    "Staking",
    "Credentials",
    "EscrowRulings",
    "EscrowExtension",
    "escrow",
    "ReceiptLedgerDisputes",
    "ReceiptLedgerExtension",
    "ReceiptLedger",
    "SessionKeys",
    "FeeSplitter",
    "InsurancePool",
    "TestTally",
    "DividendVault",
    "SupplierRewards",
)
# What follows when a test wants real judges; by System.create, in this order.
_JUSTICE: Final = (
    "CourtExecution", "Court", "Challenges", "JackpotPool", "Council", "Jury", "BisectionReferee",
)  # fmt: skip


class Role(IntFlag):
    """Roles of an operator, as in StakingTypes.sol."""

    PROVIDER = 1
    VERIFIER = 2
    RELAYER = 4


@dataclass(frozen=True)
class Parameters:
    """Figures of PROTOCOL section 13; seconds, µ and basis points."""

    max_liability: int = 1_209_600
    max_pause: int = 259_200
    thaw: int = 1_814_400
    key_revocation_delay: int = 86_400
    min_provider: int = 1_000 * DOLLAR
    min_verifier: int = 2_000 * DOLLAR
    min_relayer: int = 10_000 * DOLLAR
    post_grace: int = 86_400
    settle_grace: int = 86_400
    fee_provider: int = 500
    fee_customer: int = 0
    dividends: int = 7_000
    insurance: int = 2_000
    treasury: int = 1_000
    exit_delay: int = 604_800
    reward_rate: int = 10 * 10**12
    reward_halving: int = 5 * 10**12
    reward_daily_fees: int = 100_000 * DOLLAR
    reward_vesting: int = 7_776_000


@dataclass
class System:
    """Every contract, bound, and the few steps that most tests begin with."""

    evm: Evm
    parameters: Parameters
    admin: Account
    treasury: Account
    directory: Bound
    authority: Bound
    currency: Bound
    policy_book: Bound
    staking: Bound
    escrow: Bound
    ledger: Bound
    splitter: Bound
    insurance: Bound
    token: Bound
    faucet: Bound
    vault: Bound
    rewards: Bound
    credentials: Bound
    session_keys: Bound
    court: Account | Bound
    challenges: Account | Bound
    at: Mapping[str, str]
    operators: dict[int, Account] = field(default_factory=dict)

    def create(self, name: str, **arguments: Any) -> Bound:
        """Creates the next contract through the Directory; a constructor's struct is given by its members."""
        wanted = load(name).constructor
        parts = wanted[0].components if len(wanted) == 1 and wanted[0].components else wanted
        code = load(name).init_code({part.name: arguments[part.name] for part in parts})
        index = int(self.directory.call("count")) + 1
        self.directory.transact("deploy", short_string(name), index, code, sender=self.admin)
        assert self.at.get(name) in (None, self.directory.call("addressOf", index)), f"{name} is out of order"
        return self.evm.at(name, str(self.directory.call("addressOf", index)))

    def create_court(self) -> Bound:
        """Creates the real Court and its extension, of a System made with `justice=True`."""
        self.create("CourtExecution", **self._justice())
        self.court = court = self.create("Court", **self._justice())
        return court

    def create_justice(self, *, members: Sequence[Account] = (), threshold: int = 1) -> dict[str, Bound]:
        """Creates Court, Challenges, JackpotPool, Council, Jury and BisectionReferee, by name. The council is the
        administrator alone unless `members` are given."""
        bound = {"Court": self.create_court()}
        self.challenges = bound["Challenges"] = self.create("Challenges", **self._justice())
        council = sorted((each.address for each in members or [self.admin]), key=str.lower)
        more = self._justice() | {
            "authority": self.authority.address,
            "flagBond": 20 * DOLLAR,
            "members_": council,
            "threshold": threshold,
            "minDeposit": 100 * DOLLAR,
            "maxDeposit": 10_000 * DOLLAR,
            "penalty": 10 * DOLLAR,
            "drawBond": 20 * DOLLAR,
            "exitDelay": 1_209_600,
        }
        for name in ("JackpotPool", "Council", "Jury", "BisectionReferee"):
            bound[name] = self.create(name, **more)
        return bound

    def _justice(self) -> dict[str, Any]:
        """Arguments that several of them take, by parameter name."""
        return {
            "court": self.at["Court"],
            "extension": self.at["CourtExecution"],
            "currency": self.currency.address,
            "escrow": self.escrow.address,
            "ledger": self.ledger.address,
            "staking": self.staking.address,
            "policyBook": self.policy_book.address,
            "insurance": self.insurance.address,
            "jackpot": self.at["JackpotPool"],
        }

    def mint(self, holder: Account | str, amount: int) -> None:
        """Gives µ to somebody."""
        to = holder if isinstance(holder, str) else holder.address
        self.currency.transact("mint", to, amount, sender=self.admin)

    def fund(self, holder: Account, amount: int, *spenders: Bound) -> None:
        """Gives µ to somebody who then lets these contracts pull any amount."""
        self.mint(holder, amount)
        for spender in spenders:
            self.currency.transact("approve", spender.address, UINT256_MAX, sender=holder)

    def balance(self, holder: Account | Bound | str) -> int:
        """µ that somebody holds."""
        return int(self.currency.call("balanceOf", holder if isinstance(holder, str) else holder.address))

    def register(self, owner: Account, roles: int, *, free: int = 0, source: int = 0) -> int:
        """Registers an operator with `free` µ of stake; returns its number."""
        hardware = 1 if roles & Role.PROVIDER else 0
        receipt = self.staking.transact("register", roles, hardware, 276, source, b"\7" * 32, sender=owner)
        operator = int(receipt.result)
        self.operators[operator] = owner
        if free:
            self.fund(owner, free, self.staking)
            self.staking.transact("stake", operator, free, sender=owner)
        return operator

    def add_policy(self, *, relayer: int = 1, **changes: Any) -> int:
        """Adds a policy of kind NONE with the default windows, or with changes; returns its number."""
        return int(
            self.policy_book.transact(
                "add", policy_terms(relayer=relayer, **changes), sender=self.admin
            ).result
        )

    def stake_tally(self, staker: Account, amount: int) -> None:
        """Gives TALLY-wei to somebody who stakes it in the vault."""
        self.token.transact("drip", staker.address, amount, sender=staker)
        self.token.transact("approve", self.vault.address, UINT256_MAX, sender=staker)
        self.vault.transact("stake", amount, sender=staker)

    def accrue_fees(self, amount: int) -> None:
        """Lets µ of fees fall due. With MockEscrow only."""
        self.mint(self.escrow.address, amount)
        self.escrow.transact("accrue", amount, sender=self.admin)


def policy_terms(**changes: Any) -> tuple[Any, ...]:
    """A Policy struct in the ABI's order: kind NONE, relayer 1, PROTOCOL's windows; by the ABI's names."""
    terms: dict[str, Any] = {
        "kind": 0,
        "quorum": 0,
        "relayer": 1,
        "instantRelease": True,
        "funderWaived": False,
        "coverageBps": 1_000,
        "stakeMultiple": 10,
        "valueCap": 10**12,
        "grossCap": 0,
        "selfPostBond": 100 * DOLLAR,
        "challengeWindow": 86_400,
        "selfPostWindow": 259_200,
        "responseWindow": 21_600,
        "notice": 3_600,
        "reportTime": 86_400,
        "silence": 86_400,
        "customerCredentials": 0,
        "operatorCredentials": 0,
        "issuer": "0x" + "00" * 20,
        "measurement": bytes(32),
        "verifierVersion": 0,
        "minConfidence": 0,
        "dispute": dispute_terms(),
        "verifiers": [],
    }
    unknown = changes.keys() - terms.keys()
    assert not unknown, f"a policy has no {unknown}"
    return tuple((terms | changes).values())


def slash_order(
    operator: int,
    amount: int,
    *,
    victim: str = _NOBODY,
    loss: int = 0,
    challenger: str = _NOBODY,
    reward: int = 0,
    recover: int = 0,
    fee: int = 0,
    fee_to: str = _NOBODY,
    reason: int = 7,
) -> tuple[Any, ...]:
    """A SlashOrder in the ABI's order; µ and basis points."""
    return (operator, recover, amount, victim, loss, challenger, reward, fee, fee_to, reason)


def dispute_terms(**changes: Any) -> tuple[Any, ...]:
    """A DisputeTerms struct in the ABI's order: PROTOCOL's figures, no arbiters; by the ABI's names."""
    terms: dict[str, Any] = {
        "contestTime": 86_400,
        "evidenceTime": 86_400,
        "rulingTime": 172_800,
        "appealTime": 86_400,
        "backingBond": 20 * DOLLAR,
        "voidPenalty": 100 * DOLLAR,
        "penaltyCap": 1_000 * DOLLAR,
        "minBond": 50 * DOLLAR,
        "bondBps": 500,
        "slashBps": 10_000,
        "slashCap": 0,
        "slashDayCap": 0,
        "rewardBps": 2_000,
        "accusedBps": 6_000,
        "arbiterFee": 25 * DOLLAR,
        "appealFee": 55 * DOLLAR,
        "arbiter": "0x" + "00" * 20,
        "secondArbiter": "0x" + "00" * 20,
    }
    unknown = changes.keys() - terms.keys()
    assert not unknown, f"no dispute term is called {unknown}"
    return tuple((terms | changes).values())


def deploy_system(
    parameters: Parameters | None = None,
    *,
    evm: Evm | None = None,
    currency: str = "TestDollar",
    escrow: str = "Escrow",
    justice: bool = False,
    court: Account | None = None,
) -> System:
    """Creates everything through the Directory.

    `currency` and `escrow` name artefacts: hostile ones, or MockEscrow with (currency, staking, feeSplitter).
    With `justice` Court and Challenges are the addresses that the next two contracts get ({System.create}); the System
    then has accounts of no use for them until it is told. An account as `court` stands in for the Court alone; then
    the next contract is the Challenges.
    """
    p, evm = parameters or Parameters(), evm or Evm()
    admin, treasury = account("admin"), account("treasury")
    directory = evm.deploy("Directory", admin.address)
    at = {name: directory.call("addressOf", index) for index, name in enumerate(_ORDER, 1)}
    if justice:
        names = _JUSTICE if court is None else _JUSTICE[_JUSTICE.index("Challenges") :]
        at |= {name: directory.call("addressOf", len(_ORDER) + i) for i, name in enumerate(names, 1)}
        if court is not None:
            at["Court"] = court.address
    else:
        at |= {"Court": account("court").address, "Challenges": account("challenges").address}
    artifacts = {"currency": currency, "escrow": escrow}
    arguments = _arguments(p, admin, treasury, at, currency, escrow)
    bound = {}
    for index, name in enumerate(_ORDER, 1):
        artifact = artifacts.get(name, name)
        wanted = load(artifact).constructor
        parts = wanted[0].components if len(wanted) == 1 and wanted[0].components else wanted
        code = load(artifact).init_code({part.name: arguments[name][part.name] for part in parts})
        directory.transact("deploy", short_string(artifact), index, code, sender=admin)
        bound[name] = evm.at(artifact, at[name])
    return System(
        evm=evm,
        parameters=p,
        admin=admin,
        treasury=treasury,
        directory=directory,
        authority=bound["AccessManager"],
        currency=bound["currency"],
        policy_book=bound["PolicyBook"],
        staking=bound["Staking"],
        escrow=bound["escrow"],
        ledger=bound["ReceiptLedger"],
        splitter=bound["FeeSplitter"],
        insurance=bound["InsurancePool"],
        token=bound["TestTally"],
        faucet=bound["TestTally"],
        vault=bound["DividendVault"],
        rewards=bound["SupplierRewards"],
        credentials=bound["Credentials"],
        session_keys=bound["SessionKeys"],
        court=account("court"),
        challenges=account("challenges"),
        at=at,
    )


def _arguments(
    p: Parameters, admin: Account, treasury: Account, at: Mapping[str, str], currency: str, escrow: str
) -> dict[str, Mapping[str, Any]]:
    """Constructor arguments by contract and parameter name."""
    authority, money = at["AccessManager"], at["currency"]
    mock = {"currency": money, "staking": at["Staking"], "feeSplitter": at["FeeSplitter"]}
    real = {
        "authority": authority,
        "currency": money,
        "escrow": at["escrow"],
        "extension": at["EscrowExtension"],
        "rulings": at["EscrowRulings"],
        "ledger": at["ReceiptLedger"],
        "court": at["Court"],
        "staking": at["Staking"],
        "policyBook": at["PolicyBook"],
        "credentials": at["Credentials"],
        "feeSplitter": at["FeeSplitter"],
        "postGrace": p.post_grace,
        "settleGrace": p.settle_grace,
        "maxPause": p.max_pause,
        "feeProvider": p.fee_provider,
        "feeCustomer": p.fee_customer,
    }
    ledger = {
        "authority": authority,
        "ledger": at["ReceiptLedger"],
        "extension": at["ReceiptLedgerExtension"],
        "disputes": at["ReceiptLedgerDisputes"],
        "escrow": at["escrow"],
        "court": at["Court"],
        "challenges": at["Challenges"],
        "staking": at["Staking"],
        "policyBook": at["PolicyBook"],
        "credentials": at["Credentials"],
        "sessionKeys": at["SessionKeys"],
        "maxPause": p.max_pause,
    }
    return {
        "AccessManager": {"initialAdmin": admin.address},
        "currency": {"owner": admin.address} if currency == "TestDollar" else {},
        "PolicyBook": {"authority": authority, "maxLiability": p.max_liability, "postGrace": p.post_grace},
        "Staking": {
            "authority": authority,
            "currency": money,
            "escrow": at["escrow"],
            "ledger": at["ReceiptLedger"],
            "court": at["Court"],
            "challenges": at["Challenges"],
            "insurance": at["InsurancePool"],
            "thawPeriod": p.thaw,
            "maxLiability": p.max_liability,
            "maxPause": p.max_pause,
            "keyRevocationDelay": p.key_revocation_delay,
            "minProvider": p.min_provider,
            "minVerifier": p.min_verifier,
            "minRelayer": p.min_relayer,
        },
        "escrow": mock if escrow == "MockEscrow" else real,
        "EscrowExtension": real,
        "EscrowRulings": real,
        "ReceiptLedger": ledger,
        "ReceiptLedgerExtension": ledger,
        "ReceiptLedgerDisputes": ledger,
        "Credentials": {},
        "SessionKeys": {"escrow": at["escrow"], "ledger": at["ReceiptLedger"]},
        "FeeSplitter": {
            "authority": authority,
            "currency": money,
            "escrow": at["escrow"],
            "dividendVault": at["DividendVault"],
            "insurancePool": at["InsurancePool"],
            "treasury": treasury.address,
            "dividendsBps": p.dividends,
            "insuranceBps": p.insurance,
            "treasuryBps": p.treasury,
        },
        "InsurancePool": {
            "currency": money,
            "feeSplitter": at["FeeSplitter"],
            "staking": at["Staking"],
            "escrow": at["escrow"],
            "policyBook": at["PolicyBook"],
            "court": at["Court"],
        },
        "TestTally": {"minter": at["SupplierRewards"]},
        "DividendVault": {
            "currency": money,
            "token": at["TestTally"],
            "feeSplitter": at["FeeSplitter"],
            "exitDelay": p.exit_delay,
        },
        "SupplierRewards": {
            "authority": authority,
            "escrow": at["escrow"],
            "token": at["TestTally"],
            "dividendVault": at["DividendVault"],
            "rate": p.reward_rate,
            "halving": p.reward_halving,
            "dailyFees": p.reward_daily_fees,
            "vesting": p.reward_vesting,
        },
    }
