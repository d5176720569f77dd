"""cadaver: ls, get, put, copy, move, delete, propget, mkcol, as typed by a person."""

import os
import urllib.parse

import server

CALENDAR = server.HOME + "calendar/"
SECOND = server.HOME + "second/"
BASE = server.URL.rstrip("/")

server.write(".netrc", f"machine {urllib.parse.urlsplit(server.URL).hostname}\nlogin {server.LOGIN}\npassword {server.SECRET}\n")
server.put(CALENDAR + "check.ics", server.event("check", "Zahnkontrolle"))
server.mkcalendar(SECOND)
server.proppatch(CALENDAR, "<D:displayname>Sprechstunde</D:displayname>")


def cadaver(*commands, at=CALENDAR):
    output = server.run("cadaver", BASE + at, stdin="\n".join((*commands, "quit")) + "\n")
    assert "Authentication required" not in output.replace("Authentication required for almanac on server", ""), output
    return output


def succeeded(output, count):
    assert output.count("succeeded") == count and "failed" not in output, output


listing = cadaver("ls")
assert "check.ics" in listing and str(len(server.get(CALENDAR + "check.ics"))) in listing, listing
home = cadaver("ls", at=server.HOME)
assert "calendar" in home and "tasks" in home and "second" in home, home

cadaver("get check.ics got.ics")
assert open("got.ics", "rb").read() == server.get(CALENDAR + "check.ics")

server.write("new.ics", server.crlf(server.event("new", "Von cadaver")))
succeeded(cadaver("put new.ics"), 1)
assert server.get(CALENDAR + "new.ics") == open("new.ics", "rb").read()

succeeded(cadaver("move new.ics moved.ics"), 1)
assert sorted(server.etags(CALENDAR)) == ["check.ics", "moved.ics"]

succeeded(cadaver("copy moved.ics ../second/copied.ics"), 1)
server.assert_same([server.get(SECOND + "copied.ics")], [open("new.ics", "rb").read()])

found = cadaver("set namespace DAV:", "propget calendar displayname", at=server.HOME)
assert "Sprechstunde" in found, found
found = cadaver("set namespace DAV:", "propget check.ics getcontenttype")
assert "text/calendar" in found, found
found = cadaver("propnames check.ics")
assert "getetag" in found, found
succeeded(cadaver("propset calendar note Vertretung", at=server.HOME), 1)
found = cadaver("propget calendar note", at=server.HOME)
assert "Vertretung" in found, found

succeeded(cadaver("delete moved.ics"), 1)
assert sorted(server.etags(CALENDAR)) == ["check.ics"]

succeeded(cadaver("mkcol folder", at=server.HOME), 1)
succeeded(cadaver("rmcol folder", at=server.HOME), 1)
assert server.request("GET", server.HOME + "folder/")[0] == 404

refused = cadaver("lock check.ics", "put no-such-file.ics")
assert "succeeded" not in refused, refused
server.write("bad.ics", "this is no calendar")
refused = cadaver("put bad.ics")
assert "failed" in refused and "403" in refused, refused
assert sorted(server.etags(CALENDAR)) == ["check.ics"]
assert not os.path.exists("no-such-file.ics")
