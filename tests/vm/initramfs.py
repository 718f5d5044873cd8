# Makes a guest's file system, as a cpio archive that the kernel unpacks: the programs under test and what
# they need, each under the path that it has on this machine, because test programs know the paths of the
# programs beside them. Nothing here needs root.
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# What tests start by name, if this machine has it.
TOOLS = ("busybox", "sh", "cp", "runc", "crun", "bpftool")
# What the cloud kernels have as modules, and tests need.
MODULES = ("overlay",)
DIRECTORIES = ("dev", "proc", "sys", "run", "tmp", "var", "etc", "root", "vm", "vm/root", "vm/modules")


def with_links(path, found):
    """Adds the path, every directory above it, and what it is a link to."""
    path = pathlib.Path(path)
    for parent in reversed(path.parents):
        if parent.is_symlink():
            resolved = parent.resolve() / path.relative_to(parent)
            found.add(parent)
            with_links(resolved, found)
            return
        found.add(parent)
    found.add(path)
    if path.is_symlink():
        with_links(path.parent / path.readlink(), found)


def libraries_of(program):
    """The shared libraries of one of our own or the distribution's programs, and the loader."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    for line in said.stdout.splitlines():
        words = line.split()
        if "=>" in words and len(words) > 2 and words[2].startswith("/"):
            yield words[2]
        elif words and words[0].startswith("/"):
            yield words[0]
        elif "not" in words:
            sys.exit(f"initramfs: {program}: {line.strip()}")


def files_for(programs, data):
    """Every path of the archive."""
    found = set()
    for program in [*programs, *(shutil.which(tool) or "" for tool in TOOLS)]:
        if not program:
            continue
        with_links(program, found)
        for library in libraries_of(program):
            with_links(library, found)
    for path in [*data, *map(pathlib.Path, ("/bin", "/sbin", "/lib", "/lib64"))]:
        with_links(path, found)
    return sorted(found)


def archive(paths, root, out):
    """Appends a cpio archive of these paths, relative to `root`; everything belongs to root in it."""
    names = [str(path.relative_to(root)) for path in paths]
    subprocess.run(["cpio", "--quiet", "--create", "--format=newc", "--owner=0:0", f"--directory={root}"],
                   input="\n".join(names).encode(), stdout=out, check=True)


def module_of(modules, name, place):
    """Puts a module, uncompressed, into the directory."""
    for path in modules.glob(f"kernel/**/{name}.ko*"):
        target = place / f"{name}.ko"
        if path.suffix == ".ko":
            shutil.copy(path, target)
        else:
            tool = {".xz": "xz", ".zst": "zstd", ".gz": "gzip"}[path.suffix]
            with open(target, "wb") as out:
                subprocess.run([tool, "--decompress", "--stdout", path], stdout=out, check=True)


def make(out, work, programs, data, lines, modules):
    """The whole archive: `lines` are what the guest runs, `modules` is the kernel's own directory."""
    shutil.rmtree(work, ignore_errors=True)
    for name in DIRECTORIES:
        (work / name).mkdir(parents=True)
    shutil.copy(HERE / "init", work / "init")
    (work / "vm/programs").write_text("".join(line + "\n" for line in lines))
    if modules:
        for name in MODULES:
            module_of(modules, name, work / "vm/modules")
    with open(out, "wb") as stream:
        archive([path for path in files_for(programs, data) if path != pathlib.Path("/")],
                pathlib.Path("/"), stream)
        stream.flush()
        archive([path for path in sorted(work.rglob("*"))], work, stream)
