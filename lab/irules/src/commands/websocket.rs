//! `WS::`: frames, and closing a WebSocket in its own language.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::host::{Action, WsFrame};
use crate::number;
use crate::run::Run;
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "WS::disconnect" => disconnect,
        "WS::frame" => frame,
        _ => return None,
    })
}

fn disconnect(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let (code, reason) = match words {
        [code] => (code, Vec::new()),
        [code, reason] => (code, reason.bytes().to_vec()),
        _ => return usage("WS::disconnect code ?reason?"),
    };
    // RFC 6455, section 7.4: codes that may travel.
    let number = number::integer(code.bytes()).and_then(|code| u16::try_from(code).ok());
    let Some(code) =
        number.filter(|code| (1000..5000).contains(code) && !matches!(code, 1004..=1006 | 1015))
    else {
        return fail(format!("invalid WebSocket close code \"{code}\""));
    };
    // Control frames carry 125 bytes, two of which are the code.
    if reason.len() > 123 {
        return fail("WebSocket close reason is longer than 123 bytes");
    }
    run.host.act(Action::WsDisconnect { code, reason })?;
    Ok(Value::empty())
}

fn frame(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let Some(WsFrame {
        opcode,
        fin,
        length,
        mask,
    }) = run.host.ws_frame()
    else {
        return fail("no WebSocket frame here");
    };
    match words {
        [what] => Ok(match what.bytes() {
            b"type" => Value::from(i64::from(opcode)),
            b"eom" => Value::boolean(fin),
            b"length" => Value::from(i64::try_from(length).unwrap_or(i64::MAX)),
            b"mask" => Value::from(i64::from(mask)),
            _ => return Err(Exception::Unmodelled(format!("WS::frame {what}"))),
        }),
        [what, ..] => Err(Exception::Unmodelled(format!("WS::frame {what}"))),
        [] => usage("WS::frame eom|length|mask|type"),
    }
}
