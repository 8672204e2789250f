"""A whole chat in Python: a page, two namespaces, rooms with a history, typing, direct messages.

    pip install salon
    python chat.py

Then open the printed address in two tabs. This is examples/standalone once more: its page, and the events that its
protocol.md lists. Read it from top to bottom; the numbers say in which order things happen to a client.
"""

import argparse
import pathlib
import time
import unicodedata
from collections import deque
from dataclasses import dataclass

import salon

PAGE = pathlib.Path(__file__).parent.parent / "standalone" / "page.html"
# The page runs its own inline script and talks to this server; nothing else loads, and no string becomes markup.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

# Whatever clients do, memory stays bounded: 128 rooms of 50 messages of 2,000 characters.
NAME_CHARS, ROOM_CHARS, TEXT_CHARS = 32, 64, 2_000
HISTORY_MESSAGES, ROOMS, ROOMS_OF_ONE, MEMBERS_LISTED = 50, 128, 16, 200
# However many come and go, a namespace is told the counts of its rooms no more often than this.
COUNTS_DELAY = 0.1


# What clients send. Handlers name these types, so what they get is of this form; whoever sends something else is
# told what was expected.
@dataclass
class Place:
    room: str


@dataclass
class Line:
    room: str
    text: str


@dataclass
class Whisper:
    to: str
    text: str


class Chat(salon.Namespace):
    """A namespace. Who is in which room is not kept here: Salon knows."""

    # By namespace and room, for both namespaces together. A room that empties keeps its history until others need
    # the place.
    histories = {}
    last_message = int(time.time() * 1000)
    counts_are_due = False

    # 1. Somebody wants to come in. Until the guard has decided, nothing is sent to them; a refusal is an HTTP status,
    #    or the `connect_error` of a Socket.IO client.
    def guard(self, request):
        socket = request.socket
        wish = socket.query("name")
        wish = named(request.auth.get("name") if wish is None else wish, NAME_CHARS)
        if wish is None:
            raise salon.Refusal("Enter with ?name= and 1 to 32 characters.")
        taken = {one.data["name"].lower() for one in self.to_all().sockets if one.data}
        name, number = wish, 2
        while name.lower() in taken:
            name, number = f"{wish} {number}", number + 1
        request.accept()
        # `data` is ours: whatever we keep with a client.
        socket.data = {"id": socket.sid, "name": name}
        socket.emit("welcome", {**socket.data, "rooms": self.counts()})

    # 2. They join rooms. What a handler returns is the client's ack.
    def on_join(self, socket, place: Place):
        room = valid_room(place.room)
        key = self.namespace, room
        if room not in socket.rooms:
            if len(socket.rooms) >= ROOMS_OF_ONE:
                raise salon.Refusal("You are in 16 rooms. Leave one first.")
            self.make_place_for(key)
            socket.join(room)
            self.notice("joined", socket, room)
        members = self.to(room).sockets
        listed = [one.data for one in members[:MEMBERS_LISTED]]
        return {"room": room, "count": len(members), "members": listed, "history": list(self.histories[key])}

    # 3. They speak. `socket.to(room)` is everybody in the room but themselves.
    def on_say(self, socket, line: Line):
        room, text = self.room_of(socket, line.room), valid_text(line.text)
        Chat.last_message += 1
        message = {"id": Chat.last_message, "room": room, "from": socket.data, "text": text, "time": now()}
        socket.to(room).emit("said", message)
        self.histories[self.namespace, room].append(message)
        return message

    # Who is behind need not know who typed: volatile.
    def on_typing(self, socket, place: Place):
        room = self.room_of(socket, place.room)
        socket.to(room).volatile.emit("typing", {"room": room, "person": socket.data})
        return {}

    def on_direct(self, socket, whisper: Whisper):
        text, to = valid_text(whisper.text), self.server.by_sid(whisper.to)
        if to is None or to.namespace != self.namespace:
            raise salon.Refusal("This person is no longer here.")
        to.emit("direct", {"from": socket.data, "text": text, "time": now()})
        return {"to": to.data, "text": text, "time": now()}

    # 4. They leave a room, or altogether.
    def on_leave(self, socket, place: Place):
        room = self.room_of(socket, place.room)
        socket.leave(room)
        self.notice("left", socket, room)
        return {"room": room}

    def on_disconnect(self, socket, reason, rooms):
        for room in rooms:
            self.notice("left", socket, room)

    # What goes wrong on the way, as the client is told: Refusals are theirs, everything else is ours.
    def filter(self, error, message):
        why = salon.gateway.default_filter(error, message)
        return {"error": why["message"]} if message.wants_answer else why

    # What the above is made of.

    def to_all(self):
        return self.server.of(self.namespace)

    def room_of(self, socket, room):
        room = valid_room(room)
        if room not in socket.rooms:
            raise salon.Refusal("Join the room first.")
        return room

    def make_place_for(self, key):
        if key in self.histories:
            return
        if len(self.histories) >= ROOMS:
            empty = (old for old in self.histories if self.server.to(old[1], namespace=old[0]).count == 0)
            oldest = next(empty, None)
            if oldest is None:
                raise salon.Refusal("There are too many rooms. Join one of them.")
            del self.histories[oldest]
        self.histories[key] = deque(maxlen=HISTORY_MESSAGES)

    def notice(self, event, who, room):
        """Tells a room who came or went; the new counts go to the whole namespace a little later."""
        who.to(room).emit(event, {"room": room, "person": who.data, "time": now()})
        if not self.counts_are_due:
            self.counts_are_due = True
            self.server.call_later(COUNTS_DELAY, self.tell_counts)

    def tell_counts(self):
        self.counts_are_due = False
        self.emit("rooms", {"rooms": self.counts()})

    def counts(self):
        return [{"room": room, "count": self.to(room).count} for room in self.to_all().rooms]


def named(wish, chars):
    """A name that shows on one line and fits the engine's 255 bytes, if this is one."""
    name = wish.strip() if isinstance(wish, str) else ""
    odd = any(unicodedata.category(one) in ("Cc", "Cs") for one in name)
    return name if 1 <= len(name) <= chars and not odd and len(name.encode()) <= 255 else None


def valid_room(wish):
    room = named(wish, ROOM_CHARS)
    if room is None:
        raise salon.Refusal("A room's name has 1 to 64 characters.")
    return room


def valid_text(text):
    text = text.strip()
    if not 1 <= len(text) <= TEXT_CHARS:
        raise salon.Refusal("A message has 1 to 2,000 characters.")
    return text


def unknown(socket, name, *args):
    raise salon.Refusal("There is no such event here.")


def now():
    return int(time.time() * 1000)


def main():
    parser = argparse.ArgumentParser(description="A chat to try Salon with.")
    parser.add_argument("--listen", metavar="ADDRESS:PORT", default="127.0.0.1:3000", help="port 0: a free one")
    listen = parser.parse_args().listen

    # origins="same": pages of other sites are refused. http=True: requests that are not Salon's own are ours.
    with salon.Server(http=True, origins="same") as server:
        for namespace in ("/chat", "/garden"):
            server.register(Chat(namespace))
            server.on("*", namespace)(unknown)

        @server.http("/")
        def page(request):
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": POLICY}
            return 200, PAGE.read_bytes(), {**headers, "x-content-type-options": "nosniff"}

        @server.http("/healthz")
        def healthz(request):
            return "ok\n"

        port = server.listen(listen)
        print(f"Salon is open at http://{listen.rpartition(':')[0]}:{port}/", flush=True)
        try:
            server.run()
        except KeyboardInterrupt:
            print("Good night.")


if __name__ == "__main__":
    main()
