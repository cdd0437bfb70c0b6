"""Dropout with the masks of `keras.layers.Dropout`, from integer operations that XLA and stacking leave as they are.

TensorFlow draws masks with one random operation: it has no vectorised form (a stack would draw them one by one), and
XLA replaces its generator by another, so that the same seed gives other masks. Here the generator is written out.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
SCRAMBLE_KEY = (0x3EC8F720, 0x02461E29)
"""Key under which TensorFlow turns a seed into key and counter (`ScrambleSeed` of its stateless operations)."""
LARGEST_SEED = 2**31 - 2
"""Keras folds seeds into int32 by the remainder of this number."""

Word = Any
"""A uint32 tensor."""


class ExactDropout(keras.layers.Dropout):
    """`keras.layers.Dropout` whose masks are the same with and without XLA, alone and in a stack."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop inputs in training: x m / (1 - rate), m = 1 where a uniform number is at least `rate`, else 0."""
        if not training or self.rate == 0 or self.noise_shape is not None or inputs.dtype != tf.float32:
            return super().call(inputs, training=training)
        seed = tf.math.floormod(self.seed_generator.next(), LARGEST_SEED)
        uniform = philox_uniform(seed, tf.shape(inputs))
        return tf.where(uniform >= self.rate, inputs * (1.0 / (1.0 - self.rate)), 0.0)


def make_exact(model: keras.Model) -> None:
    """Let every plain Dropout layer of the model draw its masks this way."""
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.Dropout:
            layer.__class__ = ExactDropout


def philox_uniform(seed: Any, shape: Any) -> Any:
    """Uniform numbers of [0, 1): bit for bit what `tf.random.stateless_uniform(shape, seed)` gives on a CPU.

    Number 4 i + j is word j of Philox4x32-10 at counter i, its low 23 bits divided by 2^23.

    Args:
        seed: shape (2,), integers of [0, 2^31).
        shape: shape of the answer, a tensor of int32.

    Returns:
        float32.

    Source: Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3, SC11; TensorFlow's seed scrambling.
    """
    first, second = (tf.cast(seed[i], tf.uint32) for i in range(2))
    nothing = first - first  # unlike a constant 0 it has the axis of a stack, which every variable of a loop must have
    key = (nothing + _word(SCRAMBLE_KEY[0]), nothing + _word(SCRAMBLE_KEY[1]))
    mixed = _philox((first, nothing, second, nothing), key)
    count = tf.reduce_prod(shape)
    counter = nothing + tf.cast(tf.range((count + 3) // 4), tf.uint32)
    zeros = counter - counter
    words = _philox((counter, zeros, zeros + mixed[2], zeros + mixed[3]), (mixed[0], mixed[1]))
    bits = tf.reshape(tf.stack(words, axis=-1), [-1])[:count]
    mantissa = tf.cast(tf.bitwise.bitwise_and(bits, _word(0x7FFFFF)), tf.int32)
    return tf.reshape(tf.cast(mantissa, tf.float32) * 2.0**-23, shape)


def _philox(counter: tuple[Word, Word, Word, Word], key: tuple[Word, Word]) -> tuple[Word, Word, Word, Word]:
    """Four random words of each counter; a loop, because XLA computes unrolled rounds many times over when it fuses."""

    def one_round(done: Any, *words: Word) -> tuple[Any, ...]:
        a, b, c, d, k, m = words
        (high_a, low_a), (high_c, low_c) = _product(MULTIPLIERS[0], a), _product(MULTIPLIERS[1], c)
        mixed = _xor(high_c, b, k), low_c, _xor(high_a, d, m), low_a
        return done + 1, *mixed, k + _word(WEYL[0]), m + _word(WEYL[1])

    _, a, b, c, d, _, _ = tf.while_loop(lambda done, *_: done < ROUNDS, one_round, (tf.constant(0), *counter, *key))
    return a, b, c, d


def _product(constant: int, word: Word) -> tuple[Word, Word]:
    """High and low word of a 64-bit product."""
    product = tf.cast(word, tf.uint64) * tf.constant(constant, tf.uint64)
    high = tf.bitwise.right_shift(product, tf.constant(32, tf.uint64))
    return tf.cast(high, tf.uint32), tf.cast(product, tf.uint32)


def _xor(a: Word, b: Word, c: Word) -> Word:
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(a, b), c)


def _word(value: int) -> Word:
    return tf.constant(value, tf.uint32)
