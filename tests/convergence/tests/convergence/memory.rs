//! A vendor that is a map: it keeps what it is given but for what it is told to lose, and fails when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use almanac_contract::{
    CalendarAccess, CalendarId, Capabilities, ChangePage, Changed, Channel, Connector, ConnectorError,
    Coverage, Deletion, DeltaToken, ErrorKind, Field, Form, HookRequest, Mark, Next, Pace, PageToken, Push,
    PushKey, Pushed, Reason, Received, RemoteCalendar, RemoteId, RemoteObject, RemoteVersion, Role, Value,
    Watch,
};
use async_trait::async_trait;
use tokio::sync::Notify;

/// What a vendor is like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// It keeps no categories and no guests.
    pub(crate) poor: bool,
    /// It writes titles in capitals, whatever it is given.
    pub(crate) loud: bool,
    /// Its listings are always of everything.
    pub(crate) forgetful: bool,
    /// It names changed objects only.
    pub(crate) terse: bool,
    /// An id stays taken after its object was deleted.
    pub(crate) grudging: bool,
    /// The same, and it says so as of any contradiction.
    pub(crate) jealous: bool,
    /// It mails guests whatever it is asked.
    pub(crate) chatty: bool,
    /// It lists its calendar also while that cannot be used.
    pub(crate) odd: bool,
    /// It loses alarms and what is not common, and does not say so.
    pub(crate) careless: bool,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (u64, Form, Option<Mark>)>,
    log: Vec<String>,
    /// All ids there ever were.
    taken: BTreeSet<String>,
    chatty: bool,
    mailed: u64,
    clock: u64,
    gone: bool,
    calls: u64,
    writes: u64,
    fault: Option<Box<dyn FnMut(&'static str) -> Option<Fault> + Send>>,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does nothing and says so.
    Before(Failing),
    /// It is done, and no answer comes.
    After,
    /// It does nothing, and no answer ever comes: the program ends here.
    EndBefore,
    /// It is done, and the program ends here.
    EndAfter,
    /// It is done when somebody says so.
    Slow,
    /// It is done, and others have their turn before its answer comes.
    Late,
}

/// How a call fails that did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    Throttled,
    Unavailable,
    Expired,
    Conflict,
}

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct MemoryVendor {
    manner: Manner,
    state: Mutex<State>,
    /// Told when the program ends in a call.
    pub(crate) ends: Notify,
    going_on: Notify,
}

impl MemoryVendor {
    pub(crate) fn new(manner: Manner) -> Self {
        let state = State { chatty: manner.chatty, ..State::default() };
        Self { manner, state: Mutex::new(state), ..Self::default() }
    }

    /// What happens to calls from now on.
    pub(crate) fn plan(&self, fault: impl FnMut(&'static str) -> Option<Fault> + Send + 'static) {
        self.state.lock().unwrap().fault = Some(Box::new(fault));
    }

    /// What is slow is done.
    pub(crate) fn go_on(&self) {
        self.going_on.notify_one();
    }

    pub(crate) fn calm(&self) {
        self.state.lock().unwrap().fault = None;
    }

    /// The calendar goes, or comes back.
    pub(crate) fn set_gone(&self, gone: bool) {
        self.state.lock().unwrap().gone = gone;
    }

    /// Calls and writes since the last question.
    pub(crate) fn take_counts(&self) -> (u64, u64) {
        let mut state = self.state.lock().unwrap();
        (std::mem::take(&mut state.calls), std::mem::take(&mut state.writes))
    }

    pub(crate) fn forms(&self) -> Vec<(String, Form)> {
        let state = self.state.lock().unwrap();
        state.in_order().into_iter().map(|id| (id.clone(), state.objects[id].1.clone())).collect()
    }

    /// How many mails guests got.
    pub(crate) fn mailed(&self) -> u64 {
        self.state.lock().unwrap().mailed
    }

    pub(crate) fn all(&self) -> Vec<RemoteObject> {
        let state = self.state.lock().unwrap();
        state.in_order().into_iter().filter_map(|id| state.object(id)).collect()
    }

    pub(crate) fn ids(&self) -> Vec<(String, Option<Mark>)> {
        let state = self.state.lock().unwrap();
        state.in_order().into_iter().map(|id| (id.clone(), state.objects[id].2.clone())).collect()
    }

    /// As somebody else does it, by another way: gives an object a form, or makes it.
    pub(crate) fn edit(&self, id: &str, form: &Form) {
        let form = self.keep(form);
        let mut state = self.state.lock().unwrap();
        let mark = state.objects.get(id).and_then(|(_, _, mark)| mark.clone());
        state.put(id, form, mark);
    }

    /// The same, and no listing tells of it yet.
    pub(crate) fn edit_untold(&self, id: &str, form: &Form) {
        self.edit(id, form);
        self.state.lock().unwrap().log.pop();
    }

    /// As somebody else does it: deletes an object.
    pub(crate) fn erase(&self, id: &str) {
        let mut state = self.state.lock().unwrap();
        state.objects.remove(id);
        state.note(id);
    }

    fn keep(&self, form: &Form) -> Form {
        let mut form = self.project(form);
        if self.manner.loud {
            for part in form.parts.values_mut() {
                if let Some(Value::Text(title)) = part.get_mut(&Field::Summary) {
                    *title = title.to_uppercase();
                }
            }
        }
        if self.manner.careless {
            let lost = |field: &Field| matches!(field, Field::Alarm(..) | Field::Priority | Field::Other(..));
            form.parts.values_mut().for_each(|part| part.retain(|field, _| !lost(field)));
        }
        form
    }

    /// The call, and what happens to it.
    async fn called(&self, operation: &'static str) -> Result<Option<Fault>, ConnectorError> {
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.calls += 1;
            if state.gone && operation != "calendars" {
                return Err(ConnectorError::new(ErrorKind::CalendarGone, operation));
            }
            state.fault.as_mut().and_then(|fault| fault(operation))
        };
        match fault {
            Some(Fault::Before(failing)) => {
                let kind = match failing {
                    Failing::Throttled => ErrorKind::Throttled,
                    Failing::Unavailable => ErrorKind::Unavailable,
                    Failing::Conflict => ErrorKind::Conflict,
                    Failing::Expired if operation == "changes" => ErrorKind::DeltaExpired,
                    Failing::Expired => ErrorKind::Unavailable,
                };
                Err(ConnectorError::new(kind, operation))
            }
            Some(Fault::Slow) => {
                self.going_on.notified().await;
                Ok(None)
            }
            Some(Fault::EndBefore) => self.end().await,
            other => Ok(other),
        }
    }

    async fn end<T>(&self) -> T {
        self.ends.notify_one();
        std::future::pending().await
    }

    /// The end of a call that was carried out.
    async fn ended<T>(
        &self,
        fault: Option<Fault>,
        operation: &'static str,
        answer: T,
    ) -> Result<T, ConnectorError> {
        match fault {
            Some(Fault::After) => Err(ConnectorError::new(ErrorKind::Unclear, operation)),
            Some(Fault::EndAfter) => self.end().await,
            Some(Fault::Late) => {
                tokio::task::yield_now().await;
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }
}

impl State {
    fn note(&mut self, id: &str) {
        self.clock += 1;
        self.log.push(id.to_owned());
    }

    fn put(&mut self, id: &str, form: Form, mark: Option<Mark>) {
        self.note(id);
        self.taken.insert(id.to_owned());
        let clock = self.clock;
        self.objects.insert(id.to_owned(), (clock, form, mark));
    }

    /// The ids, last changed last: the same in each history of one seed, whatever the ids are.
    fn in_order(&self) -> Vec<&String> {
        let mut ids: Vec<_> = self.objects.keys().collect();
        ids.sort_by_key(|id| self.objects[*id].0);
        ids
    }

    fn object(&self, id: &str) -> Option<RemoteObject> {
        let (version, form, mark) = self.objects.get(id)?;
        let guests = form.parts.values().flat_map(|part| part.keys());
        let guests = guests.filter(|field| matches!(field, Field::Attendee(_))).count();
        let uid = mark.as_ref().map_or_else(|| form.uid.clone(), |mark| mark.uid.clone());
        Some(RemoteObject {
            id: RemoteId(id.to_owned()),
            version: RemoteVersion(version.to_string()),
            form: Form { uid, ..form.clone() },
            role: if id.starts_with("invited") { Role::Attendee } else { Role::Owner },
            mark: mark.clone(),
            mails: match self.chatty {
                true => u32::try_from(guests).unwrap(),
                false if id.starts_with("mailing") => 2,
                false => 0,
            },
        })
    }

    fn line(&self, id: &str, terse: bool) -> Changed {
        match self.object(id) {
            None => Changed::Gone(RemoteId(id.to_owned())),
            Some(object) if terse => Changed::Touched(object.id, Some(object.version)),
            Some(object) => Changed::Now(Box::new(object)),
        }
    }
}

const PAGE: usize = 3;

#[async_trait]
impl Connector for MemoryVendor {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            writes: true,
            watches: false,
            deltas: !self.manner.forgetful,
            exceptions: true,
            pace: Pace { burst: 10, per_minute: 600, at_once: 1 },
        }
    }

    fn project(&self, form: &Form) -> Form {
        let mut form = form.clone();
        if self.manner.poor {
            for part in form.parts.values_mut() {
                part.retain(|field, _| !matches!(field, Field::Category(_) | Field::Attendee(_)));
            }
        }
        form
    }

    fn refuses(&self, form: &Form) -> Option<Reason> {
        let refused = |value: &Value| matches!(value, Value::Text(text) if text.contains("refused"));
        let master = form.master()?;
        master.get(&Field::Summary).filter(|title| refused(title)).map(|_| Reason("a title it does not like"))
    }

    async fn calendars(&self) -> Result<Vec<RemoteCalendar>, ConnectorError> {
        self.called("calendars").await?;
        if self.state.lock().unwrap().gone && !self.manner.odd {
            return Ok(Vec::new());
        }
        let (id, name) = (CalendarId("main".to_owned()), "Main".to_owned());
        Ok(vec![RemoteCalendar { id, name, access: CalendarAccess::Write, primary: true }])
    }

    async fn changes(
        &self,
        _: &CalendarId,
        since: Option<&DeltaToken>,
        page: Option<&PageToken>,
    ) -> Result<ChangePage, ConnectorError> {
        self.called("changes").await?;
        let state = self.state.lock().unwrap();
        let since = since.filter(|_| !self.manner.forgetful);
        let start: usize = page.map_or(0, |page| page.0.parse().unwrap());
        let (ids, coverage) = match since {
            Some(token) => {
                let after: usize = token.0.parse().unwrap();
                (state.log.get(after..).unwrap_or_default().to_vec(), Coverage::Changes)
            }
            None => (state.in_order().into_iter().cloned().collect(), Coverage::Everything),
        };
        let lines = ids.iter().skip(start).take(PAGE).map(|id| state.line(id, self.manner.terse));
        let next = if start + PAGE < ids.len() {
            Next::Page(PageToken((start + PAGE).to_string()))
        } else {
            Next::Done(DeltaToken(state.log.len().to_string()))
        };
        Ok(ChangePage { changes: lines.collect(), coverage, next })
    }

    async fn fetch(&self, _: &CalendarId, ids: &[RemoteId]) -> Result<Vec<Changed>, ConnectorError> {
        self.called("fetch").await?;
        let state = self.state.lock().unwrap();
        Ok(ids.iter().map(|id| state.line(&id.0, false)).collect())
    }

    async fn find(
        &self,
        _: &CalendarId,
        key: &PushKey,
        _: &Mark,
    ) -> Result<Option<RemoteObject>, ConnectorError> {
        self.called("find").await?;
        Ok(self.state.lock().unwrap().object(&key.0))
    }

    async fn push(&self, push: &Push<'_>) -> Result<Pushed, ConnectorError> {
        let fault = self.called("push").await?;
        let pushed = {
            let mut state = self.state.lock().unwrap();
            let form = self.keep(push.form);
            match push.known {
                None => match state.object(&push.key.0) {
                    Some(object) => Pushed::Found(Box::new(object)),
                    None if self.manner.jealous && state.taken.contains(&push.key.0) => {
                        return Err(ConnectorError::new(ErrorKind::Conflict, "push"));
                    }
                    None if self.manner.grudging && state.taken.contains(&push.key.0) => {
                        return Err(ConnectorError::new(ErrorKind::Gone, "push"));
                    }
                    None => {
                        state.writes += 1;
                        state.put(&push.key.0, form, Some(push.mark.clone()));
                        Pushed::Written(Box::new(state.object(&push.key.0).unwrap()))
                    }
                },
                Some(known) => {
                    let Some(object) = state.object(&known.id.0) else {
                        return Err(ConnectorError::new(ErrorKind::Gone, "push"));
                    };
                    if object.version != *known.version {
                        return Err(ConnectorError::new(ErrorKind::Conflict, "push"));
                    }
                    // Only what differs is sent: what the vendor has beside it stays.
                    let mut now = object.form.clone();
                    now.parts
                        .retain(|at, _| !known.form.parts.contains_key(at) || form.parts.contains_key(at));
                    for (at, part) in &form.parts {
                        let old = known.form.parts.get(at);
                        let target = now.parts.entry(at.clone()).or_default();
                        for field in old.into_iter().flatten().map(|(field, _)| field) {
                            if !part.contains_key(field) {
                                target.remove(field);
                            }
                        }
                        for (field, value) in part {
                            if old.and_then(|old| old.get(field)) != Some(value) {
                                target.insert(field.clone(), value.clone());
                            }
                        }
                    }
                    state.writes += 1;
                    state.mailed += u64::from(object.mails);
                    state.put(&known.id.0, now, object.mark);
                    Pushed::Written(Box::new(state.object(&known.id.0).unwrap()))
                }
            }
        };
        self.ended(fault, "push", pushed).await
    }

    async fn delete(&self, deletion: &Deletion<'_>) -> Result<(), ConnectorError> {
        let fault = self.called("delete").await?;
        {
            let mut state = self.state.lock().unwrap();
            match state.object(&deletion.id.0) {
                Some(object) if object.version != *deletion.version => {
                    return Err(ConnectorError::new(ErrorKind::Conflict, "delete"));
                }
                Some(object) => {
                    state.writes += 1;
                    state.mailed += u64::from(object.mails);
                    state.objects.remove(&deletion.id.0);
                    state.note(&deletion.id.0);
                }
                None => {}
            }
        }
        self.ended(fault, "delete", ()).await
    }

    async fn watch(&self, _: &CalendarId, _: &Channel) -> Result<Watch, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "watch"))
    }

    async fn unwatch(&self, _: &Watch) -> Result<(), ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Unsupported, "unwatch"))
    }

    fn receive(&self, _: &HookRequest<'_>) -> Received {
        Received::Unknown
    }
}
