"""Duplicates: copies are found however they were saved, different pictures are not taken for one."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from skipline.data.photos import duplicates as module
from skipline.data.photos.decode import Record
from skipline.data.photos.duplicates import MOST_BITS, Duplicates, find_duplicates
from skipline.data.photos.fact import PhotoFact
from skipline.data.photos.fingerprint import LOOK_BYTES, bits_of, content_hash, look_of

from ..pictures import encoded, noise

RECORD = Record(format="PNG", height=1, width=1, mode="RGB", orientation=1, traits=())


def fact(picture: Image.Image, content: bytes = b"") -> PhotoFact:
    content = content or picture.tobytes()
    return PhotoFact(content_hash(content), len(content), RECORD, look_of(picture))


def found(*pictures: Image.Image) -> Duplicates:
    return find_duplicates(dict(enumerate(map(fact, pictures))))


def resaved(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, format="JPEG", quality=quality))).convert("RGB")


PHOTO = noise(0, side=128)


def test_the_sum_is_that_of_the_bytes() -> None:
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert content_hash(b"abc").hex() == published


def test_a_look_is_mean_brightness_and_colour() -> None:
    halves = Image.new("RGB", (32, 32), "black")
    halves.paste((255, 255, 255), (16, 0, 32, 32))
    look = np.frombuffer(look_of(halves), np.uint8)
    assert look.shape == (LOOK_BYTES,)
    assert (look[:256].reshape(16, 16) == [0] * 8 + [255] * 8).all()
    assert (look[256:] == 128).all()  # no colour: JFIF's Cb = Cr = 128


def test_bits_are_those_of_the_cosines() -> None:
    """A picture that is one cosine has one coefficient above all others."""
    across = np.cos(np.pi * 3 * (np.arange(16) + 0.5) / 16)
    look = np.full((1, LOOK_BYTES), 128, np.uint8)
    look[0, :256] = np.round(128 + 100 * np.tile(across, (16, 1))).reshape(-1)
    assert int(bits_of(look)[0]) >> 3 & 1 == 1
    assert bits_of(look).dtype == np.uint64


@pytest.mark.parametrize(
    "copy",
    [resaved(PHOTO, 90), resaved(PHOTO, 30), PHOTO.resize((61, 64)), PHOTO.resize((300, 300)), PHOTO.convert("RGB")],
    ids=["quality 90", "quality 30", "smaller", "larger", "same"],
)
def test_a_copy_is_found(copy: Image.Image) -> None:
    others = [noise(seed, side=128) for seed in range(1, 30)]
    result = found(*others, PHOTO, copy)
    groups = result.near or result.exact
    assert groups == ((29, 30),)
    assert result.group_of == {29: 29, 30: 29}


@pytest.mark.parametrize(
    "other",
    [
        PHOTO.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        PHOTO.crop((20, 20, 108, 108)),
        Image.merge("RGB", [PHOTO.getchannel(channel) for channel in "GBR"]),
        noise(99, side=128),
    ],
    ids=["mirrored", "cropped", "recoloured", "another"],
)
def test_what_is_no_copy_is_not(other: Image.Image) -> None:
    result = found(PHOTO, other)
    assert (result.exact, result.near, result.group_of) == ((), (), {})


def test_blank_pictures_are_not_alike() -> None:
    result = found(*(Image.new("RGB", (32, 32), (shade,) * 3) for shade in (10, 11, 200)))
    assert result.near == ()


def test_exact_and_near_copies_make_one_group() -> None:
    a, b = encoded(PHOTO, format="PNG"), encoded(PHOTO, format="BMP")
    facts = {5: fact(PHOTO, a), 1: fact(PHOTO, b), 3: fact(PHOTO, a), 8: fact(noise(1, side=64))}
    result = find_duplicates(facts)
    assert result.exact == ((3, 5),)
    assert result.near == ((1, 3, 5),)
    assert result.group_of == {1: 1, 3: 1, 5: 1}


def test_nothing_to_compare() -> None:
    assert find_duplicates({}) == Duplicates((), (), {})
    assert find_duplicates({4: fact(PHOTO)}) == Duplicates((), (), {})


@pytest.mark.parametrize("block", [7, 2**20])
def test_the_search_finds_every_close_pair(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all pairs: half of the values are others with up to nine bits flipped."""
    monkeypatch.setattr(module, "_BLOCK", block)
    generator = np.random.default_rng(0)
    values = generator.integers(0, 2**64, 120, dtype=np.uint64)
    flips = [
        sum(1 << int(bit) for bit in generator.choice(64, index % 10, replace=False)) for index in range(len(values))
    ]
    values = np.concatenate([values, values ^ np.array(flips, dtype=np.uint64)])
    pairs = {
        (i, j)
        for (i, one), (j, other) in itertools.combinations(enumerate(values.tolist()), 2)
        if (one ^ other).bit_count() <= MOST_BITS
    }
    got = {(int(i), int(j)) for one, other in module._close(values) for i, j in zip(one, other, strict=True)}
    assert len(pairs) > 80
    assert got == pairs


def test_many_frames_of_one_scene_take_no_time_squared() -> None:
    """5,000 looks that are all alike: each is compared with one that stands for them, not with all others."""
    look = np.frombuffer(look_of(PHOTO), np.uint8)
    generator = np.random.default_rng(0)
    facts = {
        index: PhotoFact(
            content_hash(str(index).encode()),
            1,
            RECORD,
            np.clip(look.astype(int) + generator.integers(-1, 2, LOOK_BYTES), 0, 255).astype(np.uint8).tobytes(),
        )
        for index in range(5000)
    }
    assert find_duplicates(facts).near == (tuple(range(5000)),)
