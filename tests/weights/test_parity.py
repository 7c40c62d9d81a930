"""Parity with the peers' own networks, through files: each kind of names once, cut short, and the page of all rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from skipline.zoo import describe

pytestmark = pytest.mark.slow  # every source of weights; test_sources.py and test_load.py are quick

ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5  # relative, fp32
SHORT = (1, 2, 1, 1)


def compared(parity: ModuleType, peer: str, name: str, folder: Path, *, double: bool = False):
    network = describe(name)
    stages = tuple(replace(stage, num_blocks=n) for stage, n in zip(network.stages, SHORT, strict=True))
    try:
        return parity.compare(peer, replace(network, stages=stages), folder, image_size=48, blocks=SHORT, double=double)
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("timm:resnet18", "resnet18"),
        ("timm:seresnet50t", "seresnet50t"),
        ("timm:ecaresnet26t", "ecaresnet26t"),
        ("timm:resnetrs50", "resnetrs50"),
        ("timm:resnetblur50", "resnetblur50"),
        ("timm:resnetv2_50d", "preresnet50d"),
        ("timm:resnetv2_50x1_bit", "bit_r50x1"),
        ("transformers:microsoft/resnet-34", "resnet34"),
        ("transformers:microsoft/resnet-50", "resnet50"),
        ("transformers:microsoft/resnet-50+downsample_in_bottleneck", "resnet50_v1"),
        ("transformers:google/bit-50", "bit_r50x1"),
    ],
)
def test_weights_come_and_go_and_compute_the_same(parity: ModuleType, peer: str, name: str, tmp_path: Path) -> None:
    found = compared(parity, peer, name, tmp_path)
    assert found.evaluating < TOLERANCE
    assert found.training < TOLERANCE
    assert found.returns


def test_torchvision(parity: ModuleType, tmp_path: Path) -> None:
    try:
        found = parity.compare("torchvision:resnet18", describe("resnet18"), tmp_path, image_size=48)
    except ImportError as error:
        pytest.skip(str(error))
    assert max(found.evaluating, found.training) < TOLERANCE
    assert found.returns


def test_in_double_rounding_is_all_that_is_left(parity: ModuleType, tmp_path: Path) -> None:
    found = compared(parity, "timm:resnetv2_50", "preresnet50", tmp_path, double=True)
    assert max(found.evaluating, found.training) < 1e-12
    assert found.returns


def test_a_difference_is_seen(parity: ModuleType, tmp_path: Path) -> None:
    """The same weights in a network that strides elsewhere: the figures must say so."""
    found = compared(parity, "timm:resnet50", "resnet50_v1", tmp_path)
    assert found.evaluating > 0.01
    assert found.training > 0.01
    assert parity.difference(torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0])) == 0.25
    assert parity.difference(torch.tensor([float("nan")]), torch.ones(1)) == float("inf")
    assert parity.difference(torch.zeros(1), torch.zeros(1)) == 0.0


def test_google_weights_are_read_by_timm_as_by_us(parity: ModuleType, tmp_path: Path) -> None:
    """An .npz that `save_weights` wrote, in timm's own reader of Big Transfer's files."""
    import numpy as np

    from skipline.init import build
    from skipline.weights import load_weights, save_weights

    network = describe("bit_r50x1")
    network = replace(network, stages=tuple(replace(stage, num_blocks=1) for stage in network.stages))
    net = build(network, seed=1)
    save_weights(net, tmp_path / "bit.npz", names="bit")
    try:
        theirs = parity.make_peer("timm:resnetv2_50x1_bit", blocks=(1, 1, 1, 1))
    except ImportError as error:
        pytest.skip(str(error))
    theirs.load_pretrained(str(tmp_path / "bit.npz"))
    back = build(network, seed=2)
    loaded = load_weights(back, tmp_path / "bit.npz")
    assert loaded.source == "bit"
    assert np.load(tmp_path / "bit.npz")["resnet/block1/unit01/b/standardized_conv2d/kernel"].shape == (3, 3, 64, 64)
    images = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.eval()(images)
        assert parity.difference(back.eval()(images), expected) < TOLERANCE


# ---- the page


def test_the_page_has_every_row_and_sixty_with_a_peer(parity: ModuleType) -> None:
    from skipline.zoo import models

    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    rows = {cells[0].partition(",")[0].strip("`"): cells for cells in lines[2:] if cells[0]}
    again = "run benchmarks/models_page.py again"
    assert list(rows) == [row.example for row in models()], again
    assert all(cells[2:7] == ["✓"] * 5 for cells in rows.values())
    shared = {name for name, cells in rows.items() if cells[8]}
    assert len(shared) >= 60
    for cells in lines[2:]:
        for figures in cells[9:11]:
            single, _, double = figures.partition(", ")
            assert not single or float(single) < TOLERANCE or float(double) < 1e-10, cells
