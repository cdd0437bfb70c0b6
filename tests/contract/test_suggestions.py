"""The registry of suggestion rules is the folder of suggestion rules."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import get_args

import pytest

import lrsearch.suggestions
from lrsearch.suggestions import RULES, RuleName
from lrsearch.suggestions.base import SuggestionRule

FOLDER = Path(lrsearch.suggestions.__file__).parent
SHARED = {"__init__", "base", "ranks"}

every_rule = pytest.mark.parametrize("kind", list(RULES))


def test_every_file_of_the_folder_is_registered_under_its_name():
    assert {path.stem for path in FOLDER.glob("*.py")} - SHARED == set(RULES)


def test_the_names_for_type_checkers_are_those_of_the_registry():
    assert list(RULES) == list(get_args(RuleName))


@every_rule
def test_a_kind_is_the_name_of_its_file_and_its_class(kind):
    rule = RULES[kind]
    assert (kind, kind) == (rule.kind, rule.__module__.rpartition(".")[2])


@every_rule
def test_a_rule_names_its_sources_and_explains_itself(kind):
    rule = RULES[kind]
    assert rule.cites
    assert rule.__doc__
    assert not rule.__doc__.startswith(f"{rule.__name__}(")


@every_rule
def test_a_rule_works_without_arguments_and_cannot_be_changed(kind):
    rule = RULES[kind]()
    assert isinstance(rule, SuggestionRule)
    assert is_dataclass(rule)
    with pytest.raises(FrozenInstanceError):
        setattr(rule, fields(rule)[0].name, 0)


@every_rule
def test_every_constant_of_a_rule_has_a_sentence(kind):
    source = (FOLDER / f"{kind}.py").read_text()
    for field in fields(RULES[kind]):
        assert f"    {field.name}: {field.type} = " in source
        assert source.partition(f"    {field.name}: ")[2].splitlines()[1].startswith('    """')
