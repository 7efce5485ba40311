"""A market on the pure model: customers pay suppliers by receipts of both sides, fees flow, rewards vest.

Nothing here computes money. Every µ and every TALLY-wei is moved by the model's own Escrow, ReceiptLedger, FeeSplitter,
DividendVault and SupplierRewards; this module only calls them as wallets would, and holds the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tallystick.protocol.amounts import ceil_bps
from tallystick.protocol.constants import COVERAGE_BPS, DAY, FEE_PROVIDER_BPS, MICRO, PRICE_SCALE, WEEK
from tallystick.protocol.eip712 import Receipt, Terms
from tallystick.protocol.enums import HardwareClass, KeyKind, Role, VerificationKind
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import Address, Model, ModelParameters, Policy, SignedReceipt

__all__ = ["GROSS_PER_FEE", "START", "Market", "Supplier", "cut"]

START = 2_900 * WEEK
"""When every simulation begins, in seconds: a week of the vault's and a day (UTC) begin with it."""
GROSS_PER_FEE = 10_000 // FEE_PROVIDER_BPS
"""µ of turnover that bring one µ of fees: 20 at 500 basis points, without a remainder."""
OPERATOR_STAKE = 5_000 * MICRO
RELAYER_STAKE = 20_000 * MICRO


def cut(total: int, weights: Sequence[int]) -> list[int]:
    """`total` cut by weights into whole parts that add up to it."""
    whole = sum(weights)
    ends = [total * upto // whole for upto in accumulate(weights)]
    return [end - begin for begin, end in pairwise([0, *ends])]


@dataclass(slots=True)
class Supplier:
    """A provider, the customer that buys from it, and the agreement between them that runs."""

    wallet: Address
    customer: Address
    account: int
    customer_account: int
    operator: int
    agreement: int = 0
    started: int = 0
    delivered: int = 0
    budget: int = 0


class Market:
    """The contracts, the suppliers, and the second that it is."""

    def __init__(self, suppliers: int, parameters: ModelParameters | None = None) -> None:
        self.model = Model(parameters or ModelParameters(created_at=START))
        self.now = START
        self._nonce = 0
        staking = self.model.staking
        relayer = self._operator("relayer", Role.RELAYER, HardwareClass.NONE, RELAYER_STAKE)
        staking.authorise_key(relayer, KeyKind.SIGNER, "relayer", caller="relayer", now=self.now)
        admin = self.model.parameters.addresses.admin
        self._policy = self.model.policy_book.add(Policy(VerificationKind.NONE, 0, relayer), caller=admin)
        self.suppliers = [self.join(f"supplier {number + 1}") for number in range(suppliers)]

    # Wallets

    def join(self, wallet: Address) -> Supplier:
        """A provider with an account of its own, and a customer that buys only from it."""
        customer = f"customer of {wallet}"
        operator = self._operator(wallet, Role.PROVIDER, HardwareClass.CONSUMER_GPU, OPERATOR_STAKE)
        self.model.staking.authorise_key(operator, KeyKind.DEVICE, wallet, caller=wallet, now=self.now)
        escrow = self.model.escrow
        return Supplier(
            wallet, customer, escrow.create_account(wallet), escrow.create_account(customer), operator
        )

    @property
    def accounts(self) -> list[int]:
        """All suppliers' accounts, as the relayer checkpoints them."""
        return [supplier.account for supplier in self.suppliers]

    # Work

    def open(self, supplier: Supplier, budget: int, seconds: int) -> None:
        """Opens an agreement over `budget` µ for `seconds` s; the one before ends, and frees its pledge."""
        model = self.model
        if supplier.agreement:
            model.escrow.refund_early(supplier.agreement, caller=supplier.wallet, now=self.now)
        self._raise_stake(supplier, ceil_bps(budget, COVERAGE_BPS))
        self._pay_in(supplier, budget)
        self._nonce += 1
        terms = Terms(
            customer=supplier.customer_account,
            funder=supplier.customer_account,
            operator=supplier.operator,
            payee=supplier.account,
            mode=0,
            policy=self._policy,
            max_fee_provider=FEE_PROVIDER_BPS,
            max_fee_customer=0,
            unit_price=PRICE_SCALE,  # 1 µ a unit
            budget=budget,
            max_budget=budget,
            start=0,
            expiry=self.now + seconds,
            work_hash=bytes(32),
            customer_nonce=self._nonce,
            operator_nonce=self._nonce,
            deadline=self.now,
        )
        opening = model.escrow.open(terms, now=self.now)
        if opening.agreement == 0:
            raise Refused("Escrow_NotOpen", f"The model did not open it: {opening.refusal.name}.")
        supplier.agreement, supplier.started = opening.agreement, self.now
        supplier.delivered, supplier.budget = 0, budget

    def deliver(self, supplier: Supplier, gross: int) -> None:
        """`gross` µ more are delivered, and paid at once by a receipt which both sides signed."""
        supplier.delivered += gross
        if supplier.delivered > supplier.budget:
            raise Refused("Escrow_NotEnoughFree", f"{supplier.wallet} delivered above the budget.")
        body = Receipt(
            supplier.agreement, supplier.delivered, supplier.started, self.now, bytes(32), exclusive=False
        )
        item = SignedReceipt(body, supplier.wallet, acceptance=supplier.customer)
        moved, results = self.model.ledger.collect([item], now=self.now)
        if moved != gross:
            raise Refused("Escrow_NotOpen", f"The model moved {moved} of {gross} µ: {results[0].fault.name}.")

    # Fees and rewards

    def pull(self) -> None:
        """Vault, pool and treasury each pull their share of the fees."""
        self.model.dividend_vault.pull_fees(now=self.now)
        self.model.insurance_pool.pull_fees()
        self.model.fee_splitter.pull_treasury()

    def checkpoint(self, accounts: Sequence[int]) -> tuple[int, int]:
        """Counts new fees; (µ, TALLY-wei)."""
        return self.model.rewards.checkpoint(accounts, now=self.now)

    def claim_rewards(self, supplier: Supplier) -> int:
        """Mints what has vested to the supplier's wallet; TALLY-wei, 0 when nothing has."""
        if self.model.rewards.claimable(supplier.account, now=self.now) == 0:
            return 0
        return self.model.rewards.claim(
            [supplier.account], supplier.wallet, caller=supplier.wallet, now=self.now
        )

    def stable_of(self, supplier: Supplier) -> int:
        """µ that the supplier has ever earned, net of fees."""
        return self.model.escrow.earnings_of(supplier.account)[0]

    def waiting(self, accounts: Sequence[int]) -> int:
        """µ of fees that do not count yet."""
        return sum(self.model.rewards.lifetime_of(account, now=self.now)[1] for account in accounts)

    def dividends_of(self, *stakers: Address) -> int:
        """µ that the stakers have earned and not claimed, floored for each."""
        return sum(self.model.dividend_vault.claimable(staker, now=self.now) for staker in stakers)

    # A week of work

    def work_week(self, daily: Sequence[Sequence[int]]) -> None:
        """One week: `daily[day][supplier]` µ of fees at each noon; all is pulled in its last second."""
        begins = self.now
        self.open_week(daily)
        for number, day in enumerate(daily):
            self.now = begins + number * DAY + DAY // 2
            self.work_day(day)
        self.now = begins + WEEK - 1
        self.pull()
        self.now = begins + WEEK

    def open_week(self, daily: Sequence[Sequence[int]]) -> None:
        """Every supplier's agreement over what the week will bring."""
        for place, supplier in enumerate(self.suppliers):
            budget = sum(day[place] for day in daily) * GROSS_PER_FEE
            if budget:
                self.open(supplier, budget, WEEK)

    def work_day(self, fees: Sequence[int]) -> None:
        """Every supplier delivers what brings so many µ of fees, and the relayer checkpoints all."""
        for supplier, amount in zip(self.suppliers, fees, strict=True):
            if amount:
                self.deliver(supplier, amount * GROSS_PER_FEE)
        self.checkpoint(self.accounts)

    # Parts

    def _operator(self, wallet: Address, role: Role, hardware: HardwareClass, stake: int) -> int:
        self.model.currency.mint(wallet, stake)
        number = self.model.staking.register(role, hardware, caller=wallet)
        self.model.staking.stake(number, stake, caller=wallet)
        return number

    def _raise_stake(self, supplier: Supplier, pledge: int) -> None:
        """As much free stake as the next pledge takes, beside what stays."""
        found = self.model.staking.find(supplier.operator)
        missing = pledge + OPERATOR_STAKE - (found.free if found else 0)
        if missing > 0:
            self.model.currency.mint(supplier.wallet, missing)
            self.model.staking.stake(supplier.operator, missing, caller=supplier.wallet)

    def _pay_in(self, supplier: Supplier, amount: int) -> None:
        self.model.currency.mint(supplier.customer, amount)
        self.model.escrow.deposit(supplier.customer_account, amount, caller=supplier.customer)
