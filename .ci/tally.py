"""Counts test cases: tally.py <Bazel's --build_event_json_file>

Prints "passed failed skipped". A test program that fails for another reason
than its cases (a leak, a timeout, a crash) counts as one failed case.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


def count(report):
    """Returns passed, failed and skipped cases of one test.xml."""
    passed = failed = skipped = 0
    try:
        cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError):
        cases = []
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.get("status") == "notrun" or case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(events):
    total = [0, 0, 0]
    with open(events, encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            if "testResult" in event:
                result = event["testResult"]
                reports = [
                    urllib.parse.urlparse(output["uri"]).path
                    for output in result.get("testActionOutput", [])
                    if output["name"] == "test.xml"
                ]
                cases = count(reports[0]) if reports else (0, 0, 0)
                passed, failed, skipped = cases
                if result["status"] != "PASSED":
                    failed = max(failed, 1)
                elif cases == (0, 0, 0):
                    passed = 1
                total[0] += passed
                total[1] += failed
                total[2] += skipped
    print(*total)


if __name__ == "__main__":
    main(sys.argv[1])
