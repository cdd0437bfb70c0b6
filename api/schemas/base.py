"""The base of the read models. Non-finite numbers are null in JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

AnyJson: TypeAdapter[Any] = TypeAdapter(Any, config=ConfigDict(ser_json_inf_nan="null"))
"""Writes stored JSON; NaN and infinities are null."""


class Read(BaseModel):
    """Base of the read models; docstrings of the fields become their descriptions."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)
