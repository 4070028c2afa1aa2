# The other sides of channels, as their documentation has them, in one TLS server on loopback: each checks what it is sent the way the
# real one does, and refuses what that would refuse. What a test scripts for a path answers instead.
#
#   with Gateways() as gateways: gateways.script("/sms", (200, {}, b'{"Code":"isv.X"}')); …; gateways.got("/sms")
import base64
import email
import email.policy
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse

from .mocks import Mock
from .server import certificate


def answer(body, status=200, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body, ensure_ascii=False).encode()


class Gateways(Mock):
    def __init__(self):
        super().__init__()
        self.checks = {"/sms": self.sms, "/cgi-bin/webhook/send": self.wecom_robot, "/cgi-bin/gettoken": self.wecom_token,
                       "/cgi-bin/message/send": self.wecom_app, "/robot/send": self.dingtalk, "/cgi-bin/token": self.wechat_token,
                       "/cgi-bin/message/template/send": self.wechat}
        self.tokens = {}  # of each kind the one that is believed: a new one ends the one before
        self.renewed = {"wecom": 0, "wechat": 0}
        self.taken = []  # what would have been delivered, as (path, content)

    def take(self, handler, request):
        """A path without a script left answers by its check."""
        path = request.path.partition("?")[0]
        check = self.checks.get(path)
        with self._lock:
            if check and not self._scripts.get(path):
                self._scripts[path] = [check(request)]
        super().take(handler, request)

    def got(self, path):
        return [content for where, content in self.taken if where == path]

    # ---- SMS, as the large ones have it: a template and parameters ----

    def sms(self, request):
        if request.headers.get("X-Key") != "Key-1+=&":
            return answer({"Code": "InvalidAccessKeyId.NotFound"})
        body = json.loads(request.body)
        if not re.fullmatch(r"1[3-9]\d{9}", body["PhoneNumbers"]):
            return answer({"Code": "isv.MOBILE_NUMBER_ILLEGAL"})
        if body["TemplateCode"] not in ("SMS_1", "SMS_2"):
            return answer({"Code": "isv.SMS_TEMPLATE_ILLEGAL"})
        params = json.loads(body["TemplateParam"])
        if not all(isinstance(v, str) for v in params.values()):
            return answer({"Code": "isv.TEMPLATE_PARAMS_ILLEGAL"})
        if any(len(v) > 35 for v in params.values()):
            return answer({"Code": "isv.PARAM_LENGTH_LIMIT"})
        self.taken.append(("/sms", (body, params)))
        return answer({"Code": "OK"})

    # ---- WeCom ----

    @staticmethod
    def query(request):
        return dict(urllib.parse.parse_qsl(request.path.partition("?")[2], strict_parsing=True))

    def wecom_robot(self, request):
        body = json.loads(request.body)
        if self.query(request) != {"key": "robot&key"}:
            return answer({"errcode": 93000, "errmsg": "invalid webhook url"})
        if body["msgtype"] != "text" or len(body["text"]["content"].encode()) > 2048:
            return answer({"errcode": 40058, "errmsg": "text.content exceed max length 2048"})
        self.taken.append(("/cgi-bin/webhook/send", body["text"]["content"]))
        return answer({"errcode": 0, "errmsg": "ok"})

    def token(self, kind, known):
        if not known:
            return answer({"errcode": 40001, "errmsg": "invalid credential"})
        self.renewed[kind] += 1
        self.tokens[kind] = f"{kind}/token+{self.renewed[kind]}"
        return answer({"errcode": 0, "access_token": self.tokens[kind], "expires_in": 7200})

    def wecom_token(self, request):
        return self.token("wecom", self.query(request) == {"corpid": "ww1", "corpsecret": "s=1"})

    def wecom_app(self, request):
        body = json.loads(request.body)
        if self.query(request) != {"access_token": self.tokens.get("wecom")}:
            return answer({"errcode": 42001, "errmsg": "access_token expired"})
        if body["agentid"] != 7 or body["msgtype"] != "text" or len(body["text"]["content"].encode()) > 2048:
            return answer({"errcode": 40008, "errmsg": "invalid message type"})
        if body["touser"] == "stranger":
            return answer({"errcode": 0, "errmsg": "ok", "invaliduser": "stranger"})
        self.taken.append(("/cgi-bin/message/send", (body["touser"], body["text"]["content"])))
        return answer({"errcode": 0, "errmsg": "ok", "msgid": "1"})

    # ---- DingTalk ----

    def dingtalk(self, request):
        query, body = self.query(request), json.loads(request.body)
        said = f"{query['timestamp']}\nSECtest".encode()
        sign = base64.b64encode(hmac.new(b"SECtest", said, hashlib.sha256).digest()).decode()
        if query["access_token"] != "ding":
            return answer({"errcode": 300005, "errmsg": "token is not exist"})
        if query["sign"] != sign or abs(int(query["timestamp"]) / 1000 - time.time()) > 3600:
            return answer({"errcode": 310000, "errmsg": "sign not match"})
        if body["msgtype"] != "text" or len(request.body) > 20000:
            return answer({"errcode": 460101, "errmsg": "message too long"})
        self.taken.append(("/robot/send", body["text"]["content"]))
        return answer({"errcode": 0, "errmsg": "ok"})

    # ---- WeChat ----

    def wechat_token(self, request):
        return self.token("wechat", self.query(request) == {"grant_type": "client_credential", "appid": "wx1", "secret": "s=2"})

    def wechat(self, request):
        body = json.loads(request.body)
        if self.query(request) != {"access_token": self.tokens.get("wechat")}:
            return answer({"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"})
        if body["template_id"] not in ("TM1", "TM2") or not all(isinstance(v["value"], str) for v in body["data"].values()):
            return answer({"errcode": 40037, "errmsg": "invalid template_id"})
        if body["touser"] == "left":
            return answer({"errcode": 43004, "errmsg": "require subscribe"})
        if len(body["client_msg_id"]) != 36:
            return answer({"errcode": 47001, "errmsg": "data format error"})
        self.taken.append(("/cgi-bin/message/template/send", (body["touser"], {k: v["value"] for k, v in body["data"].items()})))
        return answer({"errcode": 0, "errmsg": "ok", "msgid": 1})


class MailServer:
    """SMTP with STARTTLS (RFC 5321, 3207), as strict as a relay is. script(reply, …) answers the end of DATA, `at` says where else
    something happens: {"RCPT": "550 5.1.1 no such user"}; a callable gets the connection."""

    def __init__(self, implicit=False):
        self.mails, self.faults, self.at, self.replies, self.asked = [], [], {}, [], 0
        self.implicit, self.released = implicit, threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate())
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self):
        return f"{'smtps' if self.implicit else 'smtp'}://localhost:{self.port}"

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        self.asked += 1
        connection.settimeout(60)
        try:
            self.talk(connection)
        except (OSError, ValueError, EOFError):
            pass
        finally:
            connection.close()

    def talk(self, connection):
        if self.implicit:
            connection = self.context.wrap_socket(connection, server_side=True)
        is_secure, envelope, file = self.implicit, {}, connection.makefile("rb")

        def say(*lines):
            connection.sendall("".join(line + "\r\n" for line in lines).encode())

        say(self.at.get("greeting", "220 mock ESMTP"))
        while True:
            line = file.readline()
            if not line:
                raise EOFError
            if not line.endswith(b"\r\n"):
                self.faults.append(f"a bare line: {line}")
            text = line.decode("ascii").rstrip("\r\n")
            verb = text.split(" ")[0].split(":")[0].upper()
            special = self.at.get(verb)
            if callable(special):
                special(connection)
                return
            if special:
                say(special)
                if special.startswith("421"):
                    return
            elif verb == "EHLO":
                say("250-mock", *([] if is_secure else ["250-STARTTLS"]), "250-AUTH PLAIN LOGIN", "250 SIZE 1000000")
            elif verb == "STARTTLS":
                say("220 go ahead")
                connection = self.context.wrap_socket(connection, server_side=True)
                is_secure, file = True, connection.makefile("rb")
            elif verb == "AUTH":
                if not is_secure:
                    self.faults.append("a password without TLS")
                kind, _, given = text[5:].partition(" ")
                if not given:
                    say("334 ")
                    given = file.readline().decode().strip()
                good = base64.b64decode(given) == b"\0robot\0p w"
                say("235 2.7.0 welcome" if good else "535 5.7.8 bad credentials")
                envelope["auth"] = good
            elif verb in ("MAIL", "RCPT"):
                if not is_secure:
                    self.faults.append("mail without TLS")
                address = re.fullmatch(r"(?:MAIL FROM|RCPT TO):<([^<>]+)>( SIZE=\d+)?", text)
                if not address:
                    self.faults.append(f"odd: {text}")
                envelope[verb] = address[1]
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    piece = file.readline()
                    if not piece:
                        raise EOFError
                    data += piece
                reply = self.replies.pop(0) if self.replies else "250 2.0.0 queued"
                if callable(reply):
                    reply(connection)
                    return
                if reply.startswith("250"):
                    self.mails.append((dict(envelope), self.checked(data[:-3])))
                say(reply)
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def checked(self, data):
        """What a strict relay refuses (RFC 5322, 2047)."""
        head = data.partition(b"\r\n\r\n")[0]
        for line in data.split(b"\r\n"):
            if len(line) > 998 or b"\n" in line or any(c > 126 for c in line):
                self.faults.append(f"a line that is none: {line}")
        for line in head.split(b"\r\n"):
            if len(line) > 78 + 40:
                self.faults.append(f"a long header line: {line}")
            for word in re.findall(rb"=\?[^ ]*\?=", line):
                if len(word) > 75:
                    self.faults.append(f"a long encoded word: {word}")
        mail = email.message_from_bytes(data, policy=email.policy.default)
        names = [name.lower() for name in mail.keys()]
        for name in ("from", "to", "subject", "date", "message-id", "mime-version"):
            if names.count(name) != 1:
                self.faults.append(f"{names.count(name)} of {name}")
        return mail

    def hang(self, connection):
        self.released.wait(60)

    def close(self):
        self.released.set()
        self.listener.close()
