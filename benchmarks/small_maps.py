"""Convolutions on small maps, forward and backward: ours by places of the filter against PyTorch's, in turn.

    python benchmarks/small_maps.py [--images 32] [--rounds 7]

Medians of processor time, so that another program on the machine matters little; one thread (set OMP_NUM_THREADS=1).
Whether the fused kernels take such a convolution stands beside it: what they leave is measured all the same.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from skipline.kernels import convolve_small_map, takes_small_map

# Channels in and out, side of the image, stride: the last stages of resnet18 and resnet10t at 48 to 224 pixels.
SHAPES = (
    (512, 512, 1, 1),
    (512, 512, 2, 1),
    (512, 512, 3, 1),
    (512, 512, 7, 1),
    (256, 512, 4, 2),
    (256, 512, 14, 2),
    (256, 256, 2, 1),
    (256, 256, 4, 1),
    (256, 256, 6, 1),
    (128, 256, 8, 2),
    (128, 128, 3, 1),
    (128, 128, 8, 1),
    (64, 64, 4, 1),
)


def seconds(forward: Callable[[Tensor], Tensor], x: Tensor, weight: Tensor) -> float:
    """The processor time of a forward and a backward pass."""
    begun = time.process_time()
    y = forward(x)
    torch.autograd.grad(y, (x, weight), torch.ones_like(y))
    return time.process_time() - begun


def row(shape: tuple[int, int, int, int], *, num_images: int, rounds: int) -> str:
    """A line of the table."""
    channels, out, side, stride = shape
    conv = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    x = torch.randn(num_images, channels, side, side, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()

    def by_places(images: Tensor) -> Tensor:
        return convolve_small_map(conv, images)

    own, theirs = [], []
    for _ in range(rounds + 1):
        own.append(seconds(by_places, x, conv.weight))
        theirs.append(seconds(conv, x, conv.weight))
    mine, plain = (1e3 * statistics.median(times[1:]) for times in (own, theirs))  # the first also allocates
    taken = "yes" if takes_small_map(conv, x) else "no"
    return (
        f"| {channels} → {out} | {side}×{side} | {stride} | {plain:.1f} | {mine:.1f} | {mine / plain:.2f} | {taken} |"
    )


def main(options: argparse.Namespace) -> None:
    """Measure, print."""
    print(f"{options.images} images, fp32, {torch.get_num_threads()} threads; ms of a processor\n")
    print("| channels | image | stride | PyTorch | by places | ratio | taken |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for shape in SHAPES:
        print(row(shape, num_images=options.images, rounds=options.rounds), flush=True)


def parsed() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main(parsed())
