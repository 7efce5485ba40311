"""What a provider can do, decided before anything is sent. Pure: a position on the chain in, transactions
out.

Each planner returns the transactions with a sentence for each, or raises OperatorRefusal with the reason
and, where
there is one, the way out. `provider_desk` reads positions.
"""

from __future__ import annotations

from dataclasses import dataclass

from tallystick.chain.contracts import load
from tallystick.chain.errors import OperatorRefusal
from tallystick.chain.regions import region_name
from tallystick.chain.sentences import utc
from tallystick.protocol.amounts import format_amount
from tallystick.protocol.enums import HardwareClass, KeyKind, Role

__all__ = [
    "Action",
    "Addresses",
    "Earnings",
    "Position",
    "Stake",
    "authorise_device",
    "claim",
    "describe",
    "faucet",
    "news",
    "parse_hardware",
    "register",
    "stake",
    "unstake",
    "withdraw",
]


@dataclass(frozen=True)
class Action:
    """A transaction, and what it does in words."""

    says: str
    to: str
    data: bytes


@dataclass(frozen=True)
class Addresses:
    """Of the deployment. `faucet`: the test dollar, where anybody may mint; None on real networks."""

    staking: str
    escrow: str
    currency: str
    faucet: str | None


@dataclass(frozen=True)
class Stake:
    """An operator as `Staking` keeps it, money in µ; `minimum` is that of its highest role."""

    operator: int
    owner: str
    roles: int
    hardware: HardwareClass
    region: int
    free: int
    pledged: int
    reserved: int
    thawing: int
    thaw_ends: int
    minimum: int

    @property
    def total(self) -> int:
        """free + pledged + reserved + thawing."""
        return self.free + self.pledged + self.reserved + self.thawing


@dataclass(frozen=True)
class Earnings:
    """An account of `Escrow`, in µ, net of fees."""

    account: int
    received: int
    claimed: int

    @property
    def claimable(self) -> int:
        return self.received - self.claimed


@dataclass(frozen=True)
class Position:
    """What an owner has on the chain. `now` is the chain's clock, `thaw` a number of seconds, money is µ."""

    owner: str
    addresses: Addresses
    now: int
    thaw: int
    symbol: str
    wallet: int
    allowance: int
    stakes: tuple[Stake, ...]
    earnings: tuple[Earnings, ...]

    def money(self, micro: int) -> str:
        """An amount with the currency's symbol."""
        return format_amount(micro, self.symbol)

    def stake(self, operator: int | None, role: Role = Role.PROVIDER) -> Stake:
        """The operator meant; without a number the only one in that role that the owner has. Raises
        OperatorRefusal."""
        if operator is not None:
            for one in self.stakes:
                if one.operator == operator:
                    return one
            raise OperatorRefusal("not_owner", f"operator {operator} does not belong to {self.owner}")
        found = [one for one in self.stakes if one.roles & role]
        name = str(role.name).lower()
        if not found:
            raise OperatorRefusal(
                "unknown_operator",
                f"{self.owner} has no {name}: register first, with `ape run {name} register`",
            )
        if len(found) > 1:
            numbers = ", ".join(str(one.operator) for one in found)
            raise OperatorRefusal(
                "ambiguous_operator", f"{self.owner} has the {name}s {numbers}: say which with --operator"
            )
        return found[0]


def parse_hardware(text: str) -> HardwareClass:
    """`data-centre-gpu`, `consumer-gpu`, `asic`, `consumer-soc`. Raises OperatorRefusal."""
    name = text.strip().upper().replace("-", "_").replace("CENTER", "CENTRE")
    if name in HardwareClass.__members__ and name != "NONE":
        return HardwareClass[name]
    raise OperatorRefusal(
        "bad_value",
        f"{text!r} is no hardware class: give data-centre-gpu, consumer-gpu, asic or consumer-soc",
    )


def register(
    position: Position,
    hardware: HardwareClass,
    region: int = 0,
    source: int = 0,
    metadata: bytes = bytes(32),
    another: bool = False,
) -> list[Action]:
    """Registers a provider, and an account in `Escrow` to earn into when the owner has none.

    :param region: ISO 3166-1 numeric, 0 when not said.
    :param another: also when the owner has a provider already.
    """
    known = [one.operator for one in position.stakes if one.roles & Role.PROVIDER]
    if known and not another:
        raise OperatorRefusal(
            "already_registered",
            f"{position.owner} is provider {known[0]} already; a second one needs --another",
        )
    words = f"{_words(hardware)}, region {region_name(region)}"
    arguments = (int(Role.PROVIDER), int(hardware), region, source, metadata)
    data = load("Staking").encode("register", *arguments)
    actions = [Action(f"register {position.owner} as a provider ({words})", position.addresses.staking, data)]
    if not position.earnings:
        data = load("Escrow").encode("createAccount", position.owner)
        actions.append(Action("create an account in Escrow to earn into", position.addresses.escrow, data))
    return actions


def stake(position: Position, amount: int, operator: int | None = None) -> list[Action]:
    """Adds to the free stake; approves the currency first when it must. `amount` in µ."""
    one = position.stake(operator)
    _positive(amount)
    if position.wallet < amount:
        hint = ""
        if position.addresses.faucet:
            missing = format_amount(amount - position.wallet, "")
            hint = f"; mint test dollars with `ape run provider faucet {missing}`"
        raise OperatorRefusal(
            "not_enough_currency",
            f"{position.owner} has {position.money(position.wallet)}, "
            f"but {position.money(amount)} are wanted{hint}",
        )
    actions = []
    if position.allowance < amount:
        data = load("TestDollar").encode("approve", position.addresses.staking, amount)
        says = f"allow Staking to take {position.money(amount)}"
        actions.append(Action(says, position.addresses.currency, data))
    data = load("Staking").encode("stake", one.operator, amount)
    free = one.free + amount
    says = f"stake {position.money(amount)} for operator {one.operator}: {position.money(free)} free then"
    if free < one.minimum:
        says += f" (its role needs {position.money(one.minimum)})"
    return [*actions, Action(says, position.addresses.staking, data)]


def unstake(position: Position, amount: int | None, operator: int | None = None) -> list[Action]:
    """Starts to thaw free stake; all of it when `amount` (µ) is None."""
    one = position.stake(operator)
    wanted = one.free if amount is None else amount
    if one.free < wanted or one.free == 0:
        parts = [f"{position.money(one.free)} free"]
        parts += [f"{position.money(one.pledged)} behind open agreements"] if one.pledged else []
        parts += [f"{position.money(one.reserved)} reserved"] if one.reserved else []
        parts += [f"{position.money(one.thawing)} thawing already"] if one.thawing else []
        wish = f", but {position.money(wanted)} are wanted" if amount is not None else ""
        raise OperatorRefusal(
            "not_enough_stake",
            f"operator {one.operator} has {', '.join(parts)}{wish}: only free stake can thaw",
        )
    _positive(wanted)
    ends = utc(position.now + position.thaw)
    says = f"thaw {position.money(wanted)} of operator {one.operator} until about {ends}"
    if one.thawing:
        says += f"; the {position.money(one.thawing)} that thaw already start again with it"
    if one.free - wanted < one.minimum <= one.free:
        says += (
            f"; {position.money(one.free - wanted)} stay free, less than its role needs, so it ends at once"
        )
    data = load("Staking").encode("unstake", one.operator, wanted)
    return [Action(says, position.addresses.staking, data)]


def withdraw(position: Position, to: str | None = None, operator: int | None = None) -> list[Action]:
    """Pays out what has thawed, to the owner when `to` is None."""
    one = position.stake(operator)
    if one.thawing == 0:
        raise OperatorRefusal(
            "nothing_thaws",
            f"nothing of operator {one.operator}'s stake is thawing: start with `ape run provider unstake`",
        )
    if position.now < one.thaw_ends:
        raise OperatorRefusal(
            "still_thawing",
            f"{position.money(one.thawing)} of operator {one.operator} are still thawing until "
            f"{utc(one.thaw_ends)} "
            f"(the chain's clock says {utc(position.now)})",
        )
    receiver = to or position.owner
    data = load("Staking").encode("withdraw", one.operator, receiver)
    says = f"withdraw {position.money(one.thawing)} of operator {one.operator} to {receiver}"
    return [Action(says, position.addresses.staking, data)]


def claim(position: Position, to: str | None = None, account: int | None = None) -> list[Action]:
    """Pays out earnings of the owner's accounts (or of one), to the owner when `to` is None."""
    accounts = position.earnings
    if account is not None:
        accounts = tuple(one for one in accounts if one.account == account)
        if not accounts:
            raise OperatorRefusal("not_owner", f"account {account} does not belong to {position.owner}")
    due = [one for one in accounts if one.claimable]
    if not due:
        received = sum(one.received for one in accounts)
        why = "all of it was claimed" if received else "nothing was settled for it yet"
        raise OperatorRefusal(
            "nothing_to_claim",
            f"{position.owner} has earned {position.money(received)} so far, and {why}"
            if accounts
            else f"{position.owner} has no account in Escrow: `ape run provider register` creates one",
        )
    receiver = to or position.owner
    return [
        Action(
            f"claim {position.money(one.claimable)} of account {one.account} to {receiver}",
            position.addresses.escrow,
            load("Escrow").encode("claim", one.account, receiver),
        )
        for one in due
    ]


def authorise_device(
    position: Position, key: str, known: bool = False, operator: int | None = None
) -> list[Action]:
    """Lets a device's key sign receipts. `known`: it was authorised for this operator before."""
    one = position.stake(operator)
    if known:
        raise OperatorRefusal(
            "key_known",
            f"{key} was authorised for operator {one.operator} before; a revoked key cannot come back",
        )
    data = load("Staking").encode("authoriseKey", one.operator, int(KeyKind.DEVICE), key)
    says = f"let {key} sign receipts for operator {one.operator}, from now on"
    return [Action(says, position.addresses.staking, data)]


def faucet(position: Position, amount: int, to: str | None = None) -> list[Action]:
    """Mints test dollars, where the deployment has them."""
    if position.addresses.faucet is None:
        raise OperatorRefusal("no_faucet", "this network's currency is not ours to mint")
    _positive(amount)
    data = load("TestDollar").encode("mint", to or position.owner, amount)
    return [
        Action(f"mint {position.money(amount)} to {to or position.owner}", position.addresses.faucet, data)
    ]


def describe(position: Position) -> list[str]:
    """The position in lines: accounts with what they earned, operators with the parts of their stake."""
    lines = [f"{position.owner} at {utc(position.now)}", f"  wallet        {position.money(position.wallet)}"]
    for account in position.earnings:
        lines += [
            f"account {account.account} in Escrow",
            f"  received      {position.money(account.received)}",
            f"  claimed       {position.money(account.claimed)}",
            f"  claimable     {position.money(account.claimable)}",
        ]
    for one in position.stakes:
        lines += _stake_lines(position, one)
    if not position.stakes and not position.earnings:
        lines.append("neither an operator nor an account: register with `ape run provider register`")
    return lines


def news(before: Position, after: Position) -> list[str]:
    """What a position has now that it had not: the numbers of new operators and accounts, money that
    arrived."""
    operators = {one.operator for one in after.stakes} - {one.operator for one in before.stakes}
    accounts = {one.account for one in after.earnings} - {one.account for one in before.earnings}
    lines = [f"This is operator {number}." for number in sorted(operators)]
    lines += [f"It earns into account {number}." for number in sorted(accounts)]
    if after.wallet != before.wallet:
        lines.append(f"The wallet has {after.money(after.wallet)}, after {before.money(before.wallet)}.")
    for one in after.stakes:
        if one.thawing and one not in before.stakes:
            lines.append(f"{after.money(one.thawing)} can be withdrawn from {utc(one.thaw_ends)} on.")
    return lines


def _stake_lines(position: Position, one: Stake) -> list[str]:
    roles = ", ".join(role.name.lower() for role in Role if one.roles & role and role.name)
    kind = f" · {_words(one.hardware)} · region {region_name(one.region)}" if one.hardware else ""
    active = "active" if one.free >= one.minimum else f"inactive: needs {position.money(one.minimum)} free"
    lines = [
        f"operator {one.operator} ({roles}{kind}), {active}",
        f"  free          {position.money(one.free)}",
        f"  pledged       {position.money(one.pledged)}",
        f"  reserved      {position.money(one.reserved)}",
        f"  thawing       {position.money(one.thawing)}",
    ]
    if one.thawing:
        done = position.now >= one.thaw_ends
        lines.append(f"  thaw ends     {utc(one.thaw_ends)}{', so it can be withdrawn' if done else ''}")
    return lines


def _words(hardware: HardwareClass) -> str:
    return hardware.name.lower().replace("_", "-")


def _positive(amount: int) -> None:
    if amount <= 0:
        raise OperatorRefusal("bad_value", "the amount must be above zero")
