"""The table of optimizers: one row each, with Keras' defaults and what a document may set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Hyperparameter(NamedTuple):
    """What a document may set: the default of Keras 3.15 and the bounds, both included.

    A `default` of None means off. Whole numbers are recognised by their bounds, switches by their default.
    """

    default: float | bool | None
    least: float | None = None
    greatest: float | None = None

    @property
    def is_switch(self) -> bool:
        """Whether it is true or false."""
        return isinstance(self.default, bool)

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number."""
        return isinstance(self.least, int) and not self.is_switch


@dataclass(frozen=True, slots=True)
class OptimizerRow:
    """An optimizer of Keras.

    Attributes:
        name: what documents call it.
        keras_class: name of the class in `keras.optimizers`.
        default_lr: Keras' default rate; `paper_lr` the paper's, where it differs.
        hyperparameters: name -> (default, least, greatest) of each one a document may set.
        cites: its source.
        fixed: arguments of the Keras class that a document may not set and that differ from Keras' defaults.
        ramp: first and last rate of a range test that names none; docs/advice.md has the evidence.
        may_stack: proved equal to runs of `model.fit` when stacked, by tests/contract/test_engines_equal.py.
        momentum_name: the hyperparameter that is its momentum and may change from update to update; None: it has none.
        momentum_why: why it has none.
        momentum_is_factor: its momentum is a factor in the update and nothing else, so that as an input of a compiled
            update it gives the bits it gives as a part of it.
        takes_groups: whether a factor on its rate is a factor on its update, so that layer groups can be had.
    """

    name: str
    keras_class: str
    default_lr: float
    hyperparameters: dict[str, Hyperparameter]
    cites: str
    paper_lr: float | None = None
    fixed: dict[str, float | bool] | None = None
    may_stack: bool = False
    ramp: tuple[float, float] = (1e-7, 10.0)
    momentum_name: str | None = None
    momentum_why: str = "it keeps no average of gradients"
    momentum_is_factor: bool = False
    takes_groups: bool = True


BELOW_ONE = 0.999999
"""Greatest decay of a moving average: 1 divides by zero in a bias correction, and float32 rounds closer ones to 1."""
LEAST_EPSILON = 1e-30
"""Least addend of a denominator: at 0 a gradient of zero gives 0/0."""

COMMON: dict[str, Hyperparameter] = {
    "weight_decay": Hyperparameter(None, 0.0),
    "clipnorm": Hyperparameter(None, 1e-12),
    "clipvalue": Hyperparameter(None, 1e-12),
    "global_clipnorm": Hyperparameter(None, 1e-12),
    "use_ema": Hyperparameter(False),
    "ema_momentum": Hyperparameter(0.99, 0.0, 1.0),
    "ema_overwrite_frequency": Hyperparameter(None, 1),
    "loss_scale_factor": Hyperparameter(None, 1e-12),
}
"""What every optimizer of Keras takes; gradient accumulation is not among them, since a step is one update here."""


def _decay(default: float) -> Hyperparameter:
    return Hyperparameter(default, 0.0, BELOW_ONE)


def _epsilon(default: float) -> Hyperparameter:
    return Hyperparameter(default, LEAST_EPSILON, 1.0)


def _adam_family(**further: Hyperparameter) -> dict[str, Hyperparameter]:
    """The moments and the epsilon that Adam and its relatives share, then `further`."""
    return {"beta_1": _decay(0.9), "beta_2": _decay(0.999), "epsilon": _epsilon(1e-7)} | COMMON | further


_AMSGRAD = Hyperparameter(False)
_ROWS = (
    OptimizerRow(
        "sgd",
        "SGD",
        0.01,
        {"momentum": Hyperparameter(0.0, 0.0, 1.0), "nesterov": Hyperparameter(False)} | COMMON,
        "Sutskever et al. 2013, On the importance of initialization and momentum in deep learning, ICML",
        may_stack=True,
        momentum_name="momentum",
        momentum_is_factor=True,
    ),
    OptimizerRow(
        "adam",
        "Adam",
        0.001,
        _adam_family(amsgrad=_AMSGRAD),
        "Kingma and Ba 2015, Adam, arXiv:1412.6980; amsgrad: Reddi et al. 2018",
        may_stack=True,
        momentum_name="beta_1",
    ),
    OptimizerRow(
        "adamw",
        "AdamW",
        0.001,
        _adam_family(amsgrad=_AMSGRAD, weight_decay=Hyperparameter(0.004, 0.0)),
        "Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization, arXiv:1711.05101",
        may_stack=True,
        momentum_name="beta_1",
    ),
    OptimizerRow(
        "adamax",
        "Adamax",
        0.001,
        _adam_family(),
        "Kingma and Ba 2015, Adam, section 7.1, arXiv:1412.6980",
        paper_lr=0.002,
        may_stack=True,
        momentum_name="beta_1",
    ),
    OptimizerRow(
        "nadam",
        "Nadam",
        0.001,
        _adam_family(),
        "Dozat 2016, Incorporating Nesterov Momentum into Adam, ICLR workshop",
        paper_lr=0.002,
        may_stack=True,
        momentum_name="beta_1",
    ),
    OptimizerRow(
        "adagrad",
        "Adagrad",
        0.001,
        {"initial_accumulator_value": Hyperparameter(0.1, 0.0), "epsilon": _epsilon(1e-7)} | COMMON,
        "Duchi et al. 2011, Adaptive Subgradient Methods, JMLR 12",
        may_stack=True,
    ),
    OptimizerRow(
        "adadelta",
        "Adadelta",
        0.001,
        {"rho": _decay(0.95), "epsilon": _epsilon(1e-7)} | COMMON,
        "Zeiler 2012, ADADELTA, arXiv:1212.5701",
        paper_lr=1.0,
        may_stack=True,
        ramp=(1e-5, 1e3),
    ),
    OptimizerRow(
        "rmsprop",
        "RMSprop",
        0.001,
        {
            "rho": _decay(0.9),
            "momentum": Hyperparameter(0.0, 0.0, 1.0),
            "epsilon": _epsilon(1e-7),
            "centered": Hyperparameter(False),
        }
        | COMMON,
        "Tieleman and Hinton 2012, Lecture 6.5, Neural Networks for Machine Learning",
        may_stack=True,
        momentum_name="momentum",
        momentum_is_factor=True,
    ),
    OptimizerRow(
        "lion",
        "Lion",
        0.001,
        {"beta_1": Hyperparameter(0.9, 1e-6, BELOW_ONE), "beta_2": _decay(0.99)} | COMMON,
        "Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, arXiv:2302.06675",
        paper_lr=0.0001,
        may_stack=True,
        momentum_name="beta_1",
    ),
    OptimizerRow(
        "lamb",
        "Lamb",
        0.001,
        _adam_family(),
        "You et al. 2020, Large Batch Optimization for Deep Learning, arXiv:1904.00962",
        may_stack=True,
        momentum_name="beta_1",
    ),
    OptimizerRow(
        "ftrl",
        "Ftrl",
        0.001,
        {
            "learning_rate_power": Hyperparameter(-0.5, -10.0, 0.0),
            "initial_accumulator_value": Hyperparameter(0.1, 0.0),
            "l1_regularization_strength": Hyperparameter(0.0, 0.0),
            "l2_regularization_strength": Hyperparameter(0.0, 0.0),
            "l2_shrinkage_regularization_strength": Hyperparameter(0.0, 0.0),
            "beta": Hyperparameter(0.0, 0.0),
        }
        | COMMON,
        "McMahan et al. 2013, Ad Click Prediction: a View from the Trenches, KDD",
        may_stack=True,
        takes_groups=False,
    ),
    OptimizerRow(
        "adafactor",
        "Adafactor",
        0.001,
        {
            "beta_2_decay": Hyperparameter(-0.8, -10.0, 0.0),
            "epsilon_1": _epsilon(1e-30),
            "epsilon_2": _epsilon(1e-3),
            "clip_threshold": Hyperparameter(1.0, 1e-12),
            "relative_step": Hyperparameter(True),
        }
        | COMMON,
        "Shazeer and Stern 2018, Adafactor, arXiv:1804.04235",
        paper_lr=0.01,
        may_stack=True,
    ),
    OptimizerRow(
        "muon",
        "Muon",
        0.001,
        {
            "momentum": Hyperparameter(0.95, 0.0, 1.0),
            "nesterov": Hyperparameter(True),
            "ns_steps": Hyperparameter(5, 1, 100),
            "rms_rate": Hyperparameter(0.2, 0.0),
            "adam_lr_ratio": Hyperparameter(1.0, 0.0),
            "adam_beta_1": _decay(0.9),
            "adam_beta_2": _decay(0.999),
            "adam_weight_decay": Hyperparameter(0.004, 0.0),
            "epsilon": _epsilon(1e-7),
            "muon_a": Hyperparameter(3.4445),
            "muon_b": Hyperparameter(-4.775),
            "muon_c": Hyperparameter(2.0315),
            "exclude_embeddings": Hyperparameter(True),
        }
        | COMMON
        | {"weight_decay": Hyperparameter(0.004, 0.0)},
        "Jordan et al. 2024, Muon; Liu et al. 2025, Muon is Scalable for LLM Training, arXiv:2502.16982",
        paper_lr=0.02,
        may_stack=True,
        momentum_name="momentum",
    ),
    OptimizerRow(
        "schedule_free_adamw",
        "ScheduleFreeAdamW",
        0.0025,
        _adam_family(
            beta_1=Hyperparameter(0.9, 1e-6, BELOW_ONE),
            epsilon=_epsilon(1e-8),
            warmup_steps=Hyperparameter(0, 0),
        ),
        "Defazio et al. 2024, The Road Less Scheduled, arXiv:2405.15682",
        may_stack=True,
        momentum_why="its beta_1 interpolates between two sequences and must stay as it is",
    ),
)

OPTIMIZERS: dict[str, OptimizerRow] = {row.name: row for row in _ROWS}
"""Every optimizer a document may name."""
