#!/usr/bin/env python3
"""Makes calendar.v3.json: what the connector and its simulator use of Google's description of its own API.

    python3 make.py path/to/googleapiclient/discovery_cache/documents/calendar.v3.json > calendar.v3.json

Kept: the methods in METHODS with their parameters, and every schema they lead to; types, formats and enums. Texts are left
out. Where a text lists the values of a field (`- "confirmed" - The event is confirmed.`), they become its enum.
"""

import json
import re
import sys

METHODS = {
    "calendarList": ["list"],
    "channels": ["stop"],
    "events": ["delete", "get", "insert", "instances", "list", "patch", "watch"],
}
KEPT = ("$ref", "type", "format", "enum", "required", "repeated", "location", "minimum", "maximum")


def trim(node):
    kept = {name: node[name] for name in KEPT if name in node}
    listed = re.findall(r'^- "([A-Za-z_]+)" - ', node.get("description", ""), re.MULTILINE)
    if listed and node.get("type") == "string" and "enum" not in kept:
        kept["enum"] = listed
    if "items" in node:
        kept["items"] = trim(node["items"])
    if "additionalProperties" in node:
        kept["additionalProperties"] = trim(node["additionalProperties"])
    if "properties" in node:
        kept["properties"] = {name: trim(value) for name, value in sorted(node["properties"].items())}
    return kept


def refs(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)


def main():
    document = json.load(open(sys.argv[1], encoding="utf-8"))
    methods = {}
    for resource, names in METHODS.items():
        for name in names:
            method = document["resources"][resource]["methods"][name]
            parameters = {**document["parameters"], **method.get("parameters", {})}
            kept = {
                "httpMethod": method["httpMethod"],
                "path": method["path"],
                "parameters": {key: trim(value) for key, value in sorted(parameters.items())},
            }
            for side in ("request", "response"):
                if side in method:
                    kept[side] = {"$ref": method[side]["$ref"]}
            methods[f"{resource}.{name}"] = kept
    schemas, wanted = {}, sorted(set(refs(methods)))
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = trim(document["schemas"][name])
            wanted.extend(refs(schemas[name]))
    made = {
        "id": document["id"],
        "revision": document["revision"],
        "methods": methods,
        "schemas": dict(sorted(schemas.items())),
    }
    json.dump(made, sys.stdout, indent=1, sort_keys=True)
    print()


main()
