//! Which command is valid in which phase, and which of Tcl's commands TMM switches off.

use super::Phase;
use super::Phase::{
    Balance, ClientFlow, ClientSsl, HttpRequest, HttpRequestSent, HttpResponse, Other, ServerFlow,
    ServerSsl, WsData, WsFrame, WsRequest, WsResponse,
};

/// Tcl 8.4 commands that exist in TMM only to say that they are disabled.
pub(crate) const DISABLED: &[&str] = &[
    "auto_execok",
    "auto_import",
    "auto_load",
    "auto_mkindex",
    "auto_mkindex_old",
    "auto_qualify",
    "auto_reset",
    "bgerror",
    "cd",
    "close",
    "eof",
    "exec",
    "exit",
    "fblocked",
    "fconfigure",
    "fcopy",
    "file",
    "fileevent",
    "filename",
    "flush",
    "gets",
    "glob",
    "http",
    "interp",
    "load",
    "memory",
    "namespace",
    "open",
    "package",
    "pid",
    "pkg_mkIndex",
    "puts",
    "pwd",
    "read",
    "rename",
    "seek",
    "socket",
    "source",
    "tcl_findLibrary",
    "tell",
    "unknown",
    "update",
    "vwait",
];

const CONNECTION: &[Phase] = &[
    ClientFlow,
    ServerFlow,
    Balance,
    HttpRequest,
    HttpRequestSent,
    HttpResponse,
    WsRequest,
    WsResponse,
    WsFrame,
    WsData,
    ClientSsl,
    ServerSsl,
    Other,
];
const HTTP: &[Phase] = &[
    HttpRequest,
    HttpRequestSent,
    HttpResponse,
    WsRequest,
    WsResponse,
];
const HTTP_REQUEST: &[Phase] = &[HttpRequest, HttpRequestSent, WsRequest];
const HTTP_RESPONSE: &[Phase] = &[HttpResponse, WsResponse];
const WEBSOCKET: &[Phase] = &[WsRequest, WsResponse, WsFrame, WsData];
const BEFORE_SERVER: &[Phase] = &[
    ClientFlow,
    Balance,
    HttpRequest,
    WsRequest,
    ClientSsl,
    Other,
];

/// The phases in which the command may stand; `None` means everywhere, RULE_INIT included.
pub(crate) fn valid_phases(command: &str) -> Option<&'static [Phase]> {
    let phases = match command {
        "HTTP::uri" | "HTTP::path" | "HTTP::query" | "HTTP::host" | "HTTP::method"
        | "HTTP::request" | "HTTP::username" | "HTTP::password" => HTTP_REQUEST,
        "HTTP::status" | "HTTP::response" => HTTP_RESPONSE,
        "HTTP::disable" | "HTTP::enable" => CONNECTION,
        "WS::frame" => &[WsFrame, WsData],
        "WS::collect" => &[WsFrame],
        "WS::payload" | "WS::release" => &[WsData],
        "WS::request" => &[WsRequest, WsResponse],
        "WS::response" => &[WsResponse],
        "WS::enabled" => CONNECTION,
        "LB::reselect" => &[Balance],
        "snat" | "snatpool" | "virtual" => BEFORE_SERVER,
        _ => match command.split_once("::") {
            Some(("HTTP", _)) => HTTP,
            Some(("WS", _)) => WEBSOCKET,
            Some((
                "TMM" | "URI" | "ISTATS" | "CRYPTO" | "AES" | "X509" | "ASN1" | "HSL" | "HA"
                | "DNSMSG",
                _,
            )) => {
                return None;
            }
            Some((_, _)) => CONNECTION,
            None if CONNECTION_ONLY.contains(&command) => CONNECTION,
            None => return None,
        },
    };
    Some(phases)
}

/// Plain commands that need a connection.
const CONNECTION_ONLY: &[&str] = &[
    "client_addr",
    "client_port",
    "clientside",
    "clone",
    "connect",
    "discard",
    "drop",
    "forward",
    "host",
    "ip_protocol",
    "ip_tos",
    "ip_ttl",
    "lasthop",
    "link_qos",
    "local_addr",
    "local_port",
    "nexthop",
    "node",
    "peer",
    "persist",
    "pool",
    "rateclass",
    "recv",
    "redirect",
    "reject",
    "remote_addr",
    "remote_port",
    "send",
    "server_addr",
    "server_port",
    "serverside",
    "session",
    "sharedvar",
    "translate",
    "vlan_id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_init_has_no_connection() {
        for command in [
            "IP::client_addr",
            "pool",
            "HTTP::header",
            "TCP::respond",
            "WS::disconnect",
        ] {
            assert!(
                valid_phases(command).is_some_and(|phases| !phases.contains(&Phase::Init)),
                "{command}"
            );
        }
        assert_eq!(valid_phases("log"), None);
        assert_eq!(valid_phases("table"), None);
    }
}
