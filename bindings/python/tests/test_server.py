"""The server as events: who comes and goes, what is said, to whom, and what is known of them."""

import json
import socket as sockets
import warnings

import pytest
import requests
from house import PATIENCE_S, Listener, WebSocket, meanwhile, until
from websockets.exceptions import InvalidStatus

import salon

NESTED = [{"deep": [b"\x00\x01\xff", {"deeper": [[b"b" * 70_000]], "text": "Grüße", "nothing": None}]}, b"", "last"]


def test_the_installed_package_is_what_is_tested():
    assert "site-packages" in salon.__file__


def test_everything_public_is_named():
    assert sorted(salon.__all__) == sorted(name for name in salon.__all__ if hasattr(salon, name))
    assert len(set(salon.__all__)) == len(salon.__all__)


# Events.


def test_a_client_comes_speaks_and_leaves(listening, kind):
    host = listening()
    client = getattr(host, kind)()
    connected = host.next(salon.Connect)
    assert (connected.namespace, connected.auth) == ("/", {})
    assert connected.socket.connected and not connected.socket.recovered
    client.say("say", "hello", 1, 2.5, None, {"a": [True]})
    message = host.next(salon.Message)
    assert (message.name, message.args) == ("say", ["hello", 1, 2.5, None, {"a": [True]}])
    assert message.socket is connected.socket and not message.wants_answer and message.attachments == ()
    host.do(message.answer, "nobody wants it")
    client.leave()
    gone = host.next(salon.Disconnect)
    assert gone.socket is connected.socket and not gone.socket.connected
    assert gone.reason in (salon.Reason.CLIENT_LEFT, salon.Reason.TRANSPORT_CLOSE)
    assert (gone.rooms, gone.may_return) == ([], False)


def test_an_event_is_small_and_says_what_it_is(listening):
    host = listening()
    host.websocket().say("say", 1)
    event = host.next(salon.Message)
    assert not hasattr(event, "__dict__")
    assert repr(event).startswith("Message(socket=<salon.Socket 0x")
    assert {event: 1}[event] == 1


def test_a_message_is_answered_once_and_later(listening, kind):
    host = listening()
    client = getattr(host, kind)()
    client.hear("connect")
    with_answer = [("now", [1]), ("none", []), ("two", ["a", {"b": None}])]
    for name, answer in with_answer:
        asked = meanwhile(client.ask, name, "?")
        message = host.next(salon.Message)
        assert message.wants_answer
        host.do(message.answer, *answer)
        assert not message.wants_answer
        host.do(message.answer, "twice")
        assert asked.result(PATIENCE_S) == answer
    asked = meanwhile(client.ask, "later")
    message = host.next(salon.Message)
    later = message.later()
    assert not message.wants_answer and later.wants_answer
    host.do(later.answer, "at last")
    assert asked.result(PATIENCE_S) == ["at last"]


def test_a_loop_that_breaks_off_loses_none():
    with salon.Server() as server:
        for number in range(10):
            server.post(number)
        seen = []
        for event in server:
            seen.append(event.value)
            if len(seen) == 3:
                break
        for event in server:
            seen.append(event.value)
            break
        seen += [event.value for event in server.poll(0)]
        assert seen == list(range(10))


def test_poll_does_not_wait_longer_than_it_is_told():
    with salon.Server() as server:
        assert server.poll(0) == []
        assert server.poll(0.01) == []
        server.post("x")
        (event,) = server.poll()
        assert event.value == "x"
        with pytest.raises(salon.InvalidError):
            server.poll(-1)


def test_a_shutdown_ends_the_iteration_after_the_last_goodbye(listening):
    host = listening()
    client = host.websocket()
    host.next(salon.Connect)
    host.server.shutdown(1)
    assert host.next(salon.Disconnect).reason is salon.Reason.SHUTDOWN
    host.next(salon.Stopped)
    assert client.hear("close")[0] == 1001
    host.stop()
    assert list(host.server) == []


def test_each_reason_that_a_host_can_see(listening):
    host = listening()
    host.server.open("/brief")
    client = host.websocket("/brief")
    host.next(salon.Connect)
    host.do(host.server.close_namespace, "/brief")
    assert host.next(salon.Disconnect).reason is salon.Reason.NAMESPACE_CLOSED
    client.hear("close")

    client = host.websocket()
    socket = host.next(salon.Connect).socket
    host.do(lambda: socket.disconnect(code=4001, reason="enough"))
    assert client.hear("close") == [4001, "enough"]
    gone = host.next(salon.Disconnect)
    assert (gone.reason, gone.code, gone.text) == (salon.Reason.SERVER_LEFT, 4001, "enough")

    client = host.websocket()
    host.next(salon.Connect)
    client.io.close(4002, "mine")
    gone = host.next(salon.Disconnect)
    assert (gone.reason, gone.code, gone.text) == (salon.Reason.CLIENT_LEFT, 4002, "mine")

    client = host.websocket()
    host.next(salon.Connect)
    client.io.socket.shutdown(sockets.SHUT_RDWR)
    assert host.next(salon.Disconnect).reason is salon.Reason.TRANSPORT_CLOSE


# Sockets.


def test_what_is_known_of_a_client(listening, kind):
    host = listening()
    client = getattr(host, kind)()
    socket = host.next(salon.Connect).socket
    client.hear("connect")
    info = host.do(lambda: socket.info)
    assert info.protocol == {"websocket": "json"}.get(kind, "socketio")
    assert info.transport == "websocket"
    assert info.address.startswith("127.0.0.1:")
    assert (info.queued, info.dropped, info.subprotocol) == (0, 0, "")
    assert info.connected_at > 1e9 or kind == "websocket"
    assert host.do(lambda: socket.sid) == info.sid != ""
    if kind != "websocket":
        assert client.sid == info.sid
    assert host.do(host.server.by_sid, info.sid) is socket
    assert host.do(host.server.by_sid, "nobody") is None
    assert host.do(lambda: socket.queued) == 0
    client.leave()
    host.next(salon.Disconnect)
    host.do(int)
    with pytest.raises(salon.NotFoundError):
        host.do(lambda: socket.info)
    assert host.do(lambda: (socket.queued, socket.rooms, socket.url)) == (0, [], "")
    assert host.do(socket.emit, "said", 1) is False
    host.do(socket.join, "room")
    host.do(socket.disconnect)


def test_headers_query_url_and_auth(listening):
    host = listening(keep_handshakes=True)
    host.websocket("/?token=t%20ea&token2=", additional_headers={"X-Who": "me"})
    socket = host.next(salon.Connect).socket
    known = host.do(lambda: (socket.url, socket.query("token"), socket.query("none"), socket.header("x-who")))
    assert known == ("/?token=t%20ea&token2=", "t ea", None, "me")
    assert host.do(lambda: (socket.header("x-none"), socket.auth)) == (None, {})
    host.python(auth={"token": "tea"}, transports=["polling"])
    connected = host.next(salon.Connect)
    assert connected.auth == {"token": "tea"}
    assert host.do(lambda: connected.socket.auth) == {"token": "tea"}
    assert host.do(lambda: connected.socket.query("EIO")) == "4"


def test_data_is_the_hosts(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    socket.data = {"name": "Ann"}
    client.say("say")
    assert host.next(salon.Message).socket.data == {"name": "Ann"}
    assert repr(socket) == f"<salon.Socket {socket.id:#x} of />"


def test_a_client_that_is_let_in_by_polling_moves_to_websocket(listening):
    host = listening()
    host.node(transports=["polling", "websocket"])
    socket = host.next(salon.Connect).socket
    assert host.next(salon.Upgraded).socket is socket
    assert host.do(lambda: socket.info.transport) == "websocket"


# Attachments and bytes.


@pytest.mark.parametrize("kind", ["python", "node"])
def test_bytes_anywhere_in_arguments_both_ways(listening, kind):
    host = listening()
    client = getattr(host, kind)(transports=["polling"])
    socket = host.next(salon.Connect).socket
    client.say("say", *NESTED)
    message = host.next(salon.Message)
    assert message.args == NESTED
    host.do(socket.emit, "said", *NESTED)
    assert client.hear("said") == NESTED
    host.do(host.server.of("/").emit, "said", bytearray(b"1"), memoryview(b"2"))
    assert client.hear("said") == [b"1", b"2"]
    asked = meanwhile(client.ask, "ask")
    host.do(host.next(salon.Message).answer, *NESTED)
    assert asked.result(PATIENCE_S) == NESTED


def test_bytes_for_plain_websockets(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    host.do(socket.emit, "said", {"a": b"\xff"})
    assert client.hear("said") == [{"a": b"\xff"}]
    placeholder = {"_placeholder": True, "num": 0}
    client.io.send(json.dumps({"event": "say", "data": placeholder, "attachments": ["//8="]}))
    assert host.next(salon.Message).args == [b"\xff\xff"]


def test_without_decoding_arguments_are_bytes_both_ways(listening):
    host = listening(decode=False)
    client = host.python()
    socket = host.next(salon.Connect).socket
    client.say("say", 1.0, b"\x01", "two")
    message = host.next(salon.Message)
    assert json.loads(message.args) == [1.0, {"_placeholder": True, "num": 0}, "two"]
    assert message.attachments == (b"\x01",)
    host.do(socket.emit, "said", salon.Encoded(message.args, message.attachments))
    assert client.hear("said") == [1.0, b"\x01", "two"]
    host.do(host.server.emit, "said", salon.Encoded('["as it is"]'))
    assert client.hear("said") == ["as it is"]
    assert socket.emit_with_ack("node?", salon.Encoded(b"[1,2]")).result(PATIENCE_S) == b"[2,1]"
    with pytest.raises(salon.InvalidError):
        host.do(socket.emit, "said", salon.Encoded("no json"))


# Namespaces.


def test_namespaces(listening):
    host = listening()
    host.server.open("/chat")
    host.websocket("/chat")
    assert host.next(salon.Connect).namespace == "/chat"
    host.node("/chat")
    assert host.next(salon.Connect).namespace == "/chat"
    assert sorted(host.do(lambda: host.server.namespaces)) == ["/", "/chat"]
    assert host.do(lambda: host.server.emit("said", namespace="/chat")) == 2
    assert host.do(lambda: host.server.emit("said")) == 0
    assert host.do(lambda: host.server.emit("said", namespace=None)) == 2
    with pytest.raises(InvalidStatus) as caught:
        host.websocket("/nowhere")
    assert caught.value.response.status_code == 404
    assert "Invalid namespace" in host.node("/nowhere").hear("connect_error")
    host.do(host.server.close_namespace, "/chat")
    with pytest.raises(salon.NotFoundError):
        host.do(host.server.close_namespace, "/chat")
    for name in ("chat", "", "/a\0b"):
        with pytest.raises(salon.InvalidError):
            host.do(host.server.open, name)
    with pytest.raises(salon.InvalidError):
        host.do(lambda: host.server.open("/x", dialect="french"))
    with pytest.raises(salon.LimitError):
        host.do(host.server.open, "/" + "x" * 300)


def test_patterns_come_about_and_vanish(listening):
    host = listening()
    host.server.open("/room-*", dialect="raw")
    one = host.websocket("/room-1", raw=True)
    assert host.next(salon.Connect).namespace == "/room-1"
    assert "/room-1" in host.do(lambda: host.server.namespaces)
    one.leave()
    host.next(salon.Disconnect)
    host.do(int)
    until("it has vanished", lambda: "/room-1" not in host.do(lambda: host.server.namespaces))


def test_the_raw_dialect(listening):
    host = listening()
    host.server.open("/raw", dialect="raw")
    client = host.websocket("/raw", raw=True)
    socket = host.next(salon.Connect).socket
    client.io.send("text")
    assert host.next(salon.Data).data == "text"
    client.io.send(b"\xff")
    assert host.next(salon.Data).data == b"\xff"
    assert host.do(socket.send, "héllo") is True
    assert host.do(socket.send, b"\x00") is True
    assert host.do(lambda: host.server.send("all", namespace="/raw")) == 1
    assert host.do(lambda: host.server.of("/raw").send(b"all")) == 1
    assert host.do(lambda: host.server.of("/raw").to().send(b"nobody")) == 0
    assert [client.hear("raw") for _ in range(4)] == [["héllo"], [b"\x00"], ["all"], [b"all"]]
    with pytest.raises(salon.InvalidError):
        host.do(socket.send, "\ud800")
    with pytest.raises(salon.StateError):
        host.do(lambda: socket.emit_with_ack("question"))
    assert host.do(lambda: (socket.sid, socket.info.protocol)) == ("", "raw")
    client.leave()
    host.next(salon.Disconnect)
    host.do(int)
    assert host.do(socket.send, "late") is False


def test_what_is_raw_is_a_message_for_the_others(listening, kind):
    host = listening()
    client = getattr(host, kind)()
    host.next(salon.Connect)
    client.hear("connect")
    host.do(host.server.send, "text")
    assert client.hear("message") == ["text"]


def test_subprotocols(listening):
    host = listening()
    host.server.open("/", subprotocols={"v2.json": "json", "v1.raw": "raw"}, require_subprotocol=True)
    client = host.websocket(subprotocols=["v1.raw"], raw=True)
    socket = host.next(salon.Connect).socket
    assert client.io.subprotocol == "v1.raw"
    assert host.do(lambda: (socket.info.subprotocol, socket.info.protocol)) == ("v1.raw", "raw")
    client = host.websocket(subprotocols=["v1.raw", "v2.json"])
    assert client.io.subprotocol == "v2.json"
    with pytest.raises(InvalidStatus):
        host.websocket()
    host.do(lambda: host.server.open("/list", subprotocols=["a", "b"], dialect="raw"))
    assert host.websocket("/list", subprotocols=["b"], raw=True).io.subprotocol == "b"


# Guards as events.


def test_a_request_is_accepted_with_all_that_can_be_said(listening):
    host = listening()
    host.server.open("/in", guarded=True, subprotocols={"raw": "raw", "json": "json"})
    waiting = meanwhile(host.websocket, "/in?who=ann", subprotocols=["json", "raw"])
    request = host.next(salon.ConnectRequest)
    assert (request.namespace, request.auth, request.decided) == ("/in", {}, False)
    assert host.do(lambda: request.socket.query("who")) == "ann"
    with pytest.raises(salon.StateError):
        host.do(request.socket.emit, "too soon")
    host.do(lambda: request.accept(data={"name": "Ann"}, rooms=["red", "blue"], subprotocol="raw", dialect="raw"))
    assert request.decided
    connected = host.next(salon.Connect)
    assert connected.socket is request.socket and connected.socket.data == {"name": "Ann"}
    assert sorted(host.do(lambda: connected.socket.rooms)) == ["blue", "red"]
    assert waiting.result(PATIENCE_S).io.subprotocol == "raw"
    with pytest.raises(salon.StateError):
        host.do(request.accept)
    with pytest.raises(salon.StateError):
        host.do(request.reject)


def test_a_request_is_rejected(listening):
    host = listening()
    host.server.open("/in", guarded=True)
    waiting = meanwhile(host.websocket, "/in")
    request = host.next(salon.ConnectRequest)
    host.do(request.reject, "Full", 503)
    gone = host.next(salon.Disconnect)
    assert gone.socket is request.socket and gone.reason is salon.Reason.REJECTED
    with pytest.raises(InvalidStatus) as caught:
        waiting.result(PATIENCE_S)
    assert (caught.value.response.status_code, caught.value.response.body) == (503, b"503 Service Unavailable: Full\n")
    client = host.python("/in", wait=False)
    request = host.next(salon.ConnectRequest)
    host.do(request.reject, "Full", 503, {"retry": [5]})
    assert client.hear("connect_error") == [{"message": "Full", "data": {"retry": [5]}}]
    with pytest.raises(salon.InvalidError):
        waiting = meanwhile(host.websocket, "/in")
        request = host.next(salon.ConnectRequest)
        host.do(request.reject, "?", 200)


def test_a_guard_that_is_slow_is_decided_for(listening):
    host = listening(connect_timeout=0.05)
    host.server.open("/in", guarded=True)
    waiting = meanwhile(host.websocket, "/in")
    request = host.next(salon.ConnectRequest)
    assert host.next(salon.Disconnect).reason is salon.Reason.GUARD_TIMEOUT
    with pytest.raises(InvalidStatus):
        waiting.result(PATIENCE_S)
    host.do(int)
    host.do(request.accept)  # too late is no error


# HTTP.


def test_http_requests(listening):
    host = listening(http=True).start()
    url = f"http://127.0.0.1:{host.port}"

    def ask(method, path, **options):
        return meanwhile(requests.request, method, url + path, timeout=PATIENCE_S, **options)

    asked = ask("POST", "/page?q=a%26b", data=b"body\x00", headers={"X-Who": "me"})
    request = host.next(salon.HttpRequest)
    assert (request.method, request.path, request.body) == ("POST", "/page", b"body\x00")
    assert host.do(request.respond, 201, "Grüße", {"X-A": "b"}) is True
    answer = asked.result(PATIENCE_S)
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (201, "Grüße", "b")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert host.do(request.respond) is False
    asked = ask("GET", "/")
    request = host.next(salon.HttpRequest)
    host.do(request.respond, 200, b"\xff", [("content-type", "image/x"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
    answer = asked.result(PATIENCE_S)
    assert (answer.content, answer.headers["content-type"]) == (b"\xff", "image/x")
    assert answer.headers["set-cookie"] == "a=1, b=2"
    asked = ask("GET", "/")
    request = host.next(salon.HttpRequest)
    for bad in ((99,), (200, "", {"bad\nname": "x"}), (200, "", {"a": "b\r\nc"}), (200, "", {"content-length": "1"})):
        with pytest.raises(salon.InvalidError):
            host.do(request.respond, *bad)
    host.do(request.respond)
    assert asked.result(PATIENCE_S).content == b""


def test_headers_and_query_of_a_request_last_for_its_turn():
    with salon.Server("127.0.0.1:0", http=True) as server:
        port = server.listen("127.0.0.1:0")
        with sockets.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /x?q=a%26b&q2 HTTP/1.1\r\nHost: a\r\nX-Who: me\r\n\r\n")
            request = next(iter(server))
            assert isinstance(request, salon.HttpRequest)
            known = [request.header("x-who"), request.header("x-none"), request.query("q"), request.query("none")]
            assert known == ["me", None, "a&b", None]
            server.poll(0)
            assert request.header("x-who") is None
            assert request.respond(204) is True


# Timers, and what is called later.


def test_timers():
    with salon.Server() as server:
        called = []
        server.call_later(0.02, called.append, "later")
        server.call_later(0, called.append, "now")
        server.call_later(0.01, called.append, "never").cancel()
        again = server.call_every(0.005, called.append, "again")

        def enough():
            again.cancel()
            again.cancel()
            server.call_later(0.03, server.shutdown)

        server.call_later(0.03, enough)
        server.run()
        assert called[0] == "now" and called.count("later") == 1 and "never" not in called
        assert 2 <= called.count("again") <= 6
        with pytest.raises(salon.InvalidError):
            server.call_later(-1, int)


def test_what_is_called_soon_comes_in_its_order_and_may_fail(caplog):
    with salon.Server() as server:
        called = []
        server.call_soon(called.append, 1)
        server.call_soon(lambda: 1 / 0)
        server.post("event")
        server.call_soon(called.append, 2)
        server.call_later(0, lambda: 1 / 0)
        server.call_soon(server.shutdown)
        server.run()
        assert called == [1, 2]
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError] * 2


def test_flush_sends_at_once():
    with Listener() as host:
        client = host.websocket()
        socket = host.next(salon.Connect).socket

        def say():
            socket.emit("said", 1)
            waited = socket.queued
            host.server.flush()
            return waited, socket.queued, client.hear("said")

        waited, left, heard = host.do(say)
        assert waited > 0 and left == 0 and heard == [1]


# Coming back.


def test_a_client_that_lost_its_connection_comes_back_with_its_data(listening):
    host = listening(recovery=True)
    client = host.node()
    socket = host.next(salon.Connect).socket
    socket.data = {"name": "Ann"}
    host.do(socket.join, "red")
    host.do(socket.emit, "said", 1)
    client.hear("said")
    old = client.sid
    client.break_off()
    gone = host.next(salon.Disconnect)
    assert gone.may_return and gone.rooms == ["red"]
    host.do(host.server.to("red").emit, "said", "while away")
    back = host.next(salon.Connect).socket
    assert back.recovered and back.connected and back is not socket
    assert back.data == {"name": "Ann"} and host.do(lambda: back.rooms) == ["red"]
    assert client.hear("said")[0] == "while away"
    until("it knows", lambda: client.recovered)
    assert client.sid == old
    client.disconnect()
    assert host.next(salon.Disconnect).may_return is False


def test_a_client_that_does_not_come_back_expires(listening):
    host = listening(recovery=True, recovery_window=0.05)
    client = host.python()
    socket = host.next(salon.Connect).socket
    client.io.eio.ws.sock.shutdown(sockets.SHUT_RDWR)
    gone = host.next(salon.Disconnect)
    assert gone.may_return and gone.socket is socket
    assert host.next(salon.Expired).socket is socket
    assert host.do(lambda: host.server._sockets) == {}


# Sockets of the system.


def test_a_listener_is_taken_over(listening):
    host = listening()
    listener = sockets.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    host.server.listen_socket(listener)
    assert listener.fileno() == -1
    host.start()
    client = host._add(WebSocket(f"ws://127.0.0.1:{port}/"))
    client.hear("connect")
    with pytest.raises(salon.Error):
        host.do(host.server.listen_socket, sockets.socket())


def test_over_a_unix_socket(listening, tmp_path):
    path = str(tmp_path / "salon.sock")
    host = listening(address=f"unix:{path}").start()
    client = host._add(WebSocket("ws://localhost/", unix=path))
    socket = host.next(salon.Connect).socket
    assert host.do(lambda: socket.info.address) == ""
    client.say("say", 1)
    assert host.next(salon.Message).args == [1]


# The end.


def test_a_server_that_is_forgotten_says_so():
    with pytest.warns(ResourceWarning, match="never closed"):
        salon.Server().__del__()
    server = salon.Server()
    server.close()
    server.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del server
