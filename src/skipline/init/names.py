"""The one place where a name becomes a scheme, or a start that looks at data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from skipline.init.critical import critical
from skipline.init.depth import taki
from skipline.init.error import InitError
from skipline.init.factor import scaled
from skipline.init.fit import Fit
from skipline.init.fits import FITS_OF_SCHEME, PLAIN_FITS
from skipline.init.scheme import Scheme
from skipline.init.schemes import SCHEMES, scaled_identity
from skipline.init.zero import zero_branch, zero_gamma
from skipline.wording import did_you_mean

_PLAIN: Mapping[str, Scheme] = {scheme.name: scheme for scheme in SCHEMES}
_OF_NUMBER: Mapping[str, Callable[[float], Scheme]] = {
    "scaled_identity": scaled_identity,
    "taki": taki,
    "critical": critical,
}
_OF_SCHEME: Mapping[str, Callable[[Scheme], Scheme]] = {"zero_gamma": zero_gamma, "zero_branch": zero_branch}
_SCALED = "scaled"  # of a number and a scheme
_FORM = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<argument>.*)\))?\s*")


def start_names() -> tuple[str, ...]:
    """What `start_named` reads: the schemes, and the starts that look at data."""
    return (*scheme_names(), *PLAIN_FITS, *(f"{name}(SCHEME)" for name in FITS_OF_SCHEME))


def start_named(text: str) -> Scheme | Fit:
    """The scheme or the fit that `text` names: `orthogonal`, `lsuv`, `gradinit(he_fan_in_normal)`.

    `start_named(how.name).name == how.name`. Raises `InitError` with the closest name there is.
    """
    name, argument = _split(text)
    if name in PLAIN_FITS:
        _require_no_argument(text, name, argument)
        return PLAIN_FITS[name]
    if name in FITS_OF_SCHEME:
        return FITS_OF_SCHEME[name](_inner(name, argument))
    if name not in (*_PLAIN, *_OF_NUMBER, *_OF_SCHEME, _SCALED):
        raise _unknown(name, start_names())
    return scheme_named(text)


def scheme_names() -> tuple[str, ...]:
    """What `scheme_named` reads, in the order of the table: `he_fan_in_normal`, `scaled_identity(NUMBER)`, …"""
    of_number = tuple(f"{name}(NUMBER)" for name in _OF_NUMBER)
    wrappers = (*(f"{name}(SCHEME)" for name in _OF_SCHEME), f"{_SCALED}(NUMBER, SCHEME)")
    plain = tuple(name for name in _PLAIN if "(" not in name)
    return (*of_number, *plain, *wrappers)


def scheme_named(text: str) -> Scheme:
    """The scheme that `text` names: `he_fan_in_normal`, `scaled_identity(0.5)`, `zero_gamma(orthogonal)`.

    `scheme_named(scheme.name).name == scheme.name`. Raises `InitError` with the closest name there is.
    """
    name, argument = _split(text)
    if name in _OF_NUMBER:
        return _OF_NUMBER[name](_number(name, argument))
    if name in _OF_SCHEME:
        return _OF_SCHEME[name](_inner(name, argument))
    if name == _SCALED:
        number, _, inner = (argument or "").partition(",")
        return scaled(_number(name, number.strip() or None), _inner(name, inner.strip() or None))
    if name in PLAIN_FITS or name in FITS_OF_SCHEME:
        raise InitError(
            f"{name} looks at images before training, and {text.strip()!r} is to start a net without any. "
            "Use skipline.init.start with images, or a scheme such as he_fan_out_normal."
        )
    if name not in _PLAIN:
        raise _unknown(name, scheme_names())
    _require_no_argument(text, name, argument)
    return _PLAIN[name]


def _unknown(name: str, names: tuple[str, ...]) -> InitError:
    known = (*_PLAIN, *_OF_NUMBER, *_OF_SCHEME, _SCALED, *PLAIN_FITS, *FITS_OF_SCHEME)
    hint = did_you_mean(name, known, least=0.4)
    return InitError(f"there is no scheme {name!r}.{hint} There are {', '.join(names)}.")


def _split(text: str) -> tuple[str, str | None]:
    form = _FORM.fullmatch(text)
    if form is None:
        raise InitError(f"{text!r} is no scheme's name. There are {', '.join(scheme_names())}.")
    return form["name"], form["argument"]


def _inner(name: str, argument: str | None) -> Scheme:
    if argument is None:
        raise InitError(f"{name} needs the scheme for everything else, e.g. {_example(name)}.")
    if _split(argument)[0] in (*PLAIN_FITS, *FITS_OF_SCHEME):
        raise InitError(f"{name} needs a scheme that looks at no images and got {argument!r}; e.g. {_example(name)}.")
    return scheme_named(argument)


def _example(name: str) -> str:
    return f"{name}(0.5, he_fan_out_normal)" if name == _SCALED else f"{name}(he_fan_out_normal)"


def _require_no_argument(text: str, name: str, argument: str | None) -> None:
    if argument is not None:
        raise InitError(f"{name} takes no argument; {text.strip()!r} gives it {argument!r}. Write {name}.")


def _number(name: str, argument: str | None) -> float:
    try:
        number = float(argument or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        given = "nothing" if argument is None else repr(argument)
        example = _example(name) if name == _SCALED else f"{name}(0.5)"
        raise InitError(f"{name} needs a finite number and got {given}; e.g. {example}.")
    return number
