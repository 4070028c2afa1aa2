# Small file systems that a test may fill up. They live in a mount namespace of the test's own, so that none is left behind
# whatever happens: it ends with the last process in it.
import contextlib
import ctypes
import os
import shutil
import subprocess

from . import harness

CLONE_NEWNS = 0x20000
_is_private = False


def _enter_namespace():
    """Before anything else of the test is started: what was started earlier does not see the mounts."""
    global _is_private
    if _is_private:
        return
    if os.geteuid() != 0:
        harness.skip("mounting a small file system needs root")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        harness.skip(f"no mount namespace of our own here: {os.strerror(ctypes.get_errno())}")
    made = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True)
    if made.returncode:
        harness.skip(f"mounting is not allowed here: {made.stderr.strip()}")
    _is_private = True


class SmallFilesystem:
    """A tmpfs of so many KiB on a directory of the test's."""

    def __init__(self, name, kilobytes, user=None):
        _enter_namespace()
        self.path = os.path.join(harness.scratch(), name)
        os.mkdir(self.path)
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0755", "none", self.path],
                              capture_output=True, text=True)
        if made.returncode:
            harness.skip(f"mounting a tmpfs is not allowed here: {made.stderr.strip()}")
        if user:
            shutil.chown(self.path, user, user)
        self.ballast = os.path.join(self.path, "ballast")

    @contextlib.contextmanager
    def full(self):
        """Inside of it not one more byte goes in; behind it there is space again, even when the test failed."""
        self._fill()
        try:
            yield
        finally:
            os.unlink(self.ballast)

    def _fill(self):
        with open(self.ballast, "ab", buffering=0) as out:
            for size in (1 << 20, 4096, 1):
                try:
                    while out.write(b"\0" * size):
                        pass
                except OSError:
                    continue
