# The alert rules and the page of config/prometheus: each rule fires as its test says, and nothing in
# them is about a metric that there is not.
import os
import re
import subprocess
import unittest

import yaml

import cli

PROMTOOL = cli.SOURCE / "build/engines/prometheus/usr/bin/promtool"
HERE = cli.SOURCE / "config/prometheus"


def documented():
    """The metrics of the page, with the series that Prometheus makes of a histogram."""
    names = set()
    for line in (cli.SOURCE / "docs/metrics.md").read_text().splitlines():
        if match := re.match(r"\| `(pinscope_\w+)` \| (\w+) \|", line):
            names.add(match[1])
            if match[2] == "histogram":
                names |= {match[1] + end for end in ("_bucket", "_sum", "_count")}
    return names


class Prometheus(unittest.TestCase):
    def test_names_metrics_that_there_are(self):
        for path in (HERE / "alerts.yaml", HERE / "alerts_test.yaml",
                     HERE / "consoles/pinscope.html"):
            used = set(re.findall(r"pinscope_\w+", path.read_text()))
            self.assertEqual(used - documented(), set(), path)

    def test_has_a_test_of_each_rule(self):
        rules = yaml.safe_load((HERE / "alerts.yaml").read_text())["groups"][0]["rules"]
        tests = yaml.safe_load((HERE / "alerts_test.yaml").read_text())["tests"]
        tested = [one["alertname"] for test in tests for one in test["alert_rule_test"]]
        self.assertEqual(sorted(set(tested)), sorted(rule["alert"] for rule in rules))

    @unittest.skipUnless(os.access(PROMTOOL, os.X_OK), "promtool is not in build/engines/prometheus")
    def test_fires_as_its_tests_say(self):
        for command in ("check", "test"):
            name = "alerts.yaml" if command == "check" else "alerts_test.yaml"
            result = subprocess.run([PROMTOOL, command, "rules", HERE / name],
                                    capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


cli.main()
