//! AS3: what a declaration would do, doing it, undoing it.

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::session::{DeviceError, Session};

const DECLARE: &str = "/mgmt/shared/appsvcs/declare";
/// A declaration takes seconds, on a busy device minutes.
const LONGEST: Duration = Duration::from_secs(300);
/// Between two looks at a task.
const BETWEEN: Duration = Duration::from_millis(200);

/// What AS3 did, or would do, with one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The tenant, which is a partition.
    pub tenant: String,
    /// `success` or `no change`.
    pub message: String,
}

/// Asks what a declaration would do; nothing is changed.
///
/// # Errors
/// The device's complaint about the declaration; see [`DeviceError`].
pub fn dry_run(session: &mut Session, declaration: &Json) -> Result<Vec<Outcome>, DeviceError> {
    submit(
        session,
        "POST",
        &format!("{DECLARE}?async=true&controls.dryRun=true"),
        declaration,
    )
}

/// Makes the device what a declaration says. Returns when it is.
///
/// # Errors
/// The device's complaint about the declaration; see [`DeviceError`].
pub fn declare(session: &mut Session, declaration: &Json) -> Result<Vec<Outcome>, DeviceError> {
    submit(
        session,
        "POST",
        &format!("{DECLARE}?async=true"),
        declaration,
    )
}

/// Removes a tenant and everything in it. No tenant is no error.
///
/// # Errors
/// See [`DeviceError`].
pub fn remove(session: &mut Session, tenant: &str) -> Result<Vec<Outcome>, DeviceError> {
    submit(
        session,
        "DELETE",
        &format!("{DECLARE}/{tenant}?async=true"),
        &Json::Null,
    )
}

fn submit(
    session: &mut Session,
    method: &str,
    path: &str,
    body: &Json,
) -> Result<Vec<Outcome>, DeviceError> {
    let mut answer = session.ask(method, path, body)?;
    let task = answer
        .get("id")
        .and_then(Json::as_str)
        .map(|id| format!("/mgmt/shared/appsvcs/task/{id}"));
    let deadline = Instant::now() + LONGEST;
    while is_under_way(&answer) {
        let Some(task) = task.as_deref() else {
            return Err(odd(path, "it has neither results nor a task"));
        };
        if Instant::now() >= deadline {
            return Err(odd(task, "it is still in progress after five minutes"));
        }
        session.wait(BETWEEN)?;
        answer = session.get(task)?;
    }
    outcomes(path, method, &answer)
}

fn is_under_way(answer: &Json) -> bool {
    let first = answer.pointer("/results/0");
    let message = first
        .and_then(|result| result.get("message"))
        .and_then(Json::as_str);
    let code = first
        .and_then(|result| result.get("code"))
        .and_then(Json::as_u64);
    code == Some(0) || message == Some("in progress")
}

/// The answer's results, if all of them are good.
fn outcomes(path: &str, method: &str, answer: &Json) -> Result<Vec<Outcome>, DeviceError> {
    let Some(results) = answer.get("results").and_then(Json::as_array) else {
        return Err(odd(path, "there are no results in it"));
    };
    let mut outcomes = vec![];
    for result in results {
        let text = |name: &str| {
            result
                .get(name)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let code = result.get("code").and_then(Json::as_u64).unwrap_or(0);
        if code >= 300 {
            let errors = result.get("errors").and_then(Json::as_array);
            let errors: Vec<&str> = errors
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            let words = [text("message"), text("response"), errors.join("; ")];
            let words: Vec<String> = words
                .into_iter()
                .filter(|words| !words.is_empty())
                .collect();
            return Err(DeviceError::Refused {
                method: method.to_owned(),
                path: path.to_owned(),
                status: u16::try_from(code).unwrap_or(u16::MAX),
                words: words.join(": "),
            });
        }
        outcomes.push(Outcome {
            tenant: text("tenant"),
            message: text("message"),
        });
    }
    Ok(outcomes)
}

fn odd(path: &str, reason: &str) -> DeviceError {
    DeviceError::Odd {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_is_under_way_until_its_first_result_has_a_code() {
        assert!(is_under_way(
            &json!({ "results": [{ "message": "in progress" }] })
        ));
        assert!(is_under_way(
            &json!({ "results": [{ "message": "Declaration successfully submitted", "code": 0 }] })
        ));
        assert!(!is_under_way(
            &json!({ "results": [{ "code": 200, "message": "success", "tenant": "T" }] })
        ));
    }

    #[test]
    fn a_tenant_that_failed_is_an_error_with_the_devices_words() {
        let answer = json!({ "results": [
            { "code": 200, "message": "success", "tenant": "T" },
            { "code": 422, "message": "declaration failed", "response": "01070734:3: node exists", "tenant": "U" },
        ] });

        let error = outcomes("/declare", "POST", &answer).unwrap_err();

        assert_eq!(
            error.to_string(),
            "POST /declare was answered with 422: declaration failed: 01070734:3: node exists"
        );
    }
}
