//! The control socket: `control.sock` in the state folder, by which the command line talks to a running daemon.
//!
//! One connection carries one command. The client sends one line of JSON, a [`Request`], then as many bytes as it
//! announced; or a file in parts, each behind its length, up to an empty one. The daemon sends lines of JSON,
//! [`Reply`]: any number of progress lines (of a backup or an export of a tenant: pieces of it), then one that ends
//! it, then as many bytes as that one announced. Only root and the owner of the daemon are listened to.

pub(crate) mod client;
pub(crate) mod server;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use almanac_store::backup::dump::PIECE_BYTES_MAX;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::commands::{Command, Outcome};
use crate::failure::Failure;
use crate::limits::{ATTACHMENT_BYTES_MAX, CONTROL_LINE_BYTES_MAX, CONTROL_SILENCE};

/// What the client sends.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    command: Command,
    /// Bytes that follow the line.
    #[serde(default)]
    attachment_bytes: usize,
}

/// What the daemon sends.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// How far an import is.
    Progress { done: usize, total: usize },
    /// So many bytes of a backup or of a tenant's export follow the line, then further lines.
    Piece { bytes: usize },
    /// It is done.
    Done { outcome: Outcome },
    /// It is not.
    Failed(Failure),
}

/// Where the socket is.
pub(crate) fn socket(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// Reads one line of JSON. `Ok(None)` at the end of the stream.
async fn read_line<T, R>(from: &mut R) -> Result<Option<T>, String>
where
    T: for<'de> Deserialize<'de>,
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    let bytes_max = u64::try_from(CONTROL_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let read =
        (&mut *from).take(bytes_max).read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err("the line is too long or does not end".to_owned());
    }
    // The position is told, never the text: it may hold a name.
    serde_json::from_slice(&line)
        .map(Some)
        .map_err(|error| format!("the line cannot be understood at column {}", error.column()))
}

/// Writes a piece of a file whose length nobody knows before: 4 bytes that say how long it is, then so many.
async fn write_part<W: AsyncWrite + Unpin>(to: &mut W, piece: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(piece.len()).map_err(std::io::Error::other)?;
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(piece).await
}

/// Reads what [`write_part`] wrote; `None` if it is empty, which is the end.
async fn read_part<R: AsyncRead + Unpin>(from: &mut R) -> Result<Option<Vec<u8>>, String> {
    let length = timeout(CONTROL_SILENCE, from.read_u32()).await;
    let length = length.map_err(|_| "the file stopped coming")?.map_err(|_| "the file broke off")?;
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    if bytes > PIECE_BYTES_MAX {
        return Err(format!("a piece is larger than {PIECE_BYTES_MAX} bytes"));
    }
    if bytes == 0 { Ok(None) } else { read_attachment(from, bytes).await.map(Some) }
}

/// Reads the bytes that a line announced.
async fn read_attachment<R: AsyncRead + Unpin>(from: &mut R, bytes: usize) -> Result<Vec<u8>, String> {
    if bytes > ATTACHMENT_BYTES_MAX {
        return Err(format!("the file is larger than {ATTACHMENT_BYTES_MAX} bytes"));
    }
    let mut attachment = Vec::new();
    let mut from = from.take(u64::try_from(bytes).unwrap_or(u64::MAX));
    loop {
        let read = timeout(CONTROL_SILENCE, from.read_buf(&mut attachment)).await;
        match read.map_err(|_| "the file stopped coming".to_owned())? {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    if attachment.len() == bytes { Ok(attachment) } else { Err("the file broke off".to_owned()) }
}
