//! Who talks to whom: `IP::` and the ports of `TCP::`.

use std::net::IpAddr;

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::host::{Flow, Side};
use crate::run::Run;
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "IP::client_addr" | "client_addr" => {
            |run, words| end(run, words, "IP::client_addr", Side::Client, remote_address)
        }
        "IP::server_addr" | "server_addr" => {
            |run, words| end(run, words, "IP::server_addr", Side::Server, remote_address)
        }
        "IP::remote_addr" | "remote_addr" => {
            |run, words| sided(run, words, "IP::remote_addr", remote_address)
        }
        "IP::local_addr" | "local_addr" => {
            |run, words| sided(run, words, "IP::local_addr", local_address)
        }
        "TCP::client_port" | "client_port" => {
            |run, words| end(run, words, "TCP::client_port", Side::Client, remote_port)
        }
        "TCP::server_port" | "server_port" => {
            |run, words| end(run, words, "TCP::server_port", Side::Server, remote_port)
        }
        "TCP::remote_port" | "remote_port" => {
            |run, words| sided(run, words, "TCP::remote_port", remote_port)
        }
        "TCP::local_port" | "local_port" => {
            |run, words| sided(run, words, "TCP::local_port", local_port)
        }
        "IP::version" => |run, words| sided(run, words, "IP::version", version),
        "IP::protocol" | "ip_protocol" => |_, _| Ok(Value::from("6")),
        "IP::addr" => addr,
        "clientside" => |run, words| on_side(run, words, Side::Client),
        "serverside" => |run, words| on_side(run, words, Side::Server),
        _ => return None,
    })
}

/// An address with its route domain, unless that is 0.
fn shown(address: IpAddr, flow: &Flow) -> Value {
    match flow.route_domain {
        0 => Value::from(address.to_string()),
        domain => Value::from(format!("{address}%{domain}")),
    }
}

fn remote_address(flow: &Flow) -> Value {
    shown(flow.remote.ip(), flow)
}

fn local_address(flow: &Flow) -> Value {
    shown(flow.local.ip(), flow)
}

fn remote_port(flow: &Flow) -> Value {
    Value::from(i64::from(flow.remote.port()))
}

fn local_port(flow: &Flow) -> Value {
    Value::from(i64::from(flow.local.port()))
}

fn version(flow: &Flow) -> Value {
    Value::from(if flow.remote.is_ipv4() { "4" } else { "6" })
}

fn flow(run: &Run<'_>, command: &str, side: Side) -> Result<Flow, Exception> {
    match run.host.flow(side) {
        Some(flow) => Ok(flow),
        None => {
            let side = if side == Side::Client {
                "client"
            } else {
                "server"
            };
            fail(format!("{command}: there is no {side}side connection yet"))
        }
    }
}

/// An end of the connection that is the same on both sides.
fn end(
    run: &mut Run<'_>,
    words: &[Value],
    command: &str,
    side: Side,
    read: fn(&Flow) -> Value,
) -> Outcome {
    match words {
        [] => flow(run, command, side).map(|flow| read(&flow)),
        _ => usage(command),
    }
}

/// An end of the flow on which the rule stands, or of the side that it names.
fn sided(run: &mut Run<'_>, words: &[Value], command: &str, read: fn(&Flow) -> Value) -> Outcome {
    let side = match words {
        [] => run.side,
        [side] if side.bytes() == b"clientside" => Side::Client,
        [side] if side.bytes() == b"serverside" => Side::Server,
        _ => return usage(&format!("{command} ?clientside|serverside?")),
    };
    flow(run, command, side).map(|flow| read(&flow))
}

/// `clientside {...}` runs there; without a script it tells whether the rule stands there.
fn on_side(run: &mut Run<'_>, words: &[Value], side: Side) -> Outcome {
    match words {
        [] => Ok(Value::boolean(run.side == side)),
        [script] => {
            let before = std::mem::replace(&mut run.side, side);
            let outcome = run.eval(script);
            run.side = before;
            outcome
        }
        _ => usage(if side == Side::Client {
            "clientside ?script?"
        } else {
            "serverside ?script?"
        }),
    }
}

/// `IP::addr A equals B`, where either may carry a prefix length or mask; `IP::addr A mask M`.
fn addr(_: &mut Run<'_>, words: &[Value]) -> Outcome {
    match words {
        [left, operator, right] if operator.bytes() == b"equals" => {
            let (a, a_length) = network(left)?;
            let (b, b_length) = network(right)?;
            let length = a_length.min(b_length);
            Ok(Value::boolean(
                a.is_ipv4() == b.is_ipv4() && masked(a, length) == masked(b, length),
            ))
        }
        [address, operator, mask] if operator.bytes() == b"mask" => {
            let (address, _) = network(address)?;
            let length = prefix_length(&mask.text(), address);
            match length {
                Some(length) => Ok(Value::from(masked(address, length).to_string())),
                None => fail(format!("bad IP mask format: {mask}")),
            }
        }
        _ => usage("IP::addr addr1[/mask] equals addr2[/mask]"),
    }
}

fn network(value: &Value) -> Result<(IpAddr, u32), Exception> {
    let text = value.text();
    let bad = || format!("bad IP address format: {text}");
    let (address, mask) = text
        .split_once('/')
        .map_or((text.as_str(), None), |(address, mask)| {
            (address, Some(mask))
        });
    let address = address.split('%').next().unwrap_or(address);
    let address: IpAddr = address.parse().map_err(|_| bad())?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let length = match mask {
        Some(mask) => prefix_length(mask, address).ok_or_else(bad)?,
        None => full,
    };
    Ok((address, length))
}

fn prefix_length(mask: &str, of: IpAddr) -> Option<u32> {
    let full = if of.is_ipv4() { 32 } else { 128 };
    if let Ok(length) = mask.parse::<u32>() {
        return (length <= full).then_some(length);
    }
    match mask.parse().ok()? {
        IpAddr::V4(mask) => Some(mask.to_bits().leading_ones()),
        IpAddr::V6(mask) => Some(mask.to_bits().leading_ones()),
    }
}

fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}
