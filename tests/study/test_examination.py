"""A network is examined, judged and treated before it is trained; nothing is claimed that is not shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import pytest
import torch

from skipline.init import scheme_named
from skipline.signal.causes import CAUSES, RemedyName
from skipline.signal.comparison import compared
from skipline.spec import Activation, Merge, Network, Norm, NoShortcut
from skipline.study import Conditions, StudyError, examine, inspect, treat
from skipline.study.diagnosis_judge import judge_by_diagnosis
from skipline.study.measurement import read
from skipline.study.remedies import REMEDIES, Candidate, remedies_for
from skipline.study.subject import LINEAR_IMAGE_SIZE, candidate_of, linear_candidate
from skipline.zoo import describe

HE = "he_fan_out_normal"
SMALL = Conditions(image_size=8, batch_size=8)


def digits(name: str) -> Network:
    return describe(name, in_channels=1)


def bare(name: str) -> Network:
    return replace(digits(name), norm=Norm("none"))


@pytest.mark.parametrize(("alpha", "after_fifty"), [(0.5, 8.88e-16), (1.5, 6.376e8)])
def test_the_lectures_linear_net_is_one_examination(alpha: float, after_fifty: float) -> None:
    examination = examine(linear_candidate(50, alpha), Conditions(image_size=LINEAR_IMAGE_SIZE), measure=True)
    assert examination.reading is not None
    for seen in (examination.prediction, examination.reading):
        first, last = seen.sites["stem"], seen.sites["head"]
        # the stem is the first layer: one α of the fifty is behind it
        assert math.sqrt(last.second_moment / first.second_moment) * alpha == pytest.approx(after_fifty, rel=1e-3)
        assert first.gradient_norm is not None
        assert last.gradient_norm is not None
        assert first.gradient_norm / last.gradient_norm * alpha == pytest.approx(after_fifty, rel=1e-3)
    assert examination.diagnosis.verdict == "fails"
    worst = examination.diagnosis.findings[0].cause.name
    assert worst == ("signal vanishes" if alpha < 1 else "signal explodes")


def test_plain_degrades_where_residual_trains() -> None:
    plain, residual, preact = (
        examine(Candidate(digits(name), HE), SMALL, measure=True)
        for name in ("digits_plain56", "digits_resnet56", "digits_preresnet_basic56")
    )
    assert plain.diagnosis.verdict != "trains"
    assert plain.greatest_depth < 56
    for healthy in (residual, preact):
        assert healthy.diagnosis.verdict == "trains"
        assert healthy.greatest_depth > 1000
        assert healthy.measured is not None
        assert healthy.measured.verdict == "trains"
        assert healthy.comparison is not None
        assert healthy.comparison.signal == pytest.approx(1, rel=0.25)
        assert healthy.comparison.signal_within > 0.8


def test_nine_sites_in_ten_of_a_deep_thin_net_are_as_predicted() -> None:
    """What a gradient has grown by is off by a part of it, and what eight channels draw differs by more than 16."""
    candidate = candidate_of("residual", depth=50, width=8, norm=Norm("batch"), activation=Activation("relu"), init=HE)
    prediction = examine(candidate, Conditions(image_size=8), measure=False).prediction
    shares = [
        compared(prediction, read(candidate, Conditions(image_size=8, seed=seed), between=lambda: None)).gradient_within
        for seed in range(8)
    ]
    assert sum(shares) / len(shares) >= 0.9
    first, last = (prediction.sites[name].gradient_band for name in ("stage1.block1.out", "stage3.block8.out"))
    assert last < 1.2, "nothing has grown yet, and the last stage is 32 channels wide"
    assert first < 2


def test_a_remedy_is_tried_and_shown() -> None:
    examination = examine(Candidate(bare("digits_plain56"), "torch_default"), SMALL, measure=True)
    assert examination.diagnosis.verdict == "fails"
    treatment, *others = treat(examination, measure=True)
    assert all(not other.helped or other.after.verdict != "trains" for other in others)
    assert treatment.helped
    assert treatment.after.diagnosis.verdict == "trains"
    assert treatment.after.measured is not None
    assert treatment.after.measured.verdict == "trains"
    assert treatment.after.candidate.network.name.endswith(f"-{treatment.remedy}")


def test_every_cause_has_remedies_of_the_table_and_every_remedy_its_cause() -> None:
    named = get_args(RemedyName)
    assert sorted(REMEDIES) == sorted(named)
    assert {name for cause in CAUSES for name in cause.remedies} == {*named}
    assert all(cause.remedies for cause in CAUSES)


@pytest.mark.parametrize(("change", "name"), [(Activation("leaky_relu", 0.5), "leaky"), (Norm("batch"), "batch_norm")])
def test_the_lectures_remedies_lower_what_is_wrong(change: Activation | Norm, name: str) -> None:
    """Leaky ReLU and batch norm: each helps against what it is said to help against."""
    network = digits("digits_plain56") if name == "leaky" else bare("digits_plain56")
    init = HE if name == "leaky" else "torch_default"
    before = examine(Candidate(network, init), SMALL, measure=False)
    assert name in before.remedies
    after = REMEDIES[name].apply(Candidate(network, init))
    assert (after.network.activation if name == "leaky" else after.network.norm) == change
    now = examine(after, SMALL, measure=False)
    assert abs(now.diagnosis.evidence.backward.total) < 0.5 * abs(before.diagnosis.evidence.backward.total)


def test_there_is_nothing_to_fix_in_a_healthy_net() -> None:
    healthy = examine(Candidate(digits("digits_resnet20"), HE), SMALL, measure=False)
    with pytest.raises(StudyError, match="digits_resnet20 is predicted to train: there is nothing to fix"):
        treat(healthy, measure=False)


def test_each_remedy_changes_what_it_says_and_only_where_it_can() -> None:
    plain, residual = digits("digits_plain20"), digits("digits_resnet20")
    fixed = REMEDIES["residual"].apply(Candidate(plain, HE))
    assert all(stage.block.is_residual for stage in fixed.network.stages)
    assert fixed.init == f"zero_branch({HE})"
    gated = replace(
        residual,
        stages=tuple(replace(s, block=replace(s.block, merge=Merge(gate="exclusive"))) for s in residual.stages),
    )
    assert REMEDIES["clean_shortcut"].apply(Candidate(gated, HE)).network == residual
    scaled = REMEDIES["depth_scaling"].apply(Candidate(residual, HE)).network
    assert [stage.block.merge.branch_scale for stage in scaled.stages] == [pytest.approx(1 / 3)] * 3  # nine blocks
    everything = tuple(REMEDIES)
    for candidate in (
        Candidate(plain, HE),
        Candidate(residual, HE),
        Candidate(gated, HE),
        Candidate(bare("digits_plain20"), HE),
    ):
        for name in remedies_for(candidate, everything):
            assert REMEDIES[name].apply(candidate) != candidate, name
    assert "residual" not in remedies_for(Candidate(residual, HE), everything)
    assert "clean_shortcut" not in remedies_for(Candidate(residual, HE), everything)
    assert isinstance(plain.stages[0].block.shortcut, NoShortcut)


@pytest.mark.parametrize("init", ["he_fan_in_normal", "he_fan_out_normal", "he_fan_out_uniform"])
def test_what_starts_by_hes_rule_is_not_told_to(init: str) -> None:
    """By either of his two rules, in every form; the start of PyTorch is by neither."""
    bare_relu = bare("digits_plain20")
    assert remedies_for(Candidate(bare_relu, init), ("he", "residual")) == ("residual",)
    assert remedies_for(Candidate(bare_relu, "torch_default"), ("he", "residual")) == ("he", "residual")
    bare_residual = bare("digits_resnet20")
    assert remedies_for(Candidate(bare_residual, f"zero_branch({init})"), ("he", "batch_norm")) == ("batch_norm",)


@pytest.mark.parametrize("alpha", [0.5, 1.5])
def test_a_linear_net_is_told_of_hes_rule_last(alpha: float) -> None:
    """It makes up for what an activation takes; what came first did not help, and the second did."""
    examination = examine(linear_candidate(50, alpha), Conditions(image_size=LINEAR_IMAGE_SIZE), measure=False)
    assert examination.remedies == ("residual", "batch_norm", "he")
    (treatment,) = treat(examination, measure=False)
    assert (treatment.remedy, treatment.helped) == ("residual", True)


@pytest.mark.parametrize("name", ["resnet34_c", "resnet152", "resnetrs420", "wide_resnet101_2", "preresnet200"])
def test_what_is_known_to_train_is_called_healthy(name: str) -> None:
    word = judge_by_diagnosis(describe(name), scheme_named("he_fan_out_normal"), image_size=224)
    assert word == "trains"


def three_layers() -> torch.nn.Module:
    return torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(3)))


def test_a_foreign_module_is_inspected() -> None:
    generator = torch.Generator().manual_seed(0)
    layers = [torch.nn.Linear(32, 32) for _ in range(20)]
    for layer in layers:
        torch.nn.init.normal_(layer.weight, std=0.5 / math.sqrt(32), generator=generator)
    shrinking = torch.nn.Sequential(*layers)
    found = inspect(shrinking, torch.randn(8, 32, generator=generator)).diagnosis
    assert found.verdict != "trains"
    assert {"signal vanishes", "gradient vanishes"} & {finding.cause.name for finding in found.findings}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conditions(image_size=8, batch_size=1), "batch_size is 1; batch norm and the overlap of two inputs"),
        (lambda: Conditions(image_size=8, number_format="float8"), "number_format is 'float8'; expected float16, "),
        (lambda: inspect(three_layers(), torch.randn(1, 4)), "1 image came; batch norm and the overlap of two inputs"),
        (
            lambda: inspect(three_layers().requires_grad_(requires_grad=False), torch.randn(2, 4)),
            "no parameter of Sequential requires a gradient: nothing of it would train. Thaw what is to learn",
        ),
    ],
)
def test_what_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(StudyError) as raised:
        make()
    assert message in str(raised.value)
