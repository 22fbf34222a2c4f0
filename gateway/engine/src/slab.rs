//! The loop's table of connections: dense, in pages, so that it grows in a straight line and never moves.

use crate::connection::ConnId;

/// Entries per page.
const PAGE: usize = 256;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Box<Page<T>>>,
    /// Vacant places, the one used last on top.
    vacant: Vec<u32>,
    occupied: usize,
}

#[derive(Debug)]
struct Page<T> {
    /// How often a place was vacated; it tells a stale id from a living one.
    generations: [u32; PAGE],
    entries: [Option<T>; PAGE],
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            pages: Vec::new(),
            vacant: Vec::new(),
            occupied: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.occupied
    }

    /// The id that the next [`insert`](Self::insert) will answer.
    pub(crate) fn next_id(&mut self) -> ConnId {
        if self.vacant.is_empty() {
            let first = (self.pages.len() * PAGE) as u32;
            self.pages.push(Box::new(Page {
                generations: [0; PAGE],
                entries: [const { None }; PAGE],
            }));
            self.vacant.extend((first..first + PAGE as u32).rev());
        }
        let index = self.vacant[self.vacant.len() - 1];
        let (page, place) = split(index);
        ConnId {
            generation: self.pages[page].generations[place],
            index,
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> ConnId {
        let id = self.next_id();
        let (page, place) = split(id.index);
        self.pages[page].entries[place] = Some(value);
        self.vacant.pop();
        self.occupied += 1;
        id
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<T> {
        let (page, place) = split(id.index);
        let page = self.pages.get_mut(page)?;
        if page.generations[place] != id.generation {
            return None;
        }
        let value = page.entries[place].take()?;
        page.generations[place] = id.generation.wrapping_add(1);
        self.vacant.push(id.index);
        self.occupied -= 1;
        Some(value)
    }

    pub(crate) fn get(&self, id: ConnId) -> Option<&T> {
        let (page, place) = split(id.index);
        let page = self.pages.get(page)?;
        if page.generations[place] != id.generation {
            return None;
        }
        page.entries[place].as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        let (page, place) = split(id.index);
        let page = self.pages.get_mut(page)?;
        if page.generations[place] != id.generation {
            return None;
        }
        page.entries[place].as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        let pages = self.pages.iter().enumerate();
        pages.flat_map(|(number, page)| {
            let entries = page.entries.iter().zip(page.generations).enumerate();
            entries.filter_map(move |(place, (entry, generation))| {
                let id = ConnId {
                    generation,
                    index: (number * PAGE + place) as u32,
                };
                entry.as_ref().map(|value| (id, value))
            })
        })
    }
}

fn split(index: u32) -> (usize, usize) {
    (index as usize / PAGE, index as usize % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_does_not_find_who_came_after() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));

        let second = slab.insert("second");

        assert_eq!(second.index(), first.index());
        assert_eq!((slab.get(first), slab.get(second)), (None, Some(&"second")));
        assert_eq!((slab.remove(first), slab.len()), (None, 1));
    }

    #[test]
    fn places_are_dense_across_pages() {
        let mut slab = Slab::new();
        let ids: Vec<ConnId> = (0..600).map(|value| slab.insert(value)).collect();

        assert!(
            ids.iter()
                .enumerate()
                .all(|(place, id)| id.index() == place)
        );
        assert_eq!(
            slab.iter().map(|(_, &value)| value).sum::<i32>(),
            600 * 599 / 2
        );
    }
}
