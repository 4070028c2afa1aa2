# The demonstration in a test: a server laid out and seeded as deploy/quickstart does it.
import os
import shutil
import subprocess

from .server import ROOT, Server, certificate, prefix


class Demo(Server):
    """A Server with the tenants, people and policies of deploy/demo/seed; logins[(tenant, login)] = password."""

    def __init__(self, **more):
        super().__init__(**more)
        state = self.directory
        os.makedirs(os.path.join(state, "tls"))
        shutil.copy(certificate()[0], os.path.join(state, "tls", "server.crt"))
        os.symlink(prefix(), os.path.join(state, "install"))
        logins = os.path.join(state, "logins.txt")
        done = subprocess.run([ROOT / "deploy/demo/seed", prefix() + "/bin/juxinctl", self.config_file,
                               os.path.join(state, "seed.done"), logins],
                              capture_output=True, text=True, env=self.environment, timeout=600)
        if done.returncode:
            raise AssertionError(f"seed: exit {done.returncode}\n{done.stdout}{done.stderr}")
        with open(logins, encoding="utf-8") as lines:
            fields = [line.split() for line in lines if line.strip()]
        self.logins = {(f[0], f[1]): f[2] for f in fields}

    def tour_environment(self):
        """What a shell needs so that the commands of the documentation mean this server."""
        return dict(self.environment, JUXIN_STATE=self.directory, JUXIN_PORT=str(self.port),
                    JUXIN_ADMIN_PORT=str(self.admin_port))
