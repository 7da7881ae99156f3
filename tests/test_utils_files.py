"""Files are written whole or not at all, and what stops them is said in a sentence."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import files
from utils.errors import FAILURE, USAGE, BenchError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def left_in(folder: Path) -> list[str]:
    """Return the names of what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_the_folders_above_it(tmp_path: Path):
    files.write_text(tmp_path / "a" / "b" / "c.txt", "grüß\n")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "grüß\n".encode()
    assert left_in(tmp_path / "a" / "b") == ["c.txt"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_mode_that_the_user_s_mask_gives(tmp_path: Path, mask: int, mode: int):
    before = os.umask(mask)
    try:
        files.write_text(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, fault: type[BaseException]):
    path = tmp_path / "record.json"
    files.write_text(path, "old")

    def write(file):
        file.write(b"half of the n")
        raise fault

    with pytest.raises(fault):
        files.write_whole(path, write)
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["record.json"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_disk_refuses_is_said(tmp_path: Path, code: int, said: str):
    def write(_file):
        raise OSError(code, os.strerror(code))

    with pytest.raises(BenchError, match=said) as caught:
        files.write_whole(tmp_path / "file", write)
    assert caught.value.exit_code == FAILURE
    assert str(tmp_path / "file") in str(caught.value)
    assert left_in(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="Cannot write"):
        files.write_text(tmp_path / "file" / "below", "x")


def test_a_long_name_is_no_obstacle(tmp_path: Path):
    files.write_text(tmp_path / ("n" * 250), "x")
    assert left_in(tmp_path) == ["n" * 250]


@given(value=JSON)
def test_json_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    files.write_json(path, value)
    assert files.read_json(path) == value
    assert path.read_text(encoding="utf-8").endswith("\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_numbers_that_json_lacks_are_refused(tmp_path: Path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "value.json", value)
    assert left_in(tmp_path) == []


def test_keys_are_sorted_so_that_equal_values_are_equal_files(tmp_path: Path):
    files.write_json(tmp_path / "1", {"b": 1, "a": 2})
    files.write_json(tmp_path / "2", {"a": 2, "b": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is missing"), (b"{", "is not a JSON file"), (b"\xff\xfe\x00", "is not a JSON file")],
)
def test_a_file_that_is_no_json_is_said(tmp_path: Path, content: bytes | None, said: str):
    if content is not None:
        (tmp_path / "value.json").write_bytes(content)
    with pytest.raises(BenchError, match=said) as caught:
        files.read_json(tmp_path / "value.json")
    assert caught.value.exit_code == USAGE


def test_a_folder_in_a_file_s_place_is_said(tmp_path: Path):
    with pytest.raises(BenchError, match="Cannot read"):
        files.read_json(tmp_path)


@given(value=st.dictionaries(st.text(), st.integers()))
def test_a_hash_does_not_depend_on_the_order_of_keys(value: dict[str, int]):
    backwards = dict(reversed(list(value.items())))
    assert files.short_hash(value) == files.short_hash(backwards)
    assert json.loads(files.canonical(value)) == value


def test_hashes_are_those_of_sha_256(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert files.sha256(tmp_path / "file") == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert files.short_hash([1, "a"], digits=20) == hashlib.sha256(b'[1,"a"]').hexdigest()[:20]
