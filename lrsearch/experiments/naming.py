"""Names of settings that are whole parts of a document: the kind, and what tells members of a kind apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lrsearch.errors import Problem
from lrsearch.experiments.grid import shown


def distinct_names(documents: Sequence[Mapping[str, Any]], pointer: str) -> tuple[list[str], list[Problem]]:
    """A name for each document, and a problem for each that repeats an earlier one.

    Args:
        documents: each with a `kind`.
        pointer: of their list.

    Example:
        >>> distinct_names([{"kind": "sgd", "momentum": 0.9}, {"kind": "sgd"}, {"kind": "adam"}], "/optimizers")[0]
        ['sgd momentum=0.9', 'sgd', 'adam']
    """
    names: list[str] = []
    found: list[Problem] = []
    for index, document in enumerate(documents):
        if document in documents[:index]:
            message = f"This is the same as {pointer}/{documents.index(document)}."
            found.append(
                Problem(f"{pointer}/{index}", "repeated_value", dict(document), message, "Remove one of them.")
            )
        alike = [other for other in documents if other["kind"] == document["kind"]]
        fields = [name for name in document if any(other.get(name) != document[name] for other in alike)]
        told = [f"{name}={shown(document[name])}" for name in fields if document[name] is not None]
        names.append(" ".join([str(document["kind"]), *told]))
    return names, found
