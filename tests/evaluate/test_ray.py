"""The Ray engine on real clusters of this machine: the same bytes as the local one, though a machine is lost."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import alive, children, command_of
from support import CLIPS, command, read_lines, start, wait_for_lines, write_manifest

from evaluate.__main__ import main
from evaluate.config import ConfigError, Engine
from evaluate.engines.ray_driver import Place, places

Tone = Callable[..., Path]
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
"""Ray takes a quarter of a minute to give up a machine, as it comes."""
STORE = 80 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without room for workers, and two machines with room for one each; all three are this one."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE, "_system_config": QUICK}
    made = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        made.add_node(num_cpus=1, object_store_memory=STORE)
    yield made
    made.shutdown()


def echo(own: Path, folder: Path, tone: Tone, count: int, **special: dict[str, Any]) -> list[str]:
    files = [tone(f"{number}.wav", 0.1 + number / 50).name for number in range(10)]
    rows = [{"id": f"s{n:02}", "audio": files[n % 10], "reference": "x", "hint": ""} for n in range(count)]
    manifest = write_manifest(folder / "m.jsonl", [row | special.get(row["id"], {}) for row in rows])
    search = f"hydra.searchpath=['file://{own}']"
    return [search, "task=own/echo", "model=echo", f"task.corpus.manifest={manifest}", "batch.max_clips=2"]


def joining(cluster: Any) -> list[str]:
    return ["engine=ray", f"engine.address={cluster.address}"]


def answers(run: Path, task: str = "own/echo") -> bytes:
    return (run / task / "predictions.jsonl").read_bytes()


def test_the_same_bytes_as_the_local_engine(cluster: Any, tmp_path: Path) -> None:
    arguments = ["task=asr/librispeech", "data=miniature", "model=tiny", "batch.max_clips=3"]
    local = command("evaluate", *arguments, f"run.dir={tmp_path}/local", "engine.devices=cpu")
    assert local.returncode == 0, local.stderr
    ray = command("evaluate", *arguments, f"run.dir={tmp_path}/ray", *joining(cluster), "engine.devices=1")
    assert ray.returncode == 0, ray.stderr
    assert answers(tmp_path / "ray", "asr/librispeech") == answers(tmp_path / "local", "asr/librispeech")
    assert ray.stdout == local.stdout, "what Ray has to say is not on the standard output"
    devices = json.loads((tmp_path / "ray/run.json").read_text())["sessions"][0]["devices"]
    assert [device["device"].partition(" on ")[0] for device in devices] == ["cpu (1 threads)"]


def test_a_machine_is_lost_in_the_middle(cluster: Any, own: Path, tmp_path: Path, tone: Tone) -> None:
    arguments = echo(own, tmp_path, tone, 60)
    local = command("evaluate", *arguments, f"run.dir={tmp_path}/local", "engine.devices=2")
    assert local.returncode == 0, local.stderr
    process = start("evaluate", *arguments, *joining(cluster), "+model.options.nap=0.2", f"run.dir={tmp_path}/ray")
    wait_for_lines(tmp_path / "ray/own/echo/predictions.jsonl", 8, process)
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "another one starts" in said and "comes last" in said
    assert answers(tmp_path / "ray") == answers(tmp_path / "local")
    assert len(read_lines(tmp_path / "ray/own/echo/predictions.jsonl")) == 60
    cluster.add_node(num_cpus=1, object_store_memory=STORE)


@pytest.mark.long
def test_a_sample_that_kills_its_workers(cluster: Any, own: Path, tmp_path: Path, tone: Tone) -> None:
    arguments = echo(own, tmp_path, tone, 20, s07={"does": "die"})
    done = command("evaluate", *arguments, f"run.dir={tmp_path}/run", *joining(cluster))
    assert done.returncode == 1 and "s07: 3 workers in a row died with this sample alone" in done.stderr, done.stderr
    assert [row["id"] for row in read_lines(tmp_path / "run/own/echo/predictions.jsonl") if not row["raw"]] == ["s07"]


def test_a_cluster_of_its_own_ends_with_the_run(own: Path, tmp_path: Path, tone: Tone) -> None:
    run = tmp_path / "run"
    arguments = [*echo(own, tmp_path, tone, 40), f"run.dir={run}", "engine=ray", "+model.options.nap=0.3"]
    process = start("evaluate", *arguments)
    wait_for_lines(run / "own/echo/predictions.jsonl", 2, process)
    (driver,) = [child for child in children(process.pid) if "spawn_main" in command_of(child)]
    cluster = [driver, *children(driver)]
    assert any("raylet" in command_of(child) for child in cluster)
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGTERM)
    out, said = process.communicate(timeout=20)
    assert time.monotonic() - begun < 8 and process.returncode == 143
    assert "the same command goes on" in said and "Traceback" not in said and not out
    assert not any(map(alive, cluster))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["engine.address=127.0.0.1:9"], "engine.address=127.0.0.1:9: no cluster answers there"),
        (["engine.address=nonsense"], "it is auto, or HOST:PORT"),
        (["engine.address=ray://head:10001"], "it is auto, or HOST:PORT"),
        (["engine=local", "engine.address=auto"], "engine.address=auto is a Ray cluster's: say engine=ray too"),
    ],
)
def test_no_cluster_there(capsys: pytest.CaptureFixture[str], tmp_path: Path, more: list[str], said: str) -> None:
    task = ["task=asr/manifest", f"task.corpus.manifest={CLIPS}/manifest.jsonl", "task.language=en", "model=tiny"]
    assert main([*task, "engine=ray", *more, f"run.dir={tmp_path / 'run'}"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("evaluate: ") and said in error


def test_what_each_worker_takes_of_a_cluster() -> None:
    gpus = [{"CPU": 8.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 3.0}, {"CPU": 2.0}]
    assert places(Engine(), gpus) == [Place(("cuda:0",), gpus=1)] * 7
    assert places(Engine(devices_per_worker=2), gpus) == [Place(("cuda:0", "cuda:1"), gpus=2)] * 3
    assert places(Engine(devices_per_worker=0.5, devices=3), gpus) == [Place(("cuda:0",), gpus=0.5)] * 6
    assert places(Engine(devices_per_worker=1 / 3, devices=1), gpus) == [Place(("cuda:0",), gpus=0.3333)] * 3
    assert places(Engine(devices="cpu"), gpus) == [Place(("cpu",), cpus=1)] * 3, "one on each machine"
    assert places(Engine(devices="cpu", devices_per_worker=4), gpus) == [Place(("cpu",), cpus=4)] * 2
    assert places(Engine(devices="2", devices_per_worker=2), gpus[2:] * 2) == [Place(("cpu",), cpus=2)] * 2
    for engine, said in [
        (Engine(devices=8), "the cluster has 7 GPUs, and room for 7 such workers"),
        (Engine(devices=8, devices_per_worker=2), "room for 3 such workers"),
        (Engine(devices=3, devices_per_worker=2), "room for 3 such workers"),
        (Engine(devices_per_worker=5), "room for 0 such workers"),
        (Engine(devices="cpu", devices_per_worker=9), "the cluster has 18 CPUs, and room for 0"),
        (Engine(devices="cpu", devices_per_worker=0.5), "is a share of a GPU"),
        (Engine(devices=[0, 1]), "with engine=ray it is auto, cpu, or a number"),
        (Engine(devices=True), "with engine=ray it is auto, cpu, or a number"),
    ]:
        with pytest.raises(ConfigError, match=said):
            places(engine, gpus)
