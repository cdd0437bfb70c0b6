"""The rows of a benchmark: targets judged, figures shown, and the page they are written to."""

import numpy as np
import pytest

from benchmarks.report import Section, write
from benchmarks.rows import Row, at_least, at_most, comparisons, cost, shown, speed_up, table


def test_a_target_is_met_at_its_limit_and_missed_beyond_it_or_without_a_number():
    assert ["met", "**missed**", "**missed**"] == [at_least(100).verdict(x) for x in (100.0, 99.9, float("nan"))]
    assert ["met", "**missed**", "**missed**"] == [at_most(1.1).verdict(x) for x in (1.1, 1.11, float("nan"))]


def test_a_row_shows_figure_detail_target_and_verdict():
    rows = [Row("start", 2.5, "s", "median of 3", at_most(10, "s")), Row("size", 634.2, "MiB")]
    assert [
        "| what | measured | target | |",
        "| --- | --- | --- | --- |",
        "| start | 2.5 s (median of 3) | <= 10 s | met |",
        "| size | 634 MiB | | |",
    ] == table(rows).splitlines()


def test_a_comparison_is_the_median_of_the_ratios_of_each_round():
    slow, fast = np.array([1.0, 2.0, 4.0]), np.array([0.5, 0.5, 0.5])
    lines = comparisons([speed_up("fit", slow, fast, at_least(5)), cost("loop", fast, slow, at_most(5))]).splitlines()
    assert "| fit | 2 s | 500 ms | 4 (3 to 6) | >= 5 | **missed** |" == lines[2]
    assert "| loop | 500 ms | 2 s | 4 (3 to 6) | <= 5 | met |" == lines[3]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(0.01234, "s", "12.3 ms"), (12.34, "s", "12.3 s"), (1234.5, "MiB", "1,234 MiB"), (1.0849, "", "1.08")],
)
def test_figures_are_shown_with_three_digits(value, unit, words):
    assert words == shown(value, unit)


def test_the_page_keeps_one_version_of_a_section_and_counts_what_is_missed(tmp_path):
    page = tmp_path / "benchmarks.md"
    good, bad = (table([Row("start", seconds, "s", "", at_most(10, "s"))]) for seconds in (1.0, 11.0))
    write(Section("a", "A", "run a", bad, 30.0), page)
    write(Section("b", "B", "run b", good, 90.0), page)
    assert "1 targets are met, 1 missed; all sections together took 2 minutes.\n- missed: start\n" in page.read_text()
    write(Section("a", "A", "run a", good, 30.0), page)
    text = page.read_text()
    assert "2 targets are met, 0 missed; all sections together took 2 minutes.\n" in text
    assert "**missed**" not in text
    assert 1 == text.count("## A\n")
    assert text.index("## A\n") < text.index("## B\n")
