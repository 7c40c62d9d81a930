"""Boxes: random rectangles by share of area and proportion, one for each image, and what is done with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skipline.data.transfer import send

TRIES = 10  # torchvision's, of `RandomResizedCrop` and `RandomErasing`
BOX_DRAWS = 2 * TRIES + 2  # an area and a proportion for each try, then a place


@dataclass(frozen=True, eq=False)
class Boxes:
    """Rows `top` to `top + height - 1` and columns alike; int64 (N,) each, on the CPU."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


def random_boxes(
    draws: Tensor,
    height: int,
    width: int,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    is_strict: bool,
) -> tuple[Boxes, Tensor]:
    """A box for each row of `draws`, uniforms (N, BOX_DRAWS), and whether one of its tries fits: bool (N,).

    Area: uniform in `scale` times that of the image. Width over height: log-uniform in `ratio`. Sides are rounded;
    of `TRIES` the first is taken that fits, and where `is_strict` that is smaller than the image both ways. Then
    the place is uniform. Where none fits the box means nothing.
    """
    areas = height * width * (scale[0] + draws[:, 0 : 2 * TRIES : 2].double() * (scale[1] - scale[0]))
    span = math.log(ratio[1]) - math.log(ratio[0])
    proportions = torch.exp(math.log(ratio[0]) + draws[:, 1 : 2 * TRIES : 2].double() * span)
    widths = (areas * proportions).sqrt().round().long()
    heights = (areas / proportions).sqrt().round().long()
    most = int(is_strict)
    fits = (widths > 0) & (heights > 0) & (widths <= width - most) & (heights <= height - most)
    first = fits.int().argmax(dim=1, keepdim=True)
    chosen_height = heights.gather(1, first)[:, 0].clamp(1, height)
    chosen_width = widths.gather(1, first)[:, 0].clamp(1, width)
    top = (draws[:, -2].double() * (height - chosen_height + 1)).long()
    left = (draws[:, -1].double() * (width - chosen_width + 1)).long()
    return Boxes(top, left, chosen_height, chosen_width), fits.any(dim=1)


def crop_boxes(draws: Tensor, height: int, width: int, *, scale: tuple[float, float]) -> Boxes:
    """Boxes as torchvision's `RandomResizedCrop` draws them, proportions 3/4 to 4/3; the whole image where none fits.

    (Where none fits torchvision takes the largest centred box of an allowed proportion: of square images that is all.)
    """
    boxes, fits = random_boxes(draws, height, width, scale=scale, ratio=(3 / 4, 4 / 3), is_strict=False)
    return Boxes(
        torch.where(fits, boxes.top, 0),
        torch.where(fits, boxes.left, 0),
        torch.where(fits, boxes.height, height),
        torch.where(fits, boxes.width, width),
    )


def resized_crop(images: Tensor, boxes: Boxes, *, height: int, width: int) -> Tensor:
    """Each image's box as an image of `height` × `width`: float (N, C, H, W) -> (N, C, height, width).

    As torchvision's `resized_crop`, bilinear and antialiased: a new pixel is a mean of the box's pixels, weighted by
    a triangle around its place that reaches as far as the next new pixel or the next old one, whichever is farther;
    what lies beyond the box counts nothing. Both ways as one product of matrices, which is quicker than gathering.
    """
    rows = _weights(boxes.top, boxes.height, old=images.shape[2], new=height, like=images)
    columns = _weights(boxes.left, boxes.width, old=images.shape[3], new=width, like=images)
    narrow = images.flatten(1, 2) @ columns.transpose(1, 2)  # (N, C H, width)
    return rows[:, None] @ narrow.unflatten(1, images.shape[1:3])


def erased(images: Tensor, boxes: Boxes, is_erased: Tensor) -> Tensor:
    """Each image with its box set to 0 where `is_erased`, bool (N,): the mean colour of normalised images."""
    inside = inside_boxes(boxes, images.shape[2], images.shape[3]) & is_erased[:, None, None]
    return images.masked_fill(send(inside, images.device)[:, None], 0)


def with_boxes_of(
    images: Tensor, targets: Tensor, partner_images: Tensor, partner_targets: Tensor, *, shares: Tensor, centres: Tensor
) -> tuple[Tensor, Tensor]:
    """A box of each image replaced by that of its partner (Yun et al. 2019, arXiv 1905.04899).

    Of `shares` λ, (N,), the box has sides √(1 − λ) H and √(1 − λ) W about `centres`, uniforms (N, 2), clipped at
    the border; targets are mixed by the area that is left. As torchvision's `CutMix`, but with draws of its own for
    each image. Images are float (N, C, H, W), targets float (N, K), draws on the CPU.
    """
    height, width = images.shape[2:]
    half = 0.5 * (1 - shares.double()).sqrt()
    row, column = (centres[:, 0].double() * height).long(), (centres[:, 1].double() * width).long()
    reach = ((half * height).long(), (half * width).long())
    top, left = (row - reach[0]).clamp(min=0), (column - reach[1]).clamp(min=0)
    bottom, right = (row + reach[0]).clamp(max=height), (column + reach[1]).clamp(max=width)
    boxes = Boxes(top, left, bottom - top, right - left)
    inside = send(inside_boxes(boxes, height, width), images.device)[:, None]
    kept = send((1 - (boxes.height * boxes.width).double() / (height * width)).to(targets.dtype), images.device)
    mixed = torch.where(inside, partner_images, images)
    return mixed, torch.lerp(partner_targets, targets, kept[:, None])


def inside_boxes(boxes: Boxes, height: int, width: int) -> Tensor:
    """Which pixels lie in each box: bool (N, H, W) on the CPU."""
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= boxes.top[:, None]) & (rows < (boxes.top + boxes.height)[:, None])
    in_columns = (columns >= boxes.left[:, None]) & (columns < (boxes.left + boxes.width)[:, None])
    return in_rows[:, :, None] & in_columns[:, None, :]


def _weights(start: Tensor, length: Tensor, *, old: int, new: int, like: Tensor) -> Tensor:
    """Of each image the share of each of `old` pixels in each of `new` ones: (N, new, old), rows that sum to 1."""
    scale = send(length.double() / new, like.device)[:, None]
    first, behind = (send(each, like.device)[:, None] for each in (start, start + length))
    centres = first + (torch.arange(new, device=like.device) + 0.5) * scale - 0.5  # in fp64: places of many pixels
    places = torch.arange(old, device=like.device)
    distances = (places.to(like.dtype) - centres[:, :, None].to(like.dtype)).abs_()
    weights = (1 - distances / scale.clamp(min=1)[:, :, None].to(like.dtype)).clamp_(min=0)
    weights *= ((places >= first) & (places < behind))[:, None]
    return weights / weights.sum(dim=2, keepdim=True)
