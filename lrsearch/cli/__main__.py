"""`python -m lrsearch.cli`, as the supervisor starts the API."""

from __future__ import annotations

from lrsearch.cli import main

main()
