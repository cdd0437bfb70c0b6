"""The table of moves, and the diagram the documentation shows of it."""

from __future__ import annotations

from pathlib import Path

from lrsearch.status import FINAL, TRANSITIONS, JobStatus, may_move, mermaid, sources_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_final_states_have_no_exits() -> None:
    assert {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED} == FINAL
    assert [] == [new for old in FINAL for new in JobStatus if may_move(old, new)]


def test_every_state_can_reach_a_final_one_and_all_but_the_first_are_reached() -> None:
    for status in JobStatus:
        assert status in FINAL or TRANSITIONS[status] & FINAL
        assert sources_of(status)


def test_sources_and_moves_tell_the_same() -> None:
    for new in JobStatus:
        assert {old for old in JobStatus if may_move(old, new)} == sources_of(new)


def test_the_diagram_shows_every_move_and_no_other() -> None:
    arrows = [line.strip() for line in mermaid().splitlines()[1:]]
    moves = {f"{old} --> {new}" for old in JobStatus for new in JobStatus if may_move(old, new)}
    assert moves | {"[*] --> queued"} | {f"{status} --> [*]" for status in FINAL} == set(arrows)
    assert len(set(arrows)) == len(arrows)


def test_the_documentation_shows_the_diagram_of_the_table() -> None:
    pages = "".join((DOCS / name).read_text() for name in ("guarantees.md", "architecture.md"))
    assert mermaid() in pages
