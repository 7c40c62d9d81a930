"""Take the pictures of the lab that README shows, from the page itself: `python benchmarks/lab_picture.py`.

Needs the extra serve, playwright and a chromium; writes docs/images/lab.png and lab-dark.png.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import ViewportSize, sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
STATE = "unit=plain&norm=none"  # a plain net of 50 layers without a norm
SIZE: ViewportSize = {"width": 1200, "height": 860}
SCHEMES: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", "lab.png"), ("dark", "lab-dark.png"))
PATIENCE = 120_000  # ms


def main() -> None:
    """Serve the lab, look at it light and dark, and keep what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    options = parser.parse_args()
    command = [sys.executable, "-m", "skipline", "lab", "--port", "0", "--no-open", "--at", STATE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        try:
            _take(address, options.folder)
        finally:
            server.terminate()


def _take(address: str, folder: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme, name in SCHEMES:
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            page.locator("body[data-settled]").wait_for(state="attached")
            page.screenshot(path=folder / name)
            print(folder / name)
        browser.close()


if __name__ == "__main__":
    main()
