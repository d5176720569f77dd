//! Any form becomes any other, whatever other devices did before.

use almanac_contract::{ErrorKind, Form};
use serde_json::json;

use crate::support::{World, object};

/// Numbers that are the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// A single event or a series of some days, with changed and cancelled instances; days or times in one of two zones.
    fn form(&mut self) -> Form {
        let zone = self.one(&["Europe/Berlin", "America/New_York", "UTC", ""]);
        let hour = self.below(3) + 8;
        let time = |day: u64, hour: u64| match zone {
            "" => format!(";VALUE=DATE:202603{day:02}"),
            "UTC" => format!(":202603{day:02}T{hour:02}0000Z"),
            zone => format!(";TZID={zone}:202603{day:02}T{hour:02}0000"),
        };
        let first = self.below(2) + 2;
        let rule = self.one(&[
            "",
            "RRULE:FREQ=DAILY;COUNT=6|",
            "RRULE:FREQ=DAILY;COUNT=8|",
            "RRULE:FREQ=DAILY;UNTIL=20260307|",
        ]);
        let rule =
            if zone.is_empty() { rule.to_owned() } else { rule.replace("20260307", "20260307T235959Z") };
        let mut master =
            format!("BEGIN:VEVENT|UID:a@almanac.example|DTSTART{}|{}", time(first, hour), self.details());
        let mut parts = String::new();
        master.push_str(&rule);
        if !rule.is_empty() {
            for day in first + 1..first + 5 {
                match self.below(4) {
                    0 => master.push_str(&format!("EXDATE{}|", time(day, hour))),
                    1 => {
                        let to = time(day + self.below(2), hour + self.below(3));
                        let details = self.details();
                        parts.push_str(&format!(
                            "|BEGIN:VEVENT|UID:a@almanac.example|RECURRENCE-ID{}|DTSTART{to}|{details}END:VEVENT",
                            time(day, hour)
                        ));
                    }
                    _ => {}
                }
            }
        }
        object(&format!("{master}END:VEVENT{parts}"))
    }

    fn details(&mut self) -> String {
        let length = self.one(&["DURATION:P1D|", "DURATION:P2D|"]);
        let title = self.one(&["", "SUMMARY:One|", "SUMMARY:Two|"]);
        let more =
            self.one(&["", "LOCATION:Hall|", "STATUS:TENTATIVE|", "CLASS:PRIVATE|", "TRANSP:TRANSPARENT|"]);
        let alarm =
            self.one(&["", "", "BEGIN:VALARM|ACTION:DISPLAY|DESCRIPTION:x|TRIGGER:-PT5M|END:VALARM|"]);
        format!("{length}{title}{more}{alarm}")
    }
}

#[tokio::test]
async fn any_form_becomes_any_other_and_reads_back_as_projected() {
    let world = World::new().await;
    for seed in 1..=30_u64 {
        let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        world.elsewhere(|google, _| google.inherits = seed % 2 == 0);
        let first = draw.form();
        let mut known = world.made(&format!("{seed:02x}"), &first).await;
        assert!(known.form.parts.len() <= first.parts.len(), "seed {seed}");
        for step in 0..6 {
            if draw.below(3) == 0 {
                // Another device changes or cancels an instance, or the title of all.
                let id = known.id.0.clone();
                world.elsewhere(|google, calendar| {
                    let events = google.events_of(calendar);
                    let mine = events.iter().filter(|event| event["id"].as_str().unwrap().starts_with(&id));
                    let ids: Vec<&str> = mine.map(|event| event["id"].as_str().unwrap()).collect();
                    let at = usize::try_from(draw.below(ids.len() as u64)).unwrap();
                    if ids[at] != id && draw.below(2) == 0 {
                        google.remove(calendar, ids[at]).unwrap();
                    } else {
                        google.change(calendar, ids[at], json!({ "summary": "Theirs" })).unwrap();
                    }
                });
                let stale = world.update(&known, &draw.form()).await;
                assert_eq!(stale.unwrap_err().kind, ErrorKind::Conflict, "seed {seed} step {step}");
                known = world.there(&known.id.0).await;
            }
            let wanted = draw.form();
            let updated = world.update(&known, &wanted).await;
            known = updated.unwrap_or_else(|error| panic!("seed {seed} step {step}: {error}"));
            let (read, wanted) = (world.project(&known.form), world.project(&wanted));
            assert!(read == wanted, "seed {seed} step {step}");
            let there = world.there(&known.id.0).await;
            assert!(there == known, "seed {seed} step {step}: what is read is what the write told");
            // The same once more writes nothing.
            world.writes();
            let again = world.update(&known, &wanted).await.unwrap();
            assert!(again == known && world.writes().is_empty(), "seed {seed} step {step}: written twice");
        }
    }
}
