"""The workflows: what they may write, whose code they run, and which commit is published."""

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FULL_HASH = r"[\w-]+/[\w./-]+@[0-9a-f]{40}"


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_hands_out_more_than_it_needs(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        steps = job["steps"]
        used = [step["uses"] for step in steps if "uses" in step]
        # GitHub's own actions come from where its machines come from; others' tags can move.
        assert [a for a in used if not re.match("actions/", a) and not re.match(FULL_HASH, a)] == []
        checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        if "permissions" in job:
            assert [step for step in steps if "run" in step] == []
            assert checkouts == []


def test_the_commit_that_was_tested_is_published_and_no_forks() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "publish.yml")["jobs"]
    event = "github.event.workflow_run"
    assert set(jobs["build"]["if"].split(" && ")) == {
        f"{event}.conclusion == 'success'",
        f"{event}.event == 'push'",
        f"{event}.head_branch == 'main'",
        f"{event}.head_sha == github.sha",
        f"{event}.head_repository.full_name == github.repository",
    }
    assert jobs["build"]["steps"][0]["with"]["ref"] == f"${{{{ {event}.head_sha }}}}"
    assert jobs["deploy"]["needs"] == "build"


def test_the_rehearsal_for_colab_is_made_at_both_bounds() -> None:
    job = read(ROOT / ".github" / "workflows" / "weekly.yml")["jobs"]["colab"]
    assert [run["bounds"] for run in job["strategy"]["matrix"]["include"]] == ["newest", "lowest"]
    assert job["steps"][-1] == {"run": "make colab BOUNDS=${{ matrix.bounds }}"}
