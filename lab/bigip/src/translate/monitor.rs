//! Monitors: an interval and a timeout become probes that may fail.

use std::time::Duration;

use lab_adc::model::{Monitor, MonitorKind};
use lab_f5::object::Object;

use super::Translator;

impl Translator<'_> {
    pub(super) fn monitor(&mut self, pool: &Object, path: &str) -> Option<Monitor> {
        let second = self.stage.monitor_second;
        let Some(object) = self.find(path, |kind| kind.starts_with("monitor ")) else {
            return match path {
                "/Common/tcp" | "/Common/tcp_half_open" => {
                    Some(timed(Monitor::new(MonitorKind::Tcp), 5, 16, second))
                }
                "/Common/http" => Some(timed(Monitor::new(MonitorKind::http("/")), 5, 16, second)),
                _ => {
                    let place = pool.place_of("monitor");
                    self.obstacle(
                        place,
                        format!("01020036:3: The requested monitor ({path}) was not found."),
                    );
                    None
                }
            };
        };
        let kind = match object.subkind() {
            "tcp" | "tcp-half-open" => MonitorKind::Tcp,
            "http" => self.http(object)?,
            other => {
                self.not_modelled(&object.place, format!("{other} monitors"));
                return None;
            }
        };
        let number = |name: &str, default| {
            self.setting(object, name)
                .and_then(|property| property.word().parse().ok())
                .unwrap_or(default)
        };
        let mut monitor = timed(
            Monitor::new(kind),
            number("interval", 5),
            number("timeout", 16),
            second,
        );
        monitor.rise = rise(&monitor, second * number("time-until-up", 0));
        monitor.port = self
            .setting(object, "destination")
            .and_then(|destination| destination.word().rsplit([':', '.']).next())
            .and_then(|port| port.parse().ok());
        Some(monitor)
    }

    fn http(&mut self, object: &Object) -> Option<MonitorKind> {
        let word = |name: &str| {
            self.setting(object, name)
                .map(|property| property.word().to_owned())
        };
        let send = word("send").unwrap_or_else(|| "GET /\\r\\n".into());
        let lines: Vec<&str> = send.split("\\r\\n").collect();
        let mut request = lines.first().copied().unwrap_or_default().split(' ');
        let (method, path) = (
            request.next().unwrap_or_default(),
            request.next().unwrap_or("/"),
        );
        if method != "GET" {
            self.not_modelled(
                object.place_of("send"),
                format!("monitors that send {method}"),
            );
            return None;
        }
        let fields = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        // The engine writes Host and Connection itself.
        let own = |name: &str| {
            name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case("connection")
        };
        let headers = fields
            .filter(|(name, _)| !own(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let receive = word("recv").filter(|recv| recv != "none");
        let receive_disable =
            word("recv-disable").filter(|recv| recv != "none" && !recv.is_empty());
        // The engine looks for a text: a status stands between blanks.
        let receive_disable = receive_disable.map(|recv| match status_of(&recv) {
            Some(status) => format!(" {status} "),
            None => recv,
        });
        let status = receive.as_deref().and_then(status_of);
        if status.is_none()
            && receive
                .as_deref()
                .is_some_and(|recv| recv.contains(['\\', '[', '*', '(', '|']))
        {
            self.not_modelled(
                object.place_of("recv"),
                "regular expressions in recv, other than a status line",
            );
        }
        Some(MonitorKind::Http {
            path: path.to_owned(),
            headers,
            status: status.unwrap_or(200),
            receive: receive.filter(|_| status.is_none()),
            receive_disable,
        })
    }
}

/// The status in an expression such as `HTTP/1\.[01] 200`.
fn status_of(recv: &str) -> Option<u16> {
    let status = recv.strip_prefix("HTTP/1")?.rsplit(' ').next()?;
    status
        .parse()
        .ok()
        .filter(|status| (100..600).contains(status))
}

/// The appliance marks a member down when nothing was well for the whole timeout.
fn timed(mut monitor: Monitor, interval: u32, timeout: u32, second: Duration) -> Monitor {
    let interval = interval.max(1);
    monitor.interval = second * interval;
    monitor.timeout = second * interval.min(timeout.max(1));
    monitor.fall = (timeout.saturating_sub(1) / interval).max(1);
    monitor
}

/// The appliance waits a time; the engine counts good probes: the first, and one per interval of the time.
fn rise(monitor: &Monitor, time_until_up: Duration) -> u32 {
    let probes = time_until_up
        .as_millis()
        .div_ceil(monitor.interval.as_millis().max(1));
    u32::try_from(probes + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_status_is_read_out_of_a_receive_expression() {
        assert_eq!(status_of(r"HTTP/1\.[01] 200"), Some(200));
        assert_eq!(status_of("HTTP/1.1 101"), Some(101));
        assert_eq!(status_of("ready"), None);
    }

    #[test]
    fn a_time_until_up_is_more_good_probes() {
        let monitor = timed(Monitor::new(MonitorKind::Tcp), 5, 16, SECOND);

        assert_eq!(
            [0, 5, 6].map(|time| rise(&monitor, SECOND * time)),
            [1, 2, 3]
        );
    }

    #[test]
    fn a_timeout_of_sixteen_seconds_is_three_missed_probes() {
        assert_eq!(timed(Monitor::new(MonitorKind::Tcp), 5, 16, SECOND).fall, 3);
    }

    #[test]
    fn a_second_of_the_monitors_can_be_shorter() {
        let monitor = timed(Monitor::new(MonitorKind::Tcp), 2, 7, SECOND / 10);

        assert_eq!(monitor.interval, Duration::from_millis(200));
        assert_eq!(monitor.timeout, Duration::from_millis(200));
        assert_eq!(monitor.fall, 3);
    }
}
