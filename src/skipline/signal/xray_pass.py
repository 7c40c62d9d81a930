"""An x-ray: one forward and one backward pass through any module, read at every site and in every tensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from skipline.nn import ResidualNet, places_of
from skipline.signal.asleep import woken
from skipline.signal.error import SignalError
from skipline.signal.layout import LayoutGuess
from skipline.signal.objective import Objective, ProbeObjective, checked_value
from skipline.signal.reading import TensorReading, TensorState, Xray
from skipline.signal.record import Record, fetched
from skipline.signal.recording import recorded
from skipline.signal.statistics import norm_of
from skipline.signal.target import Batch, batch_of, called, undisturbed, unwrapped
from skipline.spec import unfold
from skipline.wording import did_you_mean

PROBE = ProbeObjective()
"""The objective of an x-ray that names no other."""

ALL: Sequence[str] = ()
"""Every site of a net of ours, `unfold(net.network).sites`; every place that a pass meets in another module."""


def xray(
    module: nn.Module,
    batch: Any,
    *,
    objective: Objective = PROBE,
    sites: Iterable[str] = ALL,
    batch_axis: int = 0,
) -> Xray:
    """Run `batch` through `module` forward and backward once, and read what passes; see `Xray`.

    `module` is any `nn.Module`; data-parallel and compiled ones are unwrapped. `batch` is a tensor, a tuple of
    arguments or a mapping of keyword arguments, with the inputs along `batch_axis`. `objective` takes what the module
    returns to a scalar: a loss, say. `sites` are places of a net of ours, or names as an x-ray of another module gives
    them: what each module returned, by its path, and each residual addition, `layer1.0.sum` (see `modules.Trace`).

    The module runs in its mode and under the caller's autocast, and is left as it was: parameters, their `.grad`,
    buffers, mode and PyTorch's random state; its own hooks run, and what it keeps elsewhere (an attribute that is no
    buffer, Python's random state) is its own affair. Memory is that of an ordinary training step. Gradients
    that are exactly zero beside tensors that are cost further passes (see `TensorState`). A site that the pass does not
    reach, such as a branch that stochastic depth leaves out, is not in the result. Raises `SignalError` for what cannot
    be measured, and for whatever the module raises.
    """
    target = unwrapped(module)
    chosen = sites if isinstance(sites, str) else tuple(sites)
    wanted = wanted_sites(target, chosen)
    with undisturbed(target):
        data = batch_of(target, batch, batch_axis=batch_axis)
        incoming, record = Record(), Record()
        for name, leaf in data.leaves.items():
            incoming.read(name, leaf, LayoutGuess(data.num_inputs, batch_axis).of(leaf, is_sequence_first=False))
        with recorded(target, record, wanted, LayoutGuess(data.num_inputs, batch_axis)) as place:
            outputs = _run(target, data, place)
        record.let_go()
        value = checked_value(objective(outputs))
        del outputs
        steepness = _gradient_norms(target, data, value)
        record.let_go()
        norms = {name: norm_of(tensor) for name, tensor in target.named_parameters()}
        numbers = fetched(incoming.rows(), record.rows(), [*norms.values()], [*steepness.values()], [value])
        tensors = _tensor_readings(
            target,
            dict(zip(norms, [number for (number,) in numbers[2]], strict=True)),
            dict(zip(steepness, [number for (number,) in numbers[3]], strict=True)),
        )
        tensors = _with_sleepers(target, data, objective, tensors)
    found = record.readings(numbers[1])
    _check_met(target, chosen, found)
    return Xray(
        inputs=incoming.readings(numbers[0]),
        sites=found,
        outputs=_outputs(target, found),
        sums=tuple(name for name in record.sums if name in found),
        tensors=tensors,
        num_inputs=data.num_inputs,
        objective=numbers[4][0][0],
        is_training=target.training,
    )


def wanted_sites(module: nn.Module, sites: Iterable[str]) -> Collection[str]:
    """The names to read, in order; none: all. Raises for a place that a net of ours has not, and for one name alone."""
    if isinstance(sites, str):
        raise SignalError(f'sites is {sites!r}, which is one place; expected a list of places. Write ["{sites}"].')
    wanted = list(dict.fromkeys(sites))
    if not isinstance(module, ResidualNet):
        return wanted
    if wanted:
        return places_of(module, wanted)
    there = {name for name, _ in module.named_modules(remove_duplicate=False)}
    return [name for name in unfold(module.network).sites if name in there]


def _outputs(module: nn.Module, found: Mapping[str, object]) -> dict[str, str]:
    """Those of `found` that stand behind a block of a net of ours, each with its stage."""
    outputs = unfold(module.network).outputs if isinstance(module, ResidualNet) else {}
    return {name: stage for name, stage in outputs.items() if name in found}


def _check_met(module: nn.Module, sites: Iterable[str], found: Mapping[str, object]) -> None:
    """Refuse where one of `sites` did not pass."""
    missed = [name for name in sites if name not in found]
    if missed:
        names = [*found, *(name for name, _ in module.named_modules() if name and name != missed[0])]
        hint = did_you_mean(missed[0], names)
        raise SignalError(
            f"nothing passed at {missed[0]!r}: no module of that path ran and returned floating-point numbers, and no "
            f"addition of that name was made.{hint} An x-ray without sites= has all there are."
        )


def _run(module: nn.Module, batch: Batch, place: Callable[[], str]) -> Any:
    try:
        return called(module, batch, {})
    except (SignalError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        where = f" at {place()!r}" if place() else ""
        raise SignalError(
            f"the forward pass raised {type(error).__name__}{where}: {error}. The module must run on the batch as "
            "module(batch), module(*batch) for a tuple or module(**batch) for a mapping; see the error above."
        ) from error


def _gradient_norms(module: nn.Module, batch: Batch, value: Tensor) -> dict[str, Tensor]:
    """The norm of the gradient of each parameter that the objective depends on; the sites' hooks run on the way."""
    parameters = {name: tensor for name, tensor in module.named_parameters() if tensor.requires_grad}
    try:  # with respect to the inputs too, so that it reaches every site
        gradients = torch.autograd.grad(value, [*parameters.values(), *batch.leaves.values()], allow_unused=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise SignalError(
            f"the backward pass raised {type(error).__name__}: {error}. Where it speaks of checkpoints, use "
            "use_reentrant=False; where of a tensor modified in place, take the in-place operation away."
        ) from error
    found = zip(parameters, gradients, strict=False)
    return {name: norm_of(gradient) for name, gradient in found if gradient is not None}


def _tensor_readings(
    module: nn.Module, norms: Mapping[str, float], steepness: Mapping[str, float]
) -> dict[str, TensorReading]:
    readings: dict[str, TensorReading] = {}
    for name, tensor in module.named_parameters():
        state: TensorState = "live"
        if not tensor.requires_grad:
            state = "frozen"
        elif name not in steepness:
            state = "unused"
        elif steepness[name] == 0:
            state = "dead"
        readings[name] = TensorReading(tuple(tensor.shape), norms[name], steepness.get(name), state)
    return readings


def _with_sleepers(
    module: nn.Module, batch: Batch, objective: Objective, tensors: dict[str, TensorReading]
) -> dict[str, TensorReading]:
    """`tensors` with those called asleep that are."""
    still = [name for name, reading in tensors.items() if reading.state == "dead"]
    zeros = [name for name, reading in tensors.items() if reading.norm == 0 and reading.gradient_norm is not None]
    if not still or not zeros:
        return tensors
    awake = woken(module, batch, objective, still=still, zeros=zeros)
    return {
        name: TensorReading(reading.shape, reading.norm, reading.gradient_norm, "asleep") if name in awake else reading
        for name, reading in tensors.items()
    }
