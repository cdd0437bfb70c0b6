"""Random changes of the samples a model is trained on: what a document may ask for, without Keras."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lrsearch.spec import Spec

Factor = Annotated[float, Field(gt=0, lt=1, strict=True)]
FillMode = Literal["constant", "nearest", "reflect", "wrap"]
IMAGE_RANK = 3
"""Rank of a sample that is an image: height, width, channels."""


class _ImageChange(Spec):
    """A change that moves pixels."""

    fill_mode: FillMode = "reflect"
    """What stands where the image has no pixels."""


class Flip(Spec):
    """Mirror an image with probability 1/2, in each direction asked for: keras.layers.RandomFlip."""

    kind: Literal["flip"] = "flip"
    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal"


class Translation(_ImageChange):
    """Shift an image by up to a share of its height and width, evenly drawn: keras.layers.RandomTranslation."""

    kind: Literal["translation"] = "translation"
    height: Factor = 0.1
    width: Factor = 0.1


class Rotation(_ImageChange):
    """Turn an image by up to `factor` of a full turn to either side: keras.layers.RandomRotation."""

    kind: Literal["rotation"] = "rotation"
    factor: Factor = 0.05


class Zoom(_ImageChange):
    """Zoom into or out of an image by up to `factor`, the same in both directions: keras.layers.RandomZoom."""

    kind: Literal["zoom"] = "zoom"
    factor: Factor = 0.1


class Noise(Spec):
    """Add independent normal noise to every number of a sample: keras.layers.GaussianNoise."""

    kind: Literal["noise"] = "noise"
    stddev: Annotated[float, Field(gt=0, strict=True)] = 0.1
    """Standard deviation, in the unit of the samples."""


AnyAugmentation = Annotated[Flip | Translation | Rotation | Zoom | Noise, Field(discriminator="kind")]
"""One change; several are made in the order given."""


def needs_images(change: Flip | Translation | Rotation | Zoom | Noise) -> bool:
    """Whether it is made for images only."""
    return not isinstance(change, Noise)
