"""MediaPipe's environment: found where it is, made where it is not, and nothing half-made is ever used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from utils.errors import BenchError
from utils.progress import Silent
from wlasl.landmarks import mediapipe_env
from wlasl.landmarks.mediapipe_env import ensure_python, environment, find_python


class Told(Silent):
    """Keeps the sentences that were said."""

    def __init__(self):
        self.sentences = []

    def say(self, sentence):
        self.sentences.append(sentence)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a project's folder in which nothing is installed."""
    monkeypatch.delenv(mediapipe_env.VARIABLE, raising=False)
    monkeypatch.setattr(mediapipe_env, "project_folder", lambda: tmp_path)
    monkeypatch.setattr(mediapipe_env, "_version_here", lambda: "")
    return tmp_path


@pytest.fixture
def pip(monkeypatch):
    """Stand in for venv and pip: return the commands that were given, and fail at those that are asked to."""
    given, failing = [], {}

    class Done:
        def __init__(self, code, words):
            self.returncode, self.stderr, self.stdout = code, words, ""

    def run(command, **_):
        given.append(command)
        if "venv" in command:
            python = mediapipe_env.python_of(Path(command[-1]))
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        if mediapipe_env._ALONE in command:
            info = f"lib/python3.11/site-packages/mediapipe-{mediapipe_env.VERSION}.dist-info"
            (Path(command[0]).parents[1] / info).mkdir(parents=True)
        words = next((words for word, words in failing.items() if word in command), "")
        if words == "Ctrl-C":
            raise KeyboardInterrupt
        return Done(bool(words), words)

    monkeypatch.setattr(mediapipe_env.subprocess, "run", run)
    return given, failing


def test_it_is_made_once_and_tried_before_it_is_put_in_place(home, pip):
    given, _ = pip
    told = Told()
    python = ensure_python(told)
    assert python == home / "data" / "mediapipe-env" / "bin" / "python"
    assert python.exists()
    assert len(given) == 4
    assert given[-1][1:] == ["-c", "import mediapipe.python.solutions.holistic"]
    assert "Installing MediaPipe 0.10.21 into an environment of its own, once" in told.sentences[0]
    assert "MediaPipe is installed" in told.sentences[1]
    assert sorted(path.name for path in (home / "data").iterdir()) == ["mediapipe-env"]
    assert ensure_python(told) == find_python() == python
    assert len(given) == 4


@pytest.mark.parametrize(
    ("step", "words", "answer"),
    [
        ("venv", "Error: ensurepip is not available", "Error: ensurepip is not available"),
        (mediapipe_env._ALONE, "ERROR: No matching distribution found", "No matching distribution found"),
        (
            mediapipe_env._BESIDE[0],
            "WARNING: broken by 'NewConnectionError(...)'\nERROR: No matching distribution",
            "the package index cannot be reached",
        ),
        (mediapipe_env._TRY, "ImportError: libGL.so.1", "ImportError: libGL.so.1"),
    ],
)
def test_a_failure_is_a_sentence_and_leaves_nothing(home, pip, step, words, answer):
    _, failing = pip
    failing[step] = words
    with pytest.raises(BenchError) as caught:
        ensure_python(Silent())
    assert f"could not be installed: {answer}." in str(caught.value)
    assert "pip install mediapipe==0.10.21" in str(caught.value)
    assert list((home / "data").iterdir()) == []
    failing.clear()
    assert ensure_python(Silent()).exists()


def test_a_stopped_installation_leaves_nothing(home, pip):
    _, failing = pip
    failing[mediapipe_env._ALONE] = "Ctrl-C"
    with pytest.raises(KeyboardInterrupt):
        ensure_python(Silent())
    assert list((home / "data").iterdir()) == []


@pytest.mark.parametrize("kind", ["empty", "by hand without MediaPipe", "python gone"])
def test_what_is_of_no_use_is_made_again(home, pip, kind):
    given, _ = pip
    ensure_python(Silent())
    folder = home / "data" / "mediapipe-env"
    (folder / "old").touch()
    if kind == "python gone":
        (folder / "bin" / "python").unlink()
        (folder / "bin" / "python").symlink_to("/no/such/python")
    else:
        next(folder.glob("lib/python*/site-packages/*.dist-info")).rmdir()
    if kind == "empty":
        (folder / "bin" / "python").unlink()
    assert find_python() is None
    assert ensure_python(Silent()).exists()
    assert not (folder / "old").exists()
    assert len(given) == 8


@pytest.mark.usefixtures("home")
def test_a_named_environment_is_taken(monkeypatch, tmp_path):
    python = tmp_path / "theirs" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    for told in (tmp_path / "theirs", python):
        monkeypatch.setenv(mediapipe_env.VARIABLE, str(told))
        assert find_python() == python
    monkeypatch.setenv(mediapipe_env.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(BenchError, match=r"WLASL_MEDIAPIPE is .*nowhere"):
        ensure_python(Silent())


@pytest.mark.usefixtures("home")
def test_this_environment_is_taken_where_it_has_the_right_version(monkeypatch):
    monkeypatch.setattr(mediapipe_env, "_version_here", lambda: "0.10.35")
    assert find_python() is None
    monkeypatch.setattr(mediapipe_env, "_version_here", lambda: mediapipe_env.VERSION)
    assert find_python() == Path(sys.executable)
    assert environment(Path(sys.executable)) is os.environ


def test_another_python_is_not_led_to_our_packages(home, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    assert "PYTHONPATH" not in environment(home / "python")
    assert "PATH" in environment(home / "python")
