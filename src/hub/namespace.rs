//! Namespaces: static ones that the host opens, and dynamic ones that the
//! first client who asks for them brings about.

use std::sync::Arc;

use super::{Hub, Room, SeededMap, seeded};
use crate::base::error::{Error, Result};

/// What plain WebSocket clients speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Text messages are objects: `{"event":"say","data":…}`.
    #[default]
    Json,
    /// Text and binary messages go through as bytes.
    Raw,
}

/// How a namespace is run. Start from [`Namespace::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Each client that asks to enter raises [`ConnectRequest`] and waits until
    /// the host accepts or rejects it.
    ///
    /// [`ConnectRequest`]: crate::Event::ConnectRequest
    pub guarded: bool,
    /// What plain WebSocket clients speak here, unless their subprotocol or the
    /// guard says otherwise.
    pub dialect: Dialect,
    /// Subprotocols that are spoken here. The first of this list that a client
    /// offers is chosen (RFC 6455 §4.2.2); none in common: none is sent back.
    pub subprotocols: Vec<Subprotocol>,
    /// Refuse clients with whom no subprotocol is in common.
    pub require_subprotocol: bool,
}

impl Namespace {
    /// With a guard.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        self.guarded = true;
        self
    }

    /// With this dialect for plain WebSocket clients.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// With one more subprotocol; those named first are preferred.
    #[must_use]
    pub fn subprotocol(mut self, subprotocol: impl Into<Subprotocol>) -> Self {
        self.subprotocols.push(subprotocol.into());
        self
    }

    /// What is spoken with a client that has settled on this subprotocol.
    pub(crate) fn dialect_of(&self, subprotocol: Option<&str>) -> Dialect {
        let known = self.subprotocols.iter().find(|known| Some(&*known.name) == subprotocol);
        known.and_then(|known| known.dialect).unwrap_or(self.dialect)
    }
}

/// A subprotocol (RFC 6455 §1.9): a name is one, `"chat".into()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprotocol {
    /// A token of HTTP.
    pub name: String,
    /// What plain WebSocket clients that settle on it speak; `None` is the
    /// namespace's dialect.
    pub dialect: Option<Dialect>,
}

impl Subprotocol {
    /// With a dialect of its own, so that clients of both can share a namespace.
    #[must_use]
    pub fn new(name: impl Into<String>, dialect: Dialect) -> Self {
        Self { name: name.into(), dialect: Some(dialect) }
    }
}

impl From<&str> for Subprotocol {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), dialect: None }
    }
}

impl From<String> for Subprotocol {
    fn from(name: String) -> Self {
        Self { name, dialect: None }
    }
}

/// A namespace that exists.
#[derive(Debug)]
pub(crate) struct NamespaceEntry {
    pub(crate) name: Arc<str>,
    pub(crate) config: Namespace,
    /// Brought about by a pattern: vanishes when nobody is left.
    dynamic: bool,
    pub(super) rooms: SeededMap<Arc<str>, u32>,
    pub(super) everyone: u32,
    pub(super) waiting: u32,
}

impl Hub {
    /// Opens a namespace, or gives an open one another configuration.
    pub(crate) fn open(&mut self, name: &str, config: Namespace) {
        match self.by_name.get(name) {
            Some(&key) => {
                let entry = &mut self.namespaces[key as usize];
                (entry.config, entry.dynamic) = (config, false);
            }
            None => {
                self.make_namespace(name, config, false);
            }
        }
    }

    /// Lets namespaces that begin with `prefix` come about on demand.
    pub(crate) fn open_pattern(&mut self, prefix: &str, config: Namespace) {
        self.patterns.retain(|(known, _)| **known != *prefix);
        self.patterns.push((prefix.into(), config));
    }

    /// Forgets a namespace that nobody is in any more.
    pub(crate) fn close(&mut self, key: u32) {
        if let Some(entry) = self.namespaces.get_mut(key as usize) {
            entry.dynamic = true;
        }
        self.drop_if_empty(key);
    }

    /// The namespace that a client asks for: an open one, or a new one if a
    /// pattern matches; the longest prefix wins.
    pub(crate) fn namespace_for(&mut self, name: &str) -> Option<u32> {
        if let Some(&key) = self.by_name.get(name) {
            return Some(key);
        }
        let matching = self.patterns.iter().filter(|(prefix, _)| name.starts_with(&**prefix));
        let (_, config) = matching.max_by_key(|(prefix, _)| prefix.len())?;
        let config = config.clone();
        Some(self.make_namespace(name, config, true))
    }

    /// The key of an open namespace.
    pub(crate) fn find(&self, name: &str) -> Result<u32> {
        let key = self.by_name.get(name).copied();
        key.ok_or_else(|| Error::not_found(format!("no namespace {name:?} is open")))
    }

    pub(crate) fn namespace(&self, key: u32) -> Option<&NamespaceEntry> {
        self.namespaces.get(key as usize)
    }

    /// Names of all namespaces.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(|(_, entry)| &*entry.name)
    }

    pub(crate) fn namespace_count(&self) -> usize {
        self.namespaces.len()
    }

    /// Names of the rooms of a namespace, in no particular order.
    pub(crate) fn rooms(&self, key: u32) -> Vec<&str> {
        self.namespace(key).map(|entry| entry.rooms.keys().map(|name| &**name).collect()).unwrap_or_default()
    }

    /// Removes a dynamic namespace in which nobody is or waits.
    pub(crate) fn drop_if_empty(&mut self, key: u32) {
        let Some(entry) = self.namespaces.get(key as usize) else { return };
        let everyone = entry.everyone as usize;
        if entry.dynamic && entry.waiting == 0 && self.rooms[everyone].members.is_empty() {
            self.rooms.remove(everyone);
            let entry = self.namespaces.remove(key as usize);
            self.by_name.remove(&entry.name);
        }
    }

    fn make_namespace(&mut self, name: &str, config: Namespace, dynamic: bool) -> u32 {
        let name: Arc<str> = name.into();
        let rooms = seeded(self.seed);
        let slot = self.namespaces.vacant_entry();
        let key = slot.key() as u32;
        let everyone = self.rooms.insert(Room::new(None, key)) as u32;
        slot.insert(NamespaceEntry { name: name.clone(), config, dynamic, rooms, everyone, waiting: 0 });
        self.by_name.insert(name, key);
        key
    }
}
