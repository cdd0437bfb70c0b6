"""The catalog's promises: every row is what it says, names are checked, installed packages can add rows."""

import importlib
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.settings import Settings
from lrsearch.training import catalog, plugins
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan
from lrsearch.training.trainer import StopReason

PACKAGE = Path(__file__).parents[1] / "packages" / "lrsearch_example"
OFTEN_AWAY = {"mnist", "fashion_mnist", "cifar10"}
OPTIMIZER = TypeAdapter(AnyOptimizer)


def problems(model: str, data: str, **params):
    return catalog.check(ModelSpec(name=model, params=params), DataSpec(name=data))


def install(folder: Path, pyproject: dict) -> None:
    """Write what an installer leaves of a package for importlib.metadata to find."""
    project = pyproject["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{name} = {place}\n" for name, place in rows.items()) for group, rows in groups]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def example_package(tmp_path, monkeypatch):
    install(tmp_path, tomllib.loads((PACKAGE / "pyproject.toml").read_text()))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(PACKAGE)
    plugins.forget()
    yield
    plugins.forget()
    for name in [name for name in sys.modules if name.startswith("lrsearch_example")]:
        del sys.modules[name]


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    (tmp_path / "broken_rows.py").write_text("MODEL = 3\n")
    rows = {"no_module": "no_such_module:MODEL", "no_row": "broken_rows:MODEL", "digits_mlp": "broken_rows:MODEL"}
    install(tmp_path, {"project": {"name": "broken", "version": "1", "entry-points": {"lrsearch.models": rows}}})
    monkeypatch.syspath_prepend(tmp_path)
    plugins.forget()
    yield
    plugins.forget()
    sys.modules.pop("broken_rows", None)


def test_the_names_of_rows_are_the_keys_of_their_tables():
    for table in (catalog.optimizers(), catalog.models(), catalog.datasets()):
        assert list(table) == [row.name for row in table.values()]


def test_every_optimizer_of_the_sgd_and_adam_families_has_a_row():
    expected = {
        *("sgd", "adam", "adamw", "adamax", "nadam", "adagrad", "adadelta", "rmsprop", "lion", "lamb", "ftrl"),
        *("adafactor", "muon", "schedule_free_adamw"),
    }
    assert expected == set(catalog.optimizers())


def test_every_row_names_its_source():
    for table in (catalog.optimizers(), catalog.models(), catalog.datasets()):
        assert all(row.cites for row in table.values())


def test_every_data_set_has_a_model_that_takes_it():
    for data in catalog.datasets().values():
        assert any(catalog.takes(model, data) for model in catalog.models().values()), data.name


def test_a_model_that_takes_its_data_has_no_problem():
    assert [] == problems("digits_mlp", "digits")
    assert [] == problems("tabular_mlp", "diabetes", units=[8, 8], batch_norm=True, dropout=0.5)


def test_an_unknown_model_is_answered_with_the_known_ones_and_a_guess():
    (problem,) = problems("cifar_cn", "blobs")
    assert ("/model/name", "unknown_name", "cifar_cn") == (problem.pointer, problem.rule, problem.value)
    assert "Did you mean 'cifar_cnn'?" in problem.action
    assert all(name in problem.action for name in catalog.models())


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    (problem,) = problems("blobs_mlp", "zzz")
    assert ("/data/name", "zzz") == (problem.pointer, problem.value)
    assert "Did you mean" not in problem.action
    assert all(name in problem.action for name in catalog.datasets())


def test_a_model_that_cannot_take_its_data_is_refused_with_both_shapes():
    (problem,) = problems("mnist_cnn", "digits")
    assert ("/model/name", "input_shape") == (problem.pointer, problem.rule)
    assert "10 x 10 x 1" in problem.message
    assert "shape 64" in problem.message
    assert "digits_mlp" in problem.action


def test_a_classifier_is_refused_for_a_continuous_target():
    (problem,) = problems("digits_mlp", "diabetes")
    assert "task" == problem.rule
    assert "tabular_mlp" in problem.action


def test_parameters_are_validated_by_the_row_with_a_pointer_into_the_document():
    found = problems("tabular_mlp", "iris", units=[0], droput=0.5)
    assert ["/model/params/units/0", "/model/params/droput"] == [problem.pointer for problem in found]


def test_all_problems_come_together():
    found = problems("mnist_cnn", "blob", units=[3])
    assert ["/model/params/units", "/data/name"] == [problem.pointer for problem in found]


def test_data_that_is_away_is_refused_only_where_downloads_are_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    model, data = ModelSpec(name="cifar_cnn"), DataSpec(name="cifar10")
    assert [] == catalog.check(model, data, settings=Settings(downloads="auto"))
    (problem,) = catalog.check(model, data, settings=Settings(downloads="never"))
    assert ("/data/name", "data_unavailable") == (problem.pointer, problem.rule)
    assert "keras.datasets.cifar10.load_data" in problem.action


def test_settings_are_read_from_the_environment_where_they_are_not_given(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("LRSEARCH_DOWNLOADS", "never")
    assert ["data_unavailable"] == [problem.rule for problem in problems("cifar_cnn", "cifar10")]


def test_the_catalog_loads_neither_keras_nor_tensorflow_nor_scikit_learn():
    code = (
        "import sys; from lrsearch.training import catalog; from lrsearch.training.plan import DataSpec, ModelSpec;"
        "catalog.check(ModelSpec(name='cifar_cnn'), DataSpec(name='cifar10'));"
        "print([name for name in ('keras', 'tensorflow', 'sklearn', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_an_installed_package_adds_its_rows(example_package):
    assert "A straight line." == catalog.models()["example_linear"].description
    assert 90 == catalog.datasets()["example_plane"].train_size
    assert [] == catalog.broken_plugins()
    assert [] == problems("example_linear", "example_plane", use_bias=False)
    assert ["/model/params/use_bais"] == [
        p.pointer for p in problems("example_linear", "example_plane", use_bais=False)
    ]


def test_a_broken_package_is_reported_and_harms_nobody_else(broken_package):
    reported = {problem.value: problem.message for problem in catalog.broken_plugins()}
    assert {"no_module", "no_row", "digits_mlp"} == set(reported)
    assert "could not be loaded: ModuleNotFoundError" in reported["no_module"]
    assert "it is a int, not a ModelRow" in reported["no_row"]
    assert set(catalog.MODELS) == set(catalog.models())


@pytest.mark.tensorflow
def test_a_model_and_data_of_a_package_are_trained(example_package):
    importlib.invalidate_caches()
    from lrsearch.training.keras import default_trainer

    optimizer = OPTIMIZER.validate_python({"kind": "sgd"})
    plan = Plan(ModelSpec(name="example_linear"), DataSpec(name="example_plane"), optimizer, 30, np.full(10, 0.1), 0)
    (run,) = default_trainer().train([plan])
    assert (StopReason.COMPLETED, 10) == (run.stop_reason, len(run.curve))
    assert run.curve.losses[-1] < run.curve.losses[0]


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", list(catalog.DATASETS))
def test_a_data_set_is_what_its_row_says(name):
    from lrsearch.training.keras import datasets

    row = catalog.DATASETS[name]
    if name in OFTEN_AWAY and catalog.resolve(row.locate)(Settings()) is None:
        pytest.skip(f"{name} is not on this machine; get it with `{row.obtain}`")
    data = datasets.load(name)
    assert (row.train_size, *row.sample_shape) == data.x_train.shape
    assert (row.test_size, *row.sample_shape) == data.x_test.shape
    assert np.float32 == data.x_train.dtype == data.x_test.dtype
    assert np.isfinite(data.x_train).all()
    if row.task == "regression":
        assert (row.train_size, row.outputs) == data.y_train.shape
    else:
        classes = data.y_train.argmax(axis=1) if data.y_train.ndim == 2 else data.y_train
        assert list(range(row.outputs)) == sorted(set(classes.tolist()))


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", list(catalog.MODELS))
def test_a_model_takes_samples_of_its_least_shape_and_no_smaller_ones(name):
    row = catalog.MODELS[name]
    build = catalog.resolve(row.build)
    model = build(row.least_shape, 3, row.tasks[0])
    assert (None, 3) == model.output_shape
    if row.input_rank == 3:
        height, width, channels = row.least_shape
        with pytest.raises(ValueError, match=r"(?i)negative|dimension"):
            build((height - 1, width - 1, channels), 3, row.tasks[0])


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", list(catalog.OPTIMIZERS))
def test_an_optimizer_row_has_the_defaults_of_keras(name):
    import inspect

    import keras

    row = catalog.OPTIMIZERS[name]
    parameters = inspect.signature(getattr(keras.optimizers, row.keras_class).__init__).parameters
    theirs = {key: value.default for key, value in parameters.items() if key not in {"self", "kwargs", "name"}}
    assert theirs.pop("learning_rate") == row.default_lr
    # A step is one update here; a list of layer names is no flat field.
    theirs = {
        key: value for key, value in theirs.items() if key not in {"gradient_accumulation_steps", "exclude_layers"}
    }
    assert theirs == {key: value.default for key, value in row.hyperparameters.items()}


def test_the_paper_s_rate_is_named_where_it_differs():
    assert 1.0 == catalog.OPTIMIZERS["adadelta"].paper_lr
    assert all(row.paper_lr != row.default_lr for row in catalog.OPTIMIZERS.values())
