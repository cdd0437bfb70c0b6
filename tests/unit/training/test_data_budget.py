from pathlib import Path

import numpy as np
import pytest

from lrsearch import memory
from lrsearch.errors import DataUnavailable
from lrsearch.settings import Settings
from lrsearch.training.data_budget import budget_bytes, choose_route
from lrsearch.training.scratch import ScratchArray, on_disk, taken


@pytest.mark.parametrize(("size", "is_streamed"), [(1_000, False), (1_001, True)])
def test_data_is_streamed_from_the_first_byte_beyond_the_budget(size, is_streamed):
    assert is_streamed == choose_route(size, 1_000).is_streamed


def test_a_result_says_how_the_data_came_and_why():
    assert {
        "data": "streamed",
        "data_why": "its 2.5 GB are more than the budget of 800 MB",
    } == choose_route(2_500_000_000, 800_000_000).facts()


def test_windows_are_a_quarter_of_the_budget_up_to_a_bound_and_never_nothing():
    assert [1, 250, 2**26] == [choose_route(10**12, budget).window_bytes for budget in (1, 1_000, 10**11)]


def test_the_budget_is_the_one_set_else_a_share_of_memory_and_of_the_gpu(monkeypatch):
    monkeypatch.setattr(memory, "allowed_bytes", lambda: 8_000_000_000)
    assert 7 == budget_bytes(Settings(data_budget_bytes=7), device_bytes=4)
    assert 1_000_000_000 == budget_bytes(Settings())
    assert 500_000_000 == budget_bytes(Settings(), device_bytes=2_000_000_000)


def group(folder: Path, limit: str, used: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")


def test_the_limit_of_a_container_counts_for_what_may_be_used(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    machine = memory.allowed_bytes()
    group(tmp_path, "max", 5)
    assert machine == memory.allowed_bytes()
    group(tmp_path, "1000000", 400_000)
    assert (1_000_000, 600_000) == (memory.allowed_bytes(), memory.free_bytes())


def test_the_first_version_of_control_groups_is_understood(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("2000000")
    (tmp_path / "memory/memory.usage_in_bytes").write_text("2500000")
    assert (2_000_000, 0) == (memory.allowed_bytes(), memory.free_bytes())


def test_an_array_on_disk_is_the_same_has_no_name_and_is_not_moved_twice(tmp_path):
    array = np.random.default_rng(0).random((1_000, 3, 2), dtype=np.float32)
    mapped = on_disk(array, tmp_path / "scratch")
    np.testing.assert_array_equal(array, mapped)
    assert array.dtype == mapped.dtype
    assert [] == list((tmp_path / "scratch").iterdir())
    assert on_disk(mapped, tmp_path / "elsewhere") is mapped


def test_rows_are_taken_in_their_order_whether_mapped_or_not(tmp_path):
    array = np.random.default_rng(0).random((1_000, 5), dtype=np.float32)
    rows = np.random.default_rng(1).integers(0, 1_000, 300)
    for source in (array, on_disk(array, tmp_path)):
        out = np.empty((300, 5), np.float32)
        taken(source, rows, out)
        np.testing.assert_array_equal(array[rows], out)


def test_blocks_are_put_together_in_their_order(tmp_path):
    scratch = ScratchArray(tmp_path)
    for first in (0, 4):
        scratch.add(np.arange(first, first + 4, dtype=np.int32))
    assert list(range(8)) == scratch.mapped().tolist()


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataUnavailable, match=r"file.* cannot be written.*LRSEARCH_DATA_BUDGET_BYTES"):
        ScratchArray(tmp_path / "file")


def test_a_full_disk_is_told_with_the_remedy(tmp_path):
    scratch = ScratchArray(tmp_path)
    scratch._file.close()
    scratch._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    with pytest.raises(DataUnavailable, match="No space left"):
        scratch.add(np.zeros(10))
    scratch._file.close()
