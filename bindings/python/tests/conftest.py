import pytest
from house import Host


@pytest.fixture
def hosted():
    """Makes a :class:`Host` that is stopped after the test: ``host = hosted(http=True)``."""
    hosts = []

    def make(**options):
        hosts.append(Host(**options))
        return hosts[-1]

    yield make
    for host in hosts:
        host.__exit__(None)


@pytest.fixture(params=["websocket", "python", "node"])
def kind(request):
    """Each kind of client in turn: the test calls ``getattr(host, kind)()``."""
    return request.param
