"""The proof that a deeper net is the same function: both compute the same images, and the outputs are compared."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.grow.error import FunctionChangedError
from skipline.grow.plan import DeepeningPlan
from skipline.nn import ResidualNet, seed_dropout
from skipline.spec import unfold
from skipline.spec.layers import DropBlock, DropBranch, Dropout

TOLERANCE = 1e-5  # of the outputs' size, where norms are neutral by rounded statistics or on another device than a CPU


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a deeper net is from the old one, for a batch.

    `eval_difference` and `train_difference` are the largest |Δ| of an output in each mode over the largest |output|,
    `statistics_difference` that of a running statistic behind the pass in training mode. 0 is bitwise equality.
    """

    num_images: int
    tolerance: float
    eval_difference: float
    train_difference: float
    statistics_difference: float

    @property
    def is_exact(self) -> bool:
        """Whether every bit was the same."""
        return self.eval_difference == self.train_difference == self.statistics_difference == 0

    @property
    def holds(self) -> bool:
        """Whether all differences are within the tolerance."""
        differences = (self.eval_difference, self.train_difference, self.statistics_difference)
        return all(difference <= self.tolerance for difference in differences)  # so that NaN does not hold


@torch.no_grad()
def prove(old: ResidualNet, new: ResidualNet, plan: DeepeningPlan, *, images: Tensor, seed: int) -> Proof:
    """Compare `new` with `old`, which `plan` made it of, on `images` (N, C, H, W), both as they are and unchanged.

    What they draw at random is the same in both, with the old rates: the same function means the same one for each
    draw. On the CPU, where no norm had to be made neutral, the tolerance is 0; elsewhere 1e-5.
    """
    is_bitwise = images.device.type == "cpu" and not plan.needs_images
    first, second = copy.deepcopy(old), copy.deepcopy(new)
    eval_difference = _difference(first.eval()(images), second.eval()(images))
    _draw_alike(first, second, plan, seed)
    train_difference = _difference(first.train()(images), second.train()(images))
    names = plan.renamed([name for name, _ in first.named_buffers()])
    moved = dict(second.named_buffers())
    pairs = [(buffer, moved[names[name]]) for name, buffer in first.named_buffers()]
    return Proof(
        num_images=len(images),
        tolerance=0.0 if is_bitwise else TOLERANCE,
        eval_difference=eval_difference,
        train_difference=train_difference,
        statistics_difference=max((_difference(one, other) for one, other in pairs), default=0.0),
    )


def require_same_function(proof: Proof, plan: DeepeningPlan) -> None:
    """Raise `FunctionChangedError` unless `proof` holds."""
    if not proof.holds:
        raise FunctionChangedError(
            f"{plan.target.name} is not the function that {plan.source.name} is: on {proof.num_images} images the "
            f"outputs differ by {proof.eval_difference:.1e} of their size in evaluation mode and by "
            f"{proof.train_difference:.1e} in training mode, the running statistics by "
            f"{proof.statistics_difference:.1e}; allowed is {proof.tolerance:.0e}. Nothing was written. Is every "
            "weight finite?"
        )


def _difference(one: Tensor, other: Tensor) -> float:
    largest = (one.double() - other.double()).abs().max()
    return (largest / one.double().abs().max().clamp(min=torch.finfo(torch.float32).tiny)).item()


def _draw_alike(old: ResidualNet, new: ResidualNet, plan: DeepeningPlan, seed: int) -> None:
    """Seed both nets so that the blocks of `old` draw the same in `new`, at the same rates."""
    seed_dropout(old, seed)
    seed_dropout(new, seed)
    drawn = [
        step.name for step in unfold(plan.source).steps() if isinstance(step.layer, Dropout | DropBlock | DropBranch)
    ]
    for name, new_name in plan.renamed(drawn).items():
        new.set_submodule(new_name, copy.deepcopy(old.get_submodule(name)))
