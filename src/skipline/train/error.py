"""What a recipe refuses, in words."""

from __future__ import annotations


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the setting, what came, what was expected and the remedy."""
