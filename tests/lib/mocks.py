# Other systems as the server meets them: a TLS server on loopback that keeps what it was sent and answers as it was told to.
#
#   with Mock() as mock: mock.script("/hook", 503, 200); …; mock.requests("/hook")
import http.server
import ssl
import threading

from .server import certificate


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body


class Mock:
    """Answers 200 unless told otherwise. An answer is a status, (status, headers), (status, headers, body), or a function of
    the handler that does what it likes."""

    def __init__(self):
        mock = self
        self._lock = threading.Lock()
        self._requests, self._scripts, self._always = [], {}, {}
        self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                mock.take(self, Request(self.command, self.path, dict(self.headers), body))

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *unused):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *unused):  # who asked went away
                pass

        self.server = Listener(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate())
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def url(self, path, host="localhost"):
        return f"https://{host}:{self.port}{path}"

    def script(self, path, *answers, then=200):
        """These in turn, then always the last."""
        with self._lock:
            self._scripts[path], self._always[path] = list(answers), then

    def take(self, handler, request):
        path = request.path.partition("?")[0]
        with self._lock:
            self._requests.append(request)
            left = self._scripts.get(path, [])
            answer = left.pop(0) if left else self._always.get(path, 200)
        if callable(answer):
            handler.close_connection = True
            answer(handler)
            return
        status, headers, body = (*(answer if isinstance(answer, tuple) else (answer,)), {}, b"")[:3]
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def requests(self, path=None):
        with self._lock:
            return [r for r in self._requests if path in (None, r.path.partition("?")[0])]

    def hang(self, handler):
        """Until the mock ends."""
        self.released.wait(60)

    def pour(self, handler):
        """Ten gigabytes, as far as somebody takes them."""
        handler.send_response(200)
        handler.send_header("Content-Length", str(10 << 30))
        handler.end_headers()
        self.poured = 0
        try:
            while self.poured < 10 << 30:
                self.poured += handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()
