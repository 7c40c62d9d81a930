"""Losses and mistakes counted over an epoch."""

from __future__ import annotations

import torch

from skipline.train.progress import Progress
from skipline.train.tally import Tally

CPU = torch.device("cpu")


def test_means_weigh_batches_by_their_images() -> None:
    tally = Tally(Progress(), CPU)
    tally.add(torch.tensor(1.0), torch.tensor(8), 16)
    tally.add(torch.tensor(3.0), torch.tensor(1), 4)
    assert tally.means() == ((16 * 1.0 + 4 * 3.0) / 20, 9 / 20)
    tally.clear()
    tally.add(torch.tensor(2.0), torch.tensor(0), 3)
    assert tally.means() == (2.0, 0.0)


def test_sums_go_through_progress_to_the_bit() -> None:
    """Split anywhere, the sums are those of one go; in fp32 the small losses here would vanish beside the large."""
    losses = [1e6, 0.1, 0.3, 1e-3]
    whole = Tally(Progress(), CPU)
    for loss in losses:
        whole.add(torch.tensor(loss), torch.tensor(1), 7)
    progress = Progress()
    for loss in losses:
        part = Tally(progress, CPU)
        part.add(torch.tensor(loss), torch.tensor(1), 7)
        part.write_into(progress)
    assert (progress.epoch_loss / 28, progress.epoch_mistakes / 28) == whole.means()
    assert progress.epoch_images == 28
    assert progress.epoch_loss == sum(torch.tensor(loss).double().item() * 7 for loss in losses)
