"""Grad-CAM: which places of an image speak for a class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skipline.spec import Network, unfold
from skipline.spec.layers import GlobalAverage


def cam_site(network: Network) -> str:
    """The last place of a network whose values still lie on a map: what its global average reads."""
    plan = unfold(network)
    before = plan.blocks[-1].name
    for step in plan.head:
        if isinstance(step.layer, GlobalAverage):
            break
        before = step.name
    return before


def grad_cam(net: nn.Module, inputs: Tensor, classes: Tensor, *, site: str) -> Tensor:
    """L = relu(Σ_c α_c A_c), with α_c = mean over places of ∂y_k / ∂A_c: float32 (N, H′, W′), at least 0.

    `inputs` (N, C, H, W) are as the net reads them, `classes` (N,) the class k of each, y_k its logit, and A (C′,
    H′, W′) what the module at `site` gives for the image. The net is in evaluation mode (an image alone decides its
    map) and is left as it was. Raises ValueError where the net has no such module, is training, or gives no map there.
    (Selvaraju et al. 2017, arXiv 1610.02391, eqs. 1 and 2.)
    """
    try:
        module = net.get_submodule(site)
    except AttributeError:
        raise ValueError(f"the net has no module {site!r}; net.named_modules() lists them.") from None
    if net.training:
        raise ValueError("the net is in training mode, where the images of a batch mix. Call net.eval() first.")
    read: list[Tensor] = []

    def tap(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        read[:] = [output.detach().requires_grad_()]  # what lies before it needs no gradient
        return read[0].clone()  # so that nothing behind it changes it in place

    handle = module.register_forward_hook(tap)
    try:
        with torch.enable_grad():
            logits = net(inputs)
            chosen = logits.gather(1, classes[:, None]).sum()
            if not read or read[0].ndim != 4:
                shape = f"values of shape {tuple(read[0].shape)}" if read else "nothing"
                raise ValueError(f"{site!r} gave {shape}; expected a map (N, C, H, W), e.g. a stage's output.")
            (gradient,) = torch.autograd.grad(chosen, read[0])
    finally:
        handle.remove()
    weights = gradient.float().mean(dim=(2, 3), keepdim=True)
    return (weights * read[0].detach().float()).sum(dim=1).clamp_min(0.0)
