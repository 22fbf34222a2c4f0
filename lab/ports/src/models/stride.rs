//! Every n-th port.

use super::host::{PortWalk, Taken};
use crate::random::Random;
use crate::setting::Span;

/// The ports of one residue class, upwards from a place given by the seed, then around again. The other classes are never used: they
/// belong to packet engines that this traffic does not pass.
#[derive(Debug, Clone)]
pub(crate) struct Stride {
    first: u32,
    count: u32,
    modulus: u16,
    next: u32,
}

impl Stride {
    pub(crate) fn start<const MODULUS: u16>(span: Span, random: &mut Random) -> Self {
        let residue = random.below(u32::from(MODULUS)) as u16;
        Self::of_class(span, residue, MODULUS, random)
    }

    pub(super) fn of_class(span: Span, residue: u16, modulus: u16, random: &mut Random) -> Self {
        let (first, count) = span.class(residue, modulus);
        Self {
            first,
            count,
            modulus,
            next: random.below(count),
        }
    }
}

impl PortWalk for Stride {
    fn next(&mut self, span: Span, taken: &Taken, _: &mut Random) -> Option<u16> {
        let port = |index: u32| span.at(self.first + index * u32::from(self.modulus));
        let free = (0..self.count)
            .map(|step| (self.next + step) % self.count)
            .find(|index| !taken.contains(port(*index)))?;
        let port = port(free);
        self.next = (free + 1) % self.count;
        Some(port)
    }
}
