"""Fixtures of the metrics: a judge and the options that lead to it; a machine without Java."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from judge_double import KEY, JudgeDouble


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeDouble]:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    double = JudgeDouble()
    yield double
    double.close()


@pytest.fixture
def options(judge: JudgeDouble, tmp_path: Path) -> dict[str, Any]:
    return {
        "url": judge.url, "model": "double:1", "key_variable": "JUDGE_KEY", "cache": str(tmp_path / "cache"),
        "backoff": 0.01, "retries": 2, "timeout": 5,
    }  # fmt: skip


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
