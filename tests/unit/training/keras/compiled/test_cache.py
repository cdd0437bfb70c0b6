import json
import subprocess
import sys

import pytest

from lrsearch.training.keras.compiled.cache import ProgramCache
from lrsearch.training.keras.compiled.kind import Kind

pytestmark = pytest.mark.tensorflow


def kind(number):
    return Kind(str(number), None, False)


def test_a_full_cache_drops_a_quarter_at_once_and_releases_their_memory():
    released: list[int] = []
    cache = ProgramCache(size=8, release=lambda: released.append(len(cache)))
    for number in range(11):
        cache.get(kind(number), object)
    assert ([6, 6], 7) == (released, len(cache))


DROPPED = """
import gc
import json
from dataclasses import replace

from tensorflow.python.eager import context

from benchmarks.plans import range_test
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.compiled.cache import ProgramCache
from lrsearch.training.optimizer_specs import SPECS


def traced_functions():
    # without the wrappers that TensorFlow makes of single operations
    return {name for name in context.context().list_function_names() if not name.startswith("__wrapped__")}


for xla in (False, True):
    trainer = CompiledTrainer(cache=ProgramCache(size=1))
    before = traced_functions()
    trainer.train([replace(range_test(4), xla=xla)])
    first = traced_functions() - before
    trainer.train([replace(range_test(4), optimizer=SPECS["adam"](kind="adam"), xla=xla)])
    gc.collect()
    print(json.dumps([bool(first), sorted(first & traced_functions())]))
"""


def test_a_dropped_program_leaves_no_traced_function_behind():
    """Keras' sum of gradients over devices did: TensorFlow registers a gradient for it, which holds the graph.

    In a process of its own: what other tests keep alive would count.
    """
    output = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, check=True).stdout
    assert [[True, []]] * 2 == [json.loads(line) for line in output.splitlines()]


def test_a_program_is_made_once_and_the_longest_unused_one_is_dropped():
    cache, made = ProgramCache(size=2), []

    def get(number):
        return cache.get(kind(number), lambda: made.append(number) or number)

    assert [(1, False), (2, False), (1, True), (3, False)] == [get(number) for number in (1, 2, 1, 3)]
    assert [(1, True), (2, False)] == [get(1), get(2)]
    assert ([1, 2, 3, 2], 2) == (made, len(cache))
