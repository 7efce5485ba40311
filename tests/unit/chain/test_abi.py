"""Values checked against an ABI: the sentence names the place of the mistake."""

from typing import Any

import pytest

from tallystick.chain.abi import Function, Parameter, arrange, checksum, from_hex, short_string
from tallystick.chain.errors import BadArgument, DeploymentMismatch

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
TRANSFER = Function.from_json(
    {
        "type": "function",
        "name": "transfer",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    }
)
POINT = {
    "name": "p",
    "type": "tuple",
    "components": [{"name": "x", "type": "int8"}, {"name": "label", "type": "bytes4"}],
}
FIND = Function.from_json(
    {
        "type": "function",
        "name": "find",
        "stateMutability": "view",
        "inputs": [{**POINT, "type": "tuple[]"}, {"name": "flags", "type": "bool[2]"}],
        "outputs": [POINT, {"name": "count", "type": "uint32"}],
    }
)


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_encode__transfer__is_the_well_known_calldata() -> None:
    expected = "a9059cbb" + "f39fd6e51aad88f6f4ce6ab8827279cfffb92266".zfill(64) + f"{5:064x}"
    assert TRANSFER.signature == "transfer(address,uint256)"
    assert TRANSFER.encode(ALICE, 5).hex() == expected
    assert TRANSFER.encode_checked({"amount": 5, "to": ALICE}).hex() == expected
    assert TRANSFER.decode_inputs(bytes.fromhex(expected)) == (ALICE.lower(), 5)


def test_signature__structs_in_lists__are_spelt_out() -> None:
    assert FIND.signature == "find((int8,bytes4)[],bool[2])"


def test_encode_checked__struct_by_name_or_place__gives_the_same_words() -> None:
    by_name = FIND.encode_checked([[{"x": -1, "label": "0x01020304"}], [True, False]])
    by_place = FIND.encode_checked({"p": [(-1, b"\x01\x02\x03\x04")], "flags": [True, False]})
    tail = word(1) + word(2**256 - 1) + b"\x01\x02\x03\x04".ljust(32, b"\0")
    assert by_name == by_place == FIND.selector + word(96) + word(1) + word(0) + tail


def test_decode_named__struct_and_number__is_a_tuple_with_a_dict() -> None:
    data = word(7) + b"abcd".ljust(32, b"\0") + word(9)
    assert FIND.decode(data) == ((7, b"abcd"), 9)
    assert FIND.decode_named(data) == ({"x": 7, "label": b"abcd"}, 9)
    assert TRANSFER.decode_named(word(1)) is True


@pytest.mark.parametrize("data", [b"", word(1)[:31]])
def test_decode__nothing_or_too_little__says_that_no_such_contract_is_there(data: bytes) -> None:
    with pytest.raises(DeploymentMismatch, match="no contract, or another one"):
        TRANSFER.decode(data)


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        ("uint8", 256, "between 0 and 255, not 256"),
        ("uint8", -1, "between 0 and 255, not -1"),
        ("int8", -129, "between -128 and 127"),
        ("uint256", 2**256, "must lie between"),
        ("uint8", True, "must be a whole number, not True"),
        ("uint8", "5", "must be a whole number, not '5'"),
        ("uint8", 5.0, "must be a whole number, not 5.0"),
        ("bool", 1, "must be true or false"),
        ("address", "0x12", "must be an address"),
        ("address", ALICE.replace("f39F", "f39f"), "wrong checksum"),
        ("bytes32", "0x12", "must have 32 bytes, not 1"),
        ("bytes", "0x123", "even number of hex digits"),
        ("bytes", "12", "0x and an even number"),
        ("string", 5, "must be a text"),
        ("uint8[]", 5, "must be a list"),
        ("uint8[2]", [1], "must have 2 items, not 1"),
        ("uint8[]", [1, 300], r"v\[1\] must lie between"),
    ],
)
def test_arrange__value_that_does_not_fit__names_place_and_reason(
    kind: str, value: Any, complaint: str
) -> None:
    with pytest.raises(BadArgument, match=complaint) as caught:
        arrange([Parameter("v", kind)], {"v": value}, "Thing")
    assert caught.value.code == "bad_argument"
    assert caught.value.message.startswith("Thing.v")


def test_arrange__wrong_names_or_count__says_what_is_taken() -> None:
    parameters = [Parameter("a", "uint8"), Parameter("b", "uint8")]
    with pytest.raises(BadArgument, match=r"Thing misses b and does not know c; it takes \(a, b\)"):
        arrange(parameters, {"a": 1, "c": 2}, "Thing")
    with pytest.raises(BadArgument, match="takes 2 arguments, not 1"):
        arrange(parameters, [1], "Thing")


def test_checksum__any_case_and_bytes__give_the_same_address() -> None:
    assert checksum(ALICE.lower()) == ALICE
    assert checksum("0x" + ALICE[2:].upper()) == ALICE
    assert checksum(bytes.fromhex(ALICE[2:])) == ALICE


def test_short_string__escrow__is_left_aligned() -> None:
    assert short_string("Escrow") == from_hex("0x" + "457363726f77".ljust(64, "0"))
    for bad in ("", "x" * 33, "µ"):
        with pytest.raises(BadArgument):
            short_string(bad)
