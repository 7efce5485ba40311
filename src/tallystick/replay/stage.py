"""Before the curtain: money, operators with stake and keys, the policy, accounts with deposits.

Everything is sent in a few rounds of pipelined transactions; what the chain answers (numbers of accounts and
operators) is read from the receipts' own logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tallystick.chain.contracts import load
from tallystick.chain.node import TransactionReceipt
from tallystick.chain.sender import Call, KeySender
from tallystick.chain.signers import KeySigner
from tallystick.protocol import constants
from tallystick.protocol.amounts import ceil_bps
from tallystick.protocol.enums import HardwareClass, KeyKind, Role, VerificationKind
from tallystick.protocol.keys import PrivateKey, to_checksum
from tallystick.protocol.model import Policy
from tallystick.replay.cast import Cast, Parties
from tallystick.replay.errors import ReplayError, UsageProblem
from tallystick.replay.plan import Commitments
from tallystick.replay.world import World, events, topic_int

__all__ = [
    "OWNER_GAS",
    "SETUP_ROUNDS",
    "Stakes",
    "add_policy",
    "deposits_of",
    "policy_for",
    "prepare",
    "register_operator",
    "stakes_for",
]

REGION_OF_PROVIDERS = (276, 840, 392, 250, 124)
"""ISO 3166-1 numbers, dealt out in turn."""
OWNER_GAS = 900_000
"""Gas that an operator's owner needs at most to register and to name one key."""
OWNERS_AT_ONCE = 16
SETUP_ROUNDS = 5
"""How often `prepare` tells its progress."""
MAX_WORTH = 2**62
"""µ of one replay: stakes and values in flight are uint64."""
IN_FLIGHT_RESERVE = 3
"""A figure that is posted again after a crash is in flight twice for a while."""


class Stakes:
    """µ of stake: of each provider, of the verifier, of the relayer; and the policy's value cap."""

    def __init__(self, providers: list[int], verifier: int, relayer: int, value_cap: int) -> None:
        self.providers = providers
        self.verifier = verifier
        self.relayer = relayer
        self.value_cap = value_cap

    @property
    def total(self) -> int:
        """µ of all."""
        return sum(self.providers) + self.verifier + self.relayer


def stakes_for(plan: Commitments) -> Stakes:
    """What each operator must stake, so that every agreement can be pledged for and every batch be in flight
    at once.

    Raises:
        UsageProblem: when the trace is worth more than stakes can stand behind.
    """
    worth, pledges = 0, [0] * plan.providers
    for _, provider, budget in plan.commitments():
        worth += budget
        pledges[provider] += ceil_bps(budget, constants.COVERAGE_BPS)
    if worth > MAX_WORTH:
        raise UsageProblem(
            f"This trace at this price is worth {worth} µ; one replay carries at most {MAX_WORTH} µ:"
            " lower --unit-price."
        )
    flight = IN_FLIGHT_RESERVE * worth
    return Stakes(
        providers=[constants.MIN_STAKE_PROVIDER + pledge for pledge in pledges],
        verifier=constants.MIN_STAKE_VERIFIER,
        relayer=constants.MIN_STAKE_RELAYER + -(-flight // constants.STAKE_MULTIPLE),
        value_cap=max(constants.VALUE_CAP, flight),
    )


def deposits_of(plan: Commitments) -> list[int]:
    """µ that each customer deposits: the budgets of its agreements."""
    deposits = [0] * plan.customers
    for customer, _, budget in plan.commitments():
        deposits[customer] += budget
    return deposits


def prepare(
    world: World,
    deployer: KeySender,
    cast: Cast,
    plan: Commitments,
    window: int,
    progress: Callable[[], None],
    kind: VerificationKind = VerificationKind.ATTESTED,
) -> Parties:
    """Mints, registers, stakes, adds the policy, creates accounts and deposits. Calls `progress` after each
    of SETUP_ROUNDS rounds."""
    stakes = stakes_for(plan)
    deposits = deposits_of(plan)
    owners = [*cast.provider_keys, cast.verifier_owner, cast.relayer_owner]
    wei = OWNER_GAS * world.node.fees().max_fee * 2
    deployer.send_many(
        [
            world.call("TestDollar", "mint", deployer.address, stakes.total + sum(deposits), gas=120_000),
            world.call("TestDollar", "approve", world.address("Escrow"), 2**256 - 1, gas=80_000),
            world.call("TestDollar", "approve", world.address("Staking"), 2**256 - 1, gas=80_000),
            *(Call(to_checksum(owner.address), b"", wei, 21_000) for owner in owners),
        ]
    )
    progress()
    operators = _register(world, cast)
    progress()
    policy = add_policy(
        world, deployer, policy_for(operators[-2], operators[-1], stakes.value_cap, window, kind)
    )
    amounts = [*stakes.providers, stakes.verifier, stakes.relayer]
    deployer.send_many(
        [
            world.call("Staking", "stake", operator, amount, gas=200_000)
            for operator, amount in zip(operators, amounts, strict=True)
        ]
    )
    progress()
    made = deployer.send_many(
        [
            world.call("Escrow", "createAccount", to_checksum(key.address), gas=150_000)
            for key in (*cast.customer_keys, *cast.provider_keys)
        ]
    )
    accounts = [topic_int(log, 1) for log in events(world, "Escrow", "AccountCreated", made)]
    customers, providers = accounts[: plan.customers], accounts[plan.customers :]
    progress()
    deployer.send_many(
        [
            world.call("Escrow", "deposit", account, amount, gas=200_000)
            for account, amount in zip(customers, deposits, strict=True)
            if amount
        ]
    )
    progress()
    return Parties(customers, providers, operators[:-2], operators[-2], operators[-1], policy)


def _register(world: World, cast: Cast) -> list[int]:
    """Every operator registers itself with its own key and names the key that signs for it, side by side."""

    def provider(j: int) -> int:
        region = REGION_OF_PROVIDERS[j % len(REGION_OF_PROVIDERS)]
        owner, device = cast.provider_keys[j], cast.device_keys[j]
        return register_operator(
            world, owner, Role.PROVIDER, HardwareClass.DATA_CENTRE_GPU, region, KeyKind.DEVICE, device
        )

    def other(owner: PrivateKey, role: Role, kind: KeyKind, key: PrivateKey) -> int:
        return register_operator(world, owner, role, HardwareClass.NONE, 0, kind, key)

    with ThreadPoolExecutor(OWNERS_AT_ONCE) as pool:
        jobs = [pool.submit(provider, j) for j in range(cast.providers)]
        jobs.append(
            pool.submit(other, cast.verifier_owner, Role.VERIFIER, KeyKind.VERIFIER, cast.verifier_key)
        )
        jobs.append(pool.submit(other, cast.relayer_owner, Role.RELAYER, KeyKind.SIGNER, cast.relayer_key))
        return [job.result() for job in jobs]


def register_operator(
    world: World,
    owner: PrivateKey,
    role: Role,
    card: HardwareClass,
    region: int,
    kind: KeyKind,
    key: PrivateKey,
) -> int:
    """Registers an operator with its owner's key and authorises a key that signs for it. Returns its number."""
    sender = KeySender(world.node, KeySigner(owner))
    call = world.call("Staking", "register", int(role), int(card), region, 0, bytes(32), gas=400_000)
    operator = _first(world, "Staking", "Registered", sender.send_many([call]))
    sender.send_many(
        [world.call("Staking", "authoriseKey", operator, int(kind), to_checksum(key.address), gas=200_000)]
    )
    return operator


def policy_for(
    verifier: int,
    relayer: int,
    value_cap: int,
    window: int,
    kind: VerificationKind = VerificationKind.ATTESTED,
) -> Policy:
    """The replay's policy: one relayer posts, `window` seconds to challenge; one verifier attests, or with NONE
    nobody."""
    attested = kind is VerificationKind.ATTESTED
    return Policy(
        kind=kind,
        quorum=1 if attested else 0,
        relayer=relayer,
        value_cap=value_cap,
        challenge_window=window,
        self_post_window=min(constants.SELF_POST_WINDOW, 3 * window),
        verifiers=(verifier,) if attested else (),
    )


def add_policy(world: World, deployer: KeySender, policy: Policy) -> int:
    """Puts a policy into the book. Returns its number."""
    data = load("PolicyBook").encode_checked("add", [tuple(policy)])
    receipt = deployer.send(world.address("PolicyBook"), data)
    return _first(world, "PolicyBook", "PolicyAdded", [receipt])


def _first(world: World, name: str, event: str, receipts: Sequence[TransactionReceipt]) -> int:
    for log in events(world, name, event, receipts):
        return topic_int(log, 1)
    raise ReplayError(
        "missing_event", f"{name} did not say {event}; is this the contract that the package knows?"
    )
