//! What a row of probes says about a member. Pure: probes are results, not sockets.

use crate::model::Monitor;

/// What one probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The answer that was expected.
    Well,
    /// Well, but it asks for no new connections.
    Draining,
    /// No answer, or another one.
    Ill,
}

/// What is believed of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Nothing monitors it; it is taken to be up.
    Unchecked,
    /// No probe has come back yet; it is taken to be up, as BIG-IP does.
    Checking,
    /// Up.
    Up,
    /// Up, and it asks for no new connections.
    Draining,
    /// Down.
    Down,
}

impl Condition {
    /// Whether it can serve connections at all.
    pub fn serves(self) -> bool {
        self != Self::Down
    }

    /// Whether it may be given new ones.
    pub fn wants_more(self) -> bool {
        !matches!(self, Self::Down | Self::Draining)
    }

    /// What holds of a member of which several monitors think differently: the worst.
    pub fn of_all(conditions: impl Iterator<Item = Self>) -> Self {
        let gravity = |condition: &Self| match condition {
            Self::Unchecked => 0,
            Self::Up => 1,
            Self::Checking => 2,
            Self::Draining => 3,
            Self::Down => 4,
        };
        conditions.max_by_key(gravity).unwrap_or(Self::Unchecked)
    }
}

/// One monitor's belief about one member.
#[derive(Debug, Clone)]
pub struct Health {
    fall: u32,
    rise: u32,
    condition: Condition,
    against: u32,
}

impl Health {
    /// Nothing is known yet.
    pub fn new(monitor: &Monitor) -> Self {
        Self {
            fall: monitor.fall,
            rise: monitor.rise,
            condition: Condition::Checking,
            against: 0,
        }
    }

    /// What is believed now.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Takes in one probe. The first one decides alone; after that, `fall` or `rise` probes in a row change the belief.
    pub fn observe(&mut self, finding: Finding) {
        let well = finding != Finding::Ill;
        let contradicts = well != self.condition.serves();
        if self.condition == Condition::Checking {
            self.believe(finding);
        } else if !contradicts {
            // A member may ask for a drain, or take it back, in any probe it passes.
            self.against = 0;
            if well {
                self.believe(finding);
            }
        } else {
            self.against += 1;
            let needed = if well { self.rise } else { self.fall };
            if self.against >= needed {
                self.believe(finding);
            }
        }
    }

    fn believe(&mut self, finding: Finding) {
        self.against = 0;
        self.condition = match finding {
            Finding::Well => Condition::Up,
            Finding::Draining => Condition::Draining,
            Finding::Ill => Condition::Down,
        };
    }
}

#[cfg(test)]
mod tests {
    use Finding::{Draining, Ill, Well};

    use super::*;
    use crate::model::MonitorKind;

    #[test]
    fn the_first_probe_decides_alone() {
        assert_eq!(beliefs(3, 2, &[Well]), [Condition::Up]);
        assert_eq!(beliefs(3, 2, &[Ill]), [Condition::Down]);
    }

    #[test]
    fn it_takes_fall_failures_in_a_row_to_go_down() {
        let up = Condition::Up;

        assert_eq!(
            beliefs(3, 1, &[Well, Ill, Ill, Well, Ill, Ill, Ill]),
            [up, up, up, up, up, up, Condition::Down]
        );
    }

    #[test]
    fn it_takes_rise_successes_in_a_row_to_come_back() {
        let down = Condition::Down;

        assert_eq!(
            beliefs(1, 3, &[Ill, Well, Well, Ill, Well, Well, Well]),
            [down, down, down, down, down, down, Condition::Up]
        );
    }

    #[test]
    fn a_member_may_ask_for_a_drain_and_take_it_back() {
        let expected = [
            Condition::Up,
            Condition::Draining,
            Condition::Draining,
            Condition::Up,
        ];

        assert_eq!(beliefs(2, 1, &[Well, Draining, Ill, Well]), expected);
    }

    #[test]
    fn the_worst_of_several_monitors_holds() {
        let of = |conditions: &[Condition]| Condition::of_all(conditions.iter().copied());

        assert_eq!(of(&[]), Condition::Unchecked);
        assert_eq!(of(&[Condition::Up, Condition::Down]), Condition::Down);
        assert_eq!(
            of(&[Condition::Up, Condition::Draining]),
            Condition::Draining
        );
    }

    fn beliefs(fall: u32, rise: u32, findings: &[Finding]) -> Vec<Condition> {
        let mut health = Health::new(&Monitor {
            fall,
            rise,
            ..Monitor::new(MonitorKind::Tcp)
        });
        let mut observe = |finding: &Finding| {
            health.observe(*finding);
            health.condition()
        };
        findings.iter().map(&mut observe).collect()
    }
}
