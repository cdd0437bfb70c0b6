import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient


def test_the_page_loads_nothing_from_other_hosts(client: TestClient):
    page = client.get("/docs").text
    assert re.findall(r'(?:src|href)="(https?:)?//', page) == []
    assert "/openapi.json" in page


@pytest.mark.parametrize(
    ("file", "media_type"), [("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")]
)
def test_its_files_come_from_this_service(client: TestClient, file: str, media_type: str):
    response = client.get(f"/swagger/{file}")
    assert (200, media_type) == (response.status_code, response.headers["content-type"].split(";")[0])


def test_no_file_outside_the_package_is_served(client: TestClient):
    assert 404 == client.get("/swagger/..%2F..%2Fapi%2Fmain.py").status_code
    assert Path("api/main.py").exists()
