//! Whether every publish got its one answer, and the right one.

use std::collections::BTreeMap;

use lab_record::ledger::{Account, Flaw};
use lab_record::run::Expectation;

use super::answer;
use super::messages::blame;
use crate::evidence::Evidence;
use crate::scenario::expect::Expect;

/// The answers to devices' publishes: acknowledged or refused, as the scenario says, never both, and never a second time.
pub(super) fn judge(expect: &Expect, seen: &Evidence, account: &Account) -> Vec<Expectation> {
    let mut answers = match &expect.publishes_refused {
        None => vec![acknowledged(seen)],
        Some(wanted) => vec![answered(seen), refused(wanted, seen), kept_out(account)],
    };
    answers.push(answered_once(account));
    answers.extend(
        expect
            .repeated_publishes_min
            .map(|least| repeated(least, seen, account)),
    );
    answers
}

/// Every publish was acknowledged.
fn acknowledged(seen: &Evidence) -> Expectation {
    let counts = &seen.counts;
    let measured = format!("{} of {}", counts.published, counts.publishes_ordered);
    let held = counts.published == counts.publishes_ordered;
    let mut answer = answer(
        "published",
        "every publish is acknowledged",
        measured,
        Some(held),
    );
    if !held {
        answer.cause.clone_from(&counts.first_failure);
    }
    answer
}

/// Every publish was acknowledged or refused.
fn answered(seen: &Evidence) -> Expectation {
    let counts = &seen.counts;
    let answers = counts.published + counts.publish_errors;
    answer(
        "published",
        "every publish is acknowledged or refused",
        format!("{answers} of {}", counts.publishes_ordered),
        Some(answers == counts.publishes_ordered),
    )
}

/// So many were refused, with these codes.
fn refused(wanted: &BTreeMap<String, u64>, seen: &Evidence) -> Expectation {
    let measured: BTreeMap<String, u64> = seen
        .publishes_refused
        .iter()
        .map(|(code, count)| ((*code).to_owned(), *count))
        .collect();
    let mut answer = answer(
        "publishes-refused",
        listed(wanted),
        listed(&measured),
        Some(*wanted == measured),
    );
    if answer.held == Some(false) {
        answer.cause.clone_from(&seen.counts.first_failure);
    }
    answer
}

/// What was refused is not in Kafka.
fn kept_out(account: &Account) -> Expectation {
    let wrong = account.count(Flaw::Contradicted);
    let mut answer = answer(
        "refused-means-refused",
        "no refused publish is in Kafka",
        format!("{wrong} are"),
        Some(wrong == 0),
    );
    blame(&mut answer, account, &[Flaw::Contradicted]);
    answer
}

/// No acknowledgement comes that no publish waits for.
fn answered_once(account: &Account) -> Expectation {
    let wrong = account.count(Flaw::Reanswered);
    let mut answer = answer(
        "answered-once",
        "no publish is answered a second time",
        format!("{wrong} answers nobody waited for"),
        Some(wrong == 0),
    );
    blame(&mut answer, account, &[Flaw::Reanswered]);
    answer
}

/// So many records repeat a publish, and each gateway kept as many to itself. A plot that made fewer proves nothing about them.
fn repeated(least: u64, seen: &Evidence, account: &Account) -> Expectation {
    let gateways: Vec<String> = seen
        .passed_over
        .iter()
        .map(|(gateway, count)| format!("{count} by gateway {gateway}"))
        .collect();
    let measured = format!(
        "{} are; passed over: {}",
        account.repeated,
        gateways.join(", ")
    );
    let everywhere = seen.passed_over.iter().all(|(_, count)| *count >= least);
    let enough = account.repeated >= least && !seen.passed_over.is_empty();
    let mut answer = answer(
        "repeated-publishes-min",
        format!(
            "at least {least} publishes are in the log twice, and every gateway passes over as many repetitions"
        ),
        measured,
        enough.then_some(everywhere),
    );
    if !enough {
        answer.cause =
            Some("too few publishes came to be in the log twice, so nothing was proved".to_owned());
    }
    answer
}

fn listed(codes: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = codes
        .iter()
        .map(|(code, count)| format!("{count} {code}"))
        .collect();
    match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::FleetCounts;

    #[test]
    fn publishes_are_acknowledged_unless_the_scenario_says_refused() {
        let seen = evidence(&[("record-too-large", 2)]);

        let held = |expect: &Expect| -> Vec<_> {
            judge(expect, &seen, &Account::default())
                .into_iter()
                .map(|answer| (answer.name, answer.held))
                .collect()
        };

        assert_eq!(
            held(&Expect::default()),
            [
                ("published".to_owned(), Some(false)),
                ("answered-once".to_owned(), Some(true)),
            ]
        );
        assert_eq!(
            held(&refusing("record-too-large", 2)),
            [
                ("published".to_owned(), Some(true)),
                ("publishes-refused".to_owned(), Some(true)),
                ("refused-means-refused".to_owned(), Some(true)),
                ("answered-once".to_owned(), Some(true)),
            ]
        );
        assert_eq!(
            held(&refusing("publish-refused", 2))[1],
            ("publishes-refused".to_owned(), Some(false))
        );
    }

    #[test]
    fn a_refused_publish_that_kafka_has_is_a_contradiction() {
        let account = Account {
            contradicted: 1,
            ..Account::default()
        };

        let answers = judge(
            &refusing("record-too-large", 2),
            &evidence(&[("record-too-large", 2)]),
            &account,
        );

        assert_eq!(answers[2].held, Some(false));
    }

    #[test]
    fn a_second_answer_breaks_its_rule() {
        let account = Account {
            reanswered: 1,
            ..Account::default()
        };

        let answers = judge(&Expect::default(), &evidence(&[]), &account);

        assert_eq!(answers[1].held, Some(false));
    }

    #[test]
    fn repetitions_prove_something_only_if_there_were_enough_and_every_gateway_counts() {
        let held = |repeated, passed_over: &[(u32, u64)]| {
            let account = Account {
                repeated,
                ..Account::default()
            };
            let seen = Evidence {
                passed_over: passed_over.to_vec(),
                ..evidence(&[])
            };
            super::repeated(10, &seen, &account).held
        };

        assert_eq!(held(12, &[(0, 12), (1, 12)]), Some(true));
        assert_eq!(held(12, &[(0, 12), (1, 9)]), Some(false));
        assert_eq!(held(9, &[(0, 9), (1, 9)]), None, "too few were made");
        assert_eq!(held(0, &[(0, 0)]), None, "none was made");
        assert_eq!(held(12, &[]), None, "nobody was asked");
    }

    fn evidence(refused: &[(&'static str, u64)]) -> Evidence {
        let errors = refused.iter().map(|(_, count)| count).sum();
        Evidence {
            counts: FleetCounts {
                publishes_ordered: 5,
                published: 3,
                publish_errors: errors,
                ..FleetCounts::default()
            },
            publishes_refused: refused.iter().copied().collect(),
            ..Evidence::default()
        }
    }

    fn refusing(code: &str, count: u64) -> Expect {
        Expect {
            publishes_refused: Some(BTreeMap::from([(code.to_owned(), count)])),
            ..Expect::default()
        }
    }
}
