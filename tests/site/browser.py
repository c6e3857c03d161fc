"""Open pages of the built site in Chromium and say what is wrong with them."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.conftest import ROOT

HTML = ROOT / "_build" / "html"  # what `make site` builds
MOST_MEGABYTES, MOST_REQUESTS = 1.5, 40  # of all that a page loads at first, itself too

# Runs in the page and returns a list of complaints, each in words.
INSPECT = r"""
async () => {
  const problems = [];
  // At first, before the pictures below the screen; without what is written into the address.
  const loaded = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
    .filter((file) => !file.name.startsWith("data:"));
  const megabytes = loaded.reduce((sum, file) => sum + file.encodedBodySize, 0) / 1e6;
  if (megabytes >= MOST_MEGABYTES) problems.push(`loads too much: ${megabytes} MB`);
  if (loaded.length > MOST_REQUESTS) problems.push(`loads too much: ${loaded.length} files`);

  for (const icon of document.querySelectorAll(".fa-solid, .fas, .fab"))
    if (!getComputedStyle(icon).getPropertyValue("--icon"))
      problems.push(`icon without a shape: ${icon.className}`);

  const quote = (element) => (element.textContent || "").trim().slice(0, 60);

  // Load every picture, those below the fold too.
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  for (const image of document.images) {
    if (!image.naturalWidth) problems.push(`broken picture: ${image.getAttribute("src")}`);
    if (image.closest("article") && !image.alt.trim())
      problems.push(`picture without alternative text: ${image.getAttribute("src")}`);
  }

  const width = document.documentElement.scrollWidth;
  if (width > innerWidth + 1) problems.push(`scrolls sideways: ${width} > ${innerWidth} pixels`);

  for (const formula of document.querySelectorAll(".math:not(:has(.katex-error))"))
    if (!formula.querySelector(".katex-html"))
      problems.push(`formula not rendered: ${quote(formula)}`);
  for (const error of document.querySelectorAll(".katex-error"))
    problems.push(`formula with an error: ${error.title || quote(error)}`);

  const remnants = /\$[^$\s][^$\n]*\$|\\\(|\\\[|\{[a-z:-]+\}`|:[a-z]+:`/;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const found = text.data.match(remnants);
    if (found && !text.parentElement.closest("pre, code, script, style, .math"))
      problems.push(`unprocessed markup: ${found[0]}`);
  }
  return problems;
}
""".replace("MOST_MEGABYTES", str(MOST_MEGABYTES)).replace("MOST_REQUESTS", str(MOST_REQUESTS))


def pages() -> list[str]:
    """The site's own pages, without what extensions put under _static and what is printed now."""
    paths = (path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html"))
    return sorted(path for path in paths if not path.startswith("_"))


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a line on stderr for each."""

    def log_message(self, *_args: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine for as long as the context lasts; yields its address."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def open_page(browser: Browser, width: int, scheme: str) -> Iterator[Page]:
    """An empty page of a given width in the light or the dark scheme."""
    viewport = {"width": width, "height": 900}
    with closing(browser.new_context(viewport=viewport, color_scheme=scheme)) as context:
        yield context.new_page()


def problems(page: Page, address: str) -> list[str]:
    """Load an address and return every complaint about what is then shown."""
    host = "/".join(address.split("/")[:3]) + "/"
    found: list[str] = []

    def request(request) -> None:
        if not request.url.startswith((host, "data:", "blob:")):
            found.append(f"request to another host: {request.url}")

    def response(response) -> None:
        if response.status >= 400:
            found.append(f"missing ({response.status}): {response.url}")

    def console(message) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            found.append(f"error on the console: {message.text}")

    def uncaught(error) -> None:
        found.append(f"error in a script: {error}")

    listeners = {
        "request": request,
        "response": response,
        "console": console,
        "pageerror": uncaught,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.goto(address, wait_until="load")
    found += page.evaluate(INSPECT)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return found
