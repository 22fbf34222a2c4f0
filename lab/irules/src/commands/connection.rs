//! What a rule does to a connection: respond, collect, close, choose a member, translate, log.

use std::net::{IpAddr, SocketAddr};

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::facts::Event;
use crate::host::{Action, Snat};
use crate::list;
use crate::number;
use crate::run::Run;
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "TCP::respond" => respond,
        "TCP::collect" => |run, words| collected(run, words, "TCP::collect"),
        "TCP::release" => |run, words| collected(run, words, "TCP::release"),
        "TCP::payload" => payload,
        "TCP::close" => |run, words| plain(run, words, "TCP::close", |run| Action::Close(run.side)),
        "reject" => |run, words| plain(run, words, "reject", |_| Action::Reject),
        "drop" | "discard" => |run, words| plain(run, words, "drop", |_| Action::Drop),
        "LB::detach" => |run, words| plain(run, words, "LB::detach", |_| Action::Detach),
        "LB::reselect" => |run, words| plain(run, words, "LB::reselect", |_| Action::Reselect),
        "LB::server" => lb_server,
        "LB::status" => lb_status,
        "pool" => pool,
        "node" => node,
        "snat" => snat,
        "snatpool" => snatpool,
        "virtual" => r#virtual,
        "persist" => persist,
        "active_members" => |run, words| members(run, words, "active_members", true),
        "members" => |run, words| members(run, words, "members", false),
        "log" => log,
        "event" => event,
        "TMM::cmp_unit" => |run, _| Ok(Value::from(run.host.tmm().0)),
        "TMM::cmp_count" => |run, _| Ok(Value::from(run.host.tmm().1)),
        _ => return None,
    })
}

fn act(run: &mut Run<'_>, action: Action) -> Outcome {
    match run.host.act(action) {
        Ok(()) => Ok(Value::empty()),
        Err(why) => fail(why),
    }
}

fn plain(
    run: &mut Run<'_>,
    words: &[Value],
    command: &str,
    action: fn(&Run<'_>) -> Action,
) -> Outcome {
    match words {
        [] => {
            let action = action(run);
            act(run, action)
        }
        _ => usage(command),
    }
}

fn respond(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [bytes] = words else {
        return usage("TCP::respond data");
    };
    let side = run.side;
    act(
        run,
        Action::Respond {
            side,
            bytes: bytes.bytes().to_vec(),
        },
    )
}

fn length(word: &Value) -> Result<usize, Exception> {
    match number::integer(word.bytes()).and_then(|length| usize::try_from(length).ok()) {
        Some(length) => Ok(length),
        None => fail(format!("expected integer but got \"{word}\"")),
    }
}

fn collected(run: &mut Run<'_>, words: &[Value], command: &str) -> Outcome {
    let bytes = match words {
        [] => None,
        [bytes] => Some(length(bytes)?),
        _ => {
            return Err(Exception::Unmodelled(format!(
                "{command} with more than a length"
            )));
        }
    };
    let side = run.side;
    if command == "TCP::collect" {
        return act(run, Action::Collect { side, bytes });
    }
    let held = run.host.payload(side).len();
    act(run, Action::Release { side, bytes })?;
    Ok(Value::from(bytes.map_or(held, |bytes| bytes.min(held))))
}

fn payload(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let side = run.side;
    let held = run.host.payload(side);
    let slice = |from: usize, bytes: usize| {
        let from = from.min(held.len());
        Value::from(&held[from..from.saturating_add(bytes).min(held.len())])
    };
    match words {
        [] => Ok(Value::from(held)),
        [what] if what.bytes() == b"length" => Ok(Value::from(held.len())),
        [bytes] => Ok(slice(0, length(bytes)?)),
        [from, bytes] => Ok(slice(length(from)?, length(bytes)?)),
        [what, from, bytes, new] if what.bytes() == b"replace" => {
            let from = length(from)?.min(held.len());
            let end = from.saturating_add(length(bytes)?).min(held.len());
            let mut changed = held;
            changed.splice(from..end, new.bytes().iter().copied());
            run.host.set_payload(side, changed);
            Ok(Value::empty())
        }
        _ => usage("TCP::payload ?length | offset length | replace offset length data?"),
    }
}

fn lb_server(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some(selection) = run.host.selection() else {
        let pool = Value::from(run.host.default_pool().unwrap_or_default());
        return match words {
            [] => Ok(list::merge(&[pool, Value::from("0"), Value::from("0")])),
            [what] if what.bytes() == b"pool" => Ok(pool),
            _ => Ok(Value::empty()),
        };
    };
    let pool = Value::from(selection.pool.as_str());
    let address = Value::from(selection.member.ip().to_string());
    let port = Value::from(i64::from(selection.member.port()));
    match words.first().map(Value::bytes) {
        None => Ok(list::merge(&[pool, address, port])),
        Some(b"pool") => Ok(pool),
        Some(b"addr") => Ok(address),
        Some(b"port") => Ok(port),
        Some(other) => Err(Exception::Unmodelled(format!(
            "LB::server {}",
            String::from_utf8_lossy(other)
        ))),
    }
}

/// `LB::status pool NAME member ADDRESS PORT ?STATE?`: the state, or whether it is this one.
fn lb_status(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (pool, address, port, wanted) = match words {
        [p, pool, m, address, port] if is(p, "pool") && is(m, "member") => {
            (pool, address, port, None)
        }
        [p, pool, m, address, port, wanted] if is(p, "pool") && is(m, "member") => {
            (pool, address, port, Some(wanted))
        }
        _ => {
            return Err(Exception::Unmodelled(
                "LB::status without pool and member".into(),
            ));
        }
    };
    let member = socket(address, Some(port))?;
    let found = run
        .host
        .members(&pool.text())
        .and_then(|all| all.into_iter().find(|one| one.address == member));
    let Some(found) = found else {
        return fail(format!("no such member: {member} of pool {pool}"));
    };
    let state = match (found.up, found.enabled) {
        (false, _) => "down",
        (true, true) => "up",
        (true, false) => "session_disabled",
    };
    let Some(wanted) = wanted else {
        return Ok(Value::from(state));
    };
    match wanted.bytes() {
        b"up" => Ok(Value::boolean(found.up)),
        b"down" => Ok(Value::boolean(!found.up)),
        b"session_enabled" => Ok(Value::boolean(found.enabled)),
        b"session_disabled" => Ok(Value::boolean(!found.enabled)),
        _ => fail(format!("unknown member status \"{wanted}\"")),
    }
}

fn is(word: &Value, text: &str) -> bool {
    word.bytes() == text.as_bytes()
}

fn socket(address: &Value, port: Option<&Value>) -> Result<SocketAddr, Exception> {
    let text = address.text();
    let bare = text.split('%').next().unwrap_or(&text);
    let Ok(ip) = bare.parse::<IpAddr>() else {
        return fail(format!("bad IP address format: {text}"));
    };
    let port = match port {
        Some(port) => match number::integer(port.bytes()).and_then(|port| u16::try_from(port).ok())
        {
            Some(port) => port,
            None => return fail(format!("bad port: {port}")),
        },
        None => 0,
    };
    Ok(SocketAddr::new(ip, port))
}

fn pool(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (name, member) = match words {
        [name] => (name, None),
        [name, what, address] if what.bytes() == b"member" => (name, Some(socket(address, None)?)),
        [name, what, address, port] if what.bytes() == b"member" => {
            (name, Some(socket(address, Some(port))?))
        }
        _ => return usage("pool pool_name ?member address ?port??"),
    };
    act(
        run,
        Action::UsePool {
            pool: name.text(),
            member,
        },
    )
}

fn node(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [address] => act(run, Action::UseNode(socket(address, None)?)),
        [address, port] => act(run, Action::UseNode(socket(address, Some(port))?)),
        _ => usage("node address ?port?"),
    }
}

fn snat(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [what] = words else {
        return Err(Exception::Unmodelled("snat with a port".into()));
    };
    let snat = match what.bytes() {
        b"none" => Snat::None,
        b"automap" => Snat::Automap,
        _ => Snat::Address(what.text()),
    };
    act(run, Action::UseSnat(snat))
}

fn snatpool(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [name] = words else {
        return Err(Exception::Unmodelled("snatpool with a member".into()));
    };
    act(run, Action::UseSnat(Snat::Pool(name.text())))
}

fn r#virtual(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [] => Ok(Value::from(run.host.virtual_server())),
        [what] if what.bytes() == b"name" => Ok(Value::from(run.host.virtual_server())),
        [name] => act(run, Action::UseVirtual(name.text())),
        _ => Err(Exception::Unmodelled("virtual with an address".into())),
    }
}

fn persist(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [what] if what.bytes() == b"none" => Ok(Value::empty()),
        _ => Err(Exception::Unmodelled("persist".into())),
    }
}

fn members(run: &mut Run<'_>, words: &[Value], command: &str, only_available: bool) -> Outcome {
    let (listed, pool) = match words {
        [pool] => (false, pool),
        [option, pool] if option.bytes() == b"-list" => (true, pool),
        _ => return usage(&format!("{command} ?-list? pool_name")),
    };
    let Some(members) = run.host.members(&pool.text()) else {
        return fail(format!("no such pool: {pool} (line 1)"));
    };
    let counted: Vec<_> = members
        .into_iter()
        .filter(|member| (member.up && member.enabled) || !only_available)
        .collect();
    if !listed {
        return Ok(Value::from(counted.len()));
    }
    let pairs = counted.iter().map(|member| {
        list::merge(&[
            Value::from(member.address.ip().to_string()),
            Value::from(i64::from(member.address.port())),
        ])
    });
    Ok(list::merge(&pairs.collect::<Vec<_>>()))
}

fn log(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (named, words) = match words {
        [option, rest @ ..] if option.bytes() == b"-noname" => (false, rest),
        words => (true, words),
    };
    let (facility, message) = match words {
        [message] => ("local0.".to_owned(), message),
        [facility, message] => (facility.text(), message),
        _ => return usage("log ?-noname? ?facility.level? message"),
    };
    let line = match named {
        true => format!("Rule {} <{}>: {message}", run.rule.name(), run.event),
        false => message.text(),
    };
    run.host.log(&facility, &line);
    Ok(Value::empty())
}

/// `event disable`, `event EVENT enable|disable`, `event disable all`.
fn event(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let texts: Vec<String> = words.iter().map(Value::text).collect();
    let (events, state) = match texts
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["info"] => return Ok(Value::from(format!("{{{}}} {}", run.event, run.priority))),
        [state @ ("enable" | "disable")] => (vec![run.event], state.to_owned()),
        [state @ ("enable" | "disable"), "all"] | ["all", state @ ("enable" | "disable")] => (
            crate::facts::event_names()
                .filter_map(Event::named)
                .collect(),
            *state,
        ),
        [name, state @ ("enable" | "disable")] => match Event::named(name) {
            Some(event) => (vec![event], *state),
            None => return fail(format!("unknown event ({name})")),
        },
        _ => return usage("event ?event_name? enable|disable ?all?"),
    };
    for event in events {
        match state {
            "enable" => run.disabled.remove(&event),
            _ => run.disabled.insert(event),
        };
    }
    Ok(Value::empty())
}
