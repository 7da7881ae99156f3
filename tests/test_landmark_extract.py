"""Landmarks out of videos: what the frames say, and every way a process that looks at them can fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import videos

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks import extract as extraction
from wlasl.landmarks import extract_worker, mediapipe_env
from wlasl.landmarks.extract import Program, extract
from wlasl.landmarks.extract_process import Patience
from wlasl.landmarks.form import LandmarkError
from wlasl.landmarks.joints import HOLISTIC
from wlasl.pixels import read_rgb

# A worker of the tests' own: every joint stands where the frame's brightness says, and the frame's width says
# what goes wrong. A new clip starts the count in z at 0, as a fresh tracker would.
FAKE = """
import os, socket, struct, sys, time
HEADER = struct.Struct("<4sII")
line = socket.socket(fileno=int(sys.argv[-1]))
def receive(size):
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data
def answer(kind, data):
    line.sendall(HEADER.pack(kind, len(data), 0) + data)
print("chatter on stdout")
print("W0000 chatter on stderr", file=sys.stderr, flush=True)
{before}
answer(b"HELO", b"{version}")
count = 0
while True:
    kind, width, height = HEADER.unpack(receive(HEADER.size))
    if kind == b"CLIP":
        count = 0
        continue
    frame = receive(width * height * 3)
    if width == 80:
        print("Fatal: out of luck", file=sys.stderr, flush=True)
        os._exit(7)
    if width == 96:
        time.sleep(600)
    if width == 112:
        line.sendall(b"<html>404</html>" * 9)
    if width == 128:
        answer(b"OOPS", b"ValueError: no such frame")
        continue
    if width == 144:
        os.abort()
    if width == 160:
        answer(b"XYZ4", b"1234")
    x = frame[0] / 255 if width != 176 else float("nan")
    answer(b"XYZ4", struct.pack("<225f", *[x, os.getpid() / 2**24, float(count)] * 75))
    count += 1
"""
WRONG = {
    80: "it ended with exit code 7: Fatal: out of luck",
    96: "it did not answer within 3 s",
    112: "it answered garbage (b'<htm')",
    128: "MediaPipe refuses the video: ValueError: no such frame",
    144: "it ended by aborted",
    160: "it answered 4 bytes, which are no points",
}


@pytest.fixture
def fake(tmp_path):
    """Return a function that makes the tests' own worker into a program."""

    def make(before: str = "", version: str = mediapipe_env.VERSION) -> Program:
        script = tmp_path / "fake_worker.py"
        script.write_text(FAKE.format(before=before, version=version))
        return Program((sys.executable, str(script)), os.environ, Patience(start=60, frame=3))

    return make


def clip(name: str, **changes) -> Clip:
    """Return a clip of the test's own."""
    return Clip(name, "book", 0, "train", **changes)


def job(folder: Path, name: str, count: int = 4, width: int = 64, **changes) -> tuple[Clip, Path]:
    """Write a video of grey frames of rising brightness, so wide, and return its clip and path."""
    path = videos.write(
        folder / f"{name}.mkv", videos.numbered(count, width), videos.Kind("ffv1", "bgr0", fps=30)
    )
    return clip(name, **changes), path


def test_the_frames_are_those_that_the_networks_of_pixels_see(tmp_path, fake):
    jobs = [
        job(tmp_path, "whole", 5),
        job(tmp_path, "cut", 12, frame_start=4, frame_end=9, frames=6),
        job(tmp_path, "cut_already", 6, frame_start=4, frame_end=9, frames=6),
    ]
    found = {seen.id: landmarks for seen, landmarks in extract(jobs, 2, program=fake())}
    assert len(found) == 3
    for one, path in jobs:
        landmarks, frames = found[one.id], read_rgb(path, one)
        assert landmarks.points.shape == (len(frames), 75, 3)
        brightness = [frame[0, 0, 0] / 255 for frame in frames]
        assert landmarks.points[:, 0, 0] == pytest.approx(brightness)
        assert landmarks.points[:, 0, 2].tolist() == list(range(len(frames)))
        assert (landmarks.joints, landmarks.source) == (HOLISTIC, "mediapipe-holistic")
        assert (landmarks.size, landmarks.fps, landmarks.y) == ((64, 48), 30, "down")
    assert found["cut"].points[0, 0, 0] == pytest.approx((20 + 4 * 3) / 255, abs=0.006)


def test_one_process_serves_many_clips_and_several_work_at_once(tmp_path, fake):
    jobs = [job(tmp_path, f"{number}") for number in range(6)]
    for workers in (1, 2):
        found = [landmarks for _, landmarks in extract(jobs, workers, program=fake())]
        assert len(found) == 6
        assert len({float(landmarks.points[0, 0, 1]) for landmarks in found}) == workers


@pytest.mark.parametrize(("width", "detail"), WRONG.items())
def test_a_lost_process_costs_its_clip_and_no_other(tmp_path, fake, width, detail):
    jobs = [job(tmp_path, "before"), job(tmp_path, "bad", width=width), job(tmp_path, "after")]
    found = {seen.id: outcome for seen, outcome in extract(jobs, 1, program=fake())}
    assert isinstance(found["bad"], LandmarkError)
    assert found["bad"].reason == "unreadable"
    assert detail in found["bad"].detail
    assert [len(found[name].points) for name in ("before", "after")] == [4, 4]


def test_a_clip_without_anybody_a_bad_file_and_no_file_have_their_reasons(tmp_path, fake):
    html = tmp_path / "html.mp4"
    html.write_text("<!DOCTYPE html>")
    jobs = [
        job(tmp_path, "unseen", width=176),
        (clip("html"), html),
        (clip("gone"), tmp_path / "gone.mp4"),
        job(tmp_path, "short", 2, frame_start=50, frame_end=99, frames=50),
    ]
    found = {seen.id: outcome for seen, outcome in extract(jobs, 1, program=fake())}
    assert {name: error.reason for name, error in found.items()} == {
        "unseen": "unseen",
        "html": "unreadable",
        "gone": "missing",
        "short": "unreadable",
    }
    assert "html" in found["html"].detail
    assert "too few frames" in found["short"].detail


def test_a_clip_that_would_fill_the_memory_is_refused(tmp_path, fake, monkeypatch):
    monkeypatch.setattr(extraction, "_MOST_BYTES", 60_000)
    few, many = job(tmp_path, "few", 2), job(tmp_path, "many", 30)
    found = {one.id: outcome for one, outcome in extract([few, many], 1, program=fake())}
    assert len(found["few"].points) == 2
    assert "too many frames" in found["many"].detail


def test_a_process_lost_by_bad_luck_costs_nothing(tmp_path, fake):
    # Only the first process that starts is unlucky, at its second frame.
    starts = tmp_path / "starts"
    unlucky = f"""
open({str(starts)!r}, "a").write("x")
if os.path.getsize({str(starts)!r}) == 1:
    real, answered = answer, []
    def answer(kind, data):
        answered.append(kind)
        if len(answered) == 3:
            os.kill(os.getpid(), 9)
        real(kind, data)
"""
    jobs = [job(tmp_path, f"{number}") for number in range(3)]
    found = {seen.id: outcome for seen, outcome in extract(jobs, 1, program=fake(unlucky))}
    assert starts.read_text() == "xx"
    assert [len(found[f"{number}"].points) for number in range(3)] == [4, 4, 4]
    assert found["0"].points[:, 0, 2].tolist() == [0, 1, 2, 3]


def test_processes_lost_one_after_the_other_are_not_the_clips_fault(tmp_path, fake):
    jobs = [job(tmp_path, f"{number}", width=80) for number in range(9)]
    with pytest.raises(BenchError, match=r"failed at 5 clips in a row, .* exit code 7: Fatal: out of luck"):
        list(extract(jobs, 2, program=fake()))


def test_a_program_that_does_not_start_is_a_sentence(tmp_path, fake):
    jobs = [job(tmp_path, "one")]
    absent = "import no_such_library"
    with pytest.raises(BenchError, match=r"does not start with .*: No module named 'no_such_library'"):
        list(extract(jobs, 1, program=fake(absent)))
    with pytest.raises(BenchError, match=r"has MediaPipe 0\.9; landmarks are compared as 0\.10\.21"):
        list(extract(jobs, 1, program=fake(version="0.9")))
    with pytest.raises(BenchError, match="Cannot start /no/such/python: No such file"):
        list(extract(jobs, 1, program=Program(("/no/such/python",), {})))


def test_nothing_to_do_needs_no_mediapipe(monkeypatch):
    monkeypatch.setattr(extraction, "mediapipe", lambda _: pytest.fail("MediaPipe was asked for"))
    assert list(extract([], 2)) == []


def test_few_jobs_are_taken_before_they_are_needed(tmp_path, fake):
    taken = []

    def jobs():
        for number in range(20):
            taken.append(number)
            yield job(tmp_path, f"{number}", 1)

    found = extract(jobs(), 2, program=fake())
    next(found)
    assert len(taken) <= 2 * 2 + 2
    found.close()


def running(marker: str) -> list[int]:
    """Return the processes whose command line holds a marker."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marker.encode() in words and state != "Z":
            pids.append(int(entry.name))
    return pids


def eventually(condition, seconds: float = 20.0) -> bool:
    """Say whether a condition comes true within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_closing_the_iterator_ends_all_processes(tmp_path, fake):
    jobs = [job(tmp_path, "quick"), *(job(tmp_path, f"hung{number}", width=96) for number in range(3))]
    program = fake()
    patient = Program(program.command, program.environment, Patience(start=30, frame=600))
    found = extract(jobs, 2, program=patient)
    assert next(found)[0].id == "quick"
    began = time.monotonic()
    found.close()
    assert time.monotonic() - began < 5
    assert running(program.command[1]) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are counted in /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_command_no_process_is_left(tmp_path, fake, sent):
    # The workers of a killed command notice that its socket is closed, so they must not hang themselves.
    width = 96 if sent == signal.SIGINT else 64
    path = job(tmp_path, "long", 3, width)[1]
    program = fake()
    script = tmp_path / "command.py"
    home = Path(__file__).resolve().parent.parent
    script.write_text(
        textwrap.dedent(f"""
        import contextlib, itertools, os, signal, sys
        from pathlib import Path
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        sys.path.insert(0, {str(home)!r})
        from wlasl.clips import Clip
        from wlasl.landmarks.extract import Program, extract
        from wlasl.landmarks.extract_process import Patience
        jobs = ((Clip(str(n), "book", 0, "train"), Path({str(path)!r})) for n in itertools.count())
        program = Program({program.command!r}, os.environ, Patience(60, 600))
        with contextlib.closing(extract(jobs, 2, program=program)) as outcomes:
            for seen, outcome in outcomes:
                pass
        """)
    )
    # A terminal's Ctrl-C goes to the whole group of the command.
    command = subprocess.Popen([sys.executable, str(script)], start_new_session=True, stderr=subprocess.PIPE)
    try:
        assert eventually(lambda: len(running(program.command[1])) == 2, 120)
        time.sleep(0.3)
        os.killpg(command.pid, sent)
        assert command.wait(60) != 0
        assert eventually(lambda: running(program.command[1]) == [], 60)
    finally:
        command.kill()
        command.stderr.close()


STUB = """
class Point:
    def __init__(self, x): self.x, self.y, self.z = x, x / 2, 0.0
class Found:
    def __init__(self, count): self.landmark = [Point(index / 100) for index in range(count)]
class Seen: pass
class Holistic:
    def __init__(self, **options):
        assert options["model_complexity"] == 1
        self.count = 0
    def reset(self): self.count = 0
    def process(self, frame):
        assert frame.dtype.name == "uint8" and frame.shape[2] == 3
        if frame[0, 0, 0] == 28:
            raise ValueError("a grey that hurts")
        self.count += 1
        seen = Seen()
        seen.pose_landmarks, seen.left_hand_landmarks = Found(33), None
        seen.right_hand_landmarks = Found(21) if self.count == 1 else None
        return seen
"""


def test_the_script_speaks_with_mediapipe(tmp_path):
    package = tmp_path / "site" / "mediapipe" / "python" / "solutions"
    package.mkdir(parents=True)
    (package / "holistic.py").write_text(STUB)
    # Without these a real MediaPipe, further down the path, would be taken.
    for folder in (package, *package.parents[:2]):
        (folder / "__init__.py").touch()
    info = tmp_path / "site" / "mediapipe-0.10.21.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n")
    variables = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    program = Program((sys.executable, extract_worker.__file__), variables, Patience(60, 10))
    jobs = [job(tmp_path, "good", 2), job(tmp_path, "bad", 3), job(tmp_path, "again", 2)]
    found = {seen.id: outcome for seen, outcome in extract(jobs, 1, program=program)}
    assert "ValueError: a grey that hurts" in found["bad"].detail
    for name in ("good", "again"):
        points = found[name].points
        assert points[:, 0, 0].tolist() == [0, 0]
        assert points[0, 32].tolist() == pytest.approx([0.32, 0.16, 0])
        assert np.isnan(points[:, 33:54]).all()
        assert points[0, 54:, 0].tolist() == pytest.approx([index / 100 for index in range(21)])
        assert np.isnan(points[1, 54:]).all()


def test_the_parts_are_in_the_order_of_the_joints():
    assert [(HOLISTIC[first], count) for _, first, count in extract_worker.PARTS] == [
        ("nose", 33),
        ("left_hand_wrist", 21),
        ("right_hand_wrist", 21),
    ]


def test_the_real_mediapipe_finds_what_was_found_before(wlasl_root):
    from wlasl.subsets import load  # noqa: PLC0415 - other tests do without

    if mediapipe_env.find_python() is None:
        pytest.skip("no MediaPipe 0.10.21 here: `bench prepare --landmarks mediapipe` installs it")
    dataset = load("300", wlasl_root)
    one = next(one for one in dataset.subset.clips if one.id == "30160")
    ((_, found),) = extract([(one, dataset.files.path(one.id))], 1)
    with np.load(wlasl_root / "landmarks" / "holistic" / "30160.npz") as known:
        points = np.concatenate([known["pose"], known["left_hand"], known["right_hand"]], axis=1)
        assert found.size == tuple(known["size"])
        assert found.fps == pytest.approx(float(known["fps"]))
    assert found.points.shape == points.shape == (35, 75, 3)
    assert np.array_equal(np.isnan(found.points), np.isnan(points))
    apart = np.linalg.norm(found.points[..., :2] - points[..., :2], axis=2)
    assert np.nanmedian(apart) < 0.002
