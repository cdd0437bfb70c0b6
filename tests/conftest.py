"""What makes every test the same on every machine, in every order; and the databases that tests ask for."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from hypothesis import settings

from tests.servers.postgres import database_url, postgres, postgres_url, sqlite_template, sqlite_url

__all__ = ["database_url", "postgres", "postgres_url", "sqlite_template", "sqlite_url"]

settings.register_profile("same every time", derandomize=True, database=None, deadline=None)
settings.register_profile("new every time", database=None, deadline=None, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """`make test` tries the same examples everywhere; `make test-long` looks for new ones."""
    settings.load_profile("new every time" if config.option.markexpr == "long" else "same every time")


def pytest_collection_finish(session: pytest.Session) -> None:
    """TensorFlow takes seconds to import, in each process: the fast tests do without."""
    if "not tensorflow" in session.config.option.markexpr and "tensorflow" in sys.modules:
        raise pytest.UsageError("A test file imports TensorFlow while tests are collected: import it in the test.")


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Keras draws the seeds of weights without a seed from Python's generator, so these are the same every time too."""
    random.seed(0)
    np.random.seed(0)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(0)
