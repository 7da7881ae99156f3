"""A record's commit and its mark of changes speak of the code alone."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks import where


@pytest.fixture
def copy(tmp_path):
    """Return a working copy with one commit, and a function that runs git in it."""

    def git(*words):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        return subprocess.run(
            ["git", *author, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    (tmp_path / "results").mkdir()
    for name in ("code.py", "results/README.md"):
        (tmp_path / name).write_text("one")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path, git


def test_a_clean_copy_is_named_by_its_commit(copy):
    folder, git = copy
    assert where.git_state(folder) == (git("rev-parse", "--short=12", "HEAD").strip(), False)


@pytest.mark.parametrize(
    ("name", "dirty"), [("code.py", True), ("results/README.md", False), ("new.txt", False)]
)
def test_changed_code_is_marked_and_new_results_are_not(copy, name, dirty):
    folder, _ = copy
    (folder / name).write_text("two")
    assert where.git_state(folder)[1] is dirty


def test_a_folder_without_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert where.git_state(tmp_path) == ("", False)


def test_the_processor_has_a_name():
    assert where.cpu_model()
