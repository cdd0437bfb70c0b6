"""The interactive documentation in a real browser, without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.service import QUICK, EmbeddedService

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",  # the tests may run as root, where Chromium's sandbox does not start
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedService]:
    with EmbeddedService(tmp_path_factory.mktemp("service") / "home", **QUICK) as running:
        yield running


@pytest.mark.service
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_documentation_lists_the_calls_in_a_browser(service: EmbeddedService, tmp_path: Path, width: int):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900})
        failed: list[str] = []
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.goto(f"{service.url}/docs")
        page.get_by_text("/v1/jobs", exact=True).first.wait_for(timeout=20_000)
        page.screenshot(path=tmp_path / f"docs_{width}.png")
        browser.close()
    assert failed == []
