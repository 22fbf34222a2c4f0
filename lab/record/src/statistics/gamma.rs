//! The gamma function's relatives that chi-square and binomial tails need.

/// Terms after which a series or fraction is given up; convergence takes about √a of them.
const MOST_TERMS: u32 = 100_000;
const PRECISION: f64 = 1e-15;

/// ln Γ(x) for x > 0, by Lanczos' approximation (g = 7, 9 terms; Numerical Recipes 3rd edition section 6.1), good to 15 digits.
pub(super) fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = TERMS
        .iter()
        .zip(1_u32..)
        .fold(0.999_999_999_999_809_9, |sum, (term, i)| {
            sum + term / (x + f64::from(i))
        });
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Both regularised incomplete gamma functions, P(a, x) from below and Q(a, x) = 1 - P from above, each computed where it is small, so
/// that a tail of 10⁻²⁰ is not lost beside 1 (Numerical Recipes section 6.2).
pub(super) fn regularised(a: f64, x: f64) -> Tails {
    if x <= 0.0 {
        return Tails {
            below: 0.0,
            above: 1.0,
        };
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let below = (scale * series(a, x)).min(1.0);
        Tails {
            below,
            above: 1.0 - below,
        }
    } else {
        let above = (scale * fraction(a, x)).min(1.0);
        Tails {
            below: 1.0 - above,
            above,
        }
    }
}

/// The two tails of a distribution at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tails {
    pub(super) below: f64,
    pub(super) above: f64,
}

/// Σ xⁿ / (a (a+1) … (a+n)).
fn series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..MOST_TERMS {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * PRECISION {
            break;
        }
    }
    sum
}

/// Lentz' evaluation of the continued fraction for Γ(a, x).
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut value = d;
    for n in 1..MOST_TERMS {
        let numerator = -f64::from(n) * (f64::from(n) - a);
        b += 2.0;
        d = away_from_zero(numerator * d + b, TINY).recip();
        c = away_from_zero(b + numerator / c, TINY);
        let factor = d * c;
        value *= factor;
        if (factor - 1.0).abs() < PRECISION {
            break;
        }
    }
    value
}

fn away_from_zero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_gamma_is_the_logarithm_of_factorials() {
        // 0! = 1, 9! = 362880, 20! = 2432902008176640000; Γ(1/2) = √π.
        close(ln_gamma(1.0), 0.0);
        close(ln_gamma(10.0), 362_880_f64.ln());
        close(ln_gamma(21.0), 2_432_902_008_176_640_000_f64.ln());
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
    }

    #[test]
    fn tails_equal_their_closed_forms() {
        for x in [0.01, 0.5, 1.0, 3.0, 20.0, 60.0, 300.0_f64] {
            // Q(1, x) = e^-x and Q(3, x) = e^-x (1 + x + x²/2), NIST DLMF 8.4.10.
            relative(regularised(1.0, x).above, (-x).exp());
            relative(
                regularised(3.0, x).above,
                (-x).exp() * (1.0 + x + x * x / 2.0),
            );
        }
    }

    #[test]
    fn tails_add_up_to_one() {
        for a in [0.5, 3.5, 31.5, 500.0] {
            for x in [0.1, 3.0, 31.0, 600.0] {
                let tails = regularised(a, x);
                close(tails.below + tails.above, 1.0);
            }
        }
    }

    fn close(value: f64, wanted: f64) {
        assert!(
            (value - wanted).abs() < 1e-12,
            "{value} instead of {wanted}"
        );
    }

    fn relative(value: f64, wanted: f64) {
        assert!(
            (value / wanted - 1.0).abs() < 1e-11,
            "{value} instead of {wanted}"
        );
    }
}
