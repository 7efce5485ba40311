"""Every function of `Credentials` and `SessionKeys`, once, on both worlds."""

from __future__ import annotations

from collections.abc import Sequence

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Credential, Revocation
from tallystick.protocol.enums import CredentialFault, CredentialKind, HardwareClass
from tallystick.protocol.model import SignedCredential, SignedRevocation
from tests.stateful.worlds import Worlds
from tests.support.evm import Account, Receipt, account

ISSUER = account("issuer")


class TrustSteps(Worlds):
    """What issuers state, and what session keys may accept."""

    def post_credentials(
        self, caller: Account, items: Sequence[tuple[SignedCredential, Account | None]]
    ) -> None:
        """Each with who signs it; the model's `signed` follows from that."""
        s, m = self.system, self.model
        told = [item._replace(signed=self._is(signer, item.issuer)) for item, signer in items]
        structs = [
            Credential(
                bytes.fromhex(item.issuer[2:]),
                int(item.kind),
                bytes.fromhex(item.subject[2:]),
                item.binding,
                item.value,
                item.expires_at,
                item.nonce,
            )
            for item, _ in items
        ]
        outcome = self.both(
            "Credentials.post",
            s.credentials,
            (
                [(item.issuer, int(item.kind), *item[2:7]) for item, _ in items],
                self._signatures(structs, [signer for _, signer in items]),
            ),
            caller,
            lambda: m.credentials.post(told, caller=caller.address, now=self.now),
        )
        if outcome is not None:
            self._compare_refusals(*outcome)

    def revoke_credentials(
        self, caller: Account, items: Sequence[tuple[SignedRevocation, Account | None]]
    ) -> None:
        s, m = self.system, self.model
        told = [item._replace(signed=self._is(signer, item.issuer)) for item, signer in items]
        structs = [
            Revocation(
                bytes.fromhex(item.issuer[2:]),
                int(item.kind),
                bytes.fromhex(item.subject[2:]),
                item.binding,
                item.nonce,
            )
            for item, _ in items
        ]
        outcome = self.both(
            "Credentials.revoke",
            s.credentials,
            (
                [(item.issuer, int(item.kind), *item[2:5]) for item, _ in items],
                self._signatures(structs, [signer for _, signer in items]),
            ),
            caller,
            lambda: m.credentials.revoke(told, caller=caller.address, now=self.now),
        )
        if outcome is not None:
            self._compare_refusals(*outcome)

    @staticmethod
    def _is(signer: Account | None, issuer: str) -> bool:
        return signer is not None and signer.address == issuer

    def _signatures(
        self, structs: Sequence[Credential | Revocation], signers: Sequence[Account | None]
    ) -> list[bytes]:
        s = self.system
        domain = eip712.credentials_domain(s.evm.chain_id, bytes.fromhex(s.credentials.address[2:]))
        return [
            self.sign(signer, domain, struct.hash_struct())
            for struct, signer in zip(structs, signers, strict=True)
        ]

    def _compare_refusals(self, receipt: Receipt, faults: Sequence[CredentialFault]) -> None:
        found = [(e.args["index"], e.args["reason"]) for e in receipt.events("CredentialRefused")]
        assert found == [(i, int(fault)) for i, fault in enumerate(faults) if fault]
        for fault in faults:
            self.reached[f"credential {fault.name}"] += 1

    def ask_credentials(self, mask: int, subject: str, hardware: HardwareClass, region: int) -> None:
        """Both views of what somebody has."""
        s, m = self.system.credentials, self.model.credentials
        issuer = ISSUER.address
        assert s.call("meets", issuer, mask, subject) == m.meets(issuer, mask, subject, now=self.now)
        found = s.call("meetsAs", issuer, mask, subject, int(hardware), region)
        assert found == m.meets_as(issuer, mask, subject, hardware, region, now=self.now)
        kind = CredentialKind.TEE
        for binding in (number.to_bytes(32, "big") for number in self.agreements[-2:]):
            found = s.call("isValid", issuer, int(kind), subject, binding, self.now)
            assert found == m.is_valid(issuer, kind, subject, binding, self.now)

    # Session keys

    def grant(
        self, caller: Account, number: int, key: str, expires_at: int, total: int, listed: Sequence[int]
    ) -> None:
        s, m = self.system, self.model.session_keys
        self.both(
            "SessionKeys.grant",
            s.session_keys,
            (number, key, expires_at, total, list(listed)),
            caller,
            lambda: m.grant(number, key, expires_at, total, listed, caller=caller.address, now=self.now),
        )

    def list_more(self, caller: Account, number: int, key: str, listed: Sequence[int]) -> None:
        s, m = self.system, self.model.session_keys
        self.both(
            "SessionKeys.list",
            s.session_keys,
            (number, key, list(listed)),
            caller,
            lambda: m.list(number, key, listed, caller=caller.address),
        )

    def revoke_session(self, caller: Account, number: int, key: str) -> None:
        s, m = self.system, self.model.session_keys
        self.both(
            "SessionKeys.revoke",
            s.session_keys,
            (number, key),
            caller,
            lambda: m.revoke(number, key, caller=caller.address, now=self.now),
        )

    def spend_directly(self, caller: Account, number: int, key: str, amount: int) -> None:
        s, m = self.system, self.model.session_keys
        self.both(
            "SessionKeys.spend",
            s.session_keys,
            (number, key, amount),
            caller,
            lambda: m.spend(number, key, amount, caller=caller.address),
        )
