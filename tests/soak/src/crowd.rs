//! A client beside a crowd: connections that send nothing, and connections that ask for much and never read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use almanac_harness::{Client, Daemon, Person, Wire, ics};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::figures::Times;
use crate::memory::Life;
use crate::options::Options;
use crate::world::World;

/// Connections of each of the two kinds.
const CONNECTIONS: usize = 500;
/// Files that this program and the daemon may have open: the daemon inherits it.
const FILES: u64 = 8192;
/// What those who never read ask for: larger than all buffers between them and the daemon.
const LARGE_OBJECTS: usize = 24;
const LARGE_LINES: usize = 8000;
/// Objects of the client that is timed.
const OBJECTS: usize = 100;
/// What the system may keep for a connection that does not read.
const UNREAD_BYTES: usize = 16 << 10;

pub(crate) struct Crowd {
    pub(crate) connections: usize,
    pub(crate) alone: Times,
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
    // The limits are the defaults: this machine is exempt from the limit for one address, and 4096 is above the crowd.
    let daemon_options = almanac_harness::Options::new()
        .without_canary()
        .set("log.level", "error")
        .set("store.engine", &options.engine);
    let mut daemon = Daemon::start_with(daemon_options);
    let (loud, quiet) = (daemon.person("loud"), daemon.person("quiet"));
    fill(&daemon.client(&loud), &loud, LARGE_OBJECTS, LARGE_LINES);
    fill(&daemon.client(&quiet), &quiet, OBJECTS, 4);
    let resident = || Life::look(daemon.pid(), Instant::now()).unwrap_or_default().resident_kib;
    let client = daemon.client(&quiet);
    let alone = time(&client, &quiet, options.crowd, world);
    let before = resident();

    let address = client.address().tcp();
    let request = daemon.client(&loud).request("GET", &loud.calendar()).to_bytes();
    let mut crowd: Vec<TcpStream> = Vec::new();
    for number in 0..CONNECTIONS * 2 {
        let mut stream =
            TcpStream::connect(address).map_err(|error| format!("connection {number}: {error}"))?;
        if number % 2 == 0 {
            set_socket_recv_buffer_size(&stream, UNREAD_BYTES).map_err(|error| error.to_string())?;
            stream.write_all(&request).map_err(|error| format!("connection {number}: {error}"))?;
        }
        crowd.push(stream);
    }
    let beside = time(&client, &quiet, options.crowd, world);
    let resident_kib = (before, resident());
    let connections = crowd.iter().filter(|stream| is_open(stream)).count();
    drop(crowd);
    daemon.stop();
    Ok(Crowd { connections, alone, beside, resident_kib })
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

fn fill(client: &Client, person: &Person, objects: usize, lines: usize) {
    let note = format!("COMMENT:{}\n", "x".repeat(50)).repeat(lines);
    for n in 0..objects {
        let body = ics::event_with(&n.to_string(), "x", "20261201T090000Z", &note);
        let _ = client.put(&person.object(&format!("{n}.ics")), body).expect(201);
    }
}

/// What a client with one connection waits for: mostly reads, one write in eight.
fn time(client: &Client, person: &Person, lasts: Duration, world: &World) -> Times {
    let mut micros = Vec::new();
    let began = Instant::now();
    let mut wire: Option<Wire> = None;
    let mut number = 0;
    while began.elapsed() < lasts {
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
