//! Where a measured value may truly lie, with 95 % confidence.

use hdrhistogram::Histogram;

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.96;
/// Two-sided 95 % of Student's t for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A value and its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The best single answer.
    pub value: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Interval {
    /// The share of things that went wrong, by Wilson's score interval: it stays sensible for none and for few.
    pub fn of_share(wrong: u64, of: u64) -> Self {
        let n = of.max(1) as f64;
        let share = wrong as f64 / n;
        let scale = 1.0 + Z * Z / n;
        let middle = (share + Z * Z / (2.0 * n)) / scale;
        let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self {
            value: share,
            low: (middle - half).max(0.0),
            high: (middle + half).min(1.0),
        }
    }

    /// A value that carries no spread of its own, such as a count.
    pub fn exact(value: f64) -> Self {
        Self {
            value,
            low: value,
            high: value,
        }
    }

    /// A value that is known to move by this share between runs, and was seen once.
    pub fn within(value: f64, share: f64) -> Self {
        let half = value.abs() * share;
        Self {
            value,
            low: value - half,
            high: value + half,
        }
    }

    /// What `after` is more than `before`, by the method of variance estimates recovery (Zou and Donner 2008): of each side it asks only its interval.
    #[must_use]
    pub fn difference(before: &Self, after: &Self) -> Self {
        let value = after.value - before.value;
        Self {
            value,
            low: value - (after.value - after.low).hypot(before.high - before.value),
            high: value + (after.high - after.value).hypot(before.value - before.low),
        }
    }

    /// The mean of repeated runs, by Student's t.
    pub fn of_repeats(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        if values.len() < 2 {
            return Self::exact(mean);
        }
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = T.get(values.len() - 2).copied().unwrap_or(Z);
        let half = t * (variance / n).sqrt();
        Self {
            value: mean,
            low: mean - half,
            high: mean + half,
        }
    }

    /// The rank of a quantile among `of` values, which is binomial; it stays within them.
    pub fn of_rank(quantile: f64, of: f64) -> Self {
        let half = Z * (of * quantile * (1.0 - quantile)).sqrt();
        Self {
            value: quantile * of,
            low: (quantile * of - half).max(0.0),
            high: (quantile * of + half).min(of),
        }
    }

    /// A quantile of a distribution, by the order statistics that bracket it: the rank of a quantile is binomial.
    pub fn of_quantile(times: &Histogram<u64>, quantile: f64) -> Self {
        let n = times.len().max(1) as f64;
        let half = Z * (quantile * (1.0 - quantile) / n).sqrt();
        let at = |q: f64| times.value_at_quantile(q.clamp(0.0, 1.0)) as f64;
        Self {
            value: at(quantile),
            low: at(quantile - half),
            high: at(quantile + half),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_follow_student() {
        let interval = Interval::of_repeats(&[10.0, 12.0, 14.0]);

        // s = 2, t(2) = 4.303, half = 4.303 * 2 / sqrt(3) = 4.969.
        assert_eq!(interval.value, 12.0);
        assert!(
            (interval.low - 7.031).abs() < 0.001 && (interval.high - 16.969).abs() < 0.001,
            "{interval:?}"
        );
    }

    #[test]
    fn a_share_agrees_with_a_published_example() {
        // 81 of 263, Wilson without continuity correction: 0.2553 to 0.3662 (Newcombe 1998, table I).
        let share = Interval::of_share(81, 263);

        assert!(
            (share.low - 0.2553).abs() < 5e-5 && (share.high - 0.3662).abs() < 5e-5,
            "{share:?}"
        );
        // 0 of 20: 0 to 0.1611 (the same table).
        let none = Interval::of_share(0, 20);
        assert!(
            none.low == 0.0 && (none.high - 0.1611).abs() < 5e-5,
            "{none:?}"
        );
    }

    #[test]
    fn a_difference_agrees_with_a_published_example() {
        // 56 of 70 less 48 of 80, by Wilson's intervals: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10).
        let (more, less) = (Interval::of_share(56, 70), Interval::of_share(48, 80));

        let difference = Interval::difference(&less, &more);

        assert!((difference.value - 0.2).abs() < 1e-9);
        assert!(
            (difference.low - 0.0524).abs() < 5e-5 && (difference.high - 0.3339).abs() < 5e-5,
            "{difference:?}"
        );
    }

    #[test]
    fn a_quantile_is_bracketed_by_order_statistics() {
        let mut times = Histogram::<u64>::new(3).unwrap();
        (1..=1_000).for_each(|v| times.record(v).unwrap());

        let median = Interval::of_quantile(&times, 0.5);

        assert_eq!(
            (median.value, median.low, median.high),
            (500.0, 470.0, 531.0)
        );
    }
}
