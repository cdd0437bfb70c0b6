"""optuna-dashboard below /optuna in a real browser: a study's pages load, and nothing they ask for is missing."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.e2e.test_docs_page import CHROMIUM, FLAGS
from tests.servers.service import QUICK, EmbeddedService
from tests.unit.experiments.test_search import BASE


@pytest.mark.service
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_a_study_is_shown_with_its_trials_and_nothing_is_missing(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with EmbeddedService(tmp_path / "home", **QUICK) as service, sync_playwright() as playwright:
        job_id = httpx2.post(f"{service.url}/v1/jobs", json=BASE, timeout=20).json()["job_id"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{service.url}/optuna")
        page.get_by_text(f"job-{job_id}").first.click(timeout=60_000)
        page.get_by_text("Hyperparameter Importance").first.wait_for(timeout=30_000)
        page.goto(f"{service.url}/optuna/dashboard/studies/1/trials")
        page.get_by_text("/optimizer/learning_rate").first.wait_for(timeout=60_000)
        page.goto(f"{service.url}/optuna/dashboard/studies/1/trialTable")
        page.get_by_text("Download CSV File").wait_for(timeout=60_000)
        page.get_by_text("Param /optimizer/learning_rate").first.wait_for(timeout=30_000)
        browser.close()
    assert [] == errors
