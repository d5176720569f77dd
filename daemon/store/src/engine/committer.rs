//! The one thread that writes: it takes what waits, writes it as one transaction, waits once for the disk and
//! then answers everybody. While it waits the next group forms by itself.

use std::io;
use std::sync::Arc;

use almanac_base::TenantId;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::apply::{Verdict, apply, remove_range};
use super::layout::{GROUPS_ROW, tenant_range};
use super::local::{Disk, Shared, Writing};
use super::read::{Span, groups};
use super::{Commit, Committed, EngineError};
use crate::limits::{GROUP_BYTES_MAX, GROUP_COMMITS_MAX};
use crate::space::RecordVersion;

/// Where the results of commits go, in their order.
pub(super) type Answer = oneshot::Sender<Vec<Result<Committed, EngineError>>>;

/// What waits for the committer.
pub(super) enum Job {
    Commits { commits: Vec<Commit>, answer: Answer },
    DropTenant { tenant: TenantId, answer: oneshot::Sender<Result<(), EngineError>> },
}

/// Works until the last sender is gone, then closes the file.
pub(super) fn run<D: Disk>(shared: &Arc<Shared<D>>, mut queue: Receiver<Job>) {
    let mut committer = Committer { shared: Arc::clone(shared), full: false };
    let mut next = queue.blocking_recv();
    while let Some(job) = next.take() {
        match job {
            Job::DropTenant { tenant, answer } => {
                // Who no longer waits needs no answer; so below.
                let _ = answer.send(committer.drop_tenant(tenant));
            }
            Job::Commits { commits, answer } => {
                let mut group = Group::default();
                group.add(commits, answer);
                while !group.is_full() {
                    match queue.try_recv() {
                        Ok(Job::Commits { commits, answer }) => group.add(commits, answer),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                committer.settle(group);
            }
        }
        if next.is_none() {
            next = queue.blocking_recv();
        }
    }
    shared.disk.close();
}

/// Commits that become durable together.
#[derive(Default)]
struct Group {
    commits: Vec<Commit>,
    bytes: usize,
    /// Who waits for how many of the commits.
    answers: Vec<(usize, Answer)>,
}

impl Group {
    fn add(&mut self, commits: Vec<Commit>, answer: Answer) {
        self.answers.push((commits.len(), answer));
        self.bytes = commits.iter().map(Commit::bytes).fold(self.bytes, usize::saturating_add);
        self.commits.extend(commits);
    }

    fn is_full(&self) -> bool {
        self.commits.len() >= GROUP_COMMITS_MAX || self.bytes >= GROUP_BYTES_MAX
    }
}

struct Committer<D> {
    shared: Arc<Shared<D>>,
    /// The disk was full at the last write: look for room before the engine is made to fail again.
    full: bool,
}

impl<D: Disk> Committer<D> {
    /// Writes a group and answers each of its members.
    fn settle(&mut self, group: Group) {
        let mut results: Vec<Result<Committed, EngineError>> = match self.write(&group.commits) {
            Ok(verdicts) => verdicts.into_iter().map(|verdict| verdict.map_err(EngineError::from)).collect(),
            // Damage that one member met must not fail the others.
            Err(EngineError::Corrupt(_)) if group.commits.len() > 1 => {
                group.commits.iter().map(|one| self.write_one(one)).collect()
            }
            Err(error) => group.commits.iter().map(|_| Err(again(&error))).collect(),
        };
        self.publish(&group.commits, &results);
        for (count, answer) in group.answers {
            let rest = results.split_off(count.min(results.len()));
            let _ = answer.send(std::mem::replace(&mut results, rest));
        }
    }

    fn write_one(&mut self, commit: &Commit) -> Result<Committed, EngineError> {
        let verdicts = self.write(std::slice::from_ref(commit))?;
        verdicts
            .into_iter()
            .next()
            .map_or(Err(EngineError::Poisoned), |verdict| verdict.map_err(EngineError::from))
    }

    /// Applies the commits in one transaction. `Ok` means that those not refused are durable.
    fn write(&mut self, commits: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        let bytes: usize = commits.iter().map(Commit::bytes).fold(0, usize::saturating_add);
        if self.full && !self.shared.disk.has_room(u64::try_from(bytes).unwrap_or(u64::MAX)) {
            return Err(EngineError::NoSpace);
        }
        let mut verdicts = Vec::with_capacity(commits.len());
        let mut number = 0;
        let outcome = self.transact(&mut number, &mut |rows| {
            verdicts.clear();
            for commit in commits {
                verdicts.push(apply(rows, commit, &self.shared.caps)?);
            }
            Ok(verdicts.iter().any(Result::is_ok))
        });
        match outcome {
            Ok(wrote) => {
                self.full = false;
                if wrote {
                    self.shared.set_groups(number);
                }
                Ok(verdicts)
            }
            Err(error) => {
                self.full = matches!(error, EngineError::NoSpace);
                if verdicts.len() < commits.len() {
                    return Err(error);
                }
                match self.landed(number) {
                    Landed::No => Err(error),
                    // After a failed write nothing proves that all of it is on the disk.
                    Landed::Durably if matches!(error, EngineError::Io(_)) => Err(error),
                    Landed::Durably => Ok(verdicts),
                    // The cause is told rather than the doubt: room is what helps.
                    Landed::Unknown if matches!(error, EngineError::NoSpace) => Err(error),
                    Landed::Visibly | Landed::Unknown => Err(EngineError::Io(io::Error::other(error))),
                }
            }
        }
    }

    /// Runs `work` in a transaction and makes it durable, if it says that it wrote something. `number` becomes
    /// the number that this group has if it is durable.
    fn transact(&self, number: &mut u64, work: &mut Writing<'_>) -> Result<bool, EngineError> {
        self.shared.disk.transact(&mut |rows| {
            *number = groups(rows)?.saturating_add(1);
            let wrote = work(rows)?;
            if wrote {
                rows.put(GROUPS_ROW, RecordVersion::NONE, &number.to_be_bytes())?;
            }
            Ok(wrote)
        })
    }

    /// Whether the group with this number is on disk although its transaction failed: the error may have come
    /// after that. Only a further transaction that succeeds proves that the disk still takes writes.
    fn landed(&self, number: u64) -> Landed {
        match self.shared.read(groups) {
            Ok(stored) if stored == number => {}
            Ok(_) => return Landed::No,
            Err(_) => return Landed::Unknown,
        }
        let mut next = 0;
        match self.transact(&mut next, &mut |_| Ok(true)) {
            Ok(_) => {
                self.shared.set_groups(next);
                Landed::Durably
            }
            Err(_) => Landed::Visibly,
        }
    }

    fn drop_tenant(&mut self, tenant: TenantId) -> Result<(), EngineError> {
        let (from, to) = tenant_range(tenant);
        let rows_max = self.shared.disk.drop_rows_max();
        let span: Span<'_> = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        loop {
            let (mut number, mut removed) = (0, 0);
            let wrote = self.transact(&mut number, &mut |rows| {
                removed = remove_range(rows, span, rows_max)?;
                Ok(removed > 0)
            })?;
            if wrote {
                self.shared.set_groups(number);
            }
            if removed < u64::from(rows_max) {
                self.shared.forget_head(tenant);
                return Ok(());
            }
        }
    }

    fn publish(&self, commits: &[Commit], results: &[Result<Committed, EngineError>]) {
        let durable = commits.iter().zip(results).filter_map(|(commit, result)| {
            result.as_ref().ok().map(|committed| (commit.tenant, committed.tenant_seq))
        });
        let conflicts = results.iter().filter(|result| matches!(result, Err(EngineError::Conflict { .. })));
        self.shared.publish(durable, conflicts.count());
    }
}

/// What became of a group whose transaction failed.
enum Landed {
    No,
    Durably,
    /// Readers see it, but nothing proves that it is on the disk.
    Visibly,
    /// The file could not be read, or not even be opened again.
    Unknown,
}

/// The same error for another member of a group; the cause of an [`EngineError::Io`] is told by its kind.
fn again(error: &EngineError) -> EngineError {
    match error {
        EngineError::Conflict { precondition } => EngineError::Conflict { precondition: *precondition },
        EngineError::TooLarge => EngineError::TooLarge,
        EngineError::NoSpace => EngineError::NoSpace,
        EngineError::ReadOnly => EngineError::ReadOnly,
        EngineError::Poisoned => EngineError::Poisoned,
        EngineError::Corrupt(what) => EngineError::Corrupt(what),
        EngineError::Closed => EngineError::Closed,
        EngineError::Io(error) => EngineError::Io(error.kind().into()),
    }
}
