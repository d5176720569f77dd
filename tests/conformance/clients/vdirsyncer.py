"""vdirsyncer two-way, with khal and todoman on the local side: create, edit, delete on both, sync, equal."""

import glob
import os

import server

CALENDAR = server.HOME + "calendar/"
TASKS = server.HOME + "tasks/"

server.write(
    "vdirsyncer.conf",
    f"""
[general]
status_path = "{os.getcwd()}/status/"

[pair praxis]
a = "local"
b = "remote"
collections = ["from a", "from b"]
conflict_resolution = "b wins"
metadata = ["displayname", "color"]

[storage local]
type = "filesystem"
path = "{os.getcwd()}/local/"
fileext = ".ics"

[storage remote]
type = "caldav"
url = "{server.URL}"
username = "{server.LOGIN}"
password = "{server.SECRET}"
""",
)
server.write(
    "config/khal/config",
    f"""
[calendars]
[[praxis]]
path = {os.getcwd()}/local/calendar
[locale]
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
local_timezone = Europe/Berlin
default_timezone = Europe/Berlin
[sqlite]
path = {os.getcwd()}/khal.db
""",
)
server.write(
    "config/todoman/config.py",
    f"""
path = "{os.getcwd()}/local/tasks"
date_format = "%Y-%m-%d"
time_format = "%H:%M"
default_list = "tasks"
cache_path = "{os.getcwd()}/todoman.db"
""",
)


def vdirsyncer(*arguments, stdin=None):
    return server.run("vdirsyncer", "--config", "vdirsyncer.conf", *arguments, stdin=stdin)


def local(name):
    """The files of the local collection: path to octets."""
    return {path: open(path, "rb").read() for path in glob.glob(f"local/{name}/*.ics")}


def local_file(name, text):
    return next(path for path, ics in local(name).items() if text in ics.decode())


def sync_and_compare():
    vdirsyncer("sync")
    for name, path in (("calendar", CALENDAR), ("tasks", TASKS)):
        server.assert_same(local(name).values(), server.objects(path).values())


def replace(path, old, new):
    text = open(path, encoding="utf-8", newline="").read()
    assert old in text, text
    server.write(path, text.replace(old, new))


# The server has something before the client first looks.
server.put(CALENDAR + "check.ics", server.event("check", "Zahnkontrolle", extra="RRULE:FREQ=WEEKLY;COUNT=4\n"))
server.put(CALENDAR + "gone.ics", server.event("gone", "Wird gelöscht"))
server.put(TASKS + "gloves.ics", server.todo("gloves", "Handschuhe bestellen"))
vdirsyncer("discover", stdin="y\n" * 20)
sync_and_compare()
assert len(local("calendar")) == 2 and len(local("tasks")) == 1

# Create on the local side with khal and todoman.
server.run("khal", "new", "-a", "praxis", "2026-12-02", "10:00", "2026-12-02", "11:30", "Teambesprechung", "::", "Raum 2")
server.run("khal", "new", "-a", "praxis", "2026-12-03", "Betriebsausflug")
server.run("todo", "new", "--list", "tasks", "Röntgengerät warten")
sync_and_compare()
assert server.summaries(CALENDAR) == ["Betriebsausflug", "Teambesprechung", "Wird gelöscht", "Zahnkontrolle"]
assert server.summaries(TASKS) == ["Handschuhe bestellen", "Röntgengerät warten"]

# Edit on both sides, different objects.
server.put(CALENDAR + "check.ics", server.event("check", "Zahnkontrolle verschoben", extra="RRULE:FREQ=WEEKLY;COUNT=3\n"))
replace(local_file("calendar", "Teambesprechung"), "Teambesprechung", "Teamsitzung")
number = next(line.split()[2] for line in server.run("todo", "list").splitlines() if "Röntgenger" in line)
server.run("todo", "done", number)
sync_and_compare()
assert "Teamsitzung" in server.summaries(CALENDAR) and "Zahnkontrolle verschoben" in server.summaries(CALENDAR)
assert any(b"STATUS:COMPLETED" in ics for ics in server.objects(TASKS).values())
listed = server.run("khal", "list", "2026-12-01", "10d")
assert "Zahnkontrolle verschoben" in listed and "Teamsitzung" in listed and "Betriebsausflug" in listed

# Delete on both sides.
server.delete(CALENDAR + "gone.ics")
os.remove(local_file("calendar", "Betriebsausflug"))
sync_and_compare()
assert server.summaries(CALENDAR) == ["Teamsitzung", "Zahnkontrolle verschoben"]

# The same object on both sides: the server wins, as configured.
server.put(CALENDAR + "check.ics", server.event("check", "Vom Server"))
replace(local_file("calendar", "Zahnkontrolle verschoben"), "Zahnkontrolle verschoben", "Vom Client")
sync_and_compare()
assert "Vom Server" in server.summaries(CALENDAR)

# A collection made on the local side, and metadata from both.
os.makedirs("local/extra")
server.write("local/extra/new.ics", server.crlf(server.event("new", "Im neuen Kalender")))
vdirsyncer("discover", stdin="y\n" * 20)
vdirsyncer("sync")
server.assert_same(local("extra").values(), server.objects(server.HOME + "extra/").values())
server.proppatch(CALENDAR, "<A:calendar-color>#2968FFFF</A:calendar-color><D:displayname>Sprechstunde</D:displayname>")
vdirsyncer("metasync")
assert open("local/calendar/displayname", encoding="utf-8").read().strip() == "Sprechstunde"
assert open("local/calendar/color", encoding="utf-8").read().strip().upper().startswith("#2968FF")

# Nothing to do is nothing done.
before = server.etags(CALENDAR), server.etags(TASKS), local("calendar")
vdirsyncer("sync")
assert before == (server.etags(CALENDAR), server.etags(TASKS), local("calendar"))
