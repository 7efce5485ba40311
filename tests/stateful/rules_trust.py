"""Credentials and session keys."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tallystick.protocol.enums import CredentialKind, HardwareClass
from tallystick.protocol.model import SignedCredential, SignedRevocation
from tests.stateful.draws import DAY, KEYS, accounts, amounts, device_of, mostly, owner_of, people
from tests.stateful.rules import Rules
from tests.stateful.trust_steps import ISSUER
from tests.support.evm import Account, account

SUBJECTS = [account("ann").address, account("cleo").address, device_of(1).address, "0x" + "00" * 20]
UNBOUND = bytes(32)


class TrustRules(Rules):
    """What issuers say, and whom customers let accept."""

    @rule(
        person=people, days=st.integers(1, 60), people_of=st.sampled_from([("ann", "cleo"), ("ben", "dora")])
    )
    def certify(self, person: Account, days: int, people_of: tuple[str, str]) -> None:
        """The issuer states all that policy 5 asks for."""
        customer, provider = (account(name).address for name in people_of)
        hardware = 1 if people_of[1] == "cleo" else 2
        statements = [
            (customer, CredentialKind.KYC_CUSTOMER, 7),
            (provider, CredentialKind.HARDWARE_CLASS, hardware),
            (provider, CredentialKind.REGION, 276),
        ]
        expires = self.twin.now + days * DAY
        items = [
            SignedCredential(
                ISSUER.address,
                kind,
                subject,
                UNBOUND,
                value.to_bytes(32, "big"),
                expires,
                self._next_nonce(kind, subject),
            )
            for subject, kind, value in statements
        ]
        self.twin.post_credentials(person, [(item, ISSUER) for item in items])

    def _next_nonce(self, kind: CredentialKind, subject: str, binding: bytes = UNBOUND) -> int:
        return self.twin.model.credentials.record_of(ISSUER.address, kind, subject, binding).nonce + 1

    @rule(
        data=st.data(),
        person=people,
        issuer=st.sampled_from([ISSUER, ISSUER, account("mallory")]),
        signer=st.sampled_from([ISSUER, ISSUER, ISSUER, account("mallory"), None]),
        revoke=st.booleans(),
    )
    def state(
        self, data: st.DataObject, person: Account, issuer: Account, signer: Account | None, revoke: bool
    ) -> None:
        """Anything said about anybody, in or out of order."""
        kind = data.draw(st.sampled_from(list(CredentialKind)))
        subject = data.draw(st.sampled_from(SUBJECTS))
        bound = data.draw(st.sampled_from([UNBOUND, UNBOUND, (5 << 32).to_bytes(32, "big")]))
        nonce = max(0, self._next_nonce(kind, subject, bound) + data.draw(st.sampled_from([-1, 0, 0, 3])))
        if revoke:
            gone = SignedRevocation(issuer.address, kind, subject, bound, nonce)
            self.twin.revoke_credentials(person, [(gone, signer), (gone, issuer)])
            return
        expires = self.twin.now + data.draw(st.sampled_from([-1, 0, 1, DAY]))
        item = SignedCredential(issuer.address, kind, subject, bound, b"\1" * 32, expires, nonce)
        self.twin.post_credentials(person, [(item, signer), (item, issuer)])

    @rule(
        mask=st.integers(0, 2**11 - 1),
        subject=st.sampled_from(SUBJECTS[:3]),
        hardware=st.sampled_from(list(HardwareClass)),
        region=st.sampled_from([0, 276]),
    )
    def ask(self, mask: int, subject: str, hardware: HardwareClass, region: int) -> None:
        asked = mask & 0b101000010 if mask % 2 else mask
        self.twin.ask_credentials(asked, subject, hardware, region)

    # Session keys

    @rule(
        data=st.data(),
        owner=mostly,
        person=people,
        number=st.sampled_from([1, 1, 2, 2, 0, 6]),
        key=st.sampled_from([*(key.address for key in KEYS), "0x" + "00" * 20]),
        life=st.sampled_from([0, 1, DAY, 30 * DAY, 30 * DAY]),
        total=st.sampled_from([0, 0, 1_000, 10**6, 10**7]),
        listed=st.booleans(),
    )
    def grant(
        self,
        data: st.DataObject,
        owner: bool,
        person: Account,
        number: int,
        key: str,
        life: int,
        total: int,
        listed: bool,
    ) -> None:
        agreements = self.twin.agreements[-4:] if listed else []
        caller = owner_of(self.twin, number) if owner else person
        self.twin.grant(caller, number, key, self.twin.now + life, total, agreements)

    @rule(owner=mostly, person=people, number=accounts, key=st.sampled_from(KEYS), revoke=st.booleans())
    def change_session(self, owner: bool, person: Account, number: int, key: Account, revoke: bool) -> None:
        caller = owner_of(self.twin, number) if owner else person
        if revoke:
            self.twin.revoke_session(caller, number, key.address)
        else:
            self.twin.list_more(caller, number, key.address, self.twin.agreements[-3:])

    @rule(person=people, number=accounts, key=st.sampled_from(KEYS), amount=amounts)
    def spend(self, person: Account, number: int, key: Account, amount: int) -> None:
        self.twin.spend_directly(person, number, key.address, amount)
