//! `HTTP::`: the message of the current event.

use super::Native;
use crate::error::{Exception, Outcome, fail, usage};
use crate::host::{Action, HttpMessage};
use crate::list;
use crate::number;
use crate::run::Run;
use crate::value::Value;

pub(super) fn find(name: &str) -> Option<Native> {
    Some(match name {
        "HTTP::header" => header,
        "HTTP::host" => |run, words| read_or_set_header(run, words, b"Host"),
        "HTTP::method" | "http_method" => {
            |run, words| field(run, words, |message| &mut message.method)
        }
        "HTTP::version" | "http_version" => {
            |run, words| field(run, words, |message| &mut message.version)
        }
        "HTTP::uri" | "http_uri" => |run, words| field(run, words, |message| &mut message.uri),
        "HTTP::path" => path,
        "HTTP::query" => query,
        "HTTP::status" => |run, _| Ok(Value::from(i64::from(message(run)?.status))),
        "HTTP::respond" => respond,
        "HTTP::redirect" => redirect,
        "HTTP::close" => |run, _| {
            let side = run.side;
            run.host
                .act(Action::Close(side))
                .map(|()| Value::empty())
                .map_err(Exception::from)
        },
        "http_host" => |run, words| read_or_set_header(run, words, b"Host"),
        _ => return None,
    })
}

fn message<'a>(run: &'a mut Run<'_>) -> Result<&'a mut HttpMessage, Exception> {
    match run.host.http() {
        Some(message) => Ok(message),
        None => fail("no HTTP message here: the virtual server has no http profile"),
    }
}

fn field(run: &mut Run<'_>, words: &[Value], of: fn(&mut HttpMessage) -> &mut Vec<u8>) -> Outcome {
    let field = of(message(run)?);
    match words {
        [] => Ok(Value::from(field.as_slice())),
        [new] => {
            refuse_line_breaks(new)?;
            *field = new.bytes().to_vec();
            Ok(Value::empty())
        }
        _ => usage("HTTP::uri ?value?"),
    }
}

/// A header or request line that a rule builds from a device's words must not grow a second line.
fn refuse_line_breaks(value: &Value) -> Result<(), Exception> {
    match value
        .bytes()
        .iter()
        .any(|byte| matches!(byte, b'\r' | b'\n'))
    {
        true => fail("Illegal value: line break in a header"),
        false => Ok(()),
    }
}

fn path(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let message = message(run)?;
    let end = message
        .uri
        .iter()
        .position(|byte| *byte == b'?')
        .unwrap_or(message.uri.len());
    match words {
        [] => Ok(Value::from(&message.uri[..end])),
        [new] => {
            refuse_line_breaks(new)?;
            message.uri.splice(..end, new.bytes().iter().copied());
            Ok(Value::empty())
        }
        _ => usage("HTTP::path ?path?"),
    }
}

fn query(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let message = message(run)?;
    let start = message
        .uri
        .iter()
        .position(|byte| *byte == b'?')
        .map_or(message.uri.len(), |at| at + 1);
    match words {
        [] => Ok(Value::from(&message.uri[start..])),
        _ => Err(Exception::Unmodelled("HTTP::query with a value".into())),
    }
}

fn read_or_set_header(run: &mut Run<'_>, words: &[Value], name: &[u8]) -> Outcome {
    let message = message(run)?;
    match words {
        [] => Ok(values(message, name).pop().unwrap_or_default()),
        [new] => {
            refuse_line_breaks(new)?;
            replace(message, name, new.bytes());
            Ok(Value::empty())
        }
        _ => usage("HTTP::host ?host?"),
    }
}

fn header(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let message = message(run)?;
    let texts: Vec<&[u8]> = words.iter().map(Value::bytes).collect();
    match texts.as_slice() {
        [b"value", name] | [name] if !is_verb(name) => {
            Ok(values(message, name).pop().unwrap_or_default())
        }
        [b"values", name] => Ok(list::merge(&values(message, name))),
        [b"exists", name] => Ok(Value::boolean(!values(message, name).is_empty())),
        [b"count"] => Ok(Value::from(message.headers.len())),
        [b"count", name] => Ok(Value::from(values(message, name).len())),
        [b"names"] => Ok(list::merge(
            &message
                .headers
                .iter()
                .map(|(name, _)| Value::from(name.as_slice()))
                .collect::<Vec<_>>(),
        )),
        [b"at", index] => {
            let index = number::integer(index).and_then(|index| usize::try_from(index).ok());
            let name = index
                .and_then(|index| message.headers.get(index))
                .map(|(name, _)| Value::from(name.as_slice()));
            Ok(name.unwrap_or_default())
        }
        [b"insert", rest @ ..] if !rest.is_empty() => {
            let fields = match rest {
                [b"lws", rest @ ..] => rest.to_vec(),
                rest => rest.to_vec(),
            };
            insert(message, &fields)
        }
        [b"remove", names @ ..] if !names.is_empty() => {
            for name in names {
                message
                    .headers
                    .retain(|(field, _)| !field.eq_ignore_ascii_case(name));
            }
            Ok(Value::empty())
        }
        [b"replace", name] => {
            replace(message, name, b"");
            Ok(Value::empty())
        }
        [b"replace", name, value] => {
            refuse_line_breaks(&Value::from(*value))?;
            replace(message, name, value);
            Ok(Value::empty())
        }
        [verb, ..] => Err(Exception::Unmodelled(format!(
            "HTTP::header {}",
            String::from_utf8_lossy(verb)
        ))),
        [] => usage("HTTP::header ?value? name"),
    }
}

fn is_verb(word: &[u8]) -> bool {
    matches!(
        word,
        b"count"
            | b"names"
            | b"sanitize"
            | b"insert_modssl_fields"
            | b"is_keepalive"
            | b"is_redirect"
            | b"lws"
    )
}

fn values(message: &HttpMessage, name: &[u8]) -> Vec<Value> {
    let same = message
        .headers
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(name));
    same.map(|(_, value)| Value::from(value.as_slice()))
        .collect()
}

/// Names and values in pairs, or one list of them.
fn insert(message: &mut HttpMessage, fields: &[&[u8]]) -> Outcome {
    let pairs: Vec<Value> = match fields {
        [one] => list::split(one)?,
        many => many.iter().map(|word| Value::from(*word)).collect(),
    };
    if pairs.len() % 2 == 1 {
        return usage("HTTP::header insert name value");
    }
    for pair in pairs.chunks(2) {
        refuse_line_breaks(&pair[0])?;
        refuse_line_breaks(&pair[1])?;
        message
            .headers
            .push((pair[0].bytes().to_vec(), pair[1].bytes().to_vec()));
    }
    Ok(Value::empty())
}

/// The last field of that name gets the value; a missing one is added.
fn replace(message: &mut HttpMessage, name: &[u8], value: &[u8]) {
    match message
        .headers
        .iter_mut()
        .rev()
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
    {
        Some((_, old)) => *old = value.to_vec(),
        None => message.headers.push((name.to_vec(), value.to_vec())),
    }
}

fn respond(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    message(run)?;
    let Some((status, rest)) = words.split_first() else {
        return usage("HTTP::respond status ?content body? ?name value ...?");
    };
    let Some(status) =
        number::integer(status.bytes()).and_then(|status| u16::try_from(status).ok())
    else {
        return fail(format!("expected integer but got \"{status}\""));
    };
    let (mut headers, mut body) = (Vec::new(), Vec::new());
    let mut rest = rest;
    loop {
        match rest {
            [] => break,
            [word, more @ ..] if word.bytes() == b"noserver" => rest = more,
            [word, _, more @ ..] if word.bytes() == b"-version" => rest = more,
            [word, content, more @ ..] if word.bytes() == b"content" => {
                body = content.bytes().to_vec();
                rest = more;
            }
            [name, value, more @ ..] => {
                refuse_line_breaks(value)?;
                headers.push((name.bytes().to_vec(), value.bytes().to_vec()));
                rest = more;
            }
            [_] => return usage("HTTP::respond status ?content body? ?name value ...?"),
        }
    }
    run.host.act(Action::HttpRespond {
        status,
        headers,
        body,
    })?;
    Ok(Value::empty())
}

fn redirect(run: &mut Run<'_>, words: &[Value]) -> Outcome {
    let [location] = words else {
        return usage("HTTP::redirect url");
    };
    refuse_line_breaks(location)?;
    let headers = vec![(b"Location".to_vec(), location.bytes().to_vec())];
    run.host.act(Action::HttpRespond {
        status: 302,
        headers,
        body: Vec::new(),
    })?;
    Ok(Value::empty())
}
