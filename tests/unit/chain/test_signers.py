"""Keys sign, and never show."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from tallystick.chain.anvil import DEV_KEYS
from tallystick.chain.errors import SignerProblem
from tallystick.chain.signers import KeySigner, secret_from_environment
from tallystick.protocol.hashing import keccak256
from tallystick.protocol.keys import recover

KEY = DEV_KEYS[0]
ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
FIELDS: dict[str, Any] = {
    "chainId": 31337, "nonce": 4, "gas": 21_000, "maxFeePerGas": 10, "maxPriorityFeePerGas": 1, "value": 5,
    "data": b"", "to": "0x" + "11" * 20,
}  # fmt: skip


def test_sign_transaction__all_fields__recovers_to_the_key_and_hashes_to_the_hash() -> None:
    signed = KeySigner.from_hex(KEY).sign_transaction({**FIELDS, "from": ALICE.lower()})
    assert Account.recover_transaction(signed.raw) == ALICE
    assert signed.hash == "0x" + keccak256(signed.raw).hex()
    assert signed.raw[0] == 2


def test_sign_transaction__creation__has_no_receiver() -> None:
    fields = {name: value for name, value in FIELDS.items() if name != "to"}
    signed = KeySigner.from_hex(KEY).sign_transaction({**fields, "data": b"\x60\x00"})
    assert Account.recover_transaction(signed.raw) == ALICE


def test_sign_transaction__of_another_account_or_incomplete__is_refused() -> None:
    signer = KeySigner.from_hex(KEY)
    with pytest.raises(SignerProblem, match="but this key is 0xf39F"):
        signer.sign_transaction({**FIELDS, "from": "0x" + "22" * 20})
    with pytest.raises(SignerProblem, match="cannot be signed"):
        signer.sign_transaction({"nonce": 1})


def test_key__digest__is_signed_by_the_same_key() -> None:
    signer = KeySigner.from_hex(KEY)
    assert recover(b"\x07" * 32, signer.key.sign(b"\x07" * 32)) == bytes.fromhex(ALICE[2:])


def test_repr__and_errors__do_not_show_the_key(tmp_path: Path) -> None:
    signer = KeySigner.from_hex(KEY)
    assert repr(signer) == f"KeySigner({ALICE})"
    with pytest.raises(SignerProblem) as caught:
        KeySigner.from_hex(KEY + "00")
    assert KEY[2:20] not in str(caught.value)
    assert not hasattr(signer, "__dict__")


def test_from_environment__variable_or_file__gives_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"  {KEY}\n")
    assert KeySigner.from_environment("K", {"K": KEY}).address == ALICE
    assert KeySigner.from_environment("K", {"K_FILE": str(file)}).address == ALICE
    assert KeySigner.from_file(file).address == ALICE


def test_from_environment__nothing_both_or_no_file__says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SignerProblem, match="set K to its hex digits, or K_FILE"):
        KeySigner.from_environment("K", {})
    with pytest.raises(SignerProblem, match="both set"):
        secret_from_environment("K", {"K": KEY, "K_FILE": "x"})
    with pytest.raises(SignerProblem, match="cannot be read: No such file"):
        KeySigner.from_environment("K", {"K_FILE": str(tmp_path / "none")})


def test_keystore__round_trip__opens_with_its_password_only(tmp_path: Path) -> None:
    file = tmp_path / "keystore.json"
    file.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY[2:]), "right", kdf="pbkdf2", iterations=2)))
    assert KeySigner.from_keystore(file, "right").address == ALICE
    with pytest.raises(SignerProblem, match="the password is wrong"):
        KeySigner.from_keystore(file, "wrong")
    file.write_text("{}")
    with pytest.raises(SignerProblem, match="no keystore of version 3"):
        KeySigner.from_keystore(file, "right")


def test_to_keystore__content__does_not_hold_the_key() -> None:
    content = json.dumps(KeySigner.from_hex(KEY).to_keystore("secret"))
    assert KEY[2:] not in content
    assert json.loads(content)["version"] == 3
