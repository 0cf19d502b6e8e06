//! The tickets, in the order of joining. Copies share the tickets that stay as they are: every command runs on a copy.

use std::{
    ops::{Index, IndexMut},
    rc::Rc,
};

use super::Entry;

#[derive(Clone, Debug, Default)]
pub(crate) struct Entries(Vec<Rc<Entry>>);

impl Entries {
    pub(crate) fn push(&mut self, entry: Entry) {
        self.0.push(Rc::new(entry));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.0.iter().map(Rc::as_ref)
    }

    /// Those that are not the very same in `before`.
    pub(crate) fn touched_since(&self, before: &Self) -> impl Iterator<Item = &Entry> {
        let same =
            |index: usize, entry: &Rc<Entry>| before.0.get(index).is_some_and(|former| Rc::ptr_eq(former, entry));
        self.0.iter().enumerate().filter(move |&(index, entry)| !same(index, entry)).map(|(_, entry)| entry.as_ref())
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.0.retain(|entry| keep(entry));
    }
}

impl Index<usize> for Entries {
    type Output = Entry;

    fn index(&self, index: usize) -> &Entry {
        &self.0[index]
    }
}

impl IndexMut<usize> for Entries {
    fn index_mut(&mut self, index: usize) -> &mut Entry {
        Rc::make_mut(&mut self.0[index])
    }
}
