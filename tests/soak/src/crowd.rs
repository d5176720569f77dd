//! A client beside a crowd: connections that send nothing, and connections that ask for much and never read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use almanac_harness::{Client, Daemon, Person, Wire, ics};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::figures::Times;
use crate::memory::Life;
use crate::options::Options;
use crate::world::World;

/// Files that this program and the daemon may have open: the daemon inherits it.
const FILES: u64 = 8192;
/// What those who never read ask for: with 1.3 KiB each, more than all buffers between them and the daemon take.
const LARGE_OBJECTS: usize = 8_000;
/// Objects of the client that is timed.
const OBJECTS: usize = 100;
/// How long the daemon may work on what nobody reads, and how long it must do nothing.
const CALM_MAX: Duration = Duration::from_secs(60);
const CALM_LOOK: Duration = Duration::from_millis(300);
/// What the system may keep for a connection that does not read.
const UNREAD_BYTES: usize = 16 << 10;

pub(crate) struct Crowd {
    /// Connections of each of the two kinds, and how many of all were open at the end.
    pub(crate) each: usize,
    pub(crate) open: usize,
    pub(crate) alone: Times,
    /// While the crowd comes.
    pub(crate) arriving: Times,
    /// How long the daemon then worked until all buffers were full.
    pub(crate) settled: Duration,
    pub(crate) beside: Times,
    pub(crate) resident_kib: (u64, u64),
}

/// # Errors
/// The system does not allow so many files.
fn raise_files() -> Result<(), String> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < FILES) {
        let wanted = Rlimit { current: Some(FILES), ..now };
        setrlimit(Resource::Nofile, wanted)
            .map_err(|error| format!("{FILES} open files are not allowed here: {error}"))?;
    }
    Ok(())
}

/// Times a client alone, and then beside the crowd.
///
/// # Errors
/// Why it could not be done.
pub(crate) fn run(options: &Options, world: &World) -> Result<Crowd, String> {
    raise_files()?;
    // The limits are the defaults: this machine is exempt from that of one address, that of all is above the crowd, and
    // the times that a client may be silent (10 s) or not read (30 s) are longer than it is timed.
    let daemon_options = almanac_harness::Options::new()
        .without_canary()
        .set("log.level", "error")
        .set("store.engine", &options.engine);
    let mut daemon = Daemon::start_with(daemon_options);
    let (loud, quiet) = (daemon.person("loud"), daemon.person("quiet"));
    fill(&daemon, &loud, LARGE_OBJECTS)?;
    fill(&daemon, &quiet, OBJECTS)?;
    let resident = || Life::look(daemon.pid(), Instant::now()).unwrap_or_default().resident_kib;
    let client = daemon.client(&quiet);
    let over = |began: Instant| began.elapsed() > options.crowd;
    let began = Instant::now();
    let alone = time(&client, &quiet, world, || over(began));
    let before = resident();

    let address = client.address().tcp();
    let request = daemon.client(&loud).request("GET", &loud.calendar()).to_bytes();
    let (deaf, arriving) = std::thread::scope(|scope| {
        let began = Instant::now();
        let crowd = scope.spawn(|| gather(address, options.each, Some(&request)));
        let times = time(&client, &quiet, world, || over(began) && crowd.is_finished());
        (crowd.join().expect("the crowd"), times)
    });
    let deaf = deaf?;
    let settled = await_calm(daemon.pid())?;
    let silent = gather(address, options.each, None)?;
    let began = Instant::now();
    let beside = time(&client, &quiet, world, || over(began));
    let resident_kib = (before, resident());
    let open = deaf.iter().chain(&silent).filter(|stream| is_open(stream)).count();
    drop((deaf, silent));
    daemon.stop();
    Ok(Crowd { each: options.each, open, alone, arriving, settled, beside, resident_kib })
}

/// Connections that send `request` or nothing, and do not read.
fn gather(address: SocketAddr, count: usize, request: Option<&[u8]>) -> Result<Vec<TcpStream>, String> {
    let connect = |number| {
        let failed = |error: std::io::Error| format!("connection {number}: {error}");
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        if let Some(request) = request {
            set_socket_recv_buffer_size(&stream, UNREAD_BYTES).map_err(|error| failed(error.into()))?;
            stream.write_all(request).map_err(failed)?;
        }
        Ok(stream)
    };
    (0..count).map(connect).collect()
}

/// Waits until the daemon has filled all buffers and works no more; how long that took.
fn await_calm(pid: u32) -> Result<Duration, String> {
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The fields after the name: user and system time are the twelfth and thirteenth.
        let fields = stat.rsplit(") ").next()?.split(' ').skip(11).take(2);
        Some(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
    };
    let began = Instant::now();
    let mut before = ticks();
    while began.elapsed() < CALM_MAX {
        std::thread::sleep(CALM_LOOK);
        let now = ticks();
        if now == before {
            return Ok(began.elapsed());
        }
        before = now;
    }
    Err("the daemon goes on working for clients that do not read".into())
}

/// Whether the daemon has not closed it; what it sent is thrown away.
fn is_open(mut stream: &TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let _ = stream.set_nonblocking(true);
    match stream.read(&mut buffer) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

fn fill(daemon: &Daemon, person: &Person, objects: usize) -> Result<(), String> {
    let note = format!("COMMENT:{}\n", "x".repeat(50)).repeat(20);
    let event = |n: usize| {
        format!(
            "BEGIN:VEVENT\nUID:{n}\nDTSTAMP:20261101T080000Z\nDTSTART:20261201T090000Z\nDURATION:PT1H\n\
             SUMMARY:Number {n}\n{note}END:VEVENT\n"
        )
    };
    let text = ics::calendar(&(0..objects).map(event).collect::<String>());
    let imported =
        daemon.cli_with_input(&["import", "-", &format!("{}/calendar", person.login)], text.as_bytes());
    if imported.code == Some(0) { Ok(()) } else { Err(format!("the import: {imported:?}")) }
}

/// What a client with one connection waits for: mostly reads, one write in eight.
fn time(client: &Client, person: &Person, world: &World, is_over: impl Fn() -> bool) -> Times {
    let mut micros = Vec::new();
    let mut wire: Option<Wire> = None;
    let mut number = 0;
    while !is_over() {
        number += 1;
        let path = person.object(&format!("{}.ics", number % OBJECTS));
        let (method, request, status) = match number % 8 {
            0 => {
                let body =
                    ics::event(&(number % OBJECTS).to_string(), &number.to_string(), "20261201T090000Z");
                ("PUT", client.put_request(&path, body), 204)
            }
            1 | 5 => ("PROPFIND", client.propfind_request(&person.calendar(), "0", &["D:sync-token"]), 207),
            3 => ("REPORT", client.sync_request(&person.calendar(), ""), 207),
            _ => ("GET", client.request("GET", &path), 200),
        };
        let asked = Instant::now();
        let answer = match &mut wire {
            Some(wire) => exchange(wire, method, &request.to_bytes()),
            none => {
                client.connect().and_then(|fresh| exchange(none.insert(fresh), method, &request.to_bytes()))
            }
        };
        match answer {
            Ok(found) if found == status => {
                micros.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok(found) => world.mistake(format!("{method} beside the crowd: status {found}")),
            Err(error) => {
                wire = None;
                world.mistake(format!("{method} beside the crowd: {error}"));
            }
        }
    }
    Times::of(micros)
}

fn exchange(wire: &mut Wire, method: &str, request: &[u8]) -> std::io::Result<u16> {
    wire.send(request)?;
    wire.read_response(method).map(|answer| answer.status)
}
