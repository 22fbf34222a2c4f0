//! Gunther's universal scalability law: X(n) = λn / (1 + σ(n − 1) + κn(n − 1)).
//!
//! σ is what has to wait for one another, κ what has to agree with one another. Three unknowns from a handful of points are a guess; so the law is
//! fitted only where [`PLACES`] different n were measured, and otherwise the reader is told that only the linear part is known.

/// Different n from which on the law is fitted.
pub const PLACES: usize = 6;

/// A fitted law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usl {
    /// Throughput of one.
    pub lambda: f64,
    /// Contention.
    pub sigma: f64,
    /// Coherency.
    pub kappa: f64,
}

/// Why the law was not fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not enough different n.
    #[error(
        "{found} numbers of workgroups were measured, the universal scalability law needs {PLACES}; each further core is assumed to carry what the measured ones do"
    )]
    TooFew {
        /// How many were.
        found: usize,
    },
    /// The fit asks for negative costs: the points do not follow the law.
    #[error(
        "the points do not follow the universal scalability law; each further core is assumed to carry what the measured ones do"
    )]
    NotFollowed,
}

impl Usl {
    /// Throughput of n.
    #[must_use]
    pub fn at(&self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    /// From how many on more of them do less; none while they only wait for one another.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 1e-12 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }

    /// The share of n times one's throughput that n give.
    #[must_use]
    pub fn efficiency(&self, n: f64) -> f64 {
        self.at(n) / (self.lambda * n)
    }
}

/// Fits the law to (n, throughput) by least squares.
///
/// # Errors
///
/// [`Unfit`], with the words for the reader.
pub fn fit(points: &[(f64, f64)]) -> Result<Usl, Unfit> {
    let mut places: Vec<f64> = points.iter().map(|p| p.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    if places.len() < PLACES {
        return Err(Unfit::TooFew {
            found: places.len(),
        });
    }
    let mut law = first_guess(points).ok_or(Unfit::NotFollowed)?;
    // Gauss and Newton: steps are halved until they help, which ends where none does.
    for _ in 0..200 {
        let Some(step) = step(&law, points) else {
            break;
        };
        let before = misfit(&law, points);
        let better = (0..30)
            .map(|halving| moved(&law, step, 0.5f64.powi(halving)))
            .find(|next| misfit(next, points) < before);
        match better {
            Some(next) => law = next,
            None => break,
        }
    }
    if law.lambda > 0.0 && law.sigma >= -1e-9 && law.kappa >= -1e-9 {
        Ok(law)
    } else {
        Err(Unfit::NotFollowed)
    }
}

/// n/X is linear in (n − 1) and n(n − 1): where to begin.
fn first_guess(points: &[(f64, f64)]) -> Option<Usl> {
    let rows = points
        .iter()
        .map(|(n, x)| ([1.0, n - 1.0, n * (n - 1.0)], n / x));
    let [a, b, c] = least_squares(rows)?;
    (a > 0.0).then(|| Usl {
        lambda: 1.0 / a,
        sigma: b / a,
        kappa: c / a,
    })
}

/// The change of λ, σ, κ that the linearised law asks for.
fn step(law: &Usl, points: &[(f64, f64)]) -> Option<[f64; 3]> {
    let rows = points.iter().map(|(n, x)| {
        let value = law.at(*n);
        let below = law.lambda * n / value;
        let slopes = [
            value / law.lambda,
            -value * (n - 1.0) / below,
            -value * n * (n - 1.0) / below,
        ];
        (slopes, x - value)
    });
    least_squares(rows)
}

fn moved(law: &Usl, step: [f64; 3], share: f64) -> Usl {
    Usl {
        lambda: law.lambda + share * step[0],
        sigma: law.sigma + share * step[1],
        kappa: law.kappa + share * step[2],
    }
}

fn misfit(law: &Usl, points: &[(f64, f64)]) -> f64 {
    let sum: f64 = points.iter().map(|(n, x)| (x - law.at(*n)).powi(2)).sum();
    if sum.is_finite() { sum } else { f64::INFINITY }
}

/// Three unknowns by the normal equations and Cramer's rule.
fn least_squares(rows: impl Iterator<Item = ([f64; 3], f64)>) -> Option<[f64; 3]> {
    let mut m = [[0.0; 3]; 3];
    let mut v = [0.0; 3];
    for (row, y) in rows {
        for i in 0..3 {
            v[i] += row[i] * y;
            for j in 0..3 {
                m[i][j] += row[i] * row[j];
            }
        }
    }
    let whole = determinant(&m);
    if whole == 0.0 || !whole.is_finite() {
        return None;
    }
    let mut answer = [0.0; 3];
    for (column, value) in answer.iter_mut().enumerate() {
        let mut replaced = m;
        for row in 0..3 {
            replaced[row][column] = v[row];
        }
        *value = determinant(&replaced) / whole;
    }
    Some(answer)
}

fn determinant(m: &[[f64; 3]; 3]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC SDM91 on a SPARCcenter 2000, as published with the R package `usl`.
    const SPECSDM91: [(f64, f64); 7] = [
        (1.0, 64.9),
        (18.0, 995.9),
        (36.0, 1652.4),
        (72.0, 1853.2),
        (108.0, 1828.9),
        (144.0, 1775.0),
        (216.0, 1702.2),
    ];

    #[test]
    fn a_published_fit_is_reproduced() {
        let law = fit(&SPECSDM91).unwrap();

        // The package says α 0.0277285, β 0.0001044, γ 89.9952330.
        assert!((law.sigma - 0.027_728_5).abs() < 1e-6, "{law:?}");
        assert!((law.kappa - 0.000_104_4).abs() < 5e-8, "{law:?}");
        assert!((law.lambda - 89.995_233).abs() < 1e-3, "{law:?}");
        // And its peak.scalability is at 96.5 processors.
        let peak = law.peak().unwrap();
        assert!((peak - 96.5).abs() < 0.1, "{peak}");
    }

    #[test]
    fn too_few_points_are_not_bent_into_a_law() {
        assert_eq!(
            fit(&[(1.0, 10.0), (2.0, 19.0), (2.0, 20.0)]),
            Err(Unfit::TooFew { found: 2 })
        );
    }

    #[test]
    fn growth_beyond_the_sum_of_the_parts_is_no_such_law() {
        let points: Vec<(f64, f64)> = (1..=8).map(f64::from).map(|n| (n, 10.0 * n * n)).collect();

        assert_eq!(fit(&points), Err(Unfit::NotFollowed));
    }
}
