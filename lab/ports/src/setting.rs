//! What a model works with.

use std::ops::RangeInclusive;

use crate::addresses::Addresses;

/// What a model works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The source addresses.
    pub addresses: Addresses,
    /// The span of ports, both ends included; without it the model's usual one ([`Model::usual_ports`](crate::Model::usual_ports)).
    pub ports: Option<RangeInclusive<u16>>,
    /// Equal settings with equal seeds give equal sequences.
    pub seed: u64,
}

/// A span of ports that may be empty but never panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: u16,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn new(ports: &RangeInclusive<u16>) -> Self {
        let len = (u32::from(*ports.end()) + 1).saturating_sub(u32::from(*ports.start()));
        Self {
            low: *ports.start(),
            len,
        }
    }

    /// The port so far above the low end; the caller keeps `offset` below `len`.
    pub(crate) fn at(self, offset: u32) -> u16 {
        self.low
            .saturating_add(u16::try_from(offset).unwrap_or(u16::MAX))
    }

    /// The ports of one residue class, lowest first: the first of them and how many there are.
    pub(crate) fn class(self, residue: u16, modulus: u16) -> (u32, u32) {
        let modulus = u32::from(modulus.max(1));
        let first = (u32::from(residue) + modulus - u32::from(self.low) % modulus) % modulus;
        (first, self.len.saturating_sub(first).div_ceil(modulus))
    }
}
