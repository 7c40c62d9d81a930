"""Freezing: the layers below a place keep their weights and their statistics, whatever is done above them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from skipline.nn.net import ResidualNet
from skipline.nn.place import place_of
from skipline.spec import unfold
from skipline.spec.upstream import upstream


class FrozenBatchNorm(nn.Module):
    """`y = γ (x − μ) / √(σ² + ε) + β` with the running μ and σ² in training mode too; nothing here ever changes.

    It stands in a `BatchNorm2d`'s place and holds that one's tensors under the same names.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight = norm.weight
        self.bias = norm.bias
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.register_buffer("running_mean", norm.running_mean)
        self.register_buffer("running_var", norm.running_var)
        self.epsilon = norm.eps
        self.momentum = norm.momentum

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.epsilon
        )

    def thawed(self) -> nn.BatchNorm2d:
        """The batch norm that this one stands for, with the same tensors and in the same mode."""
        assert self.running_mean is not None
        norm = nn.BatchNorm2d(
            len(self.running_mean),
            self.epsilon,
            self.momentum,
            device="meta",
            dtype=self.running_mean.dtype,
        ).train(self.training)
        norm.num_batches_tracked = None
        norm.weight, norm.bias = self.weight, self.bias
        norm.running_mean, norm.running_var = self.running_mean, self.running_var
        return norm


def freeze(net: ResidualNet, up_to: str | int) -> None:
    """Freeze every layer of `net`, in place, that the value at `up_to` depends on, and thaw all others.

    `up_to` is a site, a step, a stage or a block by name, or the index of a block (`place_of`); it is frozen too:
    "stem", "stage2", "stage3.block4", -1. A frozen parameter needs no gradient; a frozen batch norm normalises by its
    running statistics and never changes them, whatever `net.train()` says: its module is replaced by a
    `FrozenBatchNorm` with the same tensors. Names in the state dict stay, so weights load as before; a deep copy is
    frozen as its original; a saved state does not say what was frozen. Dropout still follows the net's mode. Optimisers
    made before keep what they hold; make them afterwards to leave out what is frozen. Raises `ValueError` for a place
    that the network has not.
    """
    steps = upstream(unfold(net.network), place_of(net, up_to))
    unfreeze(net)
    for step in steps:
        module = net.get_submodule(step.name)
        module.requires_grad_(False)
        if isinstance(module, nn.BatchNorm2d):
            net.set_submodule(step.name, FrozenBatchNorm(module).train(module.training))


def unfreeze(net: ResidualNet) -> None:
    """Let every layer of `net` learn again, in place: the same tensors, all parameters with gradients."""
    for name, module in list(net.named_modules()):
        if isinstance(module, FrozenBatchNorm):
            net.set_submodule(name, module.thawed())
    net.requires_grad_(True)
