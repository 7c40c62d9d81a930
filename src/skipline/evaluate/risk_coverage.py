"""Risk and coverage: how often a net is wrong where it only answers when it is confident."""

from __future__ import annotations

import numpy as np

from skipline.evaluate.scores import Bools, Floats


def selective_risks(confidence: Floats, is_right: Bools) -> Floats:
    """float64 (N,): entry i − 1 is the error among the i images of highest confidence, at coverage i / N.

    Where images of one confidence are parted, it is the mean over all orders of those. (El-Yaniv & Wiener 2010, JMLR
    11; Geifman & El-Yaniv 2017, arXiv 1705.08500.)
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, mistakes = confidence[order], ~is_right[order].astype(bool)
    _, first, num = np.unique(-sorted_confidence, return_index=True, return_counts=True)
    of_group = np.add.reduceat(mistakes.astype(np.float64), first)
    expected = np.repeat(of_group / num, num)
    return np.cumsum(expected) / np.arange(1, len(expected) + 1)


def area_under_risk(confidence: Floats, is_right: Bools) -> float:
    """AURC = mean over i of the selective risk at coverage i / N (Geifman et al. 2019, arXiv 1805.08206)."""
    return float(selective_risks(confidence, is_right).mean())


def least_area(num_mistakes: int, num_images: int) -> float:
    """The least AURC that so many mistakes can have: every one of them behind every right answer.

    AURC* = (1 / N) Σ_{i > N − m} (i − N + m) / i.
    """
    i = np.arange(num_images - num_mistakes + 1, num_images + 1)
    return float(((i - num_images + num_mistakes) / i).sum() / num_images)


def coverage_at(risks: Floats, *, most: float) -> float:
    """The largest coverage at which the risk is at most `most`; 0 where there is none."""
    there = np.flatnonzero(risks <= most)
    return float((there[-1] + 1) / len(risks)) if len(there) else 0.0


def can_be_seen(risk: float, *, coverage: float, num_images: int) -> bool:
    """Whether so many images show a risk so low: where one mistake among those answered would exceed it, none do."""
    return coverage * num_images * risk >= 1
