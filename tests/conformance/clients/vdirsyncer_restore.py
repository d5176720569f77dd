"""A server that is restored from its backup, as vdirsyncer sees it: what both have stays, what the client made while
the server was away goes up, nothing is doubled. Run twice, `before` the backup and `after` the restore."""

import glob
import os
import sys

import server

CALENDAR = server.HOME + "calendar/"

server.write(
    "vdirsyncer.conf",
    f"""
[general]
status_path = "{os.getcwd()}/status/"

[pair praxis]
a = "local"
b = "remote"
collections = ["calendar"]

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


def vdirsyncer(*arguments, stdin=None):
    return server.run("vdirsyncer", "--config", "vdirsyncer.conf", *arguments, stdin=stdin)


def local():
    return {path: open(path, "rb").read() for path in glob.glob("local/calendar/*.ics")}


def same():
    server.assert_same(local().values(), server.objects(CALENDAR).values())


if sys.argv[1] == "before":
    for n in range(10):
        server.put(CALENDAR + f"{n}.ics", server.event(f"uid-{n}", f"Termin {n}"))
    vdirsyncer("discover", stdin="y\n" * 5)
    vdirsyncer("sync")
    same()
    assert len(local()) == 10
else:
    edited = next(path for path, ics in local().items() if b"uid-3" in ics)
    text = open(edited, encoding="utf-8", newline="").read()
    server.write(edited, text.replace("Termin 3", "Termin 3 verschoben"))
    os.remove(next(path for path, ics in local().items() if b"uid-4" in ics))
    server.write("local/calendar/new.ics", server.crlf(server.event("uid-new", "Im Ausfall angelegt")))
    vdirsyncer("sync")
    same()
    expected = sorted([f"Termin {n}" for n in range(10) if n not in (3, 4)] + ["Termin 3 verschoben", "Im Ausfall angelegt"])
    assert server.summaries(CALENDAR) == expected, server.summaries(CALENDAR)
    before = local()
    vdirsyncer("sync")
    assert local() == before, "the second sync has nothing to do"
