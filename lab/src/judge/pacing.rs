//! Whether conflated subjects keep their pace, and whether what was left out was told.

use lab_record::run::Expectation;

use super::answer;
use crate::evidence::Evidence;
use crate::scenario::expect::Expect;
use crate::units::Span;

/// The expectations on what gateways leave out.
pub(super) fn judge(expect: &Expect, seen: &Evidence) -> Vec<Expectation> {
    let apart = expect.updates_apart.map(|bound| updates_apart(bound, seen));
    let left_out = expect.left_out_min.map(|least| left_out(least, seen));
    apart.into_iter().chain(left_out).collect()
}

/// Nobody gets the updates of a subject closer together. Where hardly anything came, nothing is proven.
fn updates_apart(bound: Span, seen: &Evidence) -> Expectation {
    let wanted = format!("on average at least {bound} between updates of a subject");
    let Some(closest) = &seen.closest_updates else {
        return answer("updates-apart", wanted, "no device got three of one", None);
    };
    let measured = format!(
        "{} updates of {} on device {} in {:.0} ms",
        closest.updates,
        closest.subject,
        closest.device,
        closest.over.as_secs_f64() * 1000.0
    );
    let held = closest.apart().map(|apart| apart >= bound.get());
    answer("updates-apart", wanted, measured, held)
}

/// The ledger pardons as many messages as gateways said they left out, and so many are missing.
fn left_out(least: u64, seen: &Evidence) -> Expectation {
    let told = seen.account.as_ref().map(|account| account.signalled);
    let measured = match told {
        Some(told) => format!("{told} that did not come and were told of"),
        None => "no messages were moved".to_owned(),
    };
    answer(
        "left-out-min",
        format!("at least {least}"),
        measured,
        told.map(|told| told >= least),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lab_record::ledger::Account;

    use super::*;
    use crate::pacing::Closest;

    #[test]
    fn a_pace_that_is_kept_holds_and_a_quicker_one_names_its_device() {
        let expect = Expect {
            updates_apart: Some(Span(Duration::from_millis(200))),
            ..Expect::default()
        };
        let mut seen = Evidence::default();
        assert_eq!(judge(&expect, &seen)[0].held, None);

        seen.closest_updates = Some(closest(12));
        assert_eq!(judge(&expect, &seen)[0].held, Some(true));

        seen.closest_updates = Some(closest(13));
        let answer = &judge(&expect, &seen)[0];
        assert_eq!(answer.held, Some(false));
        assert_eq!(answer.measured, "13 updates of /t/a on device 7 in 2000 ms");
    }

    #[test]
    fn what_was_left_out_counts_as_far_as_it_was_told() {
        let expect = Expect {
            left_out_min: Some(10),
            ..Expect::default()
        };
        for (signalled, held) in [(9, false), (10, true)] {
            let seen = Evidence {
                account: Some(Account {
                    signalled,
                    ..Account::default()
                }),
                ..Evidence::default()
            };

            assert_eq!(judge(&expect, &seen)[0].held, Some(held));
        }
    }

    fn closest(updates: u32) -> Closest {
        Closest {
            device: 7,
            subject: "/t/a".to_owned(),
            updates,
            over: Duration::from_secs(2),
        }
    }
}
