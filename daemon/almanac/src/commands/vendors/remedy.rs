//! What to do about what went wrong with an account, in the words of the command line. Pure.

use std::error::Error;

use almanac_app::sync::AccountInfo;
use almanac_base::LinkId;
use almanac_contract::{ConnectorError, ErrorKind};
use almanac_egress::oauth::OauthError;
use almanac_egress::{EgressError, Kind as Unsent, Refusal};
use almanac_sync::Stop;

use crate::vendors::Kind;
use crate::vendors::secrets::Secrets;

/// How the remedy begins of what passes by itself.
const NOTHING: &str = "nothing is to be done";

/// What is wrong, by what is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A person has to sign in.
    SignIn,
    /// The vendor refuses the application that signs in, not the person.
    Application,
    /// The vendor asks for a pause.
    Pause,
    /// The guard lets nothing out to there.
    Closed,
    /// The server leads to a host that the password is not for.
    Elsewhere,
    /// Nobody answered.
    Unreachable,
    /// The server answered that it cannot.
    OutOfOrder,
    /// The account has no right to it.
    Forbidden,
    /// The calendar is not there.
    Absent,
    /// The store did not do its part.
    Store,
    /// Anything else.
    Other,
}

impl Trouble {
    /// What an error of a connector is.
    pub(crate) fn of(error: &ConnectorError) -> Self {
        let caused = |is| caused(error, is);
        if caused(|cause| cause.is::<almanac_icloud::Foreign>()) {
            return Self::Elsewhere;
        }
        match error.kind {
            ErrorKind::NeedsSignIn => Self::SignIn,
            ErrorKind::Throttled => Self::Pause,
            // A server that answered is there, and is let out to.
            ErrorKind::Unavailable | ErrorKind::Unclear if caused(|cause| cause.is::<EgressError>()) => {
                Self::Unreachable
            }
            ErrorKind::Unavailable | ErrorKind::Unclear => Self::OutOfOrder,
            ErrorKind::CalendarGone | ErrorKind::Gone => Self::Absent,
            ErrorKind::Forbidden if caused(is_closed) => Self::Closed,
            ErrorKind::Forbidden if caused(|cause| cause.is::<OauthError>()) => Self::Application,
            ErrorKind::Forbidden => Self::Forbidden,
            _ => Self::Other,
        }
    }

    /// What stopped a run; `None` if the next one goes by what was changed meanwhile.
    pub(crate) fn of_run(stop: &Stop) -> Option<Self> {
        match stop {
            Stop::Vendor(error) => Some(Self::of(error)),
            Stop::Store(_) => Some(Self::Store),
            Stop::Detached(_) => Some(Self::Absent),
            Stop::Changed => None,
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(self, whose: &Whose) -> String {
        let runs = whose.stage == Stage::Runs;
        let again =
            if whose.stage == Stage::Adding { "give" } else { "remove the account and add it again with" };
        let text = match self {
            Self::SignIn => return whose.sign_in(),
            Self::Elsewhere => {
                return format!(
                    "if the password may go to that host, {again} --url https://HOST/ and the address of that host"
                );
            }
            Self::Application => {
                return format!(
                    "correct the application at the vendor, or {again} --client-id and --client-secret-file that fit"
                );
            }
            Self::Closed if whose.stage == Stage::Adding => {
                "correct the address; if it is meant, open it in [egress] allow of the configuration"
            }
            Self::Closed => "if the address is meant, open it in [egress] allow of the configuration",
            Self::Pause if runs => return format!("{NOTHING}: it goes on by itself"),
            Self::Pause => "wait a while and try again",
            Self::OutOfOrder if runs => {
                return format!("{NOTHING} here: the server is out of order, and is tried again by itself");
            }
            Self::OutOfOrder => "the server is out of order; try again later",
            Self::Unreachable => {
                "check the address and the network; a server in the own network has to be opened in [egress] allow"
            }
            Self::Forbidden => "give the account the right at the vendor",
            Self::Absent if whose.is_feed() => {
                return format!("check the URL and whether the feed wants a password; {again} what is right");
            }
            Self::Absent if whose.stage == Stage::Adding => "check the address",
            Self::Absent => return format!("see `almanac account calendars {}`", shell_word(&whose.name)),
            Self::Store => "see the log of the server, and `almanac doctor`",
            Self::Other if runs => "see the log of the server; it is tried again by itself",
            Self::Other => "try again; see the log of the server",
        };
        text.to_owned()
    }
}

/// Whether anything that led to an error is such.
fn caused(error: &ConnectorError, is: fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if is(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether the request was not let out.
fn is_closed(cause: &(dyn Error + 'static)) -> bool {
    let egress = cause.downcast_ref::<EgressError>();
    cause.is::<Refusal>() || egress.is_some_and(|egress| matches!(egress.kind, Unsent::Refused(_)))
}

/// When something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While the account is tried, before it is kept.
    Adding,
    /// Somebody asked for something.
    Asked,
    /// In a run, which is followed by others.
    Runs,
}

/// How an account signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// With a name and a password, which are app-specific at some vendors.
    Password,
    /// A feed with a name and a password.
    FeedPassword,
    /// By a URL that nobody else knows.
    Url,
    /// A person does, at the vendor.
    Person,
    /// The application does so itself.
    Itself,
}

/// Whose trouble it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whose {
    stage: Stage,
    name: String,
    by: By,
    /// Whether the application has a secret, which signing in needs again.
    client_secret: bool,
}

impl Whose {
    /// An account's, with what it signs in with.
    pub(crate) fn new(account: &AccountInfo, secrets: &Secrets, stage: Stage) -> Self {
        let by = match Kind::parse(&account.kind) {
            Some(Kind::Icloud | Kind::Caldav) => By::Password,
            Some(Kind::Feed) if account.setting("username").is_some() => By::FeedPassword,
            Some(Kind::Feed) => By::Url,
            Some(Kind::Google | Kind::Outlook)
                if secrets.service_account.is_none() && account.setting("subject").is_none() =>
            {
                By::Person
            }
            Some(Kind::Google | Kind::Outlook) | None => By::Itself,
        };
        let client_secret = secrets.client_secret.is_some();
        Self { stage, name: account.name.clone(), by, client_secret }
    }

    fn is_feed(&self) -> bool {
        matches!(self.by, By::Url | By::FeedPassword)
    }

    /// Why the account cannot be signed in to with a password, if it cannot.
    pub(crate) fn takes_no_password(&self) -> Option<&'static str> {
        match self.by {
            By::Password | By::FeedPassword => None,
            By::Url => Some("the account is a feed without --username, and has no password"),
            By::Person | By::Itself => Some("this kind of account has no password"),
        }
    }

    /// How to sign in.
    pub(crate) fn sign_in(&self) -> String {
        let adding = self.stage == Stage::Adding;
        let command = format!("`almanac account sign-in {}", shell_word(&self.name));
        match self.by {
            By::Password if adding => {
                "check name and password; iCloud, Yahoo and Fastmail take app-specific passwords only"
                    .to_owned()
            }
            By::FeedPassword if adding => {
                "check --username, and the password in the second line of stdin".to_owned()
            }
            By::Person if adding => {
                "give new tokens, or leave out --tokens-stdin and sign in with a browser".to_owned()
            }
            By::Password => format!(
                "{command} --password-stdin`; iCloud, Yahoo and Fastmail take app-specific passwords only"
            ),
            By::FeedPassword => format!("{command} --password-stdin`"),
            By::Person => {
                let secret = if self.client_secret { " --client-secret-file FILE" } else { "" };
                format!("{command}{secret}`, with --paste on a machine without a browser")
            }
            By::Url if adding => "check the URL".to_owned(),
            By::Url => "remove the account and add it again with the URL that is good now".to_owned(),
            By::Itself => {
                "let the application act for --subject at the vendor again; if its secret or file is \
                           another now, remove the account and add it again"
                    .to_owned()
            }
        }
    }
}

/// Whether a remedy needs nobody.
pub(crate) fn passes_by_itself(remedy: &str) -> bool {
    remedy.starts_with(NOTHING)
}

/// What to do about a link that is detached.
pub(crate) fn detached(link: LinkId) -> String {
    format!(
        "when the calendar is there again: `almanac link resume {link}`; else `almanac link remove {link}`"
    )
}

/// A name as a shell takes it for one word.
fn shell_word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;

    fn whose(kind: Kind, settings: &[(&str, &str)], secrets: &Secrets, stage: Stage) -> Whose {
        let settings: Vec<_> = settings.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Whose::new(&trial("work", kind, &settings), secrets, stage)
    }

    #[test]
    fn a_sign_in_is_mended_by_the_command_and_flag_that_fit_the_kind_of_account() {
        let none = Secrets::default();
        let mut secret = Secrets::default();
        secret.client_secret = Some("s".to_owned());
        let named = [("username", "ada")];
        let subject = [("subject", "a@b.test")];
        type Row<'a> =
            (&'a str, Kind, &'a [(&'a str, &'a str)], &'a Secrets, Stage, &'a [&'a str], &'a [&'a str]);
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            ("caldav", Kind::Caldav, &named, &none, Stage::Runs, &["`almanac account sign-in work --password-stdin`"], &["--paste"]),
            ("icloud", Kind::Icloud, &named, &none, Stage::Asked, &["sign-in work --password-stdin`", "app-specific"], &[]),
            ("feed", Kind::Feed, &named, &none, Stage::Runs, &["`almanac account sign-in work --password-stdin`"], &["iCloud"]),
            ("feed without a name", Kind::Feed, &[], &none, Stage::Runs, &["URL"], &["sign-in"]),
            ("google", Kind::Google, &[], &none, Stage::Runs, &["`almanac account sign-in work`", "--paste"], &["password", "iCloud", "secret"]),
            ("outlook", Kind::Outlook, &[], &secret, Stage::Asked, &["`almanac account sign-in work --client-secret-file FILE`"], &["password"]),
            ("outlook by itself", Kind::Outlook, &subject, &secret, Stage::Runs, &["application"], &["sign-in", "password"]),
            ("new caldav", Kind::Caldav, &named, &none, Stage::Adding, &["check name and password"], &["sign-in"]),
            ("new google", Kind::Google, &[], &none, Stage::Adding, &["new tokens"], &["password", "`almanac"]),
            ("new feed", Kind::Feed, &named, &none, Stage::Adding, &["second line"], &["`almanac", "iCloud"]),
        ];
        for (name, kind, settings, secrets, stage, has, lacks) in table {
            let error = ConnectorError::new(ErrorKind::NeedsSignIn, "list calendars");
            let said = Trouble::of(&error).remedy(&whose(*kind, settings, secrets, *stage));
            assert!(has.iter().all(|part| said.contains(part)), "{name}: {said}");
            assert!(!lacks.iter().any(|part| said.contains(part)), "{name}: {said}");
        }
    }

    #[test]
    fn each_trouble_has_a_remedy_for_the_moment_it_is_met_in() {
        let error = |kind| ConnectorError::new(kind, "list changes");
        let oauth = || error(ErrorKind::Unavailable).because(OauthError::Temporary { retry_after: None });
        let refused = error(ErrorKind::Forbidden).because(OauthError::Refused("invalid_client"));
        let closed = error(ErrorKind::Forbidden).because(Refusal::PlainHttp);
        for (name, error, trouble) in [
            ("a server that answers 503", error(ErrorKind::Unavailable), Trouble::OutOfOrder),
            ("a token endpoint that answers 503", oauth(), Trouble::OutOfOrder),
            ("a pause", error(ErrorKind::Throttled), Trouble::Pause),
            ("a wrong application", refused, Trouble::Application),
            ("a closed address", closed, Trouble::Closed),
            ("no right", error(ErrorKind::Forbidden), Trouble::Forbidden),
            ("nothing there", error(ErrorKind::CalendarGone), Trouble::Absent),
            ("nonsense", error(ErrorKind::Malformed), Trouble::Other),
        ] {
            assert_eq!(Trouble::of(&error), trouble, "{name}");
        }
        let say = |trouble: Trouble, stage| {
            trouble.remedy(&whose(Kind::Caldav, &[("username", "a")], &Secrets::default(), stage))
        };
        for stage in [Stage::Adding, Stage::Asked, Stage::Runs] {
            let said = say(Trouble::OutOfOrder, stage);
            assert!(said.contains("out of order") && !said.contains("egress"), "{said}");
            assert_eq!(passes_by_itself(&said), stage == Stage::Runs, "{said}");
            assert_eq!(passes_by_itself(&say(Trouble::Pause, stage)), stage == Stage::Runs);
            assert!(say(Trouble::Elsewhere, stage).contains("--url https://HOST/"));
            assert!(say(Trouble::Closed, stage).contains("[egress] allow"));
            assert_eq!(say(Trouble::Elsewhere, stage).contains("remove"), stage != Stage::Adding);
            assert_eq!(
                say(Trouble::Absent, stage).contains("`almanac account calendars work`"),
                stage != Stage::Adding
            );
            let feed = Trouble::Absent.remedy(&whose(Kind::Feed, &[], &Secrets::default(), stage));
            assert!(feed.contains("check the URL") && !feed.contains("`almanac account calendars"), "{feed}");
            assert_eq!(feed.contains("remove"), stage != Stage::Adding, "{feed}");
        }
    }

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        for (name, word) in [
            ("work", "work"),
            ("ada@example.org", "ada@example.org"),
            ("my work", "'my work'"),
            ("a'b; rm", r"'a'\''b; rm'"),
            ("-x", "'-x'"),
        ] {
            assert_eq!(shell_word(name), word);
        }
    }
}
