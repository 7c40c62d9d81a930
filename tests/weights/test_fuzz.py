"""Any bytes at all: the readers of weights and of descriptions answer with their own error or with a whole result."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skipline.init import build
from skipline.nn import ResidualNet
from skipline.spec import Network, SpecError, dumps, from_json, loads, to_json
from skipline.weights import WeightsError, load_model, load_weights
from skipline.weights.source import entries
from skipline.weights.sources import source_of
from skipline.zoo import describe

NETWORK = describe("digits_resnet8", num_classes=3)
few = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def state() -> dict[str, torch.Tensor]:
    own = build(NETWORK, seed=1).state_dict()
    table = entries(source_of("akamaster"), NETWORK, own)
    return {f"module.{table[name].theirs}": tensor for name, tensor in own.items()}


def encoded() -> dict[str, bytes]:
    """A good file of each form."""
    tensors = state()
    files = {}
    for name, is_zip in ((".pth", True), (".th", False)):
        buffer = io.BytesIO()
        torch.save({"state_dict": tensors, "best": 1.0}, buffer, _use_new_zipfile_serialization=is_zip)
        files[name] = buffer.getvalue()
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
    np.savez(buffer, **arrays)
    return {**files, ".npz": buffer.getvalue(), ".safetensors": safetensors.torch.save(tensors)}


FILES = encoded()


@pytest.fixture(scope="module")
def net() -> ResidualNet:
    return build(NETWORK, seed=2)


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """`good` with a few bytes changed, a part left out or put in, or its end cut off."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        # Most of a file is numbers, which may be any: damage the begin and the end, where its structure is, as often.
        place = draw(st.one_of(st.integers(0, 300), st.integers(-300, -1), st.integers(0, len(good) - 1)))
        place = place % max(1, len(data))
        match draw(st.sampled_from(["change", "remove", "insert", "cut"])):
            case "change":
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=4))
            case "remove":
                del data[place : place + draw(st.integers(1, 64))]
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=16))
            case _:
                del data[place:]
    return bytes(data)


def load_or_refuse(net: ResidualNet, path: Path) -> None:
    """Loads whole, or refuses and leaves every tensor as it was."""
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    refusal = ""
    try:
        assert load_weights(net, path).num_tensors == len(before)
    except WeightsError as error:
        refusal = str(error)
    if refusal:
        assert str(path) in refusal
        for name, tensor in net.state_dict().items():
            assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("suffix", FILES)
def test_the_good_files_are_good(suffix: str, net: ResidualNet, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(FILES[suffix])
    assert load_weights(net, path).source == "akamaster"


@pytest.mark.filterwarnings("ignore")  # of readers about bytes that nobody vouches for
@pytest.mark.parametrize("suffix", FILES)
def test_damaged_files_are_refused_or_whole(suffix: str, net: ResidualNet, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"

    @few
    @given(damaged(FILES[suffix]))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        load_or_refuse(net, path)

    check()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", FILES)
def test_any_bytes_are_refused(suffix: str, net: ResidualNet, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    beginnings = st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"\x10" + 7 * b"\0" + b'{"'])

    @few
    @given(beginnings, st.binary(max_size=200))
    def check(begin: bytes, rest: bytes) -> None:
        path.write_bytes(begin + rest)
        with pytest.raises(WeightsError):
            load_weights(net, path)

    check()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


# ---- descriptions

known = st.sampled_from(["none", "batch", "post", "basic", "pad", "projection", "max", ""])
words = st.one_of(known, st.text(max_size=4))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value inside a document."""
    if isinstance(document, dict):
        inner = [(key, value) for key, value in document.items()]
    elif isinstance(document, list):
        inner = list(enumerate(document))
    else:
        return [path]
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def described(document: Any) -> Network | None:
    """The network that a document describes, or none where it is refused."""
    try:
        network = from_json(document)
    except SpecError:
        return None
    assert from_json(json.loads(dumps(network))) == network
    return network


@settings(max_examples=300)
@given(st.data())
def test_a_description_with_anything_in_a_place_is_refused_or_valid(data: st.DataObject) -> None:
    document = json.loads(json.dumps(to_json(describe("resnet50d"))))
    place = data.draw(st.sampled_from(places(document)[1:]))
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    if isinstance(parent, dict) and data.draw(st.booleans()):
        del parent[place[-1]]
    else:
        parent[place[-1]] = data.draw(documents)
    described(document)


@settings(max_examples=200)
@given(documents)
def test_any_document_is_refused(document: Any) -> None:
    assert described(document) is None


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60), damaged(dumps(NETWORK).encode())))
def test_any_text_is_refused_or_valid(text: str | bytes) -> None:
    try:
        network = loads(text)
    except SpecError:
        return
    assert loads(dumps(network)) == network


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "1" * 10_000, '"\\ud800"'])
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        loads(text)


def test_a_model_file_with_a_damaged_header_is_refused(tmp_path: Path) -> None:
    from skipline.data import Preprocess
    from skipline.weights import TrainedModel, save_model

    path = tmp_path / "model.safetensors"
    save_model(path, TrainedModel(build(NETWORK), Preprocess((0.0,) * 3, (1.0,) * 3), ("a", "b", "c")))
    good = path.read_bytes()
    begin = 8 + int.from_bytes(good[:8], "little")

    @few
    @given(damaged(good[:begin]))
    def check(header: bytes) -> None:
        path.write_bytes(header + good[begin:])
        with contextlib.suppress(WeightsError):
            assert load_model(path).class_names

    check()
