"""What `tallystick watch` refuses before it asks anybody anything."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tallystick.cli import app


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["--challenge"], "bad_watch", 2),
        (["--evidence", "x.ndjson", "--poll-interval", "0"], "bad_watch", 2),
        (["--truth", "x.ndjson"], "bad_watch", 2),
        (["--evidence", "x.ndjson", "--truth", "none.ndjson"], "bad_truth", 2),
        (["--evidence", "x.ndjson", "--purse", "much"], "bad_amount", 1),
    ],
)
def test_command__that_makes_no_sense__one_sentence_with_its_code(
    arguments: list[str], code: str, status: int
) -> None:
    done = CliRunner().invoke(app, ["watch", "--once", "--rpc", "http://127.0.0.1:9", *arguments])
    assert done.exit_code == status
    assert done.output.count("\n") == 1
    assert done.output.endswith(f"[{code}]\n")
