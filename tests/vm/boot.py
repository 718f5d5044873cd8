# Boots a kernel with a guest's file system and takes down what `init` sends. Software emulation only: what
# /dev/kvm is worth differs from machine to machine, and a result that depends on it is worth nothing.
import base64
import dataclasses
import gzip
import pathlib
import re
import subprocess
import time

CONSOLE_LINES = 40  # of a guest that failed


@dataclasses.dataclass
class Program:
    """What one test program left: its exit status is None if it did not come to its end."""
    name: str
    status: int | None = None
    output: str = ""
    results: str = ""


@dataclasses.dataclass
class Guest:
    release: str = ""
    programs: list[Program] = dataclasses.field(default_factory=list)
    seconds: float = 0
    # Why it is not trusted that everything ran; empty if all did.
    failure: str = ""
    console: str = ""


def messages(text):
    """(kind, name, content) of each message that came whole, in their order."""
    begun, lines = None, []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["begin"] and len(words) == 3:
            begun, lines = (words[1], words[2]), []
        elif words[:1] == ["end"] and begun and tuple(words[1:]) == begun:
            content = gzip.decompress(base64.b64decode("".join(lines))) if lines else b""
            yield (*begun, content.decode(errors="replace"))
            begun = None
        else:
            lines.append(line)


def read(text):
    guest = Guest(failure="it did not come to its end")
    for kind, name, content in messages(text):
        match kind:
            case "release":
                guest.release = content.strip()
            case "start":
                guest.programs.append(Program(name))
            case "results":
                guest.programs[-1].results = content
            case "status":
                guest.programs[-1].status = int(content)
            case "finish":
                guest.failure = ""
    return guest


def boot(kernel, initramfs, work, seconds, processors=1, megabytes=1536):
    """Runs the guest to its end or for so many seconds."""
    work = pathlib.Path(work)
    console, port, output = work / "console.log", work / "port.txt", work / "output.log"
    for path in (console, port, output):
        path.write_bytes(b"")
    command = [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(processors),
        "-m", str(megabytes), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-serial", f"file:{console}", "-serial", f"file:{port}",
        "-serial", f"file:{output}", "-kernel", str(kernel),
        "-initrd", str(initramfs), "-append", "console=ttyS0 loglevel=4 panic=-1 mitigations=off"]
    begin = time.monotonic()
    late = False
    with open(work / "qemu.log", "wb") as log:
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            machine.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            machine.kill()
            machine.wait()
    guest = read(port.read_text(errors="replace"))
    printed = re.split(r"^begin program .*\n", output.read_text(errors="replace"), flags=re.MULTILINE)
    for program, text in zip(guest.programs, printed[1:]):
        program.output = text
    guest.seconds = time.monotonic() - begin
    # The firmware leaves terminal control codes in it.
    text = console.read_text(errors="replace").replace("\x1b", "").replace("\r", "")
    guest.console = "\n".join(text.splitlines()[-CONSOLE_LINES:])
    if late:
        guest.failure = f"it was stopped after {seconds} seconds"
    elif guest.failure and machine.returncode > 0:
        guest.failure = f"qemu ended with {machine.returncode}: " + (work / "qemu.log").read_text()[-2000:]
    return guest
