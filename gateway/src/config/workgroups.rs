//! How many workgroups there are, and who belongs to which.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use gateway_protocol::placement::Hashing;
use toml::Spanned;

use super::section::Section;
use super::value::{Key, words};

/// A queue per workgroup times this many is still little memory; more threads than this help no machine of today.
const MOST_WORKGROUPS: usize = 1024;

/// The threads that own connections.
#[derive(Debug)]
pub(crate) struct Workgroups {
    pub(crate) count: NonZeroUsize,
    pub(crate) placement: Placement,
    pub(crate) hash_key: HashKey,
    pub(crate) backend: Backend,
    /// A hash that is known to be bad, to prove that the lab notices.
    #[cfg(feature = "control-hashes")]
    pub(crate) control_hash: Option<gateway_protocol::placement::ControlHash>,
}

/// What decides which workgroup a connection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The client's address, or address and port.
    Hashed(Hashing),
    /// The workgroups: the emptiest gets the next connection.
    LeastLoaded,
}

words!(Placement {
    "ip" => Placement::Hashed(Hashing::Ip),
    "ip-port" => Placement::Hashed(Hashing::IpPort),
    "least-loaded" => Placement::LeastLoaded,
});

/// The secret of the placement hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashKey {
    /// Drawn at start, so that nobody outside can aim at one workgroup.
    Random,
    /// Written in the file, so that a lab run can be repeated.
    Fixed([u8; 16]),
}

/// How a workgroup's loop waits for its sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// `io_uring` where the kernel allows it, else epoll.
    Auto,
    Epoll,
    IoUring,
}

words!(Backend { "auto" => Backend::Auto, "epoll" => Backend::Epoll, "io-uring" => Backend::IoUring });

#[cfg(feature = "control-hashes")]
words!(gateway_protocol::placement::ControlHash {
    "port-modulo" => gateway_protocol::placement::ControlHash::PortModulo,
    "fnv-multiply-shift" => gateway_protocol::placement::ControlHash::FnvMultiplyShift,
    "ip-only" => gateway_protocol::placement::ControlHash::IpOnly,
});

impl Workgroups {
    pub(super) fn read(mut section: Section<'_, '_>, offload: Option<Spanned<bool>>) -> Self {
        let count = read_count(&mut section);
        let placement = read_placement(&mut section, offload);
        let workgroups = Self {
            count,
            placement,
            hash_key: read_hash_key(&mut section, placement),
            backend: section.or("backend", Backend::Auto),
            #[cfg(feature = "control-hashes")]
            control_hash: section.take("control-hash").map(Spanned::into_inner),
        };
        #[cfg(not(feature = "control-hashes"))]
        refuse_control_hash(&mut section);
        section.finish();
        workgroups
    }
}

/// `X.ConnectionOffload`, the name that users of other gateways know.
pub(super) fn read_offload(file: &mut Section<'_, '_>) -> Option<Spanned<bool>> {
    let mut section = file.section("X");
    let offload = section.take("ConnectionOffload");
    section.finish();
    offload
}

fn read_count(section: &mut Section<'_, '_>) -> NonZeroUsize {
    let Some(count) = section.take::<NonZeroUsize>("count") else {
        return available_parallelism().unwrap_or(NonZeroUsize::MIN);
    };
    if count.get_ref().get() > MOST_WORKGROUPS {
        section.complain(
            count.span(),
            format!("{} workgroups are too many", count.get_ref()),
            format!("write at most {MOST_WORKGROUPS}; one per core is best"),
        );
    }
    count.into_inner()
}

fn read_placement(section: &mut Section<'_, '_>, offload: Option<Spanned<bool>>) -> Placement {
    let switch = read_switch(section, offload);
    let Some(placement) = section.take::<Placement>("placement") else {
        let offloaded = switch.is_some_and(|switch| switch.offloaded);
        return Placement::Hashed(Hashing::from_connection_offload(offloaded));
    };
    if let Some(switch) = switch {
        refuse_contradiction(section, &placement, &switch);
    }
    placement.into_inner()
}

/// `X.ConnectionOffload` as it was written, under either name.
struct Switch {
    name: &'static str,
    offloaded: bool,
}

fn read_switch(section: &mut Section<'_, '_>, offload: Option<Spanned<bool>>) -> Option<Switch> {
    let same_switch = section.take::<bool>("connection-offload");
    if let (Some(offload), Some(same)) = (&offload, &same_switch)
        && offload.get_ref() != same.get_ref()
    {
        section.complain(
            same.span(),
            format!(
                "`connection-offload` is {}, but X.ConnectionOffload is {}",
                same.get_ref(),
                offload.get_ref()
            ),
            "they are one switch: keep one of the two",
        );
    }
    let named = |name| {
        move |typed: Spanned<bool>| Switch {
            name,
            offloaded: typed.into_inner(),
        }
    };
    offload
        .map(named("X.ConnectionOffload"))
        .or(same_switch.map(named("connection-offload")))
}

/// The switch chooses between the two hashes; a placement may repeat its choice, but not overrule it.
fn refuse_contradiction(
    section: &Section<'_, '_>,
    placement: &Spanned<Placement>,
    switch: &Switch,
) {
    let Switch { name, offloaded } = switch;
    let remedy = match placement.get_ref() {
        Placement::Hashed(hashing) if *hashing == Hashing::from_connection_offload(*offloaded) => {
            return;
        }
        Placement::Hashed(_) => format!("keep one of the two: `placement` says what `{name}` does"),
        Placement::LeastLoaded => {
            format!("\"least-loaded\" looks at no address: delete `{name}`, or the placement")
        }
    };
    section.complain(
        placement.span(),
        format!("`placement` contradicts `{name} = {offloaded}`"),
        remedy,
    );
}

fn read_hash_key(section: &mut Section<'_, '_>, placement: Placement) -> HashKey {
    let Some(key) = section.take::<Key>("hash-key") else {
        return HashKey::Random;
    };
    if placement == Placement::LeastLoaded {
        section.complain(
            key.span(),
            "`hash-key` means nothing where nothing is hashed".to_owned(),
            "delete it, or write placement = \"ip-port\"",
        );
    }
    HashKey::Fixed(key.into_inner().0)
}

#[cfg(not(feature = "control-hashes"))]
fn refuse_control_hash(section: &mut Section<'_, '_>) {
    if let Some(typed) = section.take::<String>("control-hash") {
        section.complain(
            typed.span(),
            "this gateway has no control hashes: they are bad on purpose".to_owned(),
            "delete the line, or build with: cargo build -p gateway --features control-hashes",
        );
    }
}
