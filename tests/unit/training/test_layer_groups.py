import pytest

from lrsearch.errors import Problem
from lrsearch.experiments.training_fields import matching_problems
from lrsearch.training import catalog
from lrsearch.training.layer_groups import LayerGroup, LayerGroups, clashes
from lrsearch.training.plan import ModelSpec
from lrsearch.training.rows import MODELS, ModelRow


def group(name, **choice):
    return LayerGroup(name=name, **choice)


def found(*groups) -> list[tuple[str, str]]:
    problems: list[Problem] = clashes(groups)
    assert all(problem.message and problem.action for problem in problems)
    return [(problem.pointer, problem.rule) for problem in problems]


@pytest.mark.parametrize(
    ("first", "second", "pointer"),
    [
        ({"layers": ("a", "b")}, {"layers": ("b", "c")}, "/1/layers"),
        ({"layers": ("head",)}, {"pattern": "^he"}, "/1/pattern"),
        ({"pattern": "^he"}, {"layers": ("head",)}, "/1/layers"),
        ({"depth": (0, 2)}, {"depth": (2, 5)}, "/1/depth"),
        ({"depth": (-3, -1)}, {"depth": (-1, -1)}, "/1/depth"),
    ],
)
def test_groups_that_share_a_layer_whatever_the_model_has_are_told(first, second, pointer):
    assert [(pointer, "matches_twice")] == found(group("one", **first), group("two", **second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"layers": ("a",)}, {"layers": ("b",)}),
        ({"layers": ("head",)}, {"pattern": "^body"}),
        ({"pattern": "^he"}, {"pattern": "ad$"}),
        ({"depth": (0, 1)}, {"depth": (2, 5)}),
        ({"depth": (0, 3)}, {"depth": (-1, -1)}),
        ({"layers": ("a",)}, {"depth": (0, 0)}),
    ],
)
def test_groups_of_which_only_the_model_can_tell_are_left_to_the_worker(first, second):
    assert [] == found(group("one", **first), group("two", **second))


def test_a_range_of_layers_that_ends_before_it_begins_holds_none():
    assert [("/0/depth", "matches_nothing")] == found(group("one", depth=(3, 1)))
    assert [] == found(group("one", depth=(3, -1)))


TWICE = LayerGroups(groups=[group("one", layers=("dense",)), group("two", pattern="^dense")])


@pytest.fixture
def row(monkeypatch):
    """Puts a model of an installed package into the catalog, with a way to tell its layers."""

    def put(layers):
        made = ModelRow("theirs", "nowhere:build", 1, (1,), ("classification",), "", "", layers=layers)
        monkeypatch.setitem(MODELS, "theirs", made)
        return ModelSpec(name="theirs")

    return put


def test_a_package_that_names_its_layers_has_its_groups_checked_at_submission(row):
    model = row(lambda params: ["stem", "dense"])
    (problem,) = matching_problems(LayerGroups(groups=[group("one", layers=("head",))]), model)
    assert ("/layer_groups/groups/0/layers", "matches_nothing") == (problem.pointer, problem.rule)
    assert "stem, dense" in problem.action


@pytest.mark.parametrize("layers", [None, lambda params: 1 / 0])
def test_of_a_package_that_does_not_what_is_sure_is_checked(row, layers):
    model = row(layers)
    assert catalog.layers_of(model) is None
    (problem,) = matching_problems(TWICE, model)
    assert ("/layer_groups/groups/1/pattern", "matches_twice") == (problem.pointer, problem.rule)
    assert [] == matching_problems(LayerGroups(groups=[group("one", layers=("head",))]), model)
