"""Numbers as people read them: true minus signs, powers of ten, units that stay on the line."""

from __future__ import annotations

import math

from skipline import amount

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(value: int) -> str:
    """Say a whole number with a comma between thousands: 1727962 is `1,727,962`."""
    return f"{value:,}".replace("-", MINUS)


def percent(fraction: float, *, places: int = 2) -> str:
    """Say a fraction in per cent: 0.0057 is `0.57 %`; what is not a number is a dash."""
    return _set(amount.percent(fraction, places=places, unknown=MISSING))


def power_of_ten(exponent: int) -> str:
    """Say 10 to a whole power with raised digits: -16 is `10⁻¹⁶`; 1 and 10 stand as they are."""
    return str(10**exponent) if exponent in (0, 1) else f"10{str(exponent).translate(_RAISED)}"


def number(value: float, *, digits: int = 3) -> str:
    """Say a number to `digits` significant digits; outside 0.001 … 100,000 by a power of ten."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if value == 0:
        return "0"
    if not -3 <= exponent < 5:
        return f"{mantissa}{SPACE}×{SPACE}{power_of_ten(exponent)}".replace("-", MINUS)
    places = max(digits - 1 - exponent, 0)
    rounded = float(f"{mantissa}e{power}")
    return f"{rounded:,.{places}f}".replace("-", MINUS)


def duration(seconds: float) -> str:
    """Say a time span: `9.1 s`, `1 min 35 s`, `2 h 03 min`; what is not a number is a dash."""
    return _set(amount.duration(seconds, places=1, unknown=MISSING))


def counted(num: int, one: str, many: str = "") -> str:
    """Say how many of something: `1 seed`, `3 seeds`; `many` where an s is not enough."""
    return amount.counted(num, one, many).replace("-", MINUS)


def _set(text: str) -> str:
    """An amount as a page has it: on one line, with a true minus sign."""
    return text.replace(" ", SPACE).replace("-", MINUS)
