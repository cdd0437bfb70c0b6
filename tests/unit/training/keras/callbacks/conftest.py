import pytest


@pytest.fixture(scope="session")
def suite():
    """The public door; imported late, since it loads TensorFlow."""
    from lrsearch import callbacks

    return callbacks
