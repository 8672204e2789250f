"""To whom something is said, who that is, and what is asked of them."""

import json

import pytest
from house import PATIENCE_S, until

import salon

# To whom.


def three(host, kind="websocket"):
    clients = [getattr(host, kind)() for _ in range(3)]
    found = []
    for client in clients:
        client.hear("connect")
        found.append(host.next(salon.Connect).socket)
    if kind != "websocket":
        found.sort(key=lambda socket: [c.sid for c in clients].index(host.do(lambda: socket.sid)))
    return clients, found


def heard(clients, event="said"):
    """Who heard it: all that was said before the event "end"."""
    result = []
    for client in clients:
        client.hear("end")
        result.append([args for args in client.rest(event)])
        while client.rest(event):
            client.hear(event)
    return result


def test_audiences(listening, kind):
    host = listening()
    clients, (a, b, c) = three(host, kind)
    server = host.server
    host.do(a.join, "red")
    host.do(b.join, "red", "blue")
    host.do(c.join, "blue")
    cases = [
        (lambda: server.emit("said", 1), 3, "abc"),
        (lambda: server.of("/").emit("said", 1), 3, "abc"),
        (lambda: server.of(None).emit("said", 1), 3, "abc"),
        (lambda: server.to("red").emit("said", 1), 2, "ab"),
        (lambda: server.to("red", "blue").emit("said", 1), 3, "abc"),
        (lambda: server.to("red").to("blue").emit("said", 1), 3, "abc"),
        (lambda: server.to("red").except_("blue").emit("said", 1), 1, "a"),
        (lambda: server.except_("red").emit("said", 1), 1, "c"),
        (lambda: server.except_(a, c).emit("said", 1), 1, "b"),
        (lambda: server.to(a, "blue").except_(b).emit("said", 1), 2, "ac"),
        (lambda: server.to().emit("said", 1), 0, ""),
        (lambda: server.to("nowhere").emit("said", 1), 0, ""),
        (lambda: a.to("red").emit("said", 1), 1, "b"),
        (lambda: a.to("red", "blue").emit("said", 1), 2, "bc"),
        (lambda: b.broadcast.emit("said", 1), 2, "ac"),
        (lambda: a.to(c).emit("said", 1), 1, "c"),
        (lambda: server.of("/").volatile.emit("said", 1), 3, "abc"),
        (lambda: a.emit("said", 1), True, "a"),
    ]
    for number, (say, count, who) in enumerate(cases):
        assert host.do(say) == count, number
        host.do(server.emit, "end")
        assert heard(clients) == [[[1]] if name in who else [] for name in "abc"], number


def test_an_audience_can_be_kept_and_chooses_anew(listening):
    host = listening()
    clients, (a, b, _) = three(host)
    red = host.server.to("red")
    assert host.do(red.emit, "said") == 0
    host.do(a.join, "red")
    assert host.do(red.emit, "said") == 1
    host.do(b.join, "red")
    assert host.do(red.emit, "said") == 2
    clients[0].leave()
    host.next(salon.Disconnect)
    assert host.do(red.emit, "said") == 1


def test_members_rooms_and_counts(listening):
    host = listening()
    clients, (a, b, c) = three(host)
    server = host.server
    host.do(a.join, "red", "green")
    host.do(b.join, "red")
    assert sorted(host.do(lambda: a.rooms)) == ["green", "red"]
    assert set(host.do(lambda: server.to("red").sockets)) == {a, b}
    assert set(host.do(lambda: server.of("/").sockets)) == {a, b, c}
    assert host.do(lambda: server.to().sockets) == []
    counts = host.do(
        lambda: [
            server.of("/").count,
            server.to("red").count,
            server.to("none").count,
            server.to("red", "green").count,
            server.except_("green").count,
            server.of(None).count,
            server.to().count,
        ]
    )
    assert counts == [3, 2, 0, 2, 2, 3, 0]
    assert sorted(host.do(lambda: server.of("/").rooms)) == ["green", "red"]
    assert host.do(lambda: server.to("red").join("blue", "violet")) == 2
    assert sorted(host.do(lambda: b.rooms)) == ["blue", "red", "violet"]
    assert host.do(lambda: server.to("red").leave("blue")) == 2
    assert host.do(lambda: server.to().join("blue")) == 0
    host.do(a.leave, "green")
    host.do(b.leave)
    assert host.do(lambda: (sorted(a.rooms), b.rooms)) == (["red", "violet"], [])
    assert host.do(lambda: server.to("red").disconnect()) == 1
    assert clients[0].hear("close")
    gone = host.next(salon.Disconnect)
    assert (gone.socket, sorted(gone.rooms)) == (a, ["red", "violet"])
    assert host.do(lambda: server.to().disconnect()) == 0


def test_a_target_that_is_none_is_refused(listening):
    host = listening().start()
    for target in (7, None, b"room", "a\0b"):
        with pytest.raises(salon.InvalidError):
            host.do(host.server.to(target).emit, "said")
    with pytest.raises(salon.NotFoundError):
        host.do(lambda: host.server.of("/nowhere").emit("said"))
    with pytest.raises(salon.NotFoundError):
        host.do(lambda: host.server.of("/nowhere").count)


def test_room_and_member_events(listening):
    host = listening(room_events=True, member_events=True)
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    host.do(socket.join, "red")
    made, joined = host.next(salon.RoomCreated), None
    assert (made.namespace, made.room) == ("/", "red")
    joined = host.next(salon.Joined)
    assert (joined.socket, joined.room, joined.namespace) == (socket, "red", "/")
    host.do(socket.leave, "red")
    left = host.next(salon.Left)
    assert (left.socket, left.room) == (socket, "red")
    gone = host.next(salon.RoomDeleted)
    assert (gone.namespace, gone.room) == ("/", "red")
    client.leave()
    host.next(salon.Disconnect)


def test_volatile_messages_are_left_out_for_those_who_are_behind(listening):
    host = listening(queue_bytes=100_000_000)
    with host.silent():
        socket = host.next(salon.Connect).socket
        host.do(socket.emit, "big", "x" * 10_000_000)
        host.do(host.server.flush)

        def say():
            return host.server.to(socket).volatile.emit("said", 1), socket.send("said", volatile=True)

        assert host.do(say) == (0, False)
        assert host.do(lambda: host.server.stats().dropped_volatile) == 2
        assert host.do(lambda: socket.info.queued == socket.queued > 1_000_000)


def test_a_full_queue_drops_and_tells_when_there_is_room_again(listening):
    host = listening(overflow="drop", queue_bytes=1_000_000)
    with host.silent() as silent:
        socket = host.next(salon.Connect).socket

        def flood():
            for number in range(1000):
                try:
                    socket.emit("big", "x" * 100_000)
                except salon.BackpressureError as error:
                    assert error.code == -5
                    return number, host.server.of("/").emit("more", "x" * 100_000), socket.info.dropped

        taken, others, dropped = host.do(flood)
        assert taken > 5 and others == 0 and dropped == 2
        while taken > 0:
            taken -= silent.recv(1 << 20).count(b'"big"')
        drain = host.next(salon.Drain)
        assert (drain.socket, drain.dropped) == (socket, 2)


def test_who_reads_too_slowly_is_disconnected(listening):
    host = listening(queue_bytes=1_000_000, close_timeout=0.05)
    with host.silent():
        socket = host.next(salon.Connect).socket
        host.do(lambda: [socket.emit("big", "x" * 100_000) for _ in range(1000)])
        assert host.next(salon.Disconnect).reason is salon.Reason.SLOW_READER


def test_stats(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    host.do(socket.join, "red")
    client.say("say")
    host.next(salon.Message)
    stats = host.do(host.server.stats)
    assert (stats.connections, stats.sockets, stats.namespaces, stats.rooms) == (1, 1, 1, 1)
    assert (stats.accepted, stats.messages_in) == (1, 1) and stats.bytes_in > 0
    assert list(stats.disconnects) == list(salon.Reason) and not any(stats.disconnects.values())
    client.leave()
    host.next(salon.Disconnect)
    assert host.do(host.server.stats).disconnects[salon.Reason.CLIENT_LEFT] == 1


# Questions.


@pytest.mark.parametrize("kind", ["python", "node"])
def test_a_client_is_asked_and_answers(listening, kind):
    host = listening()
    getattr(host, kind)().hear("connect")
    socket = host.next(salon.Connect).socket
    assert socket.emit_with_ack("node?").result(PATIENCE_S) is None
    assert socket.emit_with_ack("node?", 1).result(PATIENCE_S) == 1
    assert socket.emit_with_ack("node?", 1, [b"two"]).result(PATIENCE_S) == [[b"two"], 1]
    called = []
    host.do(lambda: socket.emit_with_ack("node?", "x", callback=called.append))
    until("the callback is called", lambda: called)
    assert called[0].result() == "x"


def test_a_plain_websocket_answers_too(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    asked = socket.emit_with_ack("question", "why?")
    assert client.hear("question") == ["why?"]
    client.io.send(json.dumps({"ack": client.asked, "data": "because"}))
    assert asked.result(PATIENCE_S) == "because"


def test_a_question_ends_in_any_case(listening):
    host = listening()
    client = host.websocket()
    socket = host.next(salon.Connect).socket
    with pytest.raises(salon.AckTimeoutError) as caught:
        socket.emit_with_ack("question", timeout=0.05).result(PATIENCE_S)
    assert isinstance(caught.value, TimeoutError)
    asked = socket.emit_with_ack("question")
    client.leave()
    with pytest.raises(salon.ClosedError):
        asked.result(PATIENCE_S)
    host.next(salon.Disconnect)
    host.do(int)
    with pytest.raises(salon.ClosedError):
        socket.emit_with_ack("question").result(PATIENCE_S)


def test_an_audience_is_asked(listening):
    host = listening()
    ann, bob = host.python(), host.python()
    for client in (ann, bob):
        client.io.on("question", lambda *args: args)
    a, b = host.next(salon.Connect).socket, host.next(salon.Connect).socket
    silent = host.websocket()
    s = host.next(salon.Connect).socket
    answers = host.server.of("/").emit_with_ack("node?", 7, timeout=0.5).result(PATIENCE_S)
    assert {socket for socket, _ in answers.answers} == {a, b}
    assert answers.values == [7, 7] and answers.missing == [s]
    asked = host.server.to(s, a).emit_with_ack("question", 7)
    silent.hear("question")
    silent.leave()
    answers = asked.result(PATIENCE_S)
    assert (answers.values, answers.missing) == ([7], [s])
    nobody = host.server.to().emit_with_ack("node?").result(PATIENCE_S)
    assert (nobody.answers, nobody.missing) == ([], [])


def test_a_question_that_was_cancelled_is_forgotten(listening):
    host = listening()
    host.python()
    socket = host.next(salon.Connect).socket
    answer = socket.emit_with_ack("node?", 1)
    if answer.cancel():
        assert answer.cancelled()
    assert socket.emit_with_ack("node?", 2).result(PATIENCE_S) == 2
