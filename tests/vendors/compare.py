"""Compares the calendars at several addresses, read and understood by other programs than ours.

compare.py COUNT {URL LOGIN PASSWORD}...

Each address is a calendar collection. All must hold COUNT objects, and the same: what the objects say is compared property
by property, parsed by icalendar. What a server may keep for itself is left out: when an object was written, by whom, and
the definitions of zones.
"""

import base64
import datetime
import http.client
import sys
import urllib.parse
import xml.etree.ElementTree as xml

import icalendar

OWN = {"DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "PRODID", "UID"}
LISTING = b'<propfind xmlns="DAV:"><prop><getetag/><resourcetype/></prop></propfind>'


def export(url, login, password):
    """The texts of all members of a collection."""
    at = urllib.parse.urlsplit(url)
    server = http.client.HTTPConnection(at.netloc, timeout=60)
    secret = base64.b64encode(f"{login}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}"}

    def ask(method, path, body=None, more=()):
        server.request(method, path, body, {**headers, **dict(more)})
        answer = server.getresponse()
        text = answer.read()
        assert answer.status in (200, 207), (method, path, answer.status)
        return text

    more = {"Depth": "1", "Content-Type": "application/xml"}
    listed = xml.fromstring(ask("PROPFIND", at.path, LISTING, more))
    hrefs = [row.findtext("{DAV:}href") for row in listed.findall("{DAV:}response")]
    return [ask("GET", href).decode() for href in hrefs if href.rstrip("/") != at.path.rstrip("/")]


def instant(value):
    """A time so that two spellings of it are equal, and a zone and none are not."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return ("instant", value.astimezone(datetime.timezone.utc).isoformat(), str(value.utcoffset()))
    return ("civil", value.isoformat())


def said(name, value):
    if name in ("EXDATE", "RDATE"):
        values = value if isinstance(value, list) else [value]
        return sorted(instant(one.dt) for several in values for one in several.dts)
    if name == "CATEGORIES":
        values = value if isinstance(value, list) else [value]
        return sorted(str(word) for several in values for word in several.cats)
    if isinstance(value, list):
        return sorted(said(name, one) for one in value)
    if isinstance(getattr(value, "dt", None), (datetime.date, datetime.datetime)):
        return instant(value.dt)
    text = value.to_ical()
    return (text.decode() if isinstance(text, bytes) else text, sorted(getattr(value, "params", {}).items()))


def part(component):
    """What a component says."""
    properties = {name: said(name, value) for name, value in component.items() if name not in OWN}
    properties = {name: value for name, value in properties.items() if not name.startswith("X-")}
    start, length = component.get("DTSTART"), component.get("DURATION")
    if start is not None and "DTEND" not in component:  # an end by another name, or by default
        properties.pop("DURATION", None)
        is_day = not isinstance(start.dt, datetime.datetime)
        length = length.dt if length is not None else datetime.timedelta(days=is_day)
        properties["DTEND"] = instant(start.dt + length)
    inner = sorted(repr((one.name, part(one))) for one in component.subcomponents)
    return (sorted(properties.items()), inner)


def objects(texts):
    """What each object says, by its UID."""
    found = {}
    for text in texts:
        calendar = icalendar.Calendar.from_ical(text)
        parts = [one for one in calendar.subcomponents if one.name != "VTIMEZONE"]
        (uid,) = {str(one["UID"]) for one in parts}
        assert uid not in found, f"two objects of one UID: {uid}"
        found[uid] = sorted(repr((one.name, part(one))) for one in parts)
    return found


def main():
    count, places = int(sys.argv[1]), sys.argv[2:]
    sides = [objects(export(*places[n : n + 3])) for n in range(0, len(places), 3)]
    first, wrong = sides[0], []
    for number, side in enumerate(sides):
        if len(side) != count:
            wrong.append(f"side {number} has {len(side)} objects in place of {count}")
        for uid in sorted(first.keys() | side.keys()):
            if first.get(uid) != side.get(uid):
                wrong.append(f"{uid}:\n  0: {first.get(uid)}\n  {number}: {side.get(uid)}")
    print("\n".join(wrong[:10]))
    print(f"{len(wrong)} differences, {len(first)} objects")
    sys.exit(1 if wrong else 0)


main()
