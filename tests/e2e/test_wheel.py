"""The wheel: what is in it, and that the service runs from it.

What this leaves untested: the dependencies are not downloaded again. The fresh environment gets the wheel alone and
finds everything else in the development environment's site-packages, through a `.pth` line (which does not process the
`.pth` files there, so the checkout itself stays out of reach). That the declared dependencies suffice for an install
from an index is not shown here; the locks in requirements/ are compiled from the same declarations.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import psutil
import pytest

from tests.servers import service
from tests.servers.service import QUICK, EmbeddedService, range_test

pytestmark = pytest.mark.service
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment with the wheel and nothing else installed."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    offline = {"UV_OFFLINE": "1", "UV_NO_CONFIG": "1"}
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, "--no-deps", str(wheel)]
    subprocess.run(install, check=True, env=os.environ | offline)
    (site_packages,) = (folder / "lib").glob("python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(environment: Path, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(environment / "bin" / "python"), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=clean)


def test_the_wheel_puts_one_package_and_its_metadata_into_site_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"lrsearch", "lrsearch-0.1.0.dist-info"} == {name.split("/")[0] for name in names}
    assert {"api", "worker", "migrations", "examples"} == {
        name.split("/")[2] for name in names if name.startswith("lrsearch/_service/")
    }


def test_the_wheel_carries_the_licence_and_names_python_and_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("lrsearch-0.1.0.dist-info/METADATA").decode()
        assert archive.read("lrsearch-0.1.0.dist-info/licenses/LICENSE").lstrip().startswith(b"Apache License")
    assert "License-Expression: Apache-2.0" in metadata
    assert re.search(r"^Requires-Python: <3\.14,>=3\.11$", metadata, re.MULTILINE)
    assert {"cpu", "gpu", "client", "dev"} == set(re.findall(r"^Provides-Extra: (\w+)$", metadata, re.MULTILINE))


def test_the_source_archive_holds_what_the_wheel_is_built_from(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        folders = {name.split("/")[1] for name in files.getnames()}
    assert {"lrsearch", "api", "worker", "migrations", "examples", "LICENSE", "pyproject.toml"} <= folders


def test_general_names_stay_free_for_the_packages_of_the_user(environment: Path, tmp_path: Path) -> None:
    names = ("api", "worker", "migrations", "examples", "tests")
    look = f"import importlib.util as i, lrsearch.jobs; print([n for n in {names} if i.find_spec(n)])"
    assert "[]\n" == run(environment, look, tmp_path).stdout


def test_the_command_runs_from_the_wheel_and_not_from_the_checkout(environment: Path, tmp_path: Path) -> None:
    answer = run(environment, "import lrsearch.settings as s; print(s.service_root())", tmp_path)
    assert answer.stdout.strip().startswith(str(environment))
    assert answer.stdout.strip().endswith("lrsearch/_service")


def test_lrsearch_up_from_an_installed_wheel_runs_a_job_in_any_folder(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "api").mkdir(parents=True)
    # A person's own package of the same name in the working folder must not be taken for ours.
    (elsewhere / "api" / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(service, "LRSEARCH", str(environment / "bin" / "lrsearch"))
    with EmbeddedService(tmp_path / "home", **QUICK) as embedded:
        job = embedded.wait_for(embedded.submit(range_test()))
        assert "succeeded" == job["status"], embedded.logs()
        assert 200 == embedded.get(f"/v1/jobs/{job['job_id']}/plots/loss_over_lr.png").status_code
        worker = psutil.Process(embedded.state()["children"]["worker"])
        assert str(environment / "bin") == str(Path(worker.cmdline()[0]).parent)
        assert worker.environ()["PYTHONPATH"].startswith(str(environment))
