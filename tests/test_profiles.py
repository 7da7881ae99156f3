"""What a job asks of a cluster: the user's profiles, the command line over them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from slurm.profiles import KEYS, Profile, mebibytes, minutes, profile, profiles_file, restored
from utils.errors import BenchError

TEXT = """
[default]
partition = "main"
environment = { WLASL_ROOT = "/data/with space", A = 1 }
setup = "source ~/.profile"

[gpu]
gpus = 2
time = 90
modules = ["cuda/12", "python"]
environment = { A = "2" }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(TEXT)
    return path


def test_a_profile_is_laid_over_the_default_one(file: Path):
    found = profile("gpu", file)
    assert (found.partition, found.gpus, found.time) == ("main", "2", "90")
    assert found.modules == ("cuda/12", "python")
    assert found.setup == ("source ~/.profile",)
    assert found.environment == {"WLASL_ROOT": "/data/with space", "A": "2"}
    assert profile(None, file).gpus is None


def test_the_command_line_has_the_last_word(file: Path):
    words = [
        "time=1-0",
        "nodes=2",
        "modules=a, b",
        "environment.B=c=d",
        "partition=none",
        "setup=echo 'x, y'",
    ]
    found = profile("gpu", file, words)
    assert (found.time, found.nodes, found.modules) == ("1-0", 2, ("a", "b"))
    assert found.partition is None
    assert found.environment["B"] == "c=d"
    assert found.environment["A"] == "2"
    assert found.setup == ("echo 'x, y'",)


def test_without_a_file_the_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert profiles_file() == tmp_path / "wlasl-bench" / "profiles.toml"
    assert profile() == Profile()
    with pytest.raises(BenchError, match="There is no file of profiles"):
        profile("gpu")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["partion=x"], "a profile has no 'partion'. Did you mean partition?"),
        (["gpu"], "--resource takes key=value, not 'gpu'. Keys: partition,"),
        (["cpus=0"], "cpus='0': input should be greater than or equal to 1"),
        (["cpus=two"], "cpus='two': input should be a valid integer"),
        (["time=soon"], "time='soon' is none: give minutes, H:MM:SS or D-HH:MM:SS"),
        (["time=0"], "time='0' is none"),
        (["time=1"], "signal_seconds=90 leaves nothing of time='1': give less, or more time"),
        (["memory=lots"], "memory='lots' is no amount"),
        (["gpus=a100"], "gpus='a100' is none: give 2, or a100:2"),
        (["environment=A"], "--resource sets a variable by environment.NAME=value"),
        (["environment.A-B=1"], "'A-B', which is no name of a variable"),
    ],
)
def test_a_wrong_resource_is_answered_with_a_sentence(words: list[str], sentence: str):
    with pytest.raises(BenchError) as refused:
        profile(None, None, words)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[gpu]\ngpu = 1\n", "profile gpu: a profile has no 'gpu'. Did you mean gpus"),
        ("gpus = 1\n", "gpus stands outside a profile"),
        ("[gpu\n", "is not a TOML file"),
        ("[gpus]\n", "There is no profile in"),
        ("[gpu]\nnodes = 1.5\n", "The profile 'gpu' is not right. nodes=1.5"),
    ],
)
def test_a_wrong_file_is_answered_with_a_sentence(tmp_path: Path, text: str, sentence: str):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(BenchError) as refused:
        profile("gpu", tmp_path / "p.toml")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("time", "expected"),
    [("90", 90), ("1:30", 2), ("2:00:00", 120), ("1-0", 1440), ("1-2:30", 1590), ("0-0:0:1", 1), ("x", 0)],
)
def test_times_are_read_as_slurm_reads_them(time: str, expected: int):
    assert minutes(time) == expected


@pytest.mark.parametrize(
    ("memory", "expected"), [("8000", 8000), ("16G", 16384), ("1.5g", 1536), ("2GB", 2048), ("1T", 1 << 20)]
)
def test_memory_is_read_as_slurm_reads_it(memory: str, expected: int):
    assert mebibytes(memory) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, 1), ({"gpus": "a100:4"}, 4), ({"gpus": 2, "nodes": 3}, 6), ({"gpus": 4, "tasks_per_node": 1}, 1)],
)
def test_there_is_a_process_per_gpu(fields: dict[str, object], expected: int):
    assert restored(fields).processes == expected


def test_every_key_is_explained():
    assert len(KEYS) > 15
    assert all(Profile.model_fields[key].description for key in KEYS)
