//! The command line's side: what is read before the command is given, and how its outcome ends the program.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use almanac_app::AppError;
use almanac_base::Secret;

use super::rows::{AccountRow, RunRows};
use super::{Said, VendorsCommand, trial};
use crate::cli::{self, HeldVerb, HistoryVerb, ParkedVerb, Which};
use crate::commands::{Command, Outcome};
use crate::config::Config;
use crate::failure::Failure;
use crate::invoke::{self, block_on};
use crate::output::{Audience, print, text};
use crate::vendors::secrets::Secrets;
use crate::vendors::sign_in::{Way, sign_in};
use crate::vendors::{Kind, application, checked_settings, locate};

/// What a secret may have, in bytes.
const SECRET_MAX: u64 = 64 << 10;

const FEED_WITH_PASSWORD: &str = "give --username NAME and --url-stdin, with the URL in the first line of stdin and the password in the second";

/// `almanac account`
///
/// # Errors
/// As the command.
pub(crate) fn account(config: &Config, verb: cli::Account) -> Result<(), Failure> {
    use VendorsCommand as C;
    let (command, listing) = match verb {
        cli::Account::Add(wish) => return add(config, *wish),
        cli::Account::SignIn(wish) => return sign_in_again(config, &wish),
        cli::Account::List(listing) => (C::AccountList {}, Some(listing)),
        cli::Account::Remove { name } => (C::AccountRemove { name }, None),
        cli::Account::Enable { name } => (C::AccountEnable { name, enabled: true }, None),
        cli::Account::Disable { name } => (C::AccountEnable { name, enabled: false }, None),
        cli::Account::Calendars { name, listing } => (C::AccountCalendars { name }, Some(listing)),
    };
    say(config, command, listing)
}

/// `almanac link`
///
/// # Errors
/// As the command.
pub(crate) fn link(config: &Config, verb: cli::Link) -> Result<(), Failure> {
    use VendorsCommand as C;
    let (command, listing) = match verb {
        cli::Link::Add(wish) => {
            let (mode, privacy) = (wish.mode.into(), wish.privacy.map(Into::into));
            let conflicts = wish.conflicts.into();
            let (remote, at, paused) = (wish.remote, wish.at, wish.paused);
            (C::LinkAdd { remote, at, mode, privacy, conflicts, paused }, None)
        }
        cli::Link::List(listing) => (C::LinkList {}, Some(listing)),
        cli::Link::Pause { id } => (C::LinkPause { link: id }, None),
        cli::Link::Resume { id } => (C::LinkResume { link: id }, None),
        cli::Link::Remove { id } => (C::LinkRemove { link: id }, None),
    };
    say(config, command, listing)
}

/// `almanac sync`
///
/// # Errors
/// As the command; and that something is held, parked or failed.
pub(crate) fn sync(config: &Config, verb: cli::Sync) -> Result<(), Failure> {
    use VendorsCommand as C;
    let (command, listing) = match verb {
        cli::Sync::Now { account, dry_run, full, listing } => {
            return run_now(config, C::SyncNow { account, dry_run, full }, listing);
        }
        cli::Sync::Plan { account, listing } => {
            return run_now(config, C::SyncNow { account, dry_run: true, full: false }, listing);
        }
        cli::Sync::Held { verb: None, listing } => (C::Held { names: listing.names }, Some(listing.listing)),
        cli::Sync::Held { verb: Some(verb), .. } => {
            let (which, said) = match verb {
                HeldVerb::Approve(which) => (which, Said::Approve),
                HeldVerb::Reject(which) => (which, Said::Reject),
                HeldVerb::StoreWins(which) => (which, Said::StoreWins),
                HeldVerb::VendorWins(which) => (which, Said::VendorWins),
            };
            (answer(which, said), None)
        }
        cli::Sync::Parked { verb: None, listing } => {
            (C::Parked { names: listing.names }, Some(listing.listing))
        }
        cli::Sync::Parked { verb: Some(ParkedVerb::Retry(which)), .. } => (answer(which, Said::Retry), None),
        cli::Sync::History { verb: None, link, listing } => {
            (C::History { link, names: listing.names }, Some(listing.listing))
        }
        cli::Sync::History { verb: Some(HistoryVerb::Restore { id }), .. } => (C::Restore { id }, None),
        cli::Sync::Purge { link } => (C::Purge { link }, None),
    };
    say(config, command, listing)
}

fn answer(which: Which, answer: Said) -> VendorsCommand {
    VendorsCommand::Answer { refs: which.refs, link: which.link, answer }
}

fn carry_out(config: &Config, command: VendorsCommand, attachment: &[u8]) -> Result<Outcome, Failure> {
    invoke::carry_out(config, Command::Vendors(command), attachment, &|_| {})
}

fn say(config: &Config, command: VendorsCommand, listing: Option<cli::Listing>) -> Result<(), Failure> {
    let audience = listing.map_or(Audience::People, invoke::audience);
    invoke::simple(config, (Command::Vendors(command), audience))
}

fn run_now(config: &Config, command: VendorsCommand, listing: cli::Listing) -> Result<(), Failure> {
    let outcome = carry_out(config, command, &[])?;
    print(text(&outcome, invoke::audience(listing)).as_bytes())?;
    let Outcome::Runs(RunRows { links, plan, .. }) = outcome else { return Ok(()) };
    let failed: Vec<_> = links.iter().filter(|row| row.error.is_some()).collect();
    if let Some(first) = failed.first() {
        return Err(Failure::failed(
            format!(
                "{} of {} links did not come to an end: {}",
                failed.len(),
                links.len(),
                first.error.as_deref().unwrap_or_default()
            ),
            format!(
                "{}; what was done is kept, and the next run goes on",
                first.remedy.as_deref().unwrap_or("see `almanac status`")
            ),
        ));
    }
    let waiting: u64 = links.iter().map(|row| row.waiting).sum();
    if !plan && waiting > 0 {
        return Err(Failure::failed(
            format!("{waiting} objects wait to be sent after a failure"),
            "see `almanac status`; they are sent by themselves while the server runs",
        ));
    }
    let sum = |of: fn(&super::rows::RunRow) -> u64| links.iter().map(of).sum::<u64>();
    let (held, parked) = (sum(|row| row.held_in_all), sum(|row| row.parked_in_all));
    if !plan && held + parked > 0 {
        return Err(Failure::failed(
            format!("{held} objects are held and {parked} are parked; everything else is done"),
            "see `almanac sync held` and `almanac sync parked`",
        ));
    }
    Ok(())
}

fn add(config: &Config, mut wish: cli::AccountAdd) -> Result<(), Failure> {
    let kind = Kind::from(wish.kind);
    if kind == Kind::Caldav && wish.url.is_none() && wish.preset.is_none() {
        let url = block_on(locate(wish.username.as_deref().unwrap_or_default(), wish.resolver))??;
        let _ = writeln!(io::stderr(), "The calendars of this address are looked for at {url}");
        wish.url = Some(url);
    }
    let settings: Vec<(String, String)> = [
        ("url", &wish.url),
        ("preset", &wish.preset),
        ("username", &wish.username),
        ("client_id", &wish.client_id),
        ("subject", &wish.subject),
        ("api_url", &wish.api_url),
        ("auth_url", &wish.auth_url),
        ("token_url", &wish.token_url),
        ("authority", &wish.authority),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    .collect();
    let settings = checked_settings(kind, settings)?;
    // Read before root becomes somebody who perhaps may not.
    let client_secret = wish.client_secret_file.as_deref().map(read_secret).transpose()?;
    let service = wish.service_account_file.as_deref().map(read_secret).transpose()?;
    let mut secrets = Secrets::default();
    secrets.client_secret = client_secret;
    if let Some(service) = &service {
        let parsed = serde_json::from_str(service).map_err(|_| {
            Failure::failed(
                "the file of the service account is no JSON",
                "give the file that Google gave out",
            )
        })?;
        secrets.service_account = Some(parsed);
    }
    if wish.url_stdin && kind != Kind::Feed {
        return Err(Failure::usage("only the URL of a feed is read from stdin", "leave out --url-stdin"));
    }
    match kind {
        Kind::Icloud | Kind::Caldav => secrets.password = Some(password(wish.password_stdin)?),
        Kind::Feed => {
            check_feed(&wish)?;
            let (url, password) = feed_lines(&stdin_text()?, wish.username.is_some())?;
            (secrets.url, secrets.password) = (Some(url), password);
        }
        Kind::Google | Kind::Outlook if wish.tokens_stdin => {
            secrets = secrets.or(&Secrets::parse(&Secret::new(stdin_text()?))?);
        }
        Kind::Google | Kind::Outlook if secrets.service_account.is_some() || wish.subject.is_some() => {}
        Kind::Google | Kind::Outlook => {
            if wish.client_id.is_none() {
                return Err(Failure::usage(
                    "nobody says which application signs in",
                    "register one at the vendor and give --client-id; connectors/README.md says how",
                ));
            }
            secrets = signed_in(config, (kind, &wish.name, &settings), wish.paste, secrets)?;
        }
    }
    let command = VendorsCommand::AccountAdd {
        kind,
        name: wish.name,
        tenant: wish.tenant,
        settings,
        check: !wish.unchecked,
    };
    let secret = secrets.to_secret();
    let outcome = carry_out(config, command, secret.expose().as_bytes())?;
    print(text(&outcome, Audience::People).as_bytes())
}

fn check_feed(wish: &cli::AccountAdd) -> Result<(), Failure> {
    if wish.password_stdin {
        return Err(Failure::usage(
            "the password of a feed is read together with its URL",
            FEED_WITH_PASSWORD,
        ));
    }
    if !wish.url_stdin {
        return Err(Failure::usage(
            "the URL of a feed is a secret and is read from stdin",
            "give --url-stdin, with the URL on stdin",
        ));
    }
    Ok(())
}

/// The URL of a feed, and its password if it has one. Nothing of the text is told: either is a secret.
fn feed_lines(text: &str, named: bool) -> Result<(String, Option<String>), Failure> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    match (lines.as_slice(), named) {
        ([], _) => Err(Failure::usage("there is no URL on stdin", "give the URL of the feed on stdin")),
        ([url], false) => Ok(((*url).to_owned(), None)),
        ([url, password], true) if !password.is_empty() => {
            Ok(((*url).to_owned(), Some((*password).to_owned())))
        }
        ([_], true) => Err(Failure::usage("there is no password on stdin", FEED_WITH_PASSWORD)),
        (_, true) => Err(Failure::usage("stdin has other lines than two", FEED_WITH_PASSWORD)),
        (_, false) => Err(Failure::usage(
            "stdin has more than one line",
            format!("give the URL alone; for a feed with a password {FEED_WITH_PASSWORD}"),
        )),
    }
}

fn sign_in_again(config: &Config, wish: &cli::SignIn) -> Result<(), Failure> {
    let mut secrets = Secrets::default();
    secrets.client_secret = wish.client_secret_file.as_deref().map(read_secret).transpose()?;
    if wish.password_stdin {
        secrets.password = Some(password(true)?);
    } else if wish.tokens_stdin {
        secrets = secrets.or(&Secrets::parse(&Secret::new(stdin_text()?))?);
    } else {
        let rows = match carry_out(config, VendorsCommand::AccountList {}, &[])? {
            Outcome::Accounts(rows) => rows,
            _ => return Err(AppError::Bug("a list of accounts").into()),
        };
        let row = rows.iter().find(|row| row.name == wish.name || row.id == wish.name);
        let AccountRow { kind, settings, .. } = row.ok_or(AppError::NotFound("account"))?;
        let kind = Kind::parse(kind).ok_or(AppError::Bug("a kind of account"))?;
        let settings: Vec<_> = settings.iter().map(|(a, b)| (a.clone(), b.clone())).collect();
        secrets = signed_in(config, (kind, &wish.name, &settings), wish.paste, secrets)?;
    }
    let command = VendorsCommand::AccountSignIn { name: wish.name.clone() };
    carry_out(config, command, secrets.to_secret().expose().as_bytes()).map(drop)
}

/// Lets a person sign in; the tokens that come of it lie beside what there is.
fn signed_in(
    config: &Config,
    (kind, name, settings): (Kind, &str, &[(String, String)]),
    paste: bool,
    secrets: Secrets,
) -> Result<Secrets, Failure> {
    let way = if paste { Way::Paste } else { Way::Browser };
    let secret = secrets.client_secret.clone().map(Secret::new);
    let application = application(kind, &trial(name, kind, settings), secret)?;
    let tokens = block_on(sign_in(&config.egress, &application, way))??;
    Ok(secrets.with_tokens(&tokens))
}

fn password(from_stdin: bool) -> Result<String, Failure> {
    if from_stdin {
        let text = stdin_text()?;
        return match text.lines().nth(1) {
            None => Ok(text),
            Some(_) => Err(Failure::usage("stdin has more than one line", "give the password alone")),
        };
    }
    Err(Failure::usage(
        "the password is read from stdin",
        "give --password-stdin, with the password on stdin; app-specific where the vendor has such",
    ))
}

fn stdin_text() -> Result<String, Failure> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        let _ = writeln!(io::stderr(), "reading from the terminal; end with Ctrl-D");
    }
    let mut text = String::new();
    let read = stdin.by_ref().take(SECRET_MAX).read_to_string(&mut text);
    read.map_err(|error| Failure::failed(format!("cannot read stdin: {error}"), "give text"))?;
    Ok(text.trim().to_owned())
}

fn read_secret(path: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| {
        Failure::failed(format!("cannot read {}: {error}", path.display()), "give a readable file")
    };
    let mut text = String::new();
    invoke::open_input(path)?.take(SECRET_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_feed_is_one_line_and_its_password_another_and_neither_is_ever_taken_for_the_other() {
        let url = "https://a.test/x";
        for (name, text, named, expected) in [
            ("a url", url, false, Ok((url, None))),
            ("both", "https://a.test/x\nsecret 1", true, Ok((url, Some("secret 1")))),
            (
                "both, with the line ends of Windows",
                "https://a.test/x\r\nsecret 1",
                true,
                Ok((url, Some("secret 1"))),
            ),
            ("nothing", "", false, Err("no URL")),
            ("a password of nobody", "https://a.test/x\nsecret 1", false, Err("more than one line")),
            ("no password", url, true, Err("no password")),
            ("an empty line between", "https://a.test/x\n\nsecret 1", true, Err("other lines than two")),
            ("too much", "https://a.test/x\nsecret 1\nsecret 2", true, Err("other lines than two")),
        ] {
            match (feed_lines(text, named), expected) {
                (Ok((url, password)), Ok(expected)) => {
                    assert_eq!((url.as_str(), password.as_deref()), expected, "{name}");
                }
                (Err(failure), Err(part)) => {
                    assert!(failure.what.contains(part), "{name}: {failure}");
                    assert!(!failure.to_string().contains("secret"), "{name}: {failure}");
                    assert!(
                        failure.remedy.contains("stdin") || failure.remedy.contains("--username"),
                        "{failure}"
                    );
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
