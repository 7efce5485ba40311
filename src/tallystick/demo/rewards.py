"""What the providers' work brings them in TALLY: counted after the settlement, claimed when all of it has vested.

Done on the chain and in the model at the same times, and compared to the TALLY-wei.
"""

from __future__ import annotations

from tallystick.chain.sender import KeySender
from tallystick.chain.signers import KeySigner
from tallystick.demo.dividends import Payout
from tallystick.protocol.constants import DAY, EMISSION_VESTING, MAX_REWARD_ITEMS
from tallystick.protocol.keys import to_checksum
from tallystick.replay.outcome import Reward
from tallystick.replay.run import Replay

__all__ = ["claim_rewards", "count_rewards"]

CLAIM_GAS = 500_000


def count_rewards(session: Replay, payout: Payout) -> None:
    """Checkpoints the providers' accounts, as anyone may, in chunks of one call."""
    world, model = session.world, session.model
    accounts = session.parties.provider_accounts
    for start in range(0, len(accounts), MAX_REWARD_ITEMS):
        chunk = accounts[start : start + MAX_REWARD_ITEMS]
        call = world.call("SupplierRewards", "checkpoint", chunk)
        receipt = session.deployer.send(world.address("SupplierRewards"), call.data)
        model.rewards.checkpoint(chunk, now=world.node.timestamp(receipt.block))
    _compare_totals(session, payout)


def claim_rewards(session: Replay, payout: Payout) -> list[Reward]:
    """Lets the rewards vest, and has every provider claim its own. On a chain of our own only."""
    world, model = session.world, session.model
    rewards, token = model.rewards, world.address("TestTally")
    session.clock.jump((world.node.timestamp() // DAY + 1) * DAY + EMISSION_VESTING)
    lines = []
    for key, account in zip(session.cast.provider_keys, session.parties.provider_accounts, strict=True):
        wallet, now = to_checksum(key.address), world.node.timestamp()
        claimed = 0
        if rewards.claimable(account, now=now):
            call = world.call("SupplierRewards", "claim", [account], wallet, gas=CLAIM_GAS)
            KeySender(world.node, KeySigner(key)).send_many([call])
            claimed = rewards.claim([account], wallet, caller=wallet, now=now)
        held = int(world.read("TestTally", "balanceOf", wallet))
        payout.expect(f"TALLY-wei of {wallet} in {token}", held, claimed)
        fees, waiting, credited, vested, _ = world.read("SupplierRewards", "lifetimeOf", account)
        payout.expect(f"fees that wait for account {account}", waiting, 0)
        payout.expect(f"TALLY-wei of account {account} that have not vested", credited - vested, 0)
        lines.append(Reward(account, fees, held))
    _compare_totals(session, payout)
    return lines


def _compare_totals(session: Replay, payout: Payout) -> None:
    found = session.world.read("SupplierRewards", "totals")
    names = ("credited", "forfeited", "minted")
    for name, chain, model in zip(names, found, session.model.rewards.totals(), strict=True):
        payout.expect(f"TALLY-wei {name}", int(chain), model)
