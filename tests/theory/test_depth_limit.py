"""How deep a family can be: exponential growth ends it and polynomial growth does not; the fold against the laws."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from skipline.init import laws_of, scheme_named
from skipline.spec import Block, Merge, Network, unfold
from skipline.spec.layers import Conv
from skipline.theory.depth_limit import DepthLimit, depth_limit, family_growth, with_blocks
from skipline.theory.predict import predict_signals
from skipline.theory.prediction import Inputs
from skipline.theory.start import WeightLaw
from skipline.zoo import describe

from .measured import PLAIN, PRE, RESIDUAL, network


def limit_of(net: Network, scheme: str, *, side: int = 16) -> DepthLimit:
    return depth_limit(net, lambda each: laws_of(each, scheme_named(scheme)), image_size=side)


def matrices(net: Network) -> dict[str, WeightLaw]:
    """He's start for 1×1 images, of which a 3×3 convolution sees the centre tap alone."""
    start = laws_of(net, scheme_named("he_fan_in_normal"))
    for step in unfold(net).steps():
        if isinstance(step.layer, Conv):
            start[f"{step.name}.weight"] = WeightLaw("independent", math.sqrt(2 / step.layer.in_channels))
    return start


def test_growth_is_told_apart() -> None:
    counts = (16, 32, 64)
    powers = family_growth(counts, [3 * math.log(count) for count in counts])
    assert (powers.kind, powers.exponent, powers.depth_scale) == ("polynomial", pytest.approx(3.0), math.inf)
    exponential = family_growth(counts, [0.25 * count for count in counts])
    assert (exponential.kind, exponential.depth_scale) == ("exponential", pytest.approx(4.0))
    assert family_growth(counts, [1.0, 1.01, 1.02]).kind == "flat"
    assert family_growth(counts, [1.0, 2.0, math.inf]).kind == "exponential"


def test_plain_batch_norm_ends_where_the_factor_of_a_layer_reaches_the_limit() -> None:
    found = limit_of(network(PLAIN, 2), "he_fan_in_normal", side=32)
    assert found.cause == "gradient"
    assert found.gradient.kind == "exponential"
    assert found.gradient.per_block / 2 == pytest.approx(math.log(1.2111), rel=0.05)
    assert 40 <= 2 * math.log(1e4) / found.gradient.per_block <= 56  # the law: about 48 layers for a factor of 10⁴
    assert 17 <= found.depth <= 26  # the limit is a factor of 30, which 1.2111^L reaches at 18 layers


def test_healthy_nets_have_no_end() -> None:
    for block in (RESIDUAL, PRE):
        found = limit_of(network(block, 2), "he_fan_in_normal")
        assert (found.num_blocks, found.depth, found.cause) == (math.inf, math.inf, "none")
        assert found.gradient.kind == "polynomial"


def test_the_default_start_and_doubling_and_the_lottery_end_early() -> None:
    trap = limit_of(network(PLAIN, 2, norm="none"), "torch_default")
    assert trap.depth <= 20
    # × 0.408 a layer; a little less for the border
    assert trap.gradient.per_block / 2 == pytest.approx(-math.log(0.408), rel=0.05)
    doubling = limit_of(network(PRE, 2, norm="none"), "he_fan_in_normal")
    assert doubling.cause == "gradient"  # both double with each block
    assert doubling.num_blocks <= 20
    collapse = depth_limit(network(PLAIN, 2, norm="none", width=100), matrices, image_size=1)
    assert collapse.cause == "collapse"
    assert 24 <= collapse.depth <= 33  # κ₁ leaves 1/30 after 27 layers
    narrow = depth_limit(network(PLAIN, 2, norm="none", width=16), matrices, image_size=1)
    assert narrow.cause == "length lottery"
    # a variance of 2.5 by 5L/n at width 16: 8 layers, and some before inputs are alike: till then batches average
    assert 8 <= narrow.depth <= 20


def test_scaled_branches_and_rezero_are_healthy() -> None:
    merge = Merge(branch_scale=0.0, branch_scaling="learned")
    found = limit_of(network(Block(order="pre", merge=merge), 2, norm="none"), "he_fan_in_normal")
    assert (found.cause, found.signal.kind, found.gradient.kind) == ("none", "flat", "flat")


def test_a_family_keeps_its_proportions() -> None:
    net = with_blocks(describe("cifar_resnet20"), 90)
    assert [stage.num_blocks for stage in net.stages] == [30, 30, 30]


# ---- the fold reproduces the closed forms


def sites_of(net: Network) -> dict[str, tuple[float, float, float]]:
    """Second moment, zero fraction and gradient norm of wide matrices over many images."""
    prediction = predict_signals(net, matrices(net), image_size=1, inputs=Inputs(num_images=100_000))
    return {
        name: (site.second_moment, site.zero_fraction, site.gradient_norm) for name, site in prediction.sites.items()
    }


def test_the_reflected_walk_comes_out_of_the_fold() -> None:
    sites = sites_of(network(RESIDUAL, 100, width=4096))
    expected = {1: (1.159, 0.375), 2: (1.884, 0.3125), 3: (2.648, 0.2734)}
    for block, (second, zeros) in expected.items():
        found = sites[f"stage1.block{block}.out"]
        assert found[0] == pytest.approx(second, rel=1e-3)
        assert found[1] == pytest.approx(zeros, rel=1e-3)
    zeros = math.comb(202, 101) / 4**101
    assert sites["stage1.block100.out"][1] == pytest.approx(zeros, rel=1e-3)


def test_the_gamma_law_comes_out_of_the_fold() -> None:
    net = replace(network(PRE, 30, width=100_000), first_identity="raw")
    sites = sites_of(net)
    assert sites["stage1.block30.out"][0] / sites["stem"][0] == pytest.approx(1 + 30 / 2, rel=0.01)  # a stem of q = 2
    plain = [sites[f"stage1.block{k}.out"][2] for k in (10, 30)]
    # with a stem of variance v instead of 1: Π (1 + χ²/(χ v + k)), from block 11 to block 30
    chi = math.pi / (math.pi - 1)
    law = math.prod(1 + chi**2 / (chi * 2 + k) for k in range(10, 30))
    assert (plain[0] / plain[1]) ** 2 == pytest.approx(law, rel=0.01)


def test_the_lottery_comes_out_of_the_fold() -> None:
    sites = sites_of(network(PLAIN, 500, norm="none", width=100))
    # in e^−25 all layers count in which inputs are alike, all but the first
    assert math.log(sites["stage1.block500.out"][0] / sites["stem"][0]) == pytest.approx(-25, abs=1.5)


def test_residual_doubling_comes_out_of_the_fold() -> None:
    sites = sites_of(network(PRE, 40, norm="none", width=10**6))
    # behind the entry of the first block, where the identity is activated, whose mean dies away
    assert sites["stage1.block40.sum"][0] / sites["stage1.block10.sum"][0] == pytest.approx(2.0**30, rel=0.04)
