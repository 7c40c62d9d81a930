"""Two processes train what one would: gradients, whole runs, runs that change hands, and the ways that they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from skipline.train import RunFolder
from skipline.weights import read_tensors

pytestmark = [
    pytest.mark.slow,  # twenty processes, each with a group to join; the shares of a batch are held by quicker tests
    pytest.mark.skipif(sys.platform == "win32", reason="this system cannot fork"),
    pytest.mark.xdist_group("two processes"),  # one process: the runs are made once for all of its tests
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `two_processes.py` did."""
    folder = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("two_processes.py")), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tensors_of(report: dict[str, Any], scope: str, process: str) -> dict[str, Tensor]:
    return read_tensors(Path(report[scope]) / f"{process}.safetensors")[1]


def run_of(report: dict[str, Any], name: str) -> RunFolder:
    return RunFolder(Path(report[name]["run"]))


def weights_of(report: dict[str, Any], name: str) -> dict[str, Tensor]:
    return read_tensors(run_of(report, name).checkpoint)[1]


def furthest(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The largest difference in any tensor, over the largest number in it."""
    assert found.keys() == expected.keys()
    differences = [(found[name] - tensor).abs().max() / tensor.abs().max() for name, tensor in expected.items()]
    return max(map(float, differences))


def test_with_synchronised_norms_the_gradient_is_that_of_one_process(report: dict[str, Any]) -> None:
    """In fp64, with mixup, dropout and parts; the loss alone is taken in fp32, and its rounding is all that differs.

    15 images in parts of 8 and 7, which the processes share as 4 + 4 and 4 + 3.
    """
    one = tensors_of(report, "synchronised", "1-0")
    # Stem 1 + 2, two blocks of 2 + 4, the second with an option-A shortcut, classifier 2: convolutions, then norms.
    assert sum(name.startswith("gradient/") for name in one) == 17
    for process in ("2-0", "2-1"):
        two = tensors_of(report, "synchronised", process)
        assert furthest(two, one) < 2e-6, process


def test_with_norms_of_their_own_it_is_not_but_the_processes_agree(report: dict[str, Any]) -> None:
    one, first, second = (tensors_of(report, "per-process", process) for process in ("1-0", "2-0", "2-1"))
    assert furthest(first, one) > 1e-3
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_a_run_of_two_is_the_run_of_one(report: dict[str, Any]) -> None:
    assert furthest(weights_of(report, "two whole"), weights_of(report, "one")) < 1e-4
    one, two = (run_of(report, name).read_metrics() for name in ("one", "two whole"))
    assert [line["step"] for line in two] == [3, 6, 9]
    for entry in ("learning_rate", "train_loss", "train_error", "test_loss", "test_error"):
        assert [line[entry] for line in two] == pytest.approx([line[entry] for line in one], rel=1e-5), entry


def test_stopped_and_taken_up_by_two_it_ends_with_the_same_bits(report: dict[str, Any]) -> None:
    assert report["two"]["begun"] == [{"stopped": 4}, {"stopped": 4}]  # process 1 asked for it
    assert run_of(report, "two").model.read_bytes() == run_of(report, "two whole").model.read_bytes()
    found, expected = weights_of(report, "two"), weights_of(report, "two whole")
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


@pytest.mark.parametrize("name", ["two to one", "one to two"])
def test_a_run_goes_on_with_another_number_of_processes(report: dict[str, Any], name: str) -> None:
    assert {answer["stopped"] for answer in report[name]["begun"]} == {4}
    assert {answer["step"] for answer in report[name]["ended"]} == {9}
    assert furthest(weights_of(report, name), weights_of(report, "one")) < 1e-4


def test_deepened_thinned_out_averaged_and_watched_it_is_the_run_of_one_too(report: dict[str, Any]) -> None:
    one, two = weights_of(report, "everything 1"), weights_of(report, "everything 2")
    assert {name.split("/")[0] for name in two} == {"net", "average", "optimiser", "start"}
    assert any("stage3.block2" in name for name in two)  # depth 14 has two blocks a stage, 8 has one
    assert furthest(two, one) < 1e-3
    losses = [[line["loss"] for line in run_of(report, f"everything {size}").read_losses()] for size in (1, 2)]
    assert len(losses[1]) == 9
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert [line["step"] for line in run_of(report, "everything 2").read_layers()] == [0, 2, 4, 6, 8]


def test_a_plain_net_is_deepened_on_the_images_of_all(report: dict[str, Any]) -> None:
    """The fourth step is the first of the deeper net; behind it rounding grows too fast in such nets to compare."""
    losses = [[line["loss"] for line in run_of(report, f"plain {size}").read_losses()] for size in (1, 2)]
    assert losses[1][:4] == pytest.approx(losses[0][:4], rel=1e-5)


def test_shared_out_too_the_head_has_a_rate_of_its_own(report: dict[str, Any]) -> None:
    """Without groups of its own nothing would learn while the head learns alone."""
    assert [answer["groups of the head"] for answer in report["parts"]] == [2, 2]  # its weights and its biases


def test_where_one_diverges_all_do_and_one_writes_it_down(report: dict[str, Any]) -> None:
    first, second = report["diverging"]["ended"]
    assert first == second
    assert first["error"] == "Diverged"
    assert first["message"].startswith("the run diverged after 1 step: the first non-finite value is at stem.")
    assert run_of(report, "diverging").read("FAILED.json")["step"] == 1


def test_where_one_fails_the_others_end_and_say_why(report: dict[str, Any]) -> None:
    first, second = report["failing"]
    assert second == {"error": "ValueError", "message": "the disk of process 1 is full"}
    assert first["error"] == "TeamError"
    assert "another process of this run has ended or cannot be reached" in first["message"]
    assert "-m skipline resume RUN" in first["message"]


def test_a_group_outlives_the_block_that_failed_and_the_next_one_meets_anew(report: dict[str, Any]) -> None:
    for answer in report["again"]:
        assert answer == [
            ["first 0", "first 1"],
            True,
            ["second 0", "second 1"],
            False,
            ["third 0", "third 1"],
            False,
        ]


def test_processes_that_see_different_folders_do_not_begin(report: dict[str, Any]) -> None:
    for answer in report["apart"]:
        assert answer["error"] == "TeamError"
        assert "after step 1 and process 1 after step 0: they do not see the same checkpoint" in answer["message"]
        assert "Put the run folder where every machine sees it" in answer["message"]


def test_a_part_that_is_too_small_for_all_is_refused(report: dict[str, Any]) -> None:
    for answer in report["too many"]:
        assert answer["error"] == "RecipeError"
        assert "2 processes cannot share a part of 1 image: a batch of 2 is computed in 2 parts" in (answer["message"])


def test_shared_out_it_is_the_run_of_whole_parameters(report: dict[str, Any]) -> None:
    """Each process has its own norms, and parts, gradients are added up: FSDP2 and DDP come to the same."""
    assert furthest(weights_of(report, "shared out"), weights_of(report, "own norms")) < 1e-4
    losses = [run_of(report, name).read_metrics()[-1]["test_loss"] for name in ("shared out", "own norms")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_shared_out_and_stopped_it_ends_with_the_same_bits(report: dict[str, Any]) -> None:
    assert run_of(report, "shared out, stopped").model.read_bytes() == run_of(report, "shared out").model.read_bytes()
    found, expected = weights_of(report, "shared out, stopped"), weights_of(report, "shared out")
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def test_what_was_shared_out_is_saved_whole_and_one_process_goes_on(report: dict[str, Any]) -> None:
    assert [answer["step"] for answer in report["shared out, then one"]["ended"]] == [9]
    assert run_of(report, "shared out, then one").is_done


def test_each_process_holds_its_part(report: dict[str, Any]) -> None:
    """Half of everything, but for a tensor's odd row: each goes to process 0, and the classifier's 4 rows are even."""
    first, second = report["parts"]
    for held in ("parameters", "gradients", "momenta"):
        assert first[held] + second[held] == first["all"]
        assert first[held] <= 0.55 * first["all"]


def same_bits(report: dict[str, Any], name: str, other: str) -> bool:
    found, expected = weights_of(report, name), weights_of(report, other)
    assert found.keys() == expected.keys()
    return all(torch.equal(found[entry], tensor) for entry, tensor in expected.items())


def test_where_one_has_no_memory_all_halve_and_go_on(report: dict[str, Any]) -> None:
    """As if the recipe had had the parts; the statistics too, which the failed pass had moved in both."""
    assert run_of(report, "at once").read("memory.json")["halvings"] == [{"step": 0, "parts": 2}]
    assert run_of(report, "at once").is_done
    assert same_bits(report, "at once", "asked")


def test_a_halved_run_of_two_is_taken_up_with_its_parts(report: dict[str, Any]) -> None:
    """It failed within the backward pass, and was stopped two steps later."""
    for name in ("halved", "stopped"):
        assert run_of(report, name).read("memory.json")["halvings"] == [{"step": 3, "parts": 2}]
        assert run_of(report, name).is_done
    assert same_bits(report, "stopped", "halved")
    assert not same_bits(report, "halved", "asked")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("out in the middle", "A checkpoint after step 4 is written. Go on with the same launcher and `-m skipline "),
        ("out in the leader", "A checkpoint after step 4 is written. Go on with the same launcher and `-m skipline "),
        ("out, shared", "The newest checkpoint is intact. Go on with the same launcher and `-m skipline resume "),
    ],
)
def test_where_the_others_cannot_be_told_the_run_ends_and_goes_on_in_parts(
    report: dict[str, Any], name: str, kept: str
) -> None:
    """With synchronised norms, or parameters shared out, they wait in the middle of the step."""
    for answer in report[name]["ended"]:
        assert answer["error"] == "RanOut", answer
        assert "memory ran out in step 4 of one process, while the others waited for it" in answer["message"]
        assert kept in answer["message"]
        assert answer["message"].endswith("from that step on a batch is then computed in 2 parts.")
    assert report[name]["kept"] == 4
    assert [answer["step"] for answer in report[name]["later"]] == [9, 9]
    assert run_of(report, name).read("memory.json")["halvings"] == [{"step": 4, "parts": 2}]
