"""The Blocks tab: one block layer by layer, with shapes, weights and cost, and the network of a depth and width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, get_args

from skipline.costs import StepCost, cost
from skipline.lab.code import code_of_blocks
from skipline.lab.reading import Reader, one_of, read_fields, whole
from skipline.lab.setup import SHORTCUT_OPTIONS, Setup, read_setup
from skipline.report.network.outline import layer_text, outline
from skipline.spec import Block, Branch, Head, Network, NoShortcut, Stage, Stem, Step, unfold
from skipline.spec.block import BRANCH_KINDS, ORDERS, StrideAt
from skipline.spec.layers import Conv, Linear, Normalise
from skipline.zoo.families import shortcut_of

_MOST_CHANNELS = 2048
_SIDES = (4, 224)  # pixels: the least and the most of a drawing
_FIELDS: Mapping[str, Reader] = {
    "branch": one_of(BRANCH_KINDS),
    "order": one_of(ORDERS),
    "shortcut": one_of(("none", *SHORTCUT_OPTIONS)),
    "stride_at": one_of(get_args(StrideAt)),
    "in": whole(4, _MOST_CHANNELS),
    "out": whole(4, _MOST_CHANNELS),
    "stride": whole(1, 2),
    "side": whole(*_SIDES),
}
_STANDARD: Mapping[str, Any] = {
    "branch": "basic",
    "order": "post",
    "shortcut": "a",
    "stride_at": "first",
    "in": 64,
    "out": 64,
    "stride": 1,
    "side": 56,
}


def _read_block(_key: str, value: Any) -> dict[str, Any]:
    return {**_STANDARD, **read_fields(value, _FIELDS, what="a block")}


_REQUEST: Mapping[str, Reader] = {"block": _read_block, "setup": read_setup}


def blocks(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The block that is asked for, then the network; raises `LabError` for what is not understood."""
    said = {"block": _STANDARD, "setup": Setup(), **read_fields(request, _REQUEST, what="a request for blocks")}
    asked, setup = said["block"], said["setup"]
    network = _network(asked)
    yield {"part": "block", **_block(network, asked)}
    drawn = outline(setup.candidate.network, image_size=setup.conditions.image_size)
    yield {
        "part": "network",
        "name": drawn.name,
        "depth": drawn.depth,
        "parameters": drawn.parameters,
        "macs": drawn.macs,
        "rows": [asdict(row) for row in drawn.rows],
        "code": code_of_blocks(network, setup, side=asked["side"]),
    }


def _network(given: Mapping[str, Any]) -> Network:
    """A network whose second stage is the block, with one before it, so that it is a block like any other."""
    is_basic = given["branch"] == "basic"
    narrow = {key: given[key] if is_basic else max(1, given[key] // 4) for key in ("in", "out")}
    branch = Branch(given["branch"], stride_at=given["stride_at"])
    shortcut = NoShortcut() if given["shortcut"] == "none" else shortcut_of("residual", given["shortcut"])
    block = Block(branch, shortcut, order=given["order"])
    before = Stage(1, given["in"], narrow["in"], block=block)
    stage = Stage(1, given["out"], narrow["out"], stride=given["stride"], block=block)
    return Network("block", given["in"], Stem((given["in"],)), (before, stage), Head(10))


def _block(network: Network, given: Mapping[str, Any]) -> dict[str, Any]:
    plan = unfold(network).blocks[1]
    costs = {step.name: step for step in cost(network, image_size=given["side"]).steps}
    return {
        "in_shape": [given["in"], given["side"], given["side"]],
        "out_shape": list(costs[plan.branch[-1].name].shape),
        "is_residual": plan.is_residual,
        "shortcut_reads_entry": plan.shortcut_reads_entry,
        "entry": _layers(plan.entry, costs),
        "branch": _layers(plan.branch, costs),
        "shortcut": _layers(plan.shortcut, costs),
        "out": _layers(plan.out, costs),
    }


def _layers(steps: Iterable[Step], costs: Mapping[str, StepCost]) -> list[dict[str, Any]]:
    return [
        {
            "name": step.name.split(".", 2)[2],
            "text": layer_text(step.layer),
            "has_weights": isinstance(step.layer, Conv | Linear | Normalise),
            "shape": list(costs[step.name].shape),
            "parameters": costs[step.name].parameters,
            "macs": costs[step.name].macs,
        }
        for step in steps
    ]
