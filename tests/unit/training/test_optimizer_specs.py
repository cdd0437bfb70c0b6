import json
import math
import pickle

import jsonschema
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.spec import validate
from lrsearch.training.optimizer_specs import SPECS, OptimizerSpec
from lrsearch.training.optimizer_table import OPTIMIZERS
from lrsearch.training.plan import AnyOptimizer

ADAPTER = TypeAdapter(AnyOptimizer)


def problem(**document):
    with pytest.raises(InvalidDocument) as raised:
        validate(ADAPTER, document)
    (found,) = raised.value.problems
    return found


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_document_of_the_kind_alone_is_that_optimizer_with_nothing_given(name):
    spec = validate(ADAPTER, {"kind": name})
    assert SPECS[name] is type(spec)
    assert isinstance(spec, OptimizerSpec)
    assert {} == spec.hyperparameters()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_default_of_keras_lies_within_the_bounds(name):
    alone = {"clipnorm", "clipvalue", "global_clipnorm", "ema_momentum", "ema_overwrite_frequency"}
    given = {
        key: value.default
        for key, value in OPTIMIZERS[name].hyperparameters.items()
        if value.default is not None and key not in alone
    }
    assert given == validate(ADAPTER, {"kind": name, **given}).hyperparameters()


def test_hyperparameters_are_flat_fields_and_only_what_was_given_is_said():
    spec = validate(ADAPTER, {"kind": "sgd", "momentum": 0.9, "nesterov": True, "learning_rate": 0.1})
    assert {"momentum": 0.9, "nesterov": True} == spec.hyperparameters()
    assert {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True} == spec.model_dump(
        exclude_none=True
    )


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        validate(ADAPTER, {"kind": "adam"}).beta_1 = 0.5


def test_specs_survive_pickle():
    spec = validate(ADAPTER, {"kind": "adam", "beta_1": 0.8})
    assert spec == pickle.loads(pickle.dumps(spec))


@pytest.mark.parametrize(
    ("document", "pointer", "rule"),
    [
        ({"kind": "sdg"}, "", "union_tag_invalid"),
        ({"kind": "sgd", "beta_1": 0.9}, "/beta_1", "extra_forbidden"),
        ({"kind": "sgd", "momentum": 1.5}, "/momentum", "less_than_equal"),
        ({"kind": "sgd", "momentum": -0.1}, "/momentum", "greater_than_equal"),
        ({"kind": "sgd", "nesterov": 1}, "/nesterov", "bool_type"),
        ({"kind": "sgd", "learning_rate": 0.0}, "/learning_rate", "greater_than"),
        ({"kind": "adam", "beta_1": 1.0}, "/beta_1", "less_than_equal"),
        ({"kind": "adam", "epsilon": 0.0}, "/epsilon", "greater_than_equal"),
        ({"kind": "adam", "epsilon": math.nan}, "/epsilon", "finite_number"),
        ({"kind": "adam", "weight_decay": "0.1"}, "/weight_decay", "float_type"),
        ({"kind": "muon", "ns_steps": 2.5}, "/ns_steps", "int_type"),
        ({"kind": "adam", "clipnorm": 1.0, "clipvalue": 1.0}, "/clipvalue", "one_clip_only"),
        ({"kind": "adam", "ema_momentum": 0.9}, "/ema_momentum", "needs_use_ema"),
    ],
)
def test_a_bad_document_is_refused_with_a_pointer_and_a_next_action(document, pointer, rule):
    found = problem(**document)
    assert (pointer or found.pointer, rule) == (found.pointer, found.rule)
    assert found.message
    assert found.action


def test_the_json_schema_says_what_validation_says():
    schema = json.loads(json.dumps(ADAPTER.json_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    accepts = jsonschema.Draft202012Validator(schema).is_valid
    assert accepts({"kind": "sgd", "momentum": 0.9})
    assert not accepts({"kind": "sgd", "momentum": 1.5})
    assert not accepts({"kind": "sgd", "beta_1": 0.5})
    assert set(OPTIMIZERS) == set(schema["discriminator"]["mapping"])
    assert "default of Keras" in schema["$defs"]["Adam"]["properties"]["beta_1"]["description"]
