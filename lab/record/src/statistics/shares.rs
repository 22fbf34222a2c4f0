//! Counts against weights: whether each group got the share it was to have.

use super::FALSE_ALARM;
use super::limits::binomial_tail;

/// A group whose count is not what its share gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// The group's place.
    pub group: usize,
    /// What it has.
    pub count: u64,
    /// What its weight gives on average.
    pub expected: f64,
}

/// The fullest group against its share: 1.0 is perfect, 1.5 carries half as much again as it should. None without a connection, or without a weight.
///
/// With equal weights this is max/mean.
#[must_use]
pub fn imbalance(counts: &[u64], weights: &[u32]) -> Option<f64> {
    let expected = expected(counts, weights)?;
    let over = counts.iter().zip(expected).map(|(count, expected)| {
        if expected > 0.0 {
            *count as f64 / expected
        } else {
            0.0
        }
    });
    over.reduce(f64::max)
}

/// Groups whose counts lie where dice with these weights would put any of them less than once in a million runs.
///
/// The count of one group is binomial; the chance that any group strays as far to either side is at most twice the groups times that of one (Bonferroni).
/// A group of weight 0 may have nothing.
#[must_use]
pub fn unlikely(counts: &[u64], weights: &[u32]) -> Vec<Deviation> {
    let Some(expected) = expected(counts, weights) else {
        return vec![];
    };
    let total: u64 = counts.iter().sum();
    let sides = 2.0 * counts.len() as f64;
    let groups = counts.iter().zip(expected).enumerate();
    let strays = groups.filter_map(|(group, (count, expected))| {
        let chance = sides * chance(total, expected / total as f64, *count);
        (chance < FALSE_ALARM).then_some(Deviation {
            group,
            count: *count,
            expected,
        })
    });
    strays.collect()
}

/// What each group has on average.
fn expected(counts: &[u64], weights: &[u32]) -> Option<Vec<f64>> {
    let total: u64 = counts.iter().sum();
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if total == 0 || sum == 0 || counts.len() != weights.len() {
        return None;
    }
    let mean = |weight: &u32| total as f64 * f64::from(*weight) / sum as f64;
    Some(weights.iter().map(mean).collect())
}

/// The chance that a group of this share strays from its mean at least as far, to the same side.
fn chance(total: u64, share: f64, count: u64) -> f64 {
    if share <= 0.0 {
        return if count == 0 { 1.0 } else { 0.0 };
    }
    if share >= 1.0 {
        return if count == total { 1.0 } else { 0.0 };
    }
    if count as f64 >= total as f64 * share {
        binomial_tail(total, share, count)
    } else {
        // As few here is as many elsewhere.
        binomial_tail(total, 1.0 - share, total - count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_the_fullest_group_over_its_share() {
        assert_eq!(imbalance(&[150, 150, 0], &[1, 1, 1]), Some(1.5));
        assert_eq!(imbalance(&[200, 100, 100], &[2, 1, 1]), Some(1.0));
        assert_eq!(imbalance(&[100, 200, 100], &[2, 1, 1]), Some(2.0));
        assert_eq!(imbalance(&[0, 0], &[1, 1]), None);
        assert_eq!(imbalance(&[1, 1], &[0, 0]), None);
    }

    #[test]
    fn dice_are_likely_and_a_tilt_is_not() {
        let groups = |counts: &[u64], weights: &[u32]| {
            unlikely(counts, weights)
                .iter()
                .map(|stray| stray.group)
                .collect::<Vec<_>>()
        };

        assert_eq!(groups(&[110, 95, 95], &[1, 1, 1]), [0; 0]);
        assert_eq!(groups(&[150, 150, 0], &[1, 1, 1]), [0, 1, 2]);
        assert_eq!(groups(&[205, 98, 97], &[2, 1, 1]), [0; 0]);
        assert_eq!(groups(&[134, 133, 133], &[2, 1, 1]), [0]);
    }

    #[test]
    fn small_cases_can_be_counted_by_hand() {
        // Heads ten times of ten is 1/1024, at least nine times 11/1024; as few heads is as many tails.
        assert!((chance(10, 0.5, 10) - 1.0 / 1_024.0).abs() < 1e-12);
        assert!((chance(10, 0.5, 1) - 11.0 / 1_024.0).abs() < 1e-12);
    }

    #[test]
    fn a_weight_of_nothing_may_have_nothing_and_all_of_it_must_have_all() {
        assert_eq!(unlikely(&[0, 300], &[0, 1]), []);
        let strays = unlikely(&[1, 299], &[0, 1]);
        assert_eq!(
            strays.iter().map(|stray| stray.group).collect::<Vec<_>>(),
            [0, 1]
        );
    }
}
