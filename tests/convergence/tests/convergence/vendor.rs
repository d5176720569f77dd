//! What a history needs of a vendor beside its connector: what other people do there, and what goes wrong on the way.

use std::sync::Arc;

use almanac_contract::{Connector, Field, Form, RemoteObject, Value};
use almanac_simulator::Mails;
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::edits::{Dice, changed, fresh};
use crate::memory::{Failing, Fault, MemoryVendor};

/// What a storm tells the history while a call is under way.
#[derive(Default)]
pub(crate) struct Signal {
    /// The program ends here.
    pub(crate) ends: Notify,
    /// Somebody changes something before the answer is there.
    pub(crate) races: Notify,
}

/// What a vendor was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) writes: u64,
}

/// A vendor of a history.
#[async_trait]
pub(crate) trait Vendor: Send + Sync {
    fn connector(&self) -> &dyn Connector;

    /// The id of its calendar.
    fn calendar(&self) -> String {
        "main".to_owned()
    }

    /// Its objects, in an order that is the same for the same seed.
    async fn objects(&self) -> Vec<RemoteObject>;

    /// Somebody else makes, changes or deletes an object, by other ways than the connector's.
    fn edit(&self, dice: &mut Dice, count: &mut u64);

    /// What goes wrong from now on.
    fn storm(&self, dice: Dice, signal: Arc<Signal>);

    /// Nothing goes wrong any more.
    fn calm(&self);

    /// The program was ended and started again: what the connector had in memory is lost.
    fn restart(&mut self) {}

    /// What the vendor told of changes is too old, access tokens are spent.
    fn expire(&self) {}

    fn set_time(&self, _: Timestamp) {}

    /// What it was asked for since the last question.
    fn take_counts(&self) -> Counts;

    /// The mails that guests got, but for those that somebody's doing there led to.
    fn mails(&self) -> Mails {
        Mails::default()
    }

    /// A form as far as the vendor and the store are to have the same.
    fn shared(&self, form: &Form) -> Form {
        Form { uid: "same".to_owned(), ..self.connector().project(form) }
    }
}

#[async_trait]
impl Vendor for MemoryVendor {
    fn connector(&self) -> &dyn Connector {
        self
    }

    async fn objects(&self) -> Vec<RemoteObject> {
        self.all()
    }

    fn edit(&self, dice: &mut Dice, count: &mut u64) {
        let all = self.forms();
        match (dice.pick(&all).cloned(), dice.roll(6)) {
            (Some((id, _)), 0) => self.erase(&id),
            (Some((id, old)), 1..=4) => {
                let form = changed(&old, dice, count);
                MemoryVendor::edit(self, &id, &form);
            }
            _ => {
                let form = fresh(dice, count);
                MemoryVendor::edit(self, &format!("theirs-{}", form.uid), &form);
            }
        }
    }

    fn storm(&self, mut dice: Dice, signal: Arc<Signal>) {
        self.plan(move |_| match dice.roll(16) {
            0 => Some(Fault::Before(Failing::Throttled)),
            1 => Some(Fault::Before(Failing::Unavailable)),
            2 => Some(Fault::Before(Failing::Expired)),
            3 => Some(Fault::After),
            4 => {
                signal.ends.notify_one();
                Some(Fault::EndBefore)
            }
            5 => {
                signal.ends.notify_one();
                Some(Fault::EndAfter)
            }
            6 => {
                signal.races.notify_one();
                Some(Fault::Late)
            }
            _ => None,
        });
    }

    fn calm(&self) {
        MemoryVendor::calm(self);
    }

    fn take_counts(&self) -> Counts {
        let (requests, writes) = MemoryVendor::take_counts(self);
        Counts { requests, writes }
    }

    fn shared(&self, form: &Form) -> Form {
        let mut form = Form { uid: "same".to_owned(), ..self.project(form) };
        for part in form.parts.values_mut() {
            // Some write titles in capitals.
            if let Some(Value::Text(title)) = part.get_mut(&Field::Summary) {
                *title = title.to_lowercase();
            }
        }
        form
    }
}
