"""docs/callbacks.md: its code runs, its figures are those of today's schedules, it names everything there is."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import figures
from lrsearch.schedules import SCHEDULES

PAGE = Path(__file__).parents[2] / "docs" / "callbacks.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.tensorflow
def test_the_code_of_the_page_runs_in_its_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/callbacks.md, block {number}", "exec"), names)
    assert len(BLOCKS) > 8
    assert "suggestion" == names["find"].tests[0].verdict
    assert names["find"].tests[0].new_lr > 1e-4
    assert names["stop"].stopped_at is not None


@pytest.mark.parametrize("name", figures.FIGURES)
def test_a_figure_shows_the_numbers_of_today(name, tmp_path):
    numbers_of, draw = figures.FIGURES[name]
    drawn = tmp_path / name
    drawn.write_bytes(figures.with_numbers(draw(numbers_of()), numbers_of()))
    today, kept = figures.numbers_in(drawn), figures.numbers_in(figures.FOLDER / name)
    assert list(today) == list(kept)
    for line, values in today.items():
        np.testing.assert_allclose(kept[line], values, rtol=1e-8, err_msg=f"{line}: run python -m benchmarks.figures")
    assert f"](images/{name})" in PAGE.read_text()


def test_every_schedule_is_in_the_figure():
    assert [member.model_fields["kind"].default for member in SCHEDULES] == list(figures.schedule_numbers())


@pytest.mark.tensorflow
def test_the_decay_is_that_of_keras():
    import keras

    for decay, rates in figures.decay_numbers().items():
        theirs = keras.optimizers.schedules.InverseTimeDecay(0.01, 1, float(decay))
        np.testing.assert_allclose(
            [float(theirs(step)) for step in (0, 1, 100, 199)], np.take(rates, [0, 1, 100, 199]), rtol=1e-6
        )


@pytest.mark.tensorflow
def test_the_page_names_every_callback():
    from lrsearch.callbacks import suite

    for callback in suite.CALLBACKS:
        assert f"`{callback.__name__}" in PAGE.read_text()
