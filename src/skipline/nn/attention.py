"""Channel attention: each channel weighed by a number between 0 and 1 that is made from all channels' means."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class SqueezeExcite(nn.Module):
    """`y = x · σ(fc2(relu(fc1(mean(x)))))`, the mean over all pixels (Hu et al. 2017, arXiv 1709.01507)."""

    def __init__(self, squeeze: nn.Conv2d, excite: nn.Conv2d) -> None:
        super().__init__()
        self.fc1 = squeeze
        self.fc2 = excite

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        means = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(relu(self.fc1(means))))


class EfficientAttention(nn.Module):
    """`y = x · σ(w ∗ mean(x))`, w a filter over `kernel` neighbouring channels (ECA, arXiv 1910.03151)."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        means = x.mean(dim=(2, 3))
        weights = torch.sigmoid(self.conv(means.unsqueeze(1))).squeeze(1)
        return x * weights[:, :, None, None]
