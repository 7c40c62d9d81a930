"""The sources of weights: one row each. Facts of their names are those of the programs themselves, read and tried."""

from __future__ import annotations

from collections.abc import Mapping

from skipline.spec import Network, ProjectionShortcut
from skipline.spec.check import did_you_mean, shown
from skipline.weights.error import WeightsError
from skipline.weights.source import Layout, Names, Source


def _own(network: Network) -> Names:
    del network
    return {"*": "{path}"}


def _classic_stem(network: Network) -> Names:
    """`conv1`, `bn1`; in a deep stem `conv1.0`, `.3`, `.6` with their norms behind them, the last of these `bn1`."""
    last = len(network.stem.channels)
    pool = {f"stem.conv{last + 1}": "maxpool.0", f"stem.norm{last + 1}": "maxpool.1"}  # a convolution in its place
    if last == 1:
        return {"stem.conv1": "conv1", "stem.norm1": "bn1", **pool}
    convs = {f"stem.conv{n}": f"conv1.{3 * (n - 1)}" for n in range(1, last + 1)}
    norms = {f"stem.norm{n}": f"conv1.{3 * (n - 1) + 1}" for n in range(1, last)}
    return {**convs, **norms, f"stem.norm{last}": "bn1", **pool}


def _classic_blocks(shortcut: str, *, conv: int, norm: int) -> Names:
    return {
        "stage{s}.block{b}.branch.conv{n}": "layer{s}.{b0}.conv{n}",
        "stage{s}.block{b}.branch.norm{n}": "layer{s}.{b0}.bn{n}",
        "stage{s}.block{b}.shortcut.conv": f"layer{{s}}.{{b0}}.{shortcut}.{conv}",
        "stage{s}.block{b}.shortcut.norm": f"layer{{s}}.{{b0}}.{shortcut}.{norm}",
    }


_CLASSIC = _classic_blocks("downsample", conv=0, norm=1)
_ATTENTION = ("fc1", "fc2", "conv")  # of squeeze-and-excitation, and of ECA


def _timm(network: Network) -> Names:
    if network.stages[0].block.order == "pre":
        return _resnetv2(network)
    blocks = _classic_blocks("downsample", conv=1, norm=2) if _averages(network) else _CLASSIC
    attention = {"stage{s}.block{b}.branch.attention." + part: "layer{s}.{b0}.se." + part for part in _ATTENTION}
    return {**_classic_stem(network), **blocks, **attention, "head.linear": "fc"}


def _resnetv2(network: Network) -> Names:
    is_deep = len(network.stem.channels) > 1
    return {
        "stem.conv{n}": "stem.conv{n}" if is_deep else "stem.conv",
        "stem.norm{n}": "stem.norm{n}" if is_deep else "stem.norm",
        **_entered("stages.{s0}.blocks.{b0}.norm{n}"),
        "stage{s}.block{b}.branch.conv{n}": "stages.{s0}.blocks.{b0}.conv{n}",
        "stage{s}.block{b}.shortcut.conv": "stages.{s0}.blocks.{b0}.downsample.conv",
        "head.norm": "norm",
        "head.linear": "head.fc",
    }


def _transformers(network: Network) -> Names:
    if _is_bit(network):
        return {
            "stem.conv1": "bit.embedder.convolution",
            **_entered("bit.encoder.stages.{s0}.layers.{b0}.norm{n}"),
            "stage{s}.block{b}.branch.conv{n}": "bit.encoder.stages.{s0}.layers.{b0}.conv{n}",
            "stage{s}.block{b}.shortcut.conv": "bit.encoder.stages.{s0}.layers.{b0}.downsample.conv",
            "head.norm": "bit.norm",
            "head.linear": "classifier.1",
        }
    return {
        "stem.conv1": "resnet.embedder.embedder.convolution",
        "stem.norm1": "resnet.embedder.embedder.normalization",
        "stage{s}.block{b}.branch.conv{n}": "resnet.encoder.stages.{s0}.layers.{b0}.layer.{n0}.convolution",
        "stage{s}.block{b}.branch.norm{n}": "resnet.encoder.stages.{s0}.layers.{b0}.layer.{n0}.normalization",
        "stage{s}.block{b}.shortcut.conv": "resnet.encoder.stages.{s0}.layers.{b0}.shortcut.convolution",
        "stage{s}.block{b}.shortcut.norm": "resnet.encoder.stages.{s0}.layers.{b0}.shortcut.normalization",
        "head.linear": "classifier.1",
    }


def _with_linear(network: Network) -> Names:
    if not _is_classic(network):
        return {}
    return {**_classic_stem(network), **_classic_blocks("shortcut", conv=0, norm=1), "head.linear": "linear"}


def _with_fc(network: Network) -> Names:
    if not _is_classic(network):
        return {}
    return {**_classic_stem(network), **_CLASSIC, "head.linear": "fc"}


def _weiaicunzai(network: Network) -> Names:
    num_convs = 2 if network.stages[0].block.branch.kind == "basic" else 3
    block = "conv{s2}_x.{b0}"
    convs = {
        f"stage{{s}}.block{{b}}.branch.conv{n}": f"{block}.residual_function.{3 * (n - 1)}"
        for n in range(1, num_convs + 1)
    }
    norms = {
        f"stage{{s}}.block{{b}}.branch.norm{n}": f"{block}.residual_function.{3 * (n - 1) + 1}"
        for n in range(1, num_convs + 1)
    }
    return {
        "stem.conv1": "conv1.0",
        "stem.norm1": "conv1.1",
        **convs,
        **norms,
        "stage{s}.block{b}.shortcut.conv": f"{block}.shortcut.0",
        "stage{s}.block{b}.shortcut.norm": f"{block}.shortcut.1",
        "head.linear": "fc",
    }


def _pycls(network: Network) -> Names:
    del network
    return {
        "stem.conv1": "stem.conv",
        "stem.norm1": "stem.bn",
        "stage{s}.block{b}.branch.conv{n}": "s{s}.b{b}.f.{abc}",
        "stage{s}.block{b}.branch.norm{n}": "s{s}.b{b}.f.{abc}_bn",
        "stage{s}.block{b}.shortcut.conv": "s{s}.b{b}.proj",
        "stage{s}.block{b}.shortcut.norm": "s{s}.b{b}.bn",
        "head.linear": "head.fc",
    }


def _bit(network: Network) -> Names:
    if not _is_bit(network):
        return {}
    unit = "resnet/block{s}/unit{b:02d}"
    return {
        "stem.conv1": "resnet/root_block/standardized_conv2d",
        **_entered(f"{unit}/{{abc}}/group_norm"),
        "stage{s}.block{b}.branch.conv{n}": f"{unit}/{{abc}}/standardized_conv2d",
        "stage{s}.block{b}.shortcut.conv": f"{unit}/a/proj/standardized_conv2d",
        "head.norm": "resnet/group_norm",
        "head.linear": "resnet/head/conv2d",
    }


def _entered(norm: str) -> Names:
    """A branch's norms; the first stands in the entry where the shortcut reads it too."""
    return {f"stage{{s}}.block{{b}}.{part}.norm{{n}}": norm for part in ("entry", "branch")}


def _is_bit(network: Network) -> bool:
    """Whether the network is of Big Transfer's kind: pre-activation, without running statistics."""
    return network.stages[0].block.order == "pre" and network.norm.kind in ("group", "layer")


def _is_classic(network: Network) -> bool:
    """Whether the names of torchvision's ResNet are enough: one convolution in the stem, no average in a shortcut."""
    return network.stages[0].block.order == "post" and network.stem.num_convs == 1 and not _averages(network)


def _averages(network: Network) -> bool:
    shortcuts = [stage.block.shortcut for stage in network.stages]
    return any(isinstance(shortcut, ProjectionShortcut) and shortcut.subsample == "average" for shortcut in shortcuts)


def _of_cifar(network: Network) -> str:
    return {10: "cifar10", 100: "cifar100"}.get(network.head.num_classes, "unknown")


def _timm_layout(network: Network) -> Layout:
    return Layout(head_is_conv=network.stages[0].block.order == "pre")


def _tensorflow(network: Network) -> Layout:
    del network
    return Layout("tensorflow", head_is_conv=True)


# By the traits of convention.py. Every one of these leaves ε at PyTorch's default.
_EITHER = {"epsilon": "1e-05", "conv_weights": "them as they are", "option_a": "none", "stem_pool": "nothing"}
_V15 = {**_EITHER, "stride": "it in the 3×3 (v1.5)", "antialias": "nothing", "activation": "relu"}
_TIMM = {trait: habit for trait, habit in _V15.items() if trait not in ("antialias", "activation")}
_AKAMASTER = {**_V15, "option_a": "pad='both', subsample='stride'"}
_RAW = {"epsilon": "1e-05", "stride": "it in the 3×3 (v1.5)", "first_identity": "the raw signal"}
_BIT = {**_RAW, "conv_weights": "them standardised with ε = 1e-10", "stem_pool": "zeros"}


def _timm_habits(network: Network) -> Mapping[str, str]:
    return _RAW if network.stages[0].block.order == "pre" else _TIMM


def _transformers_habits(network: Network) -> Mapping[str, str]:
    return {**_BIT, "conv_weights": "them standardised with ε = 1e-08"} if _is_bit(network) else _EITHER


SOURCES: tuple[Source, ...] = (
    Source(
        name="skipline",
        origin="skipline",
        marks=(("stage1.block1.branch.conv1.weight",),),
        names=_own,
        counts_batches=False,
    ),
    Source(
        name="chenyaofo",
        origin="chenyaofo/pytorch-cifar-models",
        marks=(("layer1.0.conv1.weight",),),
        lacks=("linear.", "conv1.0.", "layer4."),
        names=_with_fc,
        preprocess=_of_cifar,
        is_of_cifar=True,
        habits=lambda _: _V15,
    ),
    Source(
        name="akamaster",
        origin="akamaster/pytorch_resnet_cifar10",
        marks=(("layer1.0.conv1.weight", "linear.weight"),),
        lacks=("fc.", "conv1.0.", "layer4."),
        names=_with_linear,
        habits=lambda _: _AKAMASTER,
        preprocess=lambda _: "imagenet",
        counts_batches=False,
        is_of_cifar=True,
    ),
    Source(
        name="kuangliu",
        origin="kuangliu/pytorch-cifar",
        marks=(("layer1.0.conv1.weight", "linear.weight"),),
        lacks=("fc.", "conv1.0."),
        names=_with_linear,
        preprocess=lambda _: "cifar10",
        is_of_cifar=True,
        habits=lambda _: _V15,
    ),
    Source(
        name="torchvision",
        origin="torchvision (pytorch/vision)",
        marks=(("layer1.0.conv1.weight",),),
        lacks=("linear.", "conv1.0."),
        names=_with_fc,
        preprocess=lambda _: "imagenet",
        habits=lambda _: _V15,
    ),
    Source(
        name="timm",
        origin="timm (huggingface/pytorch-image-models)",
        marks=(
            ("layer1.0.conv1.weight",),
            ("stages.0.blocks.0.conv1.weight",),
        ),
        lacks=("linear.",),
        names=_timm,
        layout=_timm_layout,
        note="timm's weights differ in their preprocessing: compare with mean and std in the model's configuration.",
        habits=_timm_habits,
    ),
    Source(
        name="weiaicunzai",
        origin="weiaicunzai/pytorch-cifar100",
        marks=(("conv2_x.0.residual_function.0.weight",),),
        names=_weiaicunzai,
        preprocess=lambda _: "weiaicunzai",
        habits=lambda _: _V15,
    ),
    Source(
        name="pycls",
        origin="pycls (facebookresearch/pycls)",
        marks=(("s1.b1.f.a.weight",),),
        names=_pycls,
        preprocess=lambda _: "imagenet",
        note="pycls reads images as BGR: reverse the channels of its images, or of the first convolution.",
        habits=lambda _: _EITHER,
    ),
    Source(
        name="transformers",
        origin="transformers (huggingface/transformers)",
        marks=(
            ("resnet.encoder.stages.0.layers.0.layer.0.convolution.weight",),
            ("bit.encoder.stages.0.layers.0.conv1.weight",),
        ),
        names=_transformers,
        preprocess=lambda network: "half" if _is_bit(network) else "imagenet",
        habits=_transformers_habits,
    ),
    Source(
        name="bit",
        origin="Big Transfer (google-research/big_transfer)",
        marks=(("resnet/root_block/standardized_conv2d/kernel",),),
        names=_bit,
        layout=_tensorflow,
        counts_batches=False,
        preprocess=lambda _: "half",
        habits=lambda _: _BIT,
    ),
)


def source_names() -> tuple[str, ...]:
    """The names of the sources, in the table's order."""
    return tuple(source.name for source in SOURCES)


def source_of(name: str) -> Source:
    """The source called `name`; raises `WeightsError` naming the closest one."""
    for source in SOURCES:
        if source.name == name:
            return source
    hint = did_you_mean(name, source_names())
    raise WeightsError(f"there is no source of weights {shown(name)}; it is one of {', '.join(source_names())}.{hint}")
