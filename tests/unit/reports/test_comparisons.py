import json
from xml.etree import ElementTree

import numpy as np
import plotly.io
import pytest

from lrsearch.experiments.base import Band, Heat, Line, PlotSpec, Rank, Whiskers
from lrsearch.reports import Format, render
from lrsearch.reports.axes import color_range, rank_range
from lrsearch.reports.parts import grid_of

NAN = float("nan")
RANKING = [
    Rank("lr=0.1", 0.2, 0.1, 0.3, 1),
    Rank("lr=1", 0.5, NAN, NAN, 2),
    Rank("lr=10", NAN, NAN, NAN, 3, "3 of 3 diverged"),
]
EPOCHS = [1.0, 2.0, 3.0]


def panel(name: str, values: list[float]) -> PlotSpec:
    low, high = [v - 0.1 for v in values], [v + 0.1 for v in values]
    band = Band("training", EPOCHS, low, high, of="training")
    return PlotSpec(name, name, "epoch", "", lines=[Line("training", EPOCHS, values)], bands=[band])


PLOTS = {
    "ranking": PlotSpec("ranking", "Ranking", "loss", "", ranks=RANKING),
    "heat map": PlotSpec(
        "heat", "Heat", "x", "y", heat=Heat("loss", ["1", "2"], ["8", "16"], [[0.1, NAN], [0.3, 0.2]], (0, 0))
    ),
    "whiskers": PlotSpec(
        "over",
        "Over",
        "rate",
        "loss",
        x_log=True,
        whiskers=[Whiskers("mean", [0.1, 1.0], [1.0, 2.0], [0.5, NAN], [1.5, NAN])],
    ),
    "panels": PlotSpec(
        "curves",
        "Curves",
        "epoch",
        "loss",
        panels=[panel("a, b", [3, 2, 1]), panel("c", [4, 3, 2]), panel("d", [NAN] * 3)],
    ),
}


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_every_kind_of_figure_is_drawn_as_png(plot: PlotSpec):
    assert b"\x89PNG\r\n\x1a\n" == render(plot, "png")[:8]


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_every_kind_of_figure_is_one_that_plotly_accepts(plot: PlotSpec):
    assert len(plotly.io.from_json(render(plot, "json").decode()).data) >= 1


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
@pytest.mark.parametrize("kind", ["png", "svg", "json"])
def test_the_same_numbers_give_the_same_file(plot: PlotSpec, kind: Format):
    assert render(plot, kind, "dark") == render(plot, kind, "dark")


def texts(plot: PlotSpec) -> str:
    return "".join(ElementTree.fromstring(render(plot, "svg")).itertext())


def test_a_diverged_setting_is_shown_in_the_ranking():
    assert "3 of 3 diverged" in texts(PLOTS["ranking"])
    notes = json.loads(render(PLOTS["ranking"], "json"))["layout"]["annotations"]
    assert ["3 of 3 diverged"] == [note["text"] for note in notes]


def test_a_ranking_has_a_legend_entry_a_group():
    drawn = json.loads(render(PLOTS["ranking"], "json"))
    assert ["group 1", "group 2", "group 3"] == [trace["name"] for trace in drawn["data"]]


def test_the_best_cell_of_a_heat_map_is_marked_and_a_missing_one_is_empty():
    (trace,) = json.loads(render(PLOTS["heat map"], "json"))["data"]
    assert [["<b>[0.1]</b>", ""], ["0.3", "0.2"]] == trace["text"]
    assert [[0.1, None], [0.3, 0.2]] == trace["z"]


def test_plotly_takes_the_places_of_a_heat_map_as_names():
    drawn = json.loads(render(PLOTS["heat map"], "json"))
    assert ["category", "category"] == [drawn["layout"][axis]["type"] for axis in ("xaxis", "yaxis")]


def test_an_interval_beyond_the_axis_goes_on_in_an_arrowhead():
    ranks = [Rank(str(value), value, value - 0.1, value + 0.1, 1) for value in (0.1, 0.2, 0.3)]
    within, beyond = (
        render(
            PlotSpec("ranking", "Ranking", "loss", "", ranks=[*ranks, Rank("last", 0.2, 0.2 - far, 0.2 + far, 1)]),
            "svg",
        )
        for far in (0.1, 9.0)
    )
    assert 2 == beyond.count(b"<defs>") - within.count(b"<defs>")


def test_a_panel_without_a_number_says_so():
    assert "nothing measured" in texts(PLOTS["panels"])


def test_panels_share_one_legend_and_have_axes_of_their_own():
    drawn = json.loads(render(PLOTS["panels"], "json"))
    assert {"x", "x2", "x3"} == {trace["xaxis"] for trace in drawn["data"]}
    assert {"x"} == {trace["xaxis"] for trace in drawn["data"] if trace.get("showlegend", True)}


def test_one_exploded_setting_squashes_neither_ranking_nor_colours():
    ranks = [Rank(str(value), value, value - 0.1, value + 0.1, 1) for value in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    assert (rank_range([*ranks, Rank("bad", 1e9, -1e9, 2e9, 2)]) or (0, 99))[1] < 5
    low, high = color_range(np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 1e9]]))
    assert pytest.approx(0.1) == low
    assert high < 5


@pytest.mark.parametrize("count", range(1, 13))
def test_panels_fit_their_grid(count: int):
    rows, columns = grid_of(count)
    assert rows * columns >= count > (rows - 1) * columns
