"""The killed worker once more, with Keras itself: the resumed curve equals the undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrsearch import jobs
from tests.servers.service import QUICK, EmbeddedService, range_test

pytestmark = [pytest.mark.service, pytest.mark.tensorflow]
STEPS = 600


def test_a_killed_keras_training_goes_on_and_ends_bit_for_bit_as_if_nothing_had_happened(tmp_path: Path) -> None:
    document = range_test(
        start_lr=1e-4, end_lr=0.1, steps=STEPS, repeats=2, batch_size=32, engine="fit", optimizer={"kind": "adam"}
    )
    with EmbeddedService(tmp_path / "home", **(QUICK | {"LRSEARCH_TRAINER": "keras"})) as service:
        job_id = service.submit(document)
        service.wait_for(job_id, "running")
        # into the second training: the first must not be trained again from its start
        service.until(lambda: service.job(job_id)["progress"]["done"] > 1.2 * STEPS, 120)
        (child,) = service.worker_children()
        child.kill()
        undisturbed = service.submit(document)
        job = service.wait_for(job_id)
        assert ("succeeded", 2) == (job["status"], job["attempt"])
        assert "succeeded" == service.wait_for(undisturbed)["status"]
        pairs = zip(jobs.trials(service.db, job_id), jobs.trials(service.db, undisturbed), strict=True)
        for resumed, whole in pairs:
            assert STEPS == len(whole.arrays["losses"])
            assert resumed.arrays["losses"].tolist() == whole.arrays["losses"].tolist()
