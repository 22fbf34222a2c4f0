//! When things were seen for the first time, in milliseconds since the first step.

use std::collections::BTreeMap;

use crate::provider::Observation;

/// First times, and how it went in between.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moments {
    /// A device lost its connection or got none.
    pub(crate) device_failed: Option<i64>,
    /// A gateway had ended on its own.
    pub(crate) gateway_ended: Option<i64>,
    /// The gateways' connections were compared with the kernel's, the last time.
    pub(crate) sighted: Option<i64>,
    /// Strangers had their answers.
    pub(crate) knocked: Option<i64>,
    /// A device noticed a gap that nobody had told of.
    pub(crate) gap: Option<i64>,
    /// A subscription went on after a loss, by the gateway's answer.
    pub(crate) resumed: BTreeMap<&'static str, i64>,
    /// A publish was refused for good, by code.
    pub(crate) refused: BTreeMap<&'static str, i64>,
    /// The last step was over.
    pub(crate) ended: Option<i64>,
    /// The run, window by window.
    pub(crate) windows: Vec<Window>,
}

/// Half a second or more of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Window {
    /// Its end, in milliseconds since the first step.
    pub(crate) at_ms: i64,
    /// Messages that reached devices, per second.
    pub(crate) deliveries_per_s: f64,
    /// Median of the delivery times in microseconds; none when nothing was timed, and so on below.
    pub(crate) p50_us: Option<u64>,
    /// Their 99th percentile.
    pub(crate) p99_us: Option<u64>,
    /// The longest.
    pub(crate) max_us: Option<u64>,
    /// How late the fleet did what was due, at worst.
    pub(crate) lag_us: Option<u64>,
}

impl Moments {
    /// Takes in what devices have seen by now.
    pub(crate) fn take(&mut self, observations: &[Observation], now_ms: i64) {
        for observation in observations {
            match observation {
                Observation::Gap { .. } => {
                    self.gap.get_or_insert(now_ms);
                }
                Observation::Subscribed {
                    answer,
                    again: true,
                    ..
                } => {
                    self.resumed.entry(answer.word).or_insert(now_ms);
                }
                Observation::Refused { code, .. } => {
                    self.refused.entry(code).or_insert(now_ms);
                }
                Observation::Subscribed { again: false, .. }
                | Observation::Tried { .. }
                | Observation::Failed { .. }
                | Observation::Connected { .. }
                | Observation::Delivered(_)
                | Observation::Sent { .. }
                | Observation::Published { .. }
                | Observation::PublishedUnasked { .. }
                | Observation::Dropped { .. }
                | Observation::Lost { .. } => {}
            }
        }
    }

    /// When a subscription first went on with such an answer.
    pub(crate) fn first_resumed(&self, such: impl Fn(&str) -> bool) -> Option<i64> {
        first(&self.resumed, such)
    }

    /// When a publish was first refused with such a code.
    pub(crate) fn first_refused(&self, such: impl Fn(&str) -> bool) -> Option<i64> {
        first(&self.refused, such)
    }
}

fn first(times: &BTreeMap<&'static str, i64>, such: impl Fn(&str) -> bool) -> Option<i64> {
    let times = times.iter().filter(|(word, _)| such(word));
    times.map(|(_, at_ms)| *at_ms).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_stays_and_is_found_by_its_word() {
        let refused = |code| Observation::Refused {
            publish_id: String::new(),
            code,
        };
        let mut moments = Moments::default();

        moments.take(&[refused("record-too-large")], 100);
        moments.take(&[refused("not-allowed"), refused("record-too-large")], 250);

        assert_eq!(moments.first_refused(|_| true), Some(100));
        assert_eq!(
            moments.first_refused(|code| code != "record-too-large"),
            Some(250)
        );
        assert_eq!(moments.first_resumed(|_| true), None);
    }
}
