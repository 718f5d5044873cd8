# The page of a report allows its own style and script and nothing else: by their hashes, which
# page.html has to name. Usage: assets_test.py SOURCE
import base64
import hashlib
import pathlib
import sys
import unittest

ASSETS = pathlib.Path(sys.argv[1]) / "plugin/cli/report/assets"


class Assets(unittest.TestCase):
    def test_the_page_names_the_hashes_of_its_parts(self):
        page = (ASSETS / "page.html").read_text()
        for rule, name in (("style-src", "page.css"), ("script-src", "page.js")):
            digest = hashlib.sha256((ASSETS / name).read_bytes()).digest()
            self.assertIn(f"{rule} 'sha256-{base64.b64encode(digest).decode()}';", page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
