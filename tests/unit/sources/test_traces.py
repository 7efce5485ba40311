"""Trace files: which rows charge what, and which are turned away, on which line and why."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tallystick.sources.base import Demand, Rejected, Row
from tallystick.sources.table import TraceError
from tallystick.sources.traces import TraceFile, read_trace

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(content: str | bytes) -> Path:
        path = tmp_path / "trace.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def units_of(path: Path, column: str = "units", scale: str | None = None) -> list[int | str]:
    """Units of usable rows and reasons of the others, in file order."""
    rows = read_trace(path, "csv", column, scale)
    return [row.units if isinstance(row, Row) else row.reason for row in rows]


def test_read_trace__azure__adds_both_kinds_of_tokens(write: Write) -> None:
    path = write(
        "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
        "2023-11-16 18:15:46.6805900,374,44\r\n"
        "2023-11-16 18:15:50.9951690,0,0\r\n"
        "1970-01-01 00:01:00,7,0"
    )
    # 2023-11-16 18:15:46 UTC by `date -u -d … +%s`
    assert list(read_trace(path, "azure-llm")) == [
        Row(0, 2, 418, began=1_700_158_546),
        Rejected(1, 3, "units_below_one"),
        Row(2, 4, 7, began=60),
    ]


def test_read_trace__azure_time_is_odd__units_count_all_the_same(write: Write) -> None:
    path = write("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n1970-01-01 02:00:00+01:00,1,2\n")
    assert list(read_trace(path, "azure-llm")) == [Row(0, 2, 3), Row(1, 3, 3, began=3_600)]


OPENB = "name,num_gpu,gpu_milli,deletion_time,scheduled_time\n"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,1,1000,101,100", 1_000),  # one whole GPU for one second
        ("a,2,1000,160,100", 120_000),
        ("a,1,460,110,0", 50_600),
        ("a,1,1000,100.0005,100", "units_below_one"),  # 0.5, half to even: 0
        ("a,1,1000,100.0015,100", 2),  # 1.5 -> 2
        ("a,1,1000,100,", "no_scheduled_time"),
        ("a,0,0,100,", "no_scheduled_time"),
        ("a,0,0,100,50", "no_gpu"),
        ("a,,,100,50", "no_gpu"),
        ("a,1,0,100,50", "no_gpu"),
        ("a,1,1000,,50", "no_deletion_time"),
        ("a,1,1000,50,50", "nothing_used"),
        ("a,1,1000,49,50", "nothing_used"),
        ("a,one,1000,51,50", "units_not_a_number"),
        ("a,1,1000,soon,50", "units_not_a_number"),
        ("a,1,1000,1e5000,50", "units_out_of_range"),
        ("a,1,1000,9223372036854776,0", "units_out_of_range"),  # x 1000 is above 2^63 - 1
        ("a,1,1000,9223372036854775,0", 9_223_372_036_854_775_000),
    ],
)
def test_read_trace__openb_row__milli_gpu_seconds_or_a_reason(
    write: Write, row: str, expected: int | str
) -> None:
    (result,) = read_trace(write(OPENB + row + "\n"), "openb")
    assert (result.units if isinstance(result, Row) else result.reason) == expected


def test_read_trace__openb__keeps_file_order_and_counts_rejected_rows(write: Write) -> None:
    path = write(OPENB + "late,1,1000,900,800\nnone,0,0,1,1\nearly,1,500,12,10\n")
    assert list(read_trace(path, "openb")) == [
        Row(0, 2, 100_000, 800, 900, Demand(Decimal(1), Decimal(1000))),
        Rejected(1, 3, "no_gpu"),
        Row(2, 4, 1_000, 10, 12, Demand(Decimal(1), Decimal(500))),
    ]


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("1", None, 1),
        ("007", None, 7),
        (" 12\t", None, 12),
        ("+3", None, 3),
        ("1e3", None, 1_000),
        ("12.5E-1", None, 1),
        ("2.5", None, 2),
        ("3.5", None, 4),
        ("0.5", None, "units_below_one"),
        ("0.50000000000000000000000000000000000001", None, 1),
        ("0", None, "units_below_one"),
        ("-0.0", None, "units_below_one"),
        ("-5", None, "units_below_one"),
        ("0.1", "3", "units_below_one"),  # 0.3
        ("0.5", "3", 2),  # 1.5, half to even
        ("1.1", "1000000", 1_100_000),  # a float would give 1100000.0000000002
        ("0.000001", "1e6", 1),
        ("2.675", "100", 268),  # 267.5 exactly; binary 2.675 x 100 is 267.49999999999994
        (
            "1.0000000000000000000000000001",
            "1000000000000000000",
            10**18,
        ),  # more digits than Decimal's default 28
        ("0.9999999999999999999999999999999999995", "1e18", 10**18),
        ("9223372036854775807", None, 2**63 - 1),
        ("9223372036854775807.5", None, "units_out_of_range"),  # 2^63, half to even
        ("9223372036854775808", None, "units_out_of_range"),
        ("1208925819614629174706175", None, "units_out_of_range"),  # uint80
        ("1e999999", None, "units_out_of_range"),
        ("1e99999999999999999999999", None, "units_out_of_range"),
        ("-1e99999999999999999999999", None, "units_below_one"),
        ("0e99999999999999999999999", None, "units_below_one"),
        ("1e-99999999999999999999999", None, "units_below_one"),
        ("1e" + "0" * 5000 + "1", None, 10),
        ("", None, "units_not_a_number"),
        ("NaN", None, "units_not_a_number"),
        ("sNaN", None, "units_not_a_number"),
        ("inf", None, "units_not_a_number"),
        ("-Infinity", None, "units_not_a_number"),
        ("1_000", None, "units_not_a_number"),
        ("1 000", None, "units_not_a_number"),
        ('"1,000"', None, "units_not_a_number"),
        ("0x10", None, "units_not_a_number"),
        ("1e", None, "units_not_a_number"),
        (".", None, "units_not_a_number"),
        ("1.2.3", None, "units_not_a_number"),
        ("--1", None, "units_not_a_number"),
        ("½", None, "units_not_a_number"),
        ("١٢", None, "units_not_a_number"),  # Arabic-Indic 12
        ("１２", None, "units_not_a_number"),  # full-width 12
        ("12\x00", None, "units_not_a_number"),
        ("\u00a012", None, "units_not_a_number"),  # no-break space
        ("True", None, "units_not_a_number"),
    ],
)
def test_read_trace__csv_number__exact_or_rejected(
    write: Write, text: str, scale: str | None, expected: int | str
) -> None:
    assert units_of(write(f"id,units\nrow,{text}\n"), scale=scale) == [expected]


def test_read_trace__bytes_that_are_no_utf8__harm_their_own_column_only(write: Write) -> None:
    assert units_of(write(b"id,units\n\xff\xfe,5\nok,\xff5\n")) == [5, "units_not_a_number"]


def test_read_trace__byte_order_mark__is_no_part_of_the_first_column(write: Write) -> None:
    assert units_of(write(b"\xef\xbb\xbfunits,id\r\n4,a\r\n")) == [4]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_read_trace__line_endings__rows_and_lines_are_the_same(write: Write, ending: str) -> None:
    path = write(ending.join(["units", "1", "", "0", "3"]) + ending)
    assert list(read_trace(path, "csv", "units")) == [
        Row(0, 2, 1),
        Rejected(1, 4, "units_below_one"),
        Row(2, 5, 3),
    ]


def test_read_trace__blank_lines__are_lines_but_no_rows(write: Write) -> None:
    path = write("id,units\n\na,1\n   \n\nb,2\n\n")
    assert list(read_trace(path, "csv", "units")) == [Row(0, 3, 1), Row(1, 6, 2)]


def test_read_trace__one_column_with_an_empty_quoted_field__is_a_row(write: Write) -> None:
    assert list(read_trace(write('units\n""\n\n2\n'), "csv", "units")) == [
        Rejected(0, 2, "units_not_a_number"),
        Row(1, 4, 2),
    ]


def test_read_trace__quoted_field_over_three_lines__row_has_the_first_line(write: Write) -> None:
    path = write('id,units\n"a\nb\n\nc",1\n"d, ""e""",2\n')
    assert list(read_trace(path, "csv", "units")) == [Row(0, 2, 1), Row(1, 6, 2)]


def test_read_trace__ragged_rows__are_rejected_and_counted(write: Write) -> None:
    path = write("id,units\n1\na,2\nb,3,4\n,\nc,5\n")
    assert list(read_trace(path, "csv", "units")) == [
        Rejected(0, 2, "ragged_row"),
        Row(1, 3, 2),
        Rejected(2, 4, "ragged_row"),
        Rejected(3, 5, "units_not_a_number"),
        Row(4, 6, 5),
    ]


@pytest.mark.parametrize("rows_after", [3, 40_000])  # the second is beyond the csv module's field limit
def test_read_trace__quote_never_closed__costs_one_row_only(write: Write, rows_after: int) -> None:
    path = write('id,units\na,1\n"b,2\n' + "c,3\n" * rows_after)
    rows = list(read_trace(path, "csv", "units"))
    assert rows[1] == Rejected(1, 3, "malformed_row")
    assert [row.units for row in rows if isinstance(row, Row)] == [1] + [3] * rows_after
    assert rows[-1] == Row(rows_after + 1, rows_after + 3, 3)


def test_read_trace__text_after_a_closing_quote__row_is_malformed(write: Write) -> None:
    assert list(read_trace(write('id,units\na,"1"2\nb,2\n'), "csv", "units")) == [
        Rejected(0, 2, "malformed_row"),
        Row(1, 3, 2),
    ]


def test_read_trace__field_beyond_every_limit__row_is_malformed(write: Write) -> None:
    path = write(f"id,units\n{'x' * 200_000},1\nb,2\n")
    assert list(read_trace(path, "csv", "units")) == [Rejected(0, 2, "malformed_row"), Row(1, 3, 2)]


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, []), (1, [1]), (2, [1, "units_below_one"]), (9, [1, "units_below_one", 3])]
)
def test_read_trace__limit__counts_rejected_rows_too(
    write: Write, limit: int, expected: list[int | str]
) -> None:
    rows = read_trace(write("units\n1\n\n0\n3\n"), "csv", "units", limit=limit)
    assert [row.units if isinstance(row, Row) else row.reason for row in rows] == expected


def test_read_trace__header_only__no_rows(write: Write) -> None:
    assert list(read_trace(write("TIMESTAMP,ContextTokens,GeneratedTokens\n"), "azure-llm")) == []


def test_read_trace__column_title_with_blanks__is_found(write: Write) -> None:
    assert units_of(write("id, units\na, 5\n")) == [5]


@pytest.mark.parametrize(
    ("content", "arguments", "code"),
    [
        ("", ("azure-llm",), "trace_empty"),
        ("\n \n", ("azure-llm",), "trace_empty"),
        ("TIMESTAMP,ContextTokens\n1,2\n", ("azure-llm",), "missing_column"),
        ("name,num_gpu,gpu_milli,deletion_time\n", ("openb",), "missing_column"),
        ("units\n1\n", ("csv", "unit"), "missing_column"),
        ("units,units\n1,2\n", ("csv", "units"), "duplicate_column"),
        ("units\n1\n", ("csv",), "missing_units_column"),
        ("units\n1\n", ("parquet",), "unknown_format"),
        ("units\n1\n", ("azure-llm", "units"), "unexpected_option"),
        ("units\n1\n", ("csv", "units", "0"), "bad_units_scale"),
        ("units\n1\n", ("csv", "units", "-1"), "bad_units_scale"),
        ("units\n1\n", ("csv", "units", "1_0"), "bad_units_scale"),
        ("units\n1\n", ("csv", "units", "NaN"), "bad_units_scale"),
        ("units\n1\n", ("csv", "units", None, -1), "bad_limit"),
    ],
)
def test_read_trace__whole_file_cannot_work__error_before_the_first_row(
    write: Write, content: str, arguments: tuple[str, ...], code: str
) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(write(content), *arguments)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.exit_code == 2


def test_read_trace__no_such_file_or_a_folder__says_so(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="trace_not_found"):
        read_trace(tmp_path / "none.csv", "azure-llm")
    with pytest.raises(TraceError, match="trace_unreadable"):
        read_trace(tmp_path, "azure-llm")


def test_trace_file__iterated_twice__yields_the_same_rows(write: Write) -> None:
    trace = TraceFile(write("units\n1\n2\n"), "csv", units_column="units", units_scale=10)
    assert list(trace) == list(trace) == [Row(0, 2, 10), Row(1, 3, 20)]
