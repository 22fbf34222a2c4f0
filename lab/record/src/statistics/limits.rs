//! What chance alone would not exceed.

use super::FALSE_ALARM;
use super::gamma::ln_gamma;

/// Connections from which on an idle group is no accident: k·ln(k/10⁻⁶), where dice leave one of `groups` groups idle once in a million runs.
#[must_use]
pub fn devices_for_idle_rule(groups: u64) -> u64 {
    let groups = groups as f64;
    (groups * (groups / FALSE_ALARM).ln()).ceil() as u64
}

/// The largest max/mean that dice reach with a chance of at least one in a million, when `total` connections fall on `groups` groups.
///
/// The count of one group is binomial; the chance that any group reaches `m` is at most `groups` times that of one (Bonferroni).
#[must_use]
pub fn max_over_mean(total: u64, groups: u64) -> f64 {
    if groups < 2 || total == 0 {
        return 1.0;
    }
    let chance = |count: u64| groups as f64 * binomial_tail(total, 1.0 / groups as f64, count);
    // The chance falls as the count rises from the mean: halve the interval between "happens" and "does not".
    let (mut happens, mut does_not) = (total / groups, total + 1);
    while does_not - happens > 1 {
        let middle = happens + (does_not - happens) / 2;
        if chance(middle) >= FALSE_ALARM {
            happens = middle;
        } else {
            does_not = middle;
        }
    }
    happens as f64 * groups as f64 / total as f64
}

/// P(X ≥ count) of a binomial variable, for counts above its mean, where terms fall geometrically.
pub(super) fn binomial_tail(trials: u64, chance: f64, count: u64) -> f64 {
    if count > trials {
        return 0.0;
    }
    let (n, k) = (trials as f64, count as f64);
    let ln_choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let mut term = (ln_choose + k * chance.ln() + (n - k) * (-chance).ln_1p()).exp();
    let mut sum = 0.0;
    for hits in count..=trials {
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
        let hits = hits as f64;
        term *= (n - hits) / (hits + 1.0) * chance / (1.0 - chance);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_over_mean_is_what_an_independent_computation_gave() {
        // Computed with Python's `math.lgamma` and a plain sum.
        let rounded = |total, groups| (max_over_mean(total, groups) * 1_000.0).round() / 1_000.0;

        assert_eq!([rounded(10_000, 8), rounded(10_000, 16)], [1.139, 1.211]);
        assert_eq!([rounded(100_000, 8), rounded(100_000, 16)], [1.043, 1.065]);
    }

    #[test]
    fn small_cases_can_be_counted_by_hand() {
        // Ten throws of a coin: the tail from 9 is (10 + 1) / 1024.
        assert!((binomial_tail(10, 0.5, 9) - 11.0 / 1_024.0).abs() < 1e-12);
        // Ten heads happen far more often than once in a million, so nothing is beyond chance.
        assert_eq!(max_over_mean(10, 2), 2.0);
    }

    #[test]
    fn the_idle_rule_follows_its_formula() {
        // 8·ln(8·10⁶) = 127.16; 64·ln(64·10⁶) = 1150.3.
        assert_eq!(
            [devices_for_idle_rule(8), devices_for_idle_rule(64)],
            [128, 1_151]
        );
        // One group is idle only when nobody came; ln(10⁶) = 13.8 keeps the formula honest.
        assert_eq!(devices_for_idle_rule(1), 14);
    }

    #[test]
    fn one_group_cannot_be_crowded() {
        assert_eq!(
            [
                max_over_mean(100, 1),
                max_over_mean(0, 8),
                max_over_mean(100, 0)
            ],
            [1.0; 3]
        );
    }
}
