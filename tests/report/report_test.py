# `pinscope report` of a machine with real containers, in a real browser: the page shows who reaches
# what, search works, and no name becomes markup. With PINSCOPE_UPDATE_PAGES=1 it takes the pictures
# of docs/pictures anew. Usage: report_test.py SOURCE BUILD
import os
import pathlib
import shutil
import sys
import unittest
import xml.dom.minidom

import scene

SOURCE, BUILD = map(pathlib.Path, sys.argv[1:3])
PICTURES = SOURCE / "docs/pictures"
SVG = "http://www.w3.org/2000/svg"


def why_not():
    if os.geteuid() != 0:
        return "needs root"
    for program in ("runc", "bpftool", "chromium", "chromedriver"):
        if not shutil.which(program):
            return f"{program} is not installed"
    try:
        import html5lib, selenium  # noqa: F401 pylint: disable=import-outside-toplevel,multiple-imports,unused-import
    except ImportError as error:
        return f"python has no {error.name}"
    return None


if reason := why_not():
    print(f"skipped: {reason}")
    sys.exit(77)

import html5lib  # noqa: E402 pylint: disable=wrong-import-position
from selenium import webdriver  # noqa: E402 pylint: disable=wrong-import-position
from selenium.webdriver.chrome.service import Service  # noqa: E402 pylint: disable=wrong-import-position
from selenium.webdriver.common.by import By  # noqa: E402 pylint: disable=wrong-import-position


class Browser:
    def __init__(self, directory, javascript=True):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--hide-scrollbars", f"--user-data-dir={directory}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not javascript:
            options.add_experimental_option(
                "prefs", {"profile.managed_default_content_settings.javascript": 2})
        service = Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(service=service, options=options)

    def open(self, path):
        self.driver.set_window_size(1280, 900)
        self.driver.get(path.as_uri())
        return self.driver

    def picture(self, path, height):
        self.driver.set_window_size(1280, height)
        self.driver.save_screenshot(str(path))

    def end(self):
        self.driver.quit()


class ReportInABrowser(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.scene = scene.usual(BUILD)
        cls.page = cls.write("usual.html", cls.scene.report())
        cls.drawing = cls.write("usual.svg", cls.scene.report("--format", "svg"))
        scene.add_hostile_names()
        cls.holder = scene.Holder(scene.PINS / "flows")
        cls.hostile_page = cls.write("hostile.html", cls.scene.report())
        cls.hostile_drawing = cls.write("hostile.svg", cls.scene.report("--format", "svg"))
        cls.browser = Browser(scene.RUN / "browser")

    @classmethod
    def tearDownClass(cls):
        cls.browser.end()
        cls.holder.end()
        cls.scene.end()

    @staticmethod
    def write(name, content):
        path = scene.RUN / name
        path.write_bytes(content)
        return path

    def cells(self, driver):
        """What the matrix shows: container -> object -> letters."""
        columns = [head.get_attribute("title") or head.text
                   for head in driver.find_elements(By.CSS_SELECTOR, ".matrix thead th")][1:]
        found = {}
        for row in driver.find_elements(By.CSS_SELECTOR, ".matrix tbody tr"):
            name = row.find_element(By.CSS_SELECTOR, "th").text
            letters = [cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td")]
            found[name] = {column.split("(")[-1].rstrip(")"): text
                           for column, text in zip(columns, letters) if text}
        return found

    def test_the_matrix_shows_who_reaches_what(self):
        cells = self.cells(self.browser.open(self.page))
        self.assertEqual(cells["container dashboard-1 and 2 more"],
                         {"flows": "r", "counters": "r"})
        self.assertEqual(cells["container limiter"], {"flows": "r", "quota": "rw"})
        self.assertEqual(cells["container tracer"], {"events": "rw", "routes": "r"})
        self.assertEqual(cells["container flow-agent"],
                         {"flows": "rw!", "counters": "rw!", "quota": "rw!", "events": "rw!",
                          "routes_v2": "rw!"})
        self.assertEqual(cells["container debug"], {"every object": "rw!"})

    def test_each_cell_leads_to_its_reason(self):
        driver = self.browser.open(self.page)
        links = driver.find_elements(By.CSS_SELECTOR, ".matrix td a")
        self.assertGreater(len(links), 10)
        for link in links:
            target = link.get_attribute("href").split("#")[1]
            self.assertTrue(driver.find_element(By.ID, target).text)
        reasons = driver.find_element(By.ID, "ways").text
        self.assertIn('policy "limiter" at limiter.yaml:', reasons)
        self.assertIn("stale: the source names another object now", reasons)

    def test_search_leaves_what_is_searched_for(self):
        driver = self.browser.open(self.page)
        driver.find_element(By.NAME, "words").send_keys("limiter")
        shown = [row.find_element(By.CSS_SELECTOR, "th").text
                 for row in driver.find_elements(By.CSS_SELECTOR, ".matrix tbody tr")
                 if row.is_displayed()]
        self.assertEqual(shown, ["container limiter"])
        heads = [head.get_attribute("title")
                 for head in driver.find_elements(By.CSS_SELECTOR, ".matrix thead th")
                 if head.is_displayed() and head.get_attribute("title")]
        self.assertEqual([head.split("(")[1] for head in heads], ["flows)", "quota)"])
        driver.find_element(By.NAME, "words").clear()
        driver.find_element(By.NAME, "words").send_keys("routes_v2")
        self.assertTrue(all("routes_v2" in row.text or "every object" in row.text
                            for row in driver.find_elements(By.CSS_SELECTOR, "#ways tbody tr")
                            if row.is_displayed()))

    def test_what_no_rule_grants_can_be_shown_alone(self):
        driver = self.browser.open(self.page)
        driver.find_element(By.CSS_SELECTOR, "option[value=ungranted]").click()
        shown = [row.find_element(By.CSS_SELECTOR, "th").text
                 for row in driver.find_elements(By.CSS_SELECTOR, ".matrix tbody tr")
                 if row.is_displayed()]
        self.assertEqual(shown, ["container debug", "container flow-agent"])

    def test_words_are_whole_in_a_narrow_window(self):
        driver = self.browser.open(self.page)
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 420, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        try:
            broken = driver.execute_script("""
                const found = [];
                for (const cell of document.querySelectorAll("#ways td, .matrix tbody th")) {
                  const text = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode();
                  const end = text ? text.data.indexOf(" ") : -1;
                  if (end < 1 || end > 12) continue;
                  const range = document.createRange();
                  range.setStart(text, 0);
                  range.setEnd(text, end);
                  if (range.getClientRects().length > 1) found.push(text.data);
                }
                return found;""")
            self.assertEqual(broken, [])
        finally:
            driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def test_the_page_is_whole_without_javascript(self):
        plain = Browser(scene.RUN / "plain", javascript=False)
        try:
            driver = plain.open(self.page)
            self.assertFalse(driver.find_element(By.ID, "filter").is_displayed())
            self.assertIn("container limiter", self.cells(driver))
        finally:
            plain.end()

    def test_nothing_is_refused_by_the_page_itself(self):
        for page in (self.page, self.hostile_page):
            driver = self.browser.open(page)
            driver.find_element(By.NAME, "words").send_keys("flows")
            self.assertEqual(driver.get_log("browser"), [])

    def test_it_is_html_without_an_error(self):
        for page in (self.page, self.hostile_page):
            parser = html5lib.HTMLParser(strict=True)
            parser.parse(page.read_bytes(), transport_encoding="utf-8")

    def test_names_are_names(self):
        driver = self.browser.open(self.hostile_page)
        self.assertEqual(driver.find_elements(By.CSS_SELECTOR, "img, b b, i, iframe"), [])
        self.assertEqual(len(driver.find_elements(By.CSS_SELECTOR, "script")), 1)
        text = driver.find_element(By.ID, "objects").text
        self.assertIn("<img src=x onerror=alert(1)>", text)
        self.assertIn("\"><script>alert(2)<_script>", text)
        self.assertIn("a&amp;b", text)
        self.assertIn("gpj\\u202Eexe", text)
        self.assertIn("\\xff\\xfe", text)
        self.assertIn("\"<b>\\\"'&\\n<i>\" (pid ", text)
        self.assertNotIn("\u202e", driver.page_source)

    def test_it_can_be_printed(self):
        driver = self.browser.open(self.page)
        self.assertGreater(len(driver.print_page()), 10_000)

    def test_the_drawing_shows_the_same(self):
        for drawing in (self.drawing, self.hostile_drawing):
            tree = xml.dom.minidom.parse(str(drawing))
            self.assertEqual(tree.documentElement.namespaceURI, SVG)
            self.assertEqual(tree.getElementsByTagName("script"), [])
        tree = xml.dom.minidom.parse(str(self.drawing))
        letters = [node.firstChild.data for node in tree.getElementsByTagName("text")
                   if node.getAttribute("class") == "letters"]
        driver = self.browser.open(self.page)
        self.assertEqual(sorted(letters), sorted(
            link.text for link in driver.find_elements(By.CSS_SELECTOR, ".matrix td a")))
        self.browser.open(self.drawing)
        self.assertEqual(self.browser.driver.get_log("browser"), [])

    @unittest.skipUnless(os.environ.get("PINSCOPE_UPDATE_PAGES"), "PINSCOPE_UPDATE_PAGES is not set")
    def test_takes_the_pictures(self):
        PICTURES.mkdir(exist_ok=True)
        notices = self.browser.open(self.page).find_element(By.ID, "notices").text
        self.assertNotIn("orphan", notices, "other tests have objects now: take it again later")
        self.browser.picture(PICTURES / "report.png", 1250)
        shutil.copy(self.drawing, PICTURES / "report.svg")


if __name__ == "__main__":
    scene.enter()
    unittest.main(argv=sys.argv[:1])
