"""What the rows of the table have in common, and the variances that they draw with."""

from __future__ import annotations

from dataclasses import replace

from skipline.init.require import anything
from skipline.init.rules import as_described, constant, uniform
from skipline.init.scheme import Requirement, Rule, Scheme
from skipline.init.slot import Slot


def lecun(slot: Slot) -> float:
    """1 / fan_in."""
    return 1 / slot.fans.fan_in


def glorot(slot: Slot) -> float:
    """2 / (fan_in + fan_out).

    No gain, as in the paper, which takes φ′(0) = 1. Others multiply by g² (PyTorch's `gain` argument): for ReLU by 2.
    """
    return 2 / (slot.fans.fan_in + slot.fans.fan_out)


def he_fan_in(slot: Slot) -> float:
    """g² / fan_in."""
    return slot.gain**2 / slot.fans.fan_in


def he_fan_out(slot: Slot) -> float:
    """g² / fan_out."""
    return slot.gain**2 / slot.fans.fan_out


def pytorch(slot: Slot) -> float:
    """The variance of U(−1/√fan_in, 1/√fan_in)."""
    return 1 / (3 * slot.fans.fan_in)


def row(name: str, equation: str, source: str, conv_weight: Rule, *, requires: Requirement = anything) -> Scheme:
    """The scheme that starts every convolution by `conv_weight` and all else as the table's first lines say."""
    rules = {
        "conv.weight": conv_weight,
        "conv.bias": constant(0.0),
        "conv.gain": constant(1.0),
        "norm.weight": constant(1.0),
        "norm.bias": constant(0.0),
        "linear.weight": uniform(pytorch),
        "linear.bias": uniform(pytorch),
        "attention.weight": uniform(pytorch),
        "attention.bias": uniform(pytorch),
        "scale.factor": as_described(),
        "shift.offset": as_described(),
    }
    return Scheme(name, equation, source, rules, requires)


def with_classifier(scheme: Scheme, weight: Rule) -> Scheme:
    """`scheme`, but the classifier starts by `weight`, with bias 0."""
    return replace(scheme, rules={**scheme.rules, "linear.weight": weight, "linear.bias": constant(0.0)})
