"""Everything bad in a search or a tuning: what the answer says over HTTP, and that nothing was stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lrsearch.db import Database
from tests.unit.api.test_bad_input import refused
from tests.unit.experiments import test_search, test_tune

CASES = [(test_search.BASE, changes, expected) for changes, expected in test_search.BAD] + [
    (test_tune.TUNE, changes, (pointer, rule)) for changes, pointer, rule in test_tune.BAD
]


@pytest.mark.parametrize(("base", "changes", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_a_bad_search_or_tuning_is_refused_and_stores_nothing(
    shared_client: TestClient,
    shared_database: Database,
    base: dict[str, Any],
    changes: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    document = {name: value for name, value in (base | changes).items() if value is not ...}
    status, problem = refused(shared_client, shared_database, json.dumps(document).encode())
    assert 422 == status
    found = {(error["pointer"], error["rule"]): error for error in problem["errors"]}
    assert expected in found
    assert all(error["message"] and error["action"] for error in found.values())
