"""Native chatter is held back, and let out when something fails."""

from __future__ import annotations

import os

import pytest

from utils.quiet import held_back


def chatter() -> None:
    os.write(2, b"from C\n")


def fail_loudly() -> None:
    with held_back():
        chatter()
        raise ZeroDivisionError


def test_what_succeeds_is_quiet_and_stderr_works_afterwards(capfd: pytest.CaptureFixture[str]):
    with held_back():
        chatter()
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


def test_what_fails_says_all_it_had_to_say(capfd: pytest.CaptureFixture[str]):
    with pytest.raises(ZeroDivisionError):
        fail_loudly()
    assert capfd.readouterr().err == "from C\n"


def test_it_can_be_nested(capfd: pytest.CaptureFixture[str]):
    with held_back():
        with held_back():
            chatter()
        os.write(2, b"outer\n")
    assert capfd.readouterr().err == ""
