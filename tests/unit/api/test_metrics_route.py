"""GET /metrics."""

from __future__ import annotations

from fastapi.testclient import TestClient


def test_metrics_answers_in_the_text_format_of_prometheus(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert 200 == answer.status_code
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'lrsearch_jobs{state="queued"} 0.0' in answer.text
