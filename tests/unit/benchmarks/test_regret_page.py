"""`make regret` writes what it prints, and nothing else."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks.regret import page, pictures, report, sentences
from benchmarks.regret.__main__ import main
from benchmarks.regret.evaluate import Figures

TEXT = "before\n<!-- regret one: begin -->\nold\n<!-- regret one: end -->\nafter\n"


class Report:
    """Stands for the report, whose blocks take a minute."""

    def __init__(self, tasks: object, fresh: object) -> None:
        assert tasks
        assert fresh

    def blocks(self) -> dict[str, str]:
        return {"one": "new", "two": "nowhere"}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    made = [tmp_path / "advice.md", tmp_path / "README.md"]
    for one in made:
        one.write_text(TEXT)
    monkeypatch.setattr(page, "PAGES", tuple(made))
    monkeypatch.setattr(report, "Report", Report)
    monkeypatch.setattr(pictures, "draw_all", lambda tasks: print(f"drawn: {len(tasks)} tasks"))
    return made


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["regret", *arguments])
    main()


def test_the_command_writes_pages_and_figures_and_names_blocks_that_no_page_has(
    pages: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    assert {TEXT.replace("old", "new")} == {one.read_text() for one in pages}
    printed = capsys.readouterr().out
    for words in ("## one\n\nnew", "drawn: ", "On no page: two."):
        assert words in printed


def test_asked_to_print_it_writes_nothing(
    pages: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "--print")
    assert {TEXT} == {one.read_text() for one in pages}
    printed = capsys.readouterr().out
    assert ("new" in printed, "drawn" in printed) == (True, False)


def figures(median: float, mean: float, p90: float, worst: float) -> Figures:
    return Figures(median, mean, p90, worst, worst, 0.0, mean)


def test_a_rival_that_is_as_good_by_any_figure_is_named_with_it() -> None:
    mine = figures(0.01, 0.02, 0.05, 0.2)
    others = {"worse": figures(0.02, 0.03, 0.06, 0.3), "equal": figures(0.01, 0.03, 0.06, 0.1)}
    lost = {name: sentences._not_beaten(mine, one) for name, one in others.items()}
    assert {"worse": [], "equal": ["median", "worst task"]} == lost
    assert sentences._beats("rival", lost).endswith("but for equal (median, worst task).")
    assert sentences._beats("rival", {"worse": []}).endswith("over the answers given.")


def test_sentences_are_wrapped_to_the_width_of_the_page() -> None:
    lines = sentences._wrapped("a word and `code_with_underscores` " * 20).splitlines()
    assert max(map(len, lines)) <= sentences.WIDTH
    assert len(lines) > 1


def test_every_figure_of_the_advice_is_there_for_light_and_for_dark_pages() -> None:
    docs = page.ROOT / "docs"
    text = (docs / "advice.md").read_text(encoding="utf-8")
    light, dark = (re.findall(f'{name}="(images/[^"]+)"', text) for name in ("src", "srcset"))
    assert [f"images/advice_{name}.png" for name in ("examples", "regret", "tasks")] == light
    assert [one.replace(".png", "_dark.png") for one in light] == dark
    assert all((docs / one).is_file() for one in (*light, *dark))
