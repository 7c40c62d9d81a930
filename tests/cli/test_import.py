"""`skipline import` and `skipline export`: other people's weights in and out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from skipline.data import Preprocess
from skipline.init import build
from skipline.spec import dumps
from skipline.weights import TrainedModel, load_model, read_tensors, save_model, save_weights
from skipline.zoo import describe

from .conftest import Command


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """akamaster's file of a small net, for the digits' ten classes and one channel."""
    path = tmp_path / "resnet8.th"
    save_weights(build(describe("digits_resnet8", in_channels=1), seed=1), path, names="akamaster")
    state = torch.load(path, weights_only=True)
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}, "best_prec1": 9.0}, path)
    return path


def test_a_file_becomes_a_model_that_stands_alone(skipline: Command, trained: Path) -> None:
    ended = skipline("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.25/0.5")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"{trained} → model.safetensors",
        "names     akamaster (also those of kuangliu)",
        "tensors   37 set, under state_dict, without the prefix module.",
        "network   digits_resnet8, 19,074 parameters, 1 channel",
        "classes   class 0, class 1, class 2, and 7 more",
        "images    mean 0.25, deviation 0.5 of [0, 1]",
    ]
    model = load_model(Path("model.safetensors"))
    assert model.net.network == describe("digits_resnet8", in_channels=1)
    assert model.preprocess.mean == (63.75,)
    expected = build(describe("digits_resnet8", in_channels=1), seed=1).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.net.state_dict().items())


def test_what_it_writes_is_evaluated_alone(skipline: Command, trained: Path) -> None:
    imported = skipline(
        *("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.25/0.5", "--classes", "digits")
    )
    assert "classes   0, 1, 2, and 7 more" in imported.out
    assert skipline("evaluate", "model.safetensors", "digits").code == 0
    skipline(
        *("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.25/0.5", "--classes", "10"),
        *("--out", "numbered.safetensors"),
    )
    assert load_model(Path("numbered.safetensors")).class_names[:2] == ("class 0", "class 1")
    assert skipline("evaluate", "numbered.safetensors", "digits").code == 0  # numbers are no names: any ten classes


def test_it_is_said_in_json(skipline: Command, trained: Path) -> None:
    ended = skipline("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.25/0.5", "--json")
    document = json.loads(ended.out)
    assert (document["format"], document["version"], document["source"]) == ("skipline.import", 1, "akamaster")
    assert (document["nested_in"], document["stripped"], document["num_tensors"]) == ("state_dict", ["module."], 37)
    assert document["preprocess"]["mean"] == [63.75]


def test_a_new_head_and_other_channels(skipline: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("cat\n\n dog \n", encoding="utf-8")
    ended = skipline(
        *("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.1,0.2,0.3/1,1,1"),
        *("--new-head", "--classes", "names.txt", "--channels", "3", "--seed", "4"),
    )
    assert ended.code == 0, ended.err
    assert "new       head.linear.weight, head.linear.bias" in ended.out
    assert "adapted   stem.conv1.weight" in ended.out
    model = load_model(Path("model.safetensors"))
    assert model.class_names == ("cat", "dog")
    drawn = build(describe("digits_resnet8", num_classes=2), seed=4)
    assert torch.equal(model.net.get_parameter("head.linear.weight"), drawn.get_parameter("head.linear.weight"))


def test_a_description_in_a_file_will_do(skipline: Command, trained: Path, tmp_path: Path) -> None:
    network = replace(describe("digits_resnet8", num_classes=7), name="mine")
    (tmp_path / "mine.json").write_text(dumps(network), encoding="utf-8")
    ended = skipline("import", str(trained), "--model", "mine.json", "--preprocess", "0.25/0.5")
    assert "network   mine, 19,074 parameters" in ended.out  # with the file's ten classes and one channel


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("--model", "digits_resnet14", "--preprocess", "0.1/1"),
            3,
            "error: {file}, read with the names of akam",
        ),
        (
            ("--model", "digits_resnet8", "--from", "akamaster"),
            2,
            "the images have 1 channel, and the preprocessing imagenet 3. Give",
        ),
        (("--model", "digits_resnet8", "--channels", "0"), 2, "--channels is 0; expected a number from 1 to"),
        (
            ("--model", "digits_resnet8", "--seed", "9"),
            2,
            "--seed 9 draws a new classifier, and none is asked for. Give",
        ),
        (("--model", "digits_resnet8", "--from", "bit"), 3, "has the names of Big Transfer"),
        (("--model", "digits_resnet8", "--from", "tim"), 2, "no source of weights 'tim'"),
        (("--model", "digits_resnet8", "--preprocess", "x"), 3, "no preprocessing 'x'"),
        (("--model", "digits_resnet9"), 2, "there is no depth 9"),
        (("--model", "digits_resnet8", "--new-head"), 2, "--new-head draws a classifier; say for which --classes"),
        (("--model", "digits_resnet8", "--classes", "0"), 2, "--classes is 0; expected a number from 1"),
        (("--model", "digits_resnet8", "--classes", "nowhere"), 3, "Unknown source 'nowhere'"),
        (("--model", "digits_resnet8", "--classes", "twice.txt"), 2, "expected a class's name on each line, each once"),
        (("--model", "digits_resnet8", "--classes", "3"), 3, "Only the classifier differs: head='keep', or --new-head"),
        (("--model", "digits_resnet8", "--out", "a.pth"), 2, "--out is a.pth; a model's file ends in .safetensors."),
        (("--model", "digits_resnet8", "--out", "there.safetensors"), 2, "there.safetensors already exists"),
    ],
)
def test_a_refusal_writes_nothing(
    arguments: tuple[str, ...], code: int, message: str, skipline: Command, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "twice.txt").write_text("a\na\n", encoding="utf-8")
    (tmp_path / "there.safetensors").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    ended = skipline("import", str(trained), *arguments)
    assert message.format(file=trained) in ended.err
    assert (ended.code, ended.out) == (code, "")
    assert sorted(tmp_path.iterdir()) == before


def test_a_preprocessing_that_nobody_knows_is_asked_for(skipline: Command, tmp_path: Path) -> None:
    save_weights(build(describe("resnet18d", num_classes=5)), tmp_path / "a.safetensors", names="timm")
    ended = skipline("import", "a.safetensors", "--model", "resnet18d")
    assert ended.code == 2
    assert "does not say how the images were prepared. Give --preprocess: imagenet, half, " in ended.err
    assert "timm's weights differ in their preprocessing" in ended.err


def test_names_of_several_sources_leave_the_preprocessing_open(skipline: Command) -> None:
    """torchvision's names are timm's, whose preprocessing varies; akamaster's are kuangliu's, who has another."""
    for model, source, origins, way in (
        ("resnet18", "torchvision", "torchvision (pytorch/vision) or timm (huggingface", "--from torchvision. "),
        (
            *("cifar_resnet8_b", "akamaster", "akamaster/pytorch_resnet_cifar10 or kuangliu/pytorch-cifar does not"),
            "--from akamaster, or --from kuangliu.",
        ),
    ):
        save_weights(build(describe(model, num_classes=5)), f"{source}.pth", names=source)
        ended = skipline("import", f"{source}.pth", "--model", model)
        assert ended.code == 2
        assert origins in ended.err
        assert f"of pixels in [0, 1], or {way}" in f"{ended.err.strip()} "
        said = skipline("import", f"{source}.pth", "--model", model, "--from", source, "--out", f"{source}.safetensors")
        assert (said.code, said.err) == (0, "")
        assert load_model(Path(f"{source}.safetensors")).preprocess.mean[0] == pytest.approx(123.675)


def test_our_own_file_keeps_its_preprocessing_and_its_classes(skipline: Command) -> None:
    network = describe("digits_resnet8", num_classes=2, in_channels=1)
    model = TrainedModel(build(network, seed=1), Preprocess((10.0,), (20.0,)), ("cat", "dog"))
    save_model(Path("own.safetensors"), model)
    ended = skipline("import", "own.safetensors", "--model", "digits_resnet8")
    assert (ended.code, ended.err) == (0, "")
    back = load_model(Path("model.safetensors"))
    assert (back.preprocess, back.class_names) == (model.preprocess, model.class_names)
    asked = skipline(
        "import", "own.safetensors", "--model", "digits_resnet8", "--channels", "3", "--out", "b.safetensors"
    )
    assert "the images have 3 channels, and the preprocessing in the file 1. Give --preprocess" in asked.err


def test_nothing_is_built_for_what_does_not_fit(
    skipline: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier of so many classes that the net would take gigabytes, in a file that lacks the rest."""
    state = {"layer1.0.conv1.weight": torch.zeros(1), "linear.weight": torch.zeros(1_000_000, 1)}
    torch.save(state, "wide.pth")
    monkeypatch.setattr("skipline.init.construction.build", lambda *_, **__: pytest.fail("a net was built"))
    ended = skipline("import", "wide.pth", "--model", "digits_resnet8", "--preprocess", "0.25/0.5")
    assert ended.code == 3
    assert "does not fit digits_resnet8" in ended.err


def test_warnings_are_printed(skipline: Command, trained: Path) -> None:
    ended = skipline("import", str(trained), "--model", "digits_plain8", "--preprocess", "0.25/0.5")
    assert "warning: shortcuts without weights (option A): digits_plain8 has no shortcuts at all, akamas" in ended.out


# ---- and out


def test_a_model_leaves_under_other_names(skipline: Command, trained: Path) -> None:
    skipline("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.25/0.5")
    ended = skipline("export", "model.safetensors", "timm.safetensors", "--to", "timm")
    assert (ended.code, ended.err) == (0, "")
    first, warning, stem = ended.out.splitlines()
    assert first == (
        "model.safetensors → timm.safetensors: 44 tensors of digits_resnet8 under the names of timm"  # 7 counters more
    )
    assert warning.startswith("warning: shortcuts without weights (option A): digits_resnet8 has pad='both'")
    assert stem.startswith("warning: the stem's stride and pool: digits_resnet8 has stride 1 and pool 'none', timm")
    _, own = read_tensors(Path("model.safetensors"))
    found = safetensors.torch.load_file("timm.safetensors")
    assert torch.equal(found["layer1.0.conv1.weight"], own["stage1.block1.branch.conv1.weight"])
    assert torch.equal(found["fc.weight"], own["head.linear.weight"])
    document = json.loads(skipline("export", "model.safetensors", "a.pth", "--to", "akamaster", "--json").out)
    assert (document["format"], document["names"], document["num_tensors"]) == ("skipline.export", "akamaster", 37)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("a.safetensors", "--to", "bit"), 2, "weights with the names of bit are written to a file that ends in .npz"),
        (("a.npz", "--to", "bit"), 3, "has no name for stem.conv1.weight of digits_resnet8"),
        (("a.pth", "--to", "keras"), 2, "no source of weights 'keras'"),
        (("resnet8.th", "--to", "timm"), 2, "resnet8.th already exists"),
        (("resnet8.th", "--to", "tim"), 2, "no source of weights 'tim'"),
        (("no/a.pth", "--to", "timm"), 3, "the folder is not there"),
    ],
)
def test_an_export_that_cannot_be(
    arguments: tuple[str, ...], code: int, message: str, skipline: Command, trained: Path, tmp_path: Path
) -> None:
    skipline("import", str(trained), "--model", "digits_resnet8", "--preprocess", "0.25/0.5")
    before = sorted(tmp_path.iterdir())
    ended = skipline("export", "model.safetensors", *arguments)
    assert message in ended.err
    assert (ended.code, ended.out) == (code, "")
    assert sorted(tmp_path.iterdir()) == before
