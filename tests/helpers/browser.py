"""A real Chromium without a window, for pages that are opened from files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


@contextmanager
def chromium(width: int = 1280, height: int = 1000) -> Iterator[Any]:
    """A driver of the Chromium that the system has; skips the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("there is no chromium with its chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield page
    finally:
        page.quit()


def narrow(page: Any, width: int = 390, height: int = 844) -> None:
    """A phone's screen, which is narrower than a window may be."""
    size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def picture(page: Any, path: Path) -> None:
    """The whole page as a PNG."""
    import base64

    found = page.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
    )
    path.write_bytes(base64.b64decode(found["data"]))


def complaints(page: Any) -> list[str]:
    """What the console has told since it was asked last."""
    return [line["message"] for line in page.get_log("browser")]
