"""Files of named tensors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch

from skipline.files import StorageError
from skipline.weights import WeightsError, misfits, read_header, read_tensors, read_versioned, write_tensors

TENSORS = {
    "a": torch.arange(6, dtype=torch.float32).view(2, 3),
    "b.c": torch.tensor(7, dtype=torch.int64),
    "empty": torch.zeros(0, 3),
    "half": torch.tensor([1.5, float("nan"), float("inf")], dtype=torch.bfloat16),
}


def test_tensors_and_header_come_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    header = {"format": "x", "list": [1, {"α": 0.1}], "nothing": None}
    write_tensors(path, TENSORS, header)
    found_header, found = read_tensors(path)
    assert found_header == header
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert (
            found[name]
            .view(torch.uint8 if tensor.ndim else tensor.dtype)
            .equal(tensor.view(torch.uint8 if tensor.ndim else tensor.dtype))
        )


def test_a_file_of_a_kind_says_which_and_how_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    header = {"format": "x", "version": 2}
    write_tensors(path, TENSORS, header)
    assert read_versioned(path, kind="x", version=2, remedy="")[0] == header
    assert read_header(path, kind="x", version=2, remedy="") == header
    path.with_name("torn.safetensors").write_bytes(path.read_bytes()[:-1])
    for read in (read_versioned, read_header):
        for file, kind, words in (
            ("a", "y", f"{path} holds 'x' version 2; this skipline reads 'y' version 2. Make it anew."),
            ("torn", "x", r"not a whole safetensors file: .* Make it anew\."),
            ("gone", "x", r"gone\.safetensors does not exist; .* Make it anew\."),
        ):
            with pytest.raises(WeightsError, match=words):
                read(tmp_path / f"{file}.safetensors", kind=kind, version=2, remedy="Make it anew.")


def test_the_memory_layout_is_not_seen(tmp_path: Path) -> None:
    weight = torch.arange(2 * 3 * 5 * 5.0).view(2, 3, 5, 5)
    write_tensors(tmp_path / "a", {"w": weight}, {})
    write_tensors(tmp_path / "b", {"w": weight.contiguous(memory_format=torch.channels_last)}, {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert torch.equal(read_tensors(tmp_path / "b")[1]["w"], weight)


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    """safetensors orders its own metadata by a table whose order is another one each time."""
    header: dict[str, object] = {"format": 1, "version": 2, "network": {"a": 3}, "preprocess": [4], "classes": []}
    written = set()
    for number in range(8):
        write_tensors(tmp_path / str(number), TENSORS, header)
        written.add((tmp_path / str(number)).read_bytes())
    assert len(written) == 1


def test_it_is_a_safetensors_file(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {"b": torch.ones(2), "a": torch.zeros(3)}, {"format": "x"})
    found = safetensors.torch.load_file(tmp_path / "a")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {"a": [0, 0, 0], "b": [1, 1]}


def test_what_was_read_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensors(path, {"w": torch.ones(10_000)}, {})
    _, found = read_tensors(path)
    path.write_bytes(b"")
    assert found["w"].sum().item() == 10_000


@pytest.mark.parametrize("keep", [0, 4, 50, -1])
def test_a_file_that_is_cut_short_is_refused(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    write_tensors(path, TENSORS, {"format": "x"})
    data = path.read_bytes()[:keep]
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=re.escape(f"{path} ({len(data)} bytes) is not a whole safetensors file: ")):
        read_tensors(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    for wrong in (path, tmp_path):
        with pytest.raises(WeightsError, match=re.escape(f"{wrong} does not exist; expected a .safetensors file.")):
            read_tensors(wrong)


def test_other_peoples_files_have_an_empty_header(tmp_path: Path) -> None:
    path = tmp_path / "other"
    safetensors.torch.save_file({"a": torch.ones(2)}, path, metadata={"format": "pt"})
    header, tensors = read_tensors(path)
    assert header == {}
    assert tensors["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "its header is not JSON: "), ("[1]", "its header is a JSON array; expected a JSON object.")],
)
def test_a_broken_header_is_said(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(safetensors.torch.save({"a": torch.ones(2)}, {"skipline": text}))
    with pytest.raises(WeightsError, match=re.escape(f"{path}: {message}")):
        read_tensors(path)


def test_a_file_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the folder is not there"):
        write_tensors(tmp_path / "none" / "a", TENSORS, {})


def test_misfits_are_listed() -> None:
    expected = {"a": torch.zeros(2), "b": torch.zeros(2, 3), "c": torch.zeros(1)}
    found = {"b": torch.zeros(3, 2), "c": torch.zeros(1, dtype=torch.float64), "d": torch.zeros(0)}
    assert misfits(found, expected) == (
        "missing a; unexpected d; b has shape (3, 2), expected (2, 3); c is float64, expected float32"
    )
    assert misfits(expected, expected) == ""


def test_of_many_misfits_the_first_are_listed() -> None:
    many = {f"t{number}": torch.zeros(1) for number in range(20)}
    assert misfits({}, many).endswith("missing t7; and 12 more")


def test_the_header_is_one_entry_of_json(tmp_path: Path) -> None:
    """So that anyone can read it: eight bytes of length, then safetensors' own JSON."""
    path = tmp_path / "a"
    write_tensors(path, {"w": torch.ones(1)}, {"n": float("nan")})
    data = path.read_bytes()
    outer = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(outer["__metadata__"]["skipline"]) == {"n": "NaN"}
