"""What the worker trains on: decided from the settings before TensorFlow is loaded, which is after the fork."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lrsearch.errors import Misconfigured
from lrsearch.settings import Settings

if TYPE_CHECKING:  # the supervisor imports this module, and must not wait for the catalog behind it
    from lrsearch.training.trainer import Trainer

GPU_SIGNS: Final = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/proc/driver/nvidia/version"))
"""Files that stand where a machine (or a WSL guest) has an NVIDIA driver."""
REMEDY: Final = "install the driver and the `gpu` extra, or set LRSEARCH_DEVICE=auto"
"""What to do about a GPU that is asked for and not there."""
_COUNT_GPUS: Final = "import tensorflow as tf; print('gpus:', len(tf.config.list_physical_devices('GPU')))"


def prepare(settings: Settings, environment: MutableMapping[str, str]) -> None:
    """Set what TensorFlow reads at its import; called in the parent, which never imports it.

    Args:
        settings: `device`.
        environment: changed in place: CUDA devices, GPU memory growth, log level.

    Raises:
        Misconfigured: `device` is `gpu` and TensorFlow sees none.
    """
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    environment.setdefault("KERAS_BACKEND", "tensorflow")
    # One process may not take the whole card: the display, or a second worker, needs some of it.
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if settings.device == "cpu" or (settings.device == "auto" and not has_gpu_driver()):
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    require_driver(settings)
    if settings.device == "gpu" and settings.trainer == "keras":
        require_gpu()


def has_gpu_driver() -> bool:
    """Whether this machine has an NVIDIA driver; answers without loading anything."""
    return any(sign.exists() for sign in GPU_SIGNS)


def require_driver(settings: Settings) -> None:
    """What can be said about `device` at once: a GPU needs a driver.

    Raises:
        Misconfigured: `device` is `gpu` and this machine has none.
    """
    if settings.device == "gpu" and settings.trainer == "keras" and not has_gpu_driver():
        raise Misconfigured(f"LRSEARCH_DEVICE is gpu, but this machine has no NVIDIA driver; {REMEDY}.")


def require_gpu() -> None:
    """Ask TensorFlow, in a process of its own, whether it sees a GPU.

    Raises:
        Misconfigured: it does not.
    """
    answer = subprocess.run([sys.executable, "-c", _COUNT_GPUS], capture_output=True, text=True, check=False)
    if answer.returncode != 0 or answer.stdout.strip().endswith("gpus: 0"):
        raise Misconfigured(f"LRSEARCH_DEVICE is gpu, but TensorFlow sees no GPU; {REMEDY}.")


def expected() -> str:
    """What is going to be trained on, as far as it is known before TensorFlow is loaded."""
    return "cpu" if os.environ.get("CUDA_VISIBLE_DEVICES") == "-1" else "gpu, not opened yet"


def load_trainer(settings: Settings) -> tuple[Trainer, str]:
    """The trainer of this process and the name of its device; with Keras, this is what imports TensorFlow.

    Raises:
        Misconfigured: TensorFlow is not installed.
    """
    if settings.trainer == "toy":
        from lrsearch.training.toy_trainer import ToyTrainer

        return ToyTrainer(settings.toy_seconds_per_step), "cpu"
    try:
        import tensorflow as tf
    except ImportError as error:
        raise Misconfigured(
            f"TensorFlow cannot be loaded ({error}); install lrsearch[cpu] or lrsearch[gpu]."
        ) from error
    from lrsearch.training.keras import default_trainer

    cards = tf.config.list_physical_devices("GPU")
    return default_trainer(), f"gpu ({len(cards)})" if cards else "cpu"
