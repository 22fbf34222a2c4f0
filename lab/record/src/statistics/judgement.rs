//! What a spread means for an expectation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::spread::Spread;
use super::{FALSE_ALARM, limits};

/// Cohen's w up to which an unevenness is small, however significant.
pub(super) const SMALL_EFFECT: f64 = 0.10;

/// Judges counts per group. `headroom` is the max/mean that the scenario can live with; 1 leaves it to chance alone.
#[must_use]
pub fn judge(counts: &[u64], headroom: f64) -> Judgement {
    let groups = counts.len() as u64;
    let needed = limits::devices_for_idle_rule(groups);
    let Some(spread) = Spread::of(counts).filter(|spread| spread.total >= needed) else {
        let devices = counts.iter().sum();
        return Judgement {
            spread: Spread::of(counts),
            findings: vec![Finding::TooFew { devices, needed }],
        };
    };
    let findings = [
        idle(&spread),
        uneven(&spread),
        crowded(&spread, headroom),
        too_even(&spread),
    ];
    Judgement {
        findings: findings.into_iter().flatten().collect(),
        spread: Some(spread),
    }
}

/// A spread and what was found in it; nothing found means that it looks like dice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The numbers; none when there was no connection.
    pub spread: Option<Spread>,
    /// What stands out, in the order of the rules.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// The worst of the findings.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::severity).max()
    }

    /// Whether the expectation holds: nothing failed and there were devices enough to say so.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.severity() < Some(Severity::Inconclusive)
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth a line.
    Remark,
    /// Real, but too small to hurt.
    Warning,
    /// Too few devices for the question.
    Inconclusive,
    /// The expectation does not hold.
    Fail,
}

/// Something that stands out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// Fewer connections than the rules need.
    TooFew {
        /// Connections there were.
        devices: u64,
        /// Connections it takes.
        needed: u64,
    },
    /// Groups without a connection, although there were enough for all.
    Idle {
        /// How many are idle.
        idle: u64,
        /// How many there are.
        groups: u64,
        /// Connections there were.
        devices: u64,
    },
    /// Dice would not spread like this.
    Uneven {
        /// The chance that they would.
        p: f64,
        /// The size of the effect.
        w: f64,
    },
    /// Dice would not spread like this either, but the effect is small.
    SlightlyUneven {
        /// The chance that they would.
        p: f64,
        /// The size of the effect.
        w: f64,
    },
    /// One group has more than chance and the scenario's headroom allow.
    Crowded {
        /// The fullest group against the mean.
        max_over_mean: f64,
        /// What chance allows.
        limit: f64,
        /// What the scenario allows.
        headroom: f64,
    },
    /// One group has more than chance allows, within the scenario's headroom.
    WithinHeadroom {
        /// The fullest group against the mean.
        max_over_mean: f64,
        /// What chance allows.
        limit: f64,
        /// What the scenario allows.
        headroom: f64,
    },
    /// More even than dice: dealt out in turn, not hashed.
    TooEven {
        /// The chance that dice are as even.
        p_even: f64,
    },
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::TooFew { .. } => Severity::Inconclusive,
            Self::Idle { .. } | Self::Uneven { .. } | Self::Crowded { .. } => Severity::Fail,
            Self::SlightlyUneven { .. } | Self::WithinHeadroom { .. } => Severity::Warning,
            Self::TooEven { .. } => Severity::Remark,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { devices, needed } => write!(
                f,
                "{devices} connections are too few to tell, it takes {needed}"
            ),
            Self::Idle {
                idle,
                groups,
                devices,
            } => write!(
                f,
                "{idle} of {groups} groups idle with {devices} connections"
            ),
            Self::Uneven { p, w } => write!(f, "uneven beyond chance ({}, w {w:.2})", chance(*p)),
            Self::SlightlyUneven { p, w } => write!(
                f,
                "slightly uneven, though beyond chance ({}, w {w:.3})",
                chance(*p)
            ),
            Self::Crowded {
                max_over_mean,
                limit,
                headroom,
            } => {
                write!(
                    f,
                    "the fullest group has {max_over_mean:.3} times the mean, chance allows {limit:.3} and the scenario {headroom:.3}"
                )
            }
            Self::WithinHeadroom {
                max_over_mean,
                limit,
                headroom,
            } => {
                write!(
                    f,
                    "the fullest group has {max_over_mean:.3} times the mean, above the {limit:.3} of chance, within the {headroom:.3} of the scenario"
                )
            }
            Self::TooEven { p_even } => write!(
                f,
                "more even than dice ({}): dealt out in turn, not hashed",
                chance(*p_even)
            ),
        }
    }
}

/// A chance as people read it; what is below any use is not spelt out.
fn chance(p: f64) -> String {
    if p < 1e-99 {
        "p below 1e-99".to_owned()
    } else {
        format!("p {p:.1e}")
    }
}

fn idle(spread: &Spread) -> Option<Finding> {
    (spread.idle > 0).then_some(Finding::Idle {
        idle: spread.idle,
        groups: spread.groups,
        devices: spread.total,
    })
}

fn uneven(spread: &Spread) -> Option<Finding> {
    let (p, w) = (spread.p, spread.w);
    if p >= FALSE_ALARM {
        None
    } else if w > SMALL_EFFECT {
        Some(Finding::Uneven { p, w })
    } else {
        Some(Finding::SlightlyUneven { p, w })
    }
}

fn crowded(spread: &Spread, headroom: f64) -> Option<Finding> {
    let max_over_mean = spread.max_over_mean;
    let limit = limits::max_over_mean(spread.total, spread.groups);
    if max_over_mean <= limit {
        None
    } else if max_over_mean > headroom {
        Some(Finding::Crowded {
            max_over_mean,
            limit,
            headroom,
        })
    } else {
        Some(Finding::WithinHeadroom {
            max_over_mean,
            limit,
            headroom,
        })
    }
}

fn too_even(spread: &Spread) -> Option<Finding> {
    (spread.p_even < FALSE_ALARM).then_some(Finding::TooEven {
        p_even: spread.p_even,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_are_no_finding() {
        // 3,000 draws of /dev/urandom modulo 8.
        let judgement = judge(&[357, 378, 375, 366, 406, 372, 380, 366], 1.0);

        assert_eq!(judgement.findings, []);
        assert!(judgement.holds());
    }

    #[test]
    fn everyone_in_one_group_fails_by_every_rule() {
        let judgement = judge(&[0, 3_000, 0, 0], 1.25);

        assert_eq!(judgement.severity(), Some(Severity::Fail));
        let words: Vec<String> = judgement.findings.iter().map(Finding::to_string).collect();
        assert_eq!(
            words,
            [
                "3 of 4 groups idle with 3000 connections",
                "uneven beyond chance (p below 1e-99, w 1.73)",
                "the fullest group has 4.000 times the mean, chance allows 1.161 and the scenario 1.250"
            ]
        );
    }

    #[test]
    fn an_idle_group_fails_only_with_devices_enough() {
        // 4·ln(4·10⁶) = 60.8 connections.
        assert_eq!(
            judge(&[20, 20, 20, 0], 9.0).findings,
            [Finding::TooFew {
                devices: 60,
                needed: 61
            }]
        );
        assert_eq!(
            judge(&[21, 20, 20, 0], 9.0).findings[0],
            Finding::Idle {
                idle: 1,
                groups: 4,
                devices: 61
            }
        );
    }

    #[test]
    fn too_few_devices_are_inconclusive_not_held() {
        let judgement = judge(&[3, 4, 3, 5], 1.0);

        assert_eq!(judgement.severity(), Some(Severity::Inconclusive));
        assert!(!judgement.holds());
        assert!(!judge(&[], 1.0).holds());
    }

    #[test]
    fn significant_but_small_is_a_warning() {
        // 1,000,000 connections, one group of two with 51 %: w = 0.02.
        let judgement = judge(&[510_000, 490_000], 1.1);

        assert_eq!(judgement.severity(), Some(Severity::Warning));
        assert!(judgement.holds());
    }

    #[test]
    fn headroom_forgives_a_crowd_but_not_an_uneven_spread() {
        let counts = [1_200, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000];

        let severity = |headroom| judge(&counts, headroom).severity();

        assert_eq!(severity(1.25), Some(Severity::Warning));
        assert_eq!(severity(1.10), Some(Severity::Fail));
    }

    #[test]
    fn dealt_out_in_turn_is_a_remark() {
        let judgement = judge(&[375; 8], 1.0);

        assert_eq!(
            judgement
                .findings
                .iter()
                .map(Finding::severity)
                .collect::<Vec<_>>(),
            [Severity::Remark]
        );
        assert!(judgement.holds());
    }
}
