"""Examples of the OpenAPI document; the tests check each against its schema."""

from __future__ import annotations

from typing import Any, Final

JOB_ID: Final = "5f2c8e0b9d5a4c5e8f6b7a1c2d3e4f50"
BASE: Final = f"/v1/jobs/{JOB_ID}"
NOW: Final = "2026-11-20T09:30:00Z"

DOCUMENT: Final[dict[str, Any]] = {
    "schema": 1,
    "limits": {"wall_seconds": 3600.0},
    "labels": {"team": "vision"},
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "digits_mlp", "params": {}},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "adam"},
    "batch_size": 32,
    "start_lr": 1e-7,
    "end_lr": 10.0,
    "steps": 100,
    "ramp": "exponential",
    "repeats": 3,
    "seed": 0,
    "rule": "consensus",
    "metric": "loss",
    "batches_per_lr": 1,
    "validation_share": 0.2,
    "engine": "auto",
    "per_group": False,
    "others_lr": 0.0,
    "check": True,
}

JOB: Final[dict[str, Any]] = {
    "job_id": JOB_ID,
    "kind": "range_test",
    "status": "queued",
    "progress": {"done": 0, "total": 300, "eta_seconds": None},
    "waiting_because": "worker warming up",
    "attempt": 0,
    "created_at": NOW,
    "started_at": None,
    "finished_at": None,
    "error": None,
    "document": DOCUMENT,
    "links": {
        "self": BASE,
        "events": f"{BASE}/events",
        "cancel": f"{BASE}/cancel",
        "rerun": f"{BASE}/rerun",
        "trials": f"{BASE}/trials",
        "result": f"{BASE}/result",
        "plots": f"{BASE}/plots",
    },
    "labels": {"team": "vision"},
    "cancel_requested": False,
    "rerun_of": None,
    "summary": None,
}

ESTIMATE: Final = {"updates": 300, "trials": 3, "estimated_seconds": 4.5}
PAGE: Final = {"items": [JOB], "next_page_token": None}

TRIAL: Final[dict[str, Any]] = {
    "number": 0,
    "status": "diverged",
    "seed": 0,
    "setting": {},
    "stop_reason": "diverged",
    "stopped_at": 88,
    "metrics": {},
    "facts": {"engine": "keras_fit", "seconds": {"train": 0.41}},
    "links": {"self": f"{BASE}/trials/0", "curve": f"{BASE}/trials/0/curve"},
}
TRIALS: Final = {"items": [TRIAL]}

CURVE: Final[dict[str, Any]] = {
    "trial": 0,
    "seed": 0,
    "lrs": [0.001, 0.1, 10.0],
    "losses": [2.3, 0.9, None],
    "momenta": None,
    "history": {},
    "stopped_at": 2,
    "stop_reason": "non_finite",
}
CURVE_CSV: Final = "step,lr,loss\r\n0,0.001,2.3\r\n1,0.1,0.9\r\n2,10.0,nan\r\n"
TRIALS_CSV: Final = "number,status,seed,stop_reason,stopped_at,setting,metrics\r\n0,diverged,0,diverged,88,{},{}\r\n"

SUGGESTION: Final[dict[str, Any]] = {
    "rule": "consensus",
    "lr": 0.0031,
    "min_lr": 0.0012,
    "max_lr": 0.011,
    "interval": [0.0027, 0.0036],
    "level": 0.88,
    "why": "The loss falls fastest around 3.1e-03.",
}
RULE: Final = SUGGESTION | {"verdict": "suggestion"}

RESULT: Final[dict[str, Any]] = {
    "kind": "range_test",
    "verdict": "suggestion",
    "suggestion": SUGGESTION,
    "rules": [RULE],
    "metric": "loss",
    "check": {"samples": 288, "knowing_nothing": [2.303], "best": [0.871], "holds": True, "why": ""},
    "curves": [
        {
            "trial": 0,
            "seed": 0,
            "lrs": [0.001, 0.1, 10.0],
            "losses": [2.3, 0.9, None],
            "values": [2.3, 0.9, None],
            "smoothed": [2.2, 0.95, 0.95],
            "stopped_at": 2,
            "stop_reason": "non_finite",
        }
    ],
    "holds_for": {
        "model": {"kind": "builtin", "name": "digits_mlp", "params": {}},
        "data": {"kind": "builtin", "name": "digits"},
        "optimizer": {"kind": "adam"},
        "batch_size": 32,
    },
    "code": 'model.compile(optimizer=keras.optimizers.Adam(0.0031), loss="sparse_categorical_crossentropy")',
    "engine": "keras_fit",
    "environment": {"tensorflow": "2.21.0"},
    "seconds": {"train": 1.2},
    "updates": 267,
}

FIGURE: Final[dict[str, Any]] = {
    "data": [{"type": "scatter", "mode": "lines", "name": "smoothed", "x": [0.001, 0.1], "y": [2.2, 0.95]}],
    "layout": {"title": {"text": "Range test"}, "xaxis": {"type": "log"}},
}
PLOTS: Final = {
    "items": [
        {
            "name": "loss_over_lr",
            "title": "Range test: digits_mlp on digits, adam, batch 32",
            "links": {kind: f"{BASE}/plots/loss_over_lr.{kind}" for kind in ("png", "svg", "json")},
        }
    ]
}

WORKERS: Final = {
    "items": [
        {
            "worker_id": "laptop-4711",
            "host": "laptop",
            "pid": 4711,
            "device": "cpu",
            "state": "idle",
            "pack_id": None,
            "started_at": NOW,
            "last_seen_at": NOW,
        }
    ]
}

RULE_HELD: Final[dict[str, Any]] = {
    "rule": "consensus",
    "optimizer": "adam",
    "model": "digits_mlp",
    "answers": 12,
    "without_rate": 1,
    "without_evidence": 3,
    "judged": 8,
    "tasks": 5,
    "held": 0.8,
    "held_interval": [0.376, 0.964],
    "median": 0.011,
    "p90": 0.043,
    "worst": 0.062,
    "worst_job_id": JOB_ID,
}
RULE_INSIGHTS: Final[dict[str, Any]] = {
    "rules": [RULE_HELD | {"optimizer": None, "model": None}],
    "groups": [RULE_HELD],
    "outcomes": 240,
    "held_regret": 0.05,
}

CATALOG: Final[dict[str, Any]] = {
    "job_kinds": [],
    "rules": [
        {
            "name": "steepest",
            "description": "The rate at which the loss falls fastest.",
            "cites": ["Mackenzie"],
            "json_schema": {},
            "defaults": {},
            "facts": {},
        }
    ],
    "schedules": [],
    "controllers": [],
    "samplers": [],
    "pruners": [],
    "optimizers": [],
    "models": [],
    "datasets": [],
    "broken_plugins": [],
}

EVENTS: Final = (
    'event: status\ndata: {"status": "running"}\nid: 2\n\nevent: progress\ndata: {"done": 40, "total": 300}\nid: 3\n\n'
)

ANALYSIS_REQUEST: Final[dict[str, Any]] = {
    "curve": {
        "lrs": [10 ** (-6 + i / 6) for i in range(36)],
        "losses": [2.3] * 12 + [round(2.3 - 0.1 * i, 2) for i in range(18)] + [0.8, 1.2, 2.6, 9.0, 80.0, None],
    },
    "rule": "consensus",
    "optimizer": "adam",
}
ANALYSIS: Final = {"verdict": "suggestion", "suggestion": SUGGESTION, "rules": [RULE], "plot": FIGURE}

LIVE: Final = {"status": "ok", "version": "0.1.0"}
READY: Final = {
    "status": "ready",
    "checks": {"database": True, "migrations": True, "broker": True},
    "workers": {"idle": 1},
}

_PROBLEMS: Final[dict[int, tuple[str, str, dict[str, Any]]]] = {
    400: (
        "broken_json",
        "Bad Request",
        {
            "in": "body",
            "pointer": "",
            "rule": "json_invalid",
            "value": "}",
            "message": "The body is not JSON: Expecting value at line 1, column 9.",
            "action": "Send one valid JSON document.",
        },
    ),
    404: (
        "not_found",
        "Not found",
        {
            "in": "path",
            "pointer": "/job_id",
            "rule": "not_found",
            "value": "nosuchjob",
            "message": "There is no job 'nosuchjob'.",
            "action": "Check the id; GET /v1/jobs lists the jobs.",
        },
    ),
    409: (
        "conflict",
        "The state does not allow it",
        {
            "in": "path",
            "pointer": "/job_id",
            "rule": "conflict",
            "value": JOB_ID,
            "message": "The job has succeeded; there is nothing to cancel.",
            "action": "GET the job to see its state.",
        },
    ),
    413: (
        "too_large",
        "Content Too Large",
        {
            "in": "body",
            "pointer": "",
            "rule": "too_large",
            "value": 1_200_000,
            "message": "The document is larger than 1,000,000 bytes.",
            "action": "Send at most 1,000,000 bytes; LRSEARCH_MAX_DOCUMENT_BYTES raises the limit.",
        },
    ),
    415: (
        "unsupported_media_type",
        "Unsupported Media Type",
        {
            "in": "header",
            "pointer": "/content-type",
            "rule": "unsupported_media_type",
            "value": "text/plain",
            "message": "The content type is text/plain, not application/json.",
            "action": "Set Content-Type: application/json.",
        },
    ),
    422: (
        "invalid_document",
        "The document is not valid",
        {
            "in": "body",
            "pointer": "/end_lr",
            "rule": "greater_than",
            "value": -1,
            "message": "Input should be greater than 0",
            "action": "Use a number above 0.0.",
        },
    ),
}


def problem(status: int) -> dict[str, Any]:
    """A problem document of the given status."""
    if status in _PROBLEMS:
        code, title, entry = _PROBLEMS[status]
        return _document(status, code, title, entry["message"], [entry])
    if status == 503:
        return _document(status, "unavailable", "A server is away", "The database does not answer.", [])
    detail = f"The service failed. Its log has the reason under error {JOB_ID}."
    return _document(status, "internal_error", "Internal error", detail, []) | {"error_id": JOB_ID}


def _document(status: int, code: str, title: str, detail: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": f"urn:lrsearch:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "/v1/jobs",
        "code": code,
        "errors": entries,
    }
