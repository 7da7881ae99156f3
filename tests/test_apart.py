"""A clip that ends the process that decodes it ends one call, and is refused by the next."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import videos

from wlasl import prepare as preparing
from wlasl.apart import NOTES, LostError, Notes, apart
from wlasl.prepare import prepare
from wlasl.video import VideoError
from wlasl.view import View

VIEW = View(size=16)
HERE = Path(__file__).parent
# prepare.py ROOT STORES ID: a call whose decoder crashes at one clip
DIES = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
import videos
from wlasl import prepare
from wlasl.view import View
encode = prepare.encode_clip
def crashes(path, clip, *rest):
    if clip.id == sys.argv[5]:
        os.kill(os.getpid(), signal.SIGSEGV)
    return encode(path, clip, *rest)
prepare.encode_clip = crashes
prepare.prepare(videos.dataset(Path(sys.argv[3]), 6), View(size=16), Path(sys.argv[4]), workers=1)
"""


def test_work_is_done_apart_and_its_result_comes_back():
    assert apart(os.path.join, "a", "b") == os.path.join("a", "b")
    assert apart(os.getpid) != os.getpid()
    assert apart(print, "what is printed is no result") is None


@pytest.mark.parametrize(
    ("work", "how"),
    [
        ((os.kill, 0, signal.SIGSEGV), "signal 11"),
        ((os._exit, 3), "exit code 3"),
        ((int, "x"), "exit code 1"),
    ],
)
def test_work_that_ends_its_process_is_lost(work, how):
    function, *arguments = work
    if function is os.kill:  # of the process apart, whose number nobody knows here
        function, arguments = signal.raise_signal, [signal.SIGSEGV]
    with pytest.raises(LostError, match=how):
        apart(function, *arguments)


def test_a_refusal_survives_the_way_back():
    error = pickle.loads(pickle.dumps(VideoError("truncated", "half of it")))  # noqa: S301 - just written
    assert (error.reason, error.detail, str(error)) == ("truncated", "half of it", "truncated (half of it)")


def test_notes_keep_what_was_begun_and_not_ended(tmp_path):
    notes = Notes(tmp_path)
    for name in ("a", "b", "c"):
        notes.begin(name)
    notes.end("b")
    assert Notes(tmp_path).left == {"a", "c"}  # whoever wrote them is gone
    Notes(tmp_path).close()
    assert Notes(tmp_path).left == frozenset()


def died_at(root, stores, clip_id):
    """Prepare in a process whose decoder crashes at one clip."""
    words = [sys.executable, "-c", DIES, str(HERE), str(HERE.parent), str(root), str(stores), clip_id]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == -signal.SIGSEGV
    return next(stores.glob("wlasl-*"))


def test_a_call_that_died_of_a_clip_is_followed_by_one_that_does_not(tmp_path, monkeypatch):
    folder = died_at(tmp_path / "data", tmp_path / "stores", "00003")
    left = Notes(folder).left
    assert "00003" in left
    assert len(left) <= 2
    begun = []
    monkeypatch.setattr(preparing, "apart", lambda work, *told: begun.append(told[1].id) or work(*told))
    done = prepare(videos.dataset(tmp_path / "data", 6), VIEW, tmp_path / "stores")
    assert set(begun) == left
    assert len(done.store.ids) == 6
    assert not (folder / NOTES).exists()


def test_a_clip_that_ends_the_process_apart_too_is_refused_and_the_others_are_prepared(tmp_path, monkeypatch):
    folder = died_at(tmp_path / "data", tmp_path / "stores", "00003")

    def crashes(work, *told):
        if told[1].id == "00003":
            raise LostError("signal 11")
        return apart(work, *told)

    monkeypatch.setattr(preparing, "apart", crashes)
    dataset = videos.dataset(tmp_path / "data", 6)
    done = prepare(dataset, VIEW, tmp_path / "stores")
    assert dict(done.skipped) == {"00003": "unreadable"}
    assert done.details["00003"] == "its decoder does not survive it: signal 11"
    assert len(done.store.ids) == 5
    assert not (folder / NOTES).exists()
    again = prepare(dataset, VIEW, tmp_path / "stores")
    assert (again.done, dict(again.skipped)) == (0, {"00003": "unreadable"})
