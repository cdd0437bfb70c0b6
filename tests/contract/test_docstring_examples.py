"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import lrsearch

NEEDS_KERAS = ("lrsearch.training.keras", "lrsearch.callbacks")
ROOT = Path(lrsearch.__file__).parent
# by file, since walking the packages would import the one that loads TensorFlow
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"
)


def examples_of(name: str) -> doctest.TestResults:
    return doctest.testmod(importlib.import_module(name))


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(NEEDS_KERAS)])
def test_the_examples_of_a_module_hold(name: str):
    assert examples_of(name).failed == 0


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(NEEDS_KERAS)])
def test_the_examples_of_a_module_behind_the_keras_door_hold(name: str):
    assert examples_of(name).failed == 0
