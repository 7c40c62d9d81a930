"""The peer: a residual network and its training step as they are commonly written, in eager fp32.

Blocks in torchvision's manner (`nn.BatchNorm2d`, in-place ReLU, the option-A shortcut as CIFAR repositories have it),
the step in the manner of every tutorial. It shares no code with the package: the two are compared in one process.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, added to the identity; option A where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.missing = channels - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C', H', W')."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.missing or self.stride != 1:
            half = self.missing // 2
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        out += x
        return self.relu(out)


class CifarResNet(nn.Module):
    """He et al. 2015, section 4.2: depth 6n + 2, widths 16, 32, 64."""

    def __init__(self, depth: int, num_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
        blocks: list[nn.Module] = []
        channels = 16
        for number, width in enumerate((16, 32, 64)):
            for block in range((depth - 2) // 6):
                blocks.append(BasicBlock(channels, width, 2 if number and block == 0 else 1))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, num_classes)."""
        return self.fc(self.blocks(self.stem(x)).mean(dim=(2, 3)))


def plain_step(net: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """One eager fp32 training step on images (N, C, H, W) and labels (N,), with SGD as PyTorch has it by default."""
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        loss = functional.cross_entropy(net(images), labels)
        loss.backward()
        optimiser.step()

    return step
