"""Early warning: the table of causes, read with what one training step showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from skipline.signal import abnormal, symptoms
from skipline.signal.causes import CAUSES, TRAINED, Cause
from skipline.signal.course import course_of
from skipline.signal.diagnosis import diagnose
from skipline.signal.evidence import LARGEST, evidence_of
from skipline.signal.reading import StepReading, TensorChange, TensorReading, TensorState, Xray
from skipline.signal.traits import traits_of
from skipline.signal.verdict import Verdict
from skipline.spec import Network, unfold

_FATAL = tuple(cause for cause in CAUSES if cause.symptom is abnormal.not_finite)
"""What all else follows from: where it is there, nothing else is said."""
_BACKWARD = (
    symptoms.gradient_vanishes,
    symptoms.gradient_explodes,
    symptoms.norm_explosion,
    symptoms.shortcut,
)


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """`cause` is the name of a row of the table of causes, `says` what was seen of it, `site` where, `step` when.

    `verdict`: whether the network will train worse than a shallower one, or not at all.
    """

    step: int
    site: str
    cause: str
    says: str
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """`gradient explodes through norms: the gradient is 3.7e4 times larger at the first block than at the last`."""
        return f"{self.cause}: {self.says}"


def early_warnings(
    reading: StepReading, network: Network, *, is_fresh: bool, block_stride: int = 1, format_name: str = "float32"
) -> tuple[EarlyWarning, ...]:
    """What the table of causes finds in one step of training `network`, the worst first; nothing where all is well.

    `reading` has the outputs of blocks, of all or of every `block_stride`-th. `format_name` is that of the numbers the
    step computed in. Growth along the depth is read as in a diagnosis, from images and loss instead of a probe. A
    tensor without a gradient counts as dead unless a weight of exact zeros stands behind it or stochastic depth may
    have left it out; biases are not to be among `reading.tensors`, as they may be zero and shut nothing. Outlying
    layers and inputs that look alike are told of only where the net `is_fresh`: its weights as a scheme drew them, not
    fitted to data and not trained.
    """
    tensors = reading.tensors
    states: dict[str, TensorState] = {
        name: _state(name, tensors, is_stochastic=network.stochastic_depth.rate > 0) for name in tensors
    }
    seen = Xray(
        inputs={},
        sites=reading.sites,
        outputs={name: stage for name, stage in unfold(network).outputs.items() if name in reading.sites},
        sums=(),
        tensors={
            name: TensorReading(change.shape, change.norm, change.gradient_norm, states[name])
            for name, change in tensors.items()
        },
        num_inputs=next(iter(reading.sites.values())).shape[0],
        objective=0.0,  # read by nothing
        is_training=True,
    )
    traits = traits_of(network)
    traits = replace(traits, layers_per_block=traits.layers_per_block * block_stride)
    evidence = evidence_of(course_of(seen), traits, reading=seen, largest=LARGEST[format_name])
    fatal = diagnose(evidence, causes=_FATAL)
    found = fatal if fatal.findings else diagnose(evidence, causes=_causes_for(reading, is_fresh=is_fresh))
    return tuple(
        EarlyWarning(reading.step, finding.site, finding.cause.name, finding.says, finding.verdict)
        for finding in found.findings
        if finding.verdict != "trains"
    )


def _causes_for(reading: StepReading, *, is_fresh: bool) -> tuple[Cause, ...]:
    """The rows that can be told of now."""
    silent = _BACKWARD if _is_shut(reading.tensors) else ()
    return tuple(cause for cause in (CAUSES if is_fresh else TRAINED) if cause.symptom not in silent)


def _is_shut(tensors: Mapping[str, TensorChange]) -> bool:
    """Whether the classifier is all zeros, so that there is no gradient behind it yet."""
    return any(name.startswith("head.") and change.norm == 0 for name, change in tensors.items())


def _state(name: str, tensors: Mapping[str, TensorChange], *, is_stochastic: bool) -> TensorState:
    change = tensors[name]
    if change.gradient_norm is None:
        return "unused"
    if change.gradient_norm != 0:
        return "live"
    if _is_shut(tensors) or _zeros_follow(name, tensors):
        return "asleep"
    return "unused" if is_stochastic else "dead"  # its branch may have been left out


def _zeros_follow(name: str, tensors: Mapping[str, TensorChange]) -> bool:
    """Whether a weight that is exactly zero, and is about to move, is in the same block as `name`."""
    block = ".".join(name.split(".")[:2])
    return any(
        change.norm == 0 and change.gradient_norm and other.startswith(f"{block}.") for other, change in tensors.items()
    )
