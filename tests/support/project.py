"""What the project says of itself."""

from pathlib import Path

import yaml


def configured(root: Path) -> str | None:
    """The repository that the site's configuration names."""
    url = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    return url.removeprefix("https://github.com/") or None
