"""The frozen base of every validated document, the number types they share, and readable validation errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from lrsearch.errors import InvalidDocument, Problem

Rate = Annotated[float, Field(gt=0, strict=True)]
"""A learning rate: a finite number above 0."""

NonNegativeRate = Annotated[float, Field(ge=0, strict=True)]
"""A learning rate that may be 0."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
"""A share of a whole, 0 to 1, both included."""

PositiveInt = Annotated[int, Field(ge=1, strict=True)]
"""A whole number of at least 1; `true` and `"3"` are refused."""

Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
"""A seed, 0 <= seed < 2^31."""

T = TypeVar("T")


class Spec(BaseModel):
    """A validated, immutable document; unknown fields, NaN and infinity are refused.

    Members of a registry (schedules, rules, experiments, ...) set `kind: Literal["their_file_name"]`
    and name their sources in `cites`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )

    cites: ClassVar[tuple[str, ...]] = ()


def broken(field: str, rule: str, message: str, action: str) -> PydanticCustomError:
    """The error a `model_validator` raises when fields do not fit together.

    Args:
        field: the field to point at, relative to the spec ("" for the spec itself; "/schedules/0/lr" for a deeper one).
        rule: short machine name of the rule.
        message: what is wrong, with the values received.
        action: what to do next.
    """
    return PydanticCustomError(rule, "{message}", {"field": field, "message": message, "action": action})


def validate(adapter: TypeAdapter[T], document: Any) -> T:
    """Validate a parsed JSON document, or raise `InvalidDocument` with every problem at once."""
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        raise InvalidDocument(problems_of(error, document)) from None


def problems_of(error: ValidationError, document: Any) -> list[Problem]:
    """Translate pydantic's errors about `document` into problems, in its order."""
    return [_problem(details, document) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, document: Any) -> Problem:
    context: Mapping[str, Any] = details.get("ctx", {})
    pointer = _pointer(details["loc"], document, is_missing=details["type"] == "missing")
    field = str(context.get("field", ""))
    return Problem(
        pointer=pointer + (field if field.startswith("/") or not field else f"/{escape(field)}"),
        rule=details["type"],
        value=_value_at(details["input"], field),
        message=str(context.get("message", details["msg"])),
        action=str(context.get("action", "")) or _action(details["type"], context, details["loc"]),
    )


def _value_at(value: Any, field: str) -> Any:
    """The value the problem is about: for a cross-field rule the named field of the spec, else the input itself."""
    if field and not field.startswith("/") and isinstance(value, Mapping):
        return value.get(field)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return value


def _pointer(location: Sequence[str | int], document: Any, *, is_missing: bool) -> str:
    """A JSON pointer into the document; the names of union members, which pydantic mixes in, are left out."""
    parts: list[str] = []
    for index, part in enumerate(location):
        is_last = index == len(location) - 1
        if isinstance(document, Mapping) and (part in document or (is_last and is_missing)):
            document = document.get(part)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        elif isinstance(document, list | tuple) and isinstance(part, int) and part < len(document):  # pyright: ignore[reportUnknownArgumentType]
            document = document[part]  # pyright: ignore[reportUnknownVariableType]
        else:
            continue
        parts.append(escape(str(part)))
    return "".join(f"/{part}" for part in parts)


def escape(part: str) -> str:
    """Escape one part of a JSON pointer (RFC 6901, section 3)."""
    return part.replace("~", "~0").replace("/", "~1")


def _action(rule: str, context: Mapping[str, Any], location: Sequence[str | int]) -> str:
    name = location[-1] if location else "the document"
    match rule:
        case "missing":
            return f"Add the field {name!r}."
        case "extra_forbidden":
            return f"Remove {name!r}, or correct its spelling; GET /v1/catalog lists the fields."
        case "union_tag_invalid":
            return f"Use one of {context.get('expected_tags')}."
        case "union_tag_not_found":
            return 'Add the field "kind"; GET /v1/catalog lists the kinds.'
        case "greater_than":
            return f"Use a number above {context.get('gt')}."
        case "greater_than_equal":
            return f"Use a number of at least {context.get('ge')}."
        case "less_than":
            return f"Use a number below {context.get('lt')}."
        case "less_than_equal":
            return f"Use a number of at most {context.get('le')}."
        case "literal_error" | "enum":
            return f"Use {context.get('expected')}."
        case "finite_number":
            return "Use a finite number."
        case "int_type" | "int_from_float" | "int_parsing":
            return "Use a whole number, without quotes."
        case "float_type" | "float_parsing":
            return "Use a number, without quotes."
        case _:
            return "Correct this field; GET /v1/catalog shows its schema."
