"""`docs/models.md`: every named network, what was checked of it, and the largest difference from other libraries' own.

    python benchmarks/models_page.py --results FILE [--seconds N] [--only TEXT]

Each network's results are a line of FILE as soon as they are there, and networks that have a line are left out: the
command can be interrupted and called again. Once all have one, the page is written. It takes about twenty minutes on
one core, and 4 GB. A network of more than `LARGEST` parameters is checked with one block a stage; the page says so.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from export_table import export
from parity import compare

from skipline.costs import cost
from skipline.data import Preprocess
from skipline.init import build
from skipline.nn import ResidualNet, assemble, seed_dropout
from skipline.spec import Network
from skipline.weights import TrainedModel, WeightsError, load_model, save_model, set_weights
from skipline.weights.foreign_file import ForeignFile
from skipline.weights.save import named_tensors
from skipline.weights.sources import SOURCES
from skipline.zoo import Row, describe, models

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
LARGEST = 150_000_000  # parameters: two networks with gradients of that size are 2.4 GB
TOLERANCE = 1e-5  # of fp32; a training pass above it is made again in float64
IMAGE = 64  # pixels a side, at most: enough for every stage, and quick
LIBRARIES = ("torch", "timm", "torchvision", "transformers")


def check(row: Row) -> dict[str, Any]:
    """All that is checked of one row, by its example."""
    named = describe(row.example)
    size = min(row.image_size, IMAGE)
    parameters = sum(parameter.numel() for parameter in assemble(named, device="meta").parameters())
    network = with_blocks(named, most=1) if parameters > LARGEST else named
    net, short = build(network, seed=1), build(with_blocks(network, most=2), seed=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "name": row.example,
            "row": row.name,
            "family": row.family,
            "parameters": parameters,
            "is_cut": network != named,
            "builds": all(bool(tensor.isfinite().all()) for tensor in net.state_dict().values()),
            "costs": cost(named, image_size=row.image_size).parameters == parameters,
            "reloads": reloads(net, folder / "model.safetensors", size),
            "trains": trains(net, size),
            "exports": exports(row.example),
            "sources": [source for source in (row.name for row in SOURCES) if returns(short, source)],
            "peers": [compared(peer, network, folder, is_cut=network != named) for peer in row.peers],
        }


def with_blocks(network: Network, *, most: int) -> Network:
    """`network` with at most so many blocks a stage."""
    stages = (replace(stage, num_blocks=min(most, stage.num_blocks)) for stage in network.stages)
    return replace(network, stages=tuple(stages))


def reloads(net: ResidualNet, path: Path, size: int) -> bool:
    """Whether our own file gives the same logits to the bit."""
    network = net.network
    zeros, ones = (0.0,) * network.in_channels, (1.0,) * network.in_channels
    names = tuple(map(str, range(network.head.num_classes)))
    save_model(path, TrainedModel(net, Preprocess(zeros, ones), names))
    images = torch.empty(2, network.in_channels, size, size).normal_(generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return torch.equal(load_model(path).net(images), net.eval()(images))


def trains(net: ResidualNet, size: int) -> bool:
    """Whether a training pass gives every parameter a finite gradient."""
    net.train()
    seed_dropout(net, 3)
    images = torch.empty(2, net.network.in_channels, size, size).normal_(generator=torch.Generator().manual_seed(2))
    logits = net(images)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    gradients = [parameter.grad for parameter in net.parameters()]
    return all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients)


def exports(name: str) -> bool:
    """Whether the network called `name` is copied and exported, at its whole depth."""
    try:
        export(name)
    except Exception:  # whatever PyTorch raises there
        return False
    return True


def returns(net: ResidualNet, source: str) -> bool:
    """Whether the tensors come back to the bit from under the names of `source`; no, where it has no such network."""
    row = next(row for row in SOURCES if row.name == source)
    try:
        tensors = named_tensors(net, row)
    except WeightsError:
        return False
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    back = assemble(net.network)
    set_weights(back, ForeignFile(Path(source), kept, "", (), (), 0, {}), source=source, head="load", stem="load")
    same = all(torch.equal(tensor, back.state_dict()[name]) for name, tensor in net.state_dict().items())
    assert same, f"{net.network.name} does not come back from the names of {source}"
    return same


def compared(peer: str, network: Network, folder: Path, *, is_cut: bool) -> dict[str, Any]:
    """The differences from one peer, in fp32 and, where training is above `TOLERANCE` there, in float64 too."""
    blocks = (1,) * len(network.stages) if is_cut else ()
    found = compare(peer, network, folder, image_size=IMAGE, blocks=blocks)
    result: dict[str, Any] = {"peer": peer, "blocks": list(blocks), **asdict(found)}
    if max(found.evaluating, found.training) > TOLERANCE:
        result["double"] = asdict(compare(peer, network, folder, image_size=IMAGE, blocks=blocks, double=True))
    return result


def page(results: list[dict[str, Any]]) -> str:
    """The page as Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    shared = [result for result in results if result["peers"]]
    peers = [peer for result in results for peer in result["peers"]]
    single = [max(peer["evaluating"], peer["training"]) for peer in peers]
    near = max((figure for figure in single if figure <= TOLERANCE), default=0.0)
    double = [max(peer["double"]["evaluating"], peer["double"]["training"]) for peer in peers if "double" in peer]
    again = (
        f"The other {len(double)} add in another order than the peer, so that an activation within rounding of 0 falls "
        "on the other side and has another gradient; in float64, the second figure, they are at most "
        f"{shown(max(double))}."
        if double
        else "None had to be repeated in float64."
    )
    head = f"""# Models
Written by `python benchmarks/models_page.py --results FILE`; to change it, change that. {versions}, CPU.

{len(results)} rows, {len(shared)} of which other libraries have too. Every row **builds** (all weights finite); its
**cost** is right (parameters counted from the description are those of the modules); its own **file** gives the same
logits to the bit; it **trains** (a training pass gives every parameter a finite gradient); `torch.export`
**exports** a copy of it, at its whole depth. **Names**: whose names its tensors, with at most two blocks a stage, can
take and come back from to the bit.

**Evaluation** and **training** are the largest differences from the peer's own network with the same random weights,
on two images of {IMAGE}×{IMAGE}: `max |ours − theirs| / max |theirs|` over one tensor, the largest over logits and, in
training mode, the gradients of the image and of all parameters and the running statistics. 0: the same bits. Of
{len(peers)} comparisons {single.count(0.0)} are 0 and {len(peers) - len(double)} at most {shown(near)}, in fp32.
{again}

The weights travelled as files, here by `load_weights` and back by `save_weights`, which gives the peer's tensors to the
bit. Networks of more than {LARGEST:,} parameters were checked with one block per stage, as noted in their row.

| network | parameters | builds | cost | file | trains | exports | names | peer | evaluation | training |
| --- | ---: | :-: | :-: | :-: | :-: | :-: | --- | --- | ---: | ---: |
"""
    return head + "".join(f"| {' | '.join(cells)} |\n" for result in results for cells in lines(result))


def lines(result: dict[str, Any]) -> Iterator[list[str]]:
    """A line of the table for the row's first peer, or for none, and one for each of the others."""
    marks = ["✓" if result[key] else "✗" for key in ("builds", "costs", "reloads", "trains", "exports")]
    sources = [source for source in result["sources"] if source != "skipline"]
    cut = ", as one block a stage" if result["is_cut"] else ""
    first = [f"`{result['name']}`{cut}", f"{result['parameters']:,}", *marks, " ".join(sources)]
    for number, peer in enumerate(result["peers"] or [None]):
        begin = first if number == 0 else [""] * len(first)
        yield [*begin, *(["", "", ""] if peer is None else peer_cells(peer))]


def peer_cells(peer: dict[str, Any]) -> list[str]:
    """The peer's name and the two differences, with those in float64 where they were taken."""
    cells = [peer["peer"]]
    for mode in ("evaluating", "training"):
        double = f", {shown(peer['double'][mode])}" if "double" in peer else ""
        cells.append(shown(peer[mode]) + double)
    assert peer["returns"], f"{peer['peer']} does not get its tensors back"
    return cells


def shown(difference: float) -> str:
    """`0`, or a power of ten with one digit, rounded up: what is said to be the most is the most."""
    if not difference:
        return "0"
    power = math.floor(math.log10(difference))
    return f"{math.ceil(difference / 10.0**power)}e{power:03d}"


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The results that are there, by the row's name."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return {entry["row"]: entry for entry in map(json.loads, text.splitlines())}


def main() -> None:
    """Check what has no result yet, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="file of results, a line a network")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no further network after so long")
    parser.add_argument("--only", default="", help="a part of the names to check")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    for row in models():
        if row.name in read(options.results) or options.only not in row.name:
            continue
        if time.monotonic() - started > options.seconds:
            break
        began = time.monotonic()
        result = check(row)
        with open(options.results, "a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        largest = max((peer["training"] for peer in result["peers"]), default=0.0)
        print(f"{row.example}: {largest:.1e}, {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    results = read(options.results)
    missing = [row.name for row in models() if row.name not in results]
    if missing:
        sys.exit(f"{len(missing)} networks have no result yet: call again")
    PAGE.write_text(page([results[row.name] for row in models()]), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
