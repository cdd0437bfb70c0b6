"""What a reproduction says, and its page in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.reproduce.runs import Outcome


@dataclass(frozen=True, slots=True)
class Reading:
    """A published figure or reading beside ours.

    Attributes:
        agrees: None where the publication gives nothing to compare with.
    """

    published: str
    ours: str
    agrees: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class Section:
    """A study.

    Attributes:
        reduced: what was made smaller than published, in a sentence; empty when nothing was.
    """

    title: str
    outcome: Outcome
    reduced: str
    readings: Sequence[Reading] = field(default_factory=list)


def page(sections: Sequence[Section], speed: str) -> str:
    """docs/reproductions.md."""
    readings = [reading for section in sections for reading in section.readings]
    agreed = sum(reading.agrees is True for reading in readings)
    differ = sum(reading.agrees is False for reading in readings)
    lines = [
        "# Published studies, run again",
        "",
        "Written by `make reproduce`; no figure is typed by hand. Every study is a job document of `examples/`. Figures are",
        "means over the seeds with their 95 % t intervals; p values are of paired t tests, Holm-corrected over all pairs.",
        f"{agreed} readings agree, {differ} differ, {len(readings) - agreed - differ} have nothing to be compared with.",
        f"Machine: {platform.machine()}, Python {platform.python_version()}. {speed}",
        "",
    ]
    for section in sections:
        lines += _section(section)
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section) -> list[str]:
    document, result = section.outcome.document, section.outcome.result
    length = f"{document['epochs']} epochs" if document.get("epochs") else f"{document.get('steps')} updates"
    seeds = document.get("seeds", document.get("repeats", 1))
    setting = f"{document['model']['name']} on {document['data']['name']}, batch {document['batch_size']}, {length}, {seeds} seed{'s' if seeds > 1 else ''}"
    lines = [
        f"## {section.title}",
        "",
        f"`examples/{section.outcome.name}.json`: {setting}; engine {result['engine']}, {section.outcome.seconds:.0f} s.",
    ]
    lines += [f"Smaller than published: {section.reduced}"] if section.reduced else []
    lines += ["", *_board(section.outcome)]
    lines += ["| published | ours | agrees | why |", "|---|---|---|---|"]
    lines += [f"| {r.published} | {r.ours} | {_yes(r.agrees)} | {r.why} |" for r in section.readings]
    return [*lines, ""]


def _yes(agrees: bool | None) -> str:
    return {None: "-", True: "yes", False: "**no**"}[agrees]


def _board(outcome: Outcome) -> list[str]:
    rows = outcome.result.get("leaderboard", [])
    if len(rows) < 2:
        return []
    lines = [f"| group | setting | {outcome.metric} | training loss |", "|---|---|---|---|"]
    for row in rows:
        name, metrics = row["setting"], row["metrics"]
        loss = outcome.figure(name, "loss") if "loss" in metrics else "-"
        lines.append(f"| {row['group']} | {name} | {outcome.figure(name)} | {loss} |")
    flags = ", ".join(outcome.result["flags"]) or "none"
    recommendation = outcome.result["recommendation"]
    said = f"{recommendation['setting']}. {recommendation['why']}" if recommendation else "none."
    return [*lines, "", f"Flags: {flags}. Recommendation: {said}", ""]
