"""docs/operate.md shows every setting; run this file to write its table anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import annotated_types
from pydantic.fields import FieldInfo

from lrsearch.settings import variables

DOCUMENT = Path(__file__).parents[2] / "docs" / "operate.md"
PLACE = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- end of settings -->)", re.DOTALL)
SIGNS = {annotated_types.Gt: ("gt", ">"), annotated_types.Ge: ("ge", ">="), annotated_types.Le: ("le", "<=")}


def table() -> str:
    lines = ["| variable | default | values | meaning |", "|---|---|---|---|"]
    for name, field in variables().items():
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `{name}` | {default} | {values(field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def values(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    choices = [str(choice) for choice in get_args(annotation) if isinstance(choice, str)]
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = [f"{sign} {getattr(item, name)}" for item in field.metadata for kind, (name, sign) in SIGNS.items() if isinstance(item, kind)]  # fmt: skip
    plain = {int: "whole number", float: "number", str: "text", Path: "path"}
    kind = next((plain[part] for part in (annotation, *get_args(annotation)) if part in plain), "text")
    return " ".join([kind, " and ".join(bounds)]).strip()


def with_table(text: str) -> str:
    return PLACE.sub(lambda found: found[1] + "\n" + table() + "\n" + found[2], text)


def test_the_table_of_settings_is_the_one_the_code_has() -> None:
    text = DOCUMENT.read_text()
    assert with_table(text) == text, "Run `python tests/contract/test_settings_documented.py`."


def test_every_setting_says_what_it_is_for() -> None:
    assert [] == [name for name, field in variables().items() if not field.description]


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
