//! Cores that own ports by residue.

use super::host::{PortWalk, Taken};
use super::stride::Stride;
use crate::random::Random;
use crate::setting::Span;

/// Core `c` of eight hands out ports with `port % 8 == c`, so that answers come back to the core that asked. Connections live long and
/// reach cores by chance, so some are busier: core `c` here gets a share in proportion to `1 / (c + 1)`, in an order given by the seed.
#[derive(Debug, Clone)]
pub(crate) struct PerCoreResidue {
    cores: Vec<Stride>,
}

const CORES: u16 = 8;

/// 840 / (c + 1) for each core: 840 divides by all of 1 to 8.
const SHARES: [u32; CORES as usize] = [840, 420, 280, 210, 168, 140, 120, 105];

impl PerCoreResidue {
    pub(crate) fn start(span: Span, random: &mut Random) -> Self {
        let first = random.below(u32::from(CORES)) as u16;
        let cores = (0..CORES)
            .map(|core| Stride::of_class(span, (first + core) % CORES, CORES, random))
            .collect();
        Self { cores }
    }
}

impl PortWalk for PerCoreResidue {
    fn next(&mut self, span: Span, taken: &Taken, random: &mut Random) -> Option<u16> {
        let chosen = core_of(random.below(SHARES.iter().sum()));
        // A core without a free port passes the connection on.
        (0..self.cores.len()).find_map(|step| {
            let core = (chosen + step) % self.cores.len();
            self.cores.get_mut(core)?.next(span, taken, random)
        })
    }
}

/// Which core a draw below the sum of all shares falls to.
fn core_of(mut draw: u32) -> usize {
    for (core, share) in SHARES.iter().enumerate() {
        if draw < *share {
            return core;
        }
        draw -= share;
    }
    0
}
