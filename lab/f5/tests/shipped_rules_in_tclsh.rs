//! The PROXY rules, unchanged, in a real Tcl with a few lines that stand for TMM: the bytes must be those of the
//! interpreter. Without `tclsh` this is ignored, and says so.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use lab_f5::render::RULES;
use lab_irules::{Connection, Event, Flow, Rehearsal, Rule, Side, Table, Tmm};
use libtest_mimic::{Arguments, Failed, Trial};

/// What a rule meets in TMM, for a real Tcl.
const SHIM: &str = r#"
fconfigure stdout -translation binary
namespace eval IP {}
namespace eval TCP {}
proc when {event args} { set ::body($event) [lindex $args end] }
proc call {name args} { uplevel 1 [linsert $args 0 $name] }
proc getfield {text separator number} {
    lindex [split [string map [list $separator \x00] $text] \x00] [expr {$number - 1}]
}
proc IP::client_addr {} { return $::client_address }
proc IP::local_addr {} { return $::local_address }
proc TCP::client_port {} { return $::client_port }
proc TCP::local_port {} { return $::local_port }
proc TCP::respond {bytes} { puts -nonewline $bytes }
"#;

fn main() -> ExitCode {
    let missing = Command::new("tclsh").stdin(Stdio::null()).output().is_err();
    let reason = if missing {
        ": no tclsh here, install Debian's package tcl"
    } else {
        ""
    };
    let trials = ["proxy-v1", "proxy-v2"].map(|rule| {
        let name = format!("{rule} sends the same bytes in a real Tcl{reason}");
        Trial::test(name, move || compare(rule).map_err(Failed::from)).with_ignored_flag(missing)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn compare(rule: &str) -> Result<(), String> {
    for (client, local) in [
        ("192.0.2.7:50001", "192.0.2.10:443"),
        ("[2001:db8::7]:50001", "[2001:db8:1::10]:443"),
        ("[::1]:1", "[1::]:65535"),
    ] {
        for route_domain in [0, 7] {
            let (client, local): (SocketAddr, SocketAddr) = (
                client.parse().map_err(|_| "address")?,
                local.parse().map_err(|_| "address")?,
            );
            let theirs =
                tclsh(rule, client, local, route_domain).map_err(|error| error.to_string())?;
            let ours = here(rule, client, local, route_domain)?;
            if theirs != ours || ours.is_empty() {
                return Err(format!(
                    "{client}%{route_domain}\n  tclsh: {theirs:?}\n  here:  {ours:?}"
                ));
            }
        }
    }
    Ok(())
}

fn text_of(rule: &str) -> &'static str {
    RULES
        .iter()
        .find(|(name, _)| *name == rule)
        .map_or("", |(_, text)| *text)
}

fn tclsh(
    rule: &str,
    client: SocketAddr,
    local: SocketAddr,
    route_domain: u16,
) -> std::io::Result<Vec<u8>> {
    let suffix = if route_domain == 0 {
        String::new()
    } else {
        format!("%{route_domain}")
    };
    let program = format!(
        "{SHIM}\nset client_address {}{suffix}\nset local_address {}{suffix}\nset client_port {}\nset local_port {}\n{}\n\
         eval $body(CLIENT_ACCEPTED)\neval $body(SERVER_CONNECTED)\n",
        client.ip(),
        local.ip(),
        client.port(),
        local.port(),
        text_of(rule),
    );
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(program.as_bytes())?;
    Ok(Command::new("timeout")
        .args(["20", "tclsh"])
        .arg(file.path())
        .output()?
        .stdout)
}

fn here(
    rule: &str,
    client: SocketAddr,
    local: SocketAddr,
    route_domain: u16,
) -> Result<Vec<u8>, String> {
    let loaded = Rule::load(rule, text_of(rule)).map_err(|error| error.to_string())?;
    let mut tmm = Tmm::new(vec![Arc::new(loaded)], &[], Table::default());
    let mut host = Rehearsal::accepted(client, local, route_domain);
    let mut connection = Connection::default();
    host.server = Some(Flow {
        local,
        remote: local,
        route_domain,
    });
    for event in [Event::CLIENT_ACCEPTED, Event::SERVER_CONNECTED] {
        tmm.fire(event, &mut connection, &mut host)
            .map_err(|error| error.to_string())?;
    }
    Ok(host.sent(Side::Server))
}
