"""calcurse with its own calcurse-caldav: two-way synchronisation of appointments and tasks."""

import os
import shutil
import sys
from datetime import timezone

import icalendar

import server

CALENDAR = server.HOME + "work/"
DATA = os.path.join(os.getcwd(), "data", "calcurse")

components = '<C:comp name="VEVENT"/><C:comp name="VTODO"/>'
status, body = server.request(
    "MKCALENDAR",
    CALENDAR,
    '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop><C:supported-calendar-component-set>'
    f"{components}</C:supported-calendar-component-set></D:prop></D:set></C:mkcalendar>",
    Content_Type="application/xml",
)
assert status == 201, (status, body)

server.write(
    "config/calcurse/caldav/config",
    f"""
[General]
Hostname = {server.AUTHORITY}
Path = {CALENDAR}
AuthMethod = basic
HTTPS = No
DryRun = No
Verbose = Yes

[Auth]
Username = {server.LOGIN}
""",
)
os.makedirs(DATA, exist_ok=True)
os.environ["CALCURSE_CALDAV_PASSWORD"] = server.SECRET


def calcurse(*arguments, stdin=None):
    return server.run("calcurse", *arguments, stdin=stdin)


def synchronise(*arguments):
    # The script names `python3`; the one with its library is the one that runs this.
    server.run(sys.executable, shutil.which("calcurse-caldav"), *arguments)


def appointments(many):
    """What calcurse keeps of events and tasks: kind, summary, instant of the start."""
    found = []
    for ics in many:
        for component in icalendar.Calendar.from_ical(ics).walk():
            if component.name in ("VEVENT", "VTODO"):
                start = component.get("DTSTART")
                moment = start.dt if start else None
                if moment is not None and hasattr(moment, "hour"):
                    moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
                found.append((component.name, str(component["SUMMARY"]), str(moment)))
    return sorted(found)


def compare():
    exported = server.run("calcurse", "-xical", "--export-uid")
    local, remote = appointments([exported]), appointments(server.objects(CALENDAR).values())
    assert local == remote, (local, remote)
    return [summary for _, summary, _ in remote]


server.put(CALENDAR + "check.ics", server.event("check", "Zahnkontrolle"))
server.put(CALENDAR + "series.ics", server.event("series", "Serie", "20261202T090000Z", "RRULE:FREQ=WEEKLY;COUNT=3\n"))
calcurse("-i", "-", "-q", stdin=server.event("local", "Von calcurse", "20261203T100000Z"))
synchronise("--init", "two-way")
assert compare() == ["Serie", "Von calcurse", "Zahnkontrolle"]

# New on both sides, edited and deleted on the server.
calcurse("-i", "-", "-q", stdin=server.todo("task", "Aufgabe"))
server.put(CALENDAR + "new.ics", server.event("new", "Neu am Server", "20261204T100000Z"))
server.put(CALENDAR + "check.ics", server.event("check", "Verschoben", "20261201T140000Z"))
server.delete(CALENDAR + "series.ics")
synchronise()
assert compare() == ["Neu am Server", "Verschoben", "Von calcurse", "Aufgabe"]

# Deleted on the local side.
calcurse("-F", "--filter-pattern", "^(Verschoben|Neu am Server|Aufgabe)$")
synchronise()
assert compare() == ["Neu am Server", "Verschoben", "Aufgabe"]

# Nothing to do is nothing done.
before = server.etags(CALENDAR)
synchronise()
assert server.etags(CALENDAR) == before
