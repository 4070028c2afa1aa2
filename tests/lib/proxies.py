# Debian's nginx and haproxy in front of a server, on loopback, with everything they write in the test's own directory. The
# machine's own services are not touched. Each knows, from its access log, which requests it took for requests.
import os
import re
import shutil
import socket
import subprocess

from . import harness
from .server import free_port, service_user

# Short, since some samples leave a proxy waiting for more; long enough that a marker is never late on a loaded machine.
WAIT_S = 3
NGINX = r"""
daemon off;
master_process off;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 512; }
http {
    log_format seen '$http_traceparent|$status|$upstream_addr';
    access_log access.log seen;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_header_timeout %(wait)ds; client_body_timeout %(wait)ds; keepalive_timeout 60s; lingering_timeout 1s;
    keepalive_requests 100000;
    upstream juxin { server 127.0.0.1:%(backend)d max_fails=0; keepalive 2; }
    server {
        listen 127.0.0.1:%(port)d;
        %(server)s
        location / {
            proxy_pass http://juxin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_next_upstream off;
            %(location)s
        }
    }
}
"""
HAPROXY = r"""
global
    log stdout format raw local0
    maxconn 512
defaults
    mode http
    log global
    timeout connect 5s
    timeout server %(wait)ds
    timeout client %(wait)ds
    timeout http-request %(wait)ds
    timeout http-keep-alive 60s
    retries 0
    http-reuse always
    %(defaults)s
frontend front
    bind 127.0.0.1:%(port)d
    http-request capture req.hdr(traceparent) len 60
    log-format "%%[capture.req.hdr(0)]|%%ST|%%s"
    default_backend back
backend back
    server juxin 127.0.0.1:%(backend)d maxconn 4
"""


class Proxy:
    """What both have in common: `port`, and after stop() `seen()`."""

    def __init__(self, name, backend):
        self.name, self.port = name, free_port()
        self.directory = os.path.join(harness.scratch(), name)
        os.mkdir(self.directory, 0o755)
        self.backend = backend
        if service_user():
            shutil.chown(self.directory, service_user())
        self.process = None

    def write(self, name, text, **values):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text % dict(values, port=self.port, backend=self.backend, wait=WAIT_S))
        return path

    def run(self, command):
        with open(os.path.join(self.directory, "output"), "wb") as output:
            self.process = harness.start_process(command, stdin=subprocess.DEVNULL, stdout=output,
                                                 stderr=subprocess.STDOUT, cwd=self.directory, user=service_user())
        harness.on_exit(self.stop)
        harness.wait_until(self.answers, 20, f"{self.name} listening")
        return self

    def answers(self):
        assert self.process.poll() is None, self.read("output")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def read(self, name):
        with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as text:
            return text.read()

    def seen(self):
        """(trace id, whether it was forwarded) of every request the proxy took for one."""
        found = []
        for trace, forwarded in self.lines():
            well_formed = re.fullmatch(r"00-([0-9a-f]{32})-.*", trace)
            found.append((well_formed[1] if well_formed else "", forwarded))
        return found


class Nginx(Proxy):
    def __init__(self, name, backend, server="", location=""):
        super().__init__(name, backend)
        config = self.write("nginx.conf", NGINX, server=server, location=location)
        self.run(["nginx", "-p", self.directory, "-c", config, "-e", "error.log"])

    def lines(self):
        for line in self.read("access.log").splitlines():
            trace, _, upstream = line.split("|")
            yield trace, upstream != "-"


class Haproxy(Proxy):
    def __init__(self, name, backend, defaults=""):
        super().__init__(name, backend)
        config = self.write("haproxy.cfg", HAPROXY, defaults=defaults)
        self.run(["haproxy", "-db", "-f", config])

    def lines(self):
        for line in self.read("output").splitlines():
            if line.count("|") == 2:
                trace, _, server = line.split("|")
                yield trace, server != "<NOSRV>"
