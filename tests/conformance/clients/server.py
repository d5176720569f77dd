"""The server's side of a conformance test: plain HTTP, and a comparison by a third implementation.

The environment names the server (ALMANAC_URL, ALMANAC_LOGIN, ALMANAC_SECRET); the working folder is the test's own.
"""

import base64
import http.client
import os
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as etree

import icalendar

URL = os.environ["ALMANAC_URL"]
LOGIN = os.environ["ALMANAC_LOGIN"]
SECRET = os.environ["ALMANAC_SECRET"]
AUTHORITY = urllib.parse.urlsplit(URL).netloc
HOME = f"/dav/calendars/{LOGIN}/"
DAV = "{DAV:}"


def request(method, path, body=None, **headers):
    """Sends one request; the status and the body."""
    credentials = base64.b64encode(f"{LOGIN}:{SECRET}".encode()).decode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(AUTHORITY, timeout=30)
    connection.request(method, path, body, headers | {"Authorization": f"Basic {credentials}"})
    response = connection.getresponse()
    return response.status, response.read()


def put(path, ics, **headers):
    status, body = request("PUT", path, crlf(ics).encode(), Content_Type="text/calendar; charset=utf-8", **headers)
    assert status in (201, 204), (path, status, body)


def delete(path):
    status, body = request("DELETE", path)
    assert status == 204, (path, status, body)


def mkcalendar(path):
    status, body = request("MKCALENDAR", path)
    assert status == 201, (path, status, body)


def proppatch(path, prop):
    body = f'<D:propertyupdate xmlns:D="DAV:" xmlns:A="http://apple.com/ns/ical/"><D:set><D:prop>{prop}</D:prop></D:set></D:propertyupdate>'
    status, answer = request("PROPPATCH", path, body, Content_Type="application/xml")
    assert status == 207, (path, status, answer)


def etags(path):
    """The members of a collection: name to ETag."""
    body = '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
    status, answer = request("PROPFIND", path, body, Depth="1", Content_Type="application/xml")
    assert status == 207, (path, status, answer)
    found = {}
    for response in etree.fromstring(answer).iter(f"{DAV}response"):
        name = urllib.parse.unquote(response.find(f"{DAV}href").text.rsplit("/", 1)[1])
        etag = response.find(f".//{DAV}getetag")
        if name and etag is not None:
            found[name] = etag.text
    return found


def get(path):
    status, body = request("GET", path)
    assert status == 200, (path, status, body)
    return body


def objects(path):
    """The members of a collection: name to octets."""
    return {name: get(path + urllib.parse.quote(name)) for name in etags(path)}


def crlf(text):
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def calendar(component):
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Almanac//Tests//EN\n{component.strip()}\nEND:VCALENDAR\n"


def event(uid, summary, start="20261201T090000Z", extra=""):
    return calendar(
        f"BEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261101T080000Z\nDTSTART:{start}\nDURATION:PT1H\nSUMMARY:{summary}\n{extra}END:VEVENT"
    )


def todo(uid, summary):
    return calendar(f"BEGIN:VTODO\nUID:{uid}\nDTSTAMP:20261101T080000Z\nSUMMARY:{summary}\nEND:VTODO")


def components(ics):
    """What an object says, without the order and folding of its lines: a sorted list of components."""
    found = []
    for component in icalendar.Calendar.from_ical(ics).walk():
        if component.name in ("VEVENT", "VTODO", "VJOURNAL"):
            lines = [
                (name, sorted((k, str(v)) for k, v in getattr(value, "params", {}).items()), value_text(value))
                for name, value in component.property_items(recursive=False, sorted=True)
                if name not in ("BEGIN", "END")
            ]
            found.append((component.name, sorted(lines, key=repr)))
    assert found, ics
    return sorted(found, key=repr)


def value_text(value):
    text = value.to_ical() if hasattr(value, "to_ical") else str(value).encode()
    return text.decode() if isinstance(text, bytes) else str(text)


def by_uid(many):
    """Octets of many objects: UID to what the object says."""
    result = {}
    for ics in many:
        uid = next(str(c["UID"]) for c in icalendar.Calendar.from_ical(ics).walk() if "UID" in c)
        assert uid not in result, f"{uid} is there twice"
        result[uid] = components(ics)
    return result


def assert_same(left, right):
    """Both sides, as octets, hold the same objects and say the same in each."""
    left, right = by_uid(left), by_uid(right)
    assert left.keys() == right.keys(), (sorted(left), sorted(right))
    for uid in left:
        assert left[uid] == right[uid], f"{uid}:\n{left[uid]}\n{right[uid]}"


def summaries(path):
    return sorted(str(c["SUMMARY"]) for ics in objects(path).values() for c in icalendar.Calendar.from_ical(ics).walk() if "SUMMARY" in c)


def run(*arguments, stdin=None, ok=(0,)):
    """Runs a client; its output."""
    done = subprocess.run(arguments, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    print("$", " ".join(arguments), f"-> {done.returncode}")
    sys.stdout.write(done.stdout)
    sys.stdout.write(done.stderr)
    assert done.returncode in ok, f"{arguments[0]} ended with {done.returncode}"
    return done.stdout + done.stderr


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.chmod(path, mode)
