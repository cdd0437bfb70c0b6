"""Request bodies: read under a limit, parsed strictly, with a pointer to everything that JSON should not carry."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import TypeAdapter

from api.errors import Refused
from lrsearch import spec
from lrsearch.errors import InvalidDocument, Problem

T = TypeVar("T")

MAX_DEPTH: Final = 64
"""Deepest nesting of a document; the deepest job document needs less than 20."""
DRAIN_BYTES: Final = 16_000_000
"""How much of a body that is too large is read and thrown away, so that the client hears the answer."""
ACCEPTED: Final = {"Accept": "application/json", "Accept-Post": "application/json"}


async def read(request: Request, limit: int) -> bytes:
    """The body of a JSON request.

    Raises:
        Refused: 415 when it does not say it is JSON, 413 beyond `limit` bytes.
    """
    _require_json(request)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > limit + DRAIN_BYTES:
            break
    if size > limit:
        message = f"The document is larger than {limit:,} bytes."
        action = f"Send at most {limit:,} bytes; LRSEARCH_MAX_DOCUMENT_BYTES raises the limit."
        raise Refused(413, "too_large", Problem("", "too_large", size, message, action))
    return b"".join(chunks)


def _require_json(request: Request) -> None:
    sent = request.headers.get("content-type", "")
    kind = sent.split(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return
    message = f"The content type is {sent or 'missing'}, not application/json."
    problem = Problem("/content-type", "unsupported_media_type", sent, message, "Set Content-Type: application/json.")
    raise Refused(415, "unsupported_media_type", problem, place="header", headers=ACCEPTED)


def validated(adapter: TypeAdapter[T], body: bytes) -> T:
    """The validated document, or every problem of it together.

    Raises:
        Refused: 400 when it is not JSON.
        InvalidDocument: when it is, but not what the adapter asks for.
    """
    parsed = parse(body)
    if not parsed.problems:
        return spec.validate(adapter, parsed.value)
    raise InvalidDocument(_all_problems(adapter, parsed))


def _all_problems(adapter: TypeAdapter[T], parsed: Parsed) -> list[Problem]:
    """What is wrong with the JSON, then what is wrong with the fields that it does not name already."""
    try:
        spec.validate(adapter, parsed.value)
    except InvalidDocument as error:
        named = {problem.pointer for problem in parsed.problems}
        return parsed.problems + [problem for problem in error.problems if problem.pointer not in named]
    return parsed.problems


@dataclass(slots=True)
class Parsed:
    """A JSON value with what is wrong in it; text that cannot be stored is replaced in `value`."""

    value: Any = None
    problems: list[Problem] = field(default_factory=list[Problem])


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its names came twice."""

    repeated: tuple[str, ...] = ()


def parse(body: bytes) -> Parsed:
    """Parse JSON by RFC 8259, stricter than Python's reader: no NaN, no repeated names, no broken text.

    Raises:
        Refused: 400 with line and column when it is not JSON at all.
    """
    text = _decoded(body)
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        message = f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise _broken_json("json_invalid", text[error.pos : error.pos + 20], message) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # an integer of more than 4,300 digits, which Python refuses to read
        message = "The body holds a whole number of more than 4,300 digits."
        raise _broken_json("number_too_long", None, message) from None
    parsed = Parsed()
    parsed.value = _cleaned(value, "", 0, parsed.problems)
    return parsed


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}."
        raise _broken_json("not_utf8", f"0x{body[error.start]:02x}", message) from None


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    value = _Object(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        value.repeated = tuple(dict.fromkeys(name for name, _ in pairs if name in seen or seen.add(name)))
    return value


def _cleaned(value: Any, pointer: str, depth: int, problems: list[Problem]) -> Any:
    """A copy that can be validated and stored; what had to be changed is added to `problems`."""
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, _Object):
        problems += (_repeated(pointer, name, value[name]) for name in value.repeated)
        return {
            _clean_text(name, pointer, problems): _cleaned(item, f"{pointer}/{spec.escape(name)}", depth + 1, problems)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(item, f"{pointer}/{index}", depth + 1, problems) for index, item in enumerate(value)]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(_not_finite(pointer, value))
    return _clean_text(value, pointer, problems) if isinstance(value, str) else value


def _clean_text(text: str, pointer: str, problems: list[Problem]) -> str:
    rule = next(iter(_text_faults(text)), None)
    if rule is None:
        return text
    message = "The text holds " + {"lone_surrogate": "half of a surrogate pair", "nul": "a NUL character"}[rule] + "."
    problems.append(Problem(pointer, rule, text, message, "Remove the character."))
    return text.encode("utf-8", "replace").decode().replace("\x00", "?")


def _text_faults(text: str) -> Iterator[str]:
    """What no database stores: NUL (PostgreSQL refuses it) and halves of surrogate pairs (not Unicode text)."""
    if "\x00" in text:
        yield "nul"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield "lone_surrogate"


def _repeated(pointer: str, name: str, value: Any) -> Problem:
    message = f"The field {name!r} comes more than once in the same object."
    return Problem(f"{pointer}/{spec.escape(name)}", "repeated_field", value, message, "Keep one of them.")


def _not_finite(pointer: str, value: float) -> Problem:
    message = "JSON has no NaN and no infinity, and a number beyond 1.8e308 is one."
    return Problem(pointer, "finite_number", value, message, "Use a finite number.")


def _too_deep() -> Refused:
    message = f"The document nests deeper than {MAX_DEPTH} levels."
    return _broken_json("too_deep", None, message, "Nest less deeply.")


def _broken_json(rule: str, value: Any, message: str, action: str = "Send one valid JSON document.") -> Refused:
    return Refused(400, "broken_json", Problem("", rule, value, message, action))


def canonical(document: Mapping[str, Any]) -> bytes:
    """The same bytes for the same document, however its fields were ordered and spaced."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
