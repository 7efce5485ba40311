"""Nodes files of openb traces: which machines there are, and how many GPUs each one has.

Columns `sn` (its name) and `gpu` (how many GPUs) are read, any others are not. A node without a GPU is a node, though
no GPU job fits it. Unlike a trace's row, a line that makes no sense ends the run: where the machines are wrong, every
placement after it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tallystick.sources.decimals import UnitsError, parse_decimal
from tallystick.sources.table import Record, TraceError, column, open_table

MAX_GPUS = 1_000_000
"""GPUs of one node: more is a mistake in the file."""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One machine: its place in the file from 0, the line where it stands, its name, and its GPUs."""

    index: int
    line: int
    name: str
    gpus: int


def read_nodes(path: Path) -> list[NodeRow]:
    """All nodes in file order.

    Raises TraceError: `trace_not_found`, `trace_unreadable`, `trace_empty` (no header, or no node), `missing_column`,
    `duplicate_column`, `bad_node` with the line.
    """
    stream, records, header = open_table(path, "nodes file")
    with stream:
        name, gpus = column(header, "sn", "nodes file"), column(header, "gpu", "nodes file")
        found = list(_nodes(records, len(header), name, gpus))
    if not found:
        raise TraceError("trace_empty", f"The nodes file {path} has no node.")
    return found


def _nodes(records: Iterator[Record], width: int, name: int, gpus: int) -> Iterator[NodeRow]:
    for index, record in enumerate(records):
        where = f"Line {record.line} of the nodes file"
        if record.fields is None:
            raise TraceError("bad_node", f"{where} has quotes that make no sense.")
        if len(record.fields) != width:
            raise TraceError(
                "bad_node", f"{where} has {len(record.fields)} fields, and the header has {width}."
            )
        yield NodeRow(index, record.line, record.fields[name].strip(), _gpus(record.fields[gpus], where))


def _gpus(text: str, where: str) -> int:
    try:
        count = parse_decimal(text)
    except UnitsError:
        count = None
    if count is None or not 0 <= count <= MAX_GPUS or count != count.to_integral_value():
        raise TraceError(
            "bad_node", f"{where}: gpu is a whole number from 0 to {MAX_GPUS}, not {text[:40]!a}."
        )
    return int(count)
