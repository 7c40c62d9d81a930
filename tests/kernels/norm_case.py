"""A fused batch norm on given inputs, and the same by PyTorch's own operations in float64."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, leaky_relu

from skipline.kernels import Kernels, norm_rectify

PRECISION = {  # of a result that is rounded once, relative to the largest
    torch.float32: 2e-6,
    torch.bfloat16: 2**-8,
    torch.float16: 2**-11,
}


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs in float64 that the number format can hold, and the gradients that arrive under y's two names."""

    x: Tensor
    addend: Tensor | None
    weight: Tensor
    bias: Tensor
    gradients: tuple[Tensor, Tensor]
    slope: float


def draw(shape: tuple[int, ...], dtype: torch.dtype, *, adds: bool, slope: float, mean: float = 0.5) -> Case:
    generator = torch.Generator().manual_seed(3)

    def held(tensor: Tensor) -> Tensor:
        return tensor.to(dtype).double()

    tensors = [held(torch.randn(shape, generator=generator)) for _ in range(4)]
    weight, bias = (torch.rand(shape[1], generator=generator) + 0.5 for _ in range(2))
    x = held(tensors[0] + mean)
    return Case(x, tensors[1] if adds else None, weight, bias - 1, (tensors[2], tensors[3]), slope)


def expected(case: Case) -> dict[str, Tensor]:
    leaves = [case.x.clone(), case.weight.double(), case.bias.double()]
    leaves += [] if case.addend is None else [case.addend.clone()]
    x, weight, bias, *addend = [leaf.requires_grad_() for leaf in leaves]
    running = (torch.zeros(x.shape[1]).double(), torch.ones(x.shape[1]).double())
    z = batch_norm(x, *running, weight, bias, training=True, momentum=0.1, eps=1e-5)
    y = leaky_relu(z + addend[0] if addend else z, case.slope)
    y.backward(case.gradients[0] + case.gradients[1])
    found = {"y": y.detach(), "running mean": running[0], "running variance": running[1]}
    names = ("x", "weight", "bias", "addend")[: len(leaves)]
    return {**found, **{f"gradient of {name}": leaf.grad for name, leaf in zip(names, leaves, strict=True)}}  # pyright: ignore[reportReturnType]


def measured(case: Case, dtype: torch.dtype, kernels: Kernels) -> dict[str, Tensor]:
    def ready(tensor: Tensor) -> Tensor:
        return tensor.to(kernels.device_type, dtype).contiguous(memory_format=torch.channels_last)

    norm = nn.BatchNorm2d(case.x.shape[1]).to(kernels.device_type)
    with torch.no_grad():
        norm.weight.copy_(case.weight)
        norm.bias.copy_(case.bias)
    x = ready(case.x).requires_grad_()
    addend = None if case.addend is None else ready(case.addend).requires_grad_()
    y, again = norm_rectify(kernels, norm, x, slope=case.slope, addend=addend)
    assert y.dtype == dtype
    assert torch.equal(y, again)
    torch.autograd.backward([y, again], [ready(gradient) for gradient in case.gradients])
    assert norm.running_mean is not None
    assert norm.running_var is not None
    found = {"y": y.detach(), "running mean": norm.running_mean, "running variance": norm.running_var}
    leaves = {"x": x, "weight": norm.weight, "bias": norm.bias, **({} if addend is None else {"addend": addend})}
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        found[f"gradient of {name}"] = leaf.grad
    return found


def distance(found: Tensor, wanted: Tensor) -> float:
    return ((found.double().cpu() - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)).item()


def assert_near(found: dict[str, Tensor], wanted: dict[str, Tensor], dtype: torch.dtype) -> None:
    """Within a few roundings of `dtype`, relative to the largest number of each tensor."""
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        # Sums over N·H·W are in fp32 or fp64 whatever the format, but of gradients that it has rounded.
        within = 4 * PRECISION[dtype] if name.startswith("gradient") or name == "y" else 1e-5
        assert distance(found[name], tensor) < within, name
