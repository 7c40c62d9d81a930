"""Where the flags of a thin net become its design."""

from __future__ import annotations

import re

from skipline.cli.exits import UsageError
from skipline.cli.given.lists import one_of
from skipline.spec import Activation, Norm
from skipline.spec.layers import ACTIVATION_KINDS, NORM_KINDS
from skipline.study.family import ALL_UNITS, family_for
from skipline.study.net_design import NetDesign
from skipline.zoo.families import CIFAR_WIDTHS, DIGIT_WIDTHS

_FORM = re.compile(r"(?P<kind>\w+)(?:\((?P<number>[^()]*)\))?")
_WIDTHS = {"digits": DIGIT_WIDTHS[0], "cifar": CIFAR_WIDTHS[0]}


def net_design(*, unit: str, depth: int, norm: str, activation: str, width: int | None, image_size: int) -> NetDesign:
    """The design that the flags mean; `width` None: as wide as the family for images of `image_size` pixels.

    Raises `UsageError`, or `SpecError` for a depth or a number that cannot be.
    """
    return NetDesign(
        unit=one_of("--unit", unit, ALL_UNITS),
        depth=depth,
        width=_WIDTHS[family_for(image_size)] if width is None else width,
        norm=norm_of(norm),
        activation=activation_of(activation),
    )


def norm_of(text: str) -> Norm:
    """The norm that --norm means: `batch`, `group(4)`, …"""
    kind, number = _parsed("--norm", text)
    chosen = one_of("--norm", kind, NORM_KINDS)
    if chosen == "group":
        if not number.isdigit():
            raise UsageError(f"--norm is {text!r}; group norm needs its number of groups, e.g. --norm 'group(4)'.")
        return Norm("group", groups=int(number))
    _refuse_number("--norm", text, number)
    return Norm(chosen)


def activation_of(text: str) -> Activation:
    """The activation that --activation means: `relu`, `leaky_relu(0.2)`, …"""
    kind, number = _parsed("--activation", text)
    chosen = one_of("--activation", kind, ACTIVATION_KINDS)
    if chosen == "leaky_relu":
        try:
            return Activation("leaky_relu", slope=float(number))
        except ValueError:
            hint = f"--activation is {text!r}; a leaky ReLU needs its slope from 0 to 1, e.g. 'leaky_relu(0.2)'."
            raise UsageError(hint) from None
    _refuse_number("--activation", text, number)
    return Activation(chosen)


def _parsed(flag: str, text: str) -> tuple[str, str]:
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise UsageError(f"{flag} is {text!r}; expected a name, or a name with a number in brackets.")
    return form["kind"], form["number"] or ""


def _refuse_number(flag: str, text: str, number: str) -> None:
    if number:
        raise UsageError(f"{flag} is {text!r}; this kind takes no number. Leave ({number}) out.")
