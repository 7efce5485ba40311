"""One trace, settled by the real relayer on a chain of its own, while something is the matter with the token.

    run = play(options, VARIANTS["paused"])
    run.payments, run.everything        # canonical JSON of the stable balances, as bytes
    run.attempts                        # what was tried with the token, and how it ended
    run.problems                        # sentences; none when all was as it had to be

`run.payments` is taken when the providers have been paid out and nothing of the token's side has moved yet;
`run.everything` when the fees lie with vault, insurance and treasury and before a holder claims, so it holds all that
anybody is owed but what holders earn by holding. Two holders stake 300 and 100 TALLY before the trace, a third person
moves the token about; afterwards rewards are counted, claimed and staked, fees pulled, dividends claimed, stakes taken
out. Each of it is tried in every variant, and may fail only where the variant breaks what it needs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tallystick.chain.contracts import load
from tallystick.chain.errors import ContractRefused, TransactionFailed
from tallystick.chain.node import Node
from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.constants import TALLY, WEEK
from tallystick.protocol.enums import VerificationKind
from tallystick.protocol.keys import PrivateKey, to_checksum
from tallystick.replay.courier import Courier
from tallystick.replay.options import ReplayOptions
from tallystick.replay.plan import Commitments
from tallystick.replay.play import Script
from tallystick.replay.run import Replay
from tallystick.replay.supervisor import Chaos
from tallystick.replay.terminal import Terminal
from tests.support.stable_balances import calls_of, canonical, fees_of, payments_of

__all__ = ["VARIANTS", "Attempt", "BrokenReplay", "Run", "Variant", "differences", "play"]

STAKES: Final = (300 * TALLY, 100 * TALLY)
"""TALLY-wei of the two holders, before a variant multiplies them."""
POCKET: Final = 100 * TALLY
"""TALLY-wei of who moves the token about."""
DAY: Final = 86_400
EXIT_DELAY: Final = 604_800
REVERTS: Final = "0x5f5ffd"
"""Code that reverts whatever it is asked: PUSH0 PUSH0 REVERT."""
GAS: Final = 1_000_000
RICH: Final = 10**20
"""Wei for gas of everybody who acts here."""

TOKEN, SPLITTER, REWARDS, STAKE = "token", "splitter", "rewards", "stake"
"""What an action needs."""
CONTRACT_OF: Final = {TOKEN: "TestTally", SPLITTER: "FeeSplitter", REWARDS: "SupplierRewards"}
APART: Final = frozenset({"TestTally", "DividendVault", "SupplierRewards", "FeeSplitter"})
"""What no transaction that moves customers', providers' or stakes' money may call."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What is the matter. `breaks` is TOKEN, SPLITTER, REWARDS or nothing, `moment` when: once `deployed`, once holders
    have `staked`, or between `receipts` and verdicts. There are `factor` times as many TALLY."""

    name: str
    says: str
    breaks: str = ""
    moment: str = ""
    code: str = ""
    factor: int = 1


VARIANTS: Final[Mapping[str, Variant]] = {
    one.name: one
    for one in (
        Variant("normal", "the token works"),
        Variant("paused", "the token is paused once holders have staked", TOKEN, "staked", "PausedTally"),
        Variant(
            "reverting", "the token reverts, from the middle of the trace on", TOKEN, "receipts", REVERTS
        ),
        Variant("absent", "there is no code at the token's address at all", TOKEN, "deployed", "0x"),
        Variant("x100", "there are a hundred times as many TALLY", factor=100),
        Variant(
            "distributor", "the fee splitter reverts until the work is paid", SPLITTER, "deployed", REVERTS
        ),
        Variant("rewards", "the contract of the rewards reverts", REWARDS, "deployed", REVERTS),
    )
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that was tried with the token side; `outcome` is "ok", or the error's name."""

    action: str
    by: str
    outcome: str

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


@dataclass(slots=True)
class Run:
    """What one variant came to. `paid` is what customers paid, gross, and `dividends` what each holder claimed, in µ;
    `supply` TALLY-wei at the start; `calls` which contracts each kind of the payments' transactions called."""

    variant: Variant
    receipts: int = 0
    agreements: int = 0
    paid: int = 0
    supply: int | None = None
    payments: bytes = b""
    everything: bytes = b""
    dividends: list[int] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    calls: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0

    def outcomes(self, action: str) -> list[str]:
        """How every attempt at `action` ended, in order."""
        return [one.outcome for one in self.attempts if one.action == action]

    def to_json(self) -> dict[str, Any]:
        """Its part of report.json."""
        return {
            "variant": self.variant.name,
            "what": self.variant.says,
            "sha256": hashlib.sha256(self.everything).hexdigest(),
            "sha256_payments": hashlib.sha256(self.payments).hexdigest(),
            "receipts": self.receipts,
            "agreements": self.agreements,
            "settled": self.paid,
            "tally_supply": None if self.supply is None else str(self.supply),
            "dividends": self.dividends,
            "token_actions": [
                {"action": one.action, "by": one.by, "outcome": one.outcome} for one in self.attempts
            ],
            "payments_call": self.calls,
            "problems": self.problems,
            "seconds": round(self.seconds, 1),
        }


class BrokenReplay(Replay):
    """A metered replay with holders of the token around it; `play_all` runs it from end to end."""

    def __init__(self, options: ReplayOptions, terminal: Terminal, variant: Variant) -> None:
        super().__init__(options, terminal)
        self.variant = variant
        self.outcome = Run(variant)
        self._broken: set[str] = set()
        self._whole = ""

    def play_all(self) -> Run:
        """The trace, and what surrounds it."""
        began, run = time.monotonic(), self.outcome
        settled = self.run()
        run.receipts, run.agreements, run.paid = settled.receipts, len(settled.per_agreement), settled.gross
        run.problems += settled.differences
        for who, account in self._providers():
            if self._reads("Escrow", "earningsOf", account)[0]:
                self._try(who, "Escrow.claim", account, who.address)
        run.payments = canonical(payments_of(self.world, self.opened.numbers, self.first_block))
        run.calls = calls_of(self.world, self.first_block)
        for kind, called in run.calls.items():
            if met := APART.intersection(called):
                run.problems.append(f"{kind} calls {' and '.join(sorted(met))}")
        self._count_and_pull()
        run.everything = canonical(
            payments_of(self.world, self.opened.numbers, self.first_block) | fees_of(self.world)
        )
        self._earn_and_leave()
        run.seconds = time.monotonic() - began
        return run

    # Where the replay lets us in

    def _checkpointing(self) -> tuple[str, ...]:
        return ("--checkpoint-interval", str(DAY), "--checkpoint-fees", "1")

    def _deploy(self, node: Node) -> None:
        super()._deploy(node)
        self._meet("deployed")

    def _prepare(self, plan: Commitments, kind: VerificationKind) -> None:
        super()._prepare(plan, kind)
        seed, node = self.cast.seed, self.world.node
        keys = [PrivateKey.from_seed(seed, "staker", i) for i in range(len(STAKES))]
        self.holders = [_Person(f"holder {i}", node, key) for i, key in enumerate(keys)]
        self.trader = _Person("trader", node, PrivateKey.from_seed(seed, "trader"))
        for who in (*self.holders, self.trader, *(who for who, _ in self._providers())):
            node.request("anvil_setBalance", [who.address, hex(RICH)])
        for who, amount in zip((*self.holders, self.trader), (*STAKES, POCKET), strict=True):
            self._try(who, "TestTally.drip", who.address, amount * self.variant.factor, needs={TOKEN})
        if TOKEN not in self._broken:
            self.outcome.supply = int(self._reads("TestTally", "totalSupply"))
        staked = True
        for who, amount in zip(self.holders, STAKES, strict=True):
            vault, all_of_it = self.world.address("DividendVault"), amount * self.variant.factor
            self._try(who, "TestTally.approve", vault, all_of_it, needs={TOKEN})
            staked &= self._try(who, "DividendVault.stake", all_of_it, needs={TOKEN})
        if not staked:
            self._broken.add(STAKE)
        self._trade()
        self._meet("staked")
        self._trade()

    def _push(self, courier: Courier, chaos: Chaos, kind: str, script: Script, share: float) -> None:
        super()._push(courier, chaos, kind, script, share)
        if kind == "receipts":
            self._meet("receipts")
        self._trade()

    # The token side

    def _trade(self) -> None:
        self._try(self.trader, "TestTally.transfer", self.holders[0].address, TALLY, needs={TOKEN})

    def _count_and_pull(self) -> None:
        """Rewards are counted and claimed, fees pulled by all three; a broken splitter is mended for that."""
        trader = self.trader
        accounts = [account for _, account in self._providers()]
        self._try(trader, "SupplierRewards.checkpoint", accounts[:100], needs={REWARDS})
        pulls = ("DividendVault.pullFees", "InsurancePool.pullFees", "FeeSplitter.pullTreasury")
        for name in pulls:
            self._try(trader, name, needs={SPLITTER})
        if SPLITTER in self._broken:
            self._set_code("FeeSplitter", self._whole)
            self._broken.discard(SPLITTER)
            for name in pulls:
                self._try(trader, name)
        # Fees pulled in week w stream over week w + 1; rewards vest from the next midnight on.
        self.clock.jump((self.world.node.timestamp() // WEEK + 2) * WEEK + 1)
        for who, account in self._providers():
            if self._rewards_of(account):
                self._try(who, "SupplierRewards.claim", [account], who.address, needs={TOKEN, REWARDS})

    def _earn_and_leave(self) -> None:
        """Holders claim their dividends; a provider stakes its rewards for one of them; all take their TALLY out."""
        for who in self.holders:
            owed = int(self._reads("DividendVault", "claimable", who.address))
            if owed:
                self._try(who, "DividendVault.claim", who.address)
            self.outcome.dividends.append(int(self._reads("TestDollar", "balanceOf", who.address)))
            if self.outcome.dividends[-1] != owed:
                self.outcome.problems.append(f"{who.name} was owed {owed} µ of dividends and got another sum")
        # When all has vested; the vault takes no gift of less than a whole TALLY.
        self.clock.jump(self.world.node.timestamp() + 91 * DAY)
        for who, account in self._providers()[:1]:
            if STAKE not in self._broken and self._rewards_of(account) >= TALLY:
                receiver, needs = self.holders[0].address, {TOKEN, REWARDS}
                self._try(who, "SupplierRewards.claimAndStake", [account], receiver, needs=needs)
        for who in self.holders:
            staked = int(self._reads("DividendVault", "stakedOf", who.address))
            self._try(who, "DividendVault.unstake", staked, needs={STAKE})
        self.clock.jump(self.world.node.timestamp() + EXIT_DELAY)
        for who in self.holders:
            self._try(who, "DividendVault.withdraw", who.address, needs={STAKE, TOKEN})

    # The variant

    def _meet(self, moment: str) -> None:
        """Breaks what the variant breaks, if it is time."""
        variant = self.variant
        if variant.moment != moment:
            return
        name = CONTRACT_OF[variant.breaks]
        self._whole = "0x" + self.world.node.code(self.world.address(name)).hex()
        code = variant.code
        if not code.startswith("0x"):
            # Made by a constructor, so that its immutables are those of the token whose place it takes.
            made = load(code).init_code([self.world.address("SupplierRewards")])
            twin = self.deployer.send(None, made).contract
            assert twin is not None, "a creation gives an address"
            code = "0x" + self.world.node.code(twin).hex()
        self._set_code(name, code)
        self._broken.add(variant.breaks)

    def _set_code(self, name: str, code: str) -> None:
        node = self.world.node
        node.request("anvil_setCode", [self.world.address(name), code])
        node.request("anvil_mine", ["0x1"])  # so that whoever asks about the block before sees it, too

    # Doing and reading

    def _providers(self) -> list[tuple[_Person, int]]:
        """Those who earn, with their accounts."""
        pairs = zip(self.cast.provider_keys, self.parties.provider_accounts, strict=True)
        node = self.world.node
        return [(_Person(f"provider {j}", node, key), account) for j, (key, account) in enumerate(pairs)]

    def _rewards_of(self, account: int) -> int:
        """TALLY-wei that it could claim; plenty when the contract cannot be asked."""
        return TALLY if REWARDS in self._broken else int(self._reads("SupplierRewards", "claimable", account))

    def _reads(self, contract: str, view: str, *values: Any) -> Any:
        return self.world.read(contract, view, *values)

    def _try(self, who: _Person, action: str, *values: Any, needs: set[str] | None = None) -> bool:
        """Sends it as a transaction, writes down how it ended, and that this is as it must be."""
        contract, function = action.split(".")
        if self.world.node.code(self.world.address(contract)):
            call = self.world.call(contract, function, *values, gas=GAS)
            try:
                who.sender.send_many([call])
                outcome = "ok"
            except (ContractRefused, TransactionFailed) as error:
                outcome = error.code
        else:
            outcome = "no code"  # such a transaction goes through, and does nothing
        self.outcome.attempts.append(Attempt(action, who.name, outcome))
        broken = sorted((needs or set()) & self._broken)
        if (outcome == "ok") == bool(broken):
            why = (
                f"though the {' and the '.join(broken)} is broken" if broken else "and nothing that it needs"
            )
            ending = " is broken" if not broken else ""
            self.outcome.problems.append(f"{action} by {who.name} ended with {outcome}, {why}{ending}")
        return outcome == "ok"


class _Person:
    """Somebody with a key and a name."""

    def __init__(self, name: str, node: Node, key: PrivateKey) -> None:
        self.name = name
        self.address = to_checksum(key.address)
        self.sender = KeySender(node, KeySigner(key))


def play(options: ReplayOptions, variant: Variant, terminal: Terminal) -> Run:
    """Settles the trace of `options` under `variant`, on a chain and with a relayer process of its own.

    Raises:
        TallystickError: when it could not be run to its end.
    """
    with BrokenReplay(options, terminal, variant) as replay:
        return replay.play_all()


def differences(runs: Sequence[Run]) -> list[str]:
    """Sentences: what any run says went wrong, and where its balances are not, byte for byte, those of the first.
    Dividends are compared among those in which the same people held the same share of the stakes."""
    found = [f"{run.variant.name}: {sentence}" for run in runs for sentence in run.problems]
    first, *others = runs
    for run in others:
        found += [
            f"{run.variant.name}: balances ({what}) are not those of {first.variant.name}"
            for what in ("payments", "everything")
            if getattr(run, what) != getattr(first, what)
        ]
        staked = run.outcomes("DividendVault.stake") == first.outcomes("DividendVault.stake")
        if staked and run.dividends != first.dividends:
            found.append(f"{run.variant.name}: dividends {run.dividends}, not {first.dividends}")
    return found
