"""What is wrong with a range test's document, by itself and for its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrsearch.errors import Problem
from lrsearch.experiments.confirmation import confirm_problems
from lrsearch.spec import broken
from lrsearch.training import catalog

if TYPE_CHECKING:
    from lrsearch.experiments.range_test import RangeTest


def check_fields(document: RangeTest) -> None:
    """Whether the fields agree with each other.

    Raises:
        ValueError: they do not; it names the field.
    """
    start, end = document.ends()
    if start >= end:
        raise broken(
            "end_lr" if document.start_lr is None else "start_lr",
            "below_end_lr",
            f"start_lr is {start:g} and end_lr is {end:g}; the rate must rise.",
            "Set start_lr below end_lr, for example 1e-7 and 10.",
        )
    if document.optimizer.learning_rate is not None:
        raise broken(
            "/optimizer/learning_rate",
            "set_by_range_test",
            f"The optimizer's learning_rate is {document.optimizer.learning_rate:g}, but a range test sets the rate itself.",
            "Remove learning_rate; start_lr and end_lr are the ends of the ramp.",
        )
    _check_groups(document)


def _check_groups(document: RangeTest) -> None:
    if document.per_group and document.layer_groups is None:
        message = "per_group is true, and there are no layer_groups."
        raise broken("layer_groups", "per_group_needs_groups", message, "Give layer_groups, or leave per_group out.")
    if document.others_lr > 0 and not document.per_group:
        message = f"others_lr is {document.others_lr:g}, and no group is ramped by itself."
        raise broken("others_lr", "with_per_group", message, "Set per_group to true, or leave others_lr out.")
    if document.confirm is not None and document.layer_groups is not None:
        message = "A race tries one rate for all layers, and layer_groups gives them several."
        raise broken("confirm", "one_rate", message, "Leave out confirm, or layer_groups.")


def data_problems(document: RangeTest, row: catalog.DatasetRow) -> list[Problem]:
    """A batch larger than the data, no accuracy to measure, a share that holds nothing or everything out."""
    found: list[Problem] = []
    if document.batch_size > row.train_size:
        message = f"batch_size is {document.batch_size}, but {row.name} has {row.train_size} training samples."
        action = f"Use a batch_size of at most {row.train_size}."
        found.append(Problem("/batch_size", "at_most_training_set", document.batch_size, message, action))
    if document.metric == "accuracy" and row.task != "classification":
        message = f"metric is 'accuracy', but {row.name} is a {row.task} task, which has none."
        found.append(Problem("/metric", "measurable", document.metric, message, "Use 'loss' or 'val_loss'."))
    share = document.validation_share
    held_out = int(row.train_size * share)
    if document.metric == "val_loss" and not 0 < held_out < row.train_size:
        message = f"validation_share {share:g} of {row.train_size} samples holds out {held_out}."
        action = "Use a share that leaves samples on both sides, for example 0.2."
        found.append(Problem("/validation_share", "leaves_data", share, message, action))
    return found + ([] if document.confirm is None else confirm_problems(document.confirm, row))
