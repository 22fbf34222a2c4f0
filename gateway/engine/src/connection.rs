//! One connection, as the loop remembers it.

/// Names a connection of one loop. Never reused while the process lives: a stale id finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    generation: u32,
    index: u32,
}

impl ConnId {
    /// The place in the loop's table: small, dense, reused. Good as an index into an array of one's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Both halves in one number, for logs and the admin port.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }
}
