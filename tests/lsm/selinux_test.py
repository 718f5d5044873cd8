# config/selinux: the module compiles with the distribution's tools, links with its reference policy, and the
# policy that comes out allows exactly what docs/engines/lsm.md says. Compiled, linked and queried: nothing
# here needs a kernel with SELinux, and nothing here shows what such a kernel does.
# Usage: selinux_test.py SOURCE
import bz2
import itertools
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))
MODULE = SOURCE / "config/selinux/pinscope.te"
CONTAINER = SOURCE / "tests/lsm/container.te"
REFERENCE = pathlib.Path("/usr/share/selinux/default")

SWITCHES = ("pinscope_use_spc_maps", "pinscope_use_unconfined_maps", "pinscope_use_init_maps",
            "pinscope_write_maps", "pinscope_run_programs")
DEFAULTS = {"pinscope_write_maps": True}
OWNERS = {
    "pinscope_use_spc_maps": {"spc_t"},
    "pinscope_use_unconfined_maps": {"unconfined_t", "unconfined_service_t"},
    "pinscope_use_init_maps": {"init_t"},
}
AGENT = """
module agent 1.0;
require { attribute domain; attribute pinscope_map_owner; }
type agent_t;
typeattribute agent_t domain;
typeattribute agent_t pinscope_map_owner;
"""
GREEDY = """
module greedy 1.0;
require { type container_t; class bpf prog_load; }
allow container_t self:bpf prog_load;
"""


def missing():
    for tool in ("checkmodule", "semodule_package", "semodule_link", "semodule_expand"):
        if shutil.which(tool) is None:
            return f"there is no {tool} here (packages checkpolicy and semodule-utils)"
    if not (REFERENCE / "base.pp.bz2").exists():
        return f"there is no {REFERENCE}/base.pp.bz2 here (package selinux-policy-default)"
    return ""


if reason := missing():
    print(f"skipped: {reason}")
    sys.exit(77)
try:
    import setools
except ImportError:
    print("skipped: there is no setools for Python here (package python3-setools)")
    sys.exit(77)


def compile_module(directory, name, text):
    """checkmodule's result; the module is directory/name.mod."""
    source = pathlib.Path(directory, name + ".te")
    source.write_text(text)
    return subprocess.run(["checkmodule", "-M", "-m", "-o", source.with_suffix(".mod"), source],
                          capture_output=True, text=True, check=False)


def package(directory, name, text):
    result = compile_module(directory, name, text)
    assert result.returncode == 0, result.stderr + result.stdout
    made = pathlib.Path(directory, name + ".pp")
    subprocess.run(["semodule_package", "-o", made, "-m", made.with_suffix(".mod")], check=True)
    return made


class Policy:
    """Modules linked with the distribution's reference policy, to be asked what it allows."""

    def __init__(self, **modules):
        with tempfile.TemporaryDirectory() as directory:
            packages = []
            for name in ("base", "unconfined"):
                packages.append(pathlib.Path(directory, name + ".pp"))
                packages[-1].write_bytes(bz2.decompress((REFERENCE / f"{name}.pp.bz2").read_bytes()))
            packages += [package(directory, name, text) for name, text in modules.items()]
            linked = pathlib.Path(directory, "linked.mod")
            binary = pathlib.Path(directory, "policy")
            for command in (["semodule_link", "-o", linked, *packages],
                            ["semodule_expand", linked, binary]):
                subprocess.run(command, capture_output=True, check=True)
            self.policy = setools.SELinuxPolicy(str(binary))

    def rules(self, **query):
        return setools.TERuleQuery(self.policy, ruletype=["allow"], **query).results()

    def booleans(self):
        return {str(each): each.state for each in self.policy.bools()
                if str(each).startswith("pinscope_")}

    def allowed(self, source, tclass, **switches):
        """{(target, permission)} that `source` has for a class, with these switches."""
        values = {str(each): each.state for each in self.policy.bools()}
        values.update({name: name in DEFAULTS for name in SWITCHES if name in values})
        values.update(switches)
        found = set()
        for rule in self.rules(source=source, tclass=[tclass]):
            try:
                condition, block = rule.conditional, rule.conditional_block
            except setools.exception.RuleNotConditional:
                condition = None
            if condition is not None:
                used = {str(each): values[str(each)] for each in condition.booleans}
                if condition.evaluate(**used) != block:
                    continue
            targets = [source] if str(rule.target) == "self" else map(str, rule.target.expand())
            found |= {(str(target), perm) for target in targets for perm in rule.perms}
        return found


class Compiling(unittest.TestCase):
    def refused(self, line, reason):
        with tempfile.TemporaryDirectory() as directory:
            result = compile_module(directory, "wrong", MODULE.read_text() + line + "\n")
        self.assertNotEqual(result.returncode, 0, line)
        self.assertIn(reason, result.stdout + result.stderr)

    def test_refuses_rules_that_are_wrong(self):
        self.refused("allow pinscope_container pinscope_map_owner:bpf map_reed;", "map_reed")
        self.refused("allow pinscope_container pinscope_map_owner:bpf prog_load;", "prog_load")
        self.refused("allow pinscope_container agent_t:bpf map_read;", "agent_t")
        self.refused("if (pinscope_no_switch) { }", "unknown boolean pinscope_no_switch")


class Allowing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.container = CONTAINER.read_text()
        cls.before = Policy(container=cls.container)
        cls.policy = Policy(container=cls.container, pinscope=MODULE.read_text())

    def objects(self, domain="container_t", **switches):
        return self.policy.allowed(domain, "bpf", **switches)

    def test_has_the_switches_that_the_document_lists(self):
        self.assertEqual(self.policy.booleans(),
                         {name: name in DEFAULTS for name in SWITCHES})
        document = (SOURCE / "docs/engines/lsm.md").read_text()
        for name in SWITCHES:
            self.assertIn(f"| `{name}` | {'on' if name in DEFAULTS else 'off'} |", document)

    def test_gives_no_object_before_a_switch_is_turned_on(self):
        self.assertEqual(self.before.allowed("container_t", "bpf"), set())
        self.assertEqual(self.objects(), set())

    def test_each_switch_opens_its_owners_maps_and_no_others(self):
        for switch, owners in OWNERS.items():
            for write in (False, True):
                wanted = {(owner, "map_read") for owner in owners}
                if write:
                    wanted |= {(owner, "map_write") for owner in owners}
                self.assertEqual(self.objects(**{switch: True, "pinscope_write_maps": write}),
                                 wanted)

    def test_programs_need_a_switch_of_their_own(self):
        self.assertEqual(self.objects(pinscope_run_programs=True), set())
        self.assertEqual(
            self.objects(pinscope_run_programs=True, pinscope_use_spc_maps=True),
            {("spc_t", "map_read"), ("spc_t", "map_write"), ("spc_t", "prog_run")})

    def test_never_lets_a_container_make_maps_or_load_programs(self):
        for values in itertools.product((False, True), repeat=len(SWITCHES)):
            switches = dict(zip(SWITCHES, values))
            made = {perm for _, perm in self.objects(**switches)}
            self.assertLessEqual(made, {"map_read", "map_write", "prog_run"}, switches)

    def test_gives_other_container_domains_nothing(self):
        everything = dict.fromkeys(SWITCHES, True)
        self.assertEqual(self.objects("container_init_t", **everything), set())
        added = {str(rule) for rule in self.policy.rules()}
        added -= {str(rule) for rule in self.before.rules()}
        self.assertEqual({rule.split()[1] for rule in added}, {"pinscope_container"})
        members = next(self.policy.policy.lookup_typeattr("pinscope_container").expand())
        self.assertEqual(str(members), "container_t")

    def test_pins_can_be_listed_followed_and_opened_and_not_changed(self):
        bare = Policy(pinscope=MODULE.read_text(),
                      container=self.container[:self.container.index("\nallow ")])

        def pins(tclass, **switches):
            return {perm for target, perm in bare.allowed("container_t", tclass, **switches)
                    if target == "bpf_t"}

        for write in (False, True):
            switches = {"pinscope_write_maps": write}
            self.assertEqual(pins("file", **switches),
                             {"getattr", "read"} | ({"write"} if write else set()))
            self.assertEqual(pins("dir", **switches), {"getattr", "open", "read", "search"})
            self.assertEqual(pins("lnk_file", **switches), {"getattr", "read"})

    def test_a_domain_of_the_agents_own_needs_no_switch(self):
        policy = Policy(container=self.container, pinscope=MODULE.read_text(), agent=AGENT)
        self.assertEqual(policy.allowed("container_t", "bpf"),
                         {("agent_t", "map_read"), ("agent_t", "map_write")})
        self.assertEqual(policy.allowed("container_t", "bpf", pinscope_write_maps=False),
                         {("agent_t", "map_read")})

    def test_would_see_a_rule_that_gives_too_much(self):
        policy = Policy(container=self.container, pinscope=MODULE.read_text(), greedy=GREEDY)
        self.assertIn(("container_t", "prog_load"), policy.allowed("container_t", "bpf"))


unittest.main()
