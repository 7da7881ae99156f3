"""Checkpoints are whole or not there, and the one before is kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from benchmarks import checkpoints
from utils.errors import BenchError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "last.ckpt"


def previous(path: Path) -> Path:
    return path.with_name("last.ckpt.previous")


@pytest.mark.parametrize("payload", [b"", b"one", bytes(range(256)) * 999])
def test_what_was_saved_is_loaded(path: Path, payload: bytes):
    checkpoints.save(path, payload)
    assert checkpoints.load(path) == payload


def test_where_nothing_was_saved_there_is_nothing_to_load(path: Path):
    assert checkpoints.load(path) is None


def test_the_newest_is_loaded_and_the_one_before_is_kept(path: Path):
    for payload in (b"one", b"two", b"three"):
        checkpoints.save(path, payload)
    assert checkpoints.load(path) == b"three"
    path.unlink()
    assert checkpoints.load(path) == b"two"
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["last.ckpt.previous"]


DAMAGE = {
    "empty": lambda content: content[:0],
    "cut": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    "one bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "digest": lambda content: b"0" * 64 + content[64:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_one_falls_back_to_the_one_before(path: Path, damage: str):
    checkpoints.save(path, b"one")
    checkpoints.save(path, b"two")
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    assert checkpoints.load(path) == b"one"
    previous(path).write_bytes(DAMAGE[damage](previous(path).read_bytes()))
    assert checkpoints.load(path) is None


def test_a_damaged_one_never_takes_the_place_of_the_intact_one_before(path: Path):
    checkpoints.save(path, b"one")
    checkpoints.save(path, b"two")
    path.write_bytes(b"damaged")
    checkpoints.save(path, b"three")
    path.unlink()
    assert checkpoints.load(path) == b"one"


def test_a_full_disk_is_a_sentence_and_the_checkpoint_before_is_intact(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkpoints.save(path, b"one")

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BenchError, match="the disk is full; free some space"):
        checkpoints.save(path, b"two")
    assert checkpoints.load(path) == b"one"
    assert not [entry for entry in path.parent.iterdir() if entry.name.endswith(".tmp")]


def test_a_folder_that_refuses_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch):
    checkpoints.save(path, b"one")

    def refuse(*_names: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(BenchError, match="permission denied; choose a folder that you can write to"):
        checkpoints.save(path, b"two")
    monkeypatch.undo()
    assert checkpoints.load(path) == b"one"


def test_a_file_system_without_hard_links_keeps_the_one_before_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_names: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for payload in (b"one", b"two"):
        checkpoints.save(path, payload)
    assert checkpoints.load(path) == b"two"
    path.unlink()
    assert checkpoints.load(path) == b"one"


@pytest.mark.parametrize("step", ["link", "replace", "fsync"])
def test_a_process_that_dies_while_saving_leaves_an_intact_checkpoint(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
):
    checkpoints.save(path, b"one")
    real, calls = getattr(os, step), []

    def die(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > 1:  # the second call of its kind; a first one is let through
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(os, step, die)
    for payload in (b"two", b"three"):
        try:
            checkpoints.save(path, payload)
        except KeyboardInterrupt:  # noqa: PERF203
            break
    else:
        pytest.fail("nothing died")
    monkeypatch.undo()
    assert checkpoints.load(path) in {b"one", b"two"}


def test_a_removed_checkpoint_takes_the_one_before_along(path: Path):
    for payload in (b"one", b"two"):
        checkpoints.save(path, payload)
    checkpoints.remove(path)
    assert checkpoints.load(path) is None
    assert list(path.parent.iterdir()) == []
    checkpoints.remove(path)
