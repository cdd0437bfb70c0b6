import pytest

from lrsearch.training.keras.compiled.xla_rule import FEWEST_UPDATES, choose_xla

pytestmark = pytest.mark.tensorflow  # the package above it loads TensorFlow


@pytest.mark.parametrize(
    ("device", "has_convolutions", "updates", "expected"),
    [
        ("cpu", False, 1_000, True),
        ("cpu", False, FEWEST_UPDATES - 1, False),
        ("cpu", False, FEWEST_UPDATES, True),
        ("cpu", True, 1_000_000, False),
        ("gpu", True, 1_000, True),
        ("gpu", False, 10, False),
    ],
)
def test_the_rule_decides_by_device_convolutions_and_length(device, has_convolutions, updates, expected):
    assert expected == choose_xla(device, has_convolutions, updates).is_on


@pytest.mark.parametrize("asked", [True, False])
def test_a_plan_overrides_the_rule_and_the_reason_says_so(asked):
    choice = choose_xla("cpu", True, 10, asked=asked)
    assert asked == choice.is_on
    assert "the plan asks" in choice.reason


def test_a_stack_is_always_compiled_because_places_must_not_matter():
    choice = choose_xla("cpu", False, 1, is_stack=True)
    assert choice.is_on
    assert "place" in choice.reason


def test_the_reason_names_what_decided():
    assert "convolutions" in choose_xla("cpu", True, 1_000).reason
    assert "too few" in choose_xla("cpu", False, 10).reason
    assert "GPU" in choose_xla("gpu", True, 1_000).reason
