"""What the tests of the report share: a stored study, run folders, and a reader of pages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skipline.report.phase import NetPoint, PhaseRecord
from skipline.report.records.diagnosis import CauseRecord, DiagnosisRecord, RemedyRecord
from skipline.report.records.net import NetRecord, SiteRecord
from skipline.signal.verdict import Outcome

from .html_page import Element, read_page
from .races import example_race

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def read() -> Callable[[str], Element]:
    """The reader of pages."""
    return read_page


@pytest.fixture
def study() -> dict[str, Any]:
    """A study as `study.json` holds it, with invented numbers like those of a real one; a fresh copy."""
    return json.loads((FIXTURES / "depth_study.json").read_text(encoding="utf-8"))


@pytest.fixture
def diverged_study(study: dict[str, Any]) -> dict[str, Any]:
    """The study, three of whose plain nets diverged: two of three at 110 layers, one of three at 56."""
    study["num_classes"] = 10
    for cell in study["cells"]:
        match cell["unit"], cell["depth"], cell["seed"]:
            case "plain", 110, 1:
                lost = {"epoch": 4, "train_loss": "NaN", "train_error": 0.9, "test_error": "NaN"}
                cell.update(status="diverged", train_error=0.9, train_loss="NaN", curve=[*cell["curve"][:3], lost])
            case "plain", 110, 2:
                cell.update(status="diverged", curve=[])
                for name in ("train_error", "train_loss", "test_error"):
                    del cell[name]
            case "plain", 56, 2:
                cell.update(status="diverged", curve=[], train_error="NaN", train_loss="Infinity")
    return study


@pytest.fixture
def race() -> dict[str, Any]:
    """A race of four as `study.json` holds it; a fresh copy."""
    return example_race()


def metrics_line(epoch: int, **changes: object) -> str:
    """One line of `metrics.jsonl` for an epoch of 12 steps, without its line end."""
    line = {
        "step": 12 * epoch,
        "epoch": epoch,
        "learning_rate": 0.1,
        "train_loss": 2.0 / epoch,
        "train_error": 0.5 / epoch,
        "test_loss": 2.5 / epoch,
        "test_error": 0.6 / epoch,
        "images_per_second": 850.0,
        "seconds": 1.5 * epoch,
    }
    return json.dumps(line | changes)


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a run folder of three epochs: `run_folder({"DONE": ""})` adds files, `None` takes one away."""

    def write(changes: dict[str, str | None]) -> Path:
        recipe = {
            "format": "skipline.recipe",
            "version": 1,
            "source": "digits",
            "epochs": 3,
            "optimiser": {"kind": "sgd", "learning_rate": 0.1},
            "clip_norm": "Infinity",
            "network": {
                "format": "skipline.network",
                "version": 1,
                "name": "digits_resnet20",
                "stages": [{"blocks": 3}],
            },
        }
        environment = {
            "format": "skipline.environment",
            "version": 1,
            "skipline": "0.1.0",
            "torch": "2.13.0",
            "seed": 0,
        }
        files: dict[str, str | None] = {
            "resolved.json": json.dumps(recipe),
            "environment.json": json.dumps(environment),
            "metrics.jsonl": "".join(metrics_line(epoch) + "\n" for epoch in (1, 2, 3)),
            "classes.json": json.dumps({"format": "skipline.classes", "version": 1, "classes": list("0123456789")}),
        }
        folder = tmp_path / "20260102T030405Z-digits-digits_resnet20-0f8e"
        folder.mkdir()
        for name, text in (files | changes).items():
            if text is not None:
                (folder / name).write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def evaluated_run(run_folder: Callable[..., Path]) -> Callable[[], Path]:
    """Write a run folder with the evaluation of a net that is seldom right, on images whose classes have odd names."""
    from .evaluations import write_evaluation

    def write() -> Path:
        folder = run_folder({"DONE": ""})
        write_evaluation(folder)
        return folder

    return write


@pytest.fixture
def metrics() -> Callable[..., str]:
    """The writer of metrics lines."""
    return metrics_line


# ---- nets whose signals follow the laws in closed form, and measurements that stray from them like real ones

PI_FACTOR = math.pi / (math.pi - 1)  # χ of ReLU behind batch norm
WOBBLE = (1.0, 1.06, 0.93, 1.02, 0.97, 1.09, 0.95)  # measured ÷ predicted, in turn


def block_name(number: int, num_blocks: int) -> str:
    """The name of block `number`, from 1, of a net of three stages."""
    stage = (number - 1) * 3 // num_blocks
    before = -(-stage * num_blocks // 3)  # blocks in earlier stages
    return f"stage{stage + 1}.block{number - before}"


def site(name: str, index: int, predicted: dict[str, float]) -> SiteRecord:
    measured = {key: min(1.0, v) if key == "correlation" else v * WOBBLE[index % 7] for key, v in predicted.items()}
    return SiteRecord(name=name, predicted=predicted, measured=measured, band=1.15, gradient_band=1.15)


def plain_net(num_blocks: int, *, name: str = "plain") -> NetRecord:
    """Batch norm without shortcuts: the gradient grows by 1.2111 a layer on its way back, inputs become alike."""
    sites = []
    for k in range(num_blocks + 1):
        values = {
            "second_moment": 0.5,
            "gradient_norm": math.sqrt(10) * 1.2111 ** (num_blocks - k),
            "channel_variance": 0.5 * (1 - 1 / math.pi),
            "zero_fraction": 0.5,
            "correlation": 1 - 0.68 / (k + 1),
        }
        parts = [f"{block_name(k, num_blocks)}.{part}" for part in ("branch", "out")] if k else ["stem"]
        sites += [site(part, k, values) for part in parts]
    return NetRecord(name=name, sites=tuple(sites))


def preact_net(num_blocks: int, *, name: str = "preact") -> NetRecord:
    """Pre-activation with batch norm: second moment 1 + k, squared gradient by a ratio of Γ functions."""
    chi = PI_FACTOR
    power = [math.lgamma(k + chi + chi * chi) - math.lgamma(k + chi) for k in range(num_blocks + 1)]
    sites = []
    for k in range(num_blocks + 1):
        trunk = {
            "second_moment": 1.0 + k,
            "gradient_norm": math.sqrt(10) * math.exp((power[num_blocks] - power[k]) / 2),
            "channel_variance": 1 + 0.6817 * k,
            "zero_fraction": 0.0,
            "correlation": 0.3183 * k / (1 + k),
        }
        if k == 0:
            sites.append(site("stem", k, trunk))
            continue
        block = block_name(k, num_blocks)
        sites.append(site(f"{block}.branch", k, trunk | {"second_moment": 1.0}))
        sites += [site(f"{block}.{part}", k, trunk) for part in ("sum", "out")]
    return NetRecord(name=name, sites=tuple(sites))


def doubling_net(num_blocks: int) -> NetRecord:
    """Residual without norms: 2 to the power k, whose squares leave 32-bit floats at block 64; a gradient that dies."""
    sites = []
    for k in range(num_blocks + 1):
        name = f"{block_name(k, num_blocks)}.out" if k else "stem"
        predicted = {"second_moment": 2.0**k, "gradient_norm": 2.0 ** ((num_blocks - k) / 2)}
        lost = {"second_moment": math.inf if k >= 64 else 2.0**k, "gradient_norm": 0.0 if k < 4 else math.nan}
        sites.append(SiteRecord(name=name, predicted=predicted, measured=lost, band=1.15, gradient_band=1.15))
    return NetRecord(name="residual", sites=tuple(sites))


def relu_phases() -> PhaseRecord:
    """ReLU: χ₁ is half the variance of the weights, whatever the biases; He's is critical, torch's is not."""
    weights, biases = tuple(0.25 * n for n in range(1, 17)), (0.0, 0.1, 0.2)
    points = (
        NetPoint(name="He", weight_variance=2.0, bias_variance=0.0),
        NetPoint(name="default", weight_variance=1 / 3, bias_variance=0.05),
    )
    chi = tuple(tuple(w / 2 for w in weights) for _ in biases)
    return PhaseRecord(activation="relu", weight_variances=weights, bias_variances=biases, chi=chi, points=points)


def diagnoses() -> tuple[DiagnosisRecord, ...]:
    """Three nets: one that degrades, one that fails, one that trains."""
    cause = CauseRecord(
        symptom="the gradient at the stem is 9.8 × 10³ times that at the head",
        cause="the backward pass of batch norm multiplies the squared gradient by χ > 1 in each layer",
        law="χ = E[φ′²] ÷ Var φ = 1.467",
        evidence="measured 1.208 a layer, predicted 1.211",
    )
    remedies = (
        RemedyRecord(
            action="add shortcuts",
            effect="the gradient grows as a power of depth",
            shown="ratio 9.8 × 10³ → 21",
        ),
        RemedyRecord(action="leaky ReLU with slope 0.5", effect="1.068 a layer in place of 1.211"),
    )
    rows: tuple[tuple[NetRecord, Outcome, str, float, Any, Any], ...] = (
        (plain_net(12), "degrades", "The gradient grows by 1.211 a layer.", 48.0, (cause,), remedies),
        (doubling_net(72), "fails", "Each block doubles the signal.", math.nan, (cause,), ()),
        (preact_net(18), "trains", "Signals grow as a power of depth.", math.inf, (), ()),
    )
    return tuple(
        DiagnosisRecord(
            net=net,
            outcome=outcome,
            verdict=verdict,
            law="χˡ",
            depth=48,
            trainable_depth=limit,
            causes=causes,
            remedies=tried,
        )
        for net, outcome, verdict, limit, causes, tried in rows
    )


def layers_lines(num: int) -> str:
    """`layers.jsonl` of `num` probes of a net of 12 blocks: one site dies, at last one is not finite."""
    lines = []
    for index in range(num):
        sites = {}
        for k in range(13):
            name = f"{block_name(k, 12)}.out" if k else "stem"
            gradient: float | str = 10.0 ** (2 - k / 6 - 3 * index / num)
            zeros = 0.5 + 0.5 * index / num if k == 7 else 0.5
            sites[name] = {"second_moment": 1.0 + k, "gradient_norm": gradient, "zero_fraction": zeros}
        if index == num - 1:
            sites["stem"]["gradient_norm"] = "NaN"
        tensors = {
            f"{block_name(k, 12)}.branch.conv1.weight": {"update_ratio": 1e-3 / (1 + index), "weight_norm": 9.0}
            for k in range(1, 13)
        }
        line: dict[str, Any] = {"step": 50 * index, "sites": sites, "tensors": tensors}
        if index == num - 1:
            line["warnings"] = [{"site": "stage2.block3.out", "cause": "nearly all its values are zero: units die"}]
        lines.append(json.dumps(line) + "\n")
    return "".join(lines)


@pytest.fixture
def plain() -> Callable[..., NetRecord]:
    """The maker of plain nets."""
    return plain_net


@pytest.fixture
def preact() -> Callable[..., NetRecord]:
    """The maker of pre-activation nets."""
    return preact_net


@pytest.fixture
def doubling() -> Callable[..., NetRecord]:
    """The maker of nets whose signal doubles."""
    return doubling_net


@pytest.fixture
def phases() -> PhaseRecord:
    """The phase diagram of ReLU."""
    return relu_phases()


@pytest.fixture
def three() -> tuple[DiagnosisRecord, ...]:
    """Three diagnoses."""
    return diagnoses()


@pytest.fixture
def layers() -> Callable[[int], str]:
    """The writer of `layers.jsonl`."""
    return layers_lines
