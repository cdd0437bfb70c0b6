"""The frozen base of every validated document, the number types they share, and readable validation errors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, LiteralString, TypeVar

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


def broken(field: str, rule: LiteralString, message: str, action: str) -> PydanticCustomError:
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
    # a wrong tag is the discriminator's fault, so that field is named; pydantic points at the object around it
    field = str(context.get("field", context.get("discriminator", ""))).strip("'")
    return Problem(
        pointer=pointer + (field if field.startswith("/") or not field else f"/{escape(field)}"),
        rule=details["type"],
        value=None if details["type"] == "missing" else _value_at(details["input"], field),
        message=str(context.get("message", MESSAGES.get(details["type"], details["msg"]))),
        action=str(context.get("action", "")) or action_for(details["type"], context, details["loc"]),
    )


def _value_at(value: Any, field: str) -> Any:
    """The value the problem is about: for a cross-field rule the named field of the spec, else the input itself.

    A field that was left out has its default, which the message names; its value is None then.
    """
    found: Any = value
    for part in field.lstrip("/").split("/") if field else ():
        try:
            found = found[int(part) if isinstance(found, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return found


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


MESSAGES: Final[Mapping[str, str]] = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
    "model_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "dict_type": "This must be an object.",
    "union_tag_invalid": "There is no such kind.",
    "union_tag_not_found": "This field is missing; it says what the object is.",
}
"""What is wrong, where pydantic's own words speak of Python."""

ACTIONS: Final[Mapping[str, str]] = {
    "missing": "Add the field {name!r}.",
    "extra_forbidden": "Remove {name!r}, or correct its spelling; GET /v1/catalog lists the fields.",
    "union_tag_invalid": "{guess}Use one of {expected_tags}.",
    "union_tag_not_found": "Add the field {discriminator}; GET /v1/catalog lists its values.",
    "model_type": "Send an object, {{...}}.",
    "model_attributes_type": "Send an object, {{...}}.",
    "dict_type": "Send an object, {{...}}.",
    "list_type": "Send a list, [...].",
    "string_type": "Use text, in quotes.",
    "bool_type": "Use true or false, without quotes.",
    "bool_parsing": "Use true or false.",
    "literal_error": "Use {expected}.",
    "enum": "Use {expected}.",
    "greater_than": "Use a number above {gt}.",
    "greater_than_equal": "Use a number of at least {ge}.",
    "less_than": "Use a number below {lt}.",
    "less_than_equal": "Use a number of at most {le}.",
    "finite_number": "Use a finite number.",
    "int_type": "Use a whole number, without quotes.",
    "int_from_float": "Use a whole number, without quotes.",
    "int_parsing": "Use a whole number.",
    "float_type": "Use a number, without quotes.",
    "float_parsing": "Use a number.",
    "too_short": "Give at least {min_length} items.",
    "too_long": "Give at most {max_length} items.",
    "string_too_short": "Use at least {min_length} characters.",
    "string_too_long": "Use at most {max_length} characters.",
    "timezone_aware": "Add the time zone, for example 2026-01-31T12:00:00Z.",
}
"""Next action for each rule of pydantic; the placeholders are the field's name and what the rule says of itself."""

FALLBACK_ACTION: Final = "Correct this field; GET /v1/catalog shows its schema."


def action_for(rule: str, context: Mapping[str, Any], location: Sequence[str | int]) -> str:
    """One sentence that says how to satisfy the broken rule.

    Args:
        rule: pydantic's name of the rule.
        context: what the rule says of itself, for example `{"gt": 0}`.
        location: where the field is; its last part is the name that is shown.
    """
    name = location[-1] if location else "the document"
    guess = did_you_mean(str(context.get("tag", "")), re.findall(r"'([^']*)'", str(context.get("expected_tags", ""))))
    try:
        return ACTIONS.get(rule, FALLBACK_ACTION).format_map({"name": name, "guess": guess, **context})
    except KeyError:
        return FALLBACK_ACTION


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the known name that is most like `name`, and a space; empty when none is like it.

    Example:
        >>> did_you_mean("adamm", ["sgd", "adam"])
        "Did you mean 'adam'? "
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""
