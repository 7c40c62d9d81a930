"""The page of a checked folder of photos: the verdict, the classes, and everything suspicious as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from skipline.amount import size_text
from skipline.check import Check, Finding, Place
from skipline.data.photos.fact import PhotoFact
from skipline.data.photos.printable import printable
from skipline.report.html.page import document, header, paragraph, section
from skipline.report.html.table import Table, write_table
from skipline.report.html.text import escape, html_text
from skipline.report.number import count, counted, duration, percent
from skipline.report.plot.thumbnail import Thumbnails

MOST_THUMBNAILS = 200  # guessed: of 3 kB each, a page of less than a megabyte
_MOST_PLACES = {"error": 40, "warning": 16, "note": 6}  # guessed
_MOST_MEMBERS = 6  # of a group
_MOST_CLASSES = 100
_MOST_LETTERS = 72
# Of these nothing is to be seen in a picture.
_AS_LIST = frozenset(("other", "hidden", "system", "raw", "links", "special", "unlisted", "grey"))


def check_report(check: Check, *, version: str) -> str:
    """Draw `check` as one HTML page; the pictures on it are decoded anew, at most `MOST_THUMBNAILS`.

    A file that went away or changed since is shown without its picture.
    """
    thumbnails = Thumbnails(check.folder.root, most=MOST_THUMBNAILS)
    body = [
        header(kind="skipline · photos", headline=_headline(check), facts=tuple(_facts(check))),
        *(_finding(finding, check, thumbnails) for finding in check.findings if finding.severity != "note"),
        *_classes(check),
        *(_finding(finding, check, thumbnails) for finding in check.findings if finding.severity == "note"),
    ]
    title = f"Photos in {printable(check.folder.root.name)}"
    made_by = f"Written by skipline {version} in {duration(check.seconds)}."
    return document(title=title, body=body, made_by=made_by, sheets=("photos",))


def _headline(check: Check) -> str:
    name = printable(check.folder.root.name)
    errors = [finding.kind.title for finding in check.findings if finding.severity == "error"]
    if errors:
        return f"{name}: errors make training unreliable ({', '.join(errors)})"
    warnings = sum(finding.severity == "warning" for finding in check.findings)
    return f"{name} can be trained on" + (f", with {counted(warnings, 'warning', 'warnings')}" if warnings else "")


def _facts(check: Check) -> Iterator[str]:
    usable = check.usable
    yield f"{counted(len(check.facts), 'image', 'images')}, {count(len(usable))} usable"
    yield counted(len(check.folder.classes.names), "class", "classes")
    yield size_text(sum(fact.num_bytes for fact in usable.values()))
    if check.sizes():
        small, middle, large = (f"{width}×{height}" for width, height in check.sizes())
        yield f"sizes {small} to {large}, middle {middle}"
    for name, num in check.formats().items():
        yield f"{count(num)} {name}"
    yield printable(str(check.folder.root))


def _classes(check: Check) -> Iterator[str]:
    counts = check.counts()
    if not counts:
        return
    parts = check.folder.parts or ("all",)
    total = max(1, len(check.usable))
    rows = tuple(
        (printable(name), *(count(of_part.get(part, 0)) for part in parts), percent(sum(of_part.values()) / total))
        for name, of_part in list(counts.items())[:_MOST_CLASSES]
    )
    head = ("class", *("images" if part == "all" else part for part in parts), "share")
    table = Table(caption="Usable images of each class", head=head, groups=(("", rows),))
    left = len(counts) - len(rows)
    more = [paragraph(f"… and {counted(left, 'class', 'classes')} more.", look="more")] if left else []
    yield section("Classes", write_table(table, look="results"), *more, name="classes")


def _finding(finding: Finding, check: Check, thumbnails: Thumbnails) -> str:
    kind = finding.kind
    shown = finding.places[: _MOST_PLACES[finding.severity]]
    left = len(finding.places) - len(shown)
    parts = [
        f'<h2>{escape(_sentence(kind.title))} <span class="severity">{finding.severity}</span></h2>',
        paragraph(f"{_sentence(printable(finding.what))}. {kind.why}"),
        paragraph(kind.next, look="then") if kind.next else "",
        "" if shown[0].what == finding.what else _shown(finding.name, shown, check, thumbnails),
        paragraph(f"… and {count(left)} more; skipline check --json lists all.", look="more") if left else "",
    ]
    name = finding.name.replace("_", "-")
    inside = "\n".join(part for part in parts if part)
    return f'<section class="finding {finding.severity}" id="{name}">\n{inside}\n</section>'


def _shown(name: str, places: Sequence[Place], check: Check, thumbnails: Thumbnails) -> str:
    """Places as pictures where there are any to see, else as a list."""
    seen = any(isinstance(check.facts[index], PhotoFact) for place in places for index in place.photos)
    if name in _AS_LIST or not seen:
        return f'<ul class="list">{"".join(map(_line, places))}</ul>'
    return f'<ul class="photos">{"".join(_place(place, check, thumbnails) for place in places)}</ul>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _line(place: Place) -> str:
    what = f': <span class="what">{html_text(printable(place.what))}</span>' if place.what else ""
    return f"<li>{' = '.join(escape(_short(file)) for file in place.files[:4])}{what}</li>"


def _place(place: Place, check: Check, thumbnails: Thumbnails) -> str:
    members = list(zip(place.photos, place.files, strict=True))[:_MOST_MEMBERS]
    if len(place.files) == 1:
        index, file = members[0]
        return f'<li class="place">{_photo(index, file, place.what, check, thumbnails)}</li>'
    what = f'<p class="what">{html_text(printable(place.what))}</p>' if place.what else ""
    drawn = "".join(_photo(index, file, "", check, thumbnails) for index, file in members)
    left = len(place.files) - len(members)
    more = paragraph(f"… and {count(left)} more", look="more") if left else ""
    return f'<li class="place group">{what}<div class="members">{drawn}</div>{more}</li>'


def _photo(index: int, file: str, what: str, check: Check, thumbnails: Thumbnails) -> str:
    source = thumbnails.of(file) if isinstance(check.facts[index], PhotoFact) else ""
    seen = f'<img src="{source}" alt="">' if source else "<span>no picture</span>"
    said = f'<span class="what">{html_text(printable(what))}</span>' if what else ""
    return f'<div class="photo"><div class="frame">{seen}</div>{escape(_short(file))}{said}</div>'


def _short(file: str) -> str:
    """A name as it may be shown: without what moves the cursor, and its middle left out where it is very long."""
    name = printable(file)
    if len(name) <= _MOST_LETTERS:
        return name
    half = _MOST_LETTERS // 2
    return f"{name[:half]}…{name[-half:]}"
