//! What a person says about an object that is held, parked or asked about.

use almanac_app::sync::{
    Dispatch, LinkInfo, Loser, Lost, Pair, PairOrigin, PairRole, PairState, Settled, Step, StepChange,
};
use almanac_app::{App, AppError};
use almanac_base::Clock;
use almanac_ical::CalendarObject;

use crate::limits::STEP_ATTEMPTS;

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What is held is to be done: the deletion, or the change that the vendor mails about.
    Approve,
    /// It is not to be done: what was deleted comes back, what was changed here becomes as the vendor has it.
    Reject,
    /// Of a contradiction, what is here is to be.
    StoreWins,
    /// Of a contradiction, what the vendor has is to be.
    VendorWins,
    /// What is parked is to be tried again.
    Retry,
}

/// Notes an answer; the next run acts on it.
///
/// # Errors
/// `NotFound` if nothing is known of such an object, `Invalid` if that is no answer to what its state asks.
pub async fn answer(
    app: &App,
    clock: &dyn Clock,
    link: &LinkInfo,
    name: &str,
    answer: Answer,
) -> Result<(), AppError> {
    for _ in 0..STEP_ATTEMPTS {
        let view = app.view_step(link, name).await?;
        let pair = view.pair.clone().ok_or(AppError::NotFound("object of the link"))?;
        let mut step = Step::default();
        let state = match (&pair.state, answer) {
            (PairState::HeldHere | PairState::HeldThere, Answer::Approve) => PairState::DeletionApproved,
            (PairState::HeldDeletionMail, Answer::Approve) => PairState::DeletionMailApproved,
            (PairState::HeldMail, Answer::Approve) => PairState::MailApproved,
            (PairState::HeldThere, Answer::Reject) => PairState::Linked,
            (PairState::HeldHere | PairState::HeldDeletionMail | PairState::HeldMail, Answer::Reject) => {
                // As it was when both sides were last equal; what was changed here since is history. Without a base it was
                // made there, and no answer came.
                let known = pair.base.as_deref().or(pair.sent.as_deref());
                let base = known.ok_or(AppError::Bug("a held change has no base"))?;
                let object = CalendarObject::parse_stored(base);
                let object = object.map_err(|_| AppError::Bug("a stored base does not parse"))?;
                step.lost.extend(view.object.as_ref().map(|(_, now)| Lost {
                    loser: Loser::Store,
                    fields: vec!["a change that was rejected".to_owned()],
                    object: Some(now.bytes().to_vec()),
                }));
                step.object = StepChange::Put(object);
                PairState::Linked
            }
            (PairState::Asked, Answer::VendorWins) => PairState::VendorWins,
            (PairState::Asked, Answer::StoreWins) => PairState::StoreWins,
            (PairState::Parked(_), Answer::Retry) => PairState::Linked,
            _ => return Err(AppError::Invalid("that is no answer to what this object waits for".to_owned())),
        };
        let now = clock.now();
        let pair = match (&pair.state, answer) {
            // It is made there anew, under another key: the old one may be taken for ever.
            (PairState::HeldThere, Answer::Reject) => Pair {
                remote: None,
                version: None,
                base: None,
                seen: None,
                generation: pair.generation.saturating_add(1),
                origin: PairOrigin::Here,
                mails: 0,
                sent: None,
                role: PairRole::Own,
                ..pair
            },
            // What the vendor told while it was held was not written down: it is looked at again.
            (PairState::HeldHere | PairState::HeldDeletionMail | PairState::HeldMail, Answer::Reject) => {
                Pair { version: None, ..pair }
            }
            // What the store has refused, or what could not be read: it is asked for again.
            (PairState::Parked(_), Answer::Retry) if pair.base.is_none() => {
                Pair { version: None, turns: None, ..pair }
            }
            (PairState::Parked(_), Answer::Retry) => Pair { turns: None, ..pair },
            _ => pair,
        };
        step.pair = StepChange::Put(Pair { state, since: None, ..pair });
        step.dispatch = StepChange::Put(Dispatch { attempts: 0, not_before: now, since: now });
        match app.settle_step(link, &view, step).await? {
            Settled::Done => return Ok(()),
            Settled::Outdated => {}
            Settled::Refused(why) => return Err(AppError::Invalid(why.to_owned())),
        }
    }
    Err(AppError::Busy)
}
