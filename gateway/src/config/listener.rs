//! Where devices and load balancers connect.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use gateway_engine::Batching;
use ipnet::IpNet;
use toml::Spanned;

use super::batching;
use super::compression::{self, Compression};
use super::origins::{self, Origins};
use super::section::Section;
use super::tls::{self, Tls};
use super::value::{Size, words};

/// The longest header that the protocol can express: 16 bytes and a 16-bit length.
const LONGEST_PROXY_HEADER: usize = 16 + 65_535;
/// The longest header of version 1; a shorter limit would refuse legal senders.
const LONGEST_V1_HEADER: usize = 107;

/// A connection remembers its listener in a byte.
const MOST_LISTENERS: usize = 255;

/// One `[[listener]]`.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) proxy_protocol: ProxyProtocol,
    /// The WebSocket path; requests for any other are answered with 404.
    pub(crate) path: String,
    pub(crate) slow_client: SlowClient,
    /// How long updates may wait so that more of them leave together.
    pub(crate) batching: Option<Batching>,
    /// How messages are compressed for devices that offer it.
    pub(crate) compression: Option<Compression>,
    /// Whose web pages may connect; everybody's if there is no list.
    pub(crate) origins: Option<Origins>,
    /// Speak TLS, behind the PROXY header if there is one.
    pub(crate) tls: Option<Tls>,
}

/// Whether a connection begins with a PROXY header. Presence is never guessed.
#[derive(Debug, Clone)]
pub(crate) enum ProxyProtocol {
    Forbidden,
    Required {
        /// Peers whose header is believed; others are closed before a byte is read.
        trusted: Vec<IpNet>,
        /// Until the whole header has arrived.
        timeout: Duration,
        /// The longest header that is accepted, in bytes.
        longest: usize,
    },
}

/// What happens to a device that reads slower than its messages arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlowClient {
    /// Only the latest message of each subject waits.
    Conflate,
    /// The oldest waiting message goes.
    DropOldest,
    /// The device goes, and resumes when it can.
    Disconnect,
}

words!(SlowClient {
    "conflate" => SlowClient::Conflate,
    "drop-oldest" => SlowClient::DropOldest,
    "disconnect" => SlowClient::Disconnect,
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Required,
    Forbidden,
}

words!(Presence { "required" => Presence::Required, "forbidden" => Presence::Forbidden });

/// All listeners; complains if there is none, or if two want one address.
pub(super) fn read_all(file: &mut Section<'_, '_>, folder: &Path) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    let sections = file.sections("listener");
    if sections.is_empty() {
        file.complain(
            0..0,
            "there is no [[listener]]".to_owned(),
            "write: [[listener]]  address = \"0.0.0.0:8800\"",
        );
    }
    if sections.len() > MOST_LISTENERS {
        file.complain(
            0..0,
            format!("{} listeners are too many", sections.len()),
            format!("write at most {MOST_LISTENERS}"),
        );
    }
    for section in sections {
        listeners.extend(Listener::read(section, &listeners, folder));
    }
    listeners
}

/// Whether two sockets would meet on one port.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_address =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_address
}

impl Listener {
    fn read(mut section: Section<'_, '_>, earlier: &[Self], folder: &Path) -> Option<Self> {
        let address = section.required("address", "write address = \"0.0.0.0:8800\"");
        if let Some(address) = &address {
            refuse_shared(&section, address, earlier);
        }
        let proxy_protocol = read_proxy_protocol(&mut section);
        let path = read_path(&mut section);
        let slow_client = section.or("slow-client", SlowClient::Conflate);
        let batching = batching::read(section.section("batching"));
        let compression = compression::read(section.section("compression"));
        let origins = origins::read(&mut section);
        let tls = tls::read(section.section("tls"), folder);
        section.finish();
        Some(Self {
            address: address?.into_inner(),
            proxy_protocol,
            path,
            slow_client,
            batching,
            compression,
            origins,
            tls,
        })
    }
}

fn refuse_shared(section: &Section<'_, '_>, address: &Spanned<SocketAddr>, earlier: &[Listener]) {
    let shared = earlier
        .iter()
        .any(|other| overlap(other.address, *address.get_ref()));
    if shared {
        section.complain(
            address.span(),
            format!("two listeners want {}", address.get_ref()),
            "one port either requires the PROXY header or forbids it: give each listener its own port",
        );
    }
}

fn read_proxy_protocol(section: &mut Section<'_, '_>) -> ProxyProtocol {
    let presence = section.take::<Presence>("proxy-protocol");
    let trusted = section.take::<Vec<Spanned<IpNet>>>("trusted");
    let timeout = section.take::<Duration>("proxy-header-timeout");
    let longest = section.take::<Size>("proxy-header-max");

    if presence.as_ref().map(Spanned::get_ref) != Some(&Presence::Required) {
        let spans = [
            ("trusted", trusted.map(|typed| typed.span())),
            ("proxy-header-timeout", timeout.map(|typed| typed.span())),
            ("proxy-header-max", longest.map(|typed| typed.span())),
        ];
        for (key, span) in spans {
            let Some(span) = span else { continue };
            section.complain(
                span,
                format!("`{key}` means nothing where the PROXY header is forbidden"),
                "delete it, or write proxy-protocol = \"required\"",
            );
        }
        return ProxyProtocol::Forbidden;
    }

    let place = presence.map_or(section.span(), |typed| typed.span());
    ProxyProtocol::Required {
        trusted: read_trusted(section, trusted, place),
        timeout: read_timeout(section, timeout),
        longest: read_longest(section, longest),
    }
}

fn read_trusted(
    section: &Section<'_, '_>,
    typed: Option<Spanned<Vec<Spanned<IpNet>>>>,
    required_at: std::ops::Range<usize>,
) -> Vec<IpNet> {
    let span = typed.as_ref().map_or(required_at, Spanned::span);
    let nets: Vec<IpNet> = typed
        .map(|list| {
            list.into_inner()
                .into_iter()
                .map(Spanned::into_inner)
                .collect()
        })
        .unwrap_or_default();
    if nets.is_empty() {
        section.complain(
            span,
            "a PROXY header is required, but nobody is trusted to send one".to_owned(),
            "write trusted = [\"the load balancer's address or network\"]",
        );
    }
    nets
}

fn read_timeout(section: &Section<'_, '_>, typed: Option<Spanned<Duration>>) -> Duration {
    let Some(typed) = typed else {
        return Duration::from_secs(3);
    };
    if typed.get_ref().is_zero() {
        section.complain(
            typed.span(),
            "no header arrives in no time".to_owned(),
            "write \"3s\": a lost packet is sent again within that",
        );
    }
    typed.into_inner()
}

fn read_longest(section: &Section<'_, '_>, typed: Option<Spanned<Size>>) -> usize {
    let Some(typed) = typed else { return 4096 };
    let bytes = typed.get_ref().0;
    if !(LONGEST_V1_HEADER..=LONGEST_PROXY_HEADER).contains(&bytes) {
        section.complain(
            typed.span(),
            format!("`proxy-header-max` cannot be {bytes}"),
            format!("write {LONGEST_V1_HEADER} to {LONGEST_PROXY_HEADER} bytes"),
        );
    }
    bytes
}

fn read_path(section: &mut Section<'_, '_>) -> String {
    let Some(path) = section.take::<String>("path") else {
        return "/".to_owned();
    };
    let plain = path.get_ref().bytes().all(|byte| byte.is_ascii_graphic());
    if !path.get_ref().starts_with('/') || !plain || path.get_ref().contains(['?', '#']) {
        section.complain(
            path.span(),
            format!("{:?} is no path", path.get_ref()),
            "write a path such as \"/\" or \"/devices\"",
        );
    }
    path.into_inner()
}
