"""Where the inputs' and the channels' axes are in tensors of a module that nobody described."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from skipline.signal.statistics import Layout

_Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
_ChannelNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm
_Sequence = nn.MultiheadAttention | nn.RNNBase


@dataclass(slots=True)
class LayoutGuess:
    """Follows a pass: which axis has the channels is what the last layer with channels said, if the sizes agree.

    Convolutions and batch norms have them second, linear layers, layer norms and embeddings last. `batch_axis` is the
    caller's word; inside PyTorch's recurrent and attention layers with `batch_first=False` it is 1.
    """

    num_inputs: int
    batch_axis: int
    num_channels: int = 0
    channel_axis: int = 1

    def has_run(self, module: nn.Module) -> None:
        """Take note of `module`, if it is one that says where its channels are."""
        if isinstance(module, _Convolution):
            self.num_channels, self.channel_axis = module.out_channels, 1
        elif isinstance(module, _ChannelNorm):
            self.num_channels, self.channel_axis = module.num_features, 1
        elif isinstance(module, nn.GroupNorm):
            self.num_channels, self.channel_axis = module.num_channels, 1
        elif isinstance(module, nn.Linear):
            self.num_channels, self.channel_axis = module.out_features, -1
        elif isinstance(module, nn.LayerNorm):
            self.num_channels, self.channel_axis = module.normalized_shape[-1], -1
        elif isinstance(module, nn.Embedding):
            self.num_channels, self.channel_axis = module.embedding_dim, -1
        elif isinstance(module, nn.MultiheadAttention):
            self.num_channels, self.channel_axis = module.embed_dim, -1
        elif isinstance(module, nn.RNNBase):
            self.num_channels, self.channel_axis = module.hidden_size, -1

    def of(self, x: Tensor, *, is_sequence_first: bool) -> Layout:
        """The layout of `x`, which passes now."""
        batch = 1 if is_sequence_first else self.batch_axis
        other = 0 if batch else 1
        if is_sequence_first and _size(x, batch) != self.num_inputs and _size(x, other) == self.num_inputs:
            batch = other
        if batch >= x.dim():
            batch = 0
        return Layout(self.num_inputs, batch, self._channel_axis(x))

    def _channel_axis(self, x: Tensor) -> int:
        if x.dim() < 3:
            return 1
        for axis in (self.channel_axis, 1, -1):
            if x.shape[axis] == self.num_channels:
                return axis
        return 1


def is_sequence_first(module: nn.Module) -> bool:
    """Whether `module` is, or directly holds, a layer of PyTorch's that takes (time, inputs, channels)."""
    is_transformer = type(module).__module__ == "torch.nn.modules.transformer"
    parts = module.modules() if is_transformer else (module, *module.children())
    return any(isinstance(part, _Sequence) and not part.batch_first for part in parts)


def _size(x: Tensor, axis: int) -> int:
    return x.shape[axis] if axis < x.dim() else 0
