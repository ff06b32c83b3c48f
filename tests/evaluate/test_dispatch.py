"""The dispatcher, with a double of its workers: who gets what, and what becomes of batches whose workers die."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from pools import StagedPool, batch_of, ids

from evaluate.engines import dispatch
from evaluate.engines.dispatch import Answered, Dispatcher, Done, EngineError, Event, Lost, Ready, Refused
from evaluate.models.base import ModelError
from evaluate.plan import Batch

Fate = Callable[[int, list[str]], bool]


def batches(count: int, size: int = 1) -> list[Batch]:
    return [batch_of(*(f"{number:02}.{place}" for place in range(size))) for number in range(count)]


def dispatched(pool: StagedPool, work: list[Batch], timeout: float = 100.0) -> tuple[list[Done], list[str]]:
    said: list[str] = []
    with Dispatcher(pool, timeout, timeout, said.append) as dispatcher:
        return list(dispatcher.answers(work)), said


def names(done: list[Done]) -> list[str]:
    return [outcome.id for entry in done for outcome in entry.outcomes]


def failures(done: list[Done]) -> dict[str, str]:
    return {outcome.id: outcome.error.message for entry in done for outcome in entry.outcomes if outcome.error}


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_batch_comes_back_once(workers: int) -> None:
    pool = StagedPool(workers)
    done, said = dispatched(pool, batches(20, 3))
    assert sorted(names(done)) == sorted(name for batch in batches(20, 3) for name in ids(batch))
    assert all([outcome.id for outcome in entry.outcomes] == ids(entry.batch) for entry in done)
    assert not said and not failures(done) and pool.closed_kindly is not None


def test_a_worker_holds_one_batch_and_one_ahead_and_idle_ones_come_first() -> None:
    pool = StagedPool(2)
    dispatched(pool, batches(3))
    assert [worker for worker, _ in pool.sent[:3]] == [0, 1, 0]
    pool = StagedPool(1)
    dispatched(pool, batches(3))
    assert [name for _, name in pool.sent] == [["00.0"], ["01.0"], ["02.0"]]


def test_an_idle_worker_repeats_what_is_not_back_and_the_first_answer_counts() -> None:
    pool = StagedPool(2)
    pool.stuck = {1}
    done, said = dispatched(pool, batches(6))
    assert sorted(names(done)) == [f"{number:02}.0" for number in range(6)] and not said
    repeated = [name for (name,), count in Counter(tuple(name) for _, name in pool.sent).items() if count == 2]
    assert len(repeated) == 2, "what the stuck worker holds"
    assert pool.closed_kindly == [0], "the stuck one is not waited for"


def test_a_worker_that_dies_once_loses_nothing() -> None:
    deaths = iter([False, True])

    def once(worker: int, batch: list[str]) -> bool:
        return next(deaths, False)

    pool = StagedPool(1, once)
    done, said = dispatched(pool, batches(6, 4))
    assert sorted(names(done)) == sorted(name for batch in batches(6, 4) for name in ids(batch))
    assert said == ["worker 0 was killed by SIGKILL; another one starts, its batch comes last"] and pool.starts == [2]
    assert [ids(entry.batch)[0] for entry in done] == ["00.0", "03.0", "04.0", "05.0", "01.0", "02.0"], "suspects last"
    assert all(len(entry.batch.items) == 4 for entry in done), "and whole"


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("poison", ["00.0", "03.5", "05.15"])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_sample_that_kills_every_worker_fails_alone(workers: int, poison: str, count: int) -> None:
    work = batches(6, 16)
    work = [batch for batch in work if poison in ids(batch)] + [batch for batch in work if poison not in ids(batch)]
    work = work[:count]
    pool = StagedPool(workers, lambda worker, batch: poison in batch)
    done, _ = dispatched(pool, work)
    assert sorted(names(done)) == sorted(name for batch in work for name in ids(batch))
    assert failures(done) == {
        poison: "3 workers in a row died with this sample alone (1.0 s of audio); the last one was killed by SIGKILL"
    }
    assert all(sent == [poison] or poison not in sent for _, sent in pool.sent[-4:])


def test_two_poisonous_samples(workers: int = 2) -> None:
    poison = {"00.3", "02.7"}
    pool = StagedPool(workers, lambda worker, batch: bool(poison & set(batch)))
    done, _ = dispatched(pool, batches(5, 8))
    assert failures(done).keys() == poison and len(names(done)) == 40


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_workers_that_always_die_stop_the_engine(workers: int, count: int) -> None:
    pool = StagedPool(workers, lambda worker, batch: True)
    with pytest.raises(EngineError, match="workers in a row gave no answer; the last one was killed by SIGKILL"):
        dispatched(pool, batches(count, 4))
    assert sum(pool.starts) <= workers * (3 + 4 * min(count, 2 * workers)), "no endless trying"
    if count == 40:
        assert max(pool.starts) <= 5


@pytest.mark.parametrize(("workers", "count"), [(2, 13), (3, 19), (4, 26)])
def test_devices_on_trial_do_not_wait_for_each_other(workers: int, count: int) -> None:
    """One takes the last batch that nobody tried, the others get none."""
    pool = StagedPool(workers, lambda worker, batch: True)
    with pytest.raises(EngineError, match="workers in a row gave no answer"):
        dispatched(pool, batches(count))


def test_a_device_that_breaks_is_given_up_and_the_others_go_on() -> None:
    pool = StagedPool(2, lambda worker, batch: worker == 1)
    done, said = dispatched(pool, batches(40))
    assert not failures(done) and len(names(done)) == 40 and pool.starts[0] == 1
    assert [text for text in said if "given up" in text] == [
        "worker 1 is given up: 4 workers in a row gave no answer; the last one was killed by SIGKILL"
    ]


def test_long_clips_that_kill_do_not_condemn_the_device() -> None:
    """Longest first: the first batches of a run may all be poisonous, and short ones are not."""
    pool = StagedPool(1, lambda worker, batch: batch[0] < "09")
    done, said = dispatched(pool, batches(20))
    assert len(failures(done)) == 9 and len(names(done)) == 20
    assert not any("given up" in text for text in said)


def test_a_worker_that_does_not_load() -> None:
    class Stillborn(StagedPool):
        def start(self, worker: int) -> None:
            self.starts[worker] += 1
            self.said.append(Lost(worker, "was killed by SIGKILL"))

    pool = Stillborn(2)
    with pytest.raises(EngineError, match="3 workers in a row gave no answer"):
        dispatched(pool, batches(2))
    assert pool.starts == [3, 3]


def test_a_refusal_is_the_users_to_mend_unless_others_work() -> None:
    class Refusing(StagedPool):
        refusing = {0, 1}

        def start(self, worker: int) -> None:
            super().start(worker)
            if worker in self.refusing:
                self.said[-1] = Refused(worker, "no such weights")

    with pytest.raises(ModelError, match="no such weights"):
        dispatched(Refusing(2), batches(2))
    pool = Refusing(2)
    pool.refusing = {1}
    done, said = dispatched(pool, batches(4))
    assert len(done) == 4 and said == ["worker 1 is given up: no such weights"]


@pytest.mark.parametrize(("refusals", "done"), [(1, 3), (9, 0)])
def test_what_has_loaded_before_and_refuses_is_tried_again(refusals: int, done: int) -> None:
    """Memory that the worker before it still held, a file system that is away: no fault of the command's."""

    class Crowded(StagedPool):
        def start(self, worker: int) -> None:
            super().start(worker)
            if 1 < self.starts[worker] <= 1 + refusals:
                self.said[-1] = Refused(worker, "out of memory")

    deaths = iter([True])
    pool = Crowded(1, lambda worker, batch: next(deaths, False))
    if done:
        assert len(dispatched(pool, batches(done))[0]) == done and pool.starts == [2 + refusals]
    else:
        with pytest.raises(EngineError, match="the last one does not load again: out of memory"):
            dispatched(pool, batches(3))


def test_a_worker_that_answers_what_it_was_not_asked_is_replaced() -> None:
    class Confused(StagedPool):
        def events(self, seconds: float) -> list[Event]:
            said = super().events(seconds)
            twice = [event for event in said if isinstance(event, Answered) and self.starts == [1]]
            return [*said, *twice]

    done, said = dispatched(Confused(1), batches(5))
    assert sorted(names(done)) == [f"{number:02}.0" for number in range(5)]
    assert said == ["worker 0 answered what it was not asked; another one starts, its batch comes last"]


def test_a_worker_that_stalls_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: clock[0])

    class Stalling(StagedPool):
        def events(self, seconds: float) -> list[Event]:
            clock[0] += 1.0
            self.stuck = {0} if self.starts[0] == 1 else set()
            return super().events(seconds)

    pool = Stalling(1)
    done, said = dispatched(pool, batches(3), timeout=10)
    assert len(done) == 3 and said == ["worker 0 gave no answer within 10 s; another one starts, its batch comes last"]
    assert 10 < clock[0] < 30


def test_a_pause_of_the_parent_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: clock[0])

    class Slept(StagedPool):
        rounds = 0

        def events(self, seconds: float) -> list[Event]:
            self.rounds += 1
            clock[0] += 5_000.0
            return super().events(seconds) if self.rounds % 3 else []

    done, said = dispatched(Slept(1), batches(5), timeout=10)
    assert len(done) == 5 and not said


def test_answers_may_be_asked_for_twice() -> None:
    pool = StagedPool(2)
    with Dispatcher(pool, 10, 10, print) as dispatcher:
        assert len(list(dispatcher.answers(batches(3)))) == 3
        assert len(list(dispatcher.answers(batches(4)))) == 4
        assert not list(dispatcher.answers([]))
        assert dispatcher.devices == ["device 0", "device 1"] and dispatcher.starts == [1, 1]


def test_an_error_on_the_way_ends_all_workers_at_once() -> None:
    pool = StagedPool(2)
    with pytest.raises(KeyboardInterrupt), Dispatcher(pool, 10, 10, print) as dispatcher:
        for _ in dispatcher.answers(batches(9)):
            raise KeyboardInterrupt
    assert pool.closed_kindly == ()


def test_what_the_first_worker_found_is_kept() -> None:
    class Finding(StagedPool):
        def start(self, worker: int) -> None:
            super().start(worker)
            self.said[-1] = Ready(worker, "device", found="hears" if worker == 0 else None)

    with Dispatcher(Finding(2), 10, 10, print) as dispatcher:
        list(dispatcher.answers(batches(2)))
        assert dispatcher.found == "hears"


@given(seed=integers(0, 10**6), workers=integers(1, 5), risk=floats(0, 0.4), poisonous=integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_whatever_dies_each_sample_comes_back_once(seed: int, workers: int, risk: float, poisonous: int) -> None:
    draw = random.Random(seed)
    work = batches(draw.randint(1, 30), draw.randint(1, 9))
    everyone = sorted(name for batch in work for name in ids(batch))
    poison = set(draw.sample(everyone, min(poisonous, len(everyone))))
    pool = StagedPool(workers, lambda worker, batch: bool(poison & set(batch)) or draw.random() < risk)
    back: list[Done] = []
    try:
        with Dispatcher(pool, 10, 10, lambda sentence: None) as dispatcher:
            back.extend(dispatcher.answers(work))
        assert sorted(names(back)) == everyone
        assert poison <= failures(back).keys()
    except EngineError:
        assert risk or poison
    assert len(names(back)) == len(set(names(back)))
