//! Objects that wait for a person, and what the person says.

use almanac_app::sync::{LinkInfo, PairState};
use almanac_app::{App, AppError};
use almanac_base::{LinkId, SystemClock};
use almanac_sync::answer;
use ring::digest::{SHA256, digest};

use super::rows::WaitingRow;
use super::{Executor, Outcome, Said};
use crate::failure::Failure;

impl Executor {
    /// Objects in a state that is told, of all links.
    pub(super) async fn waiting(
        &self,
        names: bool,
        wanted: fn(&PairState) -> bool,
    ) -> Result<Outcome, Failure> {
        let accounts = self.account_names().await?;
        let mut rows = Vec::new();
        for link in self.app.links().await? {
            each_pair(&self.app, &link, |row| {
                if wanted(&row.pair.state) {
                    rows.push(WaitingRow {
                        reference: reference(link.id, &row.name),
                        link: link.id.to_string(),
                        account: accounts.get(&link.account).cloned().unwrap_or_default(),
                        why: why(&row.pair.state, row.pair.mails),
                        since: row.pair.since.map(|at| at.to_string()),
                        name: names.then(|| row.name.clone()),
                    });
                }
            })
            .await?;
        }
        Ok(Outcome::Waiting(rows))
    }

    pub(super) async fn answer(
        &self,
        refs: &[String],
        link: Option<&str>,
        said: Said,
    ) -> Result<Outcome, Failure> {
        let links = match link {
            Some(link) => vec![self.link(link).await?],
            None => self.app.links().await?,
        };
        let (mut answered, mut found) = (0, 0);
        for link in links {
            let mut named = Vec::new();
            each_pair(&self.app, &link, |row| {
                let meant = refs.is_empty() || refs.contains(&reference(link.id, &row.name));
                if meant && row.pair.state != PairState::Linked {
                    named.push(row.name.clone());
                }
            })
            .await?;
            found += named.len();
            for name in named {
                match answer(&self.app, &SystemClock, &link, &name, said.into()).await {
                    Ok(()) => answered += 1,
                    // All that the answer fits.
                    Err(AppError::Invalid(_)) if refs.is_empty() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            self.vendors.wake(link.account);
        }
        if !refs.is_empty() && found < refs.len() {
            return Err(Failure::failed(
                "nothing that waits is called so",
                "see `almanac sync held` and `almanac sync parked`",
            ));
        }
        Ok(Outcome::Answered { objects: answered })
    }
}

/// Shows all pairs of a link.
async fn each_pair(
    app: &App,
    link: &LinkInfo,
    mut take: impl FnMut(&almanac_app::sync::PairRow),
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let (rows, next) = app.pairs(link, after.as_ref()).await?;
        rows.iter().for_each(&mut take);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// What an object that waits is called: it tells nothing of the object.
fn reference(link: LinkId, name: &str) -> String {
    let hash = digest(&SHA256, &[link.as_bytes().as_slice(), name.as_bytes()].concat());
    hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn why(state: &PairState, mails: u32) -> String {
    match state {
        PairState::Parked(reason) => reason.clone(),
        PairState::HeldDeletionMail => {
            format!("deleted here, and the vendor would mail {mails} people about it: may it?")
        }
        PairState::HeldHere => "deleted here: shall it go at the vendor?".to_owned(),
        PairState::HeldThere => "deleted at the vendor: shall it go here?".to_owned(),
        PairState::Asked => "changed on both sides: who wins?".to_owned(),
        PairState::HeldMail => format!("the vendor would mail {mails} people: may it?"),
        PairState::Linked
        | PairState::DeletionApproved
        | PairState::DeletionMailApproved
        | PairState::StoreWins
        | PairState::VendorWins
        | PairState::MailApproved => String::new(),
    }
}
