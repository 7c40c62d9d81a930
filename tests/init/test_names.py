"""Names become schemes, and a wrong name gets an answer that helps."""

from __future__ import annotations

import re

import pytest

from skipline.init import SCHEMES, InitError, scheme_named, scheme_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("he_fan_in_normal", "he_fan_in_normal"),
        (" orthogonal ", "orthogonal"),
        ("scaled_identity(0.5)", "scaled_identity(0.5)"),
        ("scaled_identity( 1e-1 )", "scaled_identity(0.1)"),
        ("scaled_identity(0.123456789)", "scaled_identity(0.123456789)"),
        ("zero_gamma(he_fan_out_normal)", "zero_gamma(he_fan_out_normal)"),
        ("critical(0.05)", "critical(0.05)"),
        ("critical(0)", "critical(0.0)"),
        ("taki( 2 )", "taki(2.0)"),
        ("zero_branch(scaled_identity(1.5))", "zero_branch(scaled_identity(1.5))"),
        ("scaled( 2,orthogonal )", "scaled(2.0, orthogonal)"),
        ("zero_branch(scaled(0.9, critical(0)))", "zero_branch(scaled(0.9, critical(0.0)))"),
    ],
)
def test_a_name_gives_its_scheme_and_the_scheme_its_name(text: str, name: str) -> None:
    assert scheme_named(text).name == name
    assert scheme_named(name).name == name


def test_every_row_can_be_named() -> None:
    assert all(scheme_named(scheme.name) is scheme or "(" in scheme.name for scheme in SCHEMES)
    assert {name.split("(")[0] for name in scheme_names()} == {
        *(scheme.name.split("(")[0] for scheme in SCHEMES),
        "zero_gamma",
        "zero_branch",
        "scaled",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("he_fanin_normal", "there is no scheme 'he_fanin_normal'. Did you mean 'he_fan_in_normal'? There are "),
        ("kaiming???", "'kaiming???' is no scheme's name. There are scaled_identity(NUMBER), taki(NUMBER), "),
        ("zzz", "there is no scheme 'zzz'. There are scaled_identity(NUMBER), "),
        ("orthogonal(2)", "orthogonal takes no argument; 'orthogonal(2)' gives it '2'. Write orthogonal."),
        ("scaled_identity", "scaled_identity needs a finite number and got nothing; e.g. scaled_identity(0.5)."),
        ("scaled_identity(x)", "scaled_identity needs a finite number and got 'x'; e.g. scaled_identity(0.5)."),
        ("scaled_identity(inf)", "scaled_identity needs a finite number and got 'inf'; e.g. scaled_identity(0.5)."),
        ("taki(0)", "taki needs a number above 0 and got 0.0: the c in Var W = c/(fan_in · L). Use taki(1)."),
        ("critical(-1)", "critical needs a variance of biases, at least 0, and got -1.0. Use critical(0)."),
        ("critical", "critical needs a finite number and got nothing; e.g. critical(0.5)."),
        ("zero_gamma", "zero_gamma needs the scheme for everything else, e.g. zero_gamma(he_fan_out_normal)."),
        ("zero_gamma(he)", "there is no scheme 'he'."),
        ("scaled", "scaled needs a finite number and got nothing; e.g. scaled(0.5, he_fan_out_normal)."),
        ("scaled(dirac)", "scaled needs a finite number and got 'dirac'; e.g. scaled(0.5, he_fan_out_normal)."),
        ("scaled(2)", "scaled needs the scheme for everything else, e.g. scaled(0.5, he_fan_out_normal)."),
        ("scaled(0, dirac)", "scaled needs a number above 0 and got 0.0. Use scaled(1.5, dirac)."),
        ("scaled(2, lsuv)", "scaled needs a scheme that looks at no images and got 'lsuv'; e.g. scaled(0.5, he_fan"),
    ],
)
def test_a_wrong_name_is_answered_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(InitError, match=re.escape(message)):
        scheme_named(text)
