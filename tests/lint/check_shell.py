# shellcheck over every shell script of the tree: by its suffix or by its first line.
import re
import subprocess

import tree

SHEBANG = re.compile(r"^#!.*\b(ba|da)?sh\b")


def is_script(root, path):
    if path.suffix in (".sh", ".bash"):
        return True
    if path.suffix:
        return False
    text = tree.text_of(root, path)
    return text is not None and SHEBANG.match(text) is not None


def main():
    root = tree.parse_arguments(__doc__).root
    scripts = [path for path in tree.files(root) if is_script(root, path)]
    findings = []
    if scripts:
        result = subprocess.run(
            ["shellcheck", "--format=gcc", "--external-sources", *map(str, scripts)],
            cwd=root, capture_output=True, text=True, check=False)
        findings = (result.stdout + result.stderr).splitlines()
        if result.returncode and not findings:
            findings = [f"shellcheck ended with status {result.returncode}"]
    tree.report("shell", findings, len(scripts))


main()
