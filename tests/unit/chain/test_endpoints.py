"""Endpoints from flags, variable or file; what is handed to a child; and no address in any error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tallystick.chain.endpoints import BadEndpoints, endpoints_from, handed_over

ONE, TWO = "https://rpc.example/v2/SECRET-1", "http://127.0.0.1:8545"


def test_endpoints_from__flags_and_variable__flags_win() -> None:
    assert endpoints_from([TWO], {"TALLYSTICK_RPC_URL": ONE}) == (TWO,)


def test_endpoints_from__nothing_set__is_empty() -> None:
    assert endpoints_from([], {}) == ()
    assert endpoints_from([], {"TALLYSTICK_RPC_URL": "", "TALLYSTICK_RPC_URL_FILE": ""}) == ()


@pytest.mark.parametrize(
    "text", [f"{ONE},{TWO}", f"{ONE}, {TWO}", f"{ONE}\n{TWO}\n", f" {ONE} ,\n{TWO}, ", f"{ONE}\r\n\r\n{TWO}"]
)
def test_endpoints_from__variable_or_file__separated_by_commas_or_lines(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rpc"
    file.write_text(text)
    assert endpoints_from([], {"TALLYSTICK_RPC_URL": text}) == (ONE, TWO)
    assert endpoints_from([], {"TALLYSTICK_RPC_URL_FILE": str(file)}) == (ONE, TWO)


def test_endpoints_from__comma_inside_an_address__stays() -> None:
    assert endpoints_from([], {"TALLYSTICK_RPC_URL": f"{TWO}/a,b,{ONE}"}) == (f"{TWO}/a,b", ONE)


def test_endpoints_from__both_set__is_refused_without_quoting() -> None:
    with pytest.raises(BadEndpoints, match="both set") as refused:
        endpoints_from([], {"TALLYSTICK_RPC_URL": ONE, "TALLYSTICK_RPC_URL_FILE": "x"})
    assert "SECRET" not in str(refused.value)
    assert (refused.value.code, refused.value.exit_code) == ("bad_endpoints", 2)


def test_endpoints_from__no_address__says_which_entry_and_does_not_quote() -> None:
    with pytest.raises(BadEndpoints, match="Entry 2 of TALLYSTICK_RPC_URL ") as refused:
        endpoints_from([], {"TALLYSTICK_RPC_URL": f"{TWO}\nwss://rpc.example/SECRET-2"})
    assert "SECRET" not in str(refused.value)


def test_endpoints_from__file_missing_or_empty__is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadEndpoints, match="No such file"):
        endpoints_from([], {"TALLYSTICK_RPC_URL_FILE": str(tmp_path / "none")})
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with pytest.raises(BadEndpoints, match="names no endpoint"):
        endpoints_from([], {"TALLYSTICK_RPC_URL_FILE": str(empty)})


def test_handed_over__over_a_parent_with_a_file__the_child_reads_the_same(tmp_path: Path) -> None:
    parent = {"TALLYSTICK_RPC_URL_FILE": str(tmp_path / "rpc")}
    urls = (f"{ONE}/a,b", TWO)
    assert endpoints_from([], {**parent, **handed_over(urls)}) == urls
