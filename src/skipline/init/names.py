"""The one place where a name becomes a scheme."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping

from skipline.init.critical import critical
from skipline.init.depth import taki
from skipline.init.error import InitError
from skipline.init.scheme import Scheme
from skipline.init.schemes import SCHEMES, scaled_identity
from skipline.init.zero import zero_branch, zero_gamma

_PLAIN: Mapping[str, Scheme] = {scheme.name: scheme for scheme in SCHEMES}
_OF_NUMBER: Mapping[str, Callable[[float], Scheme]] = {
    "scaled_identity": scaled_identity,
    "taki": taki,
    "critical": critical,
}
_OF_SCHEME: Mapping[str, Callable[[Scheme], Scheme]] = {"zero_gamma": zero_gamma, "zero_branch": zero_branch}
_FORM = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<argument>.*)\))?\s*")


def scheme_names() -> tuple[str, ...]:
    """What `scheme_named` reads, in the order of the table: `he_fan_in_normal`, `scaled_identity(NUMBER)`, …"""
    of_number = tuple(f"{name}(NUMBER)" for name in _OF_NUMBER)
    plain = tuple(name for name in _PLAIN if "(" not in name)
    return (*of_number, *plain, *(f"{name}(SCHEME)" for name in _OF_SCHEME))


def scheme_named(text: str) -> Scheme:
    """The scheme that `text` names: `he_fan_in_normal`, `scaled_identity(0.5)`, `zero_gamma(orthogonal)`.

    `scheme_named(scheme.name).name == scheme.name`. Raises `InitError` with the closest name there is.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise InitError(f"{text!r} is no scheme's name. There are {', '.join(scheme_names())}.")
    name, argument = form["name"], form["argument"]
    if name in _OF_NUMBER:
        return _OF_NUMBER[name](_number(name, argument))
    if name in _OF_SCHEME:
        if argument is None:
            raise InitError(f"{name} needs the scheme for everything else, e.g. {name}(he_fan_out_normal).")
        return _OF_SCHEME[name](scheme_named(argument))
    if name not in _PLAIN:
        close = difflib.get_close_matches(name, (*_PLAIN, *_OF_NUMBER, *_OF_SCHEME), n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise InitError(f"there is no scheme {name!r}.{hint} There are {', '.join(scheme_names())}.")
    if argument is not None:
        raise InitError(f"{name} takes no argument; {text.strip()!r} gives it {argument!r}. Write {name}.")
    return _PLAIN[name]


def _number(name: str, argument: str | None) -> float:
    try:
        number = float(argument or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        given = "nothing" if argument is None else repr(argument)
        raise InitError(f"{name} needs a finite number and got {given}; e.g. {name}(0.5).")
    return number
