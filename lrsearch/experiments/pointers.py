"""Values in JSON documents by pointer (RFC 6901)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast


def parts_of(pointer: str) -> list[str]:
    """The names a pointer goes through.

    Example:
        >>> parts_of("/optimizer/a~1b")
        ['optimizer', 'a/b']
    """
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def changed(document: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy of the document with the value set; the place itself may be new, all above it must be there.

    Raises:
        KeyError: there is no such place.

    Example:
        >>> changed({"optimizer": {"kind": "sgd"}}, "/optimizer/momentum", 0.9)
        {'optimizer': {'kind': 'sgd', 'momentum': 0.9}}
    """
    result = copy.deepcopy(document)
    *above, last = parts_of(pointer)
    place: Any = result
    for part in above:
        place = place[_key(place, part, may_be_new=False)]
    place[_key(place, last, may_be_new=True)] = value
    return result


def _key(place: Any, part: str, *, may_be_new: bool) -> str | int:
    """What a part of a pointer is in an object or a list."""
    if isinstance(place, dict) and (may_be_new or part in place):
        return part
    if isinstance(place, list) and part.isdecimal() and int(part) < len(cast("list[Any]", place)):
        return int(part)
    raise KeyError(part)


def names_of(pointers: Sequence[str]) -> list[str]:
    """Short names of pointers: the last part, or the whole pointer where that is not unique.

    Example:
        >>> names_of(["/optimizer/momentum", "/batch_size"])
        ['momentum', 'batch_size']
    """
    lasts = [parts_of(pointer)[-1] for pointer in pointers]
    return [last if lasts.count(last) == 1 else pointer for last, pointer in zip(lasts, pointers, strict=True)]
