"""`skipline models`: the networks that have names, and what one of them is."""

from __future__ import annotations

import sys
import textwrap
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skipline.amount import counted, size_text
from skipline.cli.exits import UsageError
from skipline.cli.given import options

if TYPE_CHECKING:
    from skipline.spec import Network
    from skipline.zoo import Row

_GAP = 2  # columns between two of the list
_NUMBERS = 5 + _GAP + 10 + _GAP + 8  # columns that depth, parameters and MACs take
_LEAST_NAME = 8  # columns, however narrow the screen is
_LEAST_SUMMARY = 46  # columns: a summary is two lines at most, but for a few
_WIDE = 120  # columns from which a summary has room beside the longest name


def models(
    name: Annotated[
        str,
        typer.Argument(
            help="A model to describe, by name or a description in a .json; or a part of the names to list.",
            show_default=False,
        ),
    ] = "",
    *,
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Side of the images, in pixels. Default: the source's, or 32.", show_default=False),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Also draw the model into this file.", show_default=False)] = None,
    json_: options.Json = False,
) -> None:
    """List the named networks, or describe one: layers, shapes, receptive fields and cost."""
    from skipline.cli.given.network import described
    from skipline.files import dump_json
    from skipline.zoo import models as rows

    listed = [row for row in rows() if name in row.name or name in row.family]
    is_listing = not name or (listed and not any(row.has(name) for row in rows()))
    if is_listing:
        if image_size is not None:
            raise UsageError(
                f"--image-size {image_size} is for one model, and this is a list. Name it, e.g. "
                f"skipline models resnet50 --image-size {image_size}"
            )
        if svg is not None:
            raise UsageError(
                f"--svg {svg} is for one model, and this is a list. Name it, e.g. skipline models resnet50"
            )
        documents = [_row_document(row) for row in listed]
        if json_:
            print(dump_json({"format": "skipline.models", "version": 1, "models": documents}), end="")
        else:
            _print_list(documents, is_whole=not name)
        return
    if svg is not None and svg.suffix.lower() != ".svg":
        raise UsageError(f"--svg {svg} does not end in .svg, but it would be an SVG file. Name it {svg.stem}.svg.")
    network = described(name)
    row = next((row for row in rows() if row.has(name)), None)
    summary, source = (row.summary, row.source) if row else ("a description of your own", name)
    size = image_size or (row.image_size if row else max(32, network.smallest_image))
    if svg is not None:
        _draw(network, size, svg)
        print(f"drawn into {svg}", file=sys.stderr)
    if json_:
        print(dump_json(_network_document(network, summary, source, size)), end="")
    else:
        _print_network(network, summary, source, size)


def _row_document(row: Row) -> dict[str, Any]:
    from skipline.costs import totals

    network = row.network(row.example, num_classes=row.num_classes)
    parameters, macs = totals(network, image_size=row.image_size)
    return {
        "name": row.name,
        "example": row.example,
        "family": row.family,
        "summary": row.summary,
        "source": row.source,
        "depth": network.depth,
        "parameters": parameters,
        "macs": macs,
        "image_size": row.image_size,
    }


def _network_document(network: Network, summary: str, source: str, size: int) -> dict[str, Any]:
    from skipline.costs import cost
    from skipline.spec import to_json

    costs = cost(network, image_size=size)
    return {
        "format": "skipline.model_cost",
        "version": 1,
        "name": network.name,
        "summary": summary,
        "source": source,
        "depth": network.depth,
        "image_size": size,
        "parameters": costs.parameters,
        "macs": costs.macs,
        "activation_elements": costs.activation_elements,
        "network": to_json(network),
    }


def _print_list(documents: list[dict[str, Any]], *, is_whole: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    lines = _Lines(console.width, longest_name=max(len(document["name"]) for document in documents))
    text = Text(lines.of("model", "depth", "parameters", "MACs", "what it is"), style="dim")
    family = ""
    for document in documents:
        if document["family"] != family:
            family = document["family"]
            text.append(f"\n{family}\n", style="not dim bold")
        numbers = str(document["depth"]), _short(document["parameters"]), _short(document["macs"])
        text.append(lines.of(document["name"], *numbers, document["summary"]), style="not dim")
    console.print(text, soft_wrap=True, highlight=False, end="")
    console.print(
        "\n{…} stands for any number that fits; depth and counts are those of an example.\n"
        f"{'Fewer rows: skipline models cifar. ' if is_whole else ''}One network: skipline models resnet50",
        markup=False,
        highlight=False,
    )


class _Lines:
    """The lines of the list: a name is folded where the screen is narrow, a summary is there where it is wide.

    They are put together here: a table of rich's takes 0.07 s for them, of the half second that the list may take.
    """

    def __init__(self, width: int, *, longest_name: int) -> None:
        room = width - _NUMBERS - 2 * _GAP
        self._summary = max(_LEAST_SUMMARY, room - longest_name) if width >= _WIDE else 0
        self._name = max(_LEAST_NAME, min(longest_name, room - self._summary))

    def of(self, name: str, depth: str, parameters: str, macs: str, summary: str) -> str:
        """The lines of one row, the last with its end."""
        numbers = f"{depth:>5}  {parameters:>10}  {macs:>8}"
        names = [name[at : at + self._name] for at in range(0, len(name), self._name)]
        summaries = textwrap.wrap(summary, self._summary) if self._summary else []
        rows = zip_longest(names, [numbers], summaries, fillvalue="")
        return "".join(
            f"{own:<{self._name}}  {middle:<{_NUMBERS}}  {said}".rstrip() + "\n" for own, middle, said in rows
        )


def _short(count: int) -> str:
    return f"{count / 1e9:,.2f} G" if count >= 1e9 else f"{count / 1e6:,.2f} M"


def _print_network(network: Network, summary: str, source: str, size: int) -> None:
    from rich.console import Console

    from skipline.cli.output.filled_text import hung
    from skipline.costs import cost
    from skipline.report.network.outline import outline
    from skipline.report.network.text import network_text

    costs = cost(network, image_size=size)
    kept = size_text(costs.activation_elements * 4)  # fp32
    print(hung(f"{network.name}: {summary}\nsource         {source}"))
    print(f"depth          {network.depth} weighted layers in {counted(network.num_blocks, 'block')}")
    print(f"parameters     {costs.parameters:,}")
    print(f"multiply-adds  {costs.macs / 1e6:,.3f} M an image of {size}×{size}")
    print(f"memory         {kept} an image kept for training in fp32\n")
    for line in network_text(outline(network, image_size=size), width=Console().width).splitlines():
        print(line)


def _draw(network: Network, size: int, path: Path) -> None:
    from skipline.files import write_whole
    from skipline.report.network.drawing import draw_network
    from skipline.report.network.outline import outline

    write_whole(path, draw_network(outline(network, image_size=size)))
