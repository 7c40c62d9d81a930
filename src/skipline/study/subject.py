"""What is examined where nobody names a network: thin nets of any depth that differ in their unit only."""

from __future__ import annotations

from typing import Literal, get_args

from skipline.init import scaled_identity
from skipline.signal.remedies import Candidate
from skipline.spec import Activation, Norm
from skipline.study.error import StudyError
from skipline.study.linear import linear_network
from skipline.study.net_design import NetDesign

Subject = Literal["plain", "residual", "preact", "linear"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)

IMAGE_SIZE = 8  # the digits': a thousand layers are then a matter of a second
LINEAR_IMAGE_SIZE = 1  # one pixel, so that the mean before the classifier changes nothing
_NUM_CLASSES = 10
_IN_CHANNELS = 1


def candidate_of(
    subject: Subject, *, depth: int, width: int, norm: Norm, activation: Activation, init: str
) -> Candidate:
    """A thin net of this unit, `depth` weighted layers deep and `width` channels wide in its first stage.

    The `linear` one is the lecture's `Y = W_l … W_1 X`: one width throughout, no norm, no activation, no shortcut;
    `width`, `norm` and `activation` are not its. Raises `SpecError` for a depth that there is not, and `StudyError`
    for a linear net that does not start as scaled identities.
    """
    if subject == "linear":
        if not init.startswith("scaled_identity("):
            alike = scaled_identity(0.5).name
            raise StudyError(f"the linear net is the lecture's W = αI, and init is {init!r}. Use {alike!r}.")
        return Candidate(linear_network(depth), init)
    design = NetDesign(unit=subject, depth=depth, width=width, norm=norm, activation=activation)
    network = design.network(num_classes=_NUM_CLASSES, in_channels=_IN_CHANNELS, image_size=IMAGE_SIZE)
    return Candidate(network, init)
