"""Bad input: from the host a Python exception that says what to do, from a client an error for the client."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest
from house import PATIENCE_S, until

import salon
from salon import _api

PROGRAM = """
import sys
try:
    import salon
    salon.Server().close()
except ImportError as error:
    assert type(error) is salon.LibraryError and isinstance(error, salon.Error)
    print(error)
    sys.exit(3)
"""


def starts(path):
    """What a program prints that wants the library from a path."""
    environment = {**os.environ, "SALON_LIBRARY": str(path)}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
    assert ran.returncode == 3, ran
    assert "pip install --force-reinstall salon" in ran.stdout
    return ran.stdout


def test_a_library_that_is_missing_or_is_none(tmp_path):
    assert "is not at /nowhere/libsalon.so" in starts("/nowhere/libsalon.so")
    assert "can't be loaded" in starts(tmp_path)
    text = tmp_path / "libsalon.so"
    text.write_text("no library")
    assert "can't be loaded" in starts(text)
    empty = tmp_path / "empty.so"
    empty.write_bytes(b"")
    assert "can't be loaded" in starts(empty)


def test_a_library_that_is_another(tmp_path):
    (tmp_path / "other.c").write_text("int other(void) { return 1; }\n")
    assert "is not the library of this package" in starts(compiled(tmp_path, "other"))
    for libm in pathlib.Path("/").glob("lib/*/libm.so.6"):
        assert "is not the library of this package" in starts(libm)


def test_a_library_with_another_binary_interface(tmp_path):
    functions = [f"void {name}(void) {{}}" for name in _api.PROTOTYPES if name != "salon_abi_version"]
    number = _api.ABI_VERSION + 1
    functions.append(f"unsigned salon_abi_version(void) {{ return {number}; }}")
    (tmp_path / "future.c").write_text("\n".join(functions))
    said = starts(compiled(tmp_path, "future"))
    assert f"has the binary interface {number}, this package wants {_api.ABI_VERSION}" in said


def compiled(folder, name):
    library = folder / f"lib{name}.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", f"{name}.c", "-o", str(library)], cwd=folder, check=True)
    return library


def test_the_library_of_the_variable_is_the_one_that_is_loaded():
    own = salon._library.pathlib.Path(salon.__file__).with_name(salon._library._NAME)
    environment = {**os.environ, "SALON_LIBRARY": str(own)}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)


def test_every_error_is_an_error_and_carries_its_code():
    builtin = {
        salon.InvalidError: ValueError,
        salon.NotFoundError: LookupError,
        salon.StateError: RuntimeError,
        salon.SystemRefused: OSError,
        salon.ClosedError: RuntimeError,
        salon.AckTimeoutError: TimeoutError,
        salon.BusyError: RuntimeError,
        salon.PanicError: RuntimeError,
        salon.LibraryError: ImportError,
    }
    for kind, base in builtin.items():
        assert issubclass(kind, salon.Error) and issubclass(kind, base)
    with pytest.raises(salon.PanicError, match="why") as caught:
        salon.errors.raise_code(-99, "why")
    assert caught.value.code == -99
    with pytest.raises(salon.Error) as caught:
        salon.errors.raise_code(-77, "of a later version")
    assert caught.value.code == -77


def test_a_server_that_is_closed_says_so():
    server = salon.Server("127.0.0.1:0", http=True)
    kept = server.to("room")
    timer = server.call_later(1, print)
    server.close()
    for call in (
        lambda: server.poll(0),
        server.flush,
        server.stats,
        server.shutdown,
        lambda: server.listen("127.0.0.1:0"),
        lambda: server.open("/x"),
        lambda: server.close_namespace("/"),
        lambda: server.namespaces,
        lambda: server.call_later(1, print),
        lambda: server.call_soon(print),
        lambda: server.post(1),
        lambda: server.by_sid("x"),
        lambda: server.emit("said"),
        lambda: server.send("said"),
        lambda: kept.emit("said"),
        lambda: kept.emit_with_ack("said"),
        lambda: kept.sockets,
        lambda: kept.count,
        lambda: kept.join("x"),
        lambda: server.on("say", "/x")(lambda socket: 0),
    ):
        with pytest.raises(salon.ClosedError):
            call()
    timer.cancel()
    server.run()
    assert list(server) == []
    in_thread = []

    def elsewhere():
        for call in (lambda: server.emit("said"), lambda: server.post(1), server.stats, server.shutdown):
            try:
                call()
            except salon.ClosedError as error:
                in_thread.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(in_thread) == 4


def test_a_socket_of_a_closed_server(listening):
    host = listening()
    host.websocket()
    socket = host.next(salon.Connect).socket
    host.stop()
    assert not socket.connected
    for call in (
        lambda: socket.emit("said"),
        lambda: socket.send("said"),
        lambda: socket.join("x"),
        lambda: socket.rooms,
        lambda: socket.info,
        lambda: socket.queued,
        lambda: socket.emit_with_ack("question"),
        lambda: socket.disconnect(),
    ):
        with pytest.raises(salon.ClosedError):
            call()


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, float("nan"), float("inf"), {(1, 2): 3}, lambda: 0], ids=repr)
def test_arguments_that_cant_be_sent(value):
    with salon.Server() as server:
        with pytest.raises(salon.InvalidError, match="can't be sent as JSON"):
            server.emit("said", value)
        with pytest.raises(salon.InvalidError):
            server.emit("said", [{"deep": value}])


def test_arguments_that_are_too_deep_or_go_in_circles():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    circle = {}
    circle["self"] = circle
    with salon.Server() as server:
        for value in (deep, circle):
            with pytest.raises(salon.InvalidError):
                server.emit("said", value)
    # Taken apart by hand: the end of a list this deep would end some interpreters.
    while deep:
        deep = deep[0]


def test_names_that_cant_be_sent():
    with salon.Server() as server:
        for name in ("connect", "disconnect", "a\0b", "\ud800", 7, None, b"said"):
            with pytest.raises(salon.InvalidError):
                server.emit(name)
            with pytest.raises(salon.InvalidError):
                server.to("room").emit(name)
        with pytest.raises(salon.LimitError):
            server.emit("x" * 300)
        with pytest.raises(salon.InvalidError):
            server.emit("said", salon.Encoded("{}"))


def test_a_client_with_more_attachments_than_there_may_be_is_sent_away(listening):
    host = listening(attachments=2)
    client = host.python()
    socket = host.next(salon.Connect).socket
    client.say("say", b"1", b"2", b"3")
    assert host.next(salon.Disconnect).socket is socket


# What clients send.


def talk(hosted, **options):
    host = hosted(**options)
    host.server.on("say")(lambda socket, *args: args)
    host.server.on("ok")(lambda socket: "ok")
    client = host.websocket()
    client.hear("connect")
    return client


def test_numbers_with_thousands_of_digits_are_the_clients_error(hosted):
    client = talk(hosted)
    client.io.send('{"event":"say","data":%s,"id":1}' % ("7" * 5000))
    answer = client.hear(1)
    limited = hasattr(sys, "get_int_max_str_digits")
    assert answer == ([{"status": "error", "message": "say: the arguments can't be read"}] if limited else answer)
    client.io.send('{"event":"say","data":%s}' % ("7" * 5000))
    if limited:
        assert client.hear("exception")[0] == {"status": "error", "message": "say: the arguments can't be read"}
    assert client.ask("ok") == ["ok"]
    assert client.ask("say", 1e300, 10**300) == [1e300, 10**300]


def test_an_answer_that_cant_be_read_is_the_hosts_error(listening):
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python reads numbers of any length")
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    asked = socket.emit_with_ack("question")
    client.hear("question")
    client.io.send('{"ack":%d,"data":%s}' % (client.asked, "7" * 5000))
    with pytest.raises(salon.InvalidError):
        asked.result(PATIENCE_S)


def test_half_a_surrogate_pair_comes_and_goes(hosted):
    client = talk(hosted)
    client.io.send('{"event":"say","data":"a\\ud800b","id":1}')
    assert client.hear(1) == ["a\ud800b"]
    assert client.ask("ok") == ["ok"]


def test_half_a_surrogate_pair_beside_bytes(listening):
    host = listening()
    client = host.python()
    socket = host.next(salon.Connect).socket
    host.do(socket.emit, "said", "\ud800", b"one", "x", b"two")
    assert client.hear("said") == ["\ud800", b"one", "x", b"two"]


def test_json_that_is_too_deep_is_the_clients_error(hosted):
    client = talk(hosted)
    client.io.send('{"event":"say","data":%s}' % ("[" * 5000 + "]" * 5000))
    assert client.hear("exception")[0]["status"] == "error"
    assert client.ask("ok") == ["ok"]


def test_depth_up_to_the_limit_is_fine(hosted):
    client = talk(hosted, json_depth=64)
    value = []
    for _ in range(50):
        value = [value]
    assert client.ask("say", value) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "7",
        '{"event":7}',
        '{"event":"say","data":NaN}',
        '{"event":"say","args":{}}',
        '{"event":"say","data":{"_placeholder":true,"num":0}}',
        '{"event":"say","data":{"_placeholder":true,"num":9},"attachments":["eA=="]}',
        '{"event":"say","data":1,"attachments":["not base64!"]}',
        '{"ack":12345,"data":1}',
    ],
)
def test_messages_that_are_none_leave_the_connection_as_it_is(hosted, text):
    client = talk(hosted)
    client.io.send(text)
    assert client.ask("ok") == ["ok"]


def test_what_looks_like_a_placeholder_is_only_data(hosted):
    client = talk(hosted)
    client.io.send(json.dumps({"event": "say", "data": {"_placeholder": False, "num": "x"}, "id": 1}))
    assert client.hear(1) == [{"_placeholder": False, "num": "x"}]


def test_a_handler_that_blocks_holds_the_others_up_and_no_longer(hosted):
    host = hosted(ping_interval=0.1, ping_timeout=1.0)
    entered, go = threading.Event(), threading.Event()

    @host.server.on("block")
    def block(socket):
        entered.set()
        go.wait(PATIENCE_S)
        return "done"

    host.server.on("ok")(lambda socket: "ok")
    one, two = host.websocket(), host.websocket()
    one.say("block")
    assert entered.wait(PATIENCE_S)
    two.say("ok", id=77)
    host.server.emit("said", "from a thread meanwhile")
    late = threading.Event()
    assert not late.wait(1.5) and two.rest(77) == []
    go.set()
    assert two.hear(77) == ["ok"]
    assert one.hear("said") == ["from a thread meanwhile"]
    assert host.websocket().ask("ok") == ["ok"]
    assert one.rest("close") == two.rest("close") == []


def test_a_handler_that_polls_again_is_told(hosted):
    host = hosted()
    host.server.filter()(lambda error, message: type(error).__name__)

    @host.server.on("close")
    def close(socket):
        host.server.close()

    host.server.on("poll")(lambda socket: [type(event).__name__ for event in host.server.poll(0)])
    client = host.websocket()
    assert client.ask("poll") == [[]]
    client.say("close")
    client.hear("close")
    until("the server has ended", lambda: not host._thread.is_alive())
    assert host._failure is None
