"""`skipline diagnose` as a person calls it: what it says, what it writes, what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from skipline.cli.diagnose import _INIT, _scheme_of
from skipline.cli.exits import GateFailed
from skipline.cli.output.diagnosis_output import Output, _spread, tell_examinations
from skipline.data import Preprocess
from skipline.init import build, scheme_named
from skipline.lab.jacobian import jacobian
from skipline.lab.setup import setup_of
from skipline.spec import Activation, Norm, dumps
from skipline.study.examination import Conditions, examine
from skipline.study.spectrum import Spectrum
from skipline.study.subject import candidate_of, linear_candidate
from skipline.train import Recipe, recipe_to_json
from skipline.train.folder.run_folder import create_run
from skipline.weights import TrainedModel
from skipline.weights.model_file import save_model
from skipline.zoo import describe

from .conftest import Command


def test_three_units_side_by_side_with_a_page_and_figures(skipline: Command, tmp_path: Path) -> None:
    page, figures = tmp_path / "page.html", tmp_path / "figures"
    done = skipline(
        "diagnose",
        "--depth",
        "57",
        "--compare",
        "plain,residual,preact",
        "--report",
        str(page),
        "--figures",
        str(figures),
    )
    assert done.code == 0, done.err
    plain, residual, preact = done.out.strip().split("\n\n")
    assert plain.startswith("plain57-batch-relu, 57 layers, he_fan_out_normal\n")
    assert "gradient explodes through norms" in plain
    assert "such nets train up to about" in plain
    assert "1. residual blocks" in plain
    assert "\n             by the measurement too it will train badly: the gradient is " in plain
    for healthy in (residual, preact):
        assert "\n✓ predicted: will train: " in healthy
        assert "such nets train at any depth, as far as is known" in healthy
        assert "times the predicted" in healthy
        assert "\n             by the measurement too it will train: the gradient changes by a factor of " in healthy
    html = page.read_text(encoding="utf-8")
    assert html.count("<svg") >= 4
    assert "://" not in html.replace("http://www.w3.org", "")
    assert {path.name for path in figures.iterdir()} >= {"signals.svg", "details.svg", "net-1.svg"}


def test_json_holds_every_site_and_the_lectures_numbers(skipline: Command) -> None:
    done = skipline("diagnose", "--depth", "50", "--alpha", "0.5,1.5", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["format"], document["version"]) == ("skipline.diagnosis", 1)
    for net, after_fifty in zip(document["nets"], (8.88e-16, 6.376e8), strict=True):
        assert net["verdict"] == "fails"
        assert net["jacobian"] == {}, "nobody asked for it"
        for kind in ("predicted", "measured"):
            sites = net[kind]
            growth = (sites["head"]["second_moment"] / sites["stem"]["second_moment"]) ** 0.5
            alpha = 0.5 if after_fifty < 1 else 1.5
            assert growth * alpha == pytest.approx(after_fifty, rel=1e-3)
            assert sites["stem"]["gradient_norm"] / sites["head"]["gradient_norm"] * alpha == pytest.approx(
                after_fifty, rel=1e-3
            )


def test_the_lectures_numbers_are_printed(skipline: Command) -> None:
    out = skipline("diagnose", "--depth", "50", "--alpha", "0.5,1.5,0").out
    half, more, nothing = out.strip().split("\n\n")
    assert "0.5^50 = 8.882e-16; measured from the images to the logits: signal" in half
    assert " 8.882e-16, and back from there: gradient 8.882e-16\n" in half
    assert "1.5^50 = 6.376e+08; measured" in more
    assert " 6.376e+08, and back from there: gradient 6.376e+08\n" in more
    assert "✗ predicted: will not train: the signal is 0 after the last block" in nothing


def test_a_fix_is_shown_to_help_or_the_command_fails(skipline: Command) -> None:
    done = skipline(
        "diagnose", "--depth", "50", "--compare", "plain", "--norm", "none", "--init", "torch_default", "--fix"
    )
    assert done.code == 0, done.err
    assert "\nfix: " in done.out
    assert ": shown to help\n" in done.out


def test_a_trained_file_is_measured_as_it_is(skipline: Command, tmp_path: Path) -> None:
    net = build(describe("digits_resnet20", in_channels=1, num_classes=3))
    path = tmp_path / "model.safetensors"
    save_model(path, TrainedModel(net, Preprocess(mean=(0.5,), std=(0.25,)), ("a", "b", "c")))
    done = skipline("diagnose", str(path), "--image-size", "8", "--jacobian")
    assert done.code == 0, done.err
    assert done.out.startswith("digits_resnet20, trained\n✓ measured: will train")
    # 32 channels of 2×2 pixels, of two images
    assert "\n  Jacobian   256 singular values of 2 images, stem to stage3.block3.out: " in done.out
    refused = skipline("diagnose", str(path), "--fix")
    assert refused.code == 2
    assert "is trained, and is only measured: --fix does not apply. Leave it out." in refused.err


def test_a_trained_net_is_told_what_would_change_it(skipline: Command, tmp_path: Path) -> None:
    """It was also told of the critical line, which ReLU has none of."""
    plain = replace(describe("digits_plain20", in_channels=1, num_classes=3), norm=Norm("none"))
    net = build(plain, scheme=scheme_named("torch_default"))
    path = tmp_path / "model.safetensors"
    save_model(path, TrainedModel(net, Preprocess(mean=(0.5,), std=(0.25,)), ("a", "b", "c")))
    done = skipline("diagnose", str(path), "--image-size", "8")
    assert done.code == 0, done.err
    remedies = done.out.partition("  remedies ")[2].splitlines()
    assert [line.split()[1:3] for line in remedies] == [["residual", "blocks,"], ["a", "leaky"], ["batch", "norm"]]


def test_a_run_is_measured_on_its_own_images(skipline: Command) -> None:
    trained = skipline("train", "digits", "--model", "digits_resnet8", "--epochs", "1", "--batch-size", "512")
    assert trained.code == 0, trained.err
    done = skipline("diagnose", "runs/last", "--json", "--batch-size", "8")
    assert done.code == 0, done.err
    (net,) = json.loads(done.out)["nets"]
    assert net["images"] == "8 training images of digits"
    assert net["depth"] == 8
    # Grey levels less their mean, over their deviation: of few images, so that it is about 1 and not 1.
    assert 0.5 < net["measured"]["stem"]["second_moment"] < 2
    refused = skipline("diagnose", "runs/last", "--image-size", "32")
    assert refused.code == 2
    assert "runs/last is measured on its own images, which have their size. Leave out --image-size." in refused.err


def test_a_run_is_told_of_he_s_rule_where_it_did_not_begin_by_it(skipline: Command, tmp_path: Path) -> None:
    """A file does not tell how its net started; the settings of a run do."""
    plain = replace(describe("digits_plain20", in_channels=1, num_classes=10), norm=Norm("none"))
    (tmp_path / "plain.json").write_text(dumps(plain), encoding="utf-8")
    how = ("--init", "torch_default", "--epochs", "1", "--batch-size", "512", "--lr", "1e-9")
    trained = skipline("train", "digits", "--model", "plain.json", *how)
    assert trained.code == 0, trained.err
    assert "weights by He's rule" in skipline("diagnose", "runs/last").out
    assert "weights by He's rule" not in skipline("diagnose", "runs/last/model.safetensors").out


@pytest.mark.parametrize(
    ("init", "start_from", "scheme"),
    [("torch_default", "", "torch_default"), ("lsuv", "", _INIT), ("torch_default", "other.safetensors", _INIT)],
)
def test_weights_that_were_fitted_or_given_are_taken_for_those_of_the_default(
    tmp_path: Path, init: str, start_from: str, scheme: str
) -> None:
    network = describe("digits_resnet8", in_channels=1, num_classes=10)
    recipe = Recipe(network=network, source="digits", init=init, start_from=start_from)
    run = create_run(tmp_path, "small", {"resolved.json": recipe_to_json(recipe)})
    assert _scheme_of(run.path) == scheme


def test_where_nothing_helps_a_fix_fails(capsys: pytest.CaptureFixture[str]) -> None:
    ill = examine(linear_candidate(8, 0.5), Conditions(image_size=1), measure=False)
    output = Output(as_json=False, report=None, figures=None, png=False)
    with pytest.raises(GateFailed, match="no remedy in the table was shown to help"):
        tell_examinations([ill], [()], output, spectra=())
    assert capsys.readouterr().out.startswith("linear8-0.5, 8 layers, scaled_identity(0.5)\n")


@pytest.mark.parametrize("alpha", ["1e30", "1e-200"])
def test_numbers_beyond_doubles_are_treated_too(skipline: Command, alpha: str) -> None:
    done = skipline("diagnose", "--depth", "8", "--alpha", alpha, "--fix")
    assert done.code == 0, done.err
    assert "✗ predicted: will not train" in done.out
    assert ": shown to help\n" in done.out
    assert "10.0e" not in done.out


def test_what_cannot_be_written_is_told_before_any_work(skipline: Command) -> None:
    Path("taken").write_text("a file", encoding="utf-8")
    done = skipline("diagnose", "--depth", "1001", "--figures", "taken")
    assert done.code != 0
    assert "taken" in done.err
    assert done.out == ""


@pytest.mark.parametrize("text", ["{", '{"a": 1}'])
def test_a_description_that_is_none_names_its_file(skipline: Command, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text, encoding="utf-8")
    done = skipline("diagnose", "bad.json")
    assert done.code == 3
    assert done.err.startswith("error: bad.json: ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "which network? Name one (skipline diagnose resnet50), a run (runs/last), or a depth: "),
        (
            ("--alpha", "0.5"),
            2,
            "--alpha 0.5 sets the kind of layers but not their number. Add --depth, e.g. --depth 50",
        ),
        (
            ("--depth", "20", "--report", "x.txt"),
            2,
            "--report x.txt must end in .html and be in an existing folder",
        ),
        (("--depth", "3"), 2, "there is no depth 3: a stem, a block of two layers and a classifier make 4."),
        (
            ("--depth", "20", "--compare", "plane"),
            2,
            "--compare has 'plane'; expected 'plain' or ",
        ),
        (("--depth", "20", "--alpha", "a"), 2, "--alpha is 'a'; expected numbers with commas between them"),
        (
            ("--depth", "20", "--alpha", "1", "--init", "dirac"),
            2,
            "--alpha examines linear nets W = αI: --init does not apply. Leave it out.",
        ),
        (("--depth", "20", "--init", "hee"), 2, "there is no scheme 'hee'"),
        (("--depth", "20", "--png"), 2, "--png says how figures are written, and --figures where."),
        (("cifar_resnet21",), 2, "depths are 6n+2; the nearest are 20 and 26"),
        (
            ("cifar_resnet20", "--depth", "20"),
            2,
            "cifar_resnet20 has its own depth, unit and parts: --depth does",
        ),
        (("cifar_resnet20", "--norm", "none"), 2, "cifar_resnet20 has its own depth, unit and parts: --norm does not"),
        (("cifar_resnet20", "--data", "x"), 2, "Gaussian pixels where no run is examined: --data does not apply"),
        (("gone.json",), 3, "gone.json: the file cannot be read: No such file"),
    ],
)
def test_what_is_refused(skipline: Command, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = skipline("diagnose", *arguments)
    assert done.code == code, done.out + done.err
    assert message in done.err
    assert "Traceback" not in done.err


def test_what_a_verdict_rests_on_is_said_in_front_and_nothing_twice(skipline: Command) -> None:
    """The cause of a net that fails was told in the verdict and again in the next line."""
    for arguments in (("--depth", "57", "--compare", "plain"), ("--depth", "50", "--alpha", "0.5,1e-200")):
        out = skipline("diagnose", *arguments, "--no-measure").out
        for told in out.strip().split("\n\n"):
            basis, will, rest = told.splitlines()[1].split(": ", 2)
            assert (basis[2:], will) in (("predicted", "will not train"), ("predicted", "will train badly"))
            says, cause = rest.rstrip(")").rsplit(" (", 1)
            assert told.count(says) == 1
            assert f"\n  cause      {cause}\n" in told, "its name stays, above its law"


def test_lines_are_broken_where_the_screen_ends_and_go_on_below_their_text(
    skipline: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "diagnose", "--depth", "57", "--compare", "plain,residual"
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = skipline(*arguments).out
    monkeypatch.setenv("COLUMNS", "60")
    broken = skipline(*arguments).out
    assert broken.split() == whole.split()
    assert max(map(len, broken.splitlines())) <= 60 < max(map(len, whole.splitlines()))
    lines = broken.splitlines()
    assert [line[:13] for line in lines if line.startswith("  law        ")] == ["  law        "]
    after_verdict = lines[next(index for index, line in enumerate(lines) if line.startswith("✓ ")) + 1]
    assert (after_verdict[:2], after_verdict[2] != " ") == ("  ", True)
    assert all(line[:13] == " " * 13 or line[2:3].strip() for line in lines if line[:2] == "  ")


def test_a_measurement_that_decides_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the prediction finds nothing and the measurement does."""
    conditions = Conditions(image_size=8, batch_size=4)
    candidate = candidate_of(
        "residual", depth=14, width=4, norm=Norm("batch"), activation=Activation("relu"), init=_INIT
    )
    found = examine(candidate, conditions, measure=True)
    (bad,) = (examine(linear_candidate(8, 1e-200), conditions, measure=False),)
    assert (found.verdict, bad.verdict) == ("trains", "fails")
    tell_examinations(
        [replace(found, measured=bad.diagnosis)],
        [],
        Output(as_json=False, report=None, figures=None, png=False),
        spectra=(),
    )
    out = capsys.readouterr().out
    assert f"✗ measured: {bad.diagnosis.sentence}\n" in out
    assert f"             predicted: {found.diagnosis.sentence}\n" in out
    assert "             the two differ: count on the worse verdict, above\n" in out
    assert out.count(bad.diagnosis.sentence) == out.count(found.diagnosis.sentence) == 1


@pytest.mark.parametrize(
    ("times", "holds"),
    [
        (1.1, "some draws of the weights do (--seed draws others): of this one the measured numbers hold"),
        (50.0, "hardly any draw of the weights does: the measured numbers hold, not the predicted ones"),
    ],
)
def test_how_far_a_measurement_is_outside_of_the_band_and_whose_numbers_hold(
    capsys: pytest.CaptureFixture[str], times: float, holds: str
) -> None:
    """It said only that the measurement did not confirm the prediction, and not whether the verdict still held."""
    found = examine(linear_candidate(8, 1.0), Conditions(image_size=4, batch_size=64), measure=True)
    assert found.comparison is not None
    band = found.prediction.sites["head"].gradient_band
    outside = replace(found.comparison, gradient_within=0.4, gradient_worst="head", gradient_worst_ratio=band * times)
    output = Output(as_json=False, report=None, figures=None, png=False)
    tell_examinations([replace(found, comparison=outside)], [], output, spectra=())
    *_, same, most, last = capsys.readouterr().out.splitlines()
    assert same == "             by the measurement the same verdict"
    far = f"gradient {band * times:.3g} times the predicted"
    assert most == f"             most sites lie outside of the band, head farthest: {far}"
    assert last == f"             {holds}"


def test_all_singular_values_where_they_are_few_and_the_ends_where_they_are_many(
    skipline: Command, tmp_path: Path
) -> None:
    """α^8: of ten layers the stem lies before, and the last one behind."""
    page = tmp_path / "page.html"
    few = ("diagnose", "--depth", "10", "--alpha", "0.5", "--jacobian", "--json", "--report", str(page))
    (net,) = json.loads(skipline(*few).out)["nets"]
    found = net["jacobian"]
    assert found["values"] == pytest.approx([0.5**8] * len(found["values"]))
    assert (found["start"], found["num_images"], found["says"]) == ("stem", 2, "")
    assert "How a small change arrives." in page.read_text(encoding="utf-8")
    told = skipline("diagnose", "--depth", "8", "--alpha", "2", "--image-size", "20", "--no-measure", "--jacobian").out
    assert "singular values of 2 images, stem to stage1.block3.out: 64 to 64, ±" in told
    assert "only the two ends: the Jacobian from 'stem' to 'stage1.block3.out' is 3,200 × 3,200, too large" in told


@pytest.mark.parametrize("unit", ["plain", "residual"])
def test_the_lab_shows_the_same_jacobian(skipline: Command, unit: str) -> None:
    thin = {"depth": 14, "width": 2, "norm": "batch", "init": "he_fan_out_normal"}
    flags = [part for key, value in thin.items() for part in (f"--{key}", str(value))]
    done = skipline("diagnose", "--compare", unit, *flags, "--no-measure", "--jacobian", "--json")
    assert done.code == 0, done.err
    (net,) = json.loads(done.out)["nets"]
    shown = jacobian(setup_of({**thin, "unit": unit}), lambda: None)
    assert len(shown["values"]) == net["jacobian"]["num_values"] == 64, "2 images of 8 channels of 2×2 pixels"
    assert shown["values"] == net["jacobian"]["values"]
    assert [shown[end] for end in ("largest", "smallest")] == [net["jacobian"][end] for end in ("largest", "smallest")]


def test_what_is_said_of_singular_values() -> None:
    whole = Spectrum(
        num_values=3,
        values=(4.0, 2.0, 0.5),
        largest=4.0,
        smallest=0.5,
        start="stem",
        end="stage1.block2.out",
        num_images=1,
    )
    assert _spread(whole) == (
        "  Jacobian   3 singular values of 1 image, stem to stage1.block2.out: 4 to 0.5, half of them below 2"
    )
    none = replace(whole, values=(), largest=math.nan, says="the net leaves the numbers.")
    assert _spread(none) == "  Jacobian   the net leaves the numbers."
