//! From the command line to its effect.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use almanac_app::{AppError, ImportProgress};

use crate::as_owner::become_owner_of;
use crate::cli::{self, AppPassword, Calendar, Cli, ConfigVerb, Globals, Tenant, User, Verb};
use crate::commands::profile::Profile;
use crate::commands::rows::CheckRow;
use crate::commands::trash::TrashCommand;
use crate::commands::{self, Command, Outcome, Role, SharedAccess, State, backup, key, run, upkeep};
use crate::config::Config;
use crate::config::load::{DEFAULT_FILE, load};
use crate::config::origin::Origin;
use crate::failure::{Exit, Failure};
use crate::limits::ATTACHMENT_BYTES_MAX;
use crate::new_file::NewFile;
use crate::output::{Audience, print, text};
use crate::reload::Source;
use crate::{demo, docs, doctor, journal, serve, status, tls};

/// Does what the command line says.
///
/// # Errors
/// What failed, with its exit code.
pub(crate) fn invoke(cli: Cli) -> Result<(), Failure> {
    // What is asked for when a configuration cannot be read must not need one.
    match cli.verb {
        Verb::Doctor(options) => return doctor::run(&cli.globals, options),
        Verb::Logs(wish) => return journal::logs(&wish),
        _ => {}
    }
    let demo = matches!(&cli.verb, Verb::Serve(options) if options.demo);
    let (config, origin) = configuration(&cli.globals, demo)?;
    match cli.verb {
        Verb::Serve(options) => {
            let source = Source::new(cli.globals, options, &config);
            serve::run(config, &origin, &options, source)
        }
        Verb::Docs { folder } => docs::write(&folder),
        Verb::Doctor(options) => doctor::run(&cli.globals, options),
        Verb::Logs(wish) => journal::logs(&wish),
        Verb::Config(ConfigVerb::Check) => {
            let tls = config.http.tls.as_ref().map(tls::load).transpose();
            tls.map_err(|mistake| origin.blame(&mistake))?;
            print(b"ok\n")
        }
        Verb::Status(listing) => {
            become_owner_of(&config.store.path)?;
            let row = block_on(status::status(&config))??;
            print(text(&Outcome::Status(Box::new(row)), audience(listing)).as_bytes())
        }
        Verb::Import(import) => self::import(&config, &import),
        Verb::Export(export) => self::export(&config, &export),
        Verb::Profile(wish) => self::profile(&config, &wish),
        Verb::Backup(backup) => self::back_up(&config, backup),
        Verb::Restore { file, key_file } => {
            let file = open_input(&file)?; // before root becomes somebody who perhaps may not
            let key = key_file.map(|path| key::read_key(&config, &path)).transpose()?;
            become_owner_of(&config.store.path)?;
            say(&backup::restore(&config, file, key.as_ref())?)
        }
        Verb::Store(verb) => self::store(&config, &verb),
        Verb::Key(verb) => self::keys(&config, verb),
        Verb::Tenant(Tenant::Export(wish)) => {
            let outcome = commands::tenant::export(&config, &wish)?;
            print(text(&outcome, audience(wish.listing)).as_bytes())
        }
        Verb::Tenant(Tenant::Import(wish)) => match commands::tenant::import(&config, &wish)? {
            Some(outcome) => print(text(&outcome, audience(wish.listing)).as_bytes()),
            None => print(b"whole\n"),
        },
        Verb::Tenant(verb) => simple(&config, tenant(verb)?),
        Verb::User(verb) => simple(&config, user(verb)),
        Verb::AppPassword(verb) => simple(&config, app_password(verb)),
        Verb::Calendar(verb) => simple(&config, calendar(verb)),
        Verb::Trash(verb) => simple(&config, trash(verb)?),
        Verb::Account(verb) => commands::vendors::ask::account(&config, verb),
        Verb::Link(verb) => commands::vendors::ask::link(&config, verb),
        Verb::Sync(verb) => commands::vendors::ask::sync(&config, verb),
        Verb::Feed(verb) => commands::feed::invoke(&config, verb),
    }
}

fn store(config: &Config, verb: &cli::StoreVerb) -> Result<(), Failure> {
    match verb {
        cli::StoreVerb::Verify(listing) => verify(config, audience(*listing)),
        cli::StoreVerb::Check(listing) => {
            become_owner_of(&config.store.path)?;
            report(&upkeep::check(config)?, audience(*listing))
        }
        cli::StoreVerb::Compact(listing) => {
            become_owner_of(&config.store.path)?;
            print(text(&upkeep::compact(config)?, audience(*listing)).as_bytes())
        }
        cli::StoreVerb::Convert { to } => {
            become_owner_of(&config.store.path)?;
            say(&backup::convert(config, *to)?)
        }
    }
}

fn keys(config: &Config, verb: cli::KeyVerb) -> Result<(), Failure> {
    let (outcome, listing) = match verb {
        cli::KeyVerb::Rotate { root: true, next_key_file, listing, .. } => {
            let next = next_key_file.map(|path| key::read_key(config, &path)).transpose()?;
            let next = next.map(|key| key.to_hex()).unwrap_or_default();
            let outcome = carry_out(config, Command::KeyRotateRoot {}, next.as_bytes(), &|_| {})?;
            (outcome, listing)
        }
        cli::KeyVerb::Rotate { tenant, listing, .. } => {
            let last = AtomicUsize::new(0);
            let show = |step: ImportProgress| show_resealed(&last, step.done);
            let outcome = carry_out(config, Command::KeyRotate { tenant }, &[], &show)?;
            (outcome, listing)
        }
        cli::KeyVerb::RekeyIndex { tenant, listing } => {
            (commands::tenant::rekey(config, tenant.as_deref())?, listing)
        }
        cli::KeyVerb::Passphrase(cli::PassphraseVerb::Change { new_passphrase_file, key_file }) => {
            let said = key::change_passphrase(config, new_passphrase_file.as_deref(), key_file.as_deref())?;
            return print(said.as_bytes());
        }
    };
    print(text(&outcome, audience(listing)).as_bytes())
}

/// The configuration with the global options applied. The demo is the same everywhere: it reads only a file that
/// was named.
pub(crate) fn configuration(globals: &Globals, demo: bool) -> Result<(Config, Origin), Failure> {
    let fallback = (!demo).then(|| Path::new(DEFAULT_FILE));
    let variables = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (mut config, origin) = load(globals.config.as_deref(), fallback, variables)?;
    if let Some(state) = &globals.state {
        config.store.path.clone_from(state);
    } else if demo && config.store.path == Config::default().store.path {
        // Nobody chose another; the demo is never put into the place of real data by default.
        config.store.path = demo::STATE.into();
    }
    config.store.path = std::path::absolute(&config.store.path).map_err(|error| {
        Failure::usage(format!("the state folder cannot be used: {error}"), "name a folder with --state")
    })?;
    Ok((config, origin))
}

pub(crate) fn audience(listing: cli::Listing) -> Audience {
    if listing.json { Audience::Programs } else { Audience::People }
}

pub(crate) fn block_on<F: Future>(work: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::failed(format!("cannot start: {error}"), "look at the limits of this user")
    })?;
    Ok(runtime.block_on(work))
}

/// Carries out a command at the store, as the owner of the state folder.
pub(crate) fn carry_out(
    config: &Config,
    command: Command,
    attachment: &[u8],
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<Outcome, Failure> {
    become_owner_of(&config.store.path)?;
    block_on(run::run(config, command, attachment, progress))?
}

pub(crate) fn simple(config: &Config, (command, audience): (Command, Audience)) -> Result<(), Failure> {
    let outcome = carry_out(config, command, &[], &|_| {})?;
    print(text(&outcome, audience).as_bytes())
}

fn import(config: &Config, import: &cli::Import) -> Result<(), Failure> {
    // Read before root becomes somebody who perhaps may not.
    let file = read_file(&import.file)?;
    let steps = Steps::default();
    become_owner_of(&config.store.path)?;
    let show = |step| steps.show(step);
    let (report, failed) = block_on(commands::import::import(config, &import.at, &file, &show))??;
    say(&Outcome::Imported(report.clone()))?;
    for reason in &report.refused {
        let _ = writeln!(io::stderr(), "refused: {reason}");
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    if report.refused.is_empty() {
        return Ok(());
    }
    let count = report.refused.len();
    Err(Failure::failed(
        format!("{count} objects of the file were refused; the others are imported"),
        "correct them and import the file again: what is there already stays as it is",
    ))
}

fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(ATTACHMENT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", path.display()),
            "give a readable file, or - for stdin",
        )
    })?;
    if bytes.len() > ATTACHMENT_BYTES_MAX {
        return Err(Failure::failed("the file is too large to be imported at once", "split it"));
    }
    Ok(bytes)
}

fn export(config: &Config, export: &cli::Export) -> Result<(), Failure> {
    // Opened before root becomes somebody who perhaps may not; emptied only when there is something to write.
    let file = export.output.as_deref().map(open_output).transpose()?;
    become_owner_of(&config.store.path)?;
    let mut file = file.map(Anew::new);
    let mut take = |piece: bytes::Bytes| match &mut file {
        None => print(&piece),
        Some(file) => file.write(&piece),
    };
    block_on(commands::export::export(config, &export.at, &mut take))??;
    file.map_or(Ok(()), Anew::finish)
}

fn profile(config: &Config, wish: &cli::Profile) -> Result<(), Failure> {
    let Some(path) = &wish.output else {
        return write_profile(config, wish, &mut |text| print(text));
    };
    // What holds a password is never put into a file that others may have open or read.
    let mut file = NewFile::make(path)?;
    let written = write_profile(config, wish, &mut |text| {
        let written = file.write_all(text).and_then(|()| file.sync());
        written.map_err(|error| Anew::failed(&error))
    });
    file.keep_if(written)
}

fn write_profile(
    config: &Config,
    wish: &cli::Profile,
    write: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let server = wish.host.as_ref().or(config.http.public_url.as_ref()).ok_or_else(|| {
        Failure::failed(
            "nobody says under which name devices reach the server",
            "set public_url in [http], or name it with --host",
        )
    })?;
    let users = carry_out(config, Command::UserList { tenant: None }, &[], &|_| {})?;
    let Outcome::Users(users) = users else { return Err(AppError::Bug("a list of people").into()) };
    let login = wish.login.to_ascii_lowercase();
    let user = users.iter().find(|user| user.login == login).ok_or(AppError::NotFound("login"))?;
    let text = |password| Profile { id: &user.id, login: &login, server, password }.to_plist();
    let plain = text(None)?; // what can fail fails before there is a password
    if !wish.with_app_password {
        return write(plain.as_bytes());
    }
    let add = Command::AppPasswordAdd { login: login.clone(), label: "profile".to_owned() };
    let Outcome::AppPassword(new) = carry_out(config, add, &[], &|_| {})? else {
        return Err(AppError::Bug("a new app password").into());
    };
    if let Err(mut failure) = text(Some(&new.secret)).and_then(|text| write(text.as_bytes())) {
        let revoke = Command::AppPasswordRevoke { login: login.clone(), id: new.id.clone() };
        if carry_out(config, revoke, &[], &|_| {}).is_err() {
            let command = format!("almanac app-password revoke {login} {}", new.id);
            failure.remedy = format!("{}; nobody has the app password: {command}", failure.remedy);
        }
        return Err(failure);
    }
    let _ = writeln!(
        io::stderr(),
        "the profile holds an app password: whoever has the file has the calendars. Remove it once it is \
         installed; if it got lost: almanac app-password revoke {login} {}",
        new.id
    );
    Ok(())
}

/// A file that may have had other content, which it keeps until there is something to write.
struct Anew {
    file: File,
    begun: bool,
}

impl Anew {
    fn new(file: File) -> Self {
        Self { file, begun: false }
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let emptied = if std::mem::replace(&mut self.begun, true) { Ok(()) } else { self.file.set_len(0) };
        emptied.and_then(|()| self.file.write_all(piece)).map_err(|error| Self::failed(&error))
    }

    fn finish(self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| Self::failed(&error))
    }

    fn failed(error: &io::Error) -> Failure {
        Failure::failed(format!("cannot write the file: {error}"), "make room and try again")
    }
}

fn back_up(config: &Config, wish: cli::Backup) -> Result<(), Failure> {
    if let Some(cli::BackupVerb::Verify { file, key_file }) = wish.verb {
        let file = open_input(&file)?;
        let key = key_file.map(|path| key::read_key(config, &path)).transpose()?;
        become_owner_of(&config.store.path)?;
        return say(&backup::verify(config, file, key)?);
    }
    let path = wish.file.unwrap_or_default(); // clap demands it
    let mut file = NewFile::make(&path)?;
    let outcome = write_backup(config, &mut file);
    say(&file.keep_if(outcome)?)
}

fn write_backup(config: &Config, file: &mut NewFile) -> Result<Outcome, Failure> {
    let failed = |error: io::Error| {
        Failure::failed(format!("cannot write the backup: {error}"), "make room and try again")
    };
    become_owner_of(&config.store.path)?;
    let (mut show, mut bytes) = (backup::show("backup"), 0_u64);
    let mut take = |piece: bytes::Bytes| {
        file.write_all(&piece).map_err(failed)?;
        bytes = bytes.saturating_add(piece.len() as u64);
        show(bytes);
        Ok(())
    };
    let outcome = block_on(run::back_up(config, &mut take))??;
    file.sync().map_err(failed)?;
    Ok(outcome)
}

fn verify(config: &Config, audience: Audience) -> Result<(), Failure> {
    let outcome = carry_out(config, Command::StoreVerify {}, &[], &|_| {})?;
    report(&outcome, audience)
}

/// Prints what was found; damage is a failure.
fn report(outcome: &Outcome, audience: Audience) -> Result<(), Failure> {
    print(text(outcome, audience).as_bytes())?;
    match outcome {
        Outcome::Verified(row) | Outcome::Checked(CheckRow { records: row, .. }) if row.damaged > 0 => {
            Err(Failure::new(
                Exit::Damaged,
                format!("{} records of the store are not as they were written", row.damaged),
                "restore the newest backup that is whole: see `almanac backup verify`",
            ))
        }
        _ => Ok(()),
    }
}

fn say(outcome: &Outcome) -> Result<(), Failure> {
    print(text(outcome, Audience::People).as_bytes())
}

pub(crate) fn open_input(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| {
        Failure::failed(format!("cannot read {}: {error}", path.display()), "give a readable file")
    })
}

fn open_output(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.map_err(|error| {
        Failure::failed(
            format!("cannot write {}: {error}", path.display()),
            "name a file in a folder that you may write",
        )
    })
}

/// Shows the progress of a rotation on stderr, once for every so many values.
fn show_resealed(last: &AtomicUsize, done: usize) {
    const EVERY: usize = 10_000;
    if done / EVERY > last.swap(done, Ordering::Relaxed) / EVERY {
        let _ = writeln!(io::stderr(), "key rotate: {done} values sealed anew");
    }
}

/// Shows an import's progress on stderr: on one line of a terminal, else a line for each tenth.
#[derive(Default)]
struct Steps {
    shown: AtomicUsize,
}

impl Steps {
    fn show(&self, ImportProgress { done, total }: ImportProgress) {
        let terminal = io::stderr().is_terminal();
        let parts = if terminal { 100 } else { 10 };
        let part = done.saturating_mul(parts).checked_div(total).unwrap_or(parts);
        if self.shown.fetch_max(part, Ordering::Relaxed) < part {
            let end = if terminal && done < total { '\r' } else { '\n' };
            let _ = write!(io::stderr(), "import: {done} of {total} objects{end}");
        }
    }
}

fn tenant(verb: Tenant) -> Result<(Command, Audience), Failure> {
    Ok(match verb {
        Tenant::Add { name, timezone } => (Command::TenantAdd { name, timezone }, Audience::People),
        Tenant::List(listing) => (Command::TenantList {}, audience(listing)),
        Tenant::Remove { name, yes } => {
            if !yes {
                confirm("A tenant that is removed is gone with all its people and calendars.")?;
            }
            (Command::TenantRemove { name }, Audience::People)
        }
        // Carried out before: their files go piece by piece.
        Tenant::Export(_) | Tenant::Import(_) => return Err(Failure::failed("not this way", "report this")),
    })
}

fn user(verb: User) -> (Command, Audience) {
    let command = match verb {
        User::Add(new) => Command::UserAdd {
            login: new.login,
            tenant: new.tenant,
            email: new.email,
            display_name: new.display_name,
            role: match new.role {
                cli::Role::Admin => Role::Admin,
                cli::Role::FrontDesk => Role::FrontDesk,
                cli::Role::Practitioner => Role::Practitioner,
                cli::Role::Patient => Role::Patient,
            },
        },
        User::List { tenant, listing } => return (Command::UserList { tenant }, audience(listing)),
        User::Disable { login } => Command::UserSetState { login, state: State::Disabled },
        User::Enable { login } => Command::UserSetState { login, state: State::Enabled },
        User::Remove { login } => Command::UserRemove { login },
    };
    (command, Audience::People)
}

fn app_password(verb: AppPassword) -> (Command, Audience) {
    match verb {
        AppPassword::Add { login, label } => (Command::AppPasswordAdd { login, label }, Audience::People),
        AppPassword::List { login, listing } => (Command::AppPasswordList { login }, audience(listing)),
        AppPassword::Revoke { login, id } => (Command::AppPasswordRevoke { login, id }, Audience::People),
    }
}

fn trash(verb: cli::Trash) -> Result<(Command, Audience), Failure> {
    let (command, audience) = match verb {
        cli::Trash::List(list) => {
            (TrashCommand::List { of: list.of, names: list.names }, audience(list.listing))
        }
        cli::Trash::Restore { id, to } => (TrashCommand::Restore { id, to }, Audience::People),
        cli::Trash::Purge(wish) => {
            if !wish.yes {
                confirm("What is removed from the trash cannot be brought back.")?;
            }
            let command = match wish.id {
                Some(id) => TrashCommand::Purge { id },
                None => TrashCommand::PurgeAll { of: wish.of },
            };
            (command, Audience::People)
        }
    };
    Ok((Command::Trash(command), audience))
}

/// Asks the operator on the terminal; where there is none, the command line must say yes.
fn confirm(what: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("this needs a yes, and there is no terminal to ask on", "add --yes"));
    }
    let _ = write!(io::stderr(), "{what} Go on? [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::failed("nothing was done", "answer y, or add --yes"))
}

fn calendar(verb: Calendar) -> (Command, Audience) {
    let command = match verb {
        Calendar::Add { at, display_name, components } => {
            Command::CalendarAdd { at, display_name, components }
        }
        Calendar::List { login, listing } => return (Command::CalendarList { login }, audience(listing)),
        Calendar::Remove { at } => Command::CalendarRemove { at },
        Calendar::Share { at, with, access } => Command::CalendarShare {
            at,
            with,
            access: match access {
                cli::SharedAccess::Read => SharedAccess::Read,
                cli::SharedAccess::ReadWrite => SharedAccess::ReadWrite,
                cli::SharedAccess::FreeBusy => SharedAccess::FreeBusy,
                cli::SharedAccess::None => SharedAccess::None,
            },
        },
    };
    (command, Audience::People)
}
