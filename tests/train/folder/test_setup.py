"""How a run is set up, and what of that decides its bits."""

from __future__ import annotations

import torch

from skipline.train import environment
from skipline.train.folder.setup import differences

CPU = torch.device("cpu")


def test_what_decides_the_bits_is_told_from_what_does_not() -> None:
    here = {**environment(CPU), "dtype": "float32", "kernels": "fused"}
    assert differences(here, {**here, "python": "3.99", "revision": "0", "platform": "another"}) == {}
    assert differences(here, {**here, "threads": here["threads"] + 1}) == {"threads": here["threads"]}
    assert differences(here, {**here, "dtype": "bfloat16"}) == {"dtype": "float32"}
    assert differences(here, {**here, "kernels": "plain"}) == {"kernels": "fused"}
    assert differences(here, {**here, "processes": 1}) == {}  # older runs do not say so
    assert differences(here, {**here, "processes": 2}) == {"processes": 1}
    card = {**here, "device": "cuda:0 (NVIDIA H200)"}
    assert differences(card, {**card, "device": "cuda:3 (NVIDIA H200)", "threads": 99, "processor": "another"}) == {}
    assert differences(card, {**card, "device": "cuda:0 (NVIDIA L4)"}) == {"device": "cuda:0 (NVIDIA H200)"}
    assert differences(card, here) == {"device": "cuda:0 (NVIDIA H200)"}
