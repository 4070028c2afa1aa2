# Accounts that sign nothing in: made in the database with a token each, for tests that ask much and are not about signing in.
import hashlib
import http.client
import json
import secrets
import uuid

from .client import Answer, Client


class Person(Client):
    """A bearer of a token on one connection that is kept; `account` is the account's id."""

    def __init__(self, server, tenant, login, account, token):
        super().__init__(server.plain_port, token=token)
        self.base = f"/t/{tenant}/api/v1/"
        self.login, self.account = login, account
        self._kept = None

    def request(self, method, path, body=None, headers=None, timeout=60):
        """path: below the tenant's API, or from the root."""
        for again in (True, False):
            if self._kept is None:
                self._kept = self.connection(timeout)
            try:
                return self._ask(method, path if path.startswith("/") else self.base + path, body, dict(headers or {}))
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                self._kept.close()  # kept too long: once more on a fresh one
                self._kept = None
                if not again or method != "GET":
                    raise

    def _ask(self, method, path, body, headers):
        headers.setdefault("Authorization", "Bearer " + self.token)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        self._kept.request(method, path, body, headers)
        response = self._kept.getresponse()
        answer = Answer(response, response.read())
        if response.will_close:
            self._kept.close()
            self._kept = None
        return answer


def make_people(server, tenant, *logins):
    """{login: Person}; before the server starts, or from the next request on. They hold nothing yet."""
    made, sql = {}, []
    for login in logins:
        account, token = str(uuid.uuid4()), "jx_" + secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()
        made[login] = Person(server, tenant, login, account, token)
        sql.append("INSERT INTO juxin.account (tenant_id, id, login, display_name, must_change_password)"
                   f" SELECT id, '{account}', '{login}', '{login}', false FROM juxin.tenant WHERE slug = '{tenant}';"
                   "INSERT INTO juxin.api_token (tenant_id, id, account_id, name, token_hash, expires_at)"
                   f" SELECT id, '{uuid.uuid4()}', '{account}', 'test', '{digest}', now() + interval '1 day'"
                   f" FROM juxin.tenant WHERE slug = '{tenant}';")
    server.psql("".join(sql))
    return made
