"""The browser that the tests of the site share."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tools.pdf import ARGUMENTS, BROWSERS, find_browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        missing = f"no browser at hand: none of {', '.join(BROWSERS)} is on the PATH"
        if "CI" in os.environ:  # .ci/run installs one, so there its absence is a fault
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()
