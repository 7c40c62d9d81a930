"""Modules from a description: `assemble` folds over the plan, and every step's and site's name is a module path."""

from __future__ import annotations

from skipline.nn.net import ResidualNet, assemble, fill_missing_gradients, seed_dropout

__all__ = ["ResidualNet", "assemble", "fill_missing_gradients", "seed_dropout"]
