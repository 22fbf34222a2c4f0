//! Asks members how they are.

use std::{net::SocketAddr, rc::Rc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    balance::MemberId,
    engine::core::Core,
    health::Finding,
    model::{Member, Monitor, MonitorKind},
    proxy_header,
};

/// As much of an answer as is looked at.
const MOST_READ: usize = 4_096;

/// Begins to probe every member of every pool.
pub(crate) fn begin_all(core: &Rc<Core>) {
    for (index, pool) in core.pools.iter().enumerate() {
        let members: Vec<_> = pool
            .borrow()
            .entries()
            .iter()
            .map(|entry| (entry.id, entry.member.clone()))
            .collect();
        for (id, member) in members {
            begin(core, index, id, &member);
        }
    }
}

/// Begins to probe one member.
pub(crate) fn begin(core: &Rc<Core>, pool: usize, id: MemberId, member: &Member) {
    let monitors = core.pools[pool].borrow().pool().monitors.clone();
    let begin_one = |(number, monitor): (usize, Monitor)| {
        let watch = Watch {
            core: Rc::clone(core),
            pool,
            id,
            number,
            member: member.address,
            asked: asked_at(member, &monitor),
            monitor,
        };
        tokio::task::spawn_local(watch.run()).abort_handle()
    };
    let tasks = monitors.into_iter().enumerate().map(begin_one).collect();
    core.probes.borrow_mut().insert((pool, id), tasks);
}

/// Probes a member that has left no more.
pub(crate) fn end(core: &Core, pool: usize, id: MemberId) {
    let tasks = core.probes.borrow_mut().remove(&(pool, id));
    for task in tasks.unwrap_or_default() {
        task.abort();
    }
}

/// One monitor of one member.
struct Watch {
    core: Rc<Core>,
    pool: usize,
    id: MemberId,
    number: usize,
    member: SocketAddr,
    asked: SocketAddr,
    monitor: Monitor,
}

impl Watch {
    async fn run(self) {
        let mut ticks = interval(self.monitor.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let finding = self.probe().await;
            self.core.observe(self.pool, self.id, self.number, finding);
        }
    }

    async fn probe(&self) -> Finding {
        let finding = timeout(self.monitor.timeout, ask(self.asked, &self.monitor)).await;
        if self.core.weather.get().freezes(self.member) {
            return Finding::Ill;
        }
        finding.ok().and_then(Result::ok).unwrap_or(Finding::Ill)
    }
}

fn asked_at(member: &Member, monitor: &Monitor) -> SocketAddr {
    match monitor.port {
        Some(port) => SocketAddr::new(member.address.ip(), port),
        None => member.monitor_address.unwrap_or(member.address),
    }
}

async fn ask(asked: SocketAddr, monitor: &Monitor) -> std::io::Result<Finding> {
    let mut stream = TcpStream::connect(asked).await?;
    let mut request = proxy_header::for_probe(monitor.proxy_protocol, stream.local_addr()?, asked);
    request.extend(request_of(&monitor.kind, asked).into_bytes());
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    loop {
        if let Some(finding) = judge(&monitor.kind, &answer, false) {
            return Ok(finding);
        }
        let ended = stream.read_buf(&mut answer).await? == 0 || answer.len() >= MOST_READ;
        if ended {
            return Ok(judge(&monitor.kind, &answer, true).unwrap_or(Finding::Ill));
        }
    }
}

fn request_of(kind: &MonitorKind, asked: SocketAddr) -> String {
    let MonitorKind::Http { path, headers, .. } = kind else {
        return String::new();
    };
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {asked}\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("connection"))
    {
        request.push_str("Connection: close\r\n");
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request
}

/// What an answer says; `None` while more of it may change that.
fn judge(kind: &MonitorKind, answer: &[u8], complete: bool) -> Option<Finding> {
    let MonitorKind::Http {
        status,
        receive,
        receive_disable,
        ..
    } = kind
    else {
        return Some(Finding::Well);
    };
    let answer = String::from_utf8_lossy(answer);
    let (line, _) = answer.split_once("\r\n")?;
    let seen = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| digits.parse().ok());
    let holds = |text: &Option<String>| text.as_ref().is_some_and(|text| answer.contains(text));
    if holds(receive_disable) {
        return Some(Finding::Draining);
    }
    if seen != Some(*status) {
        // The text that asks for a drain may come with another status, and later.
        return (receive_disable.is_none() || complete).then_some(Finding::Ill);
    }
    let nothing_more_to_find = receive_disable.is_none() || complete;
    let received = receive.is_none() || holds(receive);
    match (received, nothing_more_to_find) {
        (true, true) => Some(Finding::Well),
        (false, true) if complete => Some(Finding::Ill),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_alone_decides_when_no_text_is_expected() {
        let ready = MonitorKind::http("/ready");

        assert_eq!(judge(&ready, b"HTTP/1.1 200 O", false), None);
        assert_eq!(
            judge(&ready, b"HTTP/1.1 200 OK\r\n", false),
            Some(Finding::Well)
        );
        assert_eq!(
            judge(&ready, b"HTTP/1.1 503 Service Unavailable\r\n", false),
            Some(Finding::Ill)
        );
        assert_eq!(
            judge(&ready, b"SSH-2.0-OpenSSH\r\n", false),
            Some(Finding::Ill)
        );
    }

    #[test]
    fn an_expected_text_may_come_late_but_must_come() {
        let kind = http(Some("READY"), None);

        assert_eq!(judge(&kind, b"HTTP/1.1 200 OK\r\n\r\n", false), None);
        assert_eq!(
            judge(&kind, b"HTTP/1.1 200 OK\r\n\r\nREADY", false),
            Some(Finding::Well)
        );
        assert_eq!(
            judge(&kind, b"HTTP/1.1 200 OK\r\n\r\nBUSY", true),
            Some(Finding::Ill)
        );
    }

    #[test]
    fn a_member_may_ask_for_a_drain_in_its_answer() {
        let kind = http(None, Some("draining"));

        assert_eq!(judge(&kind, b"HTTP/1.1 200 OK\r\n\r\n", false), None);
        assert_eq!(
            judge(&kind, b"HTTP/1.1 200 OK\r\n\r\n", true),
            Some(Finding::Well)
        );
        assert_eq!(
            judge(&kind, b"HTTP/1.1 503 No\r\n\r\ndraining", false),
            Some(Finding::Draining)
        );
        assert_eq!(
            judge(&kind, b"HTTP/1.1 503 No\r\n\r\nbroken", true),
            Some(Finding::Ill)
        );
    }

    #[test]
    fn a_request_may_ask_for_a_websocket() {
        let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        let headers = upgrade
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let kind = MonitorKind::Http {
            path: "/".to_owned(),
            headers,
            status: 101,
            receive: None,
            receive_disable: None,
        };

        let request = request_of(&kind, SocketAddr::from(([127, 0, 0, 1], 8800)));

        assert_eq!(
            request,
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:8800\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        );
        assert_eq!(
            judge(&kind, b"HTTP/1.1 101 Switching Protocols\r\n", false),
            Some(Finding::Well)
        );
    }

    fn http(receive: Option<&str>, receive_disable: Option<&str>) -> MonitorKind {
        MonitorKind::Http {
            path: "/".to_owned(),
            headers: Vec::new(),
            status: 200,
            receive: receive.map(str::to_owned),
            receive_disable: receive_disable.map(str::to_owned),
        }
    }
}
