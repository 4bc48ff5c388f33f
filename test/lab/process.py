# SPDX-License-Identifier: Apache-2.0
"""Child processes that cannot be left behind.

Every child is stopped by its own pid, never by name.  The kernel sends `orphan_signal` to a child
whose parent died (PR_SET_PDEATHSIG), so a killed test run leaves no server.  That signal is tied
to the *thread* that started the child: start servers from the main thread.
"""

import ctypes
import os
import pwd
import random
import signal
import socket
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000

# The accounts of the lab.  Each store has its own mail user, the daemon has a third.
USERS = ("mmprod", "mmdr", "mirrord-test")


class LabError(Exception):
    """A server that did not start, an answer that should not be: never skipped silently."""


def ensure_user(name):
    """The passwd entry of system user `name`, created when missing (needs root)."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    result = subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir",
                             "/nonexistent", "--shell", "/usr/sbin/nologin", name],
                            capture_output=True, text=True)
    # 9 = another lab created it in the same moment.
    if result.returncode not in (0, 9):
        raise LabError(f"useradd {name}: {result.stderr.strip()}")
    return pwd.getpwnam(name)


_OURS = []  # what reserves our ports, for as long as this process lives


def free_port():
    """A free loopback port below the ephemeral range, so that no outgoing connection takes it while a server is being
    restarted. No other lab gets it, also before the server listens there."""
    for _ in range(500):
        port = random.SystemRandom().randrange(20000, 32000)
        reserved = socket.socket(socket.AF_UNIX)
        try:
            reserved.bind(f"\0message-mirror-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
            continue
        _OURS.append(reserved)
        return port
    raise LabError("no free loopback port")


def wait_until(condition, what, seconds=10.0, step=0.02):
    """The first true result of `condition()`; LabError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise LabError(f"waited {seconds:g} s for {what}")
        time.sleep(step)


def tail(path, lines=15):
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def stat_fields(pid):
    """What the kernel tells of a process, from its state on; OSError when there is none."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        stat = file.read()
    # The command name may hold anything; the fields start behind its last parenthesis.
    return stat[stat.rindex(b")") + 2:].split()


def tree_of(pid):
    """The pids below `pid` (children, grandchildren, ...), as /proc shows them now."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(stat_fields(entry)[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def started_at(pid):
    """The kernel's start time of a process: with the pid, an identity that is never reused."""
    try:
        fields = stat_fields(pid)
        return None if fields[0] == b"Z" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def enter_usr(usr):
    """For a fresh child (preexec_fn), as root: from here on /usr is `usr`, another Debian's, and all else is as it was.  The
    mount is seen by this process and its children alone and goes with the last of them."""
    def check(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), f"/usr cannot be {usr}")

    check(_libc.unshare(_CLONE_NEWNS))
    check(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    check(_libc.mount(os.fsencode(usr), b"/usr", None, ctypes.c_ulong(_MS_BIND), None))


class Process:
    """One child.  `user` runs it unprivileged; output goes to `log`; `usr`: see enter_usr."""

    def __init__(self, name, argv, log, user=None, env=None, cwd="/", stop_signal=signal.SIGTERM,
                 orphan_signal=None, groups=(), usr=None):
        self.name, self.argv, self.log, self.user = name, list(argv), str(log), user
        self.env, self.cwd, self.stop_signal = env, cwd, stop_signal
        self.orphan_signal = orphan_signal or stop_signal
        self.groups, self.usr = groups, usr
        self.child = None
        self.asked = False

    @property
    def pid(self):
        return self.child.pid if self.child else None

    def start(self):
        if self.running():
            raise LabError(f"{self.name} is already running")
        self.asked = False
        orphan = int(self.orphan_signal)
        options = {}
        if self.user:
            entry = pwd.getpwnam(self.user)
            options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": list(self.groups)}
        identity = options if self.usr else {}
        options = {} if self.usr else options

        def before_exec():
            if self.usr:  # before the rights for it go
                enter_usr(self.usr)
            if identity:
                os.setgroups(identity["extra_groups"])
                os.setgid(identity["group"])
                os.setuid(identity["user"])
            _libc.prctl(_PR_SET_PDEATHSIG, orphan, 0, 0, 0)

        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
        env.update(self.env or {})
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          cwd=self.cwd, env=env, start_new_session=True,
                                          preexec_fn=before_exec, **options)
        return self

    def running(self):
        return self.child is not None and self.child.poll() is None

    def stands_still(self):
        """Stopped by a signal (SIGSTOP)."""
        return self.running() and stat_fields(self.pid)[0] == b"T"

    def wait(self, seconds):
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise LabError(f"{self.name} (pid {self.pid}) did not end within {seconds:g} s") from late

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def ask(self):
        """Asks it to stop, once, without waiting."""
        if not self.asked:
            self.asked = True
            self.signal(self.stop_signal)

    def kill(self, whole_tree=False):
        """SIGKILL, as a crash would; with `whole_tree` the helpers die too."""
        if not self.child:
            return
        helpers = tree_of(self.pid) if whole_tree else []
        dying = [(pid, started_at(pid)) for pid in helpers]
        self.signal(signal.SIGKILL)
        for pid in helpers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        wait_until(lambda: not [pid for pid, when in dying if when and started_at(pid) == when],
                   f"the helpers of {self.name} to end", 10.0)

    def stop(self, seconds=10.0):
        """Polite stop, then SIGKILL; the exit code."""
        if not self.child:
            return None
        helpers = [(pid, started_at(pid)) for pid in tree_of(self.pid)] if self.running() else []
        self.ask()
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            code = self.child.wait()
        self._reap(helpers)
        return code

    def _reap(self, helpers):
        """No helper outlives its master: those still there after 2 s are killed by pid."""
        end = time.monotonic() + 2.0
        while helpers and time.monotonic() < end:
            helpers = [(pid, when) for pid, when in helpers if when and started_at(pid) == when]
            if helpers:
                time.sleep(0.02)
        for pid, _ in helpers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # Gone for certain: a file written after this would survive the clean-up.
        wait_until(lambda: not [pid for pid, when in helpers if started_at(pid) == when],
                   f"the helpers of {self.name} to end", 10.0)

    def log_tail(self, lines=15):
        return tail(self.log, lines)
