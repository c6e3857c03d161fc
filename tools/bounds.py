"""Print the environment of requirements.txt with the lowest versions that pyproject.toml declares.

    python -m tools.bounds > lowest.txt

What lrlab depends on is at its lower bound, the checks are at their pins, and the packages that
both bring along are pip's to choose. `make lowest` runs the unit tests there.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pins(requirements: str) -> dict[str, str]:
    """The versions by name that the text of a requirements file pins."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", requirements, re.M))


def lowest(pyproject: str, requirements: str) -> list[str]:
    """The lines of a requirements file, from the texts of the two that the project has.

    Raises:
        ValueError: pyproject.toml declares a package without a lower bound.
    """
    project = tomllib.loads(pyproject)["project"]
    declared = sum(project["optional-dependencies"].values(), project["dependencies"])
    bounds = {}
    for line in declared:
        parts = re.fullmatch(r"([\w.-]+)>=([\d.]+)", line)
        if not parts:
            raise ValueError(f"pyproject.toml must declare NAME>=VERSION, received {line!r}")
        bounds[parts[1]] = parts[2]
    return [f"{name}=={version}" for name, version in {**pins(requirements), **bounds}.items()]


if __name__ == "__main__":
    files = [(ROOT / name).read_text("utf-8") for name in ("pyproject.toml", "requirements.txt")]
    print(*lowest(*files), sep="\n")
