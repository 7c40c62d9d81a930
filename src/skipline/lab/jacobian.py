"""How much the blocks stretch a small change: the singular values of their Jacobian, all where that is quick."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from skipline.lab.setup import Setup
from skipline.study.spectrum import starting_spectrum

MOST_DEPTH = 200  # layers: each product with the Jacobian is a pass through all of them
MOST_ROWS_TIMES_DEPTH = 256 * 50  # of a Jacobian that is formed: 50 layers of width 8. Guessed: some seconds
_STEPS = 12  # guessed: the ends of a spectrum are then good to a few per cent

Between = Callable[[], None]


def jacobian(setup: Setup, between: Between) -> dict[str, Any]:
    """What `skipline diagnose --jacobian` measures, without the lesions; the ends alone where the whole takes long.

    Raises `ValueError` or `RuntimeError` where there is none.
    """
    candidate = setup.candidate
    found = starting_spectrum(
        candidate,
        setup.conditions,
        drop=setup.lesions,
        most_values=MOST_ROWS_TIMES_DEPTH // candidate.network.depth,
        most_steps=_STEPS,
        between=between,
    )
    if math.isnan(found.largest):
        raise ValueError(found.says)
    frame = {
        "part": "jacobian",
        "num_values": found.num_values,
        "largest": found.largest,
        "smallest": found.smallest,
    }
    return {**frame, "values": list(found.values), "median": found.median} if found.values else frame
