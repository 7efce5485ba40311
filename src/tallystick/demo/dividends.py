"""After the settlement: providers claim, two stakers earn the fees' share over the next week, and claim as
well.

Everything is done on the chain and in the model at the same times, and the two are compared to the µ.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tallystick.chain.node import TransactionReceipt
from tallystick.chain.sender import Call, KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol.constants import TALLY, WEEK
from tallystick.protocol.keys import PrivateKey, to_checksum
from tallystick.replay.outcome import Dividend
from tallystick.replay.run import Replay
from tallystick.replay.world import World

__all__ = ["STAKES", "Payout", "pay_out"]

STAKES = (300 * TALLY, 100 * TALLY)
"""TALLY-wei of the two stakers."""
STAKER_GAS = 1_500_000


@dataclass(slots=True)
class Payout:
    """Where the fees and the net went, in µ, as the chain says it. `differences` are sentences."""

    stakers: list[Dividend] = field(default_factory=list)
    claimed_by_providers: list[int] = field(default_factory=list)
    fees: int = 0
    to_dividends: int = 0
    to_insurance: int = 0
    to_treasury: int = 0
    kept_by_vault: int = 0
    left_in_escrow: int = 0
    differences: list[str] = field(default_factory=list)

    def expect(self, what: str, chain: int, model: int) -> int:
        """Remembers a difference, and returns what the chain says."""
        if chain != model:
            self.differences.append(f"{what}: {chain} on the chain, {model} by the model")
        return chain


def pay_out(session: Replay) -> Payout:
    """Runs the whole story after `Replay.run`, on a chain of our own."""
    payout = Payout()
    keys = [PrivateKey.from_seed(session.cast.seed, "staker", i) for i in range(len(STAKES))]
    senders = [KeySender(session.world.node, KeySigner(key)) for key in keys]
    _stake(session, senders)
    _claim_by_providers(session, payout)
    pulled_at = _sweep(session, payout)
    # Fees pulled in week w stream over week w + 1: afterwards all of it has streamed.
    session.clock.jump((pulled_at // WEEK + 2) * WEEK + 1)
    _claim_by_stakers(session, senders, payout)
    world, model = session.world, session.model
    names = model.parameters.addresses
    payout.kept_by_vault = payout.expect(
        "currency kept by the vault",
        _balance(world, world.address("DividendVault")),
        model.currency.balance_of(names.dividend_vault),
    )
    payout.left_in_escrow = payout.expect(
        "currency left in the Escrow",
        _balance(world, world.address("Escrow")),
        model.currency.balance_of(names.escrow),
    )
    model.check_invariants()
    return payout


def _stake(session: Replay, senders: list[KeySender]) -> None:
    world, model = session.world, session.model
    wei = STAKER_GAS * world.node.fees().max_fee * 3
    calls = [Call(sender.address, b"", wei, 21_000) for sender in senders]
    calls += [
        world.call("TestTally", "drip", sender.address, amount, gas=200_000)
        for sender, amount in zip(senders, STAKES, strict=True)
    ]
    session.deployer.send_many(calls)
    for sender, amount in zip(senders, STAKES, strict=True):
        approve = world.call("TestTally", "approve", world.address("DividendVault"), amount, gas=100_000)
        stake = world.call("DividendVault", "stake", amount, gas=400_000)
        done = sender.send_many([approve, stake])
        model.token.drip(sender.address, amount)
        model.dividend_vault.stake(amount, caller=sender.address, now=_time(world, done[-1]))


def _claim_by_providers(session: Replay, payout: Payout) -> None:
    world, model = session.world, session.model
    for key, account in zip(session.cast.provider_keys, session.parties.provider_accounts, strict=True):
        wallet = to_checksum(key.address)
        received, claimed, _ = model.escrow.earnings_of(account)
        if received > claimed:
            KeySender(world.node, KeySigner(key)).send_many(
                [world.call("Escrow", "claim", account, wallet, gas=200_000)]
            )
            model.escrow.claim(account, wallet, caller=wallet)
        payout.claimed_by_providers.append(
            payout.expect(f"currency of {wallet}", _balance(world, wallet), model.currency.balance_of(wallet))
        )


def _sweep(session: Replay, payout: Payout) -> int:
    """Splits the fees and has each recipient pull its part. Returns when the vault pulled (seconds)."""
    world, model, deployer = session.world, session.model, session.deployer
    names = model.parameters.addresses
    deployer.send(world.address("FeeSplitter"), world.call("FeeSplitter", "sweep").data)
    payout.fees = payout.expect(
        "fees swept", world.read("FeeSplitter", "totalCredited"), model.fee_splitter.sweep()
    )
    vault = deployer.send(world.address("DividendVault"), world.call("DividendVault", "pullFees").data)
    deployer.send(world.address("InsurancePool"), world.call("InsurancePool", "pullFees").data)
    deployer.send(world.address("FeeSplitter"), world.call("FeeSplitter", "pullTreasury").data)
    pulled_at = _time(world, vault)
    payout.to_dividends = payout.expect(
        "dividends' share",
        world.read("DividendVault", "totals")[0],
        model.dividend_vault.pull_fees(now=pulled_at),
    )
    payout.to_insurance = payout.expect(
        "insurance's share",
        _balance(world, world.address("InsurancePool")),
        model.insurance_pool.pull_fees(),
    )
    payout.to_treasury = payout.expect(
        "treasury's share", _balance(world, names.treasury), model.fee_splitter.pull_treasury()
    )
    return pulled_at


def _claim_by_stakers(session: Replay, senders: list[KeySender], payout: Payout) -> None:
    world, vault = session.world, session.model.dividend_vault
    for sender, staked in zip(senders, STAKES, strict=True):
        claimed = 0
        if world.read("DividendVault", "claimable", sender.address) > 0:
            claim = world.call("DividendVault", "claim", sender.address, gas=300_000)
            now = _time(world, sender.send_many([claim])[0])
            payout.expect(
                f"claimable of {sender.address}",
                _balance(world, sender.address),
                vault.claimable(sender.address, now=now),
            )
            claimed = vault.claim(sender.address, caller=sender.address, now=now)
        payout.expect(f"dividends of {sender.address}", _balance(world, sender.address), claimed)
        payout.stakers.append(Dividend(sender.address, staked, _balance(world, sender.address)))


def _balance(world: World, holder: str) -> int:
    return int(world.read("TestDollar", "balanceOf", holder))


def _time(world: World, receipt: TransactionReceipt) -> int:
    return world.node.timestamp(receipt.block)
