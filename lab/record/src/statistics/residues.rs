//! Source ports by residue: the usual cause of an uneven spread.

use std::collections::HashSet;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::judgement::SMALL_EFFECT;
use super::{FALSE_ALARM, Spread};

/// How many source ports leave each remainder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Residues {
    /// Even and odd ports.
    pub mod2: [u64; 2],
    /// By `port % 4`.
    pub mod4: [u64; 4],
    /// By `port % 8`.
    pub mod8: [u64; 8],
    /// By `port % 16`.
    pub mod16: [u64; 16],
}

impl Residues {
    /// Counts ports.
    #[must_use]
    pub fn of(ports: impl IntoIterator<Item = u16>) -> Self {
        let mut residues = Self::default();
        for port in ports {
            residues.mod16[usize::from(port % 16)] += 1;
        }
        // The smaller moduli divide 16, so its table holds them all.
        for (residue, count) in residues.mod16.iter().enumerate() {
            residues.mod8[residue % 8] += count;
            residues.mod4[residue % 4] += count;
            residues.mod2[residue % 2] += count;
        }
        residues
    }

    /// What is special about the ports, as a predicate: "are even", "leave remainder 3 when divided by 16", "leave only 0, 1, 2, 3 when
    /// divided by 16". None when every remainder occurs.
    #[must_use]
    pub fn regularity(&self) -> Option<String> {
        match (self.mod2, reached(&self.mod16)) {
            ([_, 0], 8) => return Some("are even".to_owned()),
            ([0, _], 8) => return Some("are odd".to_owned()),
            (_, 0 | 16) => return None,
            _ => {}
        }
        // The modulus that excludes the most says the most; of equals the smallest is the plainest.
        let (modulus, table) = self
            .tables()
            .into_iter()
            .min_by_key(|(modulus, table)| (reached(table) * 16 / modulus, *modulus))?;
        let remainders: Vec<String> = table
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(residue, _)| residue.to_string())
            .collect();
        Some(match remainders.as_slice() {
            [one] => format!("leave remainder {one} when divided by {modulus}"),
            several => format!(
                "leave only {} when divided by {modulus}",
                several.join(", ")
            ),
        })
    }

    /// The remainder that far too many ports leave, as a clause: "37 % of 3,000 source ports leave remainder 3 when divided by 8, where
    /// 12 % are due". None when the remainders look like dice.
    #[must_use]
    pub fn imbalance(&self) -> Option<String> {
        let finest = Spread::of(&self.mod16)?;
        if finest.p >= FALSE_ALARM || finest.w <= SMALL_EFFECT {
            return None;
        }
        // The smallest modulus that shows the effect in (nearly) full.
        let (modulus, table) = self
            .tables()
            .into_iter()
            .find(|(_, table)| Spread::of(table).is_some_and(|spread| spread.w > 0.9 * finest.w))?;
        let (residue, most) = table.iter().enumerate().max_by_key(|(_, count)| **count)?;
        let share = most * 100 / finest.total;
        let (total, due) = (grouped_digits(finest.total), 100 / modulus);
        Some(format!(
            "{share} % of {total} source ports leave remainder {residue} when divided by {modulus}, where {due} % are due"
        ))
    }

    fn tables(&self) -> [(u64, &[u64]); 4] {
        [
            (2, &self.mod2),
            (4, &self.mod4),
            (8, &self.mod8),
            (16, &self.mod16),
        ]
    }
}

fn reached(table: &[u64]) -> u64 {
    table.iter().filter(|count| **count > 0).count() as u64
}

/// Why connections from these sources would end in few or uneven groups, in words; none without a source.
///
/// `busy` is the number of groups that have connections, of `groups`. Where the addresses alone explain it, they are named first: a
/// hash that leaves out the port is the plainer mistake. Where nothing about the sources explains it, that is said as well.
#[must_use]
pub fn cause(sources: &[SocketAddr], groups: u64, busy: u64) -> Option<String> {
    let count = grouped_digits(sources.len() as u64);
    let addresses = sources
        .iter()
        .map(SocketAddr::ip)
        .collect::<HashSet<_>>()
        .len() as u64;
    if addresses == 0 {
        return None;
    }
    let residues = Residues::of(sources.iter().map(SocketAddr::port));
    let by_port = residues.regularity().map(|regularity| {
        let reach = remainders(sources, groups);
        let words = format!(
            "all {count} source ports {regularity}; port % {groups} can reach {reach} of {groups} groups"
        );
        (words, reach)
    });
    if addresses < groups && busy <= addresses {
        let noun = if addresses == 1 {
            "address"
        } else {
            "addresses"
        };
        let by_address = format!(
            "all {count} connections come from {addresses} {noun}; a hash of the address alone can reach {addresses} of {groups} groups"
        );
        return Some(match by_port {
            // Both would look the same, so both are said.
            Some((words, reach)) if reach <= busy => format!("{by_address}. Or: {words}"),
            _ => by_address,
        });
    }
    if let Some((words, _)) = by_port {
        return Some(words);
    }
    residues.imbalance().or_else(|| {
        Some(format!("the {count} source ports leave every remainder mod 16 about equally often, so the hash is to blame and not the ports"))
    })
}

/// How many groups `port % groups` reaches from these sources.
fn remainders(sources: &[SocketAddr], groups: u64) -> u64 {
    let remainder = |source: &SocketAddr| u64::from(source.port()) % groups.max(1);
    sources.iter().map(remainder).collect::<HashSet<_>>().len() as u64
}

/// 3000 as "3,000".
fn grouped_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ports_are_counted_by_every_modulus() {
        let residues = Residues::of([16, 17, 18, 33]);

        assert_eq!(residues.mod2, [2, 2]);
        assert_eq!(residues.mod4, [1, 2, 1, 0]);
        assert_eq!(residues.mod8, [1, 2, 1, 0, 0, 0, 0, 0]);
        assert_eq!(residues.mod16[..3], [1, 2, 1]);
    }

    #[test]
    fn even_ports_are_named_as_the_cause() {
        let sources = from_one_address((0..3_000).map(|n| 32_768 + 2 * n));

        assert_eq!(
            cause(&sources, 8, 4).as_deref(),
            Some("all 3,000 source ports are even; port % 8 can reach 4 of 8 groups")
        );
        assert_eq!(
            cause(&sources, 12, 6).as_deref(),
            Some("all 3,000 source ports are even; port % 12 can reach 6 of 12 groups")
        );
    }

    #[test]
    fn a_stride_is_named_by_its_remainder() {
        let sources = from_one_address((0..1_000).map(|n| 1_027 + 16 * n));

        assert_eq!(
            cause(&sources, 64, 4).as_deref(),
            Some(
                "all 1,000 source ports leave remainder 3 when divided by 16; port % 64 can reach 4 of 64 groups"
            )
        );
    }

    #[test]
    fn port_blocks_are_named_by_what_they_leave() {
        let sources = from_one_address((0..400).map(|n| 1_024 + 512 * (n / 4) + n % 4));

        assert_eq!(
            cause(&sources, 8, 4).as_deref(),
            Some(
                "all 400 source ports leave only 0, 1, 2, 3 when divided by 16; port % 8 can reach 4 of 8 groups"
            )
        );
    }

    #[test]
    fn one_busy_group_is_blamed_on_the_one_address() {
        let sources = from_one_address((0..3_000).map(|n| 32_768 + 2 * n));

        assert_eq!(
            cause(&sources, 8, 1).as_deref(),
            Some(
                "all 3,000 connections come from 1 address; a hash of the address alone can reach 1 of 8 groups"
            )
        );
    }

    #[test]
    fn a_busy_core_is_named_by_its_share() {
        let busy = (0..600).map(|n| 1_027 + 8 * n);
        let sources = from_one_address(busy.chain(20_000..21_000));

        assert_eq!(
            cause(&sources, 8, 8).as_deref(),
            Some(
                "45 % of 1,600 source ports leave remainder 3 when divided by 8, where 12 % are due"
            )
        );
    }

    #[test]
    fn ports_of_every_residue_are_not_to_blame() {
        let sources = from_one_address(40_000..43_000);

        assert_eq!(
            cause(&sources, 8, 7).as_deref(),
            Some(
                "the 3,000 source ports leave every remainder mod 16 about equally often, so the hash is to blame and not the ports"
            )
        );
        assert_eq!(cause(&[], 8, 0), None);
    }

    fn from_one_address(ports: impl Iterator<Item = u16>) -> Vec<SocketAddr> {
        ports
            .map(|port| (Ipv4Addr::new(127, 0, 0, 5), port).into())
            .collect()
    }
}
