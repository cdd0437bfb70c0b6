"""Rows for lrsearch's catalog. The API process loads this module: no Keras here, it belongs into `parts`."""

from lrsearch.spec import Spec
from lrsearch.training.catalog import DatasetRow, ModelRow


class LinearParams(Spec):
    """Parameters of `example_linear`."""

    use_bias: bool = True
    """Whether the line need not pass through the origin."""


MODEL = ModelRow(
    name="example_linear",
    build="lrsearch_example.parts:linear",
    input_rank=1,
    least_shape=(1,),
    tasks=("regression",),
    description="A straight line.",
    cites="an example",
    params=LinearParams,
)

DATA = DatasetRow(
    name="example_plane",
    load="lrsearch_example.parts:plane",
    sample_shape=(2,),
    outputs=1,
    task="regression",
    train_size=90,
    test_size=10,
    description="Points on a plane, with noise.",
    cites="an example",
)
