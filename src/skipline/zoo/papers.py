"""The papers that many rows come from, as a row names them."""

from __future__ import annotations

DEEP = "He et al. 2015, arXiv 1512.03385"
GROUP_NORM = "Wu & He 2018, arXiv 1803.08494"
IDENTITY = "He et al. 2016, arXiv 1603.05027"
RESNEST = "Zhang et al. 2020, arXiv 2004.08955"
RESNEXT = "Xie et al. 2016, arXiv 1611.05431"
TIMM = "Wightman 2019, timm (no paper)"
TRICKS = "He et al. 2018, arXiv 1812.01187"
WIDE = "Zagoruyko & Komodakis 2016, arXiv 1605.07146"
