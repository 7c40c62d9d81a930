"""Parameter counts of every named network, as published or counted by other programs."""

from __future__ import annotations

import pytest

from skipline.costs import cost
from skipline.zoo import describe

SMALLEST = 64  # pixels; parameters do not depend on it


def parameters(name: str, **changes: int) -> int:
    return cost(describe(name, **changes), image_size=SMALLEST).parameters


# depth → option A and plain, option B, option C
THIN = {
    20: (269_722, 272_474, 283_962),
    32: (464_154, 466_906, 489_594),
    44: (658_586, 661_338, 695_226),
    56: (853_018, 855_770, 900_858),
    110: (1_727_962, 1_730_714, 1_826_202),
    1202: (19_421_274, 19_424_026, 20_538_714),
}
NAMED = {
    "cifar_preresnet164": 1_703_258,
    "cifar_preresnet1001": 10_327_706,
    "cifar_wrn28_10": 36_479_194,
    "cifar_wrn16_8": 10_961_370,
    "cifar_wrn40_4": 8_949_210,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet200": 64_673_832,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "resnext101_64x4d": 83_455_272,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
    "resnet18d": 11_708_744,
    "resnet50d": 25_576_264,
    "resnet101d": 44_568_392,
    "resnet50t": 25_573_728,
    "resnet50s": 25_680_808,
    "resnet18_a": 11_515_688,
    "resnet34_a": 21_623_848,
    "resnet34_c": 22_716_840,
    # the parameters of timm 1.0.31's networks of these rows
    "seresnet18": 11_779_624,
    "seresnet50": 28_088_024,
    "seresnet152d": 66_841_080,
    "seresnext26t_32x4d": 16_806_976,
    "seresnext101_64x4d": 88_232_984,
    "ecaresnet26t": 16_011_916,
    "ecaresnet50d": 25_576_350,
    "ecaresnetlight": 30_162_046,
    "resnetblur50": 25_557_032,
    "resnetaa50d": 25_576_264,
    "seresnextaa201d_32x8d": 149_394_904,
    "resnetrs50": 35_691_912,
    "resnetrs101": 63_618_696,
    "resnetrs152": 86_621_576,
    "resnetrs200": 93_209_992,
    "resnetrs270": 129_861_448,
    "resnetrs350": 163_956_168,
    "resnetrs420": 191_891_656,
    "preresnet50": 25_549_352,
    "preresnet50t": 25_566_048,
    "preresnet18_raw": 11_687_720,
    "preresnet50d_gn": 25_568_584,
    "resnet50_gn": 25_557_032,
    "bit_r50x1": 25_549_352,
    "bit_r50x3": 217_319_080,
    "bit_r101x1": 44_541_480,
    "bit_r101x3": 387_934_888,
    "bit_r152x2": 236_335_208,
    "bit_r152x4": 936_533_224,
    "resnet10t": 5_435_488,
    "resnet14t": 10_081_632,
    "resnet26d": 16_014_408,
    "resnext101_32x32d": 468_530_472,
}
# Two halves of (first, …, last stage's) channels, and units in all stages: the settings of the paper's program
# (github.com/renmengye/revnet-public, resnet/configs/cifar_configs.py), where a unit is two blocks of ours.
REVERSIBLE = {
    "cifar_revnet38": ((16, 32, 56), 3, "0.46"),
    "cifar_revnet110": ((16, 32, 64), 9, "1.73"),
    "cifar_revnet164": ((16, 32, 64), 9, "1.75"),
}


@pytest.mark.parametrize("depth", THIN)
def test_thin_networks(depth: int) -> None:
    a, b, c = THIN[depth]
    for suffix in ("", "_a_end", "_a_average"):
        assert parameters(f"cifar_resnet{depth}{suffix}") == a
    assert parameters(f"cifar_plain{depth}") == a
    assert parameters(f"cifar_resnet{depth}_b") == b
    assert parameters(f"cifar_resnet{depth}_c") == c


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_resnet1202", "cifar_resnet56_b", "cifar_plain110"])
def test_a_hundred_classes_add_5850(name: str) -> None:
    assert parameters(name, num_classes=100) - parameters(name) == 5_850


@pytest.mark.parametrize("name", NAMED)
def test_named_networks(name: str) -> None:
    assert parameters(name) == NAMED[name]


@pytest.mark.parametrize("name", REVERSIBLE)
def test_reversible_networks(name: str) -> None:
    """Layer by layer as in the paper's program, and its millions (arXiv 1707.04585, table 2)."""
    widths, units, millions = REVERSIBLE[name]
    expands = 4 if name == "cifar_revnet164" else 1
    num_first = 2 * widths[0]
    expected = 3 * 9 * num_first + 2 * num_first  # the stem and the norm behind it
    incoming = widths[0]
    for width in widths:
        outgoing = expands * width
        for number in range(2 * units):
            first = incoming if number == 0 else outgoing
            norm = 0 if (number == 0 and width == widths[0]) else 2 * first  # the first unit's is the stem's
            if expands == 1:
                expected += norm + 9 * first * width + 2 * width + 9 * width * width
            else:
                expected += norm + first * width + 2 * width + 9 * width * width + 2 * width + width * outgoing
        if expands > 1:
            expected += 2 * incoming * outgoing  # a projection for each half
        incoming = outgoing
    last = 2 * incoming
    expected += 2 * last + 10 * last + 10
    assert parameters(name) == expected
    assert f"{expected / 1e6:.2f}" == millions


def test_the_blocks_of_resnet_rs() -> None:
    blocks = {  # arXiv 2103.07579
        152: (3, 8, 36, 3),
        200: (3, 24, 36, 3),
        270: (4, 29, 53, 4),
        350: (4, 36, 72, 4),
        420: (4, 44, 87, 4),
    }
    for depth, counts in blocks.items():
        assert tuple(stage.num_blocks for stage in describe(f"resnetrs{depth}").stages) == counts


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_v1_has_the_weights_of_v1_5_and_is_another_network(depth: int) -> None:
    v1, v1_5 = describe(f"resnet{depth}_v1"), describe(f"resnet{depth}")
    assert v1.stages != v1_5.stages
    first, second = (cost(network, image_size=SMALLEST) for network in (v1, v1_5))
    assert [(step.name, step.parameters) for step in first.steps] == [
        (step.name, step.parameters) for step in second.steps
    ]


@pytest.mark.parametrize("name", ["cifar_resnet20", "resnet50", "cifar_preresnet164"])
def test_grey_images_need_a_third_of_the_first_convolution(name: str) -> None:
    colour, grey = describe(name), describe(name, in_channels=1)
    first = cost(colour, image_size=SMALLEST).steps[0].parameters
    assert parameters(name) - parameters(name, in_channels=1) == first * 2 // 3
    assert grey.in_channels == 1
