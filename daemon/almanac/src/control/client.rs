//! The command line's side of the control socket.

use std::io::ErrorKind;
use std::path::Path;

use almanac_app::ImportProgress;
use bytes::Bytes;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Reply, Request, read_attachment, read_line, socket, write_part};
use crate::commands::backup::Take;
use crate::commands::tenant::Give;
use crate::commands::{Command, Outcome};
use crate::failure::Failure;
use crate::listen::connect_unix;

/// Asks the daemon of this state folder. `Ok(None)` if none listens.
///
/// # Errors
/// What the daemon answered, or why it could not be asked.
pub(crate) async fn ask(
    state: &Path,
    command: &Command,
    attachment: &[u8],
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<Option<Outcome>, Failure> {
    let Some(stream) = connect(state).await? else { return Ok(None) };
    converse(stream, command, attachment, progress).await.map(Some)
}

/// Whether a daemon listens at this state folder.
///
/// # Errors
/// It cannot be told.
pub(crate) async fn listens(state: &Path) -> Result<bool, Failure> {
    Ok(connect(state).await?.is_some())
}

/// Asks the daemon of this state folder for what comes in pieces, and gives them to `take`. `Ok(None)` if none listens.
///
/// # Errors
/// What the daemon answered, why it could not be asked, or what `take` failed with.
pub(crate) async fn ask_for_pieces(
    state: &Path,
    command: &Command,
    take: &mut Take<'_>,
) -> Result<Option<Outcome>, Failure> {
    let Some(stream) = connect(state).await? else { return Ok(None) };
    take_pieces(stream, command, take).await.map(Some)
}

pub(super) async fn take_pieces(
    stream: UnixStream,
    command: &Command,
    take: &mut Take<'_>,
) -> Result<Outcome, Failure> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let _ = writer.write_all(&line(command, 0)?).await; // the answer says more, as below
    loop {
        match read_line(&mut reader).await.map_err(|reason| broken(&reason))? {
            Some(Reply::Piece { bytes }) => {
                let piece = read_attachment(&mut reader, bytes).await.map_err(|reason| broken(&reason))?;
                take(Bytes::from(piece))?;
            }
            Some(Reply::Progress { .. }) => {}
            Some(Reply::Failed(failure)) => return Err(failure),
            Some(Reply::Done { outcome }) => return Ok(outcome),
            None => return Err(broken("the server closed the connection")),
        }
    }
}

/// Sends pieces to the daemon of this state folder, as many as `give` has. `Ok(None)` if none listens.
///
/// # Errors
/// What the daemon answered, why it could not be asked, or what `give` failed with; the daemon undoes it then.
pub(crate) async fn send_pieces(
    state: &Path,
    command: &Command,
    give: &mut Give<'_>,
) -> Result<Option<Outcome>, Failure> {
    let Some(stream) = connect(state).await? else { return Ok(None) };
    let (reader, mut writer) = stream.into_split();
    let mut sent = writer.write_all(&line(command, 0)?).await;
    // A server that refuses early closes early: its answer says more than our failure to write.
    while sent.is_ok() {
        let piece = give()?.unwrap_or_default(); // an empty one is the end
        sent = write_part(&mut writer, &piece).await;
        if piece.is_empty() {
            break;
        }
    }
    let mut reader = BufReader::new(reader);
    match read_line(&mut reader).await.map_err(|reason| broken(&reason))? {
        Some(Reply::Done { outcome }) => Ok(Some(outcome)),
        Some(Reply::Failed(failure)) => Err(failure),
        Some(Reply::Progress { .. } | Reply::Piece { .. }) => {
            Err(broken("something came that nobody asked for"))
        }
        None => Err(broken("the server closed the connection")),
    }
}

/// `None` if no daemon listens.
async fn connect(state: &Path) -> Result<Option<UnixStream>, Failure> {
    let path = socket(state);
    match connect_unix(&path).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(Failure::failed(
            format!("cannot ask the server through {}: {error}", path.display()),
            "run the command as root or as the owner of the state folder",
        )),
    }
}

fn line(command: &Command, attachment_bytes: usize) -> Result<Vec<u8>, Failure> {
    let request = Request { command: command.clone(), attachment_bytes };
    let mut line = serde_json::to_vec(&request).map_err(|error| broken(&error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}

pub(super) async fn converse(
    stream: UnixStream,
    command: &Command,
    attachment: &[u8],
    progress: &(dyn Fn(ImportProgress) + Sync),
) -> Result<Outcome, Failure> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let line = line(command, attachment.len())?;
    // A server that refuses early closes early: its answer says more than our failure to write.
    let sent = async {
        writer.write_all(&line).await?;
        writer.write_all(attachment).await
    };
    let _ = sent.await;
    loop {
        match read_line(&mut reader).await.map_err(|reason| broken(&reason))? {
            Some(Reply::Progress { done, total }) => progress(ImportProgress { done, total }),
            Some(Reply::Piece { .. }) => {
                return Err(broken("a piece came that nobody asked for"));
            }
            Some(Reply::Failed(failure)) => return Err(failure),
            Some(Reply::Done { outcome }) => return Ok(outcome),
            None => return Err(broken("the server closed the connection")),
        }
    }
}

fn broken(reason: &str) -> Failure {
    Failure::failed(
        format!("the server did not answer: {reason}"),
        "see `almanac status`; if the server is stopping, try again afterwards",
    )
}
