"""A double of a judge: a local server that speaks the chat protocol and grades by equality."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from metrics.score import MetricSpec, Score, ScoringSpec, check, score

KEY = "sk-very-secret-123"
CORRECT, SCORES = "judge_correct", "judge_score"
MARKED = re.compile(
    r"<(context|question|reference answer|answer|first reply|second reply) (\w+)>\n(.*?)\n</\1 \2>", re.DOTALL
)
Behaviour = Callable[["JudgeDouble", dict[str, Any]], tuple[int, dict[str, str], bytes]]


def texts_of(request: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """The number of a request's markers, and the texts between them."""
    found = MARKED.findall(request["messages"][1]["content"])
    return found[0][1], [(name, text) for name, _, text in found]


def verdict(request: dict[str, Any]) -> str:
    """What a judge would say: equal to a reference is correct; 9 for the first reply and as much for an equal one."""
    number, texts = texts_of(request)
    references = [text for name, text in texts if name == "reference answer"]
    if references:
        return f"I see.\n\n**VERDICT {number}: {'CORRECT' if texts[-1][1] in references else 'INCORRECT'}**"
    first, second = texts[-2][1], texts[-1][1]
    return f"Both read.\nSCORES {number}: 9 {9 if first == second else 4}"


def completion(text: Any, finish: str = "stop", usage: Any = None) -> bytes:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    tokens = {"prompt_tokens": 100, "completion_tokens": 7} if usage is None else usage
    return json.dumps({"choices": [choice], "usage": tokens}).encode()


def right(_: "JudgeDouble", request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, completion(verdict(request))


def status(code: int, text: str = "no", **headers: str) -> Behaviour:
    return lambda *_: (code, {key.replace("_", "-"): value for key, value in headers.items()}, text.encode())


def body(sent: bytes) -> Behaviour:
    return lambda *_: (200, {}, sent)


def says(text: str) -> Behaviour:
    """A reply in which NUMBER stands for the request's own."""
    return lambda _, request: (200, {}, completion(text.replace("NUMBER", texts_of(request)[0])))


def slow(seconds: float) -> Behaviour:
    def wait(double: "JudgeDouble", request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        time.sleep(seconds)
        return right(double, request)

    return wait


@contextmanager
def raw_server(parts: Callable[[], Iterable[bytes]]) -> Iterator[str]:
    """The URL of a server that sends these bytes whatever it is asked, until who asked goes away."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                asked = connection.makefile("rb")
                head = list(iter(asked.readline, b"\r\n"))  # all of it is read: what is left unread resets a connection
                asked.read(next(int(line[15:]) for line in head if line.lower().startswith(b"content-length:")))
                for part in parts():
                    connection.sendall(part)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def only_for(answer: str, behaviour: Behaviour) -> Behaviour:
    """A behaviour for requests about this answer; all others are judged rightly."""
    return lambda double, request: (behaviour if answer in [text for _, text in texts_of(request)[1]] else right)(
        double, request
    )


class JudgeDouble:
    """Answers each request by the next behaviour of `script`, and as `after` does when the script is over."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.script: list[Behaviour] = []
        self.after: Behaviour = right
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with double._lock:
                    double.requests.append(request)
                    double.headers.append(dict(self.headers))
                    double.paths.append(self.path)
                    behaviour = double.script.pop(0) if double.script else double.after
                    double.at_once += 1
                    double.most_at_once = max(double.at_once, double.most_at_once)
                try:
                    code, headers, sent = behaviour(double, request)
                finally:
                    with double._lock:
                        double.at_once -= 1
                try:
                    self.send_response(code)
                    for key, value in {"Content-Length": str(len(sent)), **headers}.items():
                        self.send_header(key, value)
                    self.end_headers()
                    self.wfile.write(sent)
                except OSError:
                    pass  # who asked did not wait

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def record(number: int, raw: str | None, *references: str, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number:03}", "raw": raw, "references": list(references), "fields": {}, "status": "ok", **more}


def judged(records: list[dict[str, Any]], metric: str, options: dict[str, Any]) -> Score:
    spec = ScoringSpec(
        {"it": MetricSpec(metric, options=options), "accuracy": MetricSpec("accuracy")}, primary="accuracy"
    )
    check(spec, records)
    it, accuracy = score(records, spec)[:2]
    assert accuracy.value is not None, "whatever a judge does, all other metrics are computed"
    return it
