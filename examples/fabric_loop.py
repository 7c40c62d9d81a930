"""The same in a loop of Lightning Fabric: needs `pip install lightning-fabric`."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.functional import cross_entropy

from skipline.signal import watching


def main() -> None:
    """Train ten steps on noise in bf16, and print how large the gradient of the first layer's output is."""
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    fabric.launch()
    fabric.seed_everything(0)
    images, labels = torch.randn(32, 20), torch.randint(10, (32,))
    inner = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 10))
    net, optimiser = fabric.setup(inner, torch.optim.SGD(inner.parameters(), lr=0.1))

    with watching(inner, every=5) as watch:  # the module that Fabric wraps
        for step in range(10):
            watch.before_step(step)
            optimiser.zero_grad()
            loss = cross_entropy(net(images), labels)
            fabric.backward(loss)
            optimiser.step()
            reading = watch.after_step()
            if reading is not None:
                fabric.print(f"step {step}: loss {loss.item():.3f}, gradient {reading.sites['0'].gradient_norm:.2e}")


if __name__ == "__main__":
    main()
