//! The daemon's side of the control socket.

use std::pin::pin;
use std::sync::Arc;

use almanac_app::ImportProgress;
use bytes::Bytes;
use rustix::process::geteuid;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::{Reply, Request, read_attachment, read_line, read_part};
use crate::commands::tenant::{TenantMoved, conclude};
use crate::commands::{Command, Executor, Outcome, backup, path};
use crate::failure::Failure;
use crate::limits::{CONTROL_CONNECTIONS_MAX, CONTROL_LINE_TIMEOUT, CONTROL_SILENCE};
use crate::listen::{Accepted, Listener};
use crate::supervisor::{Importance, Supervisor};

/// Serves the control socket until the supervisor asks to stop.
pub(crate) fn serve(supervisor: &Supervisor, listener: Listener, executor: Arc<Executor>) {
    let tasks = supervisor.clone();
    let stopping = supervisor.stopping();
    let accepting = async move {
        let slots = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let Accepted::Unix(stream) = listener.accept().await else { continue };
            let executor = Arc::clone(&executor);
            tasks.spawn("control.connection", Importance::Ordinary, async move {
                let _slot = slot;
                if may_command(&stream) {
                    converse(stream, &executor).await;
                } else {
                    tracing::warn!("a stranger tried to use the control socket");
                }
            });
        }
    };
    supervisor.spawn("control.listener", Importance::Vital, async move {
        stopping.run_until_cancelled_owned(accepting).await;
    });
}

/// The mode of the socket keeps others out already; this holds even if somebody changes it.
fn may_command(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| is_allowed(peer.uid(), geteuid().as_raw()))
}

/// Whether the user `peer` may command a daemon of the user `own`.
fn is_allowed(peer: u32, own: u32) -> bool {
    peer == 0 || peer == own
}

/// One command and its answer. A client that leaves early loses only the answer.
pub(super) async fn converse(stream: UnixStream, executor: &Executor) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let answer = match receive(&mut reader).await {
        Ok((Request { command: Command::Backup {}, .. }, _)) => back_up(executor, &mut writer).await,
        Ok((Request { command: Command::TenantExport { tenant }, .. }, _)) => {
            export_tenant(executor, &tenant, &mut writer).await
        }
        Ok((Request { command: Command::Export { at }, .. }, _)) => export(executor, &at, &mut writer).await,
        Ok((Request { command: Command::TenantImport { name }, .. }, _)) => {
            import_tenant(executor, name, &mut reader).await
        }
        Ok((request, attachment)) => carry_out(executor, request, &attachment, &mut writer).await,
        Err(reason) => Err(Failure::failed(
            format!("the server does not understand the command: {reason}"),
            "use the command line of the same version as the server",
        )),
    };
    let reply = answer.map_or_else(Reply::Failed, |outcome| Reply::Done { outcome });
    if send(&mut writer, &reply).await.is_ok() {
        let _ = writer.shutdown().await;
    }
}

async fn receive<R>(reader: &mut R) -> Result<(Request, Vec<u8>), String>
where
    R: tokio::io::AsyncBufRead + Unpin,
{
    let line = timeout(CONTROL_LINE_TIMEOUT, read_line::<Request, _>(reader)).await;
    let request = line.map_err(|_| "no command came".to_owned())??.ok_or("no command came")?;
    let attachment = read_attachment(reader, request.attachment_bytes).await?;
    Ok((request, attachment))
}

async fn carry_out<W: AsyncWrite + Unpin>(
    executor: &Executor,
    request: Request,
    attachment: &[u8],
    writer: &mut W,
) -> Result<Outcome, Failure> {
    // A reader that is slower than the import misses steps of the progress, but not the last one.
    let (steps, mut latest) = watch::channel(ImportProgress { done: 0, total: 0 });
    let progress = |step| {
        steps.send_replace(step);
    };
    let mut work = pin!(executor.execute(request.command, attachment, &progress));
    loop {
        let answer = tokio::select! {
            biased;
            answer = &mut work => Some(answer),
            Ok(()) = latest.changed() => None,
        };
        if latest.has_changed().is_ok_and(|changed| changed) || answer.is_none() {
            let ImportProgress { done, total } = *latest.borrow_and_update();
            // Whoever left does not want to know; the command is carried out all the same.
            let _ = send(writer, &Reply::Progress { done, total }).await;
        }
        if let Some(answer) = answer {
            return answer;
        }
    }
}

/// Sends a backup piece by piece. A client that leaves ends it.
async fn back_up<W: AsyncWrite + Unpin>(executor: &Executor, writer: &mut W) -> Result<Outcome, Failure> {
    let mut making = backup::begin(Arc::clone(executor.app.store()));
    while let Some(piece) = making.pieces.recv().await {
        if !send_piece(writer, &piece).await {
            break;
        }
    }
    making.end().await
}

/// Sends a piece; whether the client took it. One that takes nothing would hold the view of the store open, and what
/// is overwritten with it.
async fn send_piece<W: AsyncWrite + Unpin>(writer: &mut W, piece: &Bytes) -> bool {
    let sent = async {
        send(writer, &Reply::Piece { bytes: piece.len() }).await?;
        writer.write_all(piece).await
    };
    matches!(timeout(CONTROL_SILENCE, sent).await, Ok(Ok(())))
}

/// Sends a calendar piece by piece. A client that leaves ends it.
async fn export<W: AsyncWrite + Unpin>(
    executor: &Executor,
    at: &str,
    writer: &mut W,
) -> Result<Outcome, Failure> {
    let mut export = executor.app.export(&path(at)?)?;
    while let Some(piece) = export.piece().await? {
        if !send_piece(writer, &piece).await {
            return Err(Failure::failed("the export was not taken", "give the command again"));
        }
    }
    Ok(Outcome::Exported)
}

/// Sends a tenant piece by piece. A client that leaves ends it.
async fn export_tenant<W: AsyncWrite + Unpin>(
    executor: &Executor,
    tenant: &str,
    writer: &mut W,
) -> Result<Outcome, Failure> {
    let mut dump = executor.app.export_tenant(tenant).await?;
    while let Some(piece) = dump.piece().await? {
        if !send_piece(writer, &piece).await {
            return Err(Failure::failed("the export was not taken", "give the command again"));
        }
    }
    Ok(Outcome::TenantMoved(TenantMoved::from(dump.report())))
}

/// Takes a tenant piece by piece. A client that leaves before the end undoes it.
async fn import_tenant<R: AsyncRead + Unpin>(
    executor: &Executor,
    name: Option<String>,
    reader: &mut R,
) -> Result<Outcome, Failure> {
    let mut import = executor.app.import_tenant(name);
    let taken = async {
        let lost = |reason| Failure::failed(format!("the import is not whole: {reason}"), "import it again");
        while let Some(piece) = read_part(reader).await.map_err(lost)? {
            import.take(&piece).await?;
        }
        Ok::<_, Failure>(import.finish().await?)
    };
    let taken = taken.await;
    conclude(import, taken).await
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn root_and_the_owner_of_the_daemon_may_command_it_and_nobody_else() {
        for (peer, own, allowed) in
            [(0, 0, true), (0, 1000, true), (1000, 1000, true), (1001, 1000, false), (1000, 0, false)]
        {
            assert_eq!(is_allowed(peer, own), allowed, "{peer} {own}");
        }
    }
}
