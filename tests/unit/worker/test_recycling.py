from __future__ import annotations

import pytest

from worker import recycling
from worker.recycling import GROWTH_SHARE, SETTLED_PACKS, Growth


def after(sizes: list[int]) -> list[bool]:
    growth = Growth()
    return [growth.is_due(size) for size in sizes]


def test_a_process_that_keeps_its_size_is_never_replaced() -> None:
    assert not any(after([1000] * 1000))


def test_what_is_loaded_until_it_settles_is_no_growth() -> None:
    assert not any(after([*range(100, 100 * (SETTLED_PACKS + 1), 100), *[100 * SETTLED_PACKS] * 50]))


def test_a_process_is_replaced_when_it_has_grown_by_more_than_the_share() -> None:
    settled = [1000] * SETTLED_PACKS
    assert not any(after([*settled, round(1000 * (1 + GROWTH_SHARE))]))
    assert [True] == after([*settled, round(1000 * (1 + GROWTH_SHARE)) + 1])[SETTLED_PACKS:]


def test_the_limit_is_a_share_of_what_the_container_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrsearch.memory.allowed_bytes", lambda: 4096)
    assert round(4096 * recycling.MEMORY_SHARE) == recycling.limit_bytes()
