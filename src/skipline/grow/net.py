"""A net grown deeper: its own blocks go along, and new ones that are the identity stand between them."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skipline.grow.error import GrowError
from skipline.grow.neutral import make_neutral, moments_behind
from skipline.grow.plan import DeepeningPlan, InsertedBlock, plan_deepening
from skipline.init.construction import start_module
from skipline.init.draws import identity
from skipline.init.fans import centre_taps
from skipline.init.scheme import Scheme
from skipline.init.schemes import HE_FAN_OUT_NORMAL
from skipline.nn import ResidualNet, assemble
from skipline.seeds import split_seed
from skipline.spec import BlockPlan, Network, unfold
from skipline.spec.layers import Conv


def deepened(net: ResidualNet, target: Network, *, seed: int, scheme: Scheme = HE_FAN_OUT_NORMAL) -> ResidualNet:
    """A deeper copy of `net`, described by `target`, that computes the same function, bit for bit.

    In training and in evaluation mode; what is drawn at random (dropout, stochastic depth) has the same distribution,
    but for the rates that stochastic depth sets by a block's place. `plan_deepening` says what stands where. A new
    block starts by `scheme` from `seed`, but for its last layer, which is 0; the first step of training moves that one,
    the next all others. It takes device, dtype, memory format and mode of the block it stands behind. `net` stays as it
    is and shares no tensor with the result.

    Raises `GrowError` where `target` is no deeper `net`, where no block can be the identity, and where one can only
    with the statistics of images: then use `deepened_on`; `InitError` where `scheme` cannot start `target`.
    """
    plan = plan_deepening(net.network, target)
    if plan.needs_images:
        norm = next(block.identity.neutral[0].name for block in plan.inserted if block.identity.neutral)
        raise GrowError(
            f"{target.name}: its new blocks let x pass through norms ({norm}), which are neutral only by the "
            "statistics of images. Use deepened_on(net, target, images=…) with a batch that the net is trained on."
        )
    return _grown(net, plan, seed=seed, scheme=scheme)


def deepened_on(
    net: ResidualNet, target: Network, *, images: Tensor, seed: int, scheme: Scheme = HE_FAN_OUT_NORMAL
) -> ResidualNet:
    """As `deepened`, where x passes norms in the new blocks: in plain nets, behind additions, in projections.

    Those get γ = √(σ² + ε), β = μ and the running statistics μ and σ², all of what reaches them for `images` (N, C, H,
    W) in training mode, prepared as for training. In evaluation mode the function is then the same for all images, in
    training mode for these, both but for rounding (1e-5 of the outputs' size is what tests hold it to).
    """
    plan = plan_deepening(net.network, target)
    own = _grown(net, plan, seed=seed, scheme=scheme)
    moments = moments_behind(net, list(dict.fromkeys(block.behind for block in plan.inserted)), images, seed=seed)
    for block in plan.inserted:
        for step in block.identity.neutral:
            make_neutral(own.get_submodule(step.name), moments[block.behind])
    return own


def with_blocks(net: ResidualNet, plan: DeepeningPlan, blocks: Mapping[str, nn.Module]) -> ResidualNet:
    """The net of `plan.target` with copies of everything in `net`, and of `blocks` (name → module) for the new ones."""
    own = assemble(plan.target, device="meta")
    for inserted in plan.inserted:
        own.set_submodule(inserted.name, copy.deepcopy(blocks[inserted.name]))
    _carry(net, own, plan)
    return own


def _grown(net: ResidualNet, plan: DeepeningPlan, *, seed: int, scheme: Scheme) -> ResidualNet:
    """The deeper net, its new blocks the identity as far as that needs no images."""
    scheme.requires(plan.target)
    own = assemble(plan.target, device="meta")
    _make_blocks(own, net, plan, seed=seed, scheme=scheme)
    _carry(net, own, plan)
    return own


def _carry(net: ResidualNet, own: ResidualNet, plan: DeepeningPlan) -> None:
    """Put copies of everything in `net` into its places in `own`."""
    for part in ("stem", "head"):
        own.set_submodule(part, copy.deepcopy(net.get_submodule(part)))
    for pair in plan.kept:
        made, block = own.get_submodule(pair.new), copy.deepcopy(net.get_submodule(pair.old))
        if "drop" in dict(made.named_children()):  # its rate may be that of another place now
            block.set_submodule("drop", made.get_submodule("drop").train(block.training))
        own.set_submodule(pair.new, block)
    own.training = net.training


def _make_blocks(own: ResidualNet, net: ResidualNet, plan: DeepeningPlan, *, seed: int, scheme: Scheme) -> None:
    """Give the new blocks of `own`, which have no memory yet, their weights: by `scheme`, but for what makes them 1."""
    plans = {block.name: block for block in unfold(plan.target).blocks}
    # Streams of their own: an old block may have had the name, and the numbers, of a new one.
    stream = split_seed(seed, "deepen", plan.source.num_blocks)
    for inserted in plan.inserted:
        like = net.get_submodule(inserted.behind)
        weight = next(like.parameters())
        block = own.get_submodule(inserted.name).to_empty(device=weight.device).to(weight.dtype)
        _start(block, plans[inserted.name], plan.target, seed=stream, scheme=scheme)
        _pass_on(block, inserted)
        if _is_channels_last(like):
            block = block.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # torch's stubs
        block.train(like.training)


def _start(block: nn.Module, plan: BlockPlan, target: Network, *, seed: int, scheme: Scheme) -> None:
    for step in plan.steps():
        start_module(block.get_submodule(_inside(step.name)), step, target, plan, scheme=scheme, seed=seed)


@torch.no_grad()
def _pass_on(block: nn.Module, inserted: InsertedBlock) -> None:
    for step in inserted.identity.zero:
        for parameter in block.get_submodule(_inside(step.name)).parameters():
            parameter.zero_()
    for step in inserted.identity.dirac:
        assert isinstance(step.layer, Conv)
        for parameter in block.get_submodule(_inside(step.name)).parameters():
            parameter.zero_()
            if parameter.ndim > 1:
                identity(centre_taps(parameter, step.layer), 1.0)


def _inside(name: str) -> str:
    """The path within a block of a step's `name`: `stage1.block2.branch.conv1` → `branch.conv1`."""
    return name.split(".", 2)[2]


def _is_channels_last(module: nn.Module) -> bool:
    weights = [parameter for parameter in module.parameters() if parameter.ndim == 4]
    return any(
        weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous() for weight in weights
    )
