import pytest

from tests.unit.training.keras.callbacks.toys import collect


@pytest.fixture(scope="session")
def suite():
    """The public door; imported late, since it loads TensorFlow."""
    from lrsearch import callbacks

    return callbacks


@pytest.fixture(autouse=True)
def _quick_garbage(request):
    yield
    if request.node.get_closest_marker("tensorflow"):
        collect()
