"""Runs unittest cases under CTest: a closing line with the counts, exit status 77 when everything was
skipped, and the result of each case as XML in GoogleTest's form where GTEST_OUTPUT asks for it."""

import os
import pathlib
import sys
import time
import unittest
import xml.etree.ElementTree as xml

ALL_SKIPPED = 77


class _Result(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.rows = []  # (test, "pass" | "skip" | "fail", text)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.rows.append((test, "pass", ""))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.rows.append((test, "skip", reason))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.rows.append((test, "fail", str(err[1])))

    def addError(self, test, err):
        super().addError(test, err)
        self.rows.append((test, "fail", f"{err[0].__name__}: {err[1]}"))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.rows.append((test, "fail", f"{subtest}: {err[1]}"))


def _write_xml(path, rows):
    suite = xml.Element("testsuite")
    for test, outcome, text in rows:
        class_name, _, name = test.id().rpartition(".")
        case = xml.SubElement(suite, "testcase", classname=class_name.rpartition(".")[2], name=name,
                              result="skipped" if outcome == "skip" else "completed")
        if outcome != "pass":
            xml.SubElement(case, "failure" if outcome == "fail" else "skipped", message=text)
    root = xml.Element("testsuites")
    root.append(suite)
    xml.ElementTree(root).write(path)


def main(name):
    """Runs the cases of the calling program, whose CTest name is `name`, and ends it."""
    started = time.monotonic()
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=_Result)
    rows = runner.run(suite).rows
    output = os.environ.get("GTEST_OUTPUT", "")
    if output.startswith("xml:"):
        _write_xml(pathlib.Path(output.removeprefix("xml:")) / f"{name}.xml", rows)
    counts = {kind: sum(row[1] == kind for row in rows) for kind in ("pass", "fail", "skip")}
    for _, _, reason in (row for row in rows if row[1] == "skip"):
        print(f"skipped: {reason}")
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped "
          f"in {time.monotonic() - started:.1f} s")
    if not rows or counts["fail"]:
        sys.exit(1)
    sys.exit(ALL_SKIPPED if counts["skip"] == len(rows) else 0)
