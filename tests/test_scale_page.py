"""The page about many machines: its tables are those of its functions, its sentences those of its tables."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from .house_rules import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    """`benchmarks/scale_page.py`."""
    spec = importlib.util.spec_from_file_location("scale_page", ROOT / "benchmarks" / "scale_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up there
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_functions(scale: ModuleType) -> None:
    assert scale.with_tables(PAGE) == PAGE


def test_a_page_without_a_place_for_a_table_is_refused(scale: ModuleType) -> None:
    with pytest.raises(SystemExit, match="has 0 places for the table 'sent'; expected one"):
        scale.with_tables("nothing")


@pytest.mark.parametrize("size", [2, 3, 8])
def test_ring_bytes_are_what_a_ring_sends(scale: ModuleType, size: int) -> None:
    """A ring played through: chunks that are added up on their way, and then passed on until all have all."""
    chunks = [[{rank} for _ in range(size)] for rank in range(size)]  # whose numbers each chunk has in it
    sent = [0] * size
    for turn in range(2 * (size - 1)):
        moves = [(rank, (rank - turn) % size, set(chunks[rank][(rank - turn) % size])) for rank in range(size)]
        for rank, chunk, numbers in moves:
            sent[rank] += 1
            chunks[(rank + 1) % size][chunk] |= numbers
    assert all(chunk == set(range(size)) for own in chunks for chunk in own)
    assert sent == [pytest.approx(scale.ring_bytes(size, size))] * size  # a chunk is one byte of `size`


def test_gradients_are_four_bytes_a_published_parameter(scale: ModuleType) -> None:
    """25,557,032 as torchvision publishes; 19.4 million as He et al. 2015, table 6."""
    thin, wide = scale.CASES
    assert scale.gradient_bytes(wide) == 4 * 25_557_032
    assert scale.gradient_bytes(thin) / 4e6 == pytest.approx(19.4, abs=0.05)
    assert len(scale.norm_channels(thin)) == 1201  # one behind each convolution
    assert len(scale.norm_channels(wide)) == 53


def test_times_by_hand(scale: ModuleType) -> None:
    """resnet50 on 8 processes at 10 GB/s: 7/4 · 102.2 MB / 10 GB/s = 17.89 ms, and 14 hops of 10 µs."""
    link = scale.Link("made up", 10e9)
    assert 1e3 * scale.ring_seconds(102.228128e6, 8, link) == pytest.approx(17.8899 + 0.14, abs=1e-3)
    assert 1e3 * scale.tree_seconds(106, 64) == pytest.approx(106 * 12 * 0.01)
    assert scale.exposed_seconds(0.1, 0.03, 50 * 2**20) == pytest.approx(0.08)  # 0.02 s are hidden
    assert scale.exposed_seconds(0.1, 3.0, 50 * 2**20) == pytest.approx(0.05)  # the last of two buckets is not


def test_efficiency_is_between_its_ends(scale: ModuleType) -> None:
    """Sent for ever: nothing is left. Sent at once: everything is, but for the hops."""
    case = scale.CASES[1]
    for speed, least, most in ((1.0, 0.0, 1e-3), (1e18, 0.99, 1.0)):
        worst, best = scale.efficiency(case, 8, 1024, scale.Link("made up", speed))
        assert least <= worst <= best <= most


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (
            "a batch size of 1,024 gives 49 steps per epoch, one of 8,192 gives 7",
            (-(-50_000 // 1024), -(-50_000 // 8192)),
        ),
        ("153.6 MB for CIFAR-10", 50_000 * 3 * 32 * 32 / 1e6),
        ("would take 193 GB", round(1_281_167 * 3 * 224 * 224 / 1e9)),
        ("0.1 at 256 becomes 3.2 at 8,192", 0.1 * 8192 / 256),
        ("0.31 GB for `resnet50`", round(12 * 25_557_032 / 1e9, 2)),
        ("0.23 GB for `cifar_resnet1202`", round(12 * 19_421_274 / 1e9, 2)),
    ],
)
def test_numbers_in_sentences(words: str, number: float | tuple[int, ...]) -> None:
    assert words in PAGE
    numbers = number if isinstance(number, tuple) else (number,)
    assert all(f"{each:g}" in words for each in numbers)
