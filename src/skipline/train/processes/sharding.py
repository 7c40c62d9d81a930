"""Sharding: each process keeps its part of every parameter, gradient and optimiser's state, by PyTorch's FSDP2.

FSDP2 is imported where it is needed: that takes a second, and most runs have no use for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from skipline.nn import ResidualNet, assemble
from skipline.train.error import RecipeError
from skipline.train.learner import Learner, optimiser_for
from skipline.train.optimiser import optimiser_tensors
from skipline.train.processes.parallel import Engine, statistics_of
from skipline.train.processes.team import Team
from skipline.train.recipe import Recipe


def sharded(learner: Learner, recipe: Recipe, team: Team) -> Learner:
    """`learner`, whole and the same in every process, with what it holds shared out: block by block, then the rest.

    A block's parameters are put together where it is computed, forward and backward, and let go again. Gradients are
    added up as in `parallel`. Raises `RecipeError` for what cannot be shared out.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    net = learner.net
    scalars = [name for name, parameter in net.named_parameters() if parameter.ndim == 0]
    if scalars:
        raise RecipeError(
            f"shard: {net.network.name} has parameters of one number, e.g. {scalars[0]}, which FSDP2 does not share "
            "out. Train it without --shard."
        )
    state = optimiser_tensors(net, learner.optimiser)
    net.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]  # FSDP2 wants parameters so
    mesh = init_device_mesh(learner.halted.device.type, (team.size,))
    for _, block in net.named_blocks():
        fully_shard(block, mesh=mesh)
    root = fully_shard(net, mesh=mesh)
    assert isinstance(root, FSDPModule)
    for module in net.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # the sum, as a share's loss is divided by the whole batch
            module.set_force_sum_reduction_for_comms(True)  # gloo knows no sum with a factor
    optimiser = optimiser_for(net, recipe, halted=learner.halted, is_fused=False)
    parameters = dict(net.named_parameters())
    for full_name, value in state.items():
        name, key = full_name.rsplit("/", 1)
        optimiser.state[parameters[name]][key] = _part(value, parameters[name])
    engine = Engine(team=team, statistics=statistics_of(net), fsdp=root)
    return replace(learner, forward=net, optimiser=optimiser, engine=engine, parts=())


def _part(value: Tensor, parameter: Tensor) -> Tensor:
    """This process's part of an optimiser's tensor; a count of steps is every process's."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(parameter, DTensor)
    if value.shape != parameter.shape:
        return value
    return distribute_tensor(value.contiguous(), parameter.device_mesh, parameter.placements)


def whole(engine: Engine, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor put together where it is shared out, which every process has to ask for; others as they are."""
    if engine.fsdp is None:
        return dict(tensors)
    from torch.distributed.tensor import DTensor

    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in tensors.items()}


def own_part(engine: Engine, tensor: Tensor) -> Tensor:
    """What this process holds of `tensor`."""
    if engine.fsdp is None:
        return tensor
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole_net(engine: Engine, net: ResidualNet) -> ResidualNet:
    """`net`; where it is shared out, a whole copy, which every process has to ask for."""
    if engine.fsdp is None:
        return net
    tensors = whole(engine, net.state_dict())
    own = assemble(net.network, device=next(iter(tensors.values())).device)
    own.load_state_dict(tensors)
    return own.train(net.training)
