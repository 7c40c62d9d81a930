"""The model card."""

from __future__ import annotations

from dataclasses import replace

from skipline.train import Outcome, Recipe
from skipline.train.model_card import model_card

OUTCOME = Outcome(step=1234, train_loss=0.5, train_error=0.125, test_loss=0.25, test_error=0.0375, seconds=9.0)


def test_it_says_what_the_model_is_and_how_good(recipe: Recipe) -> None:
    card = model_card(recipe, OUTCOME, ("cat", "dog"), num_train=50_000, num_test=10_000)
    assert card.startswith("# small\n")
    for words in (
        "A convolutional network of 6 weighted layers (2 blocks)",
        "1 channel(s) into 2 classes: cat, dog.",
        "| trained on | `quarters`, 50,000 images, 2 epochs, 1,234 steps |",
        "| weights | those of the last step |",
        "| training error, over the last epoch | 12.50% |",
        "| test error | 3.75% of 10,000 images |",
        "| test loss | 0.2500 |",
        "| seed | 0 |",
    ):
        assert words in card


def test_an_average_is_said(recipe: Recipe) -> None:
    card = model_card(replace(recipe, ema_decay=0.9), OUTCOME, ("a", "b"), num_train=1, num_test=1)
    assert "| weights | an average over the last steps' weights |" in card


def test_many_names_are_counted_and_a_name_stays_on_its_line(recipe: Recipe) -> None:
    names = ["a\nb", *(f"class{number}" for number in range(1, 100))]
    card = model_card(recipe, OUTCOME, names, num_train=1, num_test=1)
    assert "into 100 classes: a b, class1, " in card
    assert "class19 and 80 more." in card
    assert "class20" not in card
