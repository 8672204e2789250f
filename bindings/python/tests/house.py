"""What the tests share: a server on a thread of its own, and clients that keep what they hear until they are asked."""

import base64
import itertools
import json
import os
import pathlib
import queue
import socket
import subprocess
import threading
import time
from concurrent.futures import Future

import socketio
from websockets.sync.client import connect as connect_websocket
from websockets.sync.client import unix_connect as connect_unix

import salon

PATIENCE_S = 10
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
_PAUSE = threading.Event()
# Where tests/run has laid the packages for node.
CLIENTS = os.environ.get("SALON_NODE_CLIENTS") or str(ROOT / "tests" / "clients")


def until(what, condition):
    """Waits until `condition` answers something true, by asking again and again."""
    end = time.monotonic() + PATIENCE_S
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
        _PAUSE.wait(0.002)


def meanwhile(function, *args, **options):
    """The future of what a function answers on a thread of its own."""
    answer = Future()

    def call():
        try:
            answer.set_result(function(*args, **options))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return answer


class Host:
    """A server that is polled on its own thread: ``with Host(http=True) as host:``."""

    def __init__(self, run=None, **options):
        self.server = salon.Server(**options)
        self.port = self.server.listen("127.0.0.1:0")
        self.clients = []
        self._failure = None
        self._run = run or self.server.run
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)

    def _serve(self):
        try:
            self._run()
        except BaseException as error:
            self._failure = error

    def __enter__(self):
        return self

    def start(self):
        self._thread.start()
        return self

    def do(self, function, *args):
        """What a function answers on the server's thread."""
        answer = Future()

        def call():
            try:
                answer.set_result(function(*args))
            except BaseException as error:
                answer.set_exception(error)

        self.server.call_soon(call)
        return answer.result(PATIENCE_S)

    def stop(self):
        if self._thread.is_alive():
            try:
                self.server.shutdown(0)
            except salon.ClosedError:
                pass
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive(), "the server does not end"
        self.server.close()
        if self._failure is not None:
            raise self._failure

    def __exit__(self, kind, *_):
        for client in self.clients:
            client.leave()
        try:
            self.stop()
        except BaseException:
            if kind is None:
                raise

    # Clients. The first call starts the server.

    def _add(self, client):
        self.clients.append(client)
        return client

    def websocket(self, path="/", **options):
        if self._thread.ident is None:
            self.start()
        return self._add(WebSocket(f"ws://127.0.0.1:{self.port}{path}", **options))

    def silent(self):
        """A plain WebSocket by hand that never reads, nor answers a ping."""
        if self._thread.ident is None:
            self.start()
        silent = socket.socket()
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(("127.0.0.1", self.port))
        silent.sendall(HANDSHAKE)
        return silent

    def python(self, namespace="/", auth=None, transports=("websocket",), **options):
        if self._thread.ident is None:
            self.start()
        return self._add(PythonClient(f"http://127.0.0.1:{self.port}", namespace, auth, transports, **options))

    def node(self, namespace="/", auth=None, transports=("websocket",), **options):
        if self._thread.ident is None:
            self.start()
        return self._add(NodeClient(f"http://127.0.0.1:{self.port}{namespace}", auth, transports, **options))


class Listener(Host):
    """A server without handlers, whose events are kept until they are asked for."""

    def __init__(self, **options):
        super().__init__(run=self._listen, **options)
        self._events = queue.Queue()

    def _listen(self):
        for event in self.server:
            self._events.put(event)

    def next(self, kind):
        """The next event of a class; those before it are forgotten."""
        seen = []
        while True:
            try:
                event = self._events.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__} within {PATIENCE_S} s; there was {seen}") from None
            if isinstance(event, kind):
                return event
            seen.append(event)


class Heard:
    """What was said to a client, by event, in order."""

    def __init__(self):
        self._queues = {}
        self._lock = threading.Lock()

    def _queue(self, event):
        with self._lock:
            return self._queues.setdefault(event, queue.Queue())

    def add(self, event, args):
        self._queue(event).put(args)

    def hear(self, event, timeout=PATIENCE_S):
        """The arguments of the next such event, which may have come before."""
        try:
            return self._queue(event).get(timeout=timeout)
        except queue.Empty:
            there = {name: list(one.queue) for name, one in self._queues.items() if one.qsize()}
            raise AssertionError(f"no {event!r} within {timeout} s; there was {str(there)[:500]}") from None

    def rest(self, event):
        """What has come and was not asked for."""
        return list(self._queue(event).queue)


class WebSocket(Heard):
    """A plain WebSocket of the JSON dialect; with ``raw=True`` its messages are the event "raw"."""

    def __init__(self, url, raw=False, unix=None, **options):
        super().__init__()
        options.setdefault("open_timeout", PATIENCE_S)
        options.setdefault("max_size", None)
        if unix is None:
            self.io = connect_websocket(url, proxy=None, **options)
        else:
            self.io = connect_unix(unix, url, **options)
        self._raw, self.asked = raw, None
        self._numbers = itertools.count(1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            for message in self.io:
                if self._raw:
                    self.add("raw", [message])
                else:
                    self._take(json.loads(message))
        except Exception:
            pass
        self.add("close", [self.io.close_code, self.io.close_reason])

    def _take(self, message):
        args = message["args"] if "args" in message else [message["data"]] if "data" in message else []
        if message.get("attachments"):
            found = [base64.b64decode(one) for one in message["attachments"]]
            args = json.loads(json.dumps(args), object_hook=lambda o: found[o["num"]] if "_placeholder" in o else o)
        # The number of the last question.
        self.asked = message.get("id", self.asked)
        self.add(message["event"] if "event" in message else message["ack"], args)

    def say(self, event, *args, **more):
        self.io.send(json.dumps({"event": event, "args": args, **more}))

    def ask(self, event, *args):
        number = next(self._numbers)
        self.say(event, *args, id=number)
        return self.hear(number)

    def leave(self):
        self.io.close()


class PythonClient(Heard):
    """python-socketio's client for threads. Its answers to the event "node?" are the arguments in reverse."""

    def __init__(self, url, namespace, auth, transports, wait=True, **options):
        super().__init__()
        self.namespace = namespace
        self.io = socketio.Client(reconnection=False, **options)
        self.io.on("node?", lambda *args: args[::-1], namespace=namespace)
        self.io.on("*", lambda event, *args: self.add(event, list(args)), namespace=namespace)
        for event in ("connect", "connect_error", "disconnect"):
            self.io.on(event, lambda *args, event=event: self.add(event, list(args)), namespace=namespace)
        try:
            self.io.connect(
                url, auth=auth, transports=list(transports), namespaces=[namespace], wait_timeout=PATIENCE_S, wait=wait
            )
        except socketio.exceptions.ConnectionError:
            # Whoever expects it, hears "connect_error".
            pass

    @property
    def sid(self):
        return self.io.get_sid(self.namespace)

    def say(self, event, *args):
        self.io.emit(event, args, namespace=self.namespace)

    def ask(self, event, *args):
        answer = self.io.call(event, args, namespace=self.namespace, timeout=PATIENCE_S)
        return [] if answer is None else list(answer) if isinstance(answer, tuple) else [answer]

    def leave(self):
        self.io.disconnect()


class NodeClient(Heard):
    """npm's socket.io-client in a process of its own."""

    def __init__(self, url, auth, transports, **options):
        super().__init__()
        self.sid, self.recovered = None, False
        options = json.dumps({"auth": auth or {}, "transports": list(transports), **options})
        command = ["node", str(HERE / "client.mjs"), CLIENTS, url, options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._numbers = itertools.count(1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            event, args = json.loads(line, object_hook=lambda o: base64.b64decode(o["$bytes"]) if "$bytes" in o else o)
            if event == "connect":
                self.sid, self.recovered = args
            self.add(event, args)

    def _tell(self, *line):
        def pack(value):
            return {"$bytes": base64.b64encode(value).decode()}

        self._process.stdin.write(json.dumps(line, default=pack) + "\n")
        self._process.stdin.flush()

    def say(self, event, *args):
        self._tell(event, args)

    def ask(self, event, *args):
        number = next(self._numbers)
        self._tell(event, args, number)
        return self.hear(number)

    def leave(self):
        """Says goodbye and ends."""
        if self._process.poll() is None:
            try:
                self._process.stdin.close()
                self._process.wait(PATIENCE_S)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
        self._process.stdout.close()

    def disconnect(self):
        self._tell(None)

    def break_off(self):
        """Breaks the connection; socket.io-client comes back by itself."""
        self._tell(False)
