from __future__ import annotations

import subprocess
import sys

import pytest

from lrsearch.errors import Misconfigured
from lrsearch.settings import Settings
from worker import device


def test_a_cpu_worker_hides_every_card_before_tensorflow_is_loaded() -> None:
    environment: dict[str, str] = {}
    device.prepare(Settings(device="cpu"), environment)
    assert "-1" == environment["CUDA_VISIBLE_DEVICES"]


def test_what_the_user_set_for_tensorflow_is_kept() -> None:
    environment = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_FORCE_GPU_ALLOW_GROWTH": "false"}
    device.prepare(Settings(device="cpu"), environment)
    assert ("0", "false") == (environment["TF_CPP_MIN_LOG_LEVEL"], environment["TF_FORCE_GPU_ALLOW_GROWTH"])


def test_a_gpu_worker_leaves_the_choice_of_cards_to_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_gpu_driver", lambda: True)
    environment = {"CUDA_VISIBLE_DEVICES": "1"}
    device.prepare(Settings(device="auto"), environment)
    assert "1" == environment["CUDA_VISIBLE_DEVICES"]


def test_a_gpu_worker_without_a_driver_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_gpu_driver", lambda: False)
    with pytest.raises(Misconfigured, match=r"LRSEARCH_DEVICE is gpu.*no NVIDIA driver.*LRSEARCH_DEVICE=auto"):
        device.prepare(Settings(device="gpu"), {})


def test_the_toy_trainer_needs_no_tensorflow() -> None:
    script = (
        "import sys; from lrsearch.settings import Settings; from worker import device\n"
        "trainer, name = device.load_trainer(Settings(trainer='toy'))\n"
        "print(trainer.name, name, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "toy cpu False False\n" == done.stdout
