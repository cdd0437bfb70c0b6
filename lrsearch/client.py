"""A client of the service: talks HTTP only, so it needs neither the database nor TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Literal, Self

import httpx2

from lrsearch.errors import LrsearchError, Problem, Unavailable

Job = dict[str, Any]
FINAL: Final = frozenset({"succeeded", "failed", "cancelled"})
LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
POLL_SECONDS: Final = 0.25
"""How often `wait` asks; the answer is 304 without a body while nothing changed."""


class ServiceError(LrsearchError):
    """The service refused a request; the message says what it said.

    Attributes:
        status: HTTP status.
        problems: everything that was wrong, as the service listed it.
        document: the whole problem document.
    """

    code = "service_error"

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status, self.document = status, dict(document)
        self.problems = [_problem(entry) for entry in document.get("errors", ())]
        lines = [f"{problem.pointer or '/'}: {problem.message} {problem.action}" for problem in self.problems]
        detail = str(document.get("detail", "no reason given"))
        super().__init__(f"The service answered {status}. " + ("; ".join(lines) or detail))


def _problem(entry: Mapping[str, Any]) -> Problem:
    return Problem(entry["pointer"], entry["rule"], entry["value"], entry["message"], entry["action"])


class Client:
    """Submit, follow and read jobs.

    Args:
        base_url: where the service is.
        timeout_seconds: > 0; how long one request may take.
        http: a client to use instead, for example one that speaks to the application directly.

    Every method raises `ServiceError` when the service refuses, and `Unavailable` when it cannot be reached.

    Example:
        with Client("http://127.0.0.1:8000") as client:
            job = client.submit(document, wait=True)
            print(client.result(job["job_id"])["suggestion"])
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        timeout_seconds: float = 30.0,
        http: httpx2.Client | None = None,
    ) -> None:
        # a proxy of the environment knows no way to a service on this machine
        is_local = httpx2.URL(base_url).host in LOCAL
        self._http = http or httpx2.Client(base_url=base_url, timeout=timeout_seconds, trust_env=not is_local)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, document: Mapping[str, Any], *, wait: bool = False, idempotency_key: str | None = None) -> Job:
        """Submit a job document; with `wait`, come back when the job has finished."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        job = self._request("POST", "/v1/jobs", json=dict(document), headers=headers).json()
        return self.wait(job["job_id"]) if wait else job

    def estimate(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Check a document and say what its job will cost; nothing is stored."""
        return self._request("POST", "/v1/jobs", json=dict(document), params={"validate_only": "true"}).json()

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return self._request("GET", f"/v1/jobs/{job_id}").json()

    def jobs(self, **filters: str | int) -> list[Job]:
        """One page of jobs, newest first; filters as in `GET /v1/jobs`: kind, status, label, limit, page_token, ..."""
        return self._request("GET", "/v1/jobs", params=filters).json()["items"]

    def wait(
        self,
        job_id: str,
        on_progress: Callable[[Job], None] = lambda job: None,
        *,
        timeout_seconds: float | None = None,
    ) -> Job:
        """Wait for the end of a job, however it ends.

        Args:
            job_id: the job.
            on_progress: told the job each time it changed.
            timeout_seconds: how long to wait at most; None: for ever.

        Raises:
            TimeoutError: the job did not finish in time.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        tag = ""
        while True:
            response = self._request("GET", f"/v1/jobs/{job_id}", headers={"If-None-Match": tag} if tag else {})
            if response.status_code != httpx2.codes.NOT_MODIFIED:
                tag, job = response.headers["ETag"], response.json()
                on_progress(job)
                if job["status"] in FINAL:
                    return job
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"Job {job_id} did not finish within {timeout_seconds} seconds; it goes on.")
            time.sleep(POLL_SECONDS)

    def result(self, job_id: str) -> dict[str, Any]:
        """The result of a finished job."""
        return self._request("GET", f"/v1/jobs/{job_id}/result").json()

    def trials(self, job_id: str) -> list[dict[str, Any]]:
        """The finished trials of a job."""
        return self._request("GET", f"/v1/jobs/{job_id}/trials").json()["items"]

    def curve(self, job_id: str, number: int) -> dict[str, Any]:
        """Rates and batch losses of a trial by update, and its metrics by epoch (None where one was not finite)."""
        path = f"/v1/jobs/{job_id}/trials/{number}/curve"
        curve = self._request("GET", path).json()
        if None in curve["losses"]:  # JSON cannot tell infinity from NaN; CSV can
            rows = self._request("GET", path, params={"format": "csv"}).text.splitlines()
            curve["losses"] = [float(row.rpartition(",")[2]) for row in rows[1:]]
        return curve

    def plots(self, job_id: str) -> list[dict[str, Any]]:
        """Names, titles and links of a job's figures."""
        return self._request("GET", f"/v1/jobs/{job_id}/plots").json()["items"]

    def plot(self, job_id: str, name: str, format: Literal["png", "svg", "json"] = "png") -> bytes:  # noqa: A002 - the word of the URL
        """A figure as a file."""
        return self._request("GET", f"/v1/jobs/{job_id}/plots/{name}.{format}").content

    def rule_insights(self, **filters: str) -> dict[str, Any]:
        """Which suggestion rule held; filters as in `GET /v1/insights/rules`: model, data, optimizer, rule, metric, trained."""
        return self._request("GET", "/v1/insights/rules", params=filters).json()

    def cancel(self, job_id: str) -> Job:
        """Stop a job; what it measured so far is kept."""
        return self._request("POST", f"/v1/jobs/{job_id}/cancel").json()

    def rerun(self, job_id: str) -> Job:
        """Submit the document of a job again, as a new job."""
        return self._request("POST", f"/v1/jobs/{job_id}/rerun").json()

    def delete(self, job_id: str) -> None:
        """Delete a finished job with its curves."""
        self._request("DELETE", f"/v1/jobs/{job_id}")

    def _request(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx2.TransportError as error:
            raise Unavailable(
                f"The service at {self._http.base_url} does not answer ({type(error).__name__}); "
                "start it with `lrsearch up`, or correct the address."
            ) from error
        if response.status_code >= httpx2.codes.BAD_REQUEST:
            raise ServiceError(response.status_code, _problem_document(response))
        return response


def _problem_document(response: httpx2.Response) -> Mapping[str, Any]:
    """What the service said; a proxy in between may say it otherwise."""
    try:
        document = response.json()
    except ValueError:
        return {"detail": response.text[:200]}
    return document if isinstance(document, Mapping) else {"detail": str(document)[:200]}
