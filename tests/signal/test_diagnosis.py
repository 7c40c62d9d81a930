"""The table of causes, on courses that the laws give, and on a real network with one wrong layer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from skipline.init import build
from skipline.signal import SiteReading, TensorReading, Xray, xray
from skipline.signal.course import Course, course_of
from skipline.signal.diagnosis import Diagnosis, diagnose
from skipline.signal.error import SignalError
from skipline.signal.evidence import LARGEST, evidence_of
from skipline.signal.traits import FOREIGN, Traits, traits_of
from skipline.spec import Merge, Norm
from skipline.zoo import describe

PLAIN = traits_of(describe("cifar_plain56"))
RESIDUAL = traits_of(describe("cifar_resnet56"))
BARE = replace(PLAIN, norm="none", is_normalised=False)
SMOOTH = replace(RESIDUAL, norm="none", is_normalised=False)


def course(
    num_blocks: int,
    *,
    norm: float = 1.0,
    gradient: float = 1.0,
    overlap: float = 0.0,
    spread: float = 0.0,
    zeros: float = 0.5,
) -> Course:
    """Factors a block of the signal's norm, and of the gradient's on its way back."""
    numbers = range(num_blocks)
    return Course(
        places=tuple(f"stage1.block{k + 1}.out" for k in numbers),
        stages=("stage1",) * num_blocks,
        second_moments=tuple(norm ** (2 * k) for k in numbers),
        gradient_norms=tuple(gradient ** (num_blocks - k) for k in numbers),
        correlations=(overlap,) * num_blocks,
        spreads=tuple(spread * k for k in range(num_blocks)),
        zero_fractions=(zeros,) * num_blocks,
    )


def found(traits: Traits, of: Course, *, largest: float = LARGEST["float32"]) -> Diagnosis:
    return diagnose(evidence_of(of, traits, largest=largest))


def worst(diagnosis: Diagnosis) -> str:
    return diagnosis.findings[0].cause.name if diagnosis.findings else ""


# The factors are the laws' own, by hand: √(π/(π−1)) = 1.2111 a layer through batch norm and ReLU; 1/√6 = 0.408 with
# weights of variance 1/(3 fan-in), of which ReLU passes half; α = 1.5 of the linear net; √2 of two equal parts.
@pytest.mark.parametrize(
    ("traits", "of", "verdict", "cause"),
    [
        (PLAIN, course(9, gradient=1.2111**2), "trains", "gradient explodes through norms"),
        (PLAIN, course(54, gradient=1.2111**2), "fails", "gradient explodes through norms"),
        (BARE, course(25, norm=0.408**2, gradient=0.408**2), "fails", "signal vanishes"),
        (BARE, course(25, norm=1.5**2, gradient=1.5**2), "fails", "signal explodes"),
        (SMOOTH, course(54, norm=2**0.5, gradient=2**0.5), "fails", "residual doubling"),
        (BARE, course(30, gradient=0.9), "degrades", "gradient vanishes"),
        (BARE, course(50, overlap=0.9999), "fails", "inputs collapse to one direction"),
        (RESIDUAL, course(20, zeros=0.984), "degrades", "most units are empty"),
        (BARE, course(60, spread=0.2), "fails", "length lottery"),
        (replace(RESIDUAL, has_clean_shortcuts=False), course(54, gradient=0.5), "fails", "something on the shortcut"),
    ],
)
def test_each_law_has_its_cause(traits: Traits, of: Course, verdict: str, cause: str) -> None:
    diagnosis = found(traits, of)
    assert worst(diagnosis) == cause
    assert diagnosis.verdict == verdict
    if verdict != "trains":
        assert diagnosis.remedies
        assert cause in diagnosis.sentence


def test_polynomial_growth_is_healthy_however_large_it_is() -> None:
    num = 500
    chi = math.pi / (math.pi - 1)
    norms = [1.0]
    for k in reversed(range(1, num)):
        norms.append(norms[-1] * math.sqrt(1 + chi**2 / (k + chi)))
    of = replace(course(num), gradient_norms=tuple(reversed(norms)))
    assert norms[-1] > 200  # tools with a limit of 70 would call it exploding
    diagnosis = found(RESIDUAL, of)
    assert diagnosis.verdict == "trains"
    assert "as a power of the depth" in diagnosis.sentence


def test_a_format_with_a_smaller_range_ends_sooner() -> None:
    of = course(12, norm=3.0)
    wide, narrow = (found(RESIDUAL, of, largest=LARGEST[name]) for name in ("float32", "float16"))
    assert "out of range" not in [finding.cause.name for finding in wide.findings if finding.verdict != "trains"]
    assert "out of range" in [finding.cause.name for finding in narrow.findings if finding.verdict != "trains"]
    for name, largest in LARGEST.items():
        assert largest == torch.finfo(getattr(torch, name)).max


def test_traits_are_read_off_the_description() -> None:
    network = describe("cifar_resnet56")
    assert (RESIDUAL.unit, RESIDUAL.norm, RESIDUAL.layers_per_block) == ("residual", "batch", 2)
    assert RESIDUAL.has_clean_shortcuts
    for merge in (Merge(branch_scale=0.5, shortcut_scale=0.5), Merge(gate="exclusive"), Merge(shortcut_dropout=0.5)):
        stages = tuple(replace(s, block=replace(s.block, merge=merge)) for s in network.stages)
        assert not traits_of(replace(network, stages=stages)).has_clean_shortcuts
    assert not traits_of(describe("cifar_resnet110_bn_after_addition")).has_clean_shortcuts
    assert not traits_of(replace(network, norm=Norm("none"))).is_normalised
    assert traits_of(describe("cifar_preresnet164")).layers_per_block == 3


@pytest.mark.parametrize("name", ["digits_plain104", "digits_resnet98"])
def test_a_layer_scaled_by_three_is_found_by_name_among_a_hundred(name: str) -> None:
    wrong = "stage2.block9.branch.conv2.weight"
    net = build(describe(name, in_channels=1), seed=0)
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert "a layer out of line" not in _causes(net, images)
    with torch.no_grad():
        net.get_parameter(wrong).mul_(3)
    says = _causes(net, images)["a layer out of line"]
    assert says.startswith(f"{wrong} is ")
    assert float(says.split()[2]) == pytest.approx(3, rel=0.1)


def _causes(net: torch.nn.Module, images: torch.Tensor) -> dict[str, str]:
    reading = xray(net, images)
    diagnosis = diagnose(evidence_of(course_of(reading), FOREIGN, reading=reading))
    return {finding.cause.name: finding.says for finding in diagnosis.findings}


def test_a_foreign_stack_with_one_wrong_layer_is_found_by_its_signal() -> None:
    layers = [torch.nn.Linear(64, 64) for _ in range(100)]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in layers:
            torch.nn.init.orthogonal_(layer.weight, generator=generator)
            layer.bias.zero_()
        layers[41].weight.mul_(3)
    says = _causes(torch.nn.Sequential(*layers), torch.randn(8, 64, generator=generator))["a layer out of line"]
    assert says.startswith("41.weight is 3 times as large as its 99 equals")


def test_what_only_a_measurement_shows() -> None:
    net = build(describe("digits_plain20", in_channels=1), seed=0)
    with torch.no_grad():
        net.get_parameter("stage2.block2.branch.norm1.weight").fill_(math.nan)
    found_there = _causes(net, torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert found_there["numbers are not finite"].startswith("stage2.block2.branch is the first site with values")
    dying = build(describe("digits_plain20", in_channels=1), seed=0)
    with torch.no_grad():
        dying.get_parameter("stage3.block3.branch.norm2.bias").fill_(-50.0)
    dead = _causes(dying, torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert dead["dead units"] == "100 % of the channels of stage3.block3.out are 0 for every input"
    assert "dead weights" in dead


def test_too_few_places_to_judge() -> None:
    reading = xray(torch.nn.Linear(3, 2), torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(SignalError, match=r"^the module has 0 places along its depth .* Expected at least 3\.$"):
        course_of(reading)


def test_foreign_sums_make_the_course_where_there_are_three() -> None:
    site = SiteReading((4, 8), 1.0, 0.0, 1.0, 0.0, 0.0, 0, 0.0, 4.0, 1.0, 0.0, 0)
    sums = {f"layer{n}.sum": site for n in range(3)}
    weights = {f"layer{n}.fc.weight": TensorReading((8, 8), 1.0, 1.0, "live") for n in range(3)}
    both = {**sums, **{f"layer{n}.fc": site for n in range(3)}}
    reading = Xray(inputs={}, sites=both, tensors=weights, num_inputs=4, objective=0.0, is_training=True)
    assert course_of(reading).places == tuple(sums)
    alone = replace(reading, sites={name: site for name in both if not name.endswith("sum")})
    assert course_of(alone).places == ("layer0.fc", "layer1.fc", "layer2.fc")
