import pytest
from house import Host, Listener


@pytest.fixture
def hosted():
    """Makes a :class:`Host` that is stopped after the test: ``host = hosted(http=True)``."""
    yield from _made(Host)


@pytest.fixture
def listening():
    """Makes a :class:`Listener` that is stopped after the test."""
    yield from _made(Listener)


def _made(kind):
    hosts = []

    def make(**options):
        hosts.append(kind(**options))
        return hosts[-1]

    yield make
    for host in hosts:
        host.__exit__(None)


@pytest.fixture(params=["websocket", "python", "node"])
def kind(request):
    """Each kind of client in turn: the test calls ``getattr(host, kind)()``."""
    return request.param
