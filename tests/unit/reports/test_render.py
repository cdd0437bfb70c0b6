import json
from xml.etree import ElementTree

import numpy as np
import pytest

from lrsearch.experiments.base import Band, Line, Mark, PlotSpec, Span
from lrsearch.reports import Format, render
from lrsearch.reports.axes import y_range
from lrsearch.reports.plotly_figure import figure

LRS = np.geomspace(1e-6, 10, 50).tolist()
NAN = float("nan")


def plot(**changes: object) -> PlotSpec:
    losses = np.linspace(2.3, 0.5, 50).tolist()
    fields = {
        "name": "loss_over_lr",
        "title": "Range test: digits_mlp on digits, adam, batch 32",
        "x_label": "learning rate (log scale)",
        "y_label": "training loss of the batch",
        "x_log": True,
        "lines": [Line("seed 0", LRS, [*losses[:-1], NAN], "raw"), Line("smoothed", LRS, losses, "main")],
        "bands": [Band("range", LRS, [loss - 0.1 for loss in losses], [loss + 0.1 for loss in losses])],
        "spans": [Span("bounds", 1e-3, 1e-2)],
        "marks": [Mark("suggestion 0.003", 3e-3), Mark("divergence", 2.0, "warning")],
    }
    return PlotSpec(**fields | changes)


def test_a_png_is_a_png_of_the_stated_size():
    data = render(plot(), "png")
    assert b"\x89PNG\r\n\x1a\n" == data[:8]
    assert (1200, 750) == (int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))


def test_an_svg_is_well_formed_and_carries_title_and_labels_as_text():
    text = "".join(ElementTree.fromstring(render(plot(), "svg")).itertext())
    assert all(label in text for label in ("Range test", "learning rate (log scale)", "training loss of the batch"))


@pytest.mark.parametrize("kind", ["png", "svg", "json"])
def test_the_same_numbers_give_the_same_file(kind: Format):
    assert render(plot(), kind) == render(plot(), kind)


def test_the_json_is_a_figure_that_plotly_accepts():
    import plotly.io

    drawn = plotly.io.from_json(render(plot(), "json").decode())
    assert ["range, low", "range", "seed 0", "smoothed"] == [trace.name for trace in drawn.data]
    assert "log" == drawn.layout.xaxis.type


def test_non_finite_numbers_are_gaps_in_json():
    assert json.loads(render(plot(), "json"))["data"][2]["y"][-1] is None


def test_marks_on_a_log_axis_are_noted_at_the_logarithm_of_the_rate():
    notes = figure(plot(), "light")["layout"]["annotations"]
    assert [pytest.approx(np.log10(3e-3)), pytest.approx(np.log10(2))] == [note["x"] for note in notes]


def test_the_two_themes_differ():
    assert render(plot(), "svg", "light") != render(plot(), "svg", "dark")


def test_one_exploding_raw_loss_does_not_squash_the_axis():
    spiky = [Line("raw", LRS, [1.0] * 49 + [1e9], "raw"), Line("smoothed", LRS, [1.0] * 25 + [2.0] * 25, "main")]
    low, high = y_range(plot(lines=spiky, bands=())) or (0, 0)
    assert low < 1.0
    assert 2.0 < high < 4.0


def test_a_plot_of_nothing_finite_is_still_drawn():
    empty = plot(lines=[Line("raw", LRS, [NAN] * 50, "raw")], bands=(), spans=(), marks=())
    assert y_range(empty) is None
    assert b"\x89PNG" == render(empty, "png")[:4]


def test_a_flat_line_has_a_range_around_it():
    low, high = y_range(plot(lines=[Line("flat", LRS, [0.0] * 50)], bands=())) or (0, 0)
    assert low < 0 < high


def test_a_single_epoch_is_seen_as_a_point():
    drawn = plot(x_log=False, lines=[Line("training", [1.0], [0.5])], bands=[], spans=[], marks=[])
    trace = json.loads(render(drawn, "json"))["data"][0]
    assert "lines+markers" == trace["mode"]
    line = plot(x_log=False, lines=[Line("training", [1.0, 2.0], [0.5, 0.4])], bands=[], spans=[], marks=[])
    assert "lines" == json.loads(render(line, "json"))["data"][0]["mode"]


def test_an_axis_that_counts_has_no_tick_between_whole_numbers():
    drawn = plot(x_log=False, lines=[Line("training", [1.0, 2.0, 3.0, 4.0], [0.5] * 4)], bands=[], spans=[], marks=[])
    assert 1 == json.loads(render(drawn, "json"))["layout"]["xaxis"]["dtick"]
    ticks = [text for text in texts(drawn) if text in {"1", "1.5", "2", "2.5", "3", "3.5", "4"}]
    assert ["1", "2", "3", "4"] == ticks


def test_ticks_within_one_decade_are_plain_numbers():
    drawn = plot(lines=[Line("training", [20.0, 60.0], [0.5, 0.4])], bands=[], spans=[], marks=[])
    assert {"20", "30", "40", "60"} <= set(texts(drawn))


def test_a_rate_that_falls_for_ever_leaves_room_for_its_beginning():
    rates = [10.0**-power for power in range(2, 40)]
    drawn = plot(x_log=False, y_log=True, lines=[Line("lr", list(range(38)), rates)], bands=[], spans=[], marks=[])
    assert (pytest.approx(1e-10), pytest.approx(2e-2)) == y_range(drawn)
    low, high = json.loads(render(drawn, "json"))["layout"]["yaxis"]["range"]
    assert pytest.approx(-10.0) == low
    assert high < -1.6
    assert y_range(plot(y_log=True)) is None


def test_plotly_breaks_long_titles_and_writes_rates_as_powers():
    layout = json.loads(render(plot(title="word " * 30, x_label="rate\nof a step"), "json"))["layout"]
    lines = layout["title"]["text"].split("<br>")
    assert len(lines) > 1
    assert all(len(line) <= 75 for line in lines)
    assert "rate<br>of a step" == layout["xaxis"]["title"]["text"]
    assert ["power", "power"] == [layout[axis]["exponentformat"] for axis in ("xaxis", "yaxis")]


def texts(drawn: PlotSpec) -> list[str]:
    return [text.strip() for text in ElementTree.fromstring(render(drawn, "svg")).itertext() if text.strip()]
