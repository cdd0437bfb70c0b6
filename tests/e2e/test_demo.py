"""`lrsearch demo` as a person runs it: the installed command, a service of its own, HTTP, a plot."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

import psutil
import pytest

from tests.servers.service import LRSEARCH, range_test

pytestmark = pytest.mark.service
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MARK = "LRSEARCH_TEST_RUN"
"""An environment variable by which everything a demo started is recognised."""


def demo(file: Path, folder: Path, **settings: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the demo; what it answered, and the mark its processes carry."""
    mark = uuid.uuid4().hex
    done = subprocess.run(
        [LRSEARCH, "demo", str(file), "--out", str(folder / "plots")],
        env=os.environ | {MARK: mark, "TMPDIR": str(folder)} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    return done, mark


def left_behind(mark: str) -> list[list[str]]:
    """Command lines of the living processes with the mark."""
    found: list[list[str]] = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def write(folder: Path, **changes: object) -> Path:
    file = folder / "job.json"
    file.write_text(json.dumps(range_test(**changes)))
    return file


@pytest.mark.tensorflow
def test_the_demo_of_the_digits_prints_bounds_and_writes_a_plot_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done, mark = demo(EXAMPLES / "range_test_digits.json", tmp_path)
    assert 0 == done.returncode, done.stdout + done.stderr
    for words in (
        "Learning-rate bounds by rule",
        "steepest",
        "minimum_over_10",
        "valley",
        "window",
        "Verdict: suggestion",
    ):
        assert words in done.stdout
    (plot,) = (tmp_path / "plots").iterdir()
    assert str(plot) in done.stdout
    assert b"\x89PNG" == plot.read_bytes()[:4]
    assert [] == left_behind(mark)
    assert ["plots"] == [path.name for path in tmp_path.iterdir()]


def test_a_refused_document_names_everything_that_is_wrong_and_exits_1(tmp_path: Path) -> None:
    done, mark = demo(write(tmp_path, start_lr=5.0, end_lr=1.0, batch_size=0), tmp_path, LRSEARCH_TRAINER="toy")
    assert 1 == done.returncode
    assert "/batch_size" in done.stderr
    assert "Traceback" not in done.stderr
    assert [] == left_behind(mark)


def test_a_failed_job_prints_its_message_and_exits_1(tmp_path: Path) -> None:
    file = write(tmp_path, steps=1_000, limits={"wall_seconds": 0.5})
    done, mark = demo(file, tmp_path, LRSEARCH_TRAINER="toy", LRSEARCH_TOY_SECONDS_PER_STEP="0.01")
    assert (1, True) == (done.returncode, "limits.wall_seconds" in done.stderr), done.stderr
    assert [] == left_behind(mark)


def test_a_demo_that_is_killed_takes_its_service_with_it(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    file = write(tmp_path, steps=10_000)
    settings = {MARK: mark, "TMPDIR": str(tmp_path), "LRSEARCH_TRAINER": "toy", "LRSEARCH_TOY_SECONDS_PER_STEP": "0.01"}
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen([LRSEARCH, "demo", str(file)], env=os.environ | settings, stdout=output)
    try:
        wait_until(lambda: "answers at" in (tmp_path / "output").read_text())
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not left_behind(mark))


def wait_until(condition: object, seconds: float = 30) -> None:
    import time

    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
