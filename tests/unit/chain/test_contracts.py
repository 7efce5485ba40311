"""Artefacts of the package, and refusals as sentences."""

import eth_abi
import pytest

from tallystick.chain.contracts import Contract, artifact_names, explain_revert, known_errors, load
from tallystick.chain.errors import BadArgument, BadArtifact
from tallystick.chain.sentences import SENTENCES, utc
from tallystick.protocol.hashing import keccak256

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def refusal(error: str, *values: object) -> bytes:
    """Revert data of a custom error."""
    kind = next(one for one in known_errors().values() if one.name == error)
    return kind.selector + eth_abi.encode(kind.types, values)


def test_load__every_artefact__has_code_and_the_hash_of_it() -> None:
    assert {"Escrow", "ReceiptLedger", "Staking", "Directory", "TestDollar"} <= set(artifact_names())
    for name in artifact_names():
        contract = load(name)
        assert contract.name == name
        assert len(contract.runtime_code) <= 24_576
        assert contract.masked_hash(contract.runtime_code) == contract.code_hash


def test_load__unknown_name__lists_what_there_is() -> None:
    with pytest.raises(BadArtifact, match=r"'Excrow'; it has AccessManager, .*Escrow"):
        load("Excrow")


def test_masked_hash__code_with_immutables_filled_in__is_that_of_the_artefact() -> None:
    contract = load("Escrow")
    assert contract.immutables
    code = bytearray(contract.runtime_code)
    for start, length in contract.immutables:
        code[start : start + length] = bytes(range(1, length + 1))
    assert contract.masked_hash(bytes(code)) == contract.code_hash
    code[-1] ^= 1
    assert contract.masked_hash(bytes(code)) != contract.code_hash


def test_init_code__struct_of_parameters__may_be_given_flat() -> None:
    contract = load("FeeSplitter")
    flat = {part.name: ALICE if part.type == "address" else 7 for part in contract.constructor[0].components}
    nested = contract.init_code({contract.constructor[0].name: flat})
    assert contract.init_code(flat) == nested
    words = "".join((ALICE[2:].lower() if value == ALICE else "7").zfill(64) for value in flat.values())
    assert nested == contract.creation_code + bytes.fromhex(words)
    with pytest.raises(BadArgument, match=r"FeeSplitter.constructor misses treasuryBps"):
        contract.init_code({name: value for name, value in flat.items() if name != "treasuryBps"})


def test_function__unknown__is_said() -> None:
    with pytest.raises(BadArgument, match="Staking has no function 'steak'"):
        load("Staking").encode("steak", 1)


def test_from_json__code_that_was_not_linked__is_refused() -> None:
    data = {
        "contractName": "X", "sourceName": "x.sol", "abi": [], "bytecode": "0x60__$1234$__", "codeHash": "0x",
        "deployedBytecode": "0x", "immutableReferences": [],
    }  # fmt: skip
    with pytest.raises(BadArtifact, match=r"artefact of X is malformed.*libraries"):
        Contract.from_json(data)
    with pytest.raises(BadArtifact, match="malformed"):
        Contract.from_json({"contractName": "X"})


def test_explain_revert__still_thawing__names_the_time() -> None:
    found = explain_revert(refusal("Staking_StillThawing", 3, 1_797_193_920))
    assert found.code == "Staking_StillThawing"
    assert found.arguments == {"operator": 3, "thawEnds": 1_797_193_920}
    assert found.message == "Operator 3's stake is still thawing until 2026-12-13 20:32:00 UTC."


def test_explain_revert__amounts__are_written_as_people_do() -> None:
    found = explain_revert(refusal("Escrow_NotEnoughFree", 4, 2_500_000, 2_500_000_001))
    assert found.message == "Account 4 has 2.5 USDC free, but 2,500.000001 USDC are wanted."


def test_explain_revert__creation_that_failed__shows_the_inner_reason() -> None:
    inner = refusal("Staking_ThawTooShort", 5, 1_468_801)
    found = explain_revert(refusal("Directory_CreationFailed", b"Staking".ljust(32, b"\0"), inner))
    assert found.code == "Directory_CreationFailed"
    assert found.arguments["inner"] == "Staking_ThawTooShort"
    assert (
        "could not create Staking: A thaw of 5 s is too short: it must be 1468801 s at least" in found.message
    )


def test_explain_revert__text_and_panic__are_read() -> None:
    text = explain_revert(bytes.fromhex("08c379a0") + eth_abi.encode(["string"], ["no luck"]))
    assert (text.code, text.message) == ("Error", "The contract refused: no luck.")
    panic = explain_revert(bytes.fromhex("4e487b71") + eth_abi.encode(["uint256"], [0x11]))
    assert (panic.code, panic.arguments) == ("Panic", {"code": 0x11})
    assert "over- or underflowed" in panic.message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "reverted"),
        (b"\x01\x02\x03\x04", "unknown_error"),
        (b"\x01", "unknown_error"),
        (bytes.fromhex("08c379a0") + b"\xff" * 40, "unknown_error"),
        (bytes.fromhex("4e487b71"), "unknown_error"),
    ],
)
def test_explain_revert__data_that_says_little__never_fails(data: bytes, code: str) -> None:
    assert explain_revert(data).code == code


def test_explain_revert__known_error_cut_short__is_not_misread() -> None:
    assert explain_revert(refusal("Staking_StillThawing", 3, 5)[:20]).code == "unknown_error"


def test_known_errors__every_error_of_our_contracts__has_a_sentence_that_fits_its_arguments() -> None:
    ours = {
        "DividendVault", "Escrow", "FeeSplitter", "InsurancePool", "PolicyBook", "ReceiptLedger", "Staking",
        "Directory", "TallyToken", "TestDollar", "StakeParts", "BisectionReferee",
        "SupplierRewards",
    }  # fmt: skip
    missing = []
    for error in known_errors().values():
        if error.name.partition("_")[0] not in ours or error.name == "Directory_CreationFailed":
            continue
        samples = {"address": ALICE, "bytes32": b"x".ljust(32, b"\0"), "bytes": b""}
        found = explain_revert(refusal(error.name, *(samples.get(kind, 1) for kind in error.types)))
        if "refused with" in found.message or error.name not in SENTENCES:
            missing.append(error.name)
    assert missing == []


def test_utc__beyond_the_calendar__stays_a_number() -> None:
    assert utc(0) == "1970-01-01 00:00:00 UTC"
    assert utc(2**40 - 1) == f"second {2**40 - 1}"


def test_code_hash__of_the_artefact__is_keccak_of_its_run_time_code() -> None:
    contract = load("Directory")
    assert contract.code_hash == "0x" + keccak256(contract.runtime_code).hex()
