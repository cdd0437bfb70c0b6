"""Every link between the project's own documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)")
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_or_into_the_web(document: Path) -> None:
    targets = [document.parent / link for link in LINK.findall(document.read_text()) if "://" not in link]
    assert [] == [target for target in targets if not target.exists()]
