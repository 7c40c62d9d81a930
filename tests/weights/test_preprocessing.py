"""The preprocessing of weights in circulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipline.data import Preprocess
from skipline.weights import WeightsError
from skipline.weights.class_names import numbered, usual_names, written_names
from skipline.weights.foreign_file import ForeignFile
from skipline.weights.preprocessing import preprocess_names, preprocess_of, written_preprocess
from skipline.weights.sources import SOURCES, source_of
from skipline.zoo import describe


def test_known_ones_are_of_raw_pixels() -> None:
    found = preprocess_of("imagenet")
    assert found.mean == pytest.approx((123.675, 116.28, 103.53))  # 255 · (0.485, 0.456, 0.406)
    assert found.std == pytest.approx((58.395, 57.12, 57.375))
    assert preprocess_of("half") == Preprocess((127.5,) * 3, (127.5,) * 3)


def test_any_can_be_written_out() -> None:
    assert preprocess_of("0.5/0.2") == Preprocess((127.5,), (51.0,))
    assert preprocess_of("0,0.2/1,1e0") == Preprocess((0.0, 51.0), (255.0, 255.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imagnet", r"no preprocessing 'imagnet'; it is one of imagenet, half, .* Did you mean 'imagenet'"),
        ("0.5", r"no preprocessing '0\.5'; .* e\.g\. 0\.485,0\.456,0\.406/0\.229,0\.224,0\.225"),
        ("0.5/0", r"'0\.5/0' is not a valid preprocessing: preprocess std of channel 0 must be above 0"),
        ("0.5,0.5/1", r"'0\.5,0\.5/1' is not a valid preprocessing: .*got 2 means and 1 stds"),
        ("0.5/1e999", r"is not a valid preprocessing: .* must be a finite number"),
        ("124,116,104/58,57,57", r"is not a valid preprocessing: mean and deviation must be at most 1, .* by 255"),
        ("0.5/--1", r"is not a valid preprocessing: could not convert"),
    ],
)
def test_others_are_refused(text: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        preprocess_of(text)


def test_every_source_has_a_known_one_or_none() -> None:
    networks = [describe(name) for name in ("resnet50", "bit_r50x1", "cifar_resnet20")]
    said = {row.name: [row.preprocess(network) for network in networks] for row in SOURCES}
    assert {name for names in said.values() for name in names} <= {*preprocess_names(), "unknown"}
    assert said["akamaster"] == ["imagenet"] * 3
    assert said["transformers"] == ["imagenet", "half", "imagenet"]
    assert said["chenyaofo"] == ["unknown", "unknown", "cifar10"]
    assert said["timm"] == ["unknown"] * 3
    chenyaofo = source_of("chenyaofo")
    assert chenyaofo.preprocess(describe("cifar_resnet20_b", num_classes=100)) == "cifar100"


def test_our_own_files_say_theirs() -> None:
    network = describe("cifar_resnet8", num_classes=2)
    preprocess = Preprocess((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    ours = ForeignFile(Path("a"), {}, "", (), (), 0, {"preprocess": preprocess.to_json(), "classes": ["cat", "dog"]})
    assert written_preprocess(ours) == preprocess
    assert written_names(ours, network) == ("cat", "dog")
    assert written_names(ours, describe("cifar_resnet8")) == ()
    bare = ForeignFile(Path("a"), {}, "", (), (), 0, {})
    assert (written_preprocess(bare), written_names(bare, network)) == (None, ())
    with pytest.raises(WeightsError, match="a: its preprocessing cannot be read"):
        written_preprocess(ForeignFile(Path("a"), {}, "", (), (), 0, {"preprocess": 3}))


def test_classes_have_names_where_their_number_tells() -> None:
    colour, grey = describe("cifar_resnet20"), describe("cifar_resnet20", in_channels=1)
    assert usual_names(source_of("akamaster"), colour)[:2] == ("airplane", "automobile")
    assert usual_names(source_of("akamaster"), grey) == usual_names(source_of("timm"), colour) == numbered(10)
    assert numbered(2) == ("class 0", "class 1")
