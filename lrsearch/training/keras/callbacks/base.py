"""What every callback of the suite is."""

from __future__ import annotations

from typing import Any

import keras


class FitCallback(keras.callbacks.Callback):
    """A Keras callback that knows its model."""

    @property
    def fitted(self) -> Any:
        """The model in training."""
        return self.model
