"""A plain PyTorch loop of one's own, looked into: an x-ray before it starts, readings while it runs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from skipline.signal import watching, xray


class Block(nn.Module):
    """A residual block of somebody's own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        return x + self.conv(torch.relu(self.norm(x)))


def main() -> None:
    """Train ten steps on noise, and print what passed."""
    torch.manual_seed(0)
    images, labels = torch.randn(32, 3, 16, 16), torch.randint(10, (32,))
    blocks = [Block(8) for _ in range(6)]
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))

    for name, site in xray(net, images).sites.items():
        if name.endswith("sum"):
            print(f"{name:8} second moment {site.second_moment:6.2f}   gradient {site.gradient_norm:.2e}")

    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    with watching(net, every=5) as watch:
        for step in range(10):
            watch.before_step(step)
            optimiser.zero_grad()
            loss = cross_entropy(net(images), labels)
            loss.backward()
            optimiser.step()
            reading = watch.after_step()
            if reading is not None:
                name, change = max(reading.tensors.items(), key=lambda item: item[1].update_ratio)
                print(f"step {step}: loss {loss.item():.3f}, {name} moved by {change.update_ratio:.1e} of itself")


if __name__ == "__main__":
    main()
