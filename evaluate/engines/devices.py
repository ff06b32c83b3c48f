"""Devices: which of them each worker gets."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from evaluate.config import ConfigError, Engine

Place = tuple[str, ...]
"""torch's names of one worker's devices."""


def places(engine: Engine, gpus: Callable[[], int]) -> list[Place]:
    """The devices of each worker of this machine, by ``engine.devices`` and ``engine.devices_per_worker``; ``gpus``
    counts what is there, where that matters. Raises ConfigError for what is not there, or does not come out even."""
    devices = _devices(engine.devices, gpus)
    share = engine.devices_per_worker
    if share < 1:
        return [(device,) for device in devices for _ in range(round(1 / share))]
    size = int(share)
    if len(devices) % size or not devices:
        raise ConfigError(
            f"engine.devices_per_worker={size}, and engine.devices={said(engine.devices)} gives {len(devices)}"
        )
    return [tuple(devices[first : first + size]) for first in range(0, len(devices), size)]


def torch_threads(engine: Engine, places: Sequence[Place]) -> int | None:
    """Threads of a worker's network on a CPU: as ``engine.torch_threads`` says, else a share of the cores. None: what
    torch chooses for a process that is alone."""
    if engine.torch_threads is not None:
        return engine.torch_threads
    sharing = sum("cpu" in place for place in places)
    return max(1, len(os.sched_getaffinity(0)) // sharing) if sharing > 1 else None


def said(devices: Any) -> str:
    """``engine.devices`` as it is written on the command line."""
    return f"[{','.join(map(str, devices))}]" if isinstance(devices, list) else str(devices)


def _devices(wanted: Any, gpus: Callable[[], int]) -> list[str]:
    if isinstance(wanted, str) and wanted.isdecimal():
        wanted = int(wanted)
    if wanted == "auto":
        return [f"cuda:{number}" for number in range(gpus())] or ["cpu"]
    if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted >= 1:
        there = gpus()
        if there and wanted > there:
            raise ConfigError(f"engine.devices={wanted}: this machine has {there} GPUs")
        return [f"cuda:{number}" if there else "cpu" for number in range(wanted)]
    if isinstance(wanted, str):
        return [_named(wanted, gpus)]
    if isinstance(wanted, list) and wanted:
        return [_named(entry, gpus) for entry in wanted]
    raise ConfigError(f"engine.devices={said(wanted)}: it is auto, cpu, a number of devices, or a list such as [0,2]")


def _named(device: Any, gpus: Callable[[], int]) -> str:
    """torch's name of one device: ``cpu``, ``cuda:1``, or a GPU's number."""
    text = str(device)
    if text == "cpu":
        return text
    number = text.removeprefix("cuda:")
    if not (number.isascii() and number.isdecimal()):
        raise ConfigError(f"engine.devices: {text} is no device; there are cpu, and GPUs by number (0, or cuda:0)")
    if int(number) >= (there := gpus()):
        raise ConfigError(f"engine.devices={text}: this machine does not offer it; it has {there or 'no'} GPUs")
    return f"cuda:{int(number)}"
