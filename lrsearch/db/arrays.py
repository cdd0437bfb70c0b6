"""Named float64 arrays as one compressed blob: one a trial, no pickle, NaN and infinity kept bit for bit."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAGIC: Final = b"LRA1"
"""First bytes of every blob: the format and its version."""

_LEVEL: Final = 1
# zlib's fastest level: losses are noise in their low bits, higher levels cost time and save next to nothing.


def pack_arrays(arrays: Mapping[str, NDArray[np.float64]]) -> bytes:
    """Write one-dimensional float64 arrays into a blob.

    Layout: `LRA1`, the header's length (uint32, little endian), the header (JSON list of [name, length]), then the
    zlib-compressed little-endian float64 values, one array after the other.

    Raises:
        ValueError: an array is not one-dimensional.

    Example:
        >>> unpack_arrays(pack_arrays({"losses": np.array([1.0, np.nan])}))["losses"].tolist()
        [1.0, nan]
    """
    columns = {name: np.ascontiguousarray(values, dtype="<f8") for name, values in arrays.items()}
    for name, values in columns.items():
        if values.ndim != 1:
            raise ValueError(f"Array {name!r} must be one-dimensional, not of shape {values.shape}.")
    header = json.dumps([[name, len(values)] for name, values in columns.items()]).encode()
    body = zlib.compress(b"".join(values.tobytes() for values in columns.values()), _LEVEL)
    return MAGIC + struct.pack("<I", len(header)) + header + body


def unpack_arrays(blob: bytes) -> dict[str, NDArray[np.float64]]:
    """Read a blob of `pack_arrays`; the arrays are new and writable.

    Raises:
        ValueError: the blob is not one of `pack_arrays`, or damaged.
    """
    if blob[:4] != MAGIC:
        raise ValueError(f"A curve blob starts with {MAGIC!r}, this one with {blob[:4]!r}.")
    try:
        (size,) = struct.unpack_from("<I", blob, 4)
        header: list[tuple[str, int]] = json.loads(blob[8 : 8 + size])
        values = np.frombuffer(zlib.decompress(blob[8 + size :]), dtype="<f8")
    except (struct.error, zlib.error, ValueError) as error:
        raise ValueError(f"The curve blob is damaged: {error}") from error
    if sum(length for _, length in header) != len(values):
        raise ValueError(f"The curve blob is damaged: {len(values)} values do not fill the arrays {header}.")
    ends = np.cumsum([length for _, length in header])
    return {
        name: values[end - length : end].astype(np.float64)
        for (name, length), end in zip(header, ends.tolist(), strict=True)
    }
