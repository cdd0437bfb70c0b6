import pytest

from lrsearch.training.keras.compiled.cache import ProgramCache
from lrsearch.training.keras.compiled.program import Kind

pytestmark = pytest.mark.tensorflow


def kind(number):
    return Kind(str(number), None, False)


def test_a_program_is_made_once_and_the_longest_unused_one_is_dropped():
    cache, made = ProgramCache(size=2), []

    def get(number):
        return cache.get(kind(number), lambda: made.append(number) or number)

    assert [(1, False), (2, False), (1, True), (3, False)] == [get(number) for number in (1, 2, 1, 3)]
    assert [(1, True), (2, False)] == [get(1), get(2)]
    assert ([1, 2, 3, 2], 2) == (made, len(cache))
