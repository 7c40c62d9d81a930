"""How a network's weights start: a scheme is a table from the role of a tensor to the rule that fills it.

`schemes.py` holds the rows; a new one is a new row there, out of the rules of `rules.py`, or a function in a file of
its own beside `critical.py`. Starts that look at images or at gradients before training are fits: a function in a file
of its own beside `lsuv.py`, and its row in `fits.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skipline.init.gain import gain  # at once: its module has the same name and would otherwise take its place
from skipline.lazy import lazily

if TYPE_CHECKING:
    from skipline.init.construction import build, initialise, start
    from skipline.init.error import InitError
    from skipline.init.factor import scaled
    from skipline.init.fit import Fit
    from skipline.init.fits import FITS_OF_SCHEME, PLAIN_FITS
    from skipline.init.head import with_head
    from skipline.init.laws import laws_of
    from skipline.init.names import scheme_named, scheme_names, start_named, start_names
    from skipline.init.parameterisations import (
        with_depth_scaling,
        with_dks,
        with_fixup,
        with_normaliser_free,
        with_rezero,
        with_scaled_weights,
        with_skip_init,
        with_tat,
    )
    from skipline.init.scheme import Scheme
    from skipline.init.schemes import HE_FAN_OUT_NORMAL, SCHEMES, scaled_identity
    from skipline.init.zero import zero_branch, zero_gamma

__all__ = [
    "FITS_OF_SCHEME",
    "HE_FAN_OUT_NORMAL",
    "PLAIN_FITS",
    "SCHEMES",
    "Fit",
    "InitError",
    "Scheme",
    "build",
    "gain",
    "initialise",
    "laws_of",
    "scaled",
    "scaled_identity",
    "scheme_named",
    "scheme_names",
    "start",
    "start_named",
    "start_names",
    "with_depth_scaling",
    "with_dks",
    "with_fixup",
    "with_head",
    "with_normaliser_free",
    "with_rezero",
    "with_scaled_weights",
    "with_skip_init",
    "with_tat",
    "zero_branch",
    "zero_gamma",
]

__getattr__, __dir__ = lazily(
    "skipline.init",
    {
        "skipline.init.construction": "build initialise start",
        "skipline.init.error": "InitError",
        "skipline.init.fit": "Fit",
        "skipline.init.fits": "FITS_OF_SCHEME PLAIN_FITS",
        "skipline.init.head": "with_head",
        "skipline.init.laws": "laws_of",
        "skipline.init.names": "scheme_named scheme_names start_named start_names",
        "skipline.init.parameterisations": "with_dks with_depth_scaling with_fixup with_tat "
        "with_normaliser_free with_rezero with_scaled_weights with_skip_init",
        "skipline.init.factor": "scaled",
        "skipline.init.scheme": "Scheme",
        "skipline.init.schemes": "HE_FAN_OUT_NORMAL SCHEMES scaled_identity",
        "skipline.init.zero": "zero_branch zero_gamma",
    },
)
