"""Columns of numbers as CSV and Parquet; non-finite numbers stay `nan` and `inf` there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from fastapi import Request, Response

Format = Literal["json", "csv", "parquet"]
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def wanted_format(request: Request, asked: Format | None) -> Format:
    """The format of the query, else CSV where the Accept header prefers it, else JSON."""
    if asked is not None:
        return asked
    return "csv" if request.headers.get("accept", "").strip().lower().startswith("text/csv") else "json"


def response(columns: Mapping[str, Sequence[Any]], format_: Literal["csv", "parquet"], name: str) -> Response:
    """The columns as a file called `name`."""
    content = as_csv(columns) if format_ == "csv" else as_parquet(columns)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format_}"', "Vary": "Accept"}
    return Response(content, media_type=MEDIA_TYPES[format_], headers=headers)


def as_csv(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """A header line and one line a row; numbers with all their digits.

    Example:
        >>> as_csv({"step": [0, 1], "loss": [0.5, float("nan")]}).decode().split()
        ['step,loss', '0,0.5', '1,nan']
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*(map(_cell, values) for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return repr(float(value))
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def as_parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """One row group; mappings and lists become JSON text."""
    import pyarrow  # 60 MB of memory, so only when somebody asks for Parquet
    import pyarrow.parquet

    plain = {
        name: [json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value for value in values]
        for name, values in columns.items()
    }
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(plain), file)
    return file.getvalue()
