"""What `tallystick bisect-demo` refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tallystick.bisect.options import MAX_TOTAL, BisectOptions
from tallystick.replay.errors import UsageProblem


def options(folder: Path, **changes: Any) -> BisectOptions:
    fields: dict[str, Any] = {
        "checkpoints": 8,
        "operations": 16,
        "fault": "37",
        "report": folder / "out.json",
    }
    return BisectOptions(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"checkpoints": 0}, "--checkpoints"),
        ({"operations": -4}, "--operations"),
        ({"checkpoints": MAX_TOTAL, "operations": 2}, "at most"),
        ({"fault": "128"}, "from 0 to 127"),
        ({"fault": "-1"}, "from 0 to 127"),
        ({"fault": "first"}, "first"),
        ({"fault": "1_0"}, "1_0"),
        ({"fault": "3.0"}, "3.0"),
        ({"fault": "٣"}, "--fault"),
        ({"fault": ""}, "--fault"),
        ({"lie": 3}, "--fault none"),
        ({"fault": "none", "lie": 128}, "--lie"),
        ({"fault": "none", "lie": -1}, "--lie"),
    ],
)
def test_check__what_cannot_be_played__is_refused_in_a_sentence(
    tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(UsageProblem) as refused:
        options(tmp_path, **changes).check()
    assert word in refused.value.message


def test_check__report_that_cannot_be_written__is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for report in (tmp_path, tmp_path / "file" / "out.json"):
        with pytest.raises(UsageProblem, match="report"):
            options(tmp_path, report=report).check()


def test_check__good_request__makes_the_reports_folder(tmp_path: Path) -> None:
    options(tmp_path, report=tmp_path / "a" / "b" / "out.json").check()
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("said", ["none", "None", " none "])
def test_fault__none__is_an_honest_solver(tmp_path: Path, said: str) -> None:
    assert options(tmp_path, fault=said).faulty is None
    assert options(tmp_path, fault="007").faulty == 7


def test_lying__of_a_seed__is_inside_the_work_and_the_same_each_time(tmp_path: Path) -> None:
    places = [options(tmp_path, fault="none", seed=seed).lying for seed in range(200)]
    assert all(0 <= place < 128 for place in places)
    assert len(set(places)) > 50
    assert places == [options(tmp_path, fault="none", seed=seed).lying for seed in range(200)]
    assert options(tmp_path, fault="none", lie=5, seed=9).lying == 5
