"""Handlers, guards, hooks and filters, as clients see them."""

import logging

import pytest
import requests
from house import PATIENCE_S, meanwhile, until
from websockets.exceptions import InvalidStatus

import salon

BROKEN = {"status": "error", "message": "Internal server error"}


def error(message):
    return {"status": "error", "message": message}


# Handlers and what they give back.


def test_what_a_handler_returns_is_the_ack(hosted, kind):
    host = hosted()
    on = host.server.on
    on("one")(lambda socket, text: text + "!")
    on("several")(lambda socket, *args: (len(args), args[::-1]))
    on("list")(lambda socket: [1, 2])
    on("none")(lambda socket: None)
    on("false")(lambda socket: False)
    on("empty")(lambda socket: ())
    on("bytes")(lambda socket, data: {"back": data})
    client = getattr(host, kind)()
    assert client.ask("one", "hello") == ["hello!"]
    assert client.ask("several", 1, 2, 3) == [3, [3, 2, 1]]
    assert client.ask("list") == [[1, 2]]
    assert client.ask("none") == []
    assert client.ask("false") == [False]
    assert client.ask("empty") == []
    if kind != "websocket":
        assert client.ask("bytes", b"\xff") == [{"back": b"\xff"}]


def test_an_emit_that_is_returned_is_emitted(hosted, kind):
    host = hosted()
    host.server.on("say")(lambda socket, text: salon.Emit("said", text, 2))
    client = getattr(host, kind)()
    client.say("say", "hello")
    assert client.hear("said") == ["hello", 2]


def test_what_is_returned_without_a_question_is_dropped(hosted):
    host = hosted()
    host.server.on("say")(lambda socket: "answer")
    host.server.on("ask")(lambda socket: "done")
    client = host.websocket()
    client.say("say")
    assert client.ask("ask") == ["done"]
    assert client.rest("exception") == [] and client.rest(None) == []


def test_an_event_without_a_handler_is_passed_over(hosted):
    host = hosted()
    host.server.on("ask")(lambda socket: "done")
    client = host.websocket()
    client.say("nothing", 1)
    assert client.ask("ask") == ["done"]


def test_the_catch_all_gets_the_name_and_what_has_no_handler(hosted, kind):
    host = hosted()
    host.server.on("known")(lambda socket: "mine")
    host.server.on("*")(lambda socket, name, *args: [name, list(args)])
    client = getattr(host, kind)()
    assert client.ask("known") == ["mine"]
    assert client.ask("unknown", 1, "two") == [["unknown", [1, "two"]]]


def test_the_event_and_an_answer_that_comes_later(hosted):
    host = hosted()
    kept = []

    @host.server.on("ask")
    def ask(socket, text, *, event):
        assert event.name == "ask" and event.args == [text] and event.wants_answer
        kept.append(event.later())

    @host.server.on("self")
    def by_itself(socket, *, event):
        event.answer("first")
        return "second"

    client = host.websocket()
    assert client.ask("self") == ["first"]
    asked = meanwhile(client.ask, "ask", "x")
    until("it is asked", lambda: kept)
    host.do(kept[0].answer, "later")
    assert asked.result(PATIENCE_S) == ["later"]
    assert client.rest("second") == []


def test_one_function_hears_several_events_and_decorators_give_it_back(hosted):
    host = hosted()

    @host.server.on("a")
    @host.server.on("b", namespace="/x")
    def both(socket):
        return socket.namespace

    assert both.__name__ == "both"
    assert host.websocket().ask("a") == ["/"]
    assert host.websocket("/x").ask("b") == ["/x"]


def test_raw_messages_are_the_event_message(hosted):
    host = hosted()
    host.server.open("/raw", dialect="raw")
    host.server.on("message", "/raw")(lambda socket, data: socket.send(data * 2))
    client = host.websocket("/raw", raw=True)
    client.io.send("ab")
    client.io.send(b"\xff")
    assert [client.hear("raw"), client.hear("raw")] == [["abab"], [b"\xff\xff"]]


# What goes wrong in handlers.


def test_what_a_handler_raises_is_told_and_logged(hosted, kind, caplog):
    host = hosted()

    @host.server.on("fail")
    def fail(socket):
        raise KeyError("secret")

    @host.server.on("refuse")
    def refuse(socket):
        raise salon.Refusal("not today")

    client = getattr(host, kind)()
    client.hear("connect")
    assert client.ask("fail") == [BROKEN]
    assert client.ask("refuse") == [error("not today")]
    client.say("fail")
    assert client.hear("exception")[0] == BROKEN
    client.say("refuse")
    assert client.hear("exception")[0] == error("not today")
    failed = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[0] for record in failed] == [KeyError, KeyError]
    assert "secret" not in str(client.rest("exception"))


def test_an_answer_that_cant_be_sent_is_an_error_for_the_client(hosted, caplog):
    host = hosted()
    host.server.on("set")(lambda socket: {1, 2})
    host.server.on("nan")(lambda socket: float("nan"))
    host.server.on("emit")(lambda socket: salon.Emit("said", object()))
    client = host.websocket()
    assert client.ask("set") == [BROKEN]
    assert client.ask("nan") == [BROKEN]
    assert client.ask("emit") == [BROKEN]


def test_filters_can_be_replaced(hosted, caplog):
    host = hosted()
    server = host.server
    server.open("/own")

    def fail(socket, kind):
        raise {"value": ValueError, "key": KeyError}[kind]("why")

    server.on("fail")(fail)
    server.on("fail", "/own")(fail)

    @server.filter()
    def tell(error, message):
        return {"was": type(error).__name__, "in": message.name}

    @server.filter("/own")
    def own(error, message):
        if isinstance(error, KeyError):
            raise RuntimeError("the filter fails")
        return None

    client = host.websocket()
    assert client.ask("fail", "key") == [{"was": "KeyError", "in": "fail"}]
    client.say("fail", "value")
    assert client.hear("exception") == [{"was": "ValueError", "in": "fail"}]
    other = host.websocket("/own")
    server.on("ok", "/own")(lambda socket: "ok")
    other.say("fail", "value")
    other.say("fail", "key")
    assert other.ask("ok") == ["ok"]
    assert other.rest("exception") == []
    assert "could not be told" in caplog.text


# Guards.


def test_a_guard_lets_in_or_not(hosted):
    host = hosted()
    server = host.server

    @server.guard("/in")
    def may_enter(request):
        who = request.auth.get("who") or request.socket.query("who")
        if who == "refused":
            raise salon.Refusal("you know why", 418, {"why": [1]})
        if who == "broken":
            raise ZeroDivisionError
        if who == "self":
            request.accept(data="by itself", rooms=["vip"])
        return {"false": False, "true": True, "none": None}.get(who, {"name": who})

    server.on("who", "/in")(lambda socket: [socket.data, socket.rooms])
    for who, known in (("true", None), ("none", None), ("ann", {"name": "ann"})):
        assert host.websocket(f"/in?who={who}").ask("who") == [[known, []]]
        assert host.python("/in", auth={"who": who}).ask("who") == [[known, []]]
        assert host.node("/in", auth={"who": who}).ask("who") == [[known, []]]
    assert host.websocket("/in?who=self").ask("who") == [["by itself", ["vip"]]]
    for who, status, message, data in (
        ("false", 403, "Forbidden resource", None),
        ("refused", 418, "you know why", {"why": [1]}),
        ("broken", 500, "Internal server error", None),
    ):
        with pytest.raises(InvalidStatus) as caught:
            host.websocket(f"/in?who={who}")
        assert caught.value.response.status_code == status
        assert message in caught.value.response.body.decode()
        assert host.node("/in", auth={"who": who}).hear("connect_error") == [message, data]
        (told,) = host.python("/in", auth={"who": who}, wait=False).hear("connect_error")
        assert (told["message"], told.get("data")) == (message, data)


def test_several_guards_all_have_a_say(hosted):
    host = hosted()
    asked = []
    host.server.guard()(lambda request: asked.append("first") or {"from": "first"})
    host.server.guard()(lambda request: asked.append("second") or request.socket.query("ok") == "1")
    host.server.on("data")(lambda socket: socket.data)
    assert host.websocket("/?ok=1").ask("data") == [{"from": "first"}]
    with pytest.raises(InvalidStatus):
        host.websocket("/?ok=0")
    assert asked == ["first", "second"] * 2


def test_a_guard_decides_later(hosted):
    host = hosted()
    waiting = []

    @host.server.guard()
    def wait(request):
        waiting.append(request)
        return salon.LATER

    host.server.on("data")(lambda socket: socket.data)
    host.start()
    one = meanwhile(host.websocket)
    request = until("it waits", lambda: waiting and waiting.pop())
    assert not request.decided
    host.do(lambda: request.accept(data="late"))
    assert one.result(PATIENCE_S).ask("data") == ["late"]
    two = meanwhile(host.websocket)
    request = until("it waits", lambda: waiting and waiting.pop())
    host.do(request.reject, "no", 409)
    with pytest.raises(InvalidStatus):
        two.result(PATIENCE_S)


def test_a_refusal_that_cant_be_said_is_an_error_of_ours(hosted, caplog):
    host = hosted()

    @host.server.guard()
    def badly(request):
        raise salon.Refusal("zero\0", int(request.socket.query("status")), object())

    for status in (403, 200):
        with pytest.raises(InvalidStatus) as caught:
            host.websocket(f"/?status={status}")
        assert caught.value.response.status_code == 500
    assert "could not be refused" in caplog.text


def test_guards_of_events(hosted):
    host = hosted()

    @host.server.guard_events()
    def may_say(message):
        if message.name == "never":
            return False
        if message.name == "refuse":
            raise salon.Refusal("hush")
        if message.name == "alter":
            message.args[0] = "altered"

    for name in ("never", "refuse", "alter", "fine"):
        host.server.on(name)(lambda socket, text: text)
    client = host.websocket()
    assert client.ask("fine", "x") == ["x"]
    assert client.ask("alter", "x") == ["altered"]
    assert client.ask("never", "x") == [error("Forbidden resource")]
    assert client.ask("refuse", "x") == [error("hush")]
    client.say("refuse", "x")
    assert client.hear("exception")[0] == error("hush")


# Hooks.


def test_hooks_hear_who_comes_and_goes(hosted, kind):
    host = hosted()
    gone = []

    @host.server.on("connect")
    def connect(socket, auth):
        socket.data = auth
        socket.join("lobby")
        socket.emit("welcome", auth)

    host.server.on("connect")(lambda socket: socket.emit("two"))

    @host.server.on("disconnect")
    def disconnect(socket, reason):
        gone.append((socket.data, reason, socket.connected))

    host.server.on("disconnect")(lambda socket: gone.append("two"))
    options = {} if kind == "websocket" else {"auth": {"who": "ann"}}
    client = getattr(host, kind)(**options)
    assert client.hear("welcome") == [options.get("auth", {})]
    client.hear("two")
    host.do(lambda: [one.disconnect(close=True) for one in host.server.to("lobby").sockets])
    until("it is gone", lambda: len(gone) == 2)
    assert gone == [(options.get("auth", {}), salon.Reason.SERVER_LEFT, False), "two"]


def test_a_connect_hook_that_raises_sends_the_client_away(hosted, caplog):
    host = hosted()
    gone = []

    @host.server.on("connect")
    def connect(socket, auth):
        if auth.get("false"):
            return False
        raise salon.Refusal("no room") if auth else ZeroDivisionError

    @host.server.on("disconnect")
    def disconnect(socket, reason):
        gone.append(reason)
        raise ZeroDivisionError("in the hook")

    client = host.websocket()
    assert client.hear("exception")[0] == BROKEN
    client.hear("close")
    client = host.node(auth={"who": "ann"})
    assert client.hear("exception") == [error("no room")]
    assert client.hear("disconnect") == ["io server disconnect"]
    client = host.node(auth={"false": 1})
    assert client.hear("exception") == [error("Forbidden resource")]
    until("all are gone", lambda: len(gone) == 3)
    assert set(gone) == {salon.Reason.SERVER_LEFT}
    until("the hook has failed", lambda: caplog.text.count("a disconnect hook of / has failed") == 3)


# Namespaces as classes.


class Chat(salon.Namespace):
    def __init__(self, namespace):
        super().__init__(namespace)
        self.gone = []

    def guard(self, request):
        return {"name": request.auth.get("name") or request.socket.query("name")}

    def on_connect(self, socket, auth):
        socket.join("lobby")
        self.emit("came", socket.data["name"])

    def on_disconnect(self, socket, reason):
        self.gone.append(reason)

    def on_say(self, socket, text: str):
        return self.to("lobby").except_(socket).emit("said", text)

    def on_fail(self, socket):
        raise LookupError("x")

    def guard_event(self, message):
        return message.args != ["bad word"]

    def filter(self, error, message):
        return type(error).__name__

    def helper(self):
        raise AssertionError("no event")


class Plain(salon.Namespace):
    def on_any(self, socket):
        return "any"


def test_a_namespace_as_a_class(hosted, kind):
    host = hosted()
    chat = Chat("/chat")
    host.server.register(chat)
    host.server.register(Plain())
    assert chat.server is host.server
    options = {"namespace": "/chat", "auth": {"name": "ann"}}
    if kind == "websocket":
        options = {"path": "/chat?name=ann"}
    ann = getattr(host, kind)(**options)
    assert ann.hear("came") == ["ann"]
    bob = host.websocket("/chat?name=bob")
    assert ann.hear("came") == ["bob"]
    assert bob.ask("say", "hello") == [1]
    assert ann.hear("said") == ["hello"]
    assert bob.ask("say", 7) == ["Refusal"]
    assert bob.ask("say", "bad word") == ["Refusal"]
    assert bob.ask("fail") == ["LookupError"]
    bob.leave()
    until("bob is gone", lambda: chat.gone)
    assert chat.gone == [salon.Reason.CLIENT_LEFT]
    assert host.websocket().ask("any") == ["any"]


def test_a_namespace_as_a_pattern(hosted):
    host = hosted()
    on = host.server.on
    on("where", "/room-*")(lambda socket: ["short", socket.namespace])
    on("where", "/room-big-*")(lambda socket: ["long", socket.namespace])
    on("where", "/room-big-1")(lambda socket: ["itself", socket.namespace])
    assert host.websocket("/room-1").ask("where") == [["short", "/room-1"]]
    assert host.websocket("/room-big-2").ask("where") == [["long", "/room-big-2"]]
    assert host.websocket("/room-big-1").ask("where") == [["itself", "/room-big-1"]]
    assert host.node("/room-2").ask("where") == [["short", "/room-2"]]


def test_options_that_were_given_stay_when_a_guard_comes(hosted):
    host = hosted()
    host.server.open("/raw", dialect="raw", subprotocols=["chat.v1"])
    host.server.guard("/raw")(lambda request: True)
    host.server.on("message", "/raw")(lambda socket, data: socket.send(socket.info.subprotocol))
    client = host.websocket("/raw", raw=True, subprotocols=["chat.v1"])
    client.io.send("?")
    assert client.hear("raw") == ["chat.v1"]


def test_a_namespace_that_is_opened_again_keeps_its_guard(hosted):
    host = hosted()
    host.server.guard("/in")(lambda request: False)
    host.server.open("/in", subprotocols=["x"])
    with pytest.raises(InvalidStatus):
        host.websocket("/in", subprotocols=["x"])


# HTTP.


def test_http_handlers(hosted):
    host = hosted(http=True)
    http = host.server.http
    http("/text")(lambda request: "text")
    http("/bytes")(lambda request: b"\xff")
    http("/pair")(lambda request: (201, "made"))
    http("/triple")(lambda request: (200, request.body, {"content-type": "x/y"}))
    http("/self")(lambda request: request.respond(202, request.method) and None)
    http("/refused")(lambda request: (_ for _ in ()).throw(salon.Refusal("tea only", 418)))
    http("/fails")(lambda request: 1 / 0)
    http("/bad")(lambda request: (99, "?"))
    host.start()
    url = f"http://127.0.0.1:{host.port}"

    def get(path, **options):
        answer = requests.request(options.pop("method", "GET"), url + path, timeout=PATIENCE_S, **options)
        return answer.status_code, answer.content

    assert get("/text") == (200, b"text")
    assert get("/bytes") == (200, b"\xff")
    assert get("/pair") == (201, b"made")
    assert get("/triple", method="POST", data=b"body") == (200, b"body")
    assert get("/self", method="DELETE") == (202, b"DELETE")
    assert get("/refused") == (418, b"tea only")
    assert get("/fails") == (500, b"Internal server error\n")
    assert get("/bad") == (500, b"Internal server error\n")
    assert get("/nowhere") == (404, b"There is nothing here.\n")
    http()(lambda request: request.path)
    assert get("/elsewhere") == (200, b"/elsewhere")


def test_events_of_a_loop_can_be_dispatched(hosted):
    host = hosted()
    names = []

    def run():
        for event in host.server:
            names.append(type(event).__name__)
            host.server.dispatch(event)

    host._run = run
    host.server.on("say")(lambda socket, text: text)
    assert host.websocket().ask("say", "x") == ["x"]
    assert names == ["Connect", "Message"]
