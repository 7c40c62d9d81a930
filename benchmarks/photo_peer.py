"""`skipline train FOLDER` against torchvision's reference recipe: one net, split and number of epochs; errors and time.

    python benchmarks/photo_peer.py FOLDER [--model resnet18] [--image-size 64] [--epochs 12] [--allow NAME …]

Ours is the command as it is typed, with its defaults and an empty cache. The peer trains torchvision's model on the
training photos of our run's split.json as torchvision's references/classification does: random-resized crop and flip
from the JPEG file in every epoch, two loading processes, SGD with momentum 0.9 and weight decay 1e-4, the learning rate
0.1 for 256 images in proportion to its batch of 32, a tenth of it after each third of the epochs, and an evaluation
after each. Both are processes of their own, one after the other, timed from start to end; then both answer for the test
photos, which neither has seen. Run it on a quiet machine: it takes as long as both trainings.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import import_torchvision
from PIL import Image
from torch import nn

from skipline.data.photos.classes import load_classes
from skipline.data.photos.split import Split, SplitPhoto, load_split
from skipline.evaluate.interval import wilson
from skipline.evaluate.paired import compare
from skipline.train import open_run

# References/classification/train.py and presets.py of torchvision 0.28: their defaults, and the ratio of their sizes.
BATCH_SIZE, RATE_OF_256, MOMENTUM, WEIGHT_DECAY = 32, 0.1, 0.9, 1e-4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RESIZED = 256 / 224
WORKERS = 2  # theirs is 16; this machine has two cores


class Photos(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """Files with labels, decoded when they are asked for."""

    def __init__(self, root: Path, photos: Sequence[SplitPhoto], transform: Any) -> None:
        self.root, self.photos, self.transform = root, photos, transform

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        photo = self.photos[index]
        with Image.open(self.root / photo.file) as image:
            return self.transform(image.convert("RGB")), photo.label


def transforms(side: int) -> tuple[Any, Any]:
    """The training and the evaluation preset for images of `side` pixels."""
    import_torchvision()
    from torchvision.transforms import v2

    end = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    train = v2.Compose([v2.RandomResizedCrop(side, antialias=True), v2.RandomHorizontalFlip(), *end])
    return train, v2.Compose([v2.Resize(round(side * RESIZED), antialias=True), v2.CenterCrop(side), *end])


def answers(net: nn.Module, loader: Any) -> list[int]:
    """The class that the net says of each image."""
    net.eval()
    with torch.inference_mode():
        return [int(answer) for images, _ in loader for answer in net(images).argmax(1)]


def train_peer(split: Split, *, model: str, side: int, epochs: int, seed: int) -> dict[str, Any]:
    """Train torchvision's `model`; its answers for the test photos, and its training as it went."""
    torchvision = import_torchvision()
    torch.manual_seed(seed)
    root, num_classes = Path(split.folder), 1 + max(photo.label for photo in split.train)
    for_training, for_judging = transforms(side)

    def loader(photos: Sequence[SplitPhoto], transform: Any, *, shuffle: bool) -> Any:
        return torch.utils.data.DataLoader(
            Photos(root, photos, transform), batch_size=BATCH_SIZE, shuffle=shuffle, num_workers=WORKERS
        )

    net = torchvision.models.get_model(model, num_classes=num_classes)
    rate = RATE_OF_256 * BATCH_SIZE / 256
    optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=max(1, epochs // 3), gamma=0.1)
    criterion = nn.CrossEntropyLoss()
    judged = loader(split.val, for_judging, shuffle=False)
    labels = np.array([photo.label for photo in split.val])
    course = []
    for _ in range(epochs):
        net.train()
        for images, targets in loader(split.train, for_training, shuffle=True):
            loss = criterion(net(images), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        course.append(float((np.array(answers(net, judged)) != labels).mean()))
    return {"answers": answers(net, loader(split.test, for_judging, shuffle=False)), "validation_errors": course}


def train_own(folder: Path, out: Path, cache: Path, options: argparse.Namespace) -> Path:
    """Train by the command line, nothing being kept of the photos before; the run's folder."""
    command = [sys.executable, "-m", "skipline", "train", str(folder), "--out", str(out), "--json"]
    command += ["--cache", str(cache)]
    command += ["--model", options.model, "--image-size", str(options.image_size), "--epochs", str(options.epochs)]
    command += ["--seed", str(options.seed)]
    for name in options.allow:
        command += ["--allow", name]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return open_run(out / "last").path


def own_answers(run: Path, split: Split, class_names: Sequence[str]) -> list[int]:
    """What `skipline predict` says of the test photos."""
    files = [str(Path(split.folder) / photo.file) for photo in split.test]
    command = [sys.executable, "-m", "skipline", "predict", str(run), "-"]
    done = subprocess.run(command, input="\n".join(files), check=True, capture_output=True, text=True)
    said = {row["file"]: row["class"] for row in csv.DictReader(io.StringIO(done.stdout))}
    return [class_names.index(said[file]) for file in files]


def seconds_and_peer(run: Path, options: argparse.Namespace) -> tuple[float, dict[str, Any]]:
    """The peer trained in a process of its own."""
    command = [sys.executable, __file__, str(options.folder), "--peer-of", str(run), "--model", options.model]
    command += ["--image-size", str(options.image_size), "--epochs", str(options.epochs), "--seed", str(options.seed)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, json.loads(done.stdout)


def line(name: str, wrong: int, total: int, seconds: float) -> str:
    low, high = wilson(wrong, total)
    return f"| {name} | {100 * wrong / total:.1f} ({100 * low:.1f} to {100 * high:.1f}) | {seconds:.0f} |"


def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        run = train_own(options.folder, options.out or Path(place) / "runs", Path(place) / "cache", options)
        own_seconds = time.perf_counter() - start
        split = load_split(run / "split.json")
        class_names = load_classes(run / "classes.json").names
        labels = np.array([photo.label for photo in split.test])
        own = np.array(own_answers(run, split, class_names)) == labels
        peer_seconds, peer = seconds_and_peer(run, options)
    theirs = np.array(peer["answers"]) == labels
    paired = compare(theirs, own, generator=torch.Generator().manual_seed(0))
    total = len(labels)
    print(
        f"{options.folder.name}: {options.model}, {options.image_size} pixels, {options.epochs} epochs, seed", end=" "
    )
    print(f"{options.seed}; {len(split.train)} photos to learn from, {total} for the test\n")
    print("| | test error, % (95 % interval) | s, start to end |\n| --- | --- | ---: |")
    print(line("skipline train", int((~own).sum()), total, own_seconds))
    print(line("torchvision's reference recipe", int((~theirs).sum()), total, peer_seconds))
    print(
        f"\naccuracy: {100 * paired.difference:+.1f} points ({100 * paired.low:+.1f} to {100 * paired.high:+.1f}, "
        f"p = {paired.p_value:.2g}); time: {own_seconds / peer_seconds:.2f} of the peer's"
    )
    print("the peer's validation errors:", " ".join(f"{100 * error:.1f}" for error in peer["validation_errors"]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="resnet18", help="a name that torchvision has too")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--allow", action="append", default=[], help="as for skipline train")
    parser.add_argument("--out", type=Path, help="keep our run in this folder")
    parser.add_argument("--peer-of", type=Path, help=argparse.SUPPRESS)  # this program, as the process of the peer
    return parser.parse_args()


if __name__ == "__main__":
    chosen = parsed()
    if chosen.peer_of is None:
        main(chosen)
    else:
        settings = {"model": chosen.model, "side": chosen.image_size, "epochs": chosen.epochs, "seed": chosen.seed}
        print(json.dumps(train_peer(load_split(chosen.peer_of / "split.json"), **settings)))
