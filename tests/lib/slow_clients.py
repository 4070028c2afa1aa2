#!/usr/bin/env python3
# Clients that take their time, in a process of their own: slow_clients.py once|again PORT TICK MODE=COUNT...
#
# Each sends or reads one byte every TICK seconds until the server ends it; again: and then begins anew. Prints a line "ready" when all are connected. Ends when its input does or all have ended,
# with one JSON object: {MODE: [[seconds the server let it live, the status line it was given or "" or "reset"], …]}.
#   header     never comes to the end of its fields          second   the same, behind a request that was answered
#   body       a body by Content-Length                      chunked  a body in chunks of one byte
#   reader     /large.txt, which socket buffers do not hold  hello    a TLS handshake (PORT must speak TLS)
#   sipper     /medium.txt, which they do                    silent   connects and says nothing
#   closer     the same, with Connection: close
import json
import select
import socket
import ssl
import sys
import time

HEAD = b"HTTP/1.1\r\nHost: a\r\n"
BEGIN = {"header": b"GET / " + HEAD + b"X: ", "second": b"GET / " + HEAD + b"\r\n",
         "body": b"POST / " + HEAD + b"Content-Length: 100000\r\n\r\n",
         "chunked": b"POST / " + HEAD + b"Transfer-Encoding: chunked\r\n\r\n", "silent": b"", "hello": b"", "reader": b"GET /large.txt " + HEAD + b"\r\n",
         "sipper": b"GET /medium.txt " + HEAD + b"\r\n",
         "closer": b"GET /medium.txt " + HEAD + b"Connection: close\r\n\r\n"}
READERS = ("reader", "sipper", "closer")


def client_hello():
    out = ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Slow:
    def __init__(self, mode, port):
        self.mode, self.sent, self.heard = mode, 0, b""
        self.socket = socket.socket()
        if mode in READERS:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.began = time.monotonic()
        self.socket.sendall(BEGIN[mode])
        if mode == "second":
            while b"\r\n\r\n" not in self.heard:
                self.heard += self.socket.recv(65536)
            self.heard, self.began = b"", time.monotonic()
            self.socket.sendall(BEGIN["header"])
        self.socket.setblocking(False)

    def next_bytes(self):
        if self.mode == "hello":
            return HELLO[self.sent:self.sent + 1]
        return {"chunked": b"1\r\na\r\n", "silent": b""}.get(self.mode, b"a")

    def tick(self):
        """One byte more. What the server made of it when it has ended, else None."""
        try:
            if self.mode in READERS:
                return self.read_one()
            self.sent += self.socket.send(self.next_bytes()) if self.next_bytes() else 0
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return self.heard.split(b"\r\n")[0].decode("latin-1")
                self.heard += data
        except BlockingIOError:
            return None
        except (ConnectionResetError, BrokenPipeError):
            return self.heard.split(b"\r\n")[0].decode("latin-1") or "reset"

    def read_one(self):
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        events = dict(poll.poll(0)).get(self.socket.fileno(), 0)
        if events & (select.POLLHUP | select.POLLERR):
            return "reset"
        return None if not events or self.socket.recv(1) else ""


def main():
    again, port, tick = sys.argv[1] == "again", int(sys.argv[2]), float(sys.argv[3])
    modes = [mode for pair in sys.argv[4:] for mode, count in [pair.split("=")] for _ in range(int(count))]
    clients = [Slow(mode, port) for mode in modes]
    ended = {mode: [] for mode in modes}
    print("ready", flush=True)
    while clients and not select.select([sys.stdin], [], [], tick)[0]:
        for client in list(clients):
            end = client.tick()
            if end is not None:
                ended[client.mode].append([time.monotonic() - client.began, end])
                client.socket.close()
                clients.remove(client)
                if again:
                    clients.append(Slow(client.mode, port))
    json.dump(ended, sys.stdout)


HELLO = client_hello()
if __name__ == "__main__":
    main()
