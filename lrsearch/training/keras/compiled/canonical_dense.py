"""Dense layers whose gradients are matrix products in the layout that XLA's CPU kernels are fast at.

The gradients of x w are d w^T and x^T d. XLA folds such a transpose into the product instead of carrying it out, and on a
CPU a product with few columns then takes several times as long. Here the smaller matrix is transposed first, behind a
barrier that XLA does not fold over. The same products are added, perhaps in another order: last bits may differ from
Keras'. `python -m benchmarks engine` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

# none of these has a public name; the lock file pins TensorFlow
from tensorflow.compiler.tf2xla.ops import gen_xla_ops
from tensorflow.python.eager import record
from tensorflow.python.ops.parallel_for.pfor import RegisterPFor, wrap

Tensor = Any
MOST_UNITS = 3
"""Units up to which both gradients are computed so: XLA runs them by plain loops over strided memory. With ten, it saves time
in batches of 32 and costs some in batches of 128, where Eigen shares a product among threads."""
MOST_INPUTS = 16
"""Inputs up to which the kernel's gradient is computed so."""
FEW_SAMPLES = 8
"""Samples of a batch up to which the kernel's gradient of at most `MOST_UNITS` inputs or units is a sum, which XLA fuses: handing
a product to Eigen's threads then takes longer than the product."""


class Dense(keras.layers.Dense):
    """`keras.layers.Dense` with these gradients; layer names and the rules of stacking go by its name."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """activation(x w + b); with more axes than (batch, inputs) as in Keras."""
        if len(inputs.shape) != 2:
            return super().call(inputs, training=training)
        outputs = product(inputs, tf.convert_to_tensor(self.kernel))
        if self.bias is not None:
            outputs = keras.ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


def make_canonical(model: keras.Model) -> None:
    """Let every narrow Dense layer of a built model have these gradients, which only XLA can compute."""
    for layer in model._flatten_layers():
        if _is_narrow(layer):
            layer.__class__ = Dense


def _is_narrow(layer: Any) -> bool:
    if type(layer) is not keras.layers.Dense or layer.lora_enabled or layer.quantization_mode is not None:
        return False
    kernel: Any = layer.kernel
    inputs, units = kernel.shape
    return layer.compute_dtype == layer.variable_dtype == "float32" and (units <= MOST_UNITS or inputs <= MOST_INPUTS)


def product(x: Tensor, w: Tensor) -> Tensor:
    """The product x w, shape (batch, units), of x (batch, inputs) and w (inputs, units).

    `tf.custom_gradient` would register each traced gradient for good, and with it the graph of a dropped program.
    """
    with record.stop_recording():
        outputs = tf.matmul(x, w)
    record.record_operation("MatMul", [outputs], [x, w], lambda d: [_of_inputs(d, w), _of_kernel(x, d)])
    return outputs


def _of_inputs(d: Tensor, w: Tensor) -> Tensor:
    """Gradient of the inputs: d w^T."""
    return tf.matmul(d, _transposed(w)) if w.shape[1] <= MOST_UNITS else tf.matmul(d, w, transpose_b=True)


def _of_kernel(x: Tensor, d: Tensor) -> Tensor:
    """Gradient of the kernel: x^T d; the one with few columns is transposed."""
    (samples, inputs), units = x.shape, d.shape[1]
    if samples <= FEW_SAMPLES and min(inputs, units) <= MOST_UNITS:
        return tf.reduce_sum(x[:, :, None] * d[:, None, :], axis=0)
    if units <= MOST_UNITS:
        return tf.transpose(_barrier(tf.matmul(_transposed(d), x)))
    return tf.matmul(_transposed(x), d) if inputs <= MOST_INPUTS else tf.matmul(x, d, transpose_a=True)


def _transposed(matrix: Tensor) -> Tensor:
    return _barrier(tf.transpose(matrix))


def _barrier(tensor: Tensor) -> Tensor:
    return _barriers([tensor])[0]


def _barriers(tensors: Sequence[Tensor]) -> Any:
    """The tensors as they are, where XLA may not look through."""
    return gen_xla_ops.xla_optimization_barrier(input=list(tensors))


@RegisterPFor("XlaOptimizationBarrier")
def _barriers_of_stack(converted: Any) -> list[Any]:
    """The barrier of all members at once; TensorFlow has no such rule, and would loop over them."""
    tensors = _barriers([each.t for each in converted.inputs])
    return [wrap(tensor, each.is_stacked) for tensor, each in zip(tensors, converted.inputs, strict=True)]
