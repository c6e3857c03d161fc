"""Sphinx extension: what a published book has: a sitemap, and a card where someone shares a page.

All of it needs the book's address, which `make configure` writes into the configuration; without
one nothing is added. The canonical address of a page is Sphinx's own work.
"""

import textwrap
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

CARD = "_static/card.png"
CARD_INCHES, CARD_DPI = (12, 6.3), 100  # 1200 by 630 pixels, as those who show cards ask for
LONGEST = 200  # characters of a description


def card_of(address: str, title: str, book: str, description: str, url: str) -> str:
    """The tags from which others make a card of a page."""
    properties = {
        "og:type": "website",
        "og:site_name": book,
        "og:title": title,
        "og:description": description,
        "og:url": url,
        "og:image": address + CARD,
        "og:image:alt": "Four schedules of the learning rate",
    }
    tags = [
        f'<meta property="{name}" content="{escape(content)}" />'
        for name, content in properties.items()
    ]
    return "\n".join([*tags, '<meta name="twitter:card" content="summary_large_image" />\n'])


def add_card(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page of the book its card."""
    if app.config.html_baseurl and doctree:
        paragraph = doctree.next_node(nodes.paragraph)
        text = textwrap.shorten(paragraph.astext() if paragraph else "", LONGEST, placeholder=" …")
        title = app.env.titles[page].astext()
        context["metatags"] += card_of(
            app.config.html_baseurl, title, app.config.project, text, context["pageurl"]
        )


def draw_card(path: Path, title: str) -> None:
    """Draw the picture of all cards: the book's title over four schedules."""
    import matplotlib.pyplot as plt

    from lrlab import CosineDecay, ExponentialDecay, StepDecay, warmup

    epochs = range(100)
    schedules = [
        StepDecay(1, step_epochs=25, gamma=0.5),
        ExponentialDecay(1, gamma=0.97),
        CosineDecay(1, total_epochs=100),
        warmup(CosineDecay(0.8, total_epochs=80), 20, begin_lr=0.0),
    ]
    figure, axes = plt.subplots(figsize=CARD_INCHES, dpi=CARD_DPI)
    for schedule in schedules:
        axes.plot(epochs, [schedule(epoch) for epoch in epochs], linewidth=4)
    axes.set(xlabel="epoch", ylabel="learning rate", xticks=[], yticks=[])
    axes.xaxis.label.set_size(24)
    axes.yaxis.label.set_size(24)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, fontsize=44, pad=24)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def tag(app: Sphinx, config: Config) -> None:
    """Let pages say what there is at that address alone, under ``{only} published``."""
    if config.html_baseurl:
        app.tags.add("published")


def publish(app: Sphinx, error: Exception | None) -> None:
    """Write the sitemap, and draw the card where there is none yet."""
    address = app.config.html_baseurl
    if error or not address or app.builder.name != "html":
        return
    pages = [escape(address + app.builder.get_target_uri(page)) for page in app.env.found_docs]
    lines = "".join(f"  <url><loc>{page}</loc></url>\n" for page in sorted(pages))
    Path(app.outdir, "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}</urlset>\n',
        encoding="utf-8",
    )
    if not Path(app.outdir, CARD).exists():
        draw_card(Path(app.outdir, CARD), app.config.project)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", tag)
    app.connect("html-page-context", add_card)
    app.connect("build-finished", publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
