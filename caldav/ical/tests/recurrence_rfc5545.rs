//! The examples of RFC 5545 section 3.8.5.3, each as a row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::{calendar, instances, starts, window, zone};

/// What, DTSTART in America/New_York, other lines, expected starts, and how the list ends.
type Row = (&'static str, &'static str, &'static str, &'static str, End);

#[derive(Clone, Copy, PartialEq)]
enum End {
    /// These are all.
    Complete,
    /// "..."
    GoesOn,
}
use End::{Complete, GoesOn};

const ROWS: &[Row] = &[
    (
        "daily for 10 occurrences",
        "19970902T090000",
        "RRULE:FREQ=DAILY;COUNT=10",
        "1997 9/2,3,4,5,6,7,8,9,10,11",
        Complete,
    ),
    (
        "daily until December 24, 1997",
        "19971215T090000",
        "RRULE:FREQ=DAILY;UNTIL=19971224T000000Z",
        "1997 12/15,16,17,18,19,20,21,22,23",
        Complete,
    ),
    (
        "every other day",
        "19970902T090000",
        "RRULE:FREQ=DAILY;INTERVAL=2",
        "1997 9/2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 10/2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 11/1,3",
        GoesOn,
    ),
    (
        "every 10 days, 5 occurrences",
        "19970902T090000",
        "RRULE:FREQ=DAILY;INTERVAL=10;COUNT=5",
        "1997 9/2,12,22 10/2,12",
        Complete,
    ),
    (
        "every day in January, for 3 years, by year",
        "19980129T090000",
        "RRULE:FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        "1998 1/29,30,31 1999 1/1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 \
         2000 1/1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        Complete,
    ),
    (
        "every day in January, for 3 years, by day",
        "19980129T090000",
        "RRULE:FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
        "1998 1/29,30,31 1999 1/1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31 \
         2000 1/1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        Complete,
    ),
    (
        "weekly for 10 occurrences",
        "19970902T090000",
        "RRULE:FREQ=WEEKLY;COUNT=10",
        "1997 9/2,9,16,23,30 10/7,14,21,28 11/4",
        Complete,
    ),
    (
        "weekly until December 24, 1997",
        "19970902T090000",
        "RRULE:FREQ=WEEKLY;UNTIL=19971224T000000Z",
        "1997 9/2,9,16,23,30 10/7,14,21,28 11/4,11,18,25 12/2,9,16,23",
        Complete,
    ),
    (
        "every other week",
        "19970902T090000",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "1997 9/2,16,30 10/14,28 11/11,25 12/9,23 1998 1/6,20 2/3,17",
        GoesOn,
    ),
    (
        "weekly on Tuesday and Thursday for five weeks, until",
        "19970902T090000",
        "RRULE:FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "1997 9/2,4,9,11,16,18,23,25,30 10/2",
        Complete,
    ),
    (
        "weekly on Tuesday and Thursday for five weeks, count",
        "19970902T090000",
        "RRULE:FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
        "1997 9/2,4,9,11,16,18,23,25,30 10/2",
        Complete,
    ),
    (
        "every other week on Monday, Wednesday and Friday until December 24",
        "19970901T090000",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997 9/1,3,5,15,17,19,29 10/1,3,13,15,17,27,29,31 11/10,12,14,24,26,28 12/8,10,12,22",
        Complete,
    ),
    (
        "every other week on Tuesday and Thursday, for 8 occurrences",
        "19970902T090000",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "1997 9/2,4,16,18,30 10/2,14,16",
        Complete,
    ),
    (
        "monthly on the first Friday for 10 occurrences",
        "19970905T090000",
        "RRULE:FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "1997 9/5 10/3 11/7 12/5 1998 1/2 2/6 3/6 4/3 5/1 6/5",
        Complete,
    ),
    (
        "monthly on the first Friday until December 24, 1997",
        "19970905T090000",
        "RRULE:FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
        "1997 9/5 10/3 11/7 12/5",
        Complete,
    ),
    (
        "every other month on the first and last Sunday for 10 occurrences",
        "19970907T090000",
        "RRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997 9/7,28 11/2,30 1998 1/4,25 3/1,29 5/3,31",
        Complete,
    ),
    (
        "monthly on the second-to-last Monday for 6 months",
        "19970922T090000",
        "RRULE:FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997 9/22 10/20 11/17 12/22 1998 1/19 2/16",
        Complete,
    ),
    (
        "monthly on the third-to-the-last day",
        "19970928T090000",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=-3",
        "1997 9/28 10/29 11/28 12/29 1998 1/29 2/26",
        GoesOn,
    ),
    (
        "monthly on the 2nd and 15th for 10 occurrences",
        "19970902T090000",
        "RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "1997 9/2,15 10/2,15 11/2,15 12/2,15 1998 1/2,15",
        Complete,
    ),
    (
        "monthly on the first and last day for 10 occurrences",
        "19970930T090000",
        "RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997 9/30 10/1,31 11/1,30 12/1,31 1998 1/1,31 2/1",
        Complete,
    ),
    (
        "every 18 months on the 10th to 15th for 10 occurrences",
        "19970910T090000",
        "RRULE:FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997 9/10,11,12,13,14,15 1999 3/10,11,12,13",
        Complete,
    ),
    (
        "every Tuesday, every other month",
        "19970902T090000",
        "RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997 9/2,9,16,23,30 11/4,11,18,25 1998 1/6,13,20,27 3/3,10,17,24,31",
        GoesOn,
    ),
    (
        "yearly in June and July for 10 occurrences",
        "19970610T090000",
        "RRULE:FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "1997 6/10 7/10 1998 6/10 7/10 1999 6/10 7/10 2000 6/10 7/10 2001 6/10 7/10",
        Complete,
    ),
    (
        "every other year on January, February, and March for 10 occurrences",
        "19970310T090000",
        "RRULE:FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "1997 3/10 1999 1/10 2/10 3/10 2001 1/10 2/10 3/10 2003 1/10 2/10 3/10",
        Complete,
    ),
    (
        "every third year on the 1st, 100th, and 200th day for 10 occurrences",
        "19970101T090000",
        "RRULE:FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        "1997 1/1 4/10 7/19 2000 1/1 4/9 7/18 2003 1/1 4/10 7/19 2006 1/1",
        Complete,
    ),
    (
        "every 20th Monday of the year",
        "19970519T090000",
        "RRULE:FREQ=YEARLY;BYDAY=20MO",
        "1997 5/19 1998 5/18 1999 5/17",
        GoesOn,
    ),
    (
        "Monday of week number 20",
        "19970512T090000",
        "RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "1997 5/12 1998 5/11 1999 5/17",
        GoesOn,
    ),
    (
        "every Thursday in March",
        "19970313T090000",
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "1997 3/13,20,27 1998 3/5,12,19,26 1999 3/4,11,18,25",
        GoesOn,
    ),
    (
        "every Thursday, but only during June, July, and August",
        "19970605T090000",
        "RRULE:FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997 6/5,12,19,26 7/3,10,17,24,31 8/7,14,21,28 1998 6/4,11,18,25 7/2,9,16,23,30 8/6,13,20,27",
        GoesOn,
    ),
    (
        "every Friday the 13th",
        "19970902T090000",
        "EXDATE;TZID=America/New_York:19970902T090000\n\
        RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1998 2/13 3/13 11/13 1999 8/13 2000 10/13",
        GoesOn,
    ),
    (
        "the first Saturday that follows the first Sunday of the month",
        "19970913T090000",
        "RRULE:FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997 9/13 10/11 11/8 12/13 1998 1/10 2/7 3/7 4/11 5/9 6/13",
        GoesOn,
    ),
    (
        "every 4 years, the first Tuesday after a Monday in November",
        "19961105T090000",
        "RRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996 11/5 2000 11/7 2004 11/2",
        GoesOn,
    ),
    (
        "the third instance of Tuesday, Wednesday, or Thursday, for the next 3 months",
        "19970904T090000",
        "RRULE:FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        "1997 9/4 10/7 11/6",
        Complete,
    ),
    (
        "the second-to-last weekday of the month",
        "19970929T090000",
        "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997 9/29 10/30 11/27 12/30 1998 1/29 2/26 3/30",
        GoesOn,
    ),
    (
        "every 3 hours from 9:00 AM to 5:00 PM on a specific day",
        "19970902T090000",
        "RRULE:FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z",
        "1997 9/2@0900,1200,1500",
        Complete,
    ),
    (
        "every 15 minutes for 6 occurrences",
        "19970902T090000",
        "RRULE:FREQ=MINUTELY;INTERVAL=15;COUNT=6",
        "1997 9/2@0900,0915,0930,0945,1000,1015",
        Complete,
    ),
    (
        "every hour and a half for 4 occurrences",
        "19970902T090000",
        "RRULE:FREQ=MINUTELY;INTERVAL=90;COUNT=4",
        "1997 9/2@0900,1030,1200,1330",
        Complete,
    ),
    (
        "every 20 minutes from 9:00 AM to 4:40 PM, by day",
        "19970902T090000",
        "RRULE:FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        "1997 9/2@0900,0920,0940,1000,1020,1040,1100,1120,1140,1200,1220,1240,1300,1320,1340,1400,1420,1440,1500,1520,\
         1540,1600,1620,1640 9/3@0900,0920",
        GoesOn,
    ),
    (
        "every 20 minutes from 9:00 AM to 4:40 PM, by minute",
        "19970902T090000",
        "RRULE:FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
        "1997 9/2@0900,0920,0940,1000,1020,1040,1100,1120,1140,1200,1220,1240,1300,1320,1340,1400,1420,1440,1500,1520,\
         1540,1600,1620,1640 9/3@0900,0920",
        GoesOn,
    ),
    (
        "the days generated make a difference because of WKST=MO",
        "19970805T090000",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        "1997 8/5,10,19,24",
        Complete,
    ),
    (
        "the days generated make a difference because of WKST=SU",
        "19970805T090000",
        "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "1997 8/5,17,19,31",
        Complete,
    ),
    (
        "an invalid date is ignored",
        "20070115T090000",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        "2007 1/15,30 2/15 3/15,30",
        Complete,
    ),
];

/// `1997 9/2,4 10/1@0900,1030`: days of a month at nine, or times of a day.
fn expected(text: &str) -> Vec<String> {
    let (mut year, mut all) = ("", Vec::new());
    for token in text.split_whitespace() {
        let Some((month, rest)) = token.split_once('/') else {
            year = token;
            continue;
        };
        let month: u32 = month.parse().unwrap();
        if let Some((day, times)) = rest.split_once('@') {
            let day: u32 = day.parse().unwrap();
            all.extend(
                times.split(',').map(|t| format!("{year}-{month:02}-{day:02}T{}:{}:00", &t[..2], &t[2..])),
            );
        } else {
            let days = rest.split(',').map(|day| day.parse::<u32>().unwrap());
            all.extend(days.map(|day| format!("{year}-{month:02}-{day:02}T09:00:00")));
        }
    }
    all
}

#[test]
fn the_examples_of_rfc_5545_come_out_as_printed() {
    let new_york = zone("America/New_York");
    for (what, start, lines, list, end) in ROWS {
        let calendar = calendar(&format!(
            "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=America/New_York:{start}\n{lines}\nEND:VEVENT"
        ));
        let expected = expected(list);
        let last = match end {
            Complete => "2030-01-01T00:00:00Z".to_owned(),
            // The window ends with the last instance printed.
            GoesOn => {
                let last: jiff::civil::DateTime = expected.last().unwrap().parse().unwrap();
                new_york.instant(last).checked_add(jiff::SignedDuration::from_secs(1)).unwrap().to_string()
            }
        };
        let found = instances(&calendar, &window("1990-01-01T00:00:00Z", &last), &new_york);
        assert_eq!(starts(&found), expected, "{what}");
    }
}

#[test]
fn every_example_is_found_by_a_window_around_one_instance_alone() {
    let new_york = zone("America/New_York");
    for (what, start, lines, list, _) in ROWS {
        let calendar = calendar(&format!(
            "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=America/New_York:{start}\n{lines}\nEND:VEVENT"
        ));
        for one in expected(list) {
            let at = new_york.instant(one.parse().unwrap());
            let end = at.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
            let found = instances(&calendar, &window(&at.to_string(), &end.to_string()), &new_york);
            assert_eq!(starts(&found), [one], "{what}");
        }
    }
}
