"""The device, threads and versions a training ran on, and the memory that Keras would keep."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.client import device_lib  # the only place that tells a GPU's memory


def allow_memory_growth() -> None:
    """Take the memory of GPUs as it is needed, so that several processes can share one."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


@cache
def device_name() -> str:
    """The device trainings run on: the name of the first GPU, else `cpu`."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "cpu"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name))


@cache
def device_memory_bytes() -> int | None:
    """Memory of the first GPU that TensorFlow may take; None without a GPU."""
    if device_name() == "cpu":
        return None
    return max(device.memory_limit for device in device_lib.list_local_devices() if device.device_type == "GPU")


def environment() -> dict[str, Any]:
    """What changes the bits of a result: device, threads, versions; JSON-able."""
    # 0 means one thread a core.
    threads = tf.config.threading.get_intra_op_parallelism_threads() or _cores()
    return {"device": device_name(), "intra_op_threads": threads, "versions": dict(_versions())}


@cache
def _cores() -> int:
    return os.cpu_count() or 1


@cache
def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }


def release_memory() -> None:
    """Give back what models and programs held that nobody holds any more: Keras' names, TensorFlow's kernels, freed pages.

    Without it each leaves some 6 MB, with it less than 1; what XLA compiled TensorFlow keeps for as long as the process lives.
    """
    keras.backend.clear_session(free_memory=True)
    if trim := _trim():
        trim(0)


@cache
def _trim() -> Any:
    """The call that hands freed memory back to the system, where the C library has it."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
