"""How a network's weights start: a scheme is a table from the role of a tensor to the rule that fills it.

`schemes.py` holds the rows; a new one is a new row there, out of the rules of `rules.py`. Schemes that look at data or
at gradients before training (LSUV, MetaInit) will stand in files of their own beside `build.py`, and use its draws.
"""

from __future__ import annotations

from skipline.init.build import build, initialise
from skipline.init.error import InitError
from skipline.init.gain import gain
from skipline.init.head import with_head
from skipline.init.laws import laws_of
from skipline.init.names import scheme_named, scheme_names
from skipline.init.scheme import Scheme
from skipline.init.schemes import HE_FAN_OUT_NORMAL, SCHEMES, scaled_identity
from skipline.init.zero import zero_branch, zero_gamma

__all__ = [
    "HE_FAN_OUT_NORMAL",
    "SCHEMES",
    "InitError",
    "Scheme",
    "build",
    "gain",
    "initialise",
    "laws_of",
    "scaled_identity",
    "scheme_named",
    "scheme_names",
    "with_head",
    "zero_branch",
    "zero_gamma",
]
