"""Random actors, honest and hostile, on both worlds at once.

The rules draw what people might do: amounts from nothing to everything, whoever owns it or somebody else,
in time or not, with good signatures, none, or another's. `Twin` asserts that model and bytecode agree on
every one of them; the invariants are checked after each.
"""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tallystick.protocol.enums import CredentialKind, KeyKind, VerificationKind
from tallystick.protocol.model import Policy
from tests.stateful.draws import VERDICTS, device_of, people, spans
from tests.stateful.rules_accounts import AccountRules
from tests.stateful.rules_batches import BatchRules
from tests.stateful.rules_changes import ChangeRules
from tests.stateful.rules_fees import FeeRules
from tests.stateful.rules_lives import LifeRules
from tests.stateful.rules_rewards import RewardRules
from tests.stateful.rules_signed import SignedRules
from tests.stateful.rules_stake import StakeRules
from tests.stateful.rules_trust import TrustRules
from tests.stateful.trust_steps import ISSUER
from tests.stateful.twin import ACTORS, SPLIT, Pristine, Twin
from tests.support.evm import Account, account
from tests.support.system import DOLLAR, TALLY

ASKED = 1 << CredentialKind.HARDWARE_CLASS | 1 << CredentialKind.REGION
POLICIES = (
    Policy(VerificationKind.NONE, 0, 3),
    Policy(
        VerificationKind.NONE,
        0,
        3,
        funder_waived=True,
        coverage_bps=3_333,
        value_cap=9 * DOLLAR,
        gross_cap=2 * DOLLAR,
        self_post_bond=0,
    ),
    Policy(
        VerificationKind.ATTESTED,
        1,
        3,
        coverage_bps=10_000,
        self_post_bond=5 * DOLLAR,
        verifier_version=3,
        min_confidence=9_000,
        verifiers=(4,),
    ),
    Policy(VerificationKind.TEE, 0, 3, instant_release=False, issuer=ISSUER.address),
    Policy(
        VerificationKind.NONE,
        0,
        3,
        customer_credentials=1 << CredentialKind.KYC_CUSTOMER,
        operator_credentials=ASKED,
        issuer=ISSUER.address,
        self_post_bond=3_000 * DOLLAR,
    ),
)


@cache
def pristine() -> Pristine:
    """Deployed once a process."""
    return Pristine.deploy()


class Market(
    AccountRules,
    LifeRules,
    ChangeRules,
    BatchRules,
    SignedRules,
    StakeRules,
    TrustRules,
    FeeRules,
    RewardRules,
):
    """ann and ben buy, cleo and dora provide, relay posts, vera verifies, mallory tries everything."""

    @initialize()
    def found_market(self) -> None:
        """A small market that works, to be disturbed: accounts 1 to 6, operators 1 to 4, policies 1 to 5."""
        twin = self.twin = Twin.start(pristine())
        for name in ACTORS:
            twin.mint(account(name).address, 200_000 * DOLLAR)
            twin.drip(account(name).address, 1_000 * TALLY)
        for name in ("ann", "ben", "cleo", "dora", "mallory"):
            person = account(name)
            number = twin.create_account(person)
            twin.deposit(person, number, 1_000 * DOLLAR)
        twin.create_split(account("ann"), *SPLIT)
        for name, roles, hardware, stake in (
            ("cleo", 1, 1, 20_000),
            ("dora", 1, 2, 1_010),
            ("relay", 4, 0, 30_000),
            ("vera", 2, 0, 2_500),
        ):
            person = account(name)
            operator = twin.register(person, roles, hardware)
            assert operator is not None
            twin.stake(person, operator, stake * DOLLAR)
        for operator, name, kind, key in (
            (3, "relay", KeyKind.SIGNER, account("relay")),
            (1, "cleo", KeyKind.DEVICE, device_of(1)),
            (2, "dora", KeyKind.DEVICE, device_of(2)),
            (4, "vera", KeyKind.VERIFIER, VERDICTS),
        ):
            twin.set_key(account(name), operator, kind, key.address, revoke=False)
        for policy in POLICIES:
            twin.add_policy(twin.system.admin, policy)
        for customer, under in ((1, 1), (1, 3), (2, 2), (2, 3)):
            twin.allow(account("mallory"), 5, customer, under, 200 * DOLLAR)

    # Time, the currency's issuer and its holders

    @rule(span=spans)
    def time_passes(self, span: int) -> None:
        self.twin.warp(span)

    @rule(name=st.sampled_from(ACTORS), barred=st.booleans())
    def issuer_blacklists(self, name: str, barred: bool) -> None:
        self.twin.blacklist(account(name).address, barred and name in ("cleo", "mallory"))

    @rule(
        person=people,
        amount=st.integers(0, 1_000),
        to=st.sampled_from(["escrow", "staking", "splitter", "vault"]),
    )
    def somebody_donates(self, person: Account, amount: int, to: str) -> None:
        self.twin.gift(person, getattr(self.twin.system, to).address, amount)

    # After every step

    @invariant()
    def worlds_agree(self) -> None:
        if hasattr(self, "twin"):
            self.twin.check()
