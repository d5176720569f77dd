//! An invented practice to try things with: two people and a week of events in two time zones.

use almanac_backend::{
    Access, CollectionPath, Condition, Login, ObjectName, ObjectPath, PrincipalRole, WriteGuard,
};
use almanac_base::Secret;
use almanac_ical::build::{NewEvent, NewTodo, event, todo};
use almanac_ical::series::CalTime;
use almanac_ical::zone::Zone;
use almanac_ical::{CalendarObject, Invalid};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Timestamp, ToSpan};

use crate::error::AppError;
use crate::people::check_collection_name;
use crate::{App, NewUser};

const TENANT: &str = "Lindenhof Practice (demo)";
/// What the app passwords of the demo are called.
const LABEL: &str = "demo";
const PEOPLE: [(&str, &str, &str, PrincipalRole); 2] = [
    ("nora", "Nora Lindqvist", "nora@lindenhof.example", PrincipalRole::Practitioner),
    ("tomas", "Tomas Okafor", "tomas@lindenhof.example", PrincipalRole::FrontDesk),
];

/// How to sign in to the demo.
#[derive(Debug, Clone)]
pub struct DemoLogins {
    /// The people.
    pub people: Vec<DemoLogin>,
}

/// How one person signs in to the demo.
#[derive(Debug, Clone)]
pub struct DemoLogin {
    /// The login.
    pub login: String,
    /// The name.
    pub display_name: String,
    /// The app password.
    pub secret: Secret,
}

impl App {
    /// Fills an empty store with the demo, or completes a demo that a crash left half made; its people get new app
    /// passwords. What is there stays as it is. `None` if the store holds something else: nothing is touched.
    ///
    /// # Errors
    /// As the use cases it is made of.
    pub async fn seed_demo(&self) -> Result<Option<DemoLogins>, AppError> {
        let tenants = self.tenants();
        if tenants.is_empty() {
            self.add_tenant(TENANT, Some(BERLIN)).await?;
        } else if !tenants.iter().any(|tenant| tenant.name == TENANT) {
            return Ok(None);
        }
        let mut people = Vec::new();
        for (login, display_name, email, role) in PEOPLE {
            if !self.users(Some(TENANT))?.iter().any(|user| user.login == login) {
                let new = NewUser {
                    login: login.to_owned(),
                    tenant: TENANT.to_owned(),
                    email: email.to_owned(),
                    display_name: display_name.to_owned(),
                    role,
                };
                self.add_user(new).await?;
            }
            let secret = self.renew_demo_password(login).await?;
            people.push(DemoLogin { login: login.to_owned(), display_name: display_name.to_owned(), secret });
        }
        let now = self.clock.now();
        for (login, event) in week(now) {
            self.put_demo(login, "calendar", event).await?;
        }
        self.put_demo("nora", "tasks", demo_todo(now)).await?;
        let with = Login::new("tomas").map_err(|_| AppError::Bug("the demo's login"))?;
        match self.share_calendar(&path("nora", "calendar")?, &with, Some(Access::Read)).await {
            Ok(()) | Err(AppError::NotFound(_)) => Ok(Some(DemoLogins { people })),
            Err(error) => Err(error),
        }
    }

    /// A fresh app password in the place of one whose secret nobody knows any more.
    async fn renew_demo_password(&self, login: &str) -> Result<Secret, AppError> {
        for old in self.app_passwords(login)?.iter().filter(|old| old.label == LABEL) {
            self.revoke_app_password(login, old.id).await?;
        }
        Ok(self.add_app_password(login, LABEL).await?.1)
    }

    /// Puts an object where there is none. A calendar or an object that somebody removed, moved or changed while
    /// trying the demo is left alone.
    async fn put_demo(
        &self,
        login: &str,
        collection: &str,
        object: Result<CalendarObject, Invalid>,
    ) -> Result<(), AppError> {
        let object = object.map_err(|_| AppError::Bug("an event of the demo is not valid"))?;
        let collection = path(login, collection)?;
        let entry = match self.owned(&collection) {
            Err(AppError::NotFound(_)) => return Ok(()),
            entry => entry?,
        };
        let caller = self.owner_of(&entry)?;
        let name = ObjectName::new(&format!("{}.ics", object.uid()))
            .map_err(|_| AppError::Bug("a name of the demo is not valid"))?;
        let guard = WriteGuard { conditions: vec![Condition::Absent] };
        match self.write_object(&caller, &ObjectPath { collection, name }, &object, &guard).await {
            Ok(_) | Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn path(login: &str, collection: &str) -> Result<CollectionPath, AppError> {
    let home = Login::new(login).map_err(|_| AppError::Bug("the demo's login"))?;
    Ok(CollectionPath { home, name: check_collection_name(collection)? })
}

/// One invented event: whose, what, when in the week, where.
struct Plan {
    login: &'static str,
    slug: &'static str,
    summary: &'static str,
    location: Option<&'static str>,
    zone: &'static str,
    /// Days after Monday, start (hour, minute), length in minutes.
    at: (i8, i8, i8, i64),
    rule: Option<&'static str>,
}

const BERLIN: &str = "Europe/Berlin";
const NEW_YORK: &str = "America/New_York";

#[rustfmt::skip]
const WEEK: [Plan; 9] = [
    Plan { login: "nora", slug: "team-meeting", summary: "Team meeting", location: Some("Library"), zone: BERLIN, at: (0, 8, 30, 45), rule: Some("FREQ=WEEKLY;BYDAY=MO") },
    Plan { login: "nora", slug: "intake-a", summary: "Intake interview", location: Some("Room 2"), zone: BERLIN, at: (0, 10, 0, 50), rule: None },
    Plan { login: "nora", slug: "sessions", summary: "Sessions", location: Some("Room 2"), zone: BERLIN, at: (1, 9, 0, 180), rule: Some("FREQ=WEEKLY;BYDAY=TU,TH") },
    Plan { login: "nora", slug: "supervision", summary: "Supervision with the Boston team", location: None, zone: NEW_YORK, at: (2, 10, 0, 60), rule: Some("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE") },
    Plan { login: "nora", slug: "skills-group", summary: "Skills group", location: Some("Large room"), zone: BERLIN, at: (3, 16, 0, 90), rule: Some("FREQ=WEEKLY;BYDAY=TH;COUNT=12") },
    Plan { login: "nora", slug: "letters", summary: "Letters", location: None, zone: BERLIN, at: (4, 13, 0, 120), rule: None },
    Plan { login: "tomas", slug: "front-desk-early", summary: "Front desk", location: Some("Reception"), zone: BERLIN, at: (0, 7, 30, 300), rule: Some("FREQ=WEEKLY;BYDAY=MO,WE,FR") },
    Plan { login: "tomas", slug: "front-desk-late", summary: "Front desk, late", location: Some("Reception"), zone: BERLIN, at: (1, 13, 0, 300), rule: Some("FREQ=WEEKLY;BYDAY=TU,TH") },
    Plan { login: "tomas", slug: "phone-insurer", summary: "Call with the insurer's office", location: None, zone: NEW_YORK, at: (3, 9, 30, 30), rule: None },
];

fn week(now: Timestamp) -> Vec<(&'static str, Result<CalendarObject, Invalid>)> {
    let Some(monday) = monday_of(now) else { return Vec::new() };
    let mut events: Vec<_> = WEEK.iter().map(|plan| (plan.login, planned(plan, monday, now))).collect();
    events.push(("nora", all_day("study-day", "Study day", monday.saturating_add(4.days()), now)));
    events
}

/// The Monday of the week of `now`, or of the next one at a weekend.
fn monday_of(now: Timestamp) -> Option<Date> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let back = i64::from(today.weekday().since(Weekday::Monday));
    let monday = today.checked_sub(back.days()).ok()?;
    if back > 4 { monday.checked_add(7.days()).ok() } else { Some(monday) }
}

fn planned(plan: &Plan, monday: Date, now: Timestamp) -> Result<CalendarObject, Invalid> {
    let (day, hour, minute, length) = plan.at;
    let start: DateTime = monday.saturating_add(i64::from(day).days()).at(hour, minute, 0, 0);
    let zone = Zone::iana(plan.zone).unwrap_or_else(Zone::utc);
    let zoned = |local| CalTime::Zoned { local, zone: zone.clone() };
    event(&NewEvent {
        uid: format!("demo-{}", plan.slug),
        stamp: now,
        summary: plan.summary.to_owned(),
        description: None,
        location: plan.location.map(str::to_owned),
        start: zoned(start),
        end: zoned(start.saturating_add(length.minutes())),
        rule: plan.rule.map(str::to_owned),
    })
}

fn all_day(slug: &str, summary: &str, day: Date, now: Timestamp) -> Result<CalendarObject, Invalid> {
    event(&NewEvent {
        uid: format!("demo-{slug}"),
        stamp: now,
        summary: summary.to_owned(),
        description: None,
        location: None,
        start: CalTime::Date(day),
        end: CalTime::Date(day.saturating_add(1.day())),
        rule: None,
    })
}

fn demo_todo(now: Timestamp) -> Result<CalendarObject, Invalid> {
    todo(&NewTodo {
        uid: "demo-order-forms".to_owned(),
        stamp: now,
        summary: "Order referral forms".to_owned(),
        description: None,
        due: None,
    })
}
