"""The snippets of both README.md and of docs/python.md: programs are started, all others run beside a server."""

import ast
import inspect
import itertools
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from websockets.sync.client import connect

import salon
import salon.aio

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
README = PACKAGE / "README.md"
FRONT = PACKAGE.parents[1] / "README.md"
GUIDE = PACKAGE.parents[1] / "docs" / "python.md"
PATIENCE_S = 10
ADDRESS = "127.0.0.1:3000"
_PAUSE = threading.Event()


def fences(path, language="python"):
    """The fenced blocks of a document, each with its line."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, found.start()) + 1, found.group(1)


def is_program(code):
    """A program serves until it is ended."""
    return re.search(r"server\.run\(\)|asyncio\.run\(|for event in server", code) is not None


def snippets(programs):
    return [
        pytest.param(code, id=f"{path.parent.name}/{path.name}:{line}")
        for path in (README, GUIDE, FRONT)
        for line, code in fences(path)
        if is_program(code) == programs
    ]


@pytest.mark.parametrize("code", snippets(programs=False))
def test_snippet_runs_beside_a_server(code):
    server = (salon.aio.Server if "async def" in code else salon.Server)(http=True)
    try:
        exec(compile(code, "snippet", "exec"), {"__name__": __name__, "salon": salon, "server": server})
    finally:
        server.close()


@pytest.fixture
def started(tmp_path):
    """Starts a program of a document on a free port: its URL."""
    processes = []

    def start(code):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert ADDRESS in code
        program = tmp_path / "server.py"
        program.write_text(code.replace(ADDRESS, f"127.0.0.1:{port}"), encoding="utf-8")
        process = subprocess.Popen([sys.executable, str(program)])
        processes.append(process)
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return f"ws://127.0.0.1:{port}"
            except OSError:
                assert process.poll() is None and time.monotonic() < end, "the program does not serve"
                _PAUSE.wait(0.02)

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.parametrize("code", snippets(programs=True))
def test_program_serves(started, code):
    url = started(code)
    # Whoever is refused by a guard was answered, too.
    path = re.search(r'guard\("(/\w+)"\)', code)
    with connect(url + (path.group(1) + "?name=Ada" if path else "/"), open_timeout=PATIENCE_S) as client:
        assert json.loads(client.recv(PATIENCE_S))["event"] == "connect"


class Client:
    """A plain WebSocket, which asks and hears."""

    numbers = itertools.count(1)

    def __init__(self, url):
        self._opened = connect(url, open_timeout=PATIENCE_S)
        self.socket = self._opened.__enter__()
        self.heard = []
        self.next("connect")

    def ask(self, event, *args):
        number = next(self.numbers)
        self.socket.send(json.dumps({"event": event, "args": args, "id": number}))
        return self._until(lambda message: message.get("ack") == number).get("data")

    def answer(self, question, data):
        self.socket.send(json.dumps({"ack": question["id"], "data": data}))

    def next(self, event):
        return self._until(lambda message: message.get("event") == event)

    def _until(self, fits):
        for message in self.heard:
            if fits(message):
                self.heard.remove(message)
                return message
        while True:
            message = json.loads(self.socket.recv(PATIENCE_S))
            if fits(message):
                return message
            self.heard.append(message)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._opened.__exit__(None, None, None)


def test_the_first_server_of_the_readme_is_short_and_chats(started):
    _, code = next(fences(README))
    assert len(code.splitlines()) <= 15
    url = started(code)
    with Client(url) as ada, Client(url) as bob:
        for one in (ada, bob):
            assert one.next("said")["data"] == "Welcome!"
        assert ada.ask("say", "Good evening") == "delivered"
        assert bob.next("said")["data"] == "Good evening"
        assert ada.ask("say", 5) == {"status": "error", "message": "say: text: a text expected"}


def test_the_asyncio_server_of_the_readme_asks_its_client(started):
    code = next(code for _, code in fences(README) if "asyncio.run(" in code)
    with Client(started(code)) as ada:
        ada.socket.send('{"event":"delete","data":"notes","id":5}')
        question = ada.next("sure?")
        assert question["data"] == "notes"
        ada.answer(question, True)
        assert ada._until(lambda message: message.get("ack") == 5)["data"] == "notes is gone"


def served(code):
    """A server on a thread, with what a snippet registers."""
    server = salon.Server()
    exec(compile(code, "snippet", "exec"), {"__name__": __name__, "salon": salon, "server": server})
    url = f"ws://127.0.0.1:{server.listen('127.0.0.1:0')}"
    thread = threading.Thread(target=server.run)
    thread.start()
    return server, url, thread


def ended(server, thread):
    server.shutdown(0)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    server.close()


@pytest.mark.parametrize("path", [README, GUIDE], ids=["README.md", "python.md"])
def test_work_that_is_given_to_a_pool_is_answered(path):
    code = next(code for _, code in fences(path) if "ThreadPoolExecutor" in code)
    server, url, thread = served(code)
    try:
        with Client(f"{url}/") as ada:
            assert ada.ask("report", "May") == "All quiet in May."
    finally:
        ended(server, thread)


def test_the_readme_says_what_a_client_is_told():
    code = next(code for _, code in fences(README) if "@dataclass" in code)
    server, url, thread = served(code)
    try:
        with Client(f"{url}/chat") as ada:
            told = ada.ask("say", {"room": "a", "text": 5})
            assert json.dumps(told) in README.read_text(encoding="utf-8")
    finally:
        ended(server, thread)


def test_the_guide_names_all_that_the_package_has():
    guide = GUIDE.read_text(encoding="utf-8")
    seldom = {"Event", "Answer", "Audience", "Info", "Stats", "Timer"}
    missing = [name for name in salon.__all__ if name not in seldom and not re.search(rf"\b{name}\b", guide)]
    assert missing == []


def test_the_guide_lists_every_keyword_and_every_error():
    guide = GUIDE.read_text(encoding="utf-8")
    keywords = [name for name in inspect.signature(salon.Server).parameters if name != "address"]
    errors = [name for name in salon.__all__ if name.endswith(("Error", "Refusal", "Refused")) and name != "Error"]
    missing = [name for name in keywords + errors if f"| `{name}`" not in guide]
    assert missing == []


def test_the_snippets_are_python_as_it_is_written_here():
    for path in (README, GUIDE, FRONT):
        for line, code in fences(path):
            ast.parse(code)
            long = [text for text in code.splitlines() if len(text) > 120]
            assert long == [], f"{path.name}:{line}"
