"""Bad input: one sentence and a stable code, before anything is played."""

import pytest

from tallystick.protocol.constants import MICRO
from tallystick.reports.files import UsageProblem
from tallystick.simulate.options import SimulateOptions, amount_of


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scenarios": ("growth", "boom")}, "There is no scenario 'boom': choose of growth, decline"),
        ({"scenarios": ("wash", "wash")}, "wash is asked for twice"),
        ({"scenarios": ()}, "No scenario is asked for"),
        ({"weeks": 7}, "--weeks must be from 8 to 260, not 7."),
        ({"weeks": 261}, "--weeks"),
        ({"seed": -1}, "--seed"),
        ({"fees": MICRO}, "--fees must be from 100000000 to 100000000000 µ, not 1000000."),
        ({"price": 0}, "--price"),
        ({"suppliers": 0}, "--suppliers"),
        ({"block": 0}, "--block must be from 1 to 86400 seconds, not 0."),
    ],
)
def test_check__what_cannot_be_played__is_said_in_a_sentence(tmp_path, changes, words):
    with pytest.raises(UsageProblem) as problem:
        SimulateOptions(**{"out": tmp_path / "out", **changes}).check()
    assert words in problem.value.message
    assert problem.value.code == "bad_usage"
    assert not (tmp_path / "out").exists()


def test_check__a_folder_that_cannot_be_made__is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageProblem, match="cannot be made"):
        SimulateOptions(out=tmp_path / "file" / "out").check()


def test_amount_of__text_that_is_no_amount__names_the_flag():
    assert amount_of("--price", "0.05 USDC") == 50_000
    with pytest.raises(UsageProblem, match="--price: 'much' is not an amount"):
        amount_of("--price", "much")
