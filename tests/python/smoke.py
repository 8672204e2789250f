#!/usr/bin/env python3
"""The installed package serves a plain WebSocket that this writes by hand: no other package is needed."""

import base64
import json
import socket
import threading

import salon


def main():
    assert "site-packages" in salon.__file__
    with salon.Server() as server:
        port = server.listen("127.0.0.1:0")

        @server.on("say")
        def say(client, text: str):
            client.server.emit("said", text.upper())
            return len(text)

        thread = threading.Thread(target=speak, args=(port, server))
        thread.start()
        server.run()
        thread.join()
    print(f"salon {salon.__version__} from {salon.__file__} serves")


def speak(port, server):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            key = base64.b64encode(bytes(16)).decode()
            upgrade = (
                f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}"
            )
            client.sendall(f"GET / HTTP/1.1\r\nHost: here\r\n{upgrade}\r\n\r\n".encode())
            message = json.dumps({"event": "say", "data": "hello", "id": 1}).encode()
            # A masked text frame, with a mask of zeros.
            client.sendall(bytes([0x81, 0x80 | len(message)]) + bytes(4) + message)
            heard = b""
            while b'"ack"' not in heard:
                piece = client.recv(4096)
                assert piece, heard
                heard += piece
        assert heard.startswith(b"HTTP/1.1 101"), heard
        assert b'{"event":"said","data":"HELLO"}' in heard and b'{"ack":1,"data":5}' in heard, heard
    finally:
        server.shutdown(0)


if __name__ == "__main__":
    main()
