"""A visit to the lab in a real browser, and pictures of what was seen there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM = "there is no chromium: apt-get install chromium"
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
PATIENCE = 300_000  # ms until what should come at once is missed: a machine busy with other work takes minutes
PICTURES = "LAB_SCREENSHOTS"  # names the folder that pictures are kept in; without it none are


class Visit:
    """A page of the lab, and whatever it complained of or asked for beyond the lab."""

    def __init__(
        self,
        browser: Any,
        port: int,
        *,
        size: dict[str, int] = LAPTOP,
        still: bool = True,
        scheme: str = "light",
        touch: bool = False,
    ) -> None:
        self.home = f"http://127.0.0.1:{port}/"
        motion = "reduce" if still else "no-preference"
        self.context = browser.new_context(viewport=size, reduced_motion=motion, color_scheme=scheme, has_touch=touch)
        self.trouble: list[str] = []
        self.page = self.opened()

    def opened(self) -> Any:
        """Another page of the same visitor."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        return page

    def _note(self, address: str) -> None:
        if not address.startswith((self.home, "blob:", "data:")):
            self.trouble.append(address)

    def at(self, state: str) -> Any:
        """The page at a state, when everything is there."""
        self.page.goto(f"{self.home}#{state}")
        return self.settled()

    def settled(self) -> Any:
        """The page when everything is there."""
        self.page.locator("body[data-settled]").wait_for(state="attached")
        return self.page

    def raced(self, steps: int) -> Any:
        """The page when its race has come to a step, however long that takes: as long as steps go by."""
        counter = self.page.locator(".board dd").first
        while (seen := counter.inner_text()) != str(steps):
            assert int(seen) < steps
            counter.filter(has_not_text=re.compile(f"^{seen}$")).wait_for()
        return self.page

    def end(self) -> None:
        """Leave; there was no trouble."""
        self.context.close()
        assert self.trouble == []


def picture(page: Any, name: str) -> None:
    """Keep the whole page as a picture, where pictures are kept."""
    folder = os.environ.get(PICTURES)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def is_too_wide(page: Any) -> bool:
    """Whether one has to scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
