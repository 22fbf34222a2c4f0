//! From values to coordinates, with round numbers at the ticks.

/// A linear scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Maps `low..=high` to `start..=end`; an empty range is widened, so that a flat line has a place.
    pub fn new((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self {
            low,
            high,
            start,
            end,
        }
    }

    /// The coordinate of a value.
    pub fn place(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.start + share * (self.end - self.start)
    }

    /// The coordinate of a value, held inside the chart.
    pub fn clamped(&self, value: f64) -> f64 {
        self.place(value.clamp(self.low, self.high))
    }

    /// About `wanted` values at round distances (1, 2 or 5 times a power of ten).
    pub fn ticks(&self, wanted: usize) -> Vec<f64> {
        let step = round_step((self.high - self.low) / wanted.max(1) as f64);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }
}

/// The next of 1, 2, 5, 10, … times a power of ten.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let lead = rough / power;
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|candidate| lead <= candidate + 1e-9);
    round.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_inside_the_range() {
        assert_eq!(
            Scale::new((0.0, 97.0), (0.0, 1.0)).ticks(5),
            [0.0, 20.0, 40.0, 60.0, 80.0]
        );
        assert_eq!(Scale::new((0.0, 1.0), (0.0, 1.0)).ticks(2), [0.0, 0.5, 1.0]);
        assert_eq!(
            Scale::new((-30.0, 10.0), (0.0, 1.0)).ticks(4),
            [-30.0, -20.0, -10.0, 0.0, 10.0]
        );
    }

    #[test]
    fn a_flat_line_has_a_place() {
        let scale = Scale::new((5.0, 5.0), (100.0, 0.0));

        assert_eq!(scale.place(5.0), 100.0);
    }
}
