"""A Debian with systemd as PID 1, in a directory: made with debootstrap, booted with systemd-nspawn, entered with nsenter.

Nothing outside of the work directory is touched, and only processes started here are ended. The machine shares the
host's network, so that the simulator on the host's loopback is its upstream.
"""

import os
import shutil
import subprocess
import time

PACKAGES = (
    "systemd,systemd-sysv,dbus,libpam-systemd,libnss-systemd,ca-certificates,tzdata,python3-minimal,libpython3-stdlib,"
    "libsqlite3-0,zlib1g,libstdc++6,strace"
)


class Failed(Exception):
    """A command in the machine that should have worked and did not."""


class Machine:
    def __init__(self, work, cache):
        self.root = os.path.join(work, "root")
        self.cache = os.path.join(cache, "bookworm.tar")
        self.console = os.path.join(work, "console.log")
        self.nspawn = None
        self.leader = None

    def make(self):
        """Unpacks a minimal Debian, bootstrapping it the first time."""
        os.makedirs(self.root)
        if not os.path.exists(self.cache):
            os.makedirs(os.path.dirname(self.cache), exist_ok=True)
            subprocess.run(
                # A mirror that does not answer is no reason to wait for hours.
                ["timeout", "-k", "5", "300", "debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", self.root],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            partial = self.cache + ".partial"
            subprocess.run(["tar", "--numeric-owner", "-C", self.root, "-cf", partial, "."], check=True)
            os.rename(partial, self.cache)
        else:
            subprocess.run(["tar", "--numeric-owner", "-C", self.root, "-xpf", self.cache], check=True)
        for unit in ("systemd-networkd", "systemd-resolved"):
            subprocess.run(
                ["systemctl", f"--root={self.root}", "disable", unit], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
        self.write("/etc/hosts", "127.0.0.1 localhost\n")
        for name, groups in (("alice", []), ("bob", []), ("mallory", [])):
            self.chroot("useradd", "-m", name, *groups)

    def chroot(self, *command):
        subprocess.run(["chroot", self.root, *command], check=True, stdout=subprocess.DEVNULL)

    def path(self, path):
        return self.root + path

    def write(self, path, text, mode=0o644):
        target = self.path(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(target, mode)

    def read(self, path):
        with open(self.path(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def copy(self, source, path, mode=0o644):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        shutil.copy(source, self.path(path))
        os.chmod(self.path(path), mode)

    def boot(self):
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "-D", self.root, f"--machine=darkroom-{os.getpid()}", "--register=no", "--keep-unit",
                 "-b", "--console=pipe"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.nspawn.poll() is not None:
                raise Failed("systemd-nspawn ended; see " + self.console)
            if self.leader is None:
                children = subprocess.run(
                    ["pgrep", "-P", str(self.nspawn.pid)], capture_output=True, text=True, check=False).stdout.split()
                self.leader = children[0] if children else None
            elif self.sh("systemctl is-system-running", check=False).stdout.strip() in ("running", "degraded"):
                return
            time.sleep(0.3)
        raise Failed("the machine did not boot within 90 s; see " + self.console)

    def sh(self, script, check=True, timeout=120, stdin=None):
        """Runs a shell script as root in the machine."""
        done = subprocess.run(
            ["nsenter", "-t", self.leader, "-a", "/bin/sh", "-c", script], capture_output=True, text=True,
            errors="replace", timeout=timeout, input=stdin if stdin is not None else "", check=False)
        if check and done.returncode != 0:
            raise Failed(f"{script}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def run_as(self, user, script, check=True, timeout=120, unit=None):
        """Runs a shell script as a user, in a unit of its own as a real service would be."""
        name = f"--unit={unit}" if unit else "--quiet"
        command = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", name, f"--uid={user}",
                   "/bin/sh", "-c", script]
        done = subprocess.run(
            ["nsenter", "-t", self.leader, "-a", *command], capture_output=True, text=True, errors="replace",
            timeout=timeout, input="", check=False)
        if check and done.returncode != 0:
            raise Failed(f"as {user}: {script}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *command):
        """Starts a program of root's beside the test; the caller waits for it."""
        return subprocess.Popen(
            ["nsenter", "-t", self.leader, "-a", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def start_as(self, user, script):
        """Starts what runs beside the test; the caller waits for it."""
        return subprocess.Popen(
            ["nsenter", "-t", self.leader, "-a", "systemd-run", "--quiet", "--wait", "--pipe", "--collect",
             f"--uid={user}", "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def property(self, unit, name):
        return self.sh(f"systemctl show -p {name} --value {unit}").stdout.strip()

    def main_pid(self):
        return self.property("darkroom.service", "MainPID")

    def wait_until(self, condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.2)
        raise Failed(f"not within {seconds} s: {what}")

    def end(self):
        if self.nspawn is None:
            return
        if self.nspawn.poll() is None:
            self.nspawn.terminate()
            try:
                self.nspawn.wait(30)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
