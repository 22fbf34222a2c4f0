//! What an answer means. BIG-IP says "not now" in many ways, and sometimes "there is none" when it means "not now".
//!
//! | answer | meaning |
//! |---|---|
//! | 401 | log in again, once; then final |
//! | 429, 502, 503, 504 | ask again |
//! | 404, "not registered", "URI path not registered" | ask again: the worker behind the URI has not started |
//! | 500, "connection to mcpd has been lost" | ask again: mcpd restarts |
//! | 404 `01020036` within a minute of one of these | ask again, three times: mcpd answers before it has read its configuration |
//! | everything else | final |

use std::time::Duration;

/// How long after a sign of a restart a "not found" is doubted.
const DOUBT: Duration = Duration::from_secs(60);
/// How often a "not found" must be said in that time to be believed.
const SAID_OFTEN_ENOUGH: u32 = 3;

/// What to do about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It is the answer, good or bad.
    Final,
    /// The token is not valid any more.
    LogIn,
    /// The device is busy or starting: ask again.
    Again,
    /// It says that there is none, and may not know yet: ask again.
    Doubtful,
}

/// What is remembered between the answers to one question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Since the last sign of a restart; `None` when there was none.
    pub restart_ago: Option<Duration>,
    /// "Not found" so far.
    pub not_found: u32,
    /// Whether a new token has been tried.
    pub logged_in: bool,
}

/// What the answer to a request with a token means.
pub fn meaning(status: u16, body: &str, memory: Memory) -> Meaning {
    let doubted = memory.restart_ago.is_some_and(|ago| ago < DOUBT)
        && memory.not_found + 1 < SAID_OFTEN_ENOUGH;
    match status {
        401 if !memory.logged_in => Meaning::LogIn,
        429 | 502 | 503 | 504 => Meaning::Again,
        404 if body.contains("not registered") => Meaning::Again,
        404 if doubted => Meaning::Doubtful,
        500 if body.contains("mcpd") => Meaning::Again,
        _ => Meaning::Final,
    }
}

/// How long to wait before asking again for the `n`th time, from 0: a quarter of a second, doubled, five seconds at most.
pub fn pause(n: u32) -> Duration {
    Duration::from_millis(250 << n.min(5)).min(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_FOUND: &str =
        r#"{"code":404,"message":"01020036:3: The requested Pool (/Common/x) was not found."}"#;

    #[test]
    fn the_device_says_not_now_in_many_ways() {
        let means = |status, body| meaning(status, body, Memory::default());

        assert_eq!(
            means(503, "<html>Configuration Utility restarting...</html>"),
            Meaning::Again
        );
        assert_eq!(
            means(404, "Public URI path not registered: /shared/appsvcs"),
            Meaning::Again
        );
        assert_eq!(
            means(
                404,
                "URI path /mgmt/tm/ltm not registered. Please verify URI is supported and wait for /available suffix to be responsive."
            ),
            Meaning::Again
        );
        assert_eq!(
            means(500, "The connection to mcpd has been lost, try again."),
            Meaning::Again
        );
        assert_eq!(
            means(401, "X-F5-Auth-Token does not exist."),
            Meaning::LogIn
        );
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        let means = |status, body| meaning(status, body, Memory::default());

        assert_eq!(means(200, "{}"), Meaning::Final);
        assert_eq!(
            means(400, "01070734:3: Configuration error"),
            Meaning::Final
        );
        assert_eq!(means(409, "01020066:3: already exists"), Meaning::Final);
        assert_eq!(means(422, "declaration is invalid"), Meaning::Final);
        assert_eq!(means(404, NOT_FOUND), Meaning::Final);
        let again = Memory {
            logged_in: true,
            ..Memory::default()
        };
        assert_eq!(
            meaning(401, "Authentication failed.", again),
            Meaning::Final
        );
    }

    #[test]
    fn a_not_found_after_a_restart_must_be_said_three_times() {
        let said = |not_found, ago| {
            let memory = Memory {
                restart_ago: Some(Duration::from_secs(ago)),
                not_found,
                logged_in: false,
            };
            meaning(404, NOT_FOUND, memory)
        };

        assert_eq!(said(0, 5), Meaning::Doubtful);
        assert_eq!(said(1, 5), Meaning::Doubtful);
        assert_eq!(said(2, 5), Meaning::Final);
        assert_eq!(said(0, 61), Meaning::Final);
    }

    #[test]
    fn pauses_grow_to_five_seconds() {
        assert_eq!(
            [0, 1, 5, 40].map(pause).map(|pause| pause.as_millis()),
            [250, 500, 5_000, 5_000]
        );
    }
}
