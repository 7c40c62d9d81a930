"""What is measured inside a network as signals pass its named sites."""

from __future__ import annotations

from skipline.signal.nonfinite import first_nonfinite_site
from skipline.signal.norms import SiteNorms, site_norms
from skipline.signal.taps import tapped

__all__ = ["SiteNorms", "first_nonfinite_site", "site_norms", "tapped"]
