"""What a handler takes: how many arguments, and of what types."""

import enum
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, Dict, List, Literal, Optional, Tuple, TypedDict, Union

import pytest

import salon

BROKEN = {"status": "error", "message": "Internal server error"}


def error(message):
    return {"status": "error", "message": message}


def test_how_many_arguments_are_wanted_is_told(hosted):
    host = hosted()
    on = host.server.on
    on("none")(lambda socket: 1)
    on("one")(lambda socket, a: 1)
    on("some")(lambda socket, a, b=2, c=3: [a, b, c])
    on("many")(lambda socket, a, *rest: len(rest))
    client = host.websocket()
    assert client.ask("none", 1) == [error("none: 0 arguments expected, got 1")]
    assert client.ask("one") == [error("one: 1 argument expected, got 0")]
    assert client.ask("some", 1, 5) == [[1, 5, 3]]
    assert client.ask("some") == [error("some: 1 to 3 arguments expected, got 0")]
    assert client.ask("many", 1, 2, 3) == [2]
    assert client.ask("many") == [error("many: at least 1 arguments expected, got 0")]
    client.say("one")
    assert client.hear("exception")[0] == error("one: 1 argument expected, got 0")


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclass
class Point:
    x: int
    y: float = 0.5
    tags: List[str] = field(default_factory=list)
    total: int = field(init=False, default=0)

    def __post_init__(self):
        if self.x < 0:
            raise ValueError("x is not negative")
        self.total = self.x


@dataclass
class Shape:
    points: List[Point]
    colour: Colour = Colour.RED
    name: Optional[str] = None


class Card(TypedDict, total=False):
    title: str
    size: int


class Strict(TypedDict):
    title: str


CASES = [
    (str, "a", "a", None),
    (str, 1, None, "a text expected"),
    (int, 7, 7, None),
    (int, True, None, "a whole number expected"),
    (int, 1.5, None, "a whole number expected"),
    (float, 2, 2.0, None),
    (float, "2", None, "a number expected"),
    (bool, False, False, None),
    (bool, 0, None, "true or false expected"),
    (bytes, b"\x00", b"\x00", None),
    (bytes, "x", None, "binary data expected"),
    (list, [1, "a"], [1, "a"], None),
    (list, {}, None, "a list expected"),
    (dict, {"a": 1}, {"a": 1}, None),
    (dict, [], None, "an object expected"),
    (Any, [1], [1], None),
    (object, [1], [1], None),
    (Optional[int], None, None, None),
    (Optional[int], 4, 4, None),
    (Optional[int], "4", None, "a whole number expected"),
    (Union[int, str], "4", "4", None),
    (Union[int, str], None, None, "a whole number expected"),
    (type(None), None, None, None),
    (type(None), 1, None, "null expected"),
    (List[int], [1, 2], [1, 2], None),
    (Dict[str, List[int]], {"a": [1]}, {"a": [1]}, None),
    (Tuple[int, str], [1, "a"], (1, "a"), None),
    (Tuple[int, str], [1], None, "a list of 2 expected"),
    (Tuple[int, ...], [1, 2, 3], (1, 2, 3), None),
    (Literal["a", 1], "a", "a", None),
    (Literal["a", 1], 1, 1, None),
    (Literal["a", 1], True, None, "one of 'a', 1 expected"),
    (Colour, "red", Colour.RED, None),
    (Colour, 2, Colour.BLUE, None),
    (Colour, "green", None, "one of 'red', 2 expected"),
    (Colour, [], None, "one of 'red', 2 expected"),
    (Annotated[int, "a note"], 3, 3, None),
    (Point, {"x": 1}, Point(1), None),
    (Point, {"x": 1, "y": 2, "tags": ["a"], "more": 0}, Point(1, 2.0, ["a"]), None),
    (Card, {"title": "a"}, {"title": "a"}, None),
    (Card, {"title": "a", "other": []}, {"title": "a", "other": []}, None),
    (Shape, {"points": [{"x": 3}], "colour": 2}, Shape([Point(3)], Colour.BLUE), None),
]


@pytest.mark.parametrize("hint, value, expected, refused", CASES, ids=lambda one: str(one)[:40])
def test_an_argument_becomes_what_is_annotated(hint, value, expected, refused):
    with salon.Server() as server:
        heard = []

        def handler(socket, argument):
            heard.append(argument)

        handler.__annotations__["argument"] = hint
        server.on("say")(handler)
        call = server._places["/"].handlers["say"]
        message = salon.Message(None, "say", [value], (), 0)
        if refused is None:
            call(message)
            assert heard == [expected] and type(heard[0]) is type(expected)
            assert message.args == [value]
        else:
            with pytest.raises(salon.Refusal) as caught:
                call(message)
            assert str(caught.value) == f"say: argument: {refused}" and caught.value.status == 400


def test_where_in_an_argument_something_is_wrong_is_told(hosted):
    host = hosted()

    @host.server.on("draw")
    def draw(socket, shape: Shape, sizes: Dict[str, List[int]] = {}) -> str:  # noqa: B006
        return type(shape.points[0]).__name__ + shape.colour.name

    @host.server.on("card")
    def card(socket, card: Strict):
        return card["title"]

    client = host.websocket()
    assert client.ask("draw", {"points": [{"x": 1}]}) == ["PointRED"]
    for args, why in (
        ([[]], "shape: an object expected"),
        ([{}], "shape.points is missing"),
        ([{"points": [{"x": 1}, {}]}], "shape.points[1].x is missing"),
        ([{"points": [{"x": "1"}]}], "shape.points[0].x: a whole number expected"),
        ([{"points": [{"x": -1}]}], "shape.points[0]: x is not negative"),
        ([{"points": [], "name": 7}], "shape.name: a text expected"),
        ([{"points": []}, {"a": [1, None]}], "sizes.a[1]: a whole number expected"),
    ):
        assert client.ask("draw", *args) == [error(f"draw: {why}")]
    assert client.ask("card", {"title": "a"}) == ["a"]
    assert client.ask("card", {}) == [error("card: card.title is missing")]
    assert client.ask("card", {"title": 1}) == [error("card: card.title: a text expected")]


def test_builtin_generics_and_new_unions():
    def handler(socket, a, b):
        return a, b

    handler.__annotations__.update(a=list[int], b="dict[str, str]")
    if sys.version_info >= (3, 10):
        handler.__annotations__.update(a="list[int] | None")
    with salon.Server() as server:
        server.on("say")(handler)
        call = server._places["/"].handlers["say"]
        assert call(salon.Message(None, "say", [[1], {"a": "b"}], (), 0)) == ([1], {"a": "b"})
        with pytest.raises(salon.Refusal):
            call(salon.Message(None, "say", [["a"], {}], (), 0))
        with pytest.raises(salon.Refusal):
            call(salon.Message(None, "say", [[1], {"a": 1}], (), 0))


def test_the_annotation_of_the_socket_need_not_be_found_those_of_arguments_must(hosted):
    host = hosted()

    @host.server.on("say")
    def say(socket: "NotImported", text: str):  # noqa: F821
        return text

    assert host.websocket().ask("say", "hi") == ["hi"]
    assert host.websocket().ask("say", 7)[0]["message"] == "say: text: a text expected"

    def lost(socket, text: "NotImported"):  # noqa: F821
        pass

    with pytest.raises(TypeError, match="NotImported"):
        host.server.on("lost")(lost)


def test_a_handler_that_cant_be_called_is_refused_where_it_is_written():
    with salon.Server() as server:

        async def later(socket):
            pass

        class Callable:
            async def __call__(self, socket):
                pass

        def keyword(socket, *, needed):
            pass

        for wrong in (None, 7, later, Callable(), keyword):
            with pytest.raises(TypeError):
                server.on("say")(wrong)
            if wrong is not keyword:
                with pytest.raises(TypeError):
                    server.guard()(wrong)
                with pytest.raises(TypeError):
                    server.guard_events()(wrong)
        for wrong in (None, later):
            with pytest.raises(TypeError):
                server.filter()(wrong)
            with pytest.raises(TypeError):
                server.on("connect")(wrong)
        with pytest.raises(salon.StateError):
            server.http("/")
        with pytest.raises(salon.InvalidError):
            server.on("say", namespace="no slash")(lambda socket: None)


@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_coroutine_that_is_returned_is_told(hosted, caplog):
    host = hosted()

    async def flow():
        pass

    host.server.on("say")(lambda socket: flow())
    client = host.websocket()
    assert client.ask("say") == [BROKEN]
    assert "coroutine is no JSON" in caplog.text
