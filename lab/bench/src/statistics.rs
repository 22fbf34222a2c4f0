//! Medians, spreads, straight lines.

/// What several rounds found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// Of these numbers, in the order of the rounds.
    pub(crate) fn new(numbers: Vec<f64>) -> Self {
        Self(numbers)
    }

    /// The middle one; of an even number the mean of the two in the middle; zero of none.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        }
    }

    /// The lowest and the highest.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let first = sorted.first().copied().unwrap_or(0.0);
        (first, sorted.last().copied().unwrap_or(first))
    }

    /// Round by round, this over that: what both sides met alike in a round cancels out.
    pub(crate) fn over(&self, that: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&that.0)
                .map(|(this, that)| this / that)
                .collect(),
        )
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// The slope of the straight line through the points (least squares); zero of fewer than two.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if variance > 0.0 {
        covariance / variance
    } else {
        0.0
    }
}

/// The slopes between neighbouring points: how straight the line is.
pub(crate) fn slopes(points: &[(f64, f64)]) -> Sample {
    let neighbours = points.windows(2);
    Sample(
        neighbours
            .map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Sample::new(vec![9.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Sample::new(vec![9.0, 1.0, 2.0, 4.0]).median(), 3.0);
        assert_eq!(Sample::new(Vec::new()).median(), 0.0);
    }

    #[test]
    fn noise_that_both_sides_met_cancels_out() {
        let (this, that) = (
            Sample::new(vec![10.0, 20.0, 40.0]),
            Sample::new(vec![5.0, 10.0, 20.0]),
        );

        assert_eq!(this.over(&that).spread(), (2.0, 2.0));
    }

    #[test]
    fn the_slope_leaves_out_what_everyone_shares() {
        let points = [
            (1_000.0, 10_000.0),
            (2_000.0, 12_000.0),
            (3_000.0, 14_000.0),
        ];

        assert_eq!(slope(&points), 2.0);
        assert_eq!(slopes(&points).spread(), (2.0, 2.0));
        assert_eq!(slope(&points[..1]), 0.0);
    }
}
