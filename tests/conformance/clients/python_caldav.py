"""python-caldav: discovery, create, search with expansion, sync token, edit, delete."""

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import caldav

import server

CALENDAR = server.HOME + "calendar/"
BERLIN = ZoneInfo("Europe/Berlin")


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def summaries(found):
    return sorted(str(one.icalendar_component["SUMMARY"]) for one in found)


with caldav.DAVClient(url=server.URL, username=server.LOGIN, password=server.SECRET) as client:
    # Discovery from the bare address.
    principal = client.principal()
    assert str(principal.url).endswith(f"/dav/principals/{server.LOGIN}/"), principal.url
    calendars = {c.url.path.rstrip("/").rsplit("/", 1)[1]: c for c in principal.calendars()}
    assert set(calendars) == {"calendar", "tasks"}, calendars
    assert f"mailto:{server.LOGIN}@example.invalid" in [str(a) for a in principal.calendar_user_address_set()]
    calendar, tasks = calendars["calendar"], calendars["tasks"]
    assert calendar.get_supported_components() and "VTODO" in tasks.get_supported_components()

    # Create, from parts and from text.
    calendar.add_event(dtstart=utc(2026, 12, 1, 9), dtend=utc(2026, 12, 1, 10), summary="Zahnkontrolle", uid="check")
    weekly = calendar.add_event(
        dtstart=datetime(2026, 10, 20, 9, tzinfo=BERLIN),
        dtend=datetime(2026, 10, 20, 10, tzinfo=BERLIN),
        summary="Wöchentlich",
        uid="weekly",
        rrule={"FREQ": "WEEKLY", "COUNT": 4},
    )
    calendar.add_event(dtstart=date(2026, 12, 3), dtend=date(2026, 12, 4), summary="Ausflug", uid="day")
    calendar.add_event(server.crlf(server.event("text", "Aus Text", "20261205T090000Z")))
    assert server.summaries(CALENDAR) == ["Aus Text", "Ausflug", "Wöchentlich", "Zahnkontrolle"]
    server.assert_same([e.data.encode() for e in calendar.get_events()], server.objects(CALENDAR).values())

    # Search: by time, by text, expanded by the server.
    found = calendar.search(event=True, start=utc(2026, 12, 1), end=utc(2026, 12, 2))
    assert summaries(found) == ["Zahnkontrolle"], summaries(found)
    found = calendar.search(event=True, summary="Zahn")
    assert summaries(found) == ["Zahnkontrolle"], summaries(found)
    expanded = calendar.search(event=True, start=utc(2026, 10, 19), end=utc(2026, 11, 30), server_expand=True)
    starts = sorted(str(e.icalendar_component["DTSTART"].dt.astimezone(timezone.utc)) for e in expanded)
    assert starts == [f"2026-{day} {hour}:00:00+00:00" for day, hour in (("10-20", "07"), ("10-27", "08"), ("11-03", "08"), ("11-10", "08"))], starts
    by_client = calendar.search(event=True, start=utc(2026, 10, 19), end=utc(2026, 11, 30), expand=True)
    assert sorted(str(e.icalendar_component["DTSTART"].dt.astimezone(timezone.utc)) for e in by_client) == starts

    # Sync token: created, edited, deleted since.
    known = calendar.objects_by_sync_token(load_objects=True)
    assert len(list(known)) == 4
    event = calendar.get_event_by_uid("check")
    with event.edit_icalendar_component() as component:
        component["SUMMARY"] = "Zahnkontrolle verschoben"
    event.save()
    calendar.get_event_by_uid("text").delete()
    calendar.add_event(dtstart=utc(2026, 12, 7, 9), dtend=utc(2026, 12, 7, 10), summary="Neu", uid="new")
    updated, deleted = known.sync()
    assert len(list(updated)) == 2 and len(list(deleted)) == 1, (list(updated), list(deleted))
    assert server.summaries(CALENDAR) == ["Ausflug", "Neu", "Wöchentlich", "Zahnkontrolle verschoben"]
    changes = list(calendar.objects_by_sync_token(sync_token=known.sync_token))
    assert changes == [], changes

    # A change by somebody else is seen, and is not overwritten blindly.
    server.put(CALENDAR + "other.ics", server.event("other", "Von nebenan", "20261208T090000Z"))
    updated, deleted = known.sync()
    assert summaries(updated) == ["Von nebenan"] and not list(deleted)

    # An instance of the series is moved.
    instance = next(e for e in calendar.search(event=True, start=utc(2026, 11, 3), end=utc(2026, 11, 4), expand=True))
    with instance.edit_icalendar_component() as component:
        component["SUMMARY"] = "Einmal anders"
    instance.save()
    stored = calendar.get_event_by_uid("weekly").data
    assert "RECURRENCE-ID" in stored and "Einmal anders" in stored and "RRULE" in stored, stored

    # Tasks.
    task = tasks.add_todo(summary="Handschuhe bestellen", due=utc(2026, 12, 9, 12), uid="gloves")
    assert summaries(tasks.get_todos()) == ["Handschuhe bestellen"]
    task.complete()
    assert tasks.get_todos() == [] and len(tasks.get_todos(include_completed=True)) == 1

    # Busy time.
    busy = calendar.freebusy_request(utc(2026, 12, 7), utc(2026, 12, 8))
    assert "20261207T090000Z" in busy.data, busy.data

    # A calendar of its own, renamed and removed.
    extra = principal.make_calendar(name="Labor", cal_id="labor")
    extra.add_event(dtstart=utc(2026, 12, 1, 9), dtend=utc(2026, 12, 1, 10), summary="Blutbild", uid="check")
    assert extra.get_display_name() == "Labor" and len(extra.get_events()) == 1
    extra.set_properties([caldav.elements.dav.DisplayName("Labor 2")])
    names = [c.get_display_name() for c in principal.calendars()]  # a property is cached in its object
    assert "Labor 2" in names and "Labor" not in names, names
    extra.delete()
    assert server.request("GET", server.HOME + "labor/")[0] == 404

    # Delete.
    for event in calendar.get_events():
        event.delete()
    assert server.objects(CALENDAR) == {}
