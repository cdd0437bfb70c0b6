import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter

from lrsearch.curves import DivergenceRule, ramp_rates
from lrsearch.training.keras.compiled import CompiledTrainer, compiled_trainer
from lrsearch.training.keras.compiled.driver import FIRST_CHUNK_STEPS
from lrsearch.training.keras.compiled.pack import Pack
from lrsearch.training.keras.compiled.program import Program
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.trainer import Continue, Probe, SetRates, Stop, StopReason

pytestmark = pytest.mark.tensorflow

STEPS_PER_EPOCH = 3


@pytest.fixture(scope="module")
def trainer():
    return CompiledTrainer(chunk_seconds=60.0, fewest_stacked_updates=0)


def plan(seed=0, rate=0.05, steps=30, **changes):
    """120 irises in batches of 50: epochs of three updates, the last on 20."""
    return Plan(
        model=ModelSpec(name="tabular_mlp", params={"units": [8], "dropout": 0.2}),
        data=DataSpec(name="iris"),
        optimizer=TypeAdapter(AnyOptimizer).validate_python({"kind": "sgd", "momentum": 0.9}),
        batch_size=50,
        rates=np.full(steps, rate),
        seed=seed,
        **changes,
    )


def losses(runs):
    return [run.curve.losses for run in runs]


def test_a_second_job_of_a_kind_compiles_nothing_and_finds_nothing_of_the_first(trainer):
    first, second = (trainer.train([replace(plan(seed), batch_size=40)])[0] for seed in (5, 6))
    (again,) = trainer.train([replace(plan(5), batch_size=40)])
    assert (False, True) == (first.engine_facts["was_warm"], second.engine_facts["was_warm"])
    assert second.seconds["compile"] < first.seconds["compile"] / 100
    np.testing.assert_array_equal(first.curve.losses, again.curve.losses)


def test_members_that_diverge_stop_where_the_rule_says_and_the_others_go_on(trainer):
    ramp = ramp_rates(1e-3, 1e4, 60)
    wild = replace(plan(1, divergence=DivergenceRule()), rates=ramp)
    broken = replace(plan(2), rates=np.full(60, 1e38))
    calm = plan(3, steps=60)
    stacked = trainer.train([wild, broken, calm])
    alone = [trainer.train([each])[0] for each in (wild, broken, calm)]
    expected = [StopReason.DIVERGED, StopReason.NON_FINITE, StopReason.COMPLETED]
    assert expected == [run.stop_reason for run in stacked]
    assert [run.stopped_at for run in alone] == [run.stopped_at for run in stacked]
    assert 3 == stacked[0].engine_facts["stack"]
    np.testing.assert_allclose(alone[2].curve.losses, stacked[2].curve.losses, rtol=2e-5)


def test_members_of_different_length_end_each_at_its_own(trainer):
    short, long = trainer.train([plan(1, steps=7, test=True), plan(2, steps=30, test=True)])
    (alone,) = trainer.train([plan(1, steps=7, test=True)])
    assert (7, 30) == (len(short.curve), len(long.curve))
    assert alone.final["test_loss"] == pytest.approx(short.final["test_loss"], rel=2e-5)


def test_a_stop_of_one_member_changes_no_other(trainer):
    def stop_the_second(index, segment):
        return Stop(StopReason.PRUNED) if index == 1 and segment.first_step >= 9 else Continue()

    plans = [plan(seed) for seed in range(3)]
    whole, stopped = trainer.train(plans), trainer.train(plans, stop_the_second)
    assert (StopReason.PRUNED, 12) == (stopped[1].stop_reason, len(stopped[1].curve))
    for place in (0, 2):
        np.testing.assert_array_equal(whole[place].curve.losses, stopped[place].curve.losses)


@pytest.mark.parametrize("answer", [SetRates, lambda rates: Probe(ramp_rates(1e-6, 1.0, 5), lambda _: rates)])
def test_new_rates_of_one_member_take_effect_at_once_and_change_no_other(trainer, answer):
    """The chunk ran ahead of the observer, over several epochs; it is made again from the change on."""
    changed = np.concatenate([np.full(6, 0.05), np.full(24, 0.001)])

    def change_the_first(index, segment):
        return answer(changed[6:]) if (index, segment.epoch) == (0, 2) else Continue()

    expected = trainer.train([replace(plan(0), rates=changed), plan(1)])
    actual = trainer.train([plan(0), plan(1)], change_the_first)
    np.testing.assert_array_equal(losses(expected), losses(actual))


def test_who_does_not_steer_is_told_of_all_epochs_of_a_chunk_at_once(trainer):
    validated = replace(plan(0), validation=Validation(0.2), metrics=("accuracy",))
    trainer.train([validated])  # from now on its chunks are long
    told, runs = {True: [], False: []}, {}
    for is_steered, segments in told.items():
        (runs[is_steered],) = trainer.train(
            [replace(validated, is_steered=is_steered)],
            lambda index, segment, to=segments: to.append(segment) or Continue(),
        )
    last = told[True][-1]
    assert [*range(1, last.epoch + 1)] == [segment.epoch for segment in told[True]]
    (whole,) = told[False]
    assert (30, last.epoch, last.metrics) == (len(whole.losses), whole.epoch, whole.metrics)
    np.testing.assert_equal(runs[True].history, runs[False].history)
    np.testing.assert_array_equal(losses([runs[True]]), losses([runs[False]]))


def test_a_steered_run_is_not_trained_far_beyond_its_end(trainer, monkeypatch):
    """A pruner that ends nearly all after an epoch must not pay for twenty."""
    trained, run = [], Pack.run

    def counted(self, state, step, rates, *rest):
        trained.append(len(rates))
        return run(self, state, step, rates, *rest)

    monkeypatch.setattr(Pack, "run", counted)
    long = replace(plan(0), rates=np.full(600, 0.05))
    trainer.train([long])
    updates = {}
    for is_steered in (False, True):
        trained.clear()
        trainer.train([replace(long, is_steered=is_steered)], lambda index, segment: Stop(StopReason.PRUNED))
        updates[is_steered] = sum(trained)
    assert updates[True] <= FIRST_CHUNK_STEPS < updates[False]


def test_a_member_of_a_stack_resumes_bit_for_bit_alone_and_together(trainer):
    plans = [replace(plan(seed), validation=Validation(0.2), metrics=("accuracy",), test=True) for seed in range(3)]
    kept = {}

    def keep(index, segment):
        if segment.epoch == 4:
            kept[index] = segment.checkpoint()
        return Continue()

    whole = trainer.train(plans, keep)
    together = trainer.train([replace(each, resume_from=kept[i]) for i, each in enumerate(plans)])
    (alone,) = trainer.train([replace(plans[1], resume_from=kept[1])])
    np.testing.assert_array_equal(losses(whole), losses(together))
    np.testing.assert_array_equal(whole[1].curve.losses, alone.curve.losses)
    assert whole[1].final == alone.final
    assert 3 == alone.engine_facts["stack"]


def test_a_checkpoint_within_a_chunk_that_ran_ahead_is_that_of_its_own_step(trainer):
    kept = []

    def keep(index, segment):
        kept.append(segment.checkpoint())
        return Continue()

    (whole,) = trainer.train([plan()], keep)
    (slow,) = CompiledTrainer(chunk_seconds=0.0, fewest_stacked_updates=0).train([replace(plan(), resume_from=kept[2])])
    assert [3, 6, 9] == [checkpoint.step for checkpoint in kept[:3]]
    np.testing.assert_array_equal(whole.curve.losses, slow.curve.losses)


def test_a_stack_the_device_has_no_memory_for_is_halved(monkeypatch):
    compile_program = Program.compile

    def compile_small(self, state):
        if (self.kind.members or 1) > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
        compile_program(self, state)

    monkeypatch.setattr(Program, "compile", compile_small)
    runs = CompiledTrainer(fewest_stacked_updates=0).train([plan(seed, steps=3) for seed in range(4)])
    assert [2] * 4 == [run.engine_facts["stack"] for run in runs]
    assert "out of memory" in runs[0].engine_facts["stack_why"]


def test_a_plan_it_would_compute_otherwise_is_refused_with_the_next_action(trainer, monkeypatch):
    monkeypatch.setattr(compiled_trainer, "reason_of_plan", lambda plan: "it is special")
    with pytest.raises(ValueError, match=r'it is special\. Set "engine" to "fit"'):
        trainer.train([plan()])


def test_the_facts_name_what_was_chosen_and_why(trainer):
    (run,) = trainer.train([plan(xla=True)])
    facts = run.engine_facts
    assert (True, 1, "cpu") == (facts["xla"], facts["stack"], facts["device"])
    assert all(facts[name] for name in ("xla_why", "stack_why", "intra_op_threads", "versions"))


def test_the_seconds_of_a_stack_are_shared_among_its_members(trainer):
    runs = trainer.train([plan(seed, steps=3) for seed in range(3)])
    assert len({tuple(run.seconds.values()) for run in runs}) == 1
    assert 3 == runs[0].engine_facts["stack"]
    began = time.perf_counter()
    again = trainer.train([plan(seed, steps=3) for seed in range(3)])
    assert sum(sum(run.seconds.values()) for run in again) <= time.perf_counter() - began


@pytest.fixture
def slow_measurements(monkeypatch):
    """A trainer that measures outside of chunks, in parts of 10 samples: 24 and 30 irises in three, each of them long."""
    from lrsearch.training.keras.compiled import feeds, loops, program

    monkeypatch.setattr(program, "MOST_INSIDE", 0)
    monkeypatch.setattr(program, "MEASURE_SECONDS", 0.0)
    for module in (loops, feeds):
        monkeypatch.setattr(module, "MEASURE_BATCH", 10)
    return CompiledTrainer(chunk_seconds=0.0, fewest_stacked_updates=0)


def test_a_long_measurement_reports_and_a_checkpoint_made_within_it_resumes_to_the_same(slow_measurements):
    plans = [plan(seed, steps=7, validation=Validation(0.2), test=True, xla=True) for seed in range(2)]
    kept = []

    def keep(index, segment):
        kept.append((index, segment.epoch, segment.checkpoint()))
        return Continue()

    whole = slow_measurements.train(plans, keep)
    within = [checkpoint for index, epoch, checkpoint in kept if (index, epoch, checkpoint.step) == (0, None, 4)]
    assert 2 <= len(within)  # 96 irises in batches of 50 are two updates an epoch
    for checkpoint in within:
        (resumed,) = slow_measurements.train([replace(plans[0], resume_from=checkpoint)])
        np.testing.assert_array_equal(whole[0].curve.losses, resumed.curve.losses)
        assert whole[0].history["val_loss"].tolist() == resumed.history["val_loss"].tolist()
        assert whole[0].final == resumed.final


def test_a_cancel_within_a_long_measurement_ends_it(slow_measurements):
    seen = []

    def stop(index, segment):
        seen.append(segment.first_step + len(segment.losses))
        return Stop(StopReason.CANCELLED) if seen.count(4) == 2 else Continue()

    (run,) = slow_measurements.train([plan(steps=7, validation=Validation(0.2), test=True)], stop)
    assert (StopReason.CANCELLED, 4, 1) == (run.stop_reason, len(run.curve), len(run.history["val_loss"]))
    assert {} == run.final
