"""docker-compose.yml, compose.cpu.yml, Dockerfile and .env.example: against the specification, and against the code."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from lrsearch.settings import variables

ROOT = Path(__file__).parents[2]
SPECIFICATION = Path(__file__).parent / "compose_spec"
RESET = object()
OURS = ("password", "migrate", "api", "reaper", "worker", "worker-1", "worker-2", "worker-3")
WORKERS = ("worker", "worker-1", "worker-2", "worker-3")
FOREIGN_VARIABLES = {"CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH"}
"""What TensorFlow and CUDA read; everything else our containers are given must be a setting of ours."""
COMPOSE_VARIABLES = {"WORKER_MEMORY", "COMPOSE_PROFILES"}
"""What only Compose reads."""


class Loader(yaml.SafeLoader):
    """YAML with the Compose tag that removes what an earlier file said."""


Loader.add_constructor("!reset", lambda loader, node: RESET)


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader)
    return document


def without_resets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_resets(item) for key, item in value.items() if item is not RESET}
    return value


def merged(base: Any, override: Any) -> Any:
    """What Compose makes of two files, as far as ours go: maps merge, `!reset` removes, the rest is replaced."""
    if not isinstance(base, dict) or not isinstance(override, dict):
        return copy.deepcopy(override)
    result = copy.deepcopy(base)
    for key, value in override.items():
        if value is RESET:
            result.pop(key, None)
        else:
            result[key] = merged(base.get(key), value)
    return result


def gpu() -> dict[str, Any]:
    return read("docker-compose.yml")


def cpu() -> dict[str, Any]:
    return merged(gpu(), read("compose.cpu.yml"))


@pytest.fixture(params=["gpu", "cpu"])
def stack(request: pytest.FixtureRequest) -> dict[str, Any]:
    return gpu() if request.param == "gpu" else cpu()


def environments(stack: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {name: stack["services"][name].get("environment", {}) for name in OURS if name in stack["services"]}


def test_the_schema_is_the_one_named_in_its_source_note() -> None:
    digest = hashlib.sha256((SPECIFICATION / "compose-spec.json").read_bytes()).hexdigest()
    assert digest in (SPECIFICATION / "SOURCE.md").read_text()


def test_each_file_and_their_merger_follow_the_compose_specification(stack: dict[str, Any]) -> None:
    validator = Draft202012Validator(json.loads((SPECIFICATION / "compose-spec.json").read_text()))
    for document in (stack, without_resets(read("compose.cpu.yml"))):
        errors = [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(document)]
        assert [] == errors


def test_the_schema_does_refuse_a_misspelt_key() -> None:
    validator = Draft202012Validator(json.loads((SPECIFICATION / "compose-spec.json").read_text()))
    wrong = gpu()
    wrong["services"]["api"]["helthcheck"] = {}
    assert not validator.is_valid(wrong)


def test_every_variable_our_containers_are_given_is_a_setting(stack: dict[str, Any]) -> None:
    for environment in environments(stack).values():
        assert set() == set(environment) - set(variables()) - FOREIGN_VARIABLES


def test_every_variable_of_the_image_that_looks_like_a_setting_is_one() -> None:
    named = set(re.findall(r"\b(LRSEARCH_[A-Z_]+)=", (ROOT / "Dockerfile").read_text()))
    assert named
    assert set() == named - set(variables())


def test_every_fixed_value_is_one_the_settings_accept(stack: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from lrsearch.settings import Settings

    for environment in environments(stack).values():
        for name, value in environment.items():
            monkeypatch.setenv(name, re.sub(r"\$\{[A-Z_]+:-(.*?)\}", r"\1", value))
        Settings()


def test_env_example_lists_just_what_the_files_read_with_the_same_defaults() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    read_there = dict(re.findall(r"\$\{([A-Z_]+):-(.*?)\}", text)) | {"COMPOSE_PROFILES": ""}
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert read_there == shown
    assert set() == set(shown) - set(variables()) - COMPOSE_VARIABLES


def test_nothing_needs_a_variable_that_is_not_set() -> None:
    for name in ("docker-compose.yml", "compose.cpu.yml"):
        text = (ROOT / name).read_text()
        assert text.count("$") == len(re.findall(r"\$\{[A-Z_]+:-[^}]*\}", text))


def test_ports_are_published_on_loopback_only_and_servers_are_not_published(stack: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in stack["services"].items() if "ports" in service}
    assert ["api"] == list(published)
    assert all(port.startswith("127.0.0.1:") for port in published["api"])
    assert ["backend"] == stack["services"]["postgres"]["networks"] == stack["services"]["redis"]["networks"]
    assert {"internal": True} == stack["networks"]["backend"]


def test_running_without_keys_is_said_aloud_where_the_api_listens_beyond_loopback(stack: dict[str, Any]) -> None:
    environment = stack["services"]["api"]["environment"]
    assert ("0.0.0.0", "none") == (environment["LRSEARCH_HOST"], environment["LRSEARCH_AUTH"])


@pytest.mark.parametrize("name", ["password", "postgres", "redis", "migrate", "api", "reaper", "worker"])
def test_a_container_is_not_root_cannot_become_it_and_cannot_write_its_image(name: str, stack: dict[str, Any]) -> None:
    service = stack["services"][name]
    assert service["user"] not in ("root", "0", "0:0")
    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]


def test_every_container_has_limits_a_restart_policy_and_bounded_logs(stack: dict[str, Any]) -> None:
    for service in stack["services"].values():
        assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
        assert service["restart"] in ("unless-stopped", "on-failure:3", "no")
        assert {"max-size", "max-file"} == set(service["logging"]["options"])


def test_every_server_says_whether_it_is_well(stack: dict[str, Any]) -> None:
    one_shot = {"password", "migrate"}
    silent = {name for name, service in stack["services"].items() if "healthcheck" not in service}
    assert one_shot == silent


def test_what_must_come_first_comes_first(stack: dict[str, Any]) -> None:
    def needs(name: str) -> dict[str, str]:
        return {other: rule["condition"] for other, rule in stack["services"][name]["depends_on"].items()}

    assert {"password": "service_completed_successfully"} == needs("postgres")
    assert {"postgres": "service_healthy"} == needs("migrate")
    for name in ("api", "worker", "reaper"):
        assert {"migrate": "service_completed_successfully", "redis": "service_healthy"} == needs(name)


def test_the_broker_keeps_its_messages_and_never_evicts_one(stack: dict[str, Any]) -> None:
    command = stack["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert {"--appendonly": "yes", "--maxmemory-policy": "noeviction"}.items() <= options.items()


def test_each_gpu_has_one_worker_that_sees_no_other_and_grows_its_memory() -> None:
    services = gpu()["services"]
    devices = [services[name]["deploy"]["resources"]["reservations"]["devices"] for name in WORKERS]
    assert [["0"], ["1"], ["2"], ["3"]] == [device["device_ids"] for (device,) in devices]
    for name in WORKERS:
        wanted = {"LRSEARCH_DEVICE": "gpu", "CUDA_VISIBLE_DEVICES": "0", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        assert wanted.items() <= services[name]["environment"].items()
    assert [None, ["gpu-1"], ["gpu-2"], ["gpu-3"]] == [services[name].get("profiles") for name in WORKERS]


def test_a_host_without_a_gpu_reserves_none_and_builds_the_small_image() -> None:
    services = cpu()["services"]
    assert ["worker"] == [name for name in services if name in WORKERS]
    assert "reservations" not in services["worker"]["deploy"]["resources"]
    assert "cpu" == services["worker"]["environment"]["LRSEARCH_DEVICE"]
    for name in set(OURS) & set(services):
        assert ("lrsearch:cpu", "cpu") == (services[name]["image"], services[name]["build"]["args"]["EXTRA"])


def test_no_file_holds_a_password(stack: dict[str, Any]) -> None:
    assert stack["services"]["postgres"]["environment"].keys() == {
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD_FILE",
    }
    for environment in environments(stack).values():
        assert re.fullmatch(r"postgresql://\w+@postgres:5432/\w+", environment.get("DATABASE_URL", "postgresql://u@postgres:5432/d"))  # fmt: skip


def test_the_password_file_has_one_place_in_the_whole_stack(stack: dict[str, Any]) -> None:
    made = stack["services"]["password"]["command"][0]
    assert made == stack["services"]["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"]
    for name in ("migrate", "api", "reaper", "worker"):
        assert made == stack["services"][name]["environment"]["LRSEARCH_DATABASE_PASSWORD_FILE"]
        assert f"password:{Path(made).parent}:ro" in stack["services"][name]["volumes"]


def test_the_first_start_makes_a_password_and_later_ones_keep_it(tmp_path: Path) -> None:
    script, password = str(ROOT / "docker/make_password.py"), tmp_path / "password"
    first = subprocess.run([sys.executable, script, password], capture_output=True, text=True, check=True)
    made = password.read_text()
    assert len(made) >= 43
    assert 0o440 == stat.S_IMODE(password.stat().st_mode)
    assert made not in first.stdout
    second = subprocess.run([sys.executable, script, password], capture_output=True, text=True, check=True)
    assert "kept" in second.stdout
    assert made == password.read_text()
    assert [password] == list(tmp_path.iterdir())


def test_a_password_that_cannot_be_written_is_one_sentence_and_code_2(tmp_path: Path) -> None:
    script, password = str(ROOT / "docker/make_password.py"), tmp_path / "missing" / "password"
    result = subprocess.run([sys.executable, script, password], capture_output=True, text=True, check=False)
    assert 2 == result.returncode
    assert f"The database password cannot be written to {password} (No such file or directory).\n" == result.stderr


def test_a_second_first_start_that_was_slower_keeps_the_faster_ones_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = runpy.run_path(str(ROOT / "docker/make_password.py"))["make"]
    password = tmp_path / "password"

    def too_late(*_: object) -> None:
        password.write_text("the faster one's")
        raise FileExistsError

    monkeypatch.setattr("os.link", too_late)
    assert make(password) is False
    assert "the faster one's" == password.read_text()


def test_the_image_copies_every_folder_the_wheel_is_made_of_and_the_engine_is_sent_them() -> None:
    import tomllib

    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    dockerfile, ignored = (ROOT / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text().splitlines()
    for folder in wheel["only-include"]:
        assert f"COPY {folder} {folder}\n" in dockerfile
        assert f"!{folder}" in ignored


def test_the_image_installs_only_what_is_locked_with_hashes() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes requirements.lock" in dockerfile
    assert "--no-deps /wheel" in dockerfile
    for extra in ("cpu", "gpu"):
        lock = (ROOT / "requirements" / f"{extra}.lock").read_text()
        assert "://" not in lock
        packages = re.findall(r"^[a-z0-9._-]+(?:\[[a-z,-]+\])?==", lock, re.MULTILINE)
        assert len(packages) > 50
        assert lock.count("--hash=sha256:") >= len(packages)
