//! A straight line through points, and how sure its slope is.

use lab_record::statistics::Interval;

/// Samples drawn for an interval: its ends then move by less than the last digit that is shown.
const SAMPLES: usize = 2_000;

/// The seed of those samples: the same points give the same interval everywhere.
const SEED: u64 = 0x7469_6465_6761_7465;

/// `y = base + slope · x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// The value at 0, and where it lies with 95 % confidence.
    pub base: Interval,
    /// What each unit adds, likewise.
    pub slope: Interval,
    /// The smallest x that was measured.
    pub from: f64,
    /// The greatest x that was measured.
    pub to: f64,
    /// Distinct places on the x axis.
    pub places: usize,
    /// Points.
    pub points: usize,
}

/// Least squares through the points, with percentile bootstrap intervals; none with fewer than two distinct x.
#[must_use]
pub fn through(points: &[(f64, f64)]) -> Option<Line> {
    let (base, slope) = fit(points)?;
    let mut random = Random(SEED);
    let mut bases = Vec::with_capacity(SAMPLES);
    let mut slopes = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let drawn: Vec<(f64, f64)> = points
            .iter()
            .map(|_| points[random.below(points.len())])
            .collect();
        // A sample that has only one x has no slope and says nothing.
        if let Some((base, slope)) = fit(&drawn) {
            bases.push(base);
            slopes.push(slope);
        }
    }
    let mut places: Vec<f64> = points.iter().map(|point| point.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    Some(Line {
        base: bounded(base, bases),
        slope: bounded(slope, slopes),
        from: places.first().copied()?,
        to: places.last().copied()?,
        places: places.len(),
        points: points.len(),
    })
}

/// Base and slope.
fn fit(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
    let across: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    if points.is_empty() || across == 0.0 {
        return None;
    }
    let slope = points
        .iter()
        .map(|p| (p.0 - mean_x) * (p.1 - mean_y))
        .sum::<f64>()
        / across;
    Some((mean_y - slope * mean_x, slope))
}

/// A value between the 2.5th and the 97.5th percentile of its samples.
fn bounded(value: f64, mut samples: Vec<f64>) -> Interval {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (samples.len().saturating_sub(1) as f64 * share).round() as usize;
        samples.get(place).copied().unwrap_or(value)
    };
    Interval {
        value,
        low: at(0.025).min(value),
        high: at(0.975).max(value),
    }
}

/// SplitMix64, so that an interval is the same with every version of every library.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_leave_no_doubt() {
        let line = through(&[(1.0, 12.0), (2.0, 14.0), (4.0, 18.0), (8.0, 26.0)]).unwrap();

        assert!((line.base.value - 10.0).abs() < 1e-9 && (line.slope.value - 2.0).abs() < 1e-9);
        assert!(line.slope.high - line.slope.low < 1e-9);
        assert_eq!((line.from, line.to, line.places), (1.0, 8.0, 4));
    }

    #[test]
    fn a_published_regression_is_reproduced() {
        // Anscombe's first set: y = 3.00 + 0.500 x.
        let x = [10., 8., 13., 9., 11., 14., 6., 4., 12., 7., 5.];
        let y = [
            8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68,
        ];
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();

        let line = through(&points).unwrap();

        assert!((line.base.value - 3.0).abs() < 0.001 && (line.slope.value - 0.5).abs() < 0.001);
        // The textbook interval is 0.233 to 0.767; eleven points give the bootstrap about the same.
        assert!(
            (0.15..0.45).contains(&line.slope.low) && (0.6..0.85).contains(&line.slope.high),
            "{:?}",
            line.slope
        );
    }

    #[test]
    fn one_place_has_no_slope() {
        assert_eq!(through(&[]), None);
        assert_eq!(through(&[(3.0, 1.0), (3.0, 2.0)]), None);
    }
}
