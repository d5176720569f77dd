use std::collections::BTreeMap;

/// The mails that a vendor has sent to guests, by the id of the object they were about; a series is one object.
#[derive(Debug, Clone, Default)]
pub struct Mails(BTreeMap<String, u64>);

impl Mails {
    /// So many guests get one.
    pub fn send(&mut self, object: &str, guests: usize) {
        if guests > 0 {
            *self.0.entry(object.to_owned()).or_default() += guests as u64;
        }
    }

    /// How many there were.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many there were about each object.
    #[must_use]
    pub fn by_object(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}
