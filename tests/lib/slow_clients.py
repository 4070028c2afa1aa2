#!/usr/bin/env python3
# Clients that take their time, in a process of their own: slow_clients.py once|again PORT TICK PATH MODE=COUNT...
#
# Each sends or reads one byte every TICK seconds until the server ends it; again: and then begins anew. PATH answers with
# more than socket buffers hold. Prints a line "ready" when all are connected. Ends when its input does or all have ended,
# with one JSON object: {MODE: [[seconds the server let it live, the status line it was given or "" or "reset"], …]}.
#   header     never comes to the end of its fields          second   the same, behind a request that was answered
#   body       a body by Content-Length                      chunked  a body in chunks of one byte
#   reader     does not take its answer                      hello    a TLS handshake (PORT must speak TLS)
#   silent     connects and says nothing
import json
import select
import socket
import ssl
import sys
import time

HEAD = b"HTTP/1.1\r\nHost: a\r\n"
BEGIN = {"header": b"GET / " + HEAD + b"X: ", "second": b"GET / " + HEAD + b"\r\n",
         "body": b"POST / " + HEAD + b"Content-Length: 100000\r\n\r\n",
         "chunked": b"POST / " + HEAD + b"Transfer-Encoding: chunked\r\n\r\n", "silent": b"", "hello": b"", "reader": None}


def client_hello():
    out = ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Slow:
    def __init__(self, mode, port, path):
        self.mode, self.sent, self.heard = mode, 0, b""
        self.socket = socket.socket()
        if mode == "reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.began = time.monotonic()
        self.socket.sendall(b"GET " + path.encode() + b" " + HEAD + b"\r\n" if mode == "reader" else BEGIN[mode])
        if mode == "second":
            while b"\r\n\r\n" not in self.heard:
                self.heard += self.socket.recv(65536)
            self.heard, self.began = b"", time.monotonic()
            self.socket.sendall(BEGIN["header"])
        self.socket.setblocking(False)

    def next_bytes(self):
        if self.mode == "hello":
            return HELLO[self.sent:self.sent + 1]
        return {"chunked": b"1\r\na\r\n", "silent": b"", "reader": b""}.get(self.mode, b"a")

    def tick(self):
        """One byte more. What the server made of it when it has ended, else None."""
        try:
            if self.mode == "reader":
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
    again, port, tick, path = sys.argv[1] == "again", int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    modes = [mode for pair in sys.argv[5:] for mode, count in [pair.split("=")] for _ in range(int(count))]
    clients = [Slow(mode, port, path) for mode in modes]
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
                    clients.append(Slow(client.mode, port, path))
    json.dump(ended, sys.stdout)


HELLO = client_hello()
if __name__ == "__main__":
    main()
