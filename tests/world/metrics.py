"""Reads Prometheus' text format from standard input with Prometheus' own parser, and prints one JSON object a family.

Anything that a scrape would refuse ends it with an error.
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    samples = [
        {"name": sample.name, "labels": sample.labels, "value": sample.value}
        for sample in family.samples
        if sample.value == sample.value
    ]
    print(json.dumps({"name": family.name, "type": family.type, "help": family.documentation, "samples": samples}))
