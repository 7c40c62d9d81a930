"""A model of timm's under the x-ray: its residual sums, and what grows along them. Needs `pip install timm`."""

from __future__ import annotations

import timm
import torch

from skipline.signal import xray


def main() -> None:
    """Print the sums of a ResNet-18 as it starts."""
    torch.manual_seed(0)
    net = timm.create_model("resnet18", pretrained=False)
    found = xray(net, torch.randn(4, 3, 64, 64))
    for name, site in found.sites.items():
        if name.endswith(".sum"):
            print(f"{name:14} second moment {site.second_moment:6.2f}   gradient {site.gradient_norm:.2e}")
    resting = [name for name, tensor in found.tensors.items() if tensor.state == "asleep"]
    print(f"{len(resting)} of {len(found.tensors)} tensors wait for a zero to move")  # timm starts branches at zero


if __name__ == "__main__":
    main()
