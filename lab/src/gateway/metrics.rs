//! The text that `/metrics` answers, as far as expectations ask for it.

use std::collections::BTreeMap;

/// One line: a name, its labels, a value.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Everything a gateway counted, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Metrics(Vec<Sample>);

impl Metrics {
    /// Reads the Prometheus text format; lines that are no samples are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The sum of a metric over all its labels; 0 when it never appeared.
    pub(crate) fn sum(&self, name: &str) -> u64 {
        self.0
            .iter()
            .filter(|sample| sample.name == name)
            .map(|sample| count(sample.value))
            .sum()
    }

    /// A metric by the values of one label, zeros left out.
    pub(crate) fn by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for sample in self
            .0
            .iter()
            .filter(|sample| sample.name == name && sample.value > 0.0)
        {
            if let Some(value) = sample.labels.get(label) {
                *sums.entry(value.clone()).or_insert(0) += count(sample.value);
            }
        }
        sums
    }
}

/// A counter's value; the text format knows only floats.
fn count(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and counters are whole and not negative"
    )]
    let count = value as u64;
    count
}

fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let (series, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = rest.rsplit_once('}')?;
            ((name, labels), rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            ((name, ""), rest)
        }
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: series.0.to_owned(),
        labels: labels(series.1),
        value,
    })
}

/// `a="x",b="y"`; values of our metrics hold no quotes.
fn labels(text: &str) -> BTreeMap<String, String> {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP tidegate_refused Connections refused.\n\
        # TYPE tidegate_refused counter\n\
        tidegate_refused_total{reason=\"untrusted\",listener=\"0\"} 3\n\
        tidegate_refused_total{reason=\"untrusted\",listener=\"1\"} 2\n\
        tidegate_refused_total{reason=\"timeout\"} 0\n\
        tidegate_accepted_total 17\n\
        # EOF\n";

    #[test]
    fn a_metric_is_summed_over_its_other_labels() {
        let metrics = Metrics::parse(TEXT);

        assert_eq!(
            metrics.by("tidegate_refused_total", "reason"),
            BTreeMap::from([("untrusted".to_owned(), 5)])
        );
        assert_eq!(metrics.sum("tidegate_accepted_total"), 17);
        assert_eq!(metrics.sum("tidegate_unheard_of"), 0);
    }
}
