"""The warm cache: programs of the kinds trained last, so that the next job of a kind skips compiling."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from lrsearch.training.keras.compiled.program import Kind, Program

MOST_PROGRAMS = 32
"""Programs kept; an MLP's takes some 10 MB. Study E, with its eight batch sizes and six optimizers, has 21 kinds."""


class ProgramCache:
    """The programs used last, at most `size` of them; the longest unused one goes first."""

    def __init__(self, size: int = MOST_PROGRAMS) -> None:
        self._size = size
        self._programs: OrderedDict[Kind, Program] = OrderedDict()

    def get(self, kind: Kind, make: Callable[[], Program]) -> tuple[Program, bool]:
        """The program of a kind, made when it is not there; and whether it was there."""
        if kind in self._programs:
            self._programs.move_to_end(kind)
            return self._programs[kind], True
        while len(self._programs) >= self._size:
            self._programs.popitem(last=False)
        program = self._programs[kind] = make()
        return program, False

    def __len__(self) -> int:
        return len(self._programs)
