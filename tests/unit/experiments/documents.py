"""Documents that several tests of this folder change a little."""

from typing import Any

RANGE_TEST: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 32,
    "start_lr": 1e-4,
    "steps": 200,
}
