"""Other people's weights into a net of ours: recognised, checked against all of it, then set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from skipline import spec
from skipline.amount import counted
from skipline.nn import ResidualNet, assemble
from skipline.nn.input import adapted_filters
from skipline.spec import Network, SpecError
from skipline.weights.convention import assumptions, disagreements
from skipline.weights.error import WeightsError
from skipline.weights.foreign_file import ForeignFile, read_foreign
from skipline.weights.recognise import Recognised, recognise
from skipline.weights.source import FIRST_FILTERS, Entry, Source
from skipline.wording import few

HEAD = "head.linear."


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load_weights` found and did.

    `source`: whose names they are; `also`: other sources that would name this network's tensors the same. `nested_in`:
    the file's entries that led to the tensors; `stripped`: prefixes taken off their names. `num_tensors` were set.
    `kept`: our tensors that stayed as they were (a new head); `adapted`: those changed to fit. `notes` say what was
    done or assumed, `warnings` where the outputs may differ from those that the weights were trained for.
    """

    path: Path
    network: str
    source: str
    also: tuple[str, ...]
    nested_in: str
    stripped: tuple[str, ...]
    num_tensors: int
    kept: tuple[str, ...]
    adapted: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def load_weights(
    net: ResidualNet,
    file: Path | str,
    *,
    source: str = "auto",
    head: Literal["load", "keep"] = "load",
    stem: Literal["load", "adapt"] = "load",
) -> Loaded:
    """Set every parameter and running statistic of `net` from `file`, and say what was recognised.

    `file` is a `.pth`, `.pt`, `.th`, `.bin`, `.pyth`, `.ckpt`, `.pth.tar`, `.safetensors` or `.npz` with the names of
    torchvision, timm, transformers, Big Transfer, pycls, a CIFAR repository (akamaster, chenyaofo, kuangliu,
    weiaicunzai) or skipline; `source` "auto" tells which by the names. Nothing in it is run. Values are widened or
    rounded to the net's dtype.

    Every tensor must be there, of the right shape, and no other. Two exceptions can be asked for. `head="keep"`: the
    classifier stays as it is, whatever the file's. `stem="adapt"`: the first convolution's filters, for C channels in
    the file, are summed for images of one channel; for n channels they are repeated in turn and scaled by C / n.

    Raises `WeightsError` naming what is missing, unexpected or of another shape; the net is then as it was.
    """
    require_net(net)
    if not isinstance(file, str | Path):
        raise WeightsError(
            f"weights come from a file, and a {type(file).__name__} came: load_weights(net, 'resnet50.pth'). Save a "
            "state dict first, with torch.save(state_dict, 'weights.pth')."
        )
    return set_weights(net, read_foreign(Path(file)), source=source, head=head, stem=stem)


def require_net(net: object) -> None:
    """Raise `WeightsError` unless `net` is a network of ours: another module has no description to go by."""
    if not isinstance(net, ResidualNet):
        raise WeightsError(
            f"a net that skipline built is expected, and a {type(net).__name__} came. Build one: "
            "skipline.build(skipline.describe('resnet50'))."
        )


def set_weights(
    net: ResidualNet,
    found: ForeignFile,
    *,
    source: str,
    head: Literal["load", "keep"],
    stem: Literal["load", "adapt"],
) -> Loaded:
    """`load_weights` with a file that has been read."""
    own = net.state_dict()
    known, kept, wanted, came, adapted = _fitted(found, net.network, own, source=source, head=head, stem=stem)
    values = {entry.ours: entry.to_ours(came[theirs]) for theirs, entry in wanted.items()}
    ready = {name: value.to(own[name].dtype) for name, value in values.items()}  # before the first is set
    with torch.no_grad():
        for name, value in ready.items():
            own[name].copy_(value)
    return Loaded(
        path=found.path,
        network=net.network.name,
        source=known.source.name,
        also=known.also,
        nested_in=found.nested_in,
        stripped=found.stripped,
        num_tensors=len(ready),
        kept=kept,
        adapted=tuple(wanted[name].ours for name in adapted),
        notes=(*_notes(found, values, own), *assumptions(net.network, known.source)),
        warnings=(
            *disagreements(net.network, known.source),
            *_other_description(found, net.network),
            *_broken(ready),
        ),
    )


def require_fit(
    network: Network,
    found: ForeignFile,
    *,
    source: str,
    head: Literal["load", "keep"],
    stem: Literal["load", "adapt"],
) -> Recognised:
    """Raise what `set_weights` would for a net of `network`, without building one: nothing is allocated for it."""
    own = assemble(network, device="meta").state_dict()
    return _fitted(found, network, own, source=source, head=head, stem=stem).known


class _Fitted(NamedTuple):
    known: Recognised
    kept: tuple[str, ...]
    wanted: Mapping[str, Entry]
    came: Mapping[str, Tensor]
    adapted: Mapping[str, Tensor]


def _fitted(
    found: ForeignFile,
    network: Network,
    own: Mapping[str, Tensor],
    *,
    source: str,
    head: Literal["load", "keep"],
    stem: Literal["load", "adapt"],
) -> _Fitted:
    """Which of the file's tensors go where, checked whole."""
    if head not in ("load", "keep") or stem not in ("load", "adapt"):
        raise WeightsError(f"head is {head!r} and stem {stem!r}; head is 'load' or 'keep', stem is 'load' or 'adapt'.")
    known = recognise(found, network, own, source=source)
    table = known.table
    kept = tuple(name for name in own if head == "keep" and name.startswith(HEAD))
    wanted = {entry.theirs: entry for name, entry in table.items() if name not in kept}
    ignored = {table[name].theirs for name in kept}
    came = {name: tensor for name, tensor in found.tensors.items() if name not in ignored}
    adapted = _adapted(came, table[FIRST_FILTERS], own[FIRST_FILTERS]) if stem == "adapt" else {}
    came |= adapted
    _check(found.path, known.source, network, came, wanted, own)
    return _Fitted(known, kept, wanted, came, adapted)


def _adapted(came: Mapping[str, Tensor], entry: Entry, own: Tensor) -> dict[str, Tensor]:
    """The file's first convolution for the net's number of channels; nothing where it fits, or fits in no way."""
    tensor = came.get(entry.theirs)
    if tensor is None or tensor.dim() != 4 or not tensor.is_floating_point():
        return {}
    filters = entry.to_ours(tensor)
    if filters.shape[1] in (0, own.shape[1]) or _but_channels(filters) != _but_channels(own):
        return {}
    exact = filters.to(torch.promote_types(filters.dtype, own.dtype))
    return {entry.theirs: entry.to_theirs(adapted_filters(exact, own.shape[1]))}


def _but_channels(filters: Tensor) -> tuple[int, ...]:
    return (filters.shape[0], *filters.shape[2:])


def _check(
    path: Path,
    row: Source,
    network: Network,
    came: Mapping[str, Tensor],
    wanted: Mapping[str, Entry],
    own: Mapping[str, Tensor],
) -> None:
    """Refuse unless `came` has exactly the tensors `wanted`, each dense, of real numbers and of its shape."""
    missing = [name for name in wanted if name not in came]
    unexpected = [name for name in came if name not in wanted]
    shaped = []
    for name, entry in wanted.items():
        expected = tuple(entry.to_theirs(own[entry.ours]).shape)
        if name in came and tuple(came[name].shape) != expected:
            shaped.append(f"{name} is {tuple(came[name].shape)}, expected {expected}")
    kinds = (("missing", missing), ("unexpected", unexpected), ("of another shape", shaped))
    wrong = [f"{len(names)} {kind} ({few(names)})" for kind, names in kinds if names]
    if wrong:
        raise WeightsError(
            f"{path}, read with the names of {row.name}, does not fit {network.name}: {'; '.join(wrong)}. "
            f"Nothing was changed.{_remedy(missing, unexpected, wanted, came, own)}"
        )
    for name in wanted:
        if came[name].layout is not torch.strided or not came[name].is_floating_point():
            raise WeightsError(
                f"{path}: {name} is {_dtype(came[name])}; expected floating-point numbers, such as float32. "
                "Quantised, sparse and complex weights are not read. Nothing was changed."
            )


def _remedy(
    missing: list[str],
    unexpected: list[str],
    wanted: Mapping[str, Entry],
    came: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
) -> str:
    """What to ask for, where only the classifier or the stem's first convolution stands in the way."""
    bad = set(missing)
    for name, entry in wanted.items():
        if name in came and came[name].shape != entry.to_theirs(own[entry.ours]).shape:
            bad.add(name)
    if not bad or unexpected:
        return ""
    ours = {wanted[name].ours for name in bad}
    if all(name.startswith(HEAD) for name in ours):
        return " Only the classifier differs: head='keep', or --new-head, leaves the net's own."
    if ours == {FIRST_FILTERS} and not missing:
        return " Only the images' channels differ: stem='adapt', or --channels, adapts the first convolution."
    return ""


def _notes(found: ForeignFile, values: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    notes = []
    if found.beside:
        notes.append(f"{found.nested_in} was read; the file also has {', '.join(found.beside)}")
    changed = Counter(
        (_dtype(tensor), _dtype(own[name])) for name, tensor in values.items() if tensor.dtype != own[name].dtype
    )
    notes += [
        f"{counted(count, 'tensor')} turned from {theirs} into {ours}" for (theirs, ours), count in changed.items()
    ]
    return notes


def _other_description(found: ForeignFile, network: Network) -> list[str]:
    """Our own files say what they were trained as."""
    if "network" not in found.header:
        return []
    try:
        there = spec.from_json(found.header["network"])
    except SpecError:
        return []
    if replace(there, name=network.name, in_channels=network.in_channels, head=network.head) == network:
        return []
    return [f"the file's own description, of {there.name}, differs from that of {network.name}: outputs will too"]


def _broken(values: Mapping[str, Tensor]) -> list[str]:
    broken = [name for name, tensor in values.items() if not bool(tensor.isfinite().all())]
    return [f"{counted(len(broken), 'tensor')} with non-finite values: {few(broken)}"] if broken else []


def _dtype(tensor: Tensor) -> str:
    name = str(tensor.dtype).removeprefix("torch.")
    return name if tensor.layout is torch.strided else f"sparse {name}"
