"""A race, trained for real in one process: what it leaves, how it goes on, who is said to have trained."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from skipline.data import Dataset
from skipline.files import read_number
from skipline.init import InitError
from skipline.report import race_report
from skipline.spec import Network, Norm
from skipline.study import RaceDesign, StudyError, StudyFolder, create_study, study_race
from skipline.study.cell import Cell
from skipline.study.cores import CoreShare
from skipline.study.images import Images
from skipline.study.net_design import NetDesign
from skipline.study.race import LeftOut, cells_of_race, default_inits, network_of_race
from skipline.study.result import Result
from skipline.study.standing import Standing, sentence
from skipline.study.trainability import LEAST_STEPS, outcome_of, trainability_of, worst
from skipline.study.training import Running
from skipline.study.trainings import Place
from skipline.train import PRESETS, Interrupted, Recipe, start, train

CPU = torch.device("cpu")
FEW = Images("digits", most_train=96, most_test=32)
NET = NetDesign(unit="residual", depth=8, width=4, norm=Norm("none"))
HUGE = "scaled_identity(1e+30)"


def recipe(network: Network, source: str) -> Recipe:
    """Seven steps of 16 of the 96 images: an epoch, and one step."""
    quick = PRESETS["quick"](network, source)
    return replace(quick, epochs=2, most_steps=7, batch_size=16, loss_every=1, precision="fp32")


DESIGN = RaceDesign(
    source="digits", net=NET, inits=("he_fan_in_normal", HUGE), rates=(0.1, 0.001), seeds=(0,), recipe=recipe
)


@pytest.fixture(scope="module")
def few() -> Dataset:
    """The first digits; the worker loads them whole, so tests that start one use them whole."""
    return FEW.load(Path())


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return Images("digits").load(Path())


def place_in(folder: StudyFolder) -> Place:
    return Place(folder=folder, data_dir=Path(), device=CPU, share=CoreShare(1, 1), command="skipline race")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    return create_study(tmp_path_factory.mktemp("runs"), "race", "digits")


@pytest.fixture(scope="module")
def document(folder: StudyFolder, digits: Dataset) -> dict[str, Any]:
    """The race, one of whose trainings was stopped after its third step and is taken up again."""
    cell = cells_of_race(DESIGN, digits)[1]
    run = start(cell.recipe, digits, root=folder.runs, device=CPU, config="", data_dir=Path())
    calls = iter(range(10))
    with pytest.raises(Interrupted):
        train(cell.recipe, digits, folder=run, device=CPU, show=_ignore, should_stop=lambda: next(calls) == 2)
    left_out = [LeftOut("zero_gamma(orthogonal)", "it has no norm.")]
    return study_race(DESIGN, digits, left_out=left_out, place=place_in(folder), show=_ignore_cell)


def test_the_file_tells_the_whole_race(document: dict[str, Any], folder: StudyFolder) -> None:
    assert (document["format"], document["version"]) == ("skipline.study.race", 1)
    assert (document["steps"], document["rates"]) == (7, [0.1, 0.001])
    assert document["network"]["depth"] == 8
    assert document["network"]["num_blocks"] == [1, 1, 1]
    assert [standing["init"] for standing in document["standings"]] == list(DESIGN.inits)
    assert {"init", "network"} & document["recipe"].keys() == set()
    assert "learning_rate" not in document["recipe"]["optimiser"]
    read = json.loads(folder.document.read_text(encoding="utf-8"))
    assert read["sentence"] == document["sentence"]
    assert "scaled_identity" in race_report(read)


def test_every_step_has_its_loss_and_the_first_is_the_start(document: dict[str, Any]) -> None:
    (entrant,) = document["standings"][0]["entrants"]
    assert entrant["steps"] == list(range(7))
    assert len(entrant["losses"]) == entrant["num_steps"] == 7
    assert entrant["start_loss"] == entrant["losses"][0]
    assert 0 < entrant["train_error"] <= 1


def test_seven_steps_fail_nobody_who_did_not_diverge(document: dict[str, Any]) -> None:
    assert [standing["trainability"] for standing in document["standings"]] == ["undecided", "fails"]
    assert document["sentence"] == (
        "Of 2 initialisers of a residual net of 8 layers without a norm on digits, he_fan_in_normal had too few steps "
        "for a verdict (at least 150 are needed); scaled_identity(1e+30) failed."
    )
    assert "After fewer than 150 steps a run that neither trains nor diverged is undecided." in document["rule"]
    assert "? undecided" in race_report(document)


def test_what_diverges_is_a_result(document: dict[str, Any]) -> None:
    """Three blocks and a stem that each multiply by 1e30: no float holds it, at any rate."""
    lost = document["standings"][1]
    assert [math.isinf(tried["train_loss"]) for tried in lost["tried"]] == [True, True]
    (entrant,) = lost["entrants"]
    assert (entrant["status"], entrant["num_steps"], lost["trainability"]) == ("diverged", 0, "fails")
    assert not math.isfinite(entrant["losses"][0])


def test_of_several_rates_the_lowest_loss_tells(document: dict[str, Any]) -> None:
    standing = document["standings"][0]
    tried = {each["learning_rate"]: each["train_loss"] for each in standing["tried"]}
    assert tried.keys() == {0.1, 0.001}
    assert standing["entrants"][0]["train_loss"] == min(tried.values())
    assert tried[standing["learning_rate"]] == min(tried.values())


@pytest.mark.slow  # a second process trains; within this one a training is taken up below, and losses are compared
def test_a_race_taken_up_again_is_the_same_to_the_bit(
    document: dict[str, Any], tmp_path: Path, digits: Dataset
) -> None:
    """The training that was stopped after three steps, against one that was not."""
    alone = replace(DESIGN, inits=("he_fan_in_normal",), rates=(0.001,))
    again = study_race(
        alone, digits, left_out=[], place=place_in(create_study(tmp_path, "race", "x")), show=_ignore_cell
    )
    (whole,) = again["standings"][0]["entrants"]
    tried = {each["learning_rate"]: each["train_loss"] for each in document["standings"][0]["tried"]}
    assert tried[0.001] == whole["train_loss"]


def test_losses_of_a_resumed_training_are_those_of_one_that_never_stopped(few: Dataset, tmp_path: Path) -> None:
    cell = cells_of_race(DESIGN, few)[0]
    runs = [
        start(cell.recipe, few, root=tmp_path / name, device=CPU, config="", data_dir=Path()) for name in ("a", "b")
    ]
    train(cell.recipe, few, folder=runs[0], device=CPU, show=_ignore, should_stop=lambda: False)
    for _ in range(6):
        with pytest.raises(Interrupted):
            train(cell.recipe, few, folder=runs[1], device=CPU, show=_ignore, should_stop=lambda: True)
    train(cell.recipe, few, folder=runs[1], device=CPU, show=_ignore, should_stop=lambda: False)
    assert runs[1].losses.read_bytes() == runs[0].losses.read_bytes()
    assert runs[1].model.read_bytes() == runs[0].model.read_bytes()
    assert [read_number(line["loss"]) > 0 for line in runs[0].read_losses()] == [True] * 7


def test_all_but_initialiser_rate_and_seed_is_equal(few: Dataset) -> None:
    cells = cells_of_race(replace(DESIGN, seeds=(3, 4)), few)
    assert len(cells) == 8
    base = cells[0].recipe
    for cell in cells:
        optimiser = replace(cell.recipe.optimiser, learning_rate=base.optimiser.learning_rate)
        assert replace(cell.recipe, init=base.init, seed=base.seed, optimiser=optimiser) == base
    assert cells[3].title == "he_fan_in_normal at rate 0.001, seed 4"


def test_those_that_cannot_start_the_net_are_left_out_with_the_reason(few: Dataset) -> None:
    plain = replace(NET, unit="plain")
    names, left_out = default_inits(network_of_race(plain, few))
    assert "he_fan_in_normal" in names
    assert "he_fan_in_uniform" not in names, "its normal twin races"
    reasons = {each.init: each.reason for each in left_out}
    assert "is plain: with its branch at zero nothing would pass" in reasons["zero_branch(he_fan_out_normal)"]
    assert "zero_branch(he_fan_out_normal)" in default_inits(network_of_race(NET, few))[0]
    with pytest.raises(InitError, match="with its branch at zero nothing would pass"):
        cells_of_race(replace(DESIGN, net=plain, inits=("zero_branch(orthogonal)",)), few)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inits": ()}, "inits is empty; a study needs at least one."),
        ({"inits": ("orthogonal", "orthogonal")}, "inits has 'orthogonal' twice; give each once."),
        ({"rates": (0.1, 0.1)}, "rates has 0.1 twice; give each once."),
        ({"seeds": (1, 1)}, "seeds has 1 twice; give each once."),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        replace(DESIGN, **changes)


@pytest.mark.parametrize(
    ("error", "word"),
    [(0.0, "trains"), (0.18, "trains"), (0.19, "degrades"), (0.72, "degrades"), (0.73, "fails"), (0.9, "fails")],
)
def test_the_rule_by_hand_for_ten_classes(error: float, word: str) -> None:
    """Guessing is wrong on 0.9: a fifth of that is 0.18, four fifths are 0.72."""
    assert trainability_of(error, num_classes=10) == word
    assert trainability_of(math.nan, num_classes=10) == "fails"
    assert worst(("degrades", "fails", "trains")) == "fails"
    assert worst(("undecided", "degrades", "trains")) == "undecided"


@pytest.mark.parametrize(
    ("error", "steps", "word"),
    [
        (0.9, 149, "undecided"),
        (0.5, 10, "undecided"),
        (0.1, 10, "trains"),
        (math.nan, 10, "fails"),
        (0.9, 150, "fails"),
        (0.5, 150, "degrades"),
    ],
)
def test_too_few_steps_decide_only_what_trains_or_diverged(error: float, steps: int, word: str) -> None:
    assert LEAST_STEPS == 150
    assert outcome_of(error, num_classes=10, steps=steps) == word


def test_the_sentence_names_who_trained_and_who_did_not() -> None:
    def standing(init: str, word: Any) -> Standing:
        return Standing(init=init, learning_rate=0.1, tried=((0.1, 1.0),), entrants=(), word=word)

    three = [standing("a", "trains"), standing("b", "fails"), standing("c", "fails")]
    assert sentence(three, told="a net") == "Of 3 initialisers of a net, a trained; b and c failed."
    assert sentence(three[1:], told="a net") == "All 2 initialisers failed to train: a net."
    assert sentence(three[:1], told="a net") == "a trained: a net."
    early = [standing("e", "undecided"), standing("f", "undecided")]
    too_few = "had too few steps for a verdict (at least 150 are needed)"
    assert sentence(early, told="a net") == f"All 2 initialisers {too_few}: a net."
    assert sentence(early[:1], told="a net") == f"e {too_few}: a net."
    part = [standing("d", "degrades"), *three]
    assert sentence(part, told="a net") == "Of 4 initialisers of a net, a trained; d learnt a part; b and c failed."


def test_the_first_images_are_the_first(few: Dataset, digits: Dataset) -> None:
    assert (len(few.train), len(few.test)) == (96, 32)
    assert torch.equal(few.train.images, digits.train.images[:96])
    assert torch.equal(few.test.labels, digits.test.labels[:32])
    assert few.fingerprint() != digits.fingerprint()


def _ignore(state: object) -> None: ...


def _ignore_cell(cell: Cell, state: Running | Result) -> None: ...
