"""The model card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skipline.store import Judge
from skipline.train import Deepening, Outcome, Recipe
from skipline.train.folder.model_card import model_card
from skipline.zoo import describe

OUTCOME = Outcome(step=1234, train_loss=0.5, train_error=0.125, test_loss=0.25, test_error=0.0375, seconds=9.0)


def test_it_says_what_the_model_is_and_how_good(recipe: Recipe) -> None:
    card = model_card(recipe, OUTCOME, ("cat", "dog"), num_train=9_872, num_test=10_000)
    assert card.startswith("# small\n")
    for words in (
        "A convolutional network of 6 weighted layers (2 blocks)",
        "1 channel into 2 classes: cat, dog.",
        "| trained on | `quarters`, 9,872 images, 2 epochs, 1,234 steps |",
        "| weights | those of the last step |",
        "| training error, during the last epoch | 12.50 % |",
        "| test error, at the end | 3.75 % of 10,000 images |",
        "| test loss, at the end | 0.2500 |",
        "| seed | 0 |",
        "The test error says nothing about other kinds of images.",
    ):
        assert words in card


@pytest.mark.parametrize("judge", ["test", "validation"])
def test_what_was_chosen_by_the_error_is_said_once(recipe: Recipe, judge: Judge) -> None:
    """It said that nothing was, and then that the best checkpoint was; of a test error only the former."""
    card = model_card(recipe, OUTCOME, ("a", "b"), num_train=9_872, num_test=1, judge=judge)
    said = " ".join(card.split("\n\n")[3].split())
    assert said == (
        f"The {judge} error was measured after every epoch on images that were not used for training. It chose nothing "
        "in this run but the weights in `checkpoints/best`, those of the epoch where it was lowest; for them it is "
        f"optimistic. {'Test images, if the run has any, were not used. ' if judge == 'validation' else ''}"
        f"The {judge} error says nothing about other kinds of images."
    )
    assert "on CUDA only with `--deterministic`" in card


def test_an_end_before_the_last_epoch_is_told(recipe: Recipe) -> None:
    """9 872 images in batches of 16 make 617 steps an epoch: 1 234 steps are two epochs, of the five meant."""
    longer = replace(recipe, epochs=5, patience=1)
    card = model_card(longer, OUTCOME, ("a", "b"), num_train=9_872, num_test=1)
    assert "9,872 images, 2 of 5 epochs, 1,234 steps |" in card
    said = " ".join(card.split())
    assert (
        "It chose the number of epochs (early stopping, patience 1 epoch) and the weights in `checkpoints/best`, those "
        "of the epoch where it was lowest; for both it may be optimistic. It chose nothing else in this run." in said
    )
    assert "chose nothing in this run but" not in said
    part = model_card(
        replace(recipe, most_steps=1_233), replace(OUTCOME, step=1_233), ("a", "b"), num_train=9_872, num_test=1
    )
    assert "1.99 of 2 epochs, 1,233 steps |" in part


def test_a_net_that_ended_before_it_was_deepened_is_not_called_deep() -> None:
    network = describe("digits_resnet8", num_classes=2, in_channels=1)
    recipe = Recipe(network=network, source="quarters", epochs=5, batch_size=16, deepen=(Deepening(epoch=3, depth=14),))
    card = model_card(recipe, OUTCOME, ("a", "b"), num_train=9_872, num_test=1)
    assert card.startswith("# digits_resnet8\n")
    assert "layers deep after" not in card
    card = model_card(recipe, replace(OUTCOME, step=5 * 617), ("a", "b"), num_train=9_872, num_test=1)
    assert "A convolutional network of 14 weighted layers" in card
    assert "5 epochs, 3,085 steps, started as digits_resnet8; 14 layers deep after 3 epochs |" in card


def test_the_file_that_it_began_with_is_named(recipe: Recipe) -> None:
    tuned = replace(recipe, start_from="/their machine/weights/resnet.safetensors", head_epochs=1)
    card = model_card(tuned, OUTCOME, ("a", "b"), num_train=9_872, num_test=1)
    row = "| started from | the weights of `weights/resnet.safetensors`, all but the classifier's; in the first epoch"
    assert f"\n{row} only that was trained |\n" in card
    longer = model_card(replace(tuned, head_epochs=2), OUTCOME, ("a", "b"), num_train=9_872, num_test=1)
    assert "; in the first 2 epochs only that was trained |" in longer
    assert "started from" not in model_card(recipe, OUTCOME, ("a", "b"), num_train=9_872, num_test=1)


def test_an_average_is_said(recipe: Recipe) -> None:
    card = model_card(replace(recipe, ema_decay=0.9), OUTCOME, ("a", "b"), num_train=1, num_test=1)
    assert "| weights | moving average over the last steps |" in card


def test_many_names_are_counted_and_a_name_stays_on_its_line(recipe: Recipe) -> None:
    names = ["a\nb", *(f"class{number}" for number in range(1, 100))]
    card = model_card(recipe, OUTCOME, names, num_train=1, num_test=1)
    assert "into 100 classes: a b, class1, " in card
    assert "class19, and 80 more." in card
    assert "class20" not in card
