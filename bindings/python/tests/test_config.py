"""A server's keywords and limits."""

import inspect
import queue

import pytest
from websockets.exceptions import InvalidStatus

import salon
from salon import _api
from salon._config import _FLAGS, _FLAGS_OFF, configuration, ms

KEYWORDS = {
    name: one.default
    for name, one in inspect.signature(salon.Server).parameters.items()
    if one.kind is one.KEYWORD_ONLY
}
FIELDS = [name for name, _ in _api.Config._fields_]
LIMITS = [name for name in FIELDS[FIELDS.index("overflow") + 1 :] if name != "trusted_proxies"]


def keyword(field):
    return field[:-3] if field.endswith("_ms") else field


def test_the_keywords_are_the_fields_of_the_struct():
    others = {"origins", "trusted_proxies", "socketio_path", "overflow", "decode"}
    assert set(KEYWORDS) == others | set(_FLAGS) | set(_FLAGS_OFF) | {keyword(field) for field in LIMITS}
    assert FIELDS[:5] == ["size", "socketio_path", "allowed_origins", "flags", "overflow"]


@pytest.mark.parametrize("field", LIMITS)
def test_a_limit_reaches_its_own_field(field):
    config = configuration({**KEYWORDS, keyword(field): 7})
    found = {name: getattr(config, name) for name in LIMITS}
    assert found == {**dict.fromkeys(LIMITS, 0), field: 7000 if field.endswith("_ms") else 7}


def test_flags_reach_their_own_bits_and_add_up():
    bits = {**_FLAGS, **{name: bit for name, bit in _FLAGS_OFF.items()}}
    assert sorted(bits.values()) == [v for n, v in _api.CONSTANTS.items() if n.startswith("SALON_CONFIG_")]
    for name, bit in bits.items():
        assert _api.CONSTANTS[f"SALON_CONFIG_{'NO_' if name in _FLAGS_OFF else ''}{name.upper()}"] == bit
        assert configuration({**KEYWORDS, name: not KEYWORDS[name]}).flags == bit
    assert configuration({**KEYWORDS, "http": True, "polling": False}).flags == bits["http"] | bits["polling"]


def test_texts_and_choices_reach_their_fields():
    config = configuration({**KEYWORDS, "origins": ["https://a", "https://b"], "socketio_path": "/io"})
    assert (config.allowed_origins, config.socketio_path, config.overflow) == (b"https://a,https://b", b"/io", 0)
    config = configuration({**KEYWORDS, "trusted_proxies": ["10.0.0.0/8", "unix"]})
    assert (config.trusted_proxies, config.allowed_origins) == (b"10.0.0.0/8,unix", None)
    config = configuration({**KEYWORDS, "origins": "same", "overflow": "drop"})
    assert (config.allowed_origins, config.socketio_path, config.overflow) == (b"same", None, 1)


def test_a_default_is_a_zeroed_struct():
    config = configuration(KEYWORDS)
    assert {name: getattr(config, name) for name in FIELDS[1:] if getattr(config, name)} == {}


def test_times_are_seconds():
    assert ms(0.25, "", 0) == 250
    assert ms(0, "", 1) == 1
    assert ms(1e99, "", 0) == 2**31 - 1
    assert configuration({**KEYWORDS, "ping_interval": 0.05}).ping_interval_ms == 50
    assert configuration({**KEYWORDS, "ping_interval": salon.UNLIMITED}).ping_interval_ms == salon.UNLIMITED


@pytest.mark.parametrize(
    "options",
    [
        {"rooms": 0},
        {"rooms": -1},
        {"rooms": 2**32},
        {"rooms": "9"},
        {"rooms": 1.5},
        {"rooms": True},
        {"memory_bytes": 2**64},
        {"ping_interval": 0},
        {"ping_interval": -1},
        {"ping_interval": "1"},
        {"ping_interval": float("nan")},
        {"ping_interval": True},
        {"overflow": "explode"},
        {"overflow": []},
        {"origins": []},
        {"origins": [7]},
        {"origins": "a\0b"},
        {"origins": "no origin"},
        {"socketio_path": 7},
        {"socketio_path": "\0"},
        {"socketio_path": "no slash"},
    ],
    ids=str,
)
def test_what_cant_be_right_is_a_sentence(options):
    with pytest.raises(salon.InvalidError) as caught:
        salon.Server(**options).close()
    assert isinstance(caught.value, ValueError)
    assert " " in str(caught.value)


def test_a_keyword_that_does_not_exist_is_a_type_error():
    with pytest.raises(TypeError):
        salon.Server(romms=3)


@pytest.mark.parametrize("address", ["nowhere", "1.2.3.4:99999", "", "unix:", "[::1]", "a\0b:1"])
def test_an_address_that_is_none_is_told_and_leaves_nothing_open(address):
    with pytest.raises(salon.InvalidError):
        salon.Server(address)


def test_an_address_that_is_taken_is_the_systems_refusal():
    with salon.Server() as one:
        port = one.listen("127.0.0.1:0")
        with pytest.raises(salon.SystemRefused) as caught, salon.Server(f"127.0.0.1:{port}"):
            pass
    assert isinstance(caught.value, OSError)
    assert caught.value.code == -6


def test_several_addresses_and_more_of_them(hosted, tmp_path):
    unix = tmp_path / "salon.sock"
    host = hosted(address=["127.0.0.1:0", f"unix:{unix}"])
    assert host.server.listen("[::1]:0") > 0
    assert host.server.listen(f"unix:{tmp_path / 'two.sock'}") == 0
    assert unix.is_socket()


# That limits are limits: a few, each seen by a client.


def test_limit_of_message_bytes(hosted):
    host = hosted(message_bytes=100)
    client = host.websocket()
    client.say("say", "x" * 200)
    assert client.hear("close")[0] == 1009


def test_limit_of_rooms(hosted):
    host = hosted(rooms=2)
    host.websocket().hear("connect")
    (client,) = host.do(lambda: host.server.of("/").sockets)
    host.do(client.join, "a", "b")
    with pytest.raises(salon.LimitError):
        host.do(client.join, "c")


def test_limit_of_connections(hosted):
    host = hosted(connections=1)
    host.websocket().hear("connect")
    with pytest.raises((OSError, TimeoutError)):
        host.websocket(open_timeout=0.3)


def test_limit_of_a_ping(hosted):
    left = queue.Queue()
    host = hosted(ping_interval=0.05, ping_timeout=0.05)
    host.server.on("disconnect")(lambda socket, reason: left.put(reason))
    with host.silent():
        assert left.get(timeout=10) is salon.Reason.PING_TIMEOUT


def test_origins_are_checked(hosted):
    host = hosted(origins=["https://friend.example"])
    host.websocket(origin="https://friend.example").hear("connect")
    with pytest.raises(InvalidStatus) as caught:
        host.websocket(origin="https://foe.example")
    assert caught.value.response.status_code == 403


def test_the_path_of_socketio_and_what_is_turned_off(hosted):
    host = hosted(socketio_path="/talk/", polling=False)
    host.start()
    client = host.node(path="/talk/")
    client.hear("connect")
    refused = host.node(path="/talk/", transports=["polling"])
    refused.hear("connect_error")
    other = hosted(socketio=False)
    other.start()
    assert other.node().hear("connect_error")
    other.websocket().hear("connect")


def test_without_websocket_and_without_upgrade(hosted):
    host = hosted(websocket=False)
    host.node(transports=["polling", "websocket"]).hear("connect")
    (client,) = host.do(lambda: host.server.of("/").sockets)
    assert host.do(lambda: client.info.transport) == "polling"
    assert host.node(transports=["websocket"]).hear("connect_error")
