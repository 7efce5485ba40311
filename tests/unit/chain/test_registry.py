"""The registry's files: sorted, in one piece, and never written over another deployment."""

import json
from pathlib import Path

import pytest
from tests.unit.chain.fakes import FakeTransport

from tallystick.chain.errors import RegistryProblem
from tallystick.chain.node import Node
from tallystick.chain.registry import (
    Deployment,
    Pending,
    Record,
    Registry,
    check,
    default_folder,
    write_atomically,
)
from tallystick.protocol.hashing import keccak256

CODE = b"\x60\x01"
HASH = "0x" + keccak256(CODE).hex()
DEPLOYER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
FIRST = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SECOND = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"


def deployment(directory: str = FIRST, transaction: str = "0xaa", chain_id: int = 31337) -> Deployment:
    record = Record(directory, transaction, 1, DEPLOYER, HASH, 1)
    staking = Record("0x" + "33" * 20, "0xbb", 5, DEPLOYER, HASH, 1)
    return Deployment(chain_id, {"Staking": staking, "Directory": record})


def node(codes: dict[str, bytes] | bytes = CODE, chain_id: int = 31337) -> Node:
    def code(address: str, _: str) -> str:
        found = codes if isinstance(codes, bytes) else codes.get(address, b"")
        return "0x" + found.hex()

    return Node(FakeTransport({"eth_getCode": code, "eth_chainId": lambda: hex(chain_id)}))


def test_save__file__is_sorted_json_of_the_agreed_form(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "new" / "folder")
    registry.save(deployment(), node())
    text = registry.path(31337).read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    data = json.loads(text)
    assert data["chainId"] == 31337
    assert list(data["contracts"]) == ["Directory", "Staking"]
    assert data["contracts"]["Directory"] == {
        "address": FIRST,
        "block": 1,
        "codeHash": HASH,
        "deployer": DEPLOYER,
        "transaction": "0xaa",
        "version": 1,
    }
    assert [path.name for path in registry.folder.iterdir()] == ["31337.json"]


def test_load__what_was_saved__is_the_same(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(deployment(), node())
    found = registry.open(node())
    assert found == deployment()
    assert found.address("Staking") == "0x" + "33" * 20
    assert found.first_block == 1


def test_save__another_deployment_that_lives__is_refused_and_untouched(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(deployment(), node())
    before = registry.path(31337).read_bytes()
    with pytest.raises(RegistryProblem, match="another deployment, which is on this chain"):
        registry.save(deployment(SECOND, "0xcc"), node())
    assert registry.path(31337).read_bytes() == before


@pytest.mark.parametrize("codes", [b"", {FIRST: b"\x00"}])
def test_save__old_deployment_is_gone_from_the_chain__is_kept_beside(
    tmp_path: Path, codes: dict[str, bytes] | bytes
) -> None:
    registry = Registry(tmp_path)
    registry.save(deployment(), node())
    old = registry.path(31337).read_text()
    registry.save(deployment(SECOND, "0xcc"), node(codes))
    registry.save(deployment(FIRST, "0xdd"), node(codes))
    assert (tmp_path / "31337.json.bak-1").read_text() == old
    assert SECOND in (tmp_path / "31337.json.bak-2").read_text()
    assert registry.load(31337).contracts["Directory"].transaction == "0xdd"


def test_save__same_deployment_with_more_contracts__is_updated_in_place(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.save(Deployment(31337, {"Directory": deployment().contracts["Directory"]}), node())
    registry.save(deployment(), node())
    assert set(registry.load(31337).contracts) == {"Directory", "Staking"}
    assert list(tmp_path.iterdir()) == [registry.path(31337)]


def test_load__no_file__names_the_chains_that_are_known(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    with pytest.raises(RegistryProblem, match=r"no deployment on chain 5 .it knows no chain.: deploy with"):
        registry.load(5)
    registry.save(deployment(), node())
    with pytest.raises(RegistryProblem, match="it knows chains 31337"):
        registry.load(5)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"chainId": 31337}', '{"chainId": 31337, "contracts": {"X": {}}}']
)
def test_find__malformed_file__says_which_and_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "31337.json").write_text(text)
    with pytest.raises(RegistryProblem, match=r"31337.json is no registry.*mend it, or move it away"):
        Registry(tmp_path).find(31337)


def test_find__file_of_another_chain__is_refused(tmp_path: Path) -> None:
    (tmp_path / "5.json").write_text(json.dumps(deployment().to_json()))
    with pytest.raises(RegistryProblem, match="says chain 31337, but its name says 5"):
        Registry(tmp_path).find(5)


def test_check__wrong_chain_missing_or_other_code__is_told_apart() -> None:
    check(deployment(), node())
    with pytest.raises(RegistryProblem, match="a fake node is of chain 1, the deployment of 31337"):
        check(deployment(), node(chain_id=1))
    with pytest.raises(
        RegistryProblem, match=rf"no code of Directory at {FIRST} on chain 31337.*deploy again"
    ):
        check(deployment(), node(b""))
    with pytest.raises(RegistryProblem, match="is not the one that was deployed"):
        check(deployment(), node(b"\x00"))


def test_check__without_a_contract__lets_its_code_be_anything() -> None:
    """A relayer starts whatever the token's code has become, and not when a contract of the payments is another."""
    codes = {FIRST: CODE, "0x" + "33" * 20: b""}
    with pytest.raises(RegistryProblem, match="no code of Staking"):
        check(deployment(), node(codes), without={"TallyToken"})
    check(deployment(), node(codes), without={"Staking"})


def test_address__contract_that_was_not_deployed__is_said() -> None:
    with pytest.raises(RegistryProblem, match="has no Court; it has Directory, Staking"):
        deployment().address("Court")


def test_pending__written_and_forgotten__leaves_nothing(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert registry.pending(31337) is None
    registry.set_pending(31337, Pending(FIRST, DEPLOYER, 4, 9))
    assert registry.pending(31337) == Pending(FIRST, DEPLOYER, 4, 9)
    registry.save(deployment(), node())
    assert registry.pending(31337) is None
    (tmp_path / "31337.pending.json").write_text("{}")
    with pytest.raises(RegistryProblem, match="malformed"):
        registry.pending(31337)


def test_write_atomically__failure__leaves_the_old_file_and_no_scraps(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_default_folder__environment__comes_first() -> None:
    assert default_folder({"TALLYSTICK_DEPLOYMENTS": "/somewhere"}) == Path("/somewhere")
    assert default_folder({}).name == "deployments"
