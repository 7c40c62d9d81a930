"""Parity of augmentations with torchvision's transforms v2, functional; skipped where torchvision is absent."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from skipline.data.augmentation import policy
from skipline.data.augmentation.boxes import Boxes, erased, resized_crop
from skipline.data.augmentation.colour import brightness, contrast, hue, saturation, sharpness

SIDE = 24
_PEERS = Path(__file__).parents[3] / "benchmarks" / "peers.py"  # shared with the benchmarks; not part of the package


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    """torchvision.transforms.v2.functional."""
    specification = importlib.util.spec_from_file_location("peers", _PEERS)
    assert specification is not None
    assert specification.loader is not None
    peers = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(peers)
    try:
        peers.import_torchvision()
    except peers.PeerMissingError as error:
        pytest.skip(str(error))
    from torchvision.transforms.v2 import functional

    return functional


@pytest.fixture(scope="module")
def images() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(6, 3, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")
    smooth[5] = 0.5  # grey: no hue, no contrast
    return smooth


FACTORS = torch.tensor([0.0, 0.3, 0.8, 1.0, 1.4, 1.9])
SHIFTS = torch.tensor([-0.5, -0.21, 0.0, 0.1, 0.33, 0.5])


@pytest.mark.parametrize(
    ("ours", "theirs", "values"),
    [
        (brightness, "adjust_brightness", FACTORS),
        (contrast, "adjust_contrast", FACTORS),
        (saturation, "adjust_saturation", FACTORS),
        (sharpness, "adjust_sharpness", FACTORS),
        (hue, "adjust_hue", SHIFTS),
    ],
)
def test_colours(peer: ModuleType, images: Tensor, ours: Any, theirs: str, values: Tensor) -> None:
    expected = torch.stack([getattr(peer, theirs)(image, v) for image, v in zip(images, values.tolist(), strict=True)])
    assert torch.allclose(ours(images, values), expected, atol=2e-6)


@pytest.mark.parametrize("side", [SIDE, 13, 7])
def test_a_box_is_enlarged_or_made_smaller(peer: ModuleType, images: Tensor, side: int) -> None:
    boxes = Boxes(
        *(
            torch.tensor(v)
            for v in ([0, 3, 5, 0, 23, 7], [0, 1, 9, 4, 23, 2], [24, 9, 7, 1, 1, 16], [24, 20, 15, 20, 1, 5])
        )
    )
    expected = [
        peer.resized_crop(image, *box, size=[side, side], antialias=True)
        for image, *box in zip(
            images, *(b.tolist() for b in (boxes.top, boxes.left, boxes.height, boxes.width)), strict=True
        )
    ]
    found = resized_crop(images, boxes, height=side, width=side)
    assert torch.allclose(found, torch.stack(expected), atol=2e-6)


def test_a_box_is_erased(peer: ModuleType, images: Tensor) -> None:
    boxes = Boxes(*(torch.tensor([v] * 6) for v in (3, 4, 9, 5)))
    expected = peer.erase(images[:3], 3, 4, 9, 5, v=torch.zeros(1))
    found = erased(images, boxes, torch.tensor([True, True, True, False, False, False]))
    assert torch.equal(found[:3], expected)
    assert torch.equal(found[3:], images[3:])


def affine(peer: ModuleType, image: Tensor, *, angle: float = 0.0, move: tuple[int, int] = (0, 0)) -> Tensor:
    return peer.affine(image, angle=angle, translate=list(move), scale=1.0, shear=[0.0, 0.0])


def sheared(peer: ModuleType, image: Tensor, x: float, y: float) -> Tensor:
    shear = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return peer.affine(image, angle=0.0, translate=[0, 0], scale=1.0, shear=shear, center=[0, 0])


OPERATIONS: dict[str, tuple[int, float, Any]] = {
    "shear x": (1, 0.4, lambda peer, image, m: sheared(peer, image, m, 0.0)),
    "shear y": (2, -0.7, lambda peer, image, m: sheared(peer, image, 0.0, m)),
    "translate x": (3, 7.9, lambda peer, image, m: affine(peer, image, move=(int(m), 0))),
    "translate y": (4, -5.3, lambda peer, image, m: affine(peer, image, move=(0, int(m)))),
    "rotate": (5, 33.0, lambda peer, image, m: peer.rotate(image, angle=m)),
    "brightness": (6, 0.5, lambda peer, image, m: peer.adjust_brightness(image, 1 + m)),
    "colour": (7, -0.6, lambda peer, image, m: peer.adjust_saturation(image, 1 + m)),
    "contrast": (8, 0.7, lambda peer, image, m: peer.adjust_contrast(image, 1 + m)),
    "sharpness": (9, 0.9, lambda peer, image, m: peer.adjust_sharpness(image, 1 + m)),
    "posterise": (10, 3.0, lambda peer, image, m: peer.posterize(image, int(m))),
    "solarise": (11, 127.5, lambda peer, image, m: peer.solarize(image, m)),
    "auto contrast": (12, 0.0, lambda peer, image, m: peer.autocontrast(image)),
    "equalise": (13, 0.0, lambda peer, image, m: peer.equalize(image)),
}


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_operations_of_policies(peer: ModuleType, images: Tensor, name: str) -> None:
    number, magnitude, theirs = OPERATIONS[name]
    raw = (images * 255).to(torch.uint8)
    ours = policy._TRIVIAL[number].apply(raw, torch.full((len(raw),), magnitude))
    expected = torch.stack([theirs(peer, image, magnitude) for image in raw])
    # Grey is rounded there before it is blended, and not here; where two pixels are equally near, either may be taken.
    difference = (ours.int() - expected.int()).abs()
    if name in ("colour", "contrast", "sharpness", "brightness"):
        assert difference.max() <= 1
    else:
        assert (difference > 0).float().mean() < 0.01, f"{(difference > 0).float().mean()} of the pixels differ"


@pytest.mark.parametrize(("which", "theirs"), [("trivial", "TrivialAugmentWide"), ("rand", "RandAugment")])
def test_tables_of_policies(peer: ModuleType, which: str, theirs: str) -> None:
    """The same operations, with the same magnitudes in every bin."""
    from torchvision.transforms import v2

    del peer
    space = getattr(v2, theirs)._AUGMENTATION_SPACE
    rows = policy._TRIVIAL if which == "trivial" else policy._rand(40, 60)
    assert len(rows) == len(space)
    for row, (name, (magnitudes, is_signed)) in zip(rows, space.items(), strict=True):
        expected = magnitudes(31, 40, 60)
        assert row.is_signed == is_signed, name
        if expected is not None:
            found = row.first + (row.last - row.first) * torch.arange(31).double() / 30
            scale = 255 if name == "Solarize" else 1  # theirs are shares of the largest value
            assert torch.allclose(found.round() if row.is_whole else found, scale * expected.double(), atol=1e-4), name
