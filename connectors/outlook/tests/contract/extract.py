#!/usr/bin/env python3
"""Makes graph.json: what Microsoft Graph's own Python package says of the entities that the connector touches.

Usage: extract.py FOLDER > graph.json
FOLDER holds the unpacked wheel of msgraph-sdk (the version is in NOTICE).
"""
import json
import pathlib
import re
import sys

ENTITIES = [
    "event", "calendar", "attendee", "attendee_base", "recipient", "email_address", "response_status", "item_body",
    "location", "date_time_time_zone", "patterned_recurrence", "recurrence_pattern", "recurrence_range",
    "single_value_legacy_extended_property", "subscription",
]
PRIMITIVE = {
    "str": "string", "bool": "boolean", "int": "integer", "float": "number", "UUID": "string",
    "datetime.datetime": "datetime", "datetime.date": "date", "datetime.time": "time", "bytes": "string",
}


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def kind(annotation):
    """`Optional[list[Attendee]]` is ["attendee"]."""
    inner = re.fullmatch(r"Optional\[(.*)\]", annotation.strip()).group(1)
    many = re.fullmatch(r"list\[(.*)\]", inner)
    name = PRIMITIVE.get(many.group(1) if many else inner) or snake(many.group(1) if many else inner)
    return [name] if many else name


def entity(models, name):
    text = (models / f"{name}.py").read_text()
    parent = re.search(r"class \w+\((\w+)[,)]", text).group(1)
    properties = {}
    if parent not in ("Parsable", "AdditionalDataHolder"):
        properties = entity(models, snake(parent))
    types = dict(re.findall(r"^    (\w+): (Optional\[.*?\]) = ", text, re.M))
    for said, attribute in re.findall(r'"([\w@.]+)": lambda n : setattr\(self, \'(\w+)\'', text):
        properties[said] = kind(types[attribute])
    return properties


def main():
    models = pathlib.Path(sys.argv[1]) / "msgraph/generated/models"
    entities = {name: entity(models, name) for name in ENTITIES}
    enums = {}
    named = {one for properties in entities.values() for t in properties.values() for one in (t if isinstance(t, list) else [t])}
    for name in sorted(named):
        path = models / f"{name}.py"
        text = path.read_text() if path.exists() else ""
        if "(str, Enum)" in text:
            enums[name] = re.findall(r'^    \w+ = "(\w+)",', text, re.M)
    json.dump({"entities": entities, "enums": enums}, sys.stdout, indent=1, sort_keys=True)
    print()


main()
