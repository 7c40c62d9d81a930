"""Files that somebody else wrote: what is read, and what is refused, in words."""

from __future__ import annotations

import argparse
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from skipline.weights import WeightsError
from skipline.weights.foreign_file import read_foreign

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.tensor([1.5, float("inf")])}


class Payload:
    """What an attacker pickles: reading it would make a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.mark}'",)


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th", ".bin", ".pyth", ".ckpt", ".pth.tar", ".PTH"])
@pytest.mark.parametrize("is_zip", [True, False])
def test_pytorch_files_of_both_ages(suffix: str, is_zip: bool, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    torch.save(OrderedDict(TENSORS), path, _use_new_zipfile_serialization=is_zip)
    found = read_foreign(path)
    assert same(dict(found.tensors), TENSORS)
    assert (found.nested_in, found.beside, found.stripped, found.num_counters) == ("", (), (), 0)


def test_safetensors_and_npz(tmp_path: Path) -> None:
    safetensors.torch.save_file(TENSORS, tmp_path / "a.safetensors")
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in TENSORS.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    for name in ("a.safetensors", "a.npz"):
        assert same(dict(read_foreign(tmp_path / name).tensors), TENSORS)


def test_prefixes_and_counters_are_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    count = torch.tensor(7)
    torch.save(
        {
            "module._orig_mod.a.weight": TENSORS["a.weight"],
            "module.a._orig_mod.bias": TENSORS["a.bias"],
            "module.n.num_batches_tracked": count,
            "n_averaged": count,
        },
        path,
    )
    found = read_foreign(path)
    assert same(dict(found.tensors), TENSORS)
    assert (found.stripped, found.num_counters) == (("module.", "_orig_mod."), 2)


@pytest.mark.parametrize("holder", ["model.", "net.", "backbone.", "module.model.", "model._orig_mod."])
def test_an_attribute_that_holds_the_network_is_taken_off(holder: str, tmp_path: Path) -> None:
    """Lightning's modules keep theirs so, and their head may stand beside it."""
    path = tmp_path / "a.ckpt"
    weight, bias = TENSORS["a.weight"], TENSORS["a.bias"]
    torch.save({"state_dict": {f"{holder}a.weight": weight, "a.bias": bias}, "hyper_parameters": {"lr": 0.1}}, path)
    found = read_foreign(path)
    assert same(dict(found.tensors), TENSORS)
    assert "".join(found.stripped) in (holder, "_orig_mod.model.")


@pytest.mark.parametrize(
    ("document", "nested_in", "beside"),
    [
        ({"state_dict": TENSORS, "epoch": 3, "best": 0.5}, "state_dict", ()),
        ({"model": {"state_dict": TENSORS}, "args": argparse.Namespace(lr=0.1)}, "model.state_dict", ()),
        ({"state_dict_ema": TENSORS, "state_dict": {"x": torch.ones(1)}}, "state_dict_ema", ("state_dict",)),
        ({"model_ema": TENSORS, "model": {"x": torch.ones(1)}, "optimizer": {}}, "model_ema", ("model",)),
        ({"net": TENSORS, "acc": 95.1}, "net", ()),
        ({"model_state": TENSORS}, "model_state", ()),
        # as PyTorch's own ImageNet example saves it: the best accuracy is a tensor, and no weight
        (
            {"epoch": 3, "arch": "resnet18", "state_dict": TENSORS, "best_acc1": torch.tensor(9.5), "optimizer": {}},
            "state_dict",
            (),
        ),
    ],
)
def test_checkpoints_are_unpacked(
    document: dict[str, Any], nested_in: str, beside: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "a.pth"
    torch.save(document, path)
    found = read_foreign(path)
    assert same(dict(found.tensors), TENSORS)
    assert (found.nested_in, found.beside) == (nested_in, beside)


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_pickle_is_not_run(is_zip: bool, tmp_path: Path) -> None:
    path, mark = tmp_path / "a.pth", tmp_path / "was-run"
    torch.save({**TENSORS, "payload": Payload(mark)}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(WeightsError, match=r"it holds a pickled posix\.system\. Reading that would run code") as told:
        read_foreign(path)
    assert not mark.exists()
    assert "weights_only" not in str(told.value)
    assert "save its state_dict() alone" in str(told.value)


def test_code_in_a_bare_pickle_and_in_an_npz_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"x": Payload(mark)}))
    np.savez(tmp_path / "a.npz", x=np.array([Payload(mark)], dtype=object))
    for name in ("a.pth", "a.npz"):
        with pytest.raises(WeightsError, match=re.escape(str(tmp_path / name))):
            read_foreign(tmp_path / name)
    assert not mark.exists()


def test_a_pickled_network_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(WeightsError, match=r"a pickled torch\.nn\.modules\.linear\.Linear\..* save its state_dict\(\)"):
        read_foreign(path)


def write_zip(path: Path) -> None:
    torch.save(TENSORS, path)


def write_legacy(path: Path) -> None:
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)


def write_safetensors(path: Path) -> None:
    path.write_bytes(safetensors.torch.save(TENSORS))


def write_npz(path: Path) -> None:
    with open(path, "wb") as file:
        np.savez(file, a=np.ones(2))


@pytest.mark.parametrize(
    ("write", "suffix", "kind"),
    [
        (write_zip, ".safetensors", ".pth"),
        (write_legacy, ".safetensors", ".pth"),
        (write_zip, ".npz", ".pth"),
        (write_safetensors, ".pth", ".safetensors"),
        (write_safetensors, ".npz", ".safetensors"),
        (write_npz, ".pth", ".npz"),
        (write_npz, ".safetensors", ".npz"),
    ],
)
def test_a_renamed_file_is_told_what_it_is(
    write: Callable[[Path], None], suffix: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    write(path)
    message = f"{path} ends in {suffix!r}, but inside it is a {kind} file. Rename it so that it ends in {kind}."
    with pytest.raises(WeightsError, match=re.escape(message)):
        read_foreign(path)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.7, 0.99])
@pytest.mark.parametrize(
    ("write", "suffix"),
    [(write_zip, ".pth"), (write_legacy, ".pth"), (write_safetensors, ".safetensors"), (write_npz, ".npz")],
)
def test_a_file_cut_short_is_said(write: Callable[[Path], None], suffix: str, part: float, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(WeightsError, match=re.escape(str(path))) as told:
        read_foreign(path)
    assert "not a whole" in str(told.value) or "is empty" in str(told.value)


def test_a_header_that_claims_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((2 << 30).to_bytes(8, "little") + b'{"a":')
    with pytest.raises(WeightsError, match=r"\(13 bytes\) is not a whole safetensors file: .*[Hh]eader"):
        read_foreign(path)


def test_a_file_that_unpacks_to_far_more_is_refused_packed(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(10_000_000, dtype=np.float32))
    with pytest.raises(WeightsError, match=r"says that it unpacks to 40,000,\d+; .* at most .* without compression"):
        read_foreign(tmp_path / "a.npz")


def test_a_shape_that_its_entry_does_not_hold_is_refused(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"1234")
    with pytest.raises(WeightsError, match=r"not a whole .npz file .*a.npy claims the shape \(1000000000, 1000\) in"):
        read_foreign(tmp_path / "a.npz")


def test_a_tensor_that_repeats_its_numbers_is_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.ones(1, 1).expand(1_000_000, 64)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"fc\.weight claims the shape \(1000000, 64\), and the file holds 4 bytes"):
        read_foreign(tmp_path / "a.pth")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"is a folder; expected a file, one of \.pth"):
        read_foreign(tmp_path)
    with pytest.raises(WeightsError, match=r"none\.pth does not exist; expected a file"):
        read_foreign(tmp_path / "none.pth")
    (tmp_path / "a.safetensor").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"ends in '\.safetensor'; .* Did you mean '\.safetensors'"):
        read_foreign(tmp_path / "a.safetensor")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([1, 2], r"holds a list, and no tensors by name; expected a state dict"),
        ({}, r"holds a dict, and no tensors by name"),
        ({"state_dict": 3, "epoch": 1}, r"holds a dict with 'state_dict', 'epoch', and no tensors by name"),
        ({"model": {"x": 1.0}}, r"holds an entry of type dict with 'x', and no tensors by name"),
        (torch.ones(2), r"holds a Tensor, and no tensors by name"),
        ({"a": torch.ones(1), "b": [1]}, r"the entry 'b' is of type list; expected tensors by name"),
        ({"a": torch.ones(1), 3: torch.ones(1)}, r"the entry 3 is of type Tensor; expected tensors by name"),
        (
            {"a.weight": torch.ones(1), "module.a.weight": torch.ones(1)},
            r"has two tensors a\.weight: a\.weight and module\.a\.weight, which differ in a wrapper's prefix only",
        ),
    ],
)
def test_what_is_no_state_dict_is_said(document: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(document, path)
    with pytest.raises(WeightsError, match=message):
        read_foreign(path)


def test_a_zip_that_is_neither_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("photo.jpg", b"x")
    with pytest.raises(WeightsError, match="it is not a whole PyTorch file"):
        read_foreign(tmp_path / "a.pth")
