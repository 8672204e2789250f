"""One scene of the list, played against one server: it says what is sent, and notes what comes back."""

import re
import select

from wire import QUIET, UPGRADE, Gone, Link, Names, Nothing, Response, WebSocket, request, show

POLLING = "EIO=4&transport=polling"
WEBSOCKET = "EIO=4&transport=websocket"
TEXT = "Content-Type: text/plain;charset=UTF-8"


class Scene:
    """`noted` holds pairs of a label and what was seen, a dictionary."""

    def __init__(self, port, offsets=False):
        self.port = port
        self.noted = []
        self.names = Names()
        self.links = []
        self.offsets = offsets

    def note(self, label, seen):
        if isinstance(seen, str):
            seen = {"seen": seen}
        self.noted.append((label, {field: self.clean(value, label) for field, value in seen.items()}))

    def clean(self, text, label):
        if self.offsets:
            # The last argument of each event is its offset.
            for event, value in re.findall(r'(4[25][^␞;]*\[[^␞;]*,)("[\w.-]+")(?=\](?:;|$| ))', text):
                if value not in self.names.known:
                    text = text.replace(event + value, event + "<new offset>")
                    self.names.add("offset", value, label)
        # The numbers of questions are for the server to choose.
        for kind, number in re.findall(r'4([25]\d?-?)(\d+)(?=\["question")', text):
            text = text.replace(f'{kind}{number}["question"', f'{kind}<question>["question"')
        return self.names(text, label)

    def link(self):
        self.links.append(Link(self.port))
        return self.links[-1]

    def wait(self):
        """A moment for what no answer tells of, such as that a server has noticed the end of a connection."""
        select.select([], [], [], QUIET)

    def leave(self):
        for link in self.links:
            link.close()

    # HTTP.

    def http(self, label, method, query, *fields, body=None, path="/socket.io/", version="1.1", link=None):
        """One request, on a connection of its own unless one is given."""
        target = f"{path}?{query}" if query is not None else path
        body = body.encode() if isinstance(body, str) else body
        return self.ask(label, request(method, target, fields, body, version), method, link)

    def ask(self, label, data, method="GET", link=None):
        link = link or self.link()
        link.send(data)
        return self.answer(label, link, method)

    def answer(self, label, link, method="GET", pipelined=False):
        """The response that is due on a connection, and whether that stays open."""
        try:
            response = Response(link, method)
        except Gone:
            return self.note(label, "closed without an answer")
        except Nothing:
            return self.note(label, "no answer")
        if response.status != "101" and not pipelined:
            response.connection = link.state()
        self.note(label, response.seen())
        return response

    def get(self, label, query, *fields, **more):
        return self.http(label, "GET", query, *fields, **more)

    def post(self, label, sid, body, *fields, **more):
        return self.http(label, "POST", f"{POLLING}&sid={sid}", *(fields or (TEXT,)), body=body, **more)

    def poll(self, label, sid, *fields, **more):
        return self.http(label, "GET", f"{POLLING}&sid={sid}", *fields, **more)

    def hold(self, label, sid):
        """A poll that finds nothing and waits; its connection."""
        link = self.link()
        link.send(request("GET", f"/socket.io/?{POLLING}&sid={sid}"))
        self.note(label, "waits" if link.is_quiet() else "is answered")
        return link

    def packets(self, label, sid, count):
        """Polls until so many packets have come, however they are spread over the answers."""
        packets = []
        while len(packets) < count:
            response = self.quietly("GET", sid)
            if response.status != "200":
                packets.append(f"status {response.status}")
                break
            packets += response.packets
        self.note(label, " ␞ ".join(packets))
        return packets

    def alive(self, label, sid):
        """Whether there is such a session on polling; a pong does it no harm."""
        response = self.quietly("POST", sid, b"3")
        self.note(label, "alive" if response.status == "200" else f"{response.status} {show(response.body)}")

    def quietly(self, method, sid, body=None):
        link = self.link()
        link.send(request(method, f"/socket.io/?{POLLING}&sid={sid}", [TEXT] if body else [], body))
        return Response(link)

    def open(self):
        """A session on polling."""
        link = self.link()
        link.send(request("GET", f"/socket.io/?{POLLING}"))
        sid = re.search(r'"sid":"([^"]+)"', Response(link).body.decode())[1]
        self.names.add("sid", sid, "open")
        return sid

    def inside(self, *packets):
        """A session on polling that is in `/`, or where the packets bring it."""
        sid = self.open()
        for packet in packets or ("40",):
            self.quietly("POST", sid, packet.encode())
            # The answer, and the greeting.
            got = 0
            while got < 2:
                got += len(self.quietly("GET", sid).packets)
        return sid

    # WebSocket.

    def ws(self, label, query=WEBSOCKET, *fields, path="/socket.io/"):
        """A handshake; None if it is refused."""
        link = self.link()
        response = self.ask(label, request("GET", f"{path}?{query}", [*UPGRADE, *fields]), link=link)
        return WebSocket(link) if response and response.status == "101" else None

    def ws_open(self, query=WEBSOCKET):
        """A session on WebSocket."""
        ws = WebSocket(self.link())
        ws.link.send(request("GET", f"/socket.io/?{query}", UPGRADE))
        Response(ws.link)
        if "sid=" not in query:
            ws.message()
        return ws

    def ws_inside(self, query=WEBSOCKET, packet="40"):
        ws = self.ws_open(query)
        ws.send(packet)
        ws.message()
        ws.message()
        return ws

    def hears(self, label, ws, count=1):
        """The next messages on a WebSocket."""
        heard = []
        try:
            for _ in range(count):
                heard.append(ws.message())
        except Nothing:
            heard.append("nothing more")
        except Gone:
            heard.append("closed")
        self.note(label, "; ".join(heard))
        return heard

    def ends(self, label, ws):
        """All that comes on a WebSocket until it is closed."""
        self.hears(label, ws, 100)
        # Node ends the session when our end is closed too.
        ws.link.close()
        self.wait()

    def quiet(self, label, ws):
        """Nothing comes, and the connection stays."""
        self.note(label, "quiet" if ws.link.is_quiet() else "not quiet")

    def upgraded(self, sid):
        """Moves a session to a WebSocket."""
        ws = self.ws_open(f"{WEBSOCKET}&sid={sid}")
        ws.send("2probe")
        ws.message()
        ws.send("5")
        return ws
