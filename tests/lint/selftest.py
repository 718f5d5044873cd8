# Shows that each check finds a mistake planted in a small tree, and passes the same tree without it:
# a check that cannot fail protects nothing. Usage: selftest.py CHECK
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TIDY_BUILD = {"build/compile_commands.json": lambda root: json.dumps([
    {"directory": str(root), "file": str(root / "plugin/base/a.cc"),
     "command": f"c++ -std=c++23 -I{root} -c plugin/base/a.cc"}])}
GOOD = {
    "plugin/base/a.h": "// A header of the small tree that the self-test makes.\n#pragma once\n",
    "plugin/base/a.cc": "// A source of the small tree.\n#include \"plugin/base/a.h\"\n",
    "docs/glossary.md": "|word|meaning|do not say|\n|---|---|---|\n|element|one key|map entry, `map_entry`|\n",
    "docs/b.md": "`map entry` is code, and so is\n```\na map entry\n```\n",
    "run.sh": "#!/bin/sh\n# Says nothing, and says it well.\necho\n",
    "docs/a.md": "`plugin/base/a.h` is shown by `Small.Test`.\n",
    "tests/unit/small_test.cc": "// A test of the small tree.\nTEST(Small, Test);\n",
    ".clang-tidy": (HERE.parents[1] / ".clang-tidy").read_text(),
    ".clang-format": (HERE.parents[1] / ".clang-format").read_text(),
}
HEAD = "// What this file is for, in a few words.\n"

# Check -> (planted file, its text, what the check has to say about it).
PLANTED = {
    "includes": [
        ("plugin/oci/x.cc", '#include "plugin/kernel/y.h"', "oci may not include kernel"),
        ("plugin/plan/x.cc", '#include "plugin/policy/y.h"', "plan may not include policy"),
        ("plugin/apply/x.cc", '#include "plugin/record/y.h"', "apply may not include record"),
        ("plugin/base/x.cc", '#include "plugin/model/y.h"', "base may not include model"),
        ("plugin/record/x.cc", '#include "plugin/pipeline/start/start.h"', "record may not include pipeline"),
        ("plugin/pipeline/start/start.cc", '#include "plugin/cli/y.h"', "pipeline may not include cli"),
        ("plugin/policy/set/x.cc", '#include "plugin/policy/language/y.h"',
         "policy/set may not include policy/language"),
        ("plugin/policy/decide/x.cc", '#include "plugin/policy/set/y.h"',
         "policy/decide may not include policy/set"),
        ("plugin/kernel/mount/x.cc", '#include "plugin/kernel/bpf/y.h"',
         "kernel/mount may not include kernel/bpf"),
        ("plugin/kernel/sys.cc", '#include "plugin/kernel/mount/y.h"',
         "kernel/ may not include kernel/mount"),
        ("plugin/engine/wiring/x.cc", '#include "plugin/engine/docker/y.h"',
         "engine/wiring may not include engine/docker"),
        ("plugin/cli/term/x.cc", '#include "plugin/cli/list.h"',
         "cli/term may not include cli/"),
        ("plugin/advice/x.cc", '#include "plugin/kernel/sys.h"', "advice may not include kernel"),
        ("plugin/health/x.cc", '#include "plugin/cli/y.h"', "health may not include cli"),
        ("docs/architecture.md", "| `oci` | holds | kernel |", "oci may include \"model and the ground\""),
        ("docs/architecture.md", "| `oci` | holds | x |", "base has no row"),
        ("docs/architecture.md", "| `policy/set` | holds | files beside the folders |",
         "files beside the folders; `install` also language"),
        ("plugin/model/x.cc", '#include "tests/support/y.h"', "model includes a test header"),
        ("tests/attack/x.cc", '#include "tests/engines/y.h"',
         "tests/attack may include tests/support and its own"),
        ("tests/support/x.h", '#include "tests/unit/y.h"',
         "tests/support may include tests/support and its own"),
        ("plugin/new/x.cc", '#include "plugin/base/a.h"', 'room "new" has no rule'),
        ("plugin/base/x.cc", '#include "a.h"', "is not a path from the root"),
        ("plugin/base/x.cc", '#include "plugin/base/none.h"', "does not exist"),
        ("plugin/policy/decide/decide.cc", "#include <yaml-cpp/yaml.h>", "<yaml-cpp/yaml.h> belongs to"),
        ("plugin/oci/x.cc", "#include <rapidjson/reader.h>", "<rapidjson/reader.h> belongs to"),
        ("plugin/apply/x.cc", "#include <bpf/bpf.h>", "<bpf/bpf.h> belongs to"),
        ("plugin/apply/x.cc", "#include <libmount/libmount.h>", "belongs to plugin/kernel"),
        ("hooks/x.cc", "#include <sys/capability.h>", "belongs to plugin/kernel"),
        ("hooks/x.cc", "#include <iostream>", "<iostream> is not for what the hook links"),
    ],
    "text": [
        ("plugin/base/x.cc", HEAD + "// TO" + "DO: finish", "left open"),
        ("tests/x.py", "# A test of something or other.\n# HA" + "CK", "left open"),
        ("docs/x.md", "see /ho" + "me/me/pinscope", "a path of one machine"),
        ("plugin/base/x.cc", "#include <string>\n", "the first comment has to say"),
        ("plugin/base/x.cc", '#include "plugin/base/a.h"\n', "the first comment has to say"),
        ("plugin/base/x.h", "// x\n#pragma once\n", "the first comment has to say"),
    ],
    "shell": [
        ("bad.sh", "#!/bin/sh\nrm $1\n", "SC2086"),
        ("bad", "#!/usr/bin/env bash\nrm $1\n", "SC2086"),
    ],
    "docs": [
        ("docs/x.md", "`plugin/base/gone.cc` does it", "there is no plugin/base/gone.cc"),
        ("docs/x.md", "shown by `attack.*Small.Gone`", "there is no test Small.Gone"),
        ("docs/x.md", "shown by `golden.policy/Small.Gone/a_b`", "there is no test Small.Gone"),
        ("docs/x.md", "shown by `Gone.*`", "there is no test Gone.*"),
        ("docs/x.md", "see [that](gone.md)", "the link leads nowhere"),
        ("plugin/base/x.cc", HEAD + "// See docs/gone.md.\n", "x.cc:2: there is no docs/gone.md"),
        ("plugin/base/x.cc", HEAD + "int x;  // as gone.h says\n", "x.cc:2: there is no gone.h"),
        ("docs/x.md", "What map entries hold", '"map entries": docs/glossary.md says "element"'),
        ("plugin/base/x.cc", HEAD + "// The map entry.\n", 'x.cc:2: "map entry": docs/glossary.md'),
        ("plugin/base/x.cc", HEAD + "int kMap_Entry_ = 1;\n", 'x.cc:2: the name "kMap_Entry_": docs/'),
        ("docs/adr/0001-x.md", "# 1. X", "0001-x.md has no row"),
        ("docs/adr/0002-x.md", "# 2. X", "nothing is said of number 1"),
        ("plugin/base/error.cc", HEAD + '{ErrorCode::kX, "x-y"}', "error code x-y is not explained"),
    ],
    "format": [("plugin/base/x.cc", HEAD + "int  f( ) {return 1 ;}\n", "plugin/base/x.cc:2")],
    "tidy": [("plugin/base/a.cc", HEAD + "int* f() { return 0; }\n", "modernize-use-nullptr")],
}


def run(check, planted):
    """Runs a check over the small tree with `planted` in it; its exit status and output."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        extra = TIDY_BUILD if check == "tidy" else {}
        for name, text in {**GOOD, **extra, **planted}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text(root) if callable(text) else text)
        command = ["/usr/bin/python3", str(HERE / f"check_{check}.py"), str(root)]
        if check == "tidy":
            command += ["--build", str(root / "build")]
        # What passed elsewhere is not remembered here.
        environment = {**os.environ, "XDG_CACHE_HOME": str(root / "cache"), "PINSCOPE_TIDY_SECONDS": "0"}
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return result.returncode, result.stdout + result.stderr


def main():
    check = sys.argv[1]
    status, output = run(check, {})
    if status == 77:
        print(output)
        sys.exit(77)
    failures = []
    if status != 0:
        failures.append(f"the tree without a mistake does not pass:\n{output}")
    for name, text, expected in PLANTED[check]:
        status, output = run(check, {name: text})
        if status != 1 or expected not in output:
            failures.append(f"{name} with {text!r}: wanted {expected!r}, got {status}:\n{output}")
    print("\n".join(failures) or f"{check}: finds each of {len(PLANTED[check])} planted mistakes")
    sys.exit(1 if failures else 0)


main()
