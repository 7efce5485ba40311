"""Trace files: `azure-llm`, `openb` and any `csv` with a column of units. One row, one charge or one reason.

What counts as a line is said in `sources/table.py`. A row with more or fewer fields than the header, and one whose
quotes make no sense, is rejected, not repaired.

Reasons of rejected rows: `ragged_row`, `malformed_row`, `units_not_a_number`, `units_below_one` (after
rounding), `units_out_of_range` (above 2^63 - 1), and for openb `no_scheduled_time`, `no_gpu`,
`no_deletion_time`, `nothing_used`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import islice
from pathlib import Path
from typing import TextIO

from tallystick.sources.base import Demand, Rejected, Row
from tallystick.sources.decimals import UnitsError, add, multiply, parse_decimal, subtract, to_units
from tallystick.sources.table import Record, TraceError, column, open_table

FORMATS = ("azure-llm", "openb", "csv")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Usage = tuple[int, int | None, int | None, Demand | None]
_Meter = Callable[[Sequence[str]], _Usage]


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace file as a `Source`: each iteration reads it again. Raises TraceError when iterated."""

    path: Path
    format: str
    units_column: str | None = None
    units_scale: Decimal | int | str | None = None
    limit: int | None = None

    def __iter__(self) -> Iterator[Row | Rejected]:
        return read_trace(self.path, self.format, self.units_column, self.units_scale, self.limit)


def read_trace(
    path: str | Path,
    format: str,
    units_column: str | None = None,
    units_scale: Decimal | int | str | None = None,
    limit: int | None = None,
) -> Iterator[Row | Rejected]:
    """Every data row of a trace in file order, usable or rejected with a reason; a bad row never ends it.

    Units: `azure-llm` ContextTokens + GeneratedTokens; `openb` milli-GPU-seconds, (deletion_time -
    scheduled_time) x num_gpu x gpu_milli; `csv` column x scale (default 1). All in exact decimal arithmetic
    on the text, rounded half to even once at the end. `limit` keeps the first so many data rows, rejected
    ones included.

    Raises TraceError before the first row when the file or the options cannot work.
    """
    scale = _check_options(format, units_column, units_scale, limit)
    stream, records, header = open_table(Path(path))
    try:
        meter = _meter(format, header, units_column, scale)
    except BaseException:
        stream.close()
        raise
    return _rows(stream, islice(records, limit), len(header), meter)


def _check_options(
    name: str, column: str | None, scale: Decimal | int | str | None, limit: int | None
) -> Decimal:
    if name not in FORMATS:
        raise TraceError("unknown_format", f"The format is one of {', '.join(FORMATS)}, not {name!r}.")
    if name == "csv" and not column:
        raise TraceError(
            "missing_units_column", "The format csv needs --units-column: which column has the units?"
        )
    if name != "csv" and (column is not None or scale is not None):
        raise TraceError(
            "unexpected_option", f"--units-column and --units-scale are for csv; {name} has its own."
        )
    if limit is not None and limit < 0:
        raise TraceError("bad_limit", f"The limit is a number of rows from 0, not {limit}.")
    try:
        factor = parse_decimal("1" if scale is None else str(scale))
    except UnitsError:
        factor = Decimal(0)
    if factor <= 0 or abs(factor.adjusted()) > 100:
        raise TraceError(
            "bad_units_scale", f"--units-scale is a decimal number above zero, not {str(scale)!r}."
        )
    return factor


def _rows(stream: TextIO, records: Iterator[Record], width: int, meter: _Meter) -> Iterator[Row | Rejected]:
    with stream:
        for index, record in enumerate(records):
            if record.fields is None:
                yield Rejected(index, record.line, "malformed_row")
                continue
            if len(record.fields) != width:
                yield Rejected(index, record.line, "ragged_row")
                continue
            try:
                usage = meter(record.fields)
            except UnitsError as problem:
                yield Rejected(index, record.line, problem.reason)
                continue
            yield Row(index, record.line, *usage)


# -- meters ------------------------------------------------------------------------------------------------


def _meter(name: str, header: Sequence[str], units_column: str | None, scale: Decimal) -> _Meter:
    if name == "azure-llm":
        return _azure(header)
    if name == "openb":
        return _openb(header)
    assert units_column is not None
    at = column(header, units_column)
    return lambda fields: (to_units(multiply(parse_decimal(fields[at]), scale)), None, None, None)


def _azure(header: Sequence[str]) -> _Meter:
    context, generated = column(header, "ContextTokens"), column(header, "GeneratedTokens")
    at = column(header, "TIMESTAMP") if "TIMESTAMP" in header else None

    def meter(fields: Sequence[str]) -> _Usage:
        units = to_units(add(parse_decimal(fields[context]), parse_decimal(fields[generated])))
        return units, None if at is None else _unix_seconds(fields[at]), None, None

    return meter


def _openb(header: Sequence[str]) -> _Meter:
    names = ("scheduled_time", "deletion_time", "num_gpu", "gpu_milli")
    scheduled, deleted, gpus, share = (column(header, name) for name in names)

    def meter(fields: Sequence[str]) -> _Usage:
        if not fields[scheduled].strip():
            raise UnitsError("no_scheduled_time")
        if not fields[gpus].strip():
            raise UnitsError("no_gpu")
        demand = Demand(parse_decimal(fields[gpus]), parse_decimal(fields[share].strip() or "0"))
        power = demand.power
        if power <= 0:
            raise UnitsError("no_gpu")
        if not fields[deleted].strip():
            raise UnitsError("no_deletion_time")
        began, ended = parse_decimal(fields[scheduled]), parse_decimal(fields[deleted])
        duration = subtract(ended, began)
        if duration <= 0:
            raise UnitsError("nothing_used")
        return to_units(multiply(duration, power)), _whole(began), _whole(ended), demand

    return meter


def _unix_seconds(text: str) -> int | None:
    """Seconds since 1970, rounded down; UTC unless the text names an offset; None when it is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(seconds=1)


def _whole(value: Decimal) -> int | None:
    return int(value.to_integral_value(rounding=ROUND_FLOOR)) if value.adjusted() <= 19 else None
