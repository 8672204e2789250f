"""A server and other threads: what they may do, in which order it takes effect, and what they are told."""

import threading

import pytest
from house import PATIENCE_S, until

import salon

SENDERS, EACH = 8, 500


def test_emits_of_eight_threads_while_handlers_run_arrive_once_and_in_order(hosted, kind):
    host = hosted()
    server = host.server
    handled = []

    @server.on("connect")
    def connect(socket):
        socket.join("room")

    @server.on("say")
    def say(socket, number):
        handled.append(number)
        server.to("room").emit("echo", number)

    clients = [getattr(host, kind)() for _ in range(3)]
    for client in clients:
        client.hear("connect")
    until("all are in", lambda: host.do(lambda: server.to("room").count) == 3)
    (socket, *_) = host.do(lambda: server.of("/").sockets)
    start = threading.Barrier(SENDERS + 1)

    def send(sender):
        start.wait()
        for number in range(EACH):
            if number % 5 == 4:
                socket.emit("alone", [sender, number])
            assert server.to("room").emit("said", [sender, number]) is None

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    start.wait()
    for number in range(EACH):
        clients[0].say("say", number)
    for thread in threads:
        thread.join()

    def by_sender(heard):
        return {sender: [number for one, number in heard if one == sender] for sender in range(SENDERS)}

    for client in clients:
        heard = [client.hear("said")[0] for _ in range(SENDERS * EACH)]
        assert by_sender(heard) == {sender: list(range(EACH)) for sender in range(SENDERS)}
        assert [client.hear("echo")[0] for _ in range(EACH)] == list(range(EACH))
    lone = [by_sender([args[0] for args in client.rest("alone")]) for client in clients]
    assert sorted(map(str, lone)) == sorted(
        map(str, [by_sender([])] * 2 + [{sender: list(range(4, EACH, 5)) for sender in range(SENDERS)}])
    )
    host.do(int)
    assert handled == list(range(EACH))
    assert [client.rest("said") for client in clients] == [[]] * 3


def test_posts_and_calls_of_many_threads_come_once_and_in_order(hosted):
    host = hosted()
    called, posted = [], []

    def run():
        for event in host.server:
            if isinstance(event, salon.Post):
                posted.append(event.value)

    host._run = run
    host.start()

    def send(sender):
        for number in range(EACH):
            host.server.call_soon(called.append, (sender, number))
            host.server.post((sender, number))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until("all have come", lambda: len(called) == len(posted) == SENDERS * EACH)
    for list_ in (called, posted):
        for sender in range(SENDERS):
            assert [number for one, number in list_ if one == sender] == list(range(EACH))
    until("none is kept", lambda: host.server._posts == {})


def test_what_one_thread_says_by_different_ways_keeps_its_order(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    heard = []
    client.add = lambda event, args: heard.append((event, args[0]))
    for number in range(100):
        socket.emit("said", number * 3)
        host.server.emit("said", number * 3 + 1)
        host.server.to(socket).emit("said", number * 3 + 2)
        host.server.call_soon(socket.emit, "called", number * 3 + 2)
    until("all is heard", lambda: heard.count(("called", 299)))
    heard = [one for one in heard if one[0] != "connect"]
    assert [number for event, number in heard if event == "said"] == list(range(300))
    assert [number for event, number in heard if event == "called"] == list(range(2, 300, 3))
    # What is to be called comes after what was emitted before.
    for number in range(2, 300, 3):
        assert heard.index(("said", number)) < heard.index(("called", number))


def test_raw_messages_bytes_and_disconnects_from_threads(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    assert socket.send("text") is True
    assert host.server.send("all") is None
    assert host.server.to().send("nobody") == 0
    assert host.server.to().emit("nobody") == 0
    socket.emit("said", b"\xff")
    assert [client.hear("message"), client.hear("message"), client.hear("said")] == [["text"], ["all"], [b"\xff"]]
    socket.disconnect()
    assert host.next(salon.Disconnect).reason is salon.Reason.SERVER_LEFT
    other = host.websocket()
    host.next(salon.Connect).socket.disconnect(code=4003, reason="thread")
    assert other.hear("close") == [4003, "thread"]
    third = host.node()
    host.next(salon.Connect).socket.disconnect(close=True)
    assert third.hear("disconnect") == ["io server disconnect"]


def test_calls_that_only_the_servers_thread_may_make_say_so(listening):
    host = listening()
    host.websocket()
    socket = host.next(salon.Connect).socket
    server = host.server
    for call in (
        lambda: server.poll(0),
        lambda: next(iter(server)),
        server.run,
        server.flush,
        server.stats,
        lambda: server.listen("127.0.0.1:0"),
        lambda: server.open("/x"),
        lambda: server.close_namespace("/"),
        lambda: server.namespaces,
        lambda: server.call_later(1, print),
        lambda: server.call_every(1, print),
        lambda: server.by_sid("x"),
        lambda: server.of("/").sockets,
        lambda: server.of("/").count,
        lambda: server.of("/").rooms,
        lambda: server.to("x").join("y"),
        lambda: server.to("x").leave("y"),
        lambda: server.to("x").disconnect(),
        lambda: socket.join("x"),
        lambda: socket.leave(),
        lambda: socket.rooms,
        lambda: socket.info,
        lambda: socket.queued,
        lambda: socket.url,
        lambda: socket.auth,
        lambda: socket.header("x"),
        lambda: socket.query("x"),
        lambda: server.on("say", "/new")(lambda socket: 0),
    ):
        with pytest.raises(salon.BusyError) as caught:
            call()
        assert isinstance(caught.value, RuntimeError)
    with pytest.raises(salon.BusyError, match="polled: call shutdown"):
        server.close()
    assert host.do(lambda: server.stats().sockets) == 1


def test_answers_are_waited_for_on_other_threads_only(listening):
    host = listening()
    host.python()
    socket = host.next(salon.Connect).socket
    assert socket.emit_with_ack("node?", 1).result(PATIENCE_S) == 1
    assert [a.result(PATIENCE_S) for a in [socket.emit_with_ack("node?", n) for n in range(50)]] == list(range(50))

    def ask_here():
        answer = socket.emit_with_ack("node?", 2)
        with pytest.raises(salon.StateError, match="only the server's own thread"):
            answer.result()
        with pytest.raises(salon.StateError):
            answer.exception()
        return answer

    answer = host.do(ask_here)
    assert answer.result(PATIENCE_S) == 2
    assert host.do(answer.result) == 2


def test_a_question_of_a_thread_that_cant_be_asked_fails_its_answer(listening):
    host = listening()
    host.websocket()
    socket = host.next(salon.Connect).socket
    with pytest.raises(salon.InvalidError):
        socket.emit_with_ack("connect").result(PATIENCE_S)
    with pytest.raises(salon.InvalidError):
        socket.emit_with_ack("question", object())
    with pytest.raises(salon.InvalidError):
        socket.emit_with_ack("question", timeout=-1)
    with pytest.raises(salon.NotFoundError):
        host.server.of("/nowhere").emit_with_ack("question").result(PATIENCE_S)


def test_a_shutdown_from_another_thread(hosted):
    host = hosted()
    client = host.websocket()
    client.hear("connect")
    host.server.emit("said", "last")
    host.server.shutdown()
    assert client.hear("said") == ["last"]
    assert client.hear("close")[0] == 1001
    host._thread.join(PATIENCE_S)
    assert not host._thread.is_alive()


def test_shutdown_while_threads_emit_and_what_they_are_told_after(hosted):
    host = hosted()
    host.websocket().hear("connect")
    ended, failures = threading.Event(), []

    def send():
        while not ended.is_set():
            try:
                host.server.emit("said", 1)
            except salon.ClosedError:
                return
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    host.server.shutdown(0.1)
    host._thread.join(PATIENCE_S)
    host.server.close()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    ended.set()
    assert failures == []


def test_questions_that_are_open_at_the_end_fail(hosted):
    host = hosted()
    host.websocket().hear("connect")
    (socket,) = host.do(lambda: host.server.of("/").sockets)
    one = socket.emit_with_ack("question", timeout=60)
    all_ = host.server.of("/").emit_with_ack("question", timeout=60)
    host.do(int)
    host.server.shutdown(0)
    host._thread.join(PATIENCE_S)
    host.server.close()
    with pytest.raises(salon.ClosedError):
        one.result(PATIENCE_S)
    try:
        assert all_.result(PATIENCE_S).answers == []
    except salon.ClosedError:
        pass


def test_a_server_may_move_to_another_thread():
    with salon.Server() as server:
        port = server.listen("127.0.0.1:0")
        assert server.poll(0) == [] and port
        found = []

        def elsewhere():
            found.append(server.poll(0))
            found.append(server.stats().sockets)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert found == [[], 0]
        with pytest.raises(salon.BusyError):
            server.stats()
        server.poll(0)
        assert server.stats().sockets == 0


def test_a_wait_lets_other_threads_run(hosted):
    hosted().start()
    counted = []

    def count():
        for number in range(100_000):
            counted.append(number)

    thread = threading.Thread(target=count)
    thread.start()
    thread.join(PATIENCE_S)
    assert len(counted) == 100_000


def test_the_mailbox_has_an_end():
    with salon.Server(mailbox_bytes=10_000) as server:
        told = []

        def flood():
            try:
                for _ in range(1000):
                    server.emit("said", "x" * 100)
            except salon.LimitError as error:
                told.append(error)

        thread = threading.Thread(target=flood)
        thread.start()
        thread.join()
        assert len(told) == 1
        assert server.stats().breaches[salon.Limit.MAILBOX_BYTES] == 1
        assert server.poll(0) == []
