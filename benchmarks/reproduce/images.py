"""Studies A, B and C on Fashion-MNIST, at a reduced size that this machine can run in minutes."""

from __future__ import annotations

from benchmarks.reproduce.page import Reading, Section
from benchmarks.reproduce.runs import Outcome, Runner

CHANCE = 0.1
"""Accuracy of guessing among ten classes."""
PUBLISHED_B = {
    0.001: (0.0286, 0.9919),
    0.5: (2.3189, 0.1010),
    0.01: (0.0454, 0.9888),
    1e-5: (0.1712, 0.9514),
    1e-7: (2.2724, 0.1625),
}
"""Rate -> test loss and accuracy on MNIST after 25 epochs, as MachineCurve published them."""


def sections(run: Runner) -> list[Section]:
    """A, B, C."""
    return [_a(run), _b(run), *_c(run)]


def _a(run: Runner) -> Section:
    a = run.run("a_find_on_plateau_fashion_mnist")
    tests = [event for event in a.result["controllers"] if event["controller"] == "find_on_plateau"]
    found = [event for event in tests if event["decision"] == "set_rate"]
    losses = a.result["history"]["val_loss"]
    at = tests[0]["epoch"] if tests else 0
    readings = [
        Reading(
            "on a plateau a range test finds a better rate, and training goes on with it",
            f"test after epoch {at + 1}: new rate {found[0]['lr']:.3g}" if found else "no test, or no rate",
            bool(found),
            found[0]["why"] if found else "the controller's decisions: " + str(tests),
        ),
        Reading(
            "the loss falls again afterwards",
            f"validation loss {losses[at]:.3f} at the plateau, {losses[-1]:.3f} at the end",
            losses[-1] < 0.8 * losses[at],
            "the plateau is forced: Adam starts at 1e-7, where nothing is learnt",
        ),
    ]
    reduced = (
        "Fashion-MNIST instead of CIFAR-10, 9,000 training samples, 252 updates of batch 250 instead of 100 epochs."
    )
    return Section("A Range test on a plateau", a, reduced, readings)


def _b(run: Runner) -> Section:
    b = run.run("b_fixed_rates_fashion_mnist")
    readings = [_rate_reading(b, rate, *published) for rate, published in PUBLISHED_B.items()]
    reduced = "Fashion-MNIST instead of MNIST, 60 updates instead of 25 epochs (4,800 updates); figures are not comparable, verdicts are."
    return Section("B Fixed rates", b, reduced, readings)


def _rate_reading(b: Outcome, rate: float, loss: float, accuracy: float) -> Reading:
    ours = b.mean(rate, "test_accuracy")
    has_learnt, should_learn = ours > 2 * CHANCE + 0.1, accuracy > 0.5
    if rate == 1e-5:
        learnt = "slow: behind 0.001"
        agrees = b.mean(rate) > b.mean(0.001)
    elif rate == 0.01:
        learnt = "learns, and is too large: behind 0.001"
        agrees = has_learnt and b.mean(rate) > b.mean(0.001)
    else:
        learnt = "learns" if should_learn else "does not learn"
        agrees = has_learnt == should_learn
    figure = f"test loss {b.figure(rate)}, accuracy {b.figure(rate, 'test_accuracy')}"
    why = f"against 0.001: p = {b.p(rate, 0.001):.2g}" if rate != 0.001 else "the published default and best"
    if not agrees and rate == 0.01:
        why += "; after so few updates a large rate is ahead, the published run has 80 times as many"
    return Reading(f"lr {rate:g}: loss {loss:g}, accuracy {accuracy:g}: {learnt}", figure, agrees, why)


def _c(run: Runner) -> list[Section]:
    test = run.run("c_range_test_fashion_mnist")
    suggestion = test.result["suggestion"]
    low, high = suggestion["min_lr"], suggestion["max_lr"]
    bounds = Reading(
        "the window rule finds bounds between 0.1 and 2",
        "no bounds" if low is None else f"{low:.3g} to {high:.3g}",
        low is not None and 0.1 <= low < high <= 2.0,
        suggestion["why"],
    )
    first = Section("C Range test", test, "Fashion-MNIST instead of MNIST, 80 updates instead of an epoch.", [bounds])
    schedules = _with_bounds(low, high)  # the bounds of the test become those of the restarts, as in the study
    c = run.run("c_warm_restarts_fashion_mnist", **({"schedules": schedules} if schedules else {}))
    restarts, constant = "warm_restarts", "constant"
    p = c.p(restarts, constant)
    reading = Reading(
        "0.85 % test errors with decaying restarts, 1.05 % at the constant default",
        f"{_errors(c, restarts)} against {_errors(c, constant)}",
        c.mean(restarts) > c.mean(constant) if p < 0.05 else None,
        f"p = {p:.2g}" + (": not distinguishable at this size" if p >= 0.05 else ""),
    )
    reduced = "Fashion-MNIST instead of MNIST; three cycles of 24, 36 and 54 updates instead of at most 100 epochs."
    return [first, Section("C Decaying warm restarts", c, reduced, [reading])]


def _with_bounds(low: float | None, high: float | None) -> list[dict[str, object]]:
    if low is None or high is None:
        return []
    restarts = {
        "kind": "warm_restarts",
        "max_lr": high,
        "min_lr": low,
        "cycle_steps": 24,
        "cycle_mult": 1.5,
        "peak_decay": 0.9,
    }
    return [restarts, {"kind": "constant", "lr": 1.0}]


def _errors(outcome: Outcome, name: str) -> str:
    stated = outcome.row(name)["metrics"]["test_accuracy"]
    low, high = stated["interval"]
    return f"{1 - stated['mean']:.1%} [{1 - high:.1%}, {1 - low:.1%}] errors"
