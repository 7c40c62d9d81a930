"""Layers of settings: what lies over what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipline.cli.exits import FileError, UsageError
from skipline.cli.given.settings import from_assignments, from_environment, from_toml, nested, overlaid


def test_tables_merge_and_the_rest_is_replaced() -> None:
    base = {"epochs": 10, "optimiser": {"kind": "sgd", "momentum": 0.9, "learning_rate": 0.1}}
    over = {"epochs": 3, "optimiser": {"learning_rate": 0.5}}
    assert overlaid(base, over) == {
        "epochs": 3,
        "optimiser": {"kind": "sgd", "momentum": 0.9, "learning_rate": 0.5},
    }
    assert base["epochs"] == 10, "the base is not changed"


def test_another_kind_brings_its_own_table() -> None:
    base = {"schedule": {"kind": "step", "milestones": [0.5], "factor": 0.1}}
    assert overlaid(base, {"schedule": "cosine"}) == {"schedule": {"kind": "cosine"}}
    assert overlaid(base, {"schedule": {"kind": "cosine", "end": 0.1}}) == {"schedule": {"kind": "cosine", "end": 0.1}}


def test_the_same_kind_keeps_its_table() -> None:
    base = {"schedule": {"kind": "step", "milestones": [0.5], "factor": 0.1}}
    assert overlaid(base, {"schedule": "step"}) == base


def test_a_table_laid_on_a_kind_keeps_it() -> None:
    """`--optimiser adamw --lr 0.001`, in two layers."""
    assert overlaid({"optimiser": "adamw"}, {"optimiser": {"learning_rate": 0.001}}) == {
        "optimiser": {"kind": "adamw", "learning_rate": 0.001}
    }
    other = {"optimiser": {"kind": "sgd", "momentum": 0.5}}
    assert overlaid({"optimiser": "adamw"}, other) == other


@pytest.mark.parametrize("names", [("optimiser", "optimiser.beta1"), ("optimiser.beta1", "optimiser")])
def test_a_kind_and_its_settings_make_one_table_in_any_order(names: tuple[str, ...]) -> None:
    values = {"optimiser": "adamw", "optimiser.beta1": 0.8}
    assert nested({name: values[name] for name in names}) == {"optimiser": {"kind": "adamw", "beta1": 0.8}}


def test_dots_make_tables() -> None:
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


def test_a_value_cannot_be_a_table_too() -> None:
    with pytest.raises(UsageError, match=r"a\.b is set, but 'a' is set to the value 1 and cannot hold it"):
        nested({"a": 1, "a.b": 2})


def test_the_environment_is_read_by_name() -> None:
    environment = {"SKIPLINE_EPOCHS": "3", "SKIPLINE_OPTIMISER__MOMENTUM": "0.8", "SKIPLINE_DATA": "/d", "HOME": "/h"}
    assert from_environment(environment, ["epochs", "optimiser"]) == {"epochs": "3", "optimiser": {"momentum": "0.8"}}


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(UsageError, match=r"sets SKIPLINE_EPOCH, .* Did you mean SKIPLINE_EPOCHS"):
        from_environment({"SKIPLINE_EPOCH": "3"}, ["epochs", "seed"])


def test_assignments_are_toml_or_text() -> None:
    assignments = ["optimiser.momentum=0.8", "epochs=3", "init=he_fan_in_normal", "schedule.milestones=[0.3, 0.6]"]
    assert from_assignments(assignments) == {
        "optimiser": {"momentum": 0.8},
        "epochs": 3,
        "init": "he_fan_in_normal",
        "schedule": {"milestones": [0.3, 0.6]},
    }


@pytest.mark.parametrize("assignment", ["epochs", "=3", ""])
def test_an_assignment_has_a_form(assignment: str) -> None:
    with pytest.raises(UsageError, match="is not of the form NAME=VALUE"):
        from_assignments([assignment])


def test_toml_errors_name_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 3\nseed = = 4\n")
    with pytest.raises(FileError, match=r"recipe\.toml is not TOML: .*line 2"):
        from_toml(path)
    path.write_bytes(b"init = '\xff'")
    give = r"Give a TOML file of settings, with lines such as epochs = 20\.$"
    for wrong, said in (
        (tmp_path / "none.toml", rf"none\.toml: there is no such file\. {give}"),
        (tmp_path, rf": the file cannot be read: Is a directory\. {give}"),
        (path, rf"recipe\.toml is not UTF-8, and so not TOML\. {give}"),
    ):
        with pytest.raises(FileError, match=said):
            from_toml(wrong)
