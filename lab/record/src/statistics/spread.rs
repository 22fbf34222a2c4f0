//! How evenly something is spread.

use serde::{Deserialize, Serialize};

use super::gamma;

/// Counts per group, in one line of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Connections in all.
    pub total: u64,
    /// Groups, busy or not.
    pub groups: u64,
    /// Groups without a connection.
    pub idle: u64,
    /// Pearson's χ² against equal shares.
    pub chi_square: f64,
    /// The chance that dice spread at least this unevenly.
    pub p: f64,
    /// The chance that dice spread at least this evenly.
    pub p_even: f64,
    /// Cohen's w = √(χ²/n): 0.1 is a small effect, 0.3 a medium and 0.5 a large one, whatever the number of connections.
    pub w: f64,
    /// The fullest group against the mean: what the busiest core carries.
    pub max_over_mean: f64,
}

impl Spread {
    /// Measures counts; none without a group or without a connection.
    #[must_use]
    pub fn of(counts: &[u64]) -> Option<Self> {
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        let groups = counts.len() as u64;
        let mean = total as f64 / groups as f64;
        let chi_square: f64 = counts
            .iter()
            .map(|count| (*count as f64 - mean).powi(2) / mean)
            .sum();
        let (p_even, p) = chi_square_tails(chi_square, groups - 1);
        Some(Self {
            total,
            groups,
            idle: counts.iter().filter(|count| **count == 0).count() as u64,
            chi_square,
            p,
            p_even,
            w: (chi_square / total as f64).sqrt(),
            max_over_mean: counts.iter().copied().max().unwrap_or(0) as f64 / mean,
        })
    }
}

/// The chances of a smaller and of a larger χ² with so many degrees of freedom.
fn chi_square_tails(chi_square: f64, freedom: u64) -> (f64, f64) {
    if freedom == 0 {
        return (1.0, 1.0);
    }
    let tails = gamma::regularised(freedom as f64 / 2.0, chi_square / 2.0);
    (tails.below, tails.above)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper critical values from the NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.4: (freedom, chance, χ²).
    const PUBLISHED: [(u64, f64, f64); 12] = [
        (1, 0.05, 3.841),
        (1, 0.001, 10.828),
        (3, 0.10, 6.251),
        (7, 0.05, 14.067),
        (7, 0.01, 18.475),
        (7, 0.001, 24.322),
        (11, 0.05, 19.675),
        (15, 0.001, 37.697),
        (63, 0.05, 82.529),
        (63, 0.001, 103.442),
        (100, 0.05, 124.342),
        (100, 0.001, 149.449),
    ];

    #[test]
    fn p_values_agree_with_published_tables() {
        for (freedom, chance, chi_square) in PUBLISHED {
            let (_, above) = chi_square_tails(chi_square, freedom);

            // The table rounds χ² to three decimals.
            assert!(
                (above / chance - 1.0).abs() < 1e-3,
                "{freedom} degrees at {chi_square}: {above}"
            );
        }
    }

    #[test]
    fn a_worked_example_gives_every_number() {
        // 60 throws of a die: 5, 8, 9, 8, 10, 20 has χ² = 13.4 with 5 degrees of freedom and p = 0.0199.
        let spread = Spread::of(&[5, 8, 9, 8, 10, 20]).unwrap();

        assert_eq!((spread.total, spread.groups, spread.idle), (60, 6, 0));
        assert!((spread.chi_square - 13.4).abs() < 1e-12);
        assert!((spread.p - 0.0199).abs() < 5e-5);
        assert!((spread.w - (13.4_f64 / 60.0).sqrt()).abs() < 1e-12);
        assert!((spread.max_over_mean - 2.0).abs() < 1e-12);
    }

    #[test]
    fn equal_shares_are_as_even_as_can_be() {
        let spread = Spread::of(&[250; 8]).unwrap();

        assert_eq!(
            (spread.chi_square, spread.p, spread.p_even, spread.w),
            (0.0, 1.0, 0.0, 0.0)
        );
    }

    #[test]
    fn one_group_is_always_even() {
        assert_eq!(
            Spread::of(&[42]).map(|spread| (spread.p, spread.p_even, spread.max_over_mean)),
            Some((1.0, 1.0, 1.0))
        );
    }

    #[test]
    fn nothing_has_no_spread() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[0, 0]), None);
    }
}
