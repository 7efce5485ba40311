"""Directory: addresses known beforehand, a plan that can be taken up again, versions."""

from __future__ import annotations

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address

from tallystick.chain.abi import short_string
from tallystick.chain.contracts import load
from tallystick.protocol.hashing import keccak256
from tests.support.evm import Bound, Evm, account, reverts

OWNER, EVE = account("owner"), account("eve")
ZERO = "0x" + "00" * 20
ONE_BYTE = bytes.fromhex("60015f5360015ff3")  # creates a contract whose code is 01
NAME = short_string("Thing")


@pytest.fixture
def directory() -> Bound:
    return Evm().deploy("Directory", OWNER.address)


def created_address(creator: str, nonce: int) -> str:
    """Yellow paper, section 7, by the rlp package."""
    return "0x" + keccak256(rlp.encode([bytes.fromhex(creator[2:]), nonce]))[12:].hex()


def deploy(directory: Bound, index: int, code: bytes = ONE_BYTE, name: bytes = NAME) -> str:
    return str(directory.transact("deploy", name, index, code, sender=OWNER).result)


def test_deploy__in_order__creates_at_the_predicted_address(directory: Bound) -> None:
    predicted = [directory.call("addressOf", index) for index in (1, 2, 3)]
    assert predicted == [created_address(directory.address, nonce) for nonce in (1, 2, 3)]
    receipt = directory.transact("deploy", NAME, 1, ONE_BYTE, sender=OWNER)
    assert receipt.result == predicted[0]
    assert receipt.event("Deployed").args == {
        "name": NAME,
        "version": 1,
        "created": predicted[0],
        "index": 1,
        "codeHash": keccak256(b"\1"),
    }
    assert directory.evm.code(predicted[0]) == b"\1"
    assert deploy(directory, 2, name=short_string("Other")) == predicted[1]
    assert deploy(directory, 3) == predicted[2]
    assert directory.call("count") == 3
    assert directory.call("latest", NAME) == (predicted[2], 2)
    assert directory.call("latest", short_string("Other")) == (predicted[1], 1)
    assert directory.call("latest", short_string("None")) == (ZERO, 0)
    versions = [directory.call("versionOf", NAME, version) for version in (0, 1, 2, 3)]
    assert versions == [ZERO, predicted[0], predicted[2], ZERO]


def test_deploy__past_the_127th__still_hits_the_prediction(directory: Bound) -> None:
    for index in range(1, 131):
        assert deploy(directory, index) == directory.call("addressOf", index)


@pytest.mark.parametrize(
    "index", [1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x1_0000, 0xFF_FFFF, 0x100_0000, 0xFFFF_FFFF]
)
def test_address_of__any_index__is_that_of_create(directory: Bound, index: int) -> None:
    assert directory.call("addressOf", index) == created_address(directory.address, index)


def test_address_of__number_0__is_nobody(directory: Bound) -> None:
    assert directory.call("addressOf", 0) == ZERO


def test_deploy__out_of_order_or_again__is_refused(directory: Bound) -> None:
    for index in (0, 2, 2**32 - 1):
        with reverts("Directory_WrongIndex", expected=1, given=index):
            deploy(directory, index)
    deploy(directory, 1)
    with reverts("Directory_WrongIndex", expected=2, given=1):
        deploy(directory, 1)
    assert directory.call("count") == 1


def test_deploy__a_constructor_that_reverts__says_why_and_takes_no_place(directory: Bound) -> None:
    bad = load("TestDollar").init_code({"owner": to_checksum_address(ZERO)})
    reason = load("TestDollar").errors["OwnableInvalidOwner"].selector + bytes(32)
    with reverts("Directory_CreationFailed", name=NAME, reason=reason):
        deploy(directory, 1, bad)
    with reverts("Directory_CreationFailed", name=NAME, reason=b""):
        deploy(directory, 1, b"\xfe")
    with reverts("Directory_CreationFailed", name=NAME, reason=b""):
        deploy(directory, 1, b"")  # leaves no code
    assert directory.call("count") == 0
    assert deploy(directory, 1) == created_address(directory.address, 1)


def test_deploy__without_a_name_or_by_another__is_refused(directory: Bound) -> None:
    with reverts("Directory_ZeroName"):
        deploy(directory, 1, name=bytes(32))
    with reverts("OwnableUnauthorizedAccount", account=EVE.address):
        directory.transact("deploy", NAME, 1, ONE_BYTE, sender=EVE)


def test_ownership__moves_in_two_steps(directory: Bound) -> None:
    directory.transact("transferOwnership", EVE.address, sender=OWNER)
    assert directory.call("owner") == OWNER.address
    with reverts("OwnableUnauthorizedAccount", account=EVE.address):
        directory.transact("deploy", NAME, 1, ONE_BYTE, sender=EVE)
    directory.transact("acceptOwnership", sender=EVE)
    assert directory.transact("deploy", NAME, 1, ONE_BYTE, sender=EVE).result
    with reverts("OwnableUnauthorizedAccount", account=OWNER.address):
        deploy(directory, 2)
