//! A list that is nearly always of none or one, and then needs no allocation.

/// None, one, or some.
#[derive(Clone, Debug)]
pub(crate) struct Few<T> {
    first: Option<T>,
    /// In a box: a list of one is small.
    more: Option<Box<Vec<T>>>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, more: None }
    }
}

impl<T> Few<T> {
    pub(crate) fn one(value: T) -> Self {
        Self { first: Some(value), more: None }
    }

    pub(crate) fn push(&mut self, value: T) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.more.get_or_insert_default().push(value),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The only one, if there is exactly one.
    pub(crate) fn only(&self) -> Option<&T> {
        if self.more.is_none() { self.first.as_ref() } else { None }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.more.iter().flat_map(|more| more.iter()))
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.as_ref().map_or(0, |more| more.len())
    }
}

impl<T: PartialEq> Few<T> {
    /// Takes a value out; the order of the others stays.
    pub(crate) fn remove(&mut self, value: &T) {
        if let Some(more) = &mut self.more {
            if self.first.as_ref() == Some(value) {
                self.first = Some(more.remove(0));
            } else {
                more.retain(|other| other != value);
            }
            if more.is_empty() {
                self.more = None;
            }
        } else if self.first.as_ref() == Some(value) {
            self.first = None;
        }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let more = self.more.map(|more| *more).unwrap_or_default();
        self.first.into_iter().chain(more)
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}
