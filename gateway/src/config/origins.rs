//! Which web pages may open a WebSocket. Browsers ask nobody before they connect, and say in `Origin` whose page it is.

use std::sync::Arc;

use toml::Spanned;

use super::section::Section;

/// The origins whose pages may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origins(Arc<[String]>);

impl Origins {
    /// Whether a request with this `Origin` may go on. One without is no browser's.
    pub(crate) fn allow(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| {
            let mut allowed = self.0.iter();
            allowed.any(|allowed| allowed.eq_ignore_ascii_case(origin))
        })
    }
}

/// `origins`, if they are named.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Origins> {
    let typed = section.take::<Vec<Spanned<String>>>("origins")?;
    let origins = typed.into_inner().into_iter().map(|origin| {
        if let Some(wrong) = fault(origin.get_ref()) {
            section.complain(
                origin.span(),
                format!("no browser sends the origin {:?}: {wrong}", origin.get_ref()),
                "write scheme, host and, unless it is the usual one, port: \"https://app.example\", \"http://localhost:3000\"",
            );
        }
        origin.into_inner()
    });
    Some(Origins(origins.collect()))
}

/// Why no page can have this origin, as RFC 6454 section 6.2 writes them.
fn fault(origin: &str) -> Option<&'static str> {
    let Some((scheme, host)) = origin.split_once("://") else {
        return Some("it has no scheme");
    };
    let usual_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("it has no host")
    } else if host.contains(['/', '?', '#', '@', '*']) {
        Some("it names more than a host")
    } else if !usual_port.is_empty() && host.ends_with(usual_port) {
        Some("the usual port is left out")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_named_origins_and_programs_may_connect() {
        let origins = Origins([String::from("https://app.example")].into());

        assert!(origins.allow(None));
        assert!(origins.allow(Some("https://app.example")));
        assert!(origins.allow(Some("https://App.Example")));
        for stranger in ["https://app.example.evil", "http://app.example", "null", ""] {
            assert!(!origins.allow(Some(stranger)), "{stranger}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_found_out() {
        for good in [
            "https://a.example",
            "http://localhost:3000",
            "app://x",
            "https://[::1]:8443",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "a.example",
            "https://",
            "https://a/",
            "https://*.a",
            "https://a:443",
            "http://a:80",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
