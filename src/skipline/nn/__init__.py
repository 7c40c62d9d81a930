"""Modules from a description: `assemble` folds over the plan, and every step's and site's name is a module path."""

from __future__ import annotations

from skipline.nn.freeze import freeze, unfreeze
from skipline.nn.input import adapted_filters, with_in_channels
from skipline.nn.net import ResidualNet, assemble, fill_missing_gradients, seed_dropout
from skipline.nn.place import place_of, places_of

__all__ = [
    "ResidualNet",
    "adapted_filters",
    "assemble",
    "fill_missing_gradients",
    "freeze",
    "place_of",
    "places_of",
    "seed_dropout",
    "unfreeze",
    "with_in_channels",
]
