"""A first signal asks a run to stop between two steps; a second Ctrl-C insists."""

from __future__ import annotations

import signal
import threading

import pytest

from utils.stopping import WARNINGS, interruptible, stoppable


@pytest.mark.parametrize("number", [signal.SIGINT, *WARNINGS])
def test_a_first_signal_only_asks(number: signal.Signals):
    with stoppable() as asked:
        assert not asked.is_set()
        signal.raise_signal(number)
        assert asked.is_set()


def test_a_second_ctrl_c_stops_at_once():
    with stoppable() as asked:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # a cluster may repeat its warning
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_signals_mean_what_they_meant():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with stoppable():
        assert signal.getsignal(signal.SIGINT) is not before[signal.SIGINT]
    assert {number: signal.getsignal(number) for number in before} == before
    with pytest.raises(ZeroDivisionError), stoppable():
        _ = 1 / 0
    assert {number: signal.getsignal(number) for number in before} == before


def test_other_signals_can_be_the_ones_that_ask():
    with stoppable(signal.SIGUSR1) as asked:
        signal.raise_signal(signal.SIGUSR1)
        assert asked.is_set()


def test_a_wish_of_an_earlier_run_is_forgotten():
    with stoppable():
        signal.raise_signal(signal.SIGINT)
    with stoppable() as asked:
        assert not asked.is_set()


def test_in_another_thread_no_signal_is_listened_to():
    seen: list[object] = []

    def work() -> None:
        before = signal.getsignal(signal.SIGINT)
        with stoppable() as asked:
            seen.extend([asked.is_set(), signal.getsignal(signal.SIGINT) is before])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, True]


@pytest.mark.parametrize("number", WARNINGS)
def test_before_and_after_training_a_warning_is_what_ctrl_c_is(number: signal.Signals):
    before = signal.getsignal(number)
    with interruptible():
        with stoppable() as asked:
            signal.raise_signal(number)
            assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_elsewhere_than_in_the_main_thread_nothing_is_interrupted():
    before = signal.getsignal(signal.SIGTERM)
    seen: list[bool] = []

    def work() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
