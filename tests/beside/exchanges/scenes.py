"""The list that each scene enters itself into, and what many of them say."""

P0, P1 = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":1}'
GREETING = 2  # packets that answer a CONNECT: the answer, and the event `auth`
SCENES = []


def scene(mode="plain"):
    def add(play):
        SCENES.append((mode, play.__name__, play))
        return play

    return add
