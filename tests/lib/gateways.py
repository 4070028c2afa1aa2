# The other sides of channels, as their documentation has them, in one TLS server on loopback: each checks what it is sent the way the
# real one does, and refuses what that would refuse. What a test scripts for a path answers instead.
#
#   with Gateways() as gateways: gateways.script("/sms", (200, {}, b'{"Code":"isv.X"}')); …; gateways.got("/sms")
import json
import re

from .mocks import Mock


def answer(body, status=200, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body, ensure_ascii=False).encode()


class Gateways(Mock):
    def __init__(self):
        super().__init__()
        self.checks = {"/sms": self.sms}
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
