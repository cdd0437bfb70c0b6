"""The warm cache: programs of the kinds trained last, so that the next job of a kind skips compiling."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from lrsearch.training.keras.compiled.kind import Kind
from lrsearch.training.keras.compiled.program import Program
from lrsearch.training.keras.environment import release_memory

MOST_PROGRAMS = 32
"""Programs kept; an MLP's takes some 10 MB. Study E, with its eight batch sizes and six optimizers, has 11 kinds."""


class ProgramCache:
    """The programs used last, at most `size` of them; a full cache drops the quarter that was longest unused.

    Args:
        size: most programs.
        release: called after programs were dropped: memory that is given back at once makes others start anew.
    """

    def __init__(self, size: int = MOST_PROGRAMS, release: Callable[[], None] = release_memory) -> None:
        self._size, self._release = size, release
        self._programs: OrderedDict[Kind, Program] = OrderedDict()

    def get(self, kind: Kind, make: Callable[[], Program]) -> tuple[Program, bool]:
        """The program of a kind, made when it is not there; and whether it was there."""
        if kind in self._programs:
            self._programs.move_to_end(kind)
            return self._programs[kind], True
        if len(self._programs) >= self._size:
            for _ in range(max(1, self._size // 4)):
                self._programs.popitem(last=False)
            self._release()
        program = self._programs[kind] = make()
        return program, False

    def __len__(self) -> int:
        return len(self._programs)
