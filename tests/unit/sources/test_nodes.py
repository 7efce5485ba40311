"""Nodes files: which machines, how many GPUs each; a wrong line ends the run with its number."""

from pathlib import Path

import pytest

from tallystick.sources.nodes import NodeRow, read_nodes
from tallystick.sources.table import TraceError


def nodes(folder: Path, text: str) -> Path:
    path = folder / "nodes.csv"
    path.write_bytes(text.encode())
    return path


def test_read_nodes__file_of_the_trace__names_and_gpus_in_order(tmp_path: Path) -> None:
    path = nodes(tmp_path, "sn,cpu_milli,memory_mib,gpu,model\nn-0,64000,262144,2,P100\n\nn-1,96000,1,0,\n")
    assert read_nodes(path) == [NodeRow(0, 2, "n-0", 2), NodeRow(1, 4, "n-1", 0)]


def test_read_nodes__other_columns_and_order__do_not_matter(tmp_path: Path) -> None:
    assert read_nodes(nodes(tmp_path, "\ufeffgpu,sn\r\n 8 ,a\r\n8.0,b\r\n")) == [
        NodeRow(0, 2, "a", 8),
        NodeRow(1, 3, "b", 8),
    ]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "trace_empty", "no header"),
        ("sn,gpu\n\n", "trace_empty", "no node"),
        ("sn,gpus\na,1\n", "missing_column", "nodes file has no column 'gpu'; it has: sn, gpus"),
        ("gpu,model\n1,x\n", "missing_column", "'sn'"),
        ("sn,gpu,gpu\na,1,2\n", "duplicate_column", "2 columns 'gpu'"),
        ("sn,gpu\na,1\nb,1,2\n", "bad_node", "Line 3 .*3 fields, and the header has 2"),
        ("sn,gpu\na,\n", "bad_node", "Line 2 .*not ''"),
        ("sn,gpu\na,eight\n", "bad_node", "Line 2 .*'eight'"),
        ("sn,gpu\na,1.5\n", "bad_node", "whole number"),
        ("sn,gpu\na,-1\n", "bad_node", "whole number"),
        ("sn,gpu\na,1e7\n", "bad_node", "whole number"),
        ('sn,gpu\n"a,1\n', "bad_node", "Line 2 .*quotes"),
    ],
)
def test_read_nodes__file_that_cannot_be__says_what_and_where(
    tmp_path: Path, text: str, code: str, words: str
) -> None:
    with pytest.raises(TraceError, match=words) as caught:
        read_nodes(nodes(tmp_path, text))
    assert (caught.value.code, caught.value.exit_code) == (code, 2)


def test_read_nodes__no_such_file__says_where(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"no nodes file .*absent\.csv") as caught:
        read_nodes(tmp_path / "absent.csv")
    assert caught.value.code == "trace_not_found"
