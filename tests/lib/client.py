# HTTP for tests: a small client with cookies and tokens, and raw bytes for what no client would send.
import http.client
import json
import socket
import ssl


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:600]}>"


def is_stream(response):
    return response.headers.get("Content-Type") == "text/event-stream"


def first_block(response):
    """Of an answer that has no end."""
    lines = []
    while lines[-1:] != [b"\n"] and (line := response.readline()):
        lines.append(line)
    return b"".join(lines)


def tls_context(certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


class Client:
    """One visitor: keeps cookies, sends the CSRF token back, or a bearer token where one is set."""

    def __init__(self, port, certificate=None, address="127.0.0.1", token=None):
        self.port, self.certificate, self.address = port, certificate, address
        self.token = token
        self.cookies = {}
        self.csrf = None

    def connection(self, timeout=30):
        if self.certificate:
            return http.client.HTTPSConnection(self.address, self.port, timeout=timeout,
                                               context=tls_context(self.certificate))
        return http.client.HTTPConnection(self.address, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=30):
        """body: None, bytes, or anything JSON can say."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        if self.token:
            headers.setdefault("Authorization", "Bearer " + self.token)
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        if self.csrf and method not in ("GET", "HEAD"):
            headers.setdefault("X-CSRF-Token", self.csrf)
        connection = self.connection(timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response, first_block(response) if is_stream(response) else response.read())
        finally:
            connection.close()
        self._keep_cookies(answer)
        return answer

    def _keep_cookies(self, answer):
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            if value and "max-age=0" not in line.lower():
                self.cookies[name.strip()] = value
            else:
                self.cookies.pop(name.strip(), None)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.request("PATCH", path, body, **more)

    def put(self, path, body=None, **more):
        return self.request("PUT", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)


def raw_socket(port, certificate=None, address="127.0.0.1", timeout=30):
    connection = socket.create_connection((address, port), timeout=timeout)
    return tls_context(certificate).wrap_socket(connection, server_hostname="localhost") if certificate else connection


def raw_exchange(port, data, certificate=None, timeout=30):
    """Sends the bytes, then reads until the server closes or the time is over; returns what came."""
    received = b""
    with raw_socket(port, certificate, timeout=timeout) as connection:
        connection.sendall(data)
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError, ssl.SSLError):
            pass
    return received
