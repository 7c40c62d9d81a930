"""The sources of weights: one row each. Facts of their names are those of the programs themselves, read and tried."""

from __future__ import annotations

from skipline.spec import Network, ProjectionShortcut
from skipline.weights import habits
from skipline.weights.error import NoSuchFormError
from skipline.weights.source import Layout, Names, Source
from skipline.wording import did_you_mean, shown


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
    if _orders(network) == {"pre"}:
        return _resnetv2(network)
    if not _has_usual_blocks(network, filters=("stride", "average")):
        return {}
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
    if not _has_usual_blocks(network):
        return {}
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
    if not _has_usual_blocks(network):
        return {}
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
    if not _has_usual_blocks(network):
        return {}
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


def _orders(network: Network) -> set[str]:
    return {stage.block.order for stage in network.stages}


def _is_bit(network: Network) -> bool:
    """Whether the network is of Big Transfer's kind: pre-activation, without running statistics."""
    return _orders(network) == {"pre"} and network.norm.kind in ("group", "layer")


def _is_classic(network: Network) -> bool:
    """Whether the names of torchvision's ResNet are enough: one convolution in the stem, and its blocks."""
    return network.stem.num_convs == 1 and _has_usual_blocks(network)


def _has_usual_blocks(network: Network, *, filters: tuple[str, ...] = ("stride",)) -> bool:
    """Whether all blocks end in an activation (`post`), and only `filters` shrink the image in projections."""
    shortcuts = [stage.block.shortcut for stage in network.stages]
    found = {shortcut.subsample for shortcut in shortcuts if isinstance(shortcut, ProjectionShortcut)}
    return _orders(network) == {"post"} and found <= set(filters)


def _averages(network: Network) -> bool:
    shortcuts = [stage.block.shortcut for stage in network.stages]
    return any(isinstance(shortcut, ProjectionShortcut) and shortcut.subsample == "average" for shortcut in shortcuts)


def _of_cifar(network: Network) -> str:
    return {10: "cifar10", 100: "cifar100"}.get(network.head.num_classes, "unknown")


def _timm_layout(network: Network) -> Layout:
    return Layout(head_is_conv=network.stages[0].block.order == "pre")


def _pycls_layout(network: Network) -> Layout:
    """pycls reads photographs by OpenCV, as BGR, and CIFAR's images as they are, RGB: the pool tells which."""
    return Layout(is_bgr=network.in_channels == 3 and network.stem.pool != "none")


def _tensorflow(network: Network) -> Layout:
    del network
    return Layout("tensorflow", head_is_conv=True)


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
        habits=lambda _: habits.CIFAR,
    ),
    Source(
        name="akamaster",
        origin="akamaster/pytorch_resnet_cifar10",
        marks=(("layer1.0.conv1.weight", "linear.weight"),),
        lacks=("fc.", "conv1.0.", "layer4."),
        names=_with_linear,
        habits=lambda _: habits.AKAMASTER,
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
        habits=lambda _: habits.CIFAR,
    ),
    Source(
        name="torchvision",
        origin="torchvision (pytorch/vision)",
        marks=(("layer1.0.conv1.weight",),),
        lacks=("linear.", "conv1.0."),
        names=_with_fc,
        preprocess=lambda _: "imagenet",
        habits=lambda _: habits.TORCHVISION,
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
        habits=habits.timm,
    ),
    Source(
        name="weiaicunzai",
        origin="weiaicunzai/pytorch-cifar100",
        marks=(("conv2_x.0.residual_function.0.weight",),),
        names=_weiaicunzai,
        preprocess=lambda _: "weiaicunzai",
        habits=lambda _: habits.CIFAR,
    ),
    Source(
        name="pycls",
        origin="pycls (facebookresearch/pycls)",
        marks=(("s1.b1.f.a.weight",),),
        names=_pycls,
        preprocess=lambda _: "imagenet",
        layout=_pycls_layout,
        habits=lambda _: habits.PYCLS,
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
        habits=habits.transformers,
    ),
    Source(
        name="bit",
        origin="Big Transfer (google-research/big_transfer)",
        marks=(("resnet/root_block/standardized_conv2d/kernel",),),
        names=_bit,
        layout=_tensorflow,
        suffixes=(".npz",),
        counts_batches=False,
        preprocess=lambda _: "half",
        habits=lambda _: habits.BIT,
    ),
)


def source_names() -> tuple[str, ...]:
    """The names of the sources, in the table's order."""
    return tuple(source.name for source in SOURCES)


def source_of(name: str) -> Source:
    """The source called `name`; raises `NoSuchFormError` naming the closest one."""
    for source in SOURCES:
        if source.name == name:
            return source
    hint = did_you_mean(name, source_names())
    raise NoSuchFormError(
        f"there is no source of weights {shown(name)}; it is one of {', '.join(source_names())}.{hint}"
    )
