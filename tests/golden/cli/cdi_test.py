# `pinscope cdi`: what it writes, leaves alone and says.
import json
import os
import sys
import unittest

import cli
from cli import policy, run

try:
    import jsonschema
except ImportError as error:
    print(f"skipped: {error} (package python3-jsonschema)")
    sys.exit(77)

# The schema of the specification, as cncf-tags/container-device-interface has it (Apache-2.0).
SCHEMA = cli.GOLDEN / "cdi_schema"
GRANTS = "    - pin: /sys/fs/bpf/flows\n"

if os.geteuid() != 0:
    print("skipped: only root's policies are offered to engines")
    sys.exit(77)


def device_policy(name, select="{user: {uid: 1000}}", cdi="true"):
    text = policy(name, select=select, grants=GRANTS)
    return text.replace("spec:\n", f"spec:\n  cdi: {cdi}\n")


class Cdi(cli.Case):
    # Below /run, where every directory above belongs to root alone.
    WHERE = "/run"

    def setUp(self):
        super().setUp()
        self.spec_dir = self.directory / "cdi"
        self.spec = self.spec_dir / "pinscope.json"
        self.hook = self.directory / "pinscope-hook"
        self.hook.write_text("")
        self.hook.chmod(0o755)

    def cdi(self, action, *arguments):
        return run(
            "cdi", action, "--policy", self.policies, "--spec-dir", self.spec_dir,
            *(["--hook", self.hook] if action == "generate" else []), *arguments,
        )  # fmt: skip

    def said(self, result):
        text = result.stdout + result.stderr
        return result.returncode, text.replace(str(self.directory), "DIR")

    def test_writes_a_device_for_each_policy_that_asks_for_one(self):
        self.write_policy("a.yaml", device_policy("readers"))
        self.write_policy("b.yaml", device_policy("no-device", cdi="false"))
        self.write_policy("c.yaml", device_policy("agents"))
        expected = "  pinscope.dev/view=agents\n  pinscope.dev/view=readers\n"
        self.assertEqual(
            self.said(self.cdi("generate")), (0, f"wrote DIR/cdi/pinscope.json\n{expected}")
        )
        self.assertEqual(
            self.said(self.cdi("generate")), (0, f"unchanged: DIR/cdi/pinscope.json\n{expected}")
        )
        self.assertEqual(self.spec.stat().st_mode & 0o7777, 0o644)
        names = [device["name"] for device in json.loads(self.spec.read_text())["devices"]]
        self.assertEqual(names, ["agents", "readers"])

    def test_prints_in_a_dry_run_what_it_would_write(self):
        self.write_policy("a.yaml", device_policy("readers"))
        dry = self.cdi("generate", "--dry-run")
        self.assertFalse(self.spec_dir.exists())
        self.assert_golden("cdi_spec.json", dry.stdout)
        self.cdi("generate")
        self.assertEqual(self.spec.read_text(), dry.stdout)

    def test_says_it_to_programs(self):
        self.write_policy("a.yaml", device_policy("readers"))
        result = json.loads(self.cdi("generate", "-o", "json").stdout)
        self.assertEqual(result["state"], "written")
        self.assertEqual(result["devices"], ["pinscope.dev/view=readers"])
        self.assertEqual(result["spec"], self.spec.read_text())
        listed = json.loads(self.cdi("list", "-o", "json").stdout)
        self.assertEqual((listed["ready"], listed["devices"][0]["rule"]),
                         (True, {"policy": "readers", "file": "a.yaml", "line": 1, "column": 1}))

    def test_removes_the_file_when_no_policy_asks_any_more(self):
        self.write_policy("a.yaml", device_policy("readers"))
        self.cdi("generate")
        self.write_policy("a.yaml", device_policy("readers", cdi="false"))
        said = "no policy asks for a device (spec.cdi: true): "
        self.assertEqual(
            self.said(self.cdi("generate")), (0, said + "removed DIR/cdi/pinscope.json\n")
        )
        self.assertFalse(self.spec.exists())
        self.assertEqual(
            self.said(self.cdi("generate")), (0, said + "DIR/cdi/pinscope.json is not there\n")
        )

    def test_never_replaces_a_file_of_others(self):
        self.write_policy("a.yaml", device_policy("readers"))
        self.spec_dir.mkdir()
        self.spec.write_text('{"kind": "vendor.example/gpu"}')
        status, text = self.said(self.cdi("generate"))
        self.assertEqual(status, 1)
        self.assertIn("it is not a file that pinscope wrote", text)
        self.assertEqual(self.spec.read_text(), '{"kind": "vendor.example/gpu"}')

    def test_offers_nothing_of_policies_that_do_not_check(self):
        self.write_policy("a.yaml", device_policy("readers"))
        self.write_policy("b.yaml", "apiVersion: nonsense\n")
        self.assertEqual(
            self.said(self.cdi("generate")),
            (1, 'pinscope: cannot use the policies in "DIR/policies": they have errors (pinscope '
                "check shows them)\n"),
        )  # fmt: skip
        self.assertFalse(self.spec_dir.exists())

    def test_offers_nothing_of_policies_that_others_may_write(self):
        self.write_policy("a.yaml", device_policy("readers"))
        (self.policies / "a.yaml").chmod(0o666)
        self.assertEqual(self.cdi("generate").returncode, 1)
        self.assertEqual(self.cdi("generate", "--dry-run").returncode, 0)

    def test_points_no_engine_at_a_program_that_is_not_there(self):
        self.write_policy("a.yaml", device_policy("readers"))
        self.hook.unlink()
        self.assertEqual(
            self.said(self.cdi("generate")),
            (1, 'pinscope: cannot write "DIR/cdi/pinscope.json": there is no program '
                '"DIR/pinscope-hook" (--hook says where it is)\n'),
        )  # fmt: skip

    def test_warns_of_devices_that_no_container_can_have(self):
        self.write_policy("a.yaml", device_policy("one", select="{kubernetes: {namespace: web}}"))
        self.write_policy("b.yaml", device_policy("two", select="{engine: docker}"))
        self.write_policy("c.yaml", device_policy("three", select="{kubernetes: {labels: {a: b}}}"))
        self.assertEqual(
            self.cdi("generate").stderr.splitlines(),
            [
                "pinscope: warning: a container that asks for pinscope.dev/view=one will not start: "
                "it selects by kubernetes or image, which only --engine containerd and crio "
                "establish",
                "pinscope: warning: a container that asks for pinscope.dev/view=three will not "
                "start: it selects by pod labels, which only the NRI plugin passes on",
                "pinscope: warning: a container that asks for pinscope.dev/view=two will not start: "
                "it selects by engine, and these hooks are not told theirs (see --engine)",
            ],
        )
        told = self.cdi("generate", "--engine", "docker").stderr
        self.assertIn("no other engine may read", told)
        self.assertNotIn("view=two", told)
        self.assertIn('"--engine",', self.spec.read_text())

    def test_lists_what_is_up_to_date(self):
        self.write_policy("a.yaml", device_policy("kept"))
        self.write_policy("b.yaml", device_policy("gone"))
        self.cdi("generate")
        self.assertEqual(self.cdi("list").returncode, 0)
        self.write_policy("b.yaml", device_policy("new"))
        status, text = self.said(self.cdi("list"))
        self.assertEqual(status, 1)
        self.assertEqual(
            [" ".join(line.split()) for line in text.splitlines()],
            [
                "DEVICE POLICY SPEC FILE STATE",
                "pinscope.dev/view=gone - DIR/cdi/pinscope.json stale",
                "pinscope.dev/view=kept a.yaml:1:1 DIR/cdi/pinscope.json ready",
                "pinscope.dev/view=new b.yaml:1:1 - not generated",
                "pinscope: the devices are not up to date (pinscope cdi generate)",
            ],
        )
        self.hook.unlink()
        self.assertIn("hook missing", self.cdi("list").stdout)

    def test_writes_what_the_schema_of_cdi_allows(self):
        schema = json.loads((SCHEMA / "schema.json").read_text().replace("defs.json#", "#"))
        schema |= json.loads((SCHEMA / "defs.json").read_text())
        validator = jsonschema.Draft7Validator(schema)
        self.write_policy("a.yaml", device_policy("9lives"))
        self.write_policy("b.yaml", device_policy("a.b_c-d"))
        spec = json.loads(self.cdi("generate", "--dry-run", "--engine", "crio").stdout)
        self.assertEqual(list(validator.iter_errors(spec)), [])
        del spec["devices"][1]["containerEdits"]["hooks"][1]["path"]
        self.assertEqual(
            [error.message for error in validator.iter_errors(spec)],
            ["'path' is a required property"],
        )

    def test_takes_no_files(self):
        for action in ("generate", "list"):
            self.assertEqual(self.cdi(action, "x.json").returncode, 2)


cli.main()
