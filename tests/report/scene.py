# A machine with a few containers, for looking at a report of it: real ones of runc, in a mount and a
# PID namespace of this program's own, with a bpffs and an empty /run. Nothing of it outlives the
# program.
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

RUN = pathlib.Path("/run/scene")
PINS = pathlib.Path("/sys/fs/bpf")
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"]

# What a container could name so that a page takes it for something else: markup, quotes, a sign that
# turns text round, bytes that are not UTF-8.
HOSTILE_PINS = [b"<img src=x onerror=alert(1)>", b"\"><script>alert(2)<_script>", b"a&amp;b",
                b"gpj\xe2\x80\xaeexe", b"\xff\xfe", b"l" * 200]
HOSTILE_COMMAND = b"<b>\"'&\n<i>"

POLICY = """apiVersion: pinscope/v1
kind: Policy
metadata:
  name: {name}
spec:
  select:
    bundle: {bundles}
  grants:
{grants}
"""


def enter():
    """Begins again as process 1 of namespaces of its own; returns there."""
    if os.environ.pop("SCENE_INSIDE", None) is None:
        os.environ["SCENE_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                              "--kill-child", "--mount-proc", "--", *read_command()])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"], check=True)
    subprocess.run(["mount", "-t", "bpf", "bpf", str(PINS)], check=True)


def read_command():
    words = pathlib.Path("/proc/self/cmdline").read_bytes().split(b"\0")[:-1]
    return [os.fsdecode(word) for word in words]


def make_map(path, name, kind="hash"):
    key = "0" if kind == "ringbuf" else "4"
    value, entries = ("0", "4096") if kind == "ringbuf" else ("8", "1024")
    subprocess.run([b"bpftool", b"map", b"create", os.fsencode(path), b"type", kind.encode(), b"key",
                    key.encode(), b"value", value.encode(), b"entries", entries.encode(), b"name",
                    name.encode()], check=True)


class Scene:
    def __init__(self, build):
        self.build = build
        self.started = []
        for name in ("pinscope", "pinscope-hook", "pinscope_probe"):
            (RUN / "bin").mkdir(parents=True, exist_ok=True)
            shutil.copy(build / "bin" / name, RUN / "bin" / name)
        (RUN / "policy.d").mkdir()

    def policy(self, name, containers, grants):
        bundles = ", ".join(f"{RUN}/{each}" for each in containers)
        lines = "\n".join(f"    - {{pin: {PINS}/{pin}, access: {access}}}" for pin, access in grants)
        (RUN / "policy.d" / f"{name}.yaml").write_text(
            POLICY.format(name=name, bundles=f"[{bundles}]", grants=lines))

    def container(self, name, capabilities=(), mounts=(), command=("sleep", "600")):
        bundle = RUN / name
        rootfs = bundle / "rootfs"
        (rootfs / "bin").mkdir(parents=True)
        for directory in ("proc", "dev", "sys", "tmp"):
            (rootfs / directory).mkdir()
        shutil.copy("/bin/busybox", rootfs / "bin/busybox")
        shutil.copy(RUN / "bin/pinscope_probe", rootfs / "bin/probe")
        for applet in ("sh", "sleep"):
            (rootfs / "bin" / applet).symlink_to("busybox")
        granted = CAPABILITIES + list(capabilities)
        hook = {"path": str(RUN / "bin/pinscope-hook"), "env": ["PATH=/usr/bin:/bin"],
                "args": ["pinscope-hook", "--policy", str(RUN / "policy.d"), "--cache-dir",
                         str(RUN / "cache"), "--audit", str(RUN / "audit.jsonl")]}
        hooks = {stage: [{**hook, "args": [*hook["args"], stage]}]
                 for stage in ("createRuntime", "poststop")}
        (bundle / "config.json").write_text(json.dumps({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"],
                        "args": list(command),
                        "capabilities": {each: granted
                                         for each in ("bounding", "effective", "permitted")}},
            "root": {"path": "rootfs"},
            "hostname": name,
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["mode=755"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs",
                 "options": ["nosuid", "ro"]},
                *mounts],
            "hooks": hooks,
            "linux": {"namespaces": [{"type": each}
                                     for each in ("mount", "pid", "ipc", "uts", "network")]},
        }))
        with open(RUN / f"{name}.log", "wb") as log:
            subprocess.run(["runc", "run", "--detach", "--bundle", bundle, name],
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
        self.started.append(name)
        state = subprocess.run(["runc", "state", name], stdout=subprocess.PIPE, check=True).stdout
        self.wait_for_its_program(json.loads(state)["pid"])

    @staticmethod
    def wait_for_its_program(pid):
        """Until then the runtime's own process, which has more rights, is all of the container."""
        for _ in range(200):
            if not pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("runc"):
                return
            time.sleep(0.02)
        raise TimeoutError(f"process {pid} is still runc's")

    def report(self, *options):
        return subprocess.run([RUN / "bin/pinscope", "report", "--node", "node-7", *options],
                              stdout=subprocess.PIPE, check=True).stdout

    def end(self):
        for name in self.started:
            subprocess.run(["runc", "delete", "--force", name], check=False,
                           stderr=subprocess.DEVNULL)


def usual(build):
    """A node as one meets it: readers, a writer, an agent with a volume, somebody who debugs."""
    scene = Scene(build)
    for name, kind in (("flows", "hash"), ("counters", "hash"), ("quota", "hash"),
                       ("events", "ringbuf"), ("routes", "lpm_trie")):
        if kind == "lpm_trie":
            subprocess.run(["bpftool", "map", "create", PINS / name, "type", kind, "key", "8",
                            "value", "8", "entries", "64", "name", name, "flags", "1"], check=True)
        else:
            make_map(PINS / name, name, kind)
    dashboards = [f"dashboard-{number}" for number in (1, 2, 3)]
    scene.policy("dashboards", dashboards, [("flows", "read"), ("counters", "read")])
    scene.policy("limiter", ["limiter"], [("quota", "read-write"), ("flows", "read")])
    scene.policy("tracer", ["tracer"], [("events", "read-write"), ("routes", "read")])
    for name in (*dashboards, "tracer"):
        scene.container(name)
    scene.container("limiter", command=("probe", "hold-rw /sys/fs/bpf/quota",
                                        "hold-ro /sys/fs/bpf/flows", "sleep 600"))
    volume = {"destination": "/sys/fs/bpf", "type": "none", "source": str(PINS),
              "options": ["rbind", "rw"]}
    scene.container("flow-agent", mounts=[volume])
    scene.container("debug", capabilities=["CAP_SYS_ADMIN"])
    (PINS / "routes").unlink()
    make_map(PINS / "routes", "routes_v2")
    return scene


class Holder:
    """A process of a hostile name that has a map open."""

    def __init__(self, pin):
        self.pid = os.fork()
        if self.pid == 0:
            attributes = ctypes.create_string_buffer(
                ctypes.addressof(path := ctypes.create_string_buffer(os.fsencode(pin)))
                .to_bytes(8, "little") + bytes(112))
            libc = ctypes.CDLL(None)
            libc.syscall(321, 7, attributes, 16)  # bpf(BPF_OBJ_GET), x86-64
            libc.prctl(15, HOSTILE_COMMAND, 0, 0, 0)  # PR_SET_NAME
            del path
            signal.pause()
        time.sleep(0.2)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def add_hostile_names():
    for name in HOSTILE_PINS:
        make_map(os.fsencode(PINS) + b"/" + name, "hostile")
