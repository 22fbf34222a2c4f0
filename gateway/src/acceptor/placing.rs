//! Which workgroup gets a connection: by the client's address, or by what the workgroups have.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use gateway_protocol::placement::{LeastLoaded, Placement};

use crate::metrics::Group;

/// See the module.
#[derive(Debug)]
pub(crate) enum Placing {
    /// A hash of the client's address.
    Hashed(Placement),
    /// The emptiest workgroup. Counted is what was handed over less what is gone, so that connections on their way
    /// through a mailbox are not forgotten.
    LeastLoaded {
        rule: LeastLoaded,
        /// Per workgroup, since the start.
        handed: Vec<u64>,
    },
}

impl Placing {
    /// The emptiest of as many workgroups as `rule` has.
    pub(crate) fn least_loaded(rule: LeastLoaded, workgroups: usize) -> Self {
        Self::LeastLoaded {
            rule,
            handed: vec![0; workgroups],
        }
    }

    /// The workgroup of a client's new connection.
    pub(super) fn workgroup(&mut self, client: SocketAddr, groups: &[Group]) -> usize {
        match self {
            Self::Hashed(placement) => placement.workgroup(client),
            Self::LeastLoaded { rule, handed } => rule.workgroup(|group| {
                let left = groups
                    .get(group)
                    .map_or(0, |counts| counts.left.load(Ordering::Relaxed));
                handed
                    .get(group)
                    .map_or(0, |handed| handed.saturating_sub(left))
            }),
        }
    }

    /// A workgroup took a connection.
    pub(super) fn handed(&mut self, workgroup: usize) {
        if let Self::LeastLoaded { handed, .. } = self
            && let Some(handed) = handed.get_mut(workgroup)
        {
            *handed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn a_connection_counts_from_when_it_is_handed_over_until_it_is_gone() {
        let count = NonZeroUsize::new(2).unwrap();
        let mut placing = Placing::least_loaded(LeastLoaded::new(count), count.get());
        let groups = [Group::default(), Group::default()];
        let client = "192.0.2.1:1".parse().unwrap();

        for group in [0, 1, 0, 1] {
            assert_eq!(placing.workgroup(client, &groups), group);
            placing.handed(group);
        }
        groups[1].left.fetch_add(2, Ordering::Relaxed);

        assert_eq!(placing.workgroup(client, &groups), 1);
    }
}
