//! Pool members: how they are, and what an operator wants of them.

use std::net::SocketAddr;

use serde_json::{Value as Json, json};

use crate::session::{DeviceError, Session};
use crate::statistics;

/// What an operator wants of a member. Connections survive all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It takes connections while its monitor passes.
    Enabled,
    /// It takes only those that persistence binds to it.
    Disabled,
    /// It takes none.
    ForcedOffline,
}

/// What a device counts of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// Address and port, without a route domain.
    pub address: SocketAddr,
    /// Whether it gets new connections now.
    pub takes_new: bool,
    /// Whether its monitor has come to a verdict; a member without one needs none.
    pub is_checked: bool,
    /// Connections now.
    pub current: u64,
    /// Connections since the start of its statistics.
    pub total: u64,
}

/// The members of a pool, as its statistics tell.
///
/// # Errors
/// See [`DeviceError`].
pub fn members(session: &mut Session, pool: &str) -> Result<Vec<MemberState>, DeviceError> {
    let stats = session.get(&format!("/mgmt/tm/ltm/pool/{}/members/stats", tilde(pool)))?;
    Ok(statistics::each(&stats).iter().filter_map(member).collect())
}

fn member(entries: &statistics::Entries) -> Option<MemberState> {
    let text = |name: &str| entries.get(name).and_then(Json::as_str).unwrap_or_default();
    let number = |name: &str| entries.get(name).and_then(Json::as_u64).unwrap_or(0);
    let address = text("addr").split('%').next()?.parse().ok()?;
    let port = u16::try_from(number("port")).ok()?;
    let is_up = matches!(text("status.availabilityState"), "available" | "unknown");
    Some(MemberState {
        address: SocketAddr::new(address, port),
        takes_new: is_up && text("status.enabledState") == "enabled",
        is_checked: text("monitorStatus") != "checking",
        current: number("serverside.curConns"),
        total: number("serverside.totConns"),
    })
}

/// Tells the device what is wanted of a member.
///
/// # Errors
/// No such member, and see [`DeviceError`].
pub fn set(
    session: &mut Session,
    pool: &str,
    member: SocketAddr,
    wish: Wish,
) -> Result<(), DeviceError> {
    let (session_word, state) = match wish {
        Wish::Enabled => ("user-enabled", "user-up"),
        Wish::Disabled => ("user-disabled", "user-up"),
        Wish::ForcedOffline => ("user-disabled", "user-down"),
    };
    let change = json!({ "session": session_word, "state": state });
    change_member(session, pool, member, &change)
}

/// Gives a member this share, 1 and more, in a pool that shares by ratio.
///
/// # Errors
/// No such member, and see [`DeviceError`].
pub fn set_ratio(
    session: &mut Session,
    pool: &str,
    member: SocketAddr,
    ratio: u32,
) -> Result<(), DeviceError> {
    change_member(session, pool, member, &json!({ "ratio": ratio }))
}

/// Lets a pool take notice of its members' ratios: round robin and least connections become what they are with ratios.
///
/// # Errors
/// See [`DeviceError`].
pub fn share_by_ratio(session: &mut Session, pool: &str) -> Result<(), DeviceError> {
    let path = format!("/mgmt/tm/ltm/pool/{}", tilde(pool));
    let stored = session.get(&path)?;
    let mode = match stored.get("loadBalancingMode").and_then(Json::as_str) {
        None | Some("round-robin") => "ratio-member",
        Some("least-connections-member") => "ratio-least-connections-member",
        Some(mode) if mode.starts_with("ratio-") => return Ok(()),
        Some(mode) => {
            return Err(DeviceError::Odd {
                path,
                reason: format!("{mode} knows no ratios"),
            });
        }
    };
    session.ask("PATCH", &path, &json!({ "loadBalancingMode": mode }))?;
    Ok(())
}

fn change_member(
    session: &mut Session,
    pool: &str,
    member: SocketAddr,
    change: &Json,
) -> Result<(), DeviceError> {
    let folder = format!("/mgmt/tm/ltm/pool/{}/members", tilde(pool));
    let listed = session.get(&folder)?;
    let items = listed.get("items").and_then(Json::as_array);
    let path = items.into_iter().flatten().find_map(|item| {
        let address: std::net::IpAddr = item
            .get("address")?
            .as_str()?
            .split('%')
            .next()?
            .parse()
            .ok()?;
        let path = item.get("fullPath")?.as_str()?;
        (address == member.ip() && port_of(path) == Some(member.port())).then(|| path.to_owned())
    });
    let Some(path) = path else {
        return Err(DeviceError::Odd {
            path: folder,
            reason: format!("{member} is not among the members"),
        });
    };
    session.ask("PATCH", &format!("{folder}/{}", tilde(&path)), change)?;
    Ok(())
}

/// Ends the connections that a member has: neither disabling nor forcing offline does.
///
/// # Errors
/// See [`DeviceError`].
pub fn end_connections(session: &mut Session, member: SocketAddr) -> Result<(), DeviceError> {
    let command = format!(
        "-c 'tmsh delete sys connection ss-server-addr {} ss-server-port {}'",
        member.ip(),
        member.port()
    );
    session.ask(
        "POST",
        "/mgmt/tm/util/bash",
        &json!({ "command": "run", "utilCmdArgs": command }),
    )?;
    Ok(())
}

/// `/Common/pool` as a segment of a URI.
pub fn tilde(path: &str) -> String {
    path.replace('/', "~").replace('%', "%25")
}

/// `/Common/10.0.0.1:80`, `/Common/2001:db8::1.80`.
fn port_of(path: &str) -> Option<u16> {
    path.rsplit([':', '.']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_one_segment() {
        assert_eq!(tilde("/Tenant/app/pool"), "~Tenant~app~pool");
        assert_eq!(tilde("/Common/10.0.0.1%7:80"), "~Common~10.0.0.1%257:80");
        assert_eq!(port_of("/Common/2001:db8::1.8800"), Some(8800));
    }
}
