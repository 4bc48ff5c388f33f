# SPDX-License-Identifier: Apache-2.0
"""The private place of one lab: data below the given folder, sockets in a short folder of /tmp.

A unix socket's path may have 107 bytes, so sockets never live below a build folder.  Data moves to
the short folder as well when the unprivileged users could not reach the given one (a clone in /root).
Everything is removed on `close()`, at exit and on SIGTERM/SIGINT, unless `keep`; what was mounted is unmounted.
"""

import atexit
import os
import pathlib
import shutil
import subprocess
import tempfile


def reachable_by_others(path):
    path = pathlib.Path(path).resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


class Workdir:
    def __init__(self, under, keep=False, name="lab"):
        self.keep = keep
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="mm-", dir="/tmp"))
        self.sockets.chmod(0o755)
        self.mounts = []
        self._closers = []
        self._owner = os.getpid()
        base = pathlib.Path(under)
        base.mkdir(parents=True, exist_ok=True)
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
        self.root.chmod(0o755)
        # Data the unprivileged users must reach.
        self.data = self.root if reachable_by_others(self.root) else self.sockets / "data"
        self.data.mkdir(exist_ok=True)
        atexit.register(self.close)

    def folder(self, name, user=None, mode=0o755):
        path = self.data / name
        path.mkdir(parents=True, exist_ok=True)
        if user:
            shutil.chown(path, user, user)
        path.chmod(mode)
        return path

    def log(self, name):
        folder = self.data / "log"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.log"

    def write(self, name, text, mode=0o644, user=None, group=None):
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        if user or group:
            shutil.chown(path, user, group or user)
        path.chmod(mode)
        return path

    def publish(self, program):
        """An executable that the unprivileged users can run wherever the clone is, and that stays the same while the
        build goes on: a link where that is possible, else a copy."""
        target = self.folder("bin") / pathlib.Path(program).name
        target.unlink(missing_ok=True)
        try:
            os.link(program, target)
        except OSError:
            shutil.copy2(program, target)
            target.chmod(0o755)
        return target

    def tmpfs(self, name, size, user):
        """A small file system of its own, to be filled up: size in bytes."""
        path = self.folder(name)
        owner = f"uid={shutil._get_uid(user)},gid={shutil._get_gid(user)}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,{owner}", "tmpfs", str(path)], check=True)
        self.mounts.append(path)
        return path

    def on_close(self, stop, ask=None):
        """`stop()` runs before the files go, last registered first.  Neighbours with an `ask()` are all
        asked to stop before the first of them is waited for: a Dovecot takes a second."""
        self._closers.append((stop, ask))

    def close(self):
        # A forked child inherits the exit hooks; the folder is not its own.
        if os.getpid() != self._owner:
            return
        while self._closers:
            for _, ask in reversed(self._closers):
                if ask is None:
                    break
                ask()
            stop, _ = self._closers.pop()
            stop()
        for path in reversed(self.mounts):
            subprocess.run(["umount", str(path)], check=False)
        self.mounts = []
        if not self.keep:
            shutil.rmtree(self.root, ignore_errors=True)
            shutil.rmtree(self.sockets, ignore_errors=True)
        elif self.sockets.exists() and not any(self.sockets.iterdir()):
            self.sockets.rmdir()
        atexit.unregister(self.close)
