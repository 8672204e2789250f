"""Where Salon differs from the Node server on purpose, and why. Users read the same in docs/socketio.md."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Difference:
    """One kind of difference: in which exchanges (`scene: label`, with wildcards), in which field, what the two
    servers answer (regular expressions), and why. The field `whole` stands for all of them, joined by ` | `."""

    where: str
    field: str
    node: str
    salon: str
    why: str

    def names(self, place, field, node, salon):
        return (
            field == self.field
            and fnmatchcase(place, self.where)
            and re.fullmatch(self.node, node, re.S) is not None
            and re.fullmatch(self.salon, salon, re.S) is not None
        )


NO_STORE = "all answers of the polling transport forbid caching, the refusals too"
CLOSED = "whoever is refused may still be sending a body: the connection is closed behind the answer"
BODY = "a GET with a body is refused: what one server takes for a body another takes for the next request"
METHOD = "other methods are the client's mistake (400), not the server's (500)"
REVISION = "a session is named by its sid; the revision is looked at in the handshake"
BEFORE_101 = "a WebSocket that would be closed at once is refused before the 101"
RFC = "faults against HTTP and RFC 6455 are told in words of our own, and in 400, 426 or 431 as the RFCs name them"
UNKNOWN_UPGRADE = "RFC 9110 7.8: an upgrade that is not known is ignored, and the request answered"
MALFORMED = "a payload that can't be decoded is answered 400, not ok"
BATCH = "a poll that waits gets all that one turn of the host brings, not only the first packet of it"
SIXTEEN = "the answer to a poll has 16 packets at most, because python-engineio refuses more; the rest waits"
GZIP = "nothing is compressed: that is left to proxies"
HEAD = "413 is answered from the head, before the body is waited for"
PACKETS = "a payload has at most Limits::payload_packets packets"
ONE = "a close packet closes, also on a WebSocket, instead of waiting for the ping timeout"
BEHIND = "the host is heard on all that came before a close frame, and its replies still go out"
HANGS = "a plain request that could only hang is refused"
NOOP = "the last poll of an upgrade ends with a noop; to a client both mean the same"
PATIENT = "events that come right behind the CONNECT are kept until the client is in"
AS_WRITTEN = "arguments are handed to the host, and on, as the client wrote them; JSON is checked and not rebuilt"
STRICT = "what is no packet by the protocol's own rules is refused: spaces before an id, ids above 2^53-1, bad base64"
NUL = "names hold no NUL, and at most Limits::name_bytes bytes; a name that is too long is not sent back"
DEPTH = "arguments are nested Limits::json_depth deep at most"
ZERO = "an announcement of no attachments is complete, as the protocol says; Node fails at the next packet"
NUM = "a placeholder's number is a whole one"
ORIGIN = "pages of other origins are refused (403), where Node answers and leaves it to the browser"
NO_ORIGIN = "who names no origin needs no CORS headers"
CORS_ERROR = "the refusal of a WebSocket carries the CORS headers, as all other answers do"
STAY = "where upgrades are off they are refused, instead of accepted and left hanging"
GOODBYE = "a WebSocket is told that the server goes away: 1001, as RFC 6455 7.4.1 has it"
LAST_WORDS = "at a shutdown a client on polling may fetch its last words before its connection is closed"
RECOVERY = "recovery also works before any event was sent, and while the old connection is not yet known to be dead"

DELIBERATE = [
    Difference("handshake_polling: a body that GET should not have", "whole", "200 .*", r'400 .*"code":3.*', BODY),
    Difference("handshake_sids: a POST with*EIO", "whole", r'400 .*"code":3.*', "200 .*ok.*", REVISION),
    Difference("handshake_websocket: *EIO*", "whole", "101 .*", "400 .*Unsupported protocol version.*", BEFORE_101),
    Difference("handshake_websocket: transport=polling*", "whole", "101 .*", "400 .*Bad request.*", BEFORE_101),
    Difference("handshake_websocket: transport=polling*: what follows", "whole", "close without.*", "not played", BEFORE_101),
    Difference("handshake_websocket: Upgrade: h2c", "whole", "400 .*Invalid Upgrade.*", r'400 .*"code":3.*', UNKNOWN_UPGRADE),
    Difference("handshake_websocket: *", "whole", "400 .*", "4(00|26) .*4(00|26) .*closed", RFC),
    Difference("no_http: *", "whole", "4(00|31) .*", "4(00|31) .*", RFC),
    Difference("cors_*: https://evil.example: WebSocket, an error", "whole", "400 .*", "400 .*", CORS_ERROR),
    Difference("cors_*: *: WebSocket, an error", "vary", "", "Origin", CORS_ERROR),
    Difference("cors_*: *: WebSocket, an error", "access-control-allow-origin", "", r"\*|https://.*", CORS_ERROR),
    Difference("cors_*: *: WebSocket, an error", "access-control-allow-credentials", "", "true", CORS_ERROR),
    *(
        Difference(f"{scene}: {page}: *", "whole", "(101|200|204|400|500) .*", "403 .*Forbidden.*", ORIGIN)
        for scene in ("cors_one", "cors_list_with_credentials")
        for page in ("https://evil.example", "null")
    ),
    Difference("cors_one: https://b.example: *", "whole", "(101|200|204|400|500) .*", "403 .*Forbidden.*", ORIGIN),
    Difference("cors_one: None: *", "access-control-allow-origin", "https://a.example", "", NO_ORIGIN),
    Difference("cors_list_with_credentials: None: *", "access-control-allow-credentials", "true", "", NO_ORIGIN),
    *(Difference(f"*: {method}*", "whole", "500.*", "400.*", METHOD) for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")),
    Difference("cors_*: *: preflight of a session", "whole", "500.*", "400 .*", METHOD),
    Difference("binary_posts: no base64", "whole", "200 .*ok.*", "400 .*", STRICT),
    Difference("binary_posts: no base64: poll", "whole", "200 .*", r'400 .*"code":1.*', STRICT),
    *(
        Difference(f"{scene}: *", "whole", "200 .*ok.*", "400 .*open", MALFORMED)
        for scene in ("undecodable_payloads", "packets_that_may_not_come_now", "malformed_packets_by_polling")
    ),
    Difference("polls: again: the answer", "body", '.*back",2.', '.*back",2. ␞ .*back",3.', BATCH),
    Difference("close_by_the_server: kick-all while a poll waits: *", "body", "41", "41 ␞ 41/custom,", BATCH),
    Difference("close_by_the_server: kick-all while a poll waits: *", "body", "41/custom,", "6 ␞ 1", BATCH),
    Difference("close_by_the_server: kick-all while a poll waits: *", "whole", "200 .*6 ␞ 1.*", '400 .*"code":1.*', BATCH),
    Difference("polls: 20 packets: one poll", "body", r'.*\["n",19\]', r'.*\["n",15\]', SIXTEEN),
    Difference("polls: 2000 characters, gzip is accepted", "content-encoding", "gzip", "", GZIP),
    Difference("polls: 2000 characters, gzip is accepted", "body", ".*", "42.*", GZIP),
    Difference("limits_of_posts: 1,000,001 bytes, only the head", "whole", "no answer", "413 .*closed", HEAD),
    Difference("limits_of_posts: 1,000,001 bytes, chunked", "whole", "413.*", "413 .*closed", RFC),
    Difference("limits_of_posts: 4,097 packets*", "whole", "200.*|alive", "400.*", PACKETS),
    Difference("close_by_websocket: text 1", "seen", "nothing more", "close without a code", ONE),
    Difference("close_by_websocket: text 1: goes on", "seen", "text 42.*", "not played", ONE),
    Difference("malformed_attachments: the end while one is due, by text 1", "seen", "nothing more", "close.*", ONE),
    Difference("close_by_websocket: a message right before*", "seen", "close.*", "text 42.*; close.*", BEHIND),
    Difference("upgrade: a plain request, transport=websocket", "whole", "no answer", '400 .*"code":3.*', HANGS),
    Difference("upgrade: a * WebSocket", "whole", "101 .*", "400 .*Bad request.*", BEFORE_101),
    Difference("upgrade: a * WebSocket: what follows", "seen", "close without.*", "not played", BEFORE_101),
    Difference("upgrade_with_a_poll_waiting: *: the poll", "body", "1", "6", NOOP),
    Difference("connect_and_events_in_one_payload: *: answer", "seen", "6 ␞ 1.*", "40.*back.*", PATIENT),
    *(
        Difference("events: *", "seen", f"text 42.*{node}.*", f"text 42.*{salon}.*", AS_WRITTEN)
        for node, salon in (
            ("null,-1500,", "null,-1.5e3,"),
            (re.escape('{"a":[1,2]}'), re.escape('{"a" : [ 1 , 2 ]}')),
            ("u0001😀", re.escape(r"u0001\ud83d\ude00")),
            ('{"a":2}', '{"a":1,"a":2}'),
            (",1,100,0,12345678901234567000", ",1.0,1e2,-0,12345678901234567890"),
            (',"/a"', re.escape(r',"\/\u0061"')),
        )
    ),
    *(
        Difference(f"attachments: {label}*", "seen", "(text|binary) .*|not played", "(text|binary) .*|not played", AS_WRITTEN)
        for label in ("out of order", "unused", "used twice", "one of two unused", "false placeholder")
    ),
    Difference("attachments: a placeholder with more keys", "seen", ".*", '.*"a":1.*', AS_WRITTEN),
    Difference("attachments: ten", "seen", '.*"num":9.*', ".*", AS_WRITTEN),
    Difference('malformed_packets: 42 1*', "seen", "text 431.*", "close without a code", STRICT),
    Difference('malformed_packets: 42 1*: and', "seen", "text.*", "not played", STRICT),
    Difference("malformed_packets: 4[23]9*", "seen", "text 4.*", "close without a code", STRICT),
    Difference("malformed_packets: 429*: and", "seen", "text 42.*", "not played", STRICT),
    Difference("malformed_attachments: bad base64", "seen", "text 451.*", "close.*", STRICT),
    Difference("malformed_attachments: num a fraction", "seen", "text 42.*null.*", "close.*", NUM),
    Difference("malformed_packets: 4[56]0-*", "seen", "close without a code", "text 42.*", ZERO),
    Difference("malformed_packets: 450-*: and", "seen", "not played", "text 42.*", ZERO),
    Difference('malformed_packets: 42?"a*u0000"]', "seen", "text 42.*", "close without a code", NUL),
    Difference('malformed_packets: 42?"nnn*… 262', "seen", "text 42.*", "close without a code", NUL),
    Difference("malformed_packets: 40/nnn*… 259", "seen", "text 44/n.*", "text 44{.*", NUL),
    Difference('malformed_packets: 42?"message",*… 214', "seen", "text 42.*", "close without a code", DEPTH),
    Difference('malformed_packets: 42?"message",*: and*', "seen", "text 42.*", "not played", DEPTH),
    Difference("only_polling: WebSocket*", "whole", "400 .*Transport unknown.*", "400 .*Transport unknown.*closed", STAY),
    Difference("no_upgrades: WebSocket of a session", "whole", "101 .*", "400 .*Bad request.*", STAY),
    Difference("no_upgrades: WebSocket of a session: what follows", "seen", "nothing more", "not played", STAY),
    Difference("shutdown: the WebSocket", "seen", "close without a code; closed", "close 1001; closed", GOODBYE),
    Difference("shutdown: the poll", "connection", "closed", "open", LAST_WORDS),
    Difference("recovery_where_salon_does_more: *", "seen", "text 40.*<new sid>.*", ".*text 40.*<sid of .*", RECOVERY),
    *(
        Difference(where, "connection", "open", "closed", CLOSED)
        for where in (
            "handshake_polling: POST*",
            "handshake_sids: POST, an unknown sid",
            "binary_posts: octet-stream*",
            "two_posts_at_once: the second",
            "limits_of_posts: 1,000,001 bytes",
            "upgrade: a POST afterwards",
            "cors_*: octet-stream",
        )
    ),
    Difference("*", "cache-control", "", "no-store", NO_STORE),
]
