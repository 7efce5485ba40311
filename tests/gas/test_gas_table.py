"""Gas is exact, so any change shows as a diff: mend it, or run `make gas` and commit the table with its reason."""

import json

from tools.gas_table import GOALS, JSON, MARKDOWN, differences, markdown

from tests.gas.scenario import measure


def test_gas__of_the_compiled_contracts__is_as_committed() -> None:
    found = measure()
    changes = differences(json.loads(JSON.read_text()), found)
    assert not changes, "gas changed; see docs/gas.md and `make gas`:\n" + "\n".join(changes)
    assert MARKDOWN.read_text() == markdown(found), "docs/gas.md is not what `make gas` writes"


def test_differences__changed_new_and_gone__are_one_line_each() -> None:
    kept = {"a": 100, "b": 200, "gone": 5}
    assert differences(kept, {"a": 110, "b": 200, "new": 7}) == [
        "a: 100 -> 110 (+10, +10.0%)",
        "gone: 5 -> None",
        "new: None -> 7",
    ]


def test_goals__name_rows_of_the_table() -> None:
    assert set(GOALS) <= set(json.loads(JSON.read_text()))
