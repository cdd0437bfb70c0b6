"""The API process stays small: it never loads TensorFlow, and loads what is heavy on first use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lrsearch.settings import service_root
from tests.unit.api import service

pytestmark = pytest.mark.service
IDLE_MEGABYTES = 250
LAZY = ("matplotlib", "pyarrow", "scipy", "optuna", "sklearn", "plotly", "pandas")
SCRIPT = """
import json, sys
from pathlib import Path
import psutil
from fastapi.testclient import TestClient
from api.main import create_app
from lrsearch.settings import Settings
from tests.unit.api.service import DOCUMENT

def loaded():
    return sorted({name.partition(".")[0] for name in sys.modules})

def megabytes():
    return psutil.Process().memory_info().rss / 1e6

imported, idle = loaded(), megabytes()
with TestClient(create_app(Settings(home=Path(sys.argv[1]))), base_url="http://127.0.0.1") as client:
    assert client.post("/v1/jobs", json=DOCUMENT).status_code == 202
    posted = loaded()
    for path in ("/v1/jobs", "/v1/catalog", "/v1/workers", "/openapi.json"):
        assert client.get(path).status_code == 200, path
    print(json.dumps({"imported": imported, "posted": posted, "read": loaded(), "idle": idle, "used": megabytes()}))
"""


def test_the_api_never_loads_tensorflow_and_loads_heavy_packages_on_first_use(tmp_path: Path) -> None:
    service.migrate(tmp_path / "lrsearch.db")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False, cwd=service_root()
    )
    assert 0 == run.returncode, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    for moment in ("imported", "posted", "read"):
        assert set() == {"tensorflow", "keras", "jax", "torch", *LAZY} & set(report[moment]), moment
    assert report["idle"] < IDLE_MEGABYTES
    assert report["used"] < IDLE_MEGABYTES
    print(f"API process: {report['idle']:.0f} MB after its imports, {report['used']:.0f} MB after a POST and four GETs")
